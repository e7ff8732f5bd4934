package acme

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	protocol "github.com/smallstep/certificates/acme"

	"mohr/internal/fault"
)

// urn is the namespace of ACME's errors (RFC 8555 section 6.7).
const urn = "urn:ietf:params:acme:error:"

// badAttestation is the error of draft-ietf-acme-device-attest section 8.5.
const badAttestation = "badAttestationStatement"

// problem is an error as clients see it (RFC 7807, RFC 8555 section 6.7).
type problem struct {
	Type       string   `json:"type"`
	Detail     string   `json:"detail"`
	Status     int      `json:"status"`
	Algorithms []string `json:"algorithms,omitempty"` // with badSignatureAlgorithm (RFC 8555 section 6.2)
}

// kinds gives the type and status for faults that kindOf does not know better.
var kinds = map[fault.Kind]problem{
	fault.Invalid:     {Type: "malformed", Status: http.StatusBadRequest},
	fault.Denied:      {Type: "unauthorized", Status: http.StatusForbidden},
	fault.NotFound:    {Type: "malformed", Status: http.StatusNotFound},
	fault.Conflict:    {Type: "orderNotReady", Status: http.StatusForbidden},
	fault.Limited:     {Type: "rateLimited", Status: http.StatusTooManyRequests},
	fault.Unavailable: {Type: "serverInternal", Status: http.StatusServiceUnavailable},
}

// codes gives the type and status of single faults.
var codes = map[string]problem{
	"acme_algorithm":       {Type: "badSignatureAlgorithm", Status: http.StatusBadRequest, Algorithms: algorithms},
	"acme_binding_missing": {Type: "externalAccountRequired", Status: http.StatusForbidden},
	"acme_domain_unproven": {Type: "rejectedIdentifier", Status: http.StatusForbidden},
	"acme_identifier":      {Type: "unsupportedIdentifier", Status: http.StatusBadRequest},
	"acme_method":          {Type: "malformed", Status: http.StatusMethodNotAllowed},
	"acme_nonce_used":      {Type: "badNonce", Status: http.StatusBadRequest},
	"acme_too_large":       {Type: "malformed", Status: http.StatusRequestEntityTooLarge},
	"acme_csr_authority":   {Type: "badCSR", Status: http.StatusBadRequest},
	"key_unattested":       {Type: "badCSR", Status: http.StatusBadRequest},
	"key_not_announced":    {Type: "badCSR", Status: http.StatusBadRequest},

	"acme_identifier_device":     {Type: "unsupportedIdentifier", Status: http.StatusBadRequest},
	"acme_application_foreign":   {Type: "rejectedIdentifier", Status: http.StatusForbidden},
	"acme_attestation_malformed": {Type: badAttestation, Status: http.StatusBadRequest},

	"key_compromised":       {Type: "badCSR", Status: http.StatusBadRequest},
	"key_in_use":            {Type: "badCSR", Status: http.StatusBadRequest},
	"names_unapproved":      {Type: "badCSR", Status: http.StatusBadRequest},
	"nonce_unknown":         {Type: "badNonce", Status: http.StatusBadRequest},
	"nonce_expired":         {Type: "badNonce", Status: http.StatusBadRequest},
	"reason_unknown":        {Type: "badRevocationReason", Status: http.StatusBadRequest},
	"certificate_unknown":   {Type: "malformed", Status: http.StatusNotFound},
	"certificate_foreign":   {Type: "malformed", Status: http.StatusNotFound},
	"request_void":          {Type: "orderNotReady", Status: http.StatusForbidden},
	"request_other_key":     {Type: "orderNotReady", Status: http.StatusForbidden},
	"certificate_pending":   {Type: "serverInternal", Status: http.StatusServiceUnavailable},
	"issuer_out_of_time":    {Type: "serverInternal", Status: http.StatusServiceUnavailable},
	"acme_already_replaced": {Type: "alreadyReplaced", Status: http.StatusConflict},
	"acme_key_taken":        {Type: "malformed", Status: http.StatusConflict},
	"certid_unknown":        {Type: "malformed", Status: http.StatusNotFound},
	"acme_account_inactive": {Type: "unauthorized", Status: http.StatusForbidden},
}

