package acme

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	protocol "github.com/smallstep/certificates/acme"
	protocollog "github.com/smallstep/certificates/api/log"

	"mohr/internal/fault"
)

// visit is what we know of one request on its way through smallstep's
// handlers, which carry it in their context.
type visit struct {
	profile string    // in the URL
	account string    // that the request names; it has signed the request by the time a database method sees it
	payload []byte    // of the request; signed by the account by the time a database method sees it
	nonce   string    // of the request
	binding *envelope // the external account binding in the payload of newAccount
	key     *Key      // the external account key that the binding was found to be signed with
	order   string    // id of the order that is made or finalized
	names   []string  // of the order that is made
	token   string    // of the challenge of the order that is made
	bound   string    // the application whose external account key the binding was found to be signed with
	// replaces is what the order that is made or shown replaces.
	replaces *replaced
	err      error // what smallstep is about to answer
}

type visitKey struct{}

// visitOf returns the visit that ctx carries; an empty one if there is none.
func visitOf(ctx context.Context) *visit {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

// recorder holds an answer back until it is known to be one that may go out.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}

// ServeHTTP answers all that lies below /acme. Bodies are bounded and JWS
// strict before smallstep sees them, panics of its handlers end here, and
// what it says of errors is replaced by what we say.
func (d *Desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, rec := &visit{profile: profileOf(r.URL.Path)}, &recorder{header: http.Header{}}
	body, err := d.open(r, v)
	switch {
	case err != nil:
	case r.Method == http.MethodPost && r.URL.Path == prefix+keyChangePath:
		err = d.changeKey(rec, r, body)
	default:
		err = d.pass(rec, r, body, v)
	}
	if err == nil && rec.status >= http.StatusBadRequest {
		err = errRoute(rec.status)
	}
	for name, values := range rec.header {
		w.Header()[name] = values
	}
	if r.Method == http.MethodPost && w.Header().Get("Replay-Nonce") == "" {
		w.Header().Set("Replay-Nonce", d.nonces.give())
	}
	if err != nil {
		d.refuse(w, r, err)
		return
	}
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	w.WriteHeader(rec.status)
	w.Write(d.mend(rec.body.Bytes(), v)) // a client that is gone needs no answer
}

// open reads the body of a request and what of it we must know.
func (d *Desk) open(r *http.Request, v *visit) ([]byte, error) {
	if r.Method != http.MethodPost {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, errMalformed()
	}
	e, err := parseEnvelope(body)
	if err != nil {
		return nil, err
	}
	if err := e.check(d.Portal + r.URL.Path); err != nil {
		return nil, err
	}
	if err := d.checkOwner(r.URL.Path, e.header.KID); err != nil {
		return nil, err
	}
	v.payload, v.nonce = e.payload, e.header.Nonce
	v.account, _ = strings.CutPrefix(e.header.KID, d.accountURL(v.profile, ""))
	if strings.HasSuffix(r.URL.Path, "/new-account") {
		v.binding, err = parseBinding(e.payload)
	}
	return body, err
}

// checkOwner refuses an account's address to all but the account, whose kid it
// is. smallstep would answer anybody there, with the account of who asks.
func (d *Desk) checkOwner(path, kid string) error {
	id, ok := strings.CutPrefix(d.Portal+path, d.accountURL(profileOf(path), ""))
	if !ok {
		return nil
	}
	if id, _, _ = strings.Cut(id, "/"); kid != d.accountURL(profileOf(path), id) {
		return fault.New(fault.Denied, "acme_account_foreign", "this is the address of another account; use that of your own")
	}
	return nil
}

// accountURL is the address of an account, and its kid.
func (d *Desk) accountURL(profile, id string) string {
	return d.Portal + prefix + protocol.GetUnescapedPathSuffix(protocol.AccountLinkType, profile, id)
}

// profileOf is the profile in the path of a request.
func profileOf(path string) string {
	profile, _, _ := strings.Cut(strings.TrimPrefix(path, prefix+"/"), "/")
	return profile
}

// parseBinding reads the JWS of an external account binding (RFC 8555 section
// 7.3.4); nil if there is none.
func parseBinding(payload []byte) (*envelope, error) {
	var doc struct {
		Binding jsontext.Value `json:"externalAccountBinding"`
	}
	if err := json.Unmarshal(payload, &doc); err != nil || doc.Binding.Kind() == 'n' {
		return nil, errMalformed()
	}
	if len(doc.Binding) == 0 {
		return nil, nil
	}
	e, err := parseEnvelope(doc.Binding)
	return &e, err
}

// pass runs smallstep's handler and returns the error it answers with.
func (d *Desk) pass(rec *recorder, r *http.Request, body []byte, v *visit) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	ctx := context.WithValue(d.context(r.Context()), visitKey{}, v)
	ctx = protocollog.WithErrorLogger(ctx, func(_ http.ResponseWriter, _ *http.Request, err error) { v.err = err })
	inner := r.WithContext(ctx)
	inner.Host = d.host // the handlers compare it with the url in the JWS, which we compared with the portal
	inner.Body = io.NopCloser(bytes.NewReader(body))
	d.router.ServeHTTP(rec, inner)
	return v.err
}

// errRoute is for what the router itself refuses.
func errRoute(status int) error {
	switch status {
	case http.StatusNotFound:
		return fault.New(fault.NotFound, "acme_route_unknown", "there is nothing at this address; take the addresses from the directory")
	case http.StatusMethodNotAllowed:
		return fault.New(fault.Invalid, "acme_method", "this address does not take this method; RFC 8555 names the one")
	}
	return errors.New("an error without a reason")
}

// mend makes smallstep's documents what RFC 8555 and 9773 say: the list of
// orders is an object (section 7.1.2.1), an order names no dates, for nobody
// may ask for any (section 7.1.3) and smallstep's are not those of the
// certificate, and says what it replaces; the directory knows renewalInfo.
func (d *Desk) mend(body []byte, v *visit) []byte {
	if jsontext.Value(body).Kind() == '[' {
		return slices.Concat([]byte(`{"orders":`), bytes.TrimSpace(body), []byte("}"))
	}
	isOrder, isDirectory := bytes.Contains(body, []byte(`"finalize":`)), bytes.Contains(body, []byte(`"newNonce":`))
	if jsontext.Value(body).Kind() != '{' || !isOrder && !isDirectory {
		return body
	}
	var doc map[string]jsontext.Value
	if err := json.Unmarshal(body, &doc); err != nil {
		return body
	}
	if isDirectory {
		doc["renewalInfo"] = jsontext.Value(`"` + d.Portal + prefix + renewalInfoPath + `"`)
	} else {
		delete(doc, "notBefore")
		delete(doc, "notAfter")
		if v.replaces != nil {
			doc["replaces"] = jsontext.Value(`"` + v.replaces.CertID + `"`) // base64url and a dot: nothing to escape
		}
	}
	if out, err := json.Marshal(doc, json.Deterministic(true)); err == nil {
		return out
	}
	return body
}