// details are our words for smallstep's errors, whose own may show what is
// inside. The statuses are those that other servers answer with.
var details = map[string]problem{
	"accountDoesNotExist":     {Status: http.StatusBadRequest, Detail: "there is no account for this key or address; make one with an external account key"},
	"alreadyRevoked":          {Status: http.StatusBadRequest, Detail: "this certificate is revoked already"},
	"badCSR":                  {Status: http.StatusBadRequest, Detail: "the certification request does not ask for exactly the names of the order; make one for those"},
	"badNonce":                {Status: http.StatusBadRequest, Detail: "this nonce is not good; take the new one"},
	"badRevocationReason":     {Status: http.StatusBadRequest, Detail: "this is not a reason for revocation; use 0, 1, 3, 4 or 5"},
	"badSignatureAlgorithm":   {Status: http.StatusBadRequest, Detail: "accounts do not sign with this algorithm; use a key for one of those listed", Algorithms: algorithms},
	"externalAccountRequired": {Status: http.StatusForbidden, Detail: "a new account needs an external account key of a business; ask for one with a certificate that acts for it"},
	"malformed":               {Status: http.StatusBadRequest, Detail: "the request, or the signature over it, is not as RFC 8555 says; check the client and its key"},
	"orderNotReady":           {Status: http.StatusForbidden, Detail: "this order cannot be finalized, or no longer; make a new one"},
	"rejectedIdentifier":      {Status: http.StatusForbidden, Detail: "this name is not certified here; order the domain of a badge"},
	"unauthorized":            {Status: http.StatusForbidden, Detail: "this account may not do this; use the account that the thing belongs to, and an account that is valid"},
}

// refuse answers err. Our own faults say what to do; of smallstep's errors
// only the type is believed; all else is logged and not shown.
func (d *Desk) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p, ours := problemOf(err)
	if ours && r.Context().Err() == nil { // else the client went away, and took its transaction along
		d.Log.Error("acme request failed", "route", routeOf(r.URL.Path), "error", err)
	}
	h := w.Header()
	if fault.Code(err) != "acme_key_taken" { // RFC 8555 section 7.3.5: whose key it is
		h.Del("Location")
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	switch p.Status {
	case http.StatusServiceUnavailable:
		h.Set("Retry-After", "10")
	case http.StatusTooManyRequests:
		h.Set("Retry-After", "3600")
	}
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{"type":"` + urn + `serverInternal","status":500}`)
	}
	w.WriteHeader(p.Status)
	w.Write(body) // a client that is gone needs no answer
}

// routeOf is the kind of thing a path is about, without any id.
func routeOf(path string) string {
	parts := strings.SplitN(strings.TrimPrefix(path, prefix+"/"), "/", 3)
	if len(parts) < 2 {
		return ""
	}
	return parts[1]
}

// ourFailure is all that a client learns of one.
const ourFailure = "something went wrong on our side and was logged; try again later"

// problemOf maps err to what the client is told; internal says that it is our
// failure and nothing of it may be told.
func problemOf(err error) (p problem, internal bool) {
	f, e := causes(err)
	wrongType := (*json.UnmarshalTypeError)(nil)
	switch {
	case f == nil && errors.As(err, &wrongType), e != nil && errors.As(e.Err, &wrongType):
		p = details["malformed"]
		p.Type = "malformed"
	case f != nil:
		p = kindOf(f)
		p.Detail = f.Error()
		if internal = p.Status >= http.StatusInternalServerError; internal && f.Kind() != fault.Unavailable {
			p.Detail = ourFailure
		}
	case e != nil && details[strings.TrimPrefix(e.Type, urn)].Status != 0:
		typ := strings.TrimPrefix(e.Type, urn)
		p = details[typ]
		p.Type = typ
		if e.Status == http.StatusNotImplemented {
			p = problem{Type: "malformed", Status: http.StatusNotImplemented, Detail: "this is not offered here; make a new account instead"}
		}
	default:
		internal = true
		p = problem{Type: "serverInternal", Status: http.StatusInternalServerError, Detail: ourFailure}
	}
	p.Type = urn + p.Type
	return p, internal
}

// kindOf gives a fault its ACME type. What ca says of a request for a
// certificate is badCSR; what the key store says of our own keys is nothing
// that a client could mend.
func kindOf(f *fault.Fault) problem {
	if p, ok := codes[f.Code()]; ok {
		return p
	}
	switch {
	case strings.HasPrefix(f.Code(), "csr_"):
		return problem{Type: "badCSR", Status: http.StatusBadRequest}
	case strings.HasPrefix(f.Code(), "attestation_"):
		return problem{Type: badAttestation, Status: http.StatusBadRequest}
	case strings.HasPrefix(f.Code(), "key_"):
		return kinds[fault.Unavailable]
	}
	if p, ok := kinds[f.Kind()]; ok {
		return p
	}
	return problem{Type: "serverInternal", Status: http.StatusInternalServerError}
}

// causes finds our fault in err, or else smallstep's error, whose chain
// errors.As does not follow.
func causes(err error) (f *fault.Fault, e *protocol.Error) {
	for depth := 0; err != nil && depth < 20; depth++ {
		if f, ok := fault.Of(err); ok {
			return f, nil
		}
		var here *protocol.Error
		if errors.As(err, &here) && e == nil {
			e = here
		}
		var c interface{ Cause() error }
		if !errors.As(err, &c) {
			break
		}
		err = c.Cause()
	}
	return nil, e
}
