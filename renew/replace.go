package renew

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/ca/mandate"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// requestPrefix begins the names of renewals among ca's requests.
const requestPrefix = "renew-"

// maxStatement bounds the CMS of a statement, maxDocument renewal.json, octets.
const (
	maxStatement = 64 << 10
	maxDocument  = 16 << 10
)

// Renewal is what a granted wish came to.
type Renewal struct {
	Request     string // names the renewal
	Certificate ca.Certificate
	Chain       []byte    // the certificate and its issuing CA, PEM
	OldEnds     time.Time // when the certificate it replaces is superseded
	ProofDue    time.Time // when the next full proofing is due at the latest
	LastOnProof bool      // no further renewal may rest on the last full proofing
}

// RequestOf returns the name of the renewal that a statement asks for; it is
// the same for its DER and its PEM.
func RequestOf(statement []byte) (string, error) {
	if len(statement) > maxStatement {
		return "", fault.New(fault.Invalid, "renewal_too_large", "the statement is larger than %[1]d octets; sign it detached", maxStatement)
	}
	der, err := signature.CMSDER(statement)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(der)
	return requestPrefix + hex.EncodeToString(sum[:]), nil
}

// Renew grants a wish, or says why not. The same statement always gives the
// same certificate, whatever has become of the old one since; a refused or
// failed wish uses nothing up. The message to the holder is SendNotices' work.
func (d *Desk) Renew(ctx context.Context, w Wish) (Renewal, error) {
	request, err := RequestOf(w.Statement)
	if err != nil {
		return Renewal{}, err
	}
	if len(w.Document) > maxDocument {
		return Renewal{}, fault.New(fault.Invalid, "renewal_too_large", "the statement is larger than %[1]d octets; sign it detached", maxDocument)
	}
	return d.once(ctx, w, request, d.replace)
}

// once gives what a request yielded before, or has it granted.
func (d *Desk) once(ctx context.Context, w Wish, request string, replace func(context.Context, Wish, string) (ca.Certificate, error)) (Renewal, error) {
	cert, err := d.again(ctx, w, request)
	if errors.Is(err, fault.NotFound) {
		cert, err = replace(ctx, w, request)
		if err != nil {
			// Another caller with the same request may have been faster: to
			// this one the old certificate then looks replaced by a stranger.
			if faster, e := d.again(ctx, w, request); !errors.Is(e, fault.NotFound) {
				cert, err = faster, e
			}
		}
	}
	if err != nil {
		return Renewal{}, err
	}
	return d.renewal(cert)
}

// again repeats an order that was placed before, NotFound if none was: it
// comes back with the certificate, after a crash or a failure of the issuing
// key by finishing what was begun.
func (d *Desk) again(ctx context.Context, w Wish, request string) (ca.Certificate, error) {
	if _, err := d.CA.ByRequest(ctx, request); err != nil {
		return ca.Certificate{}, err
	}
	csr, err := w.form.Parse(w.CSR)
	if err != nil {
		return ca.Certificate{}, err
	}
	return d.CA.Issue(ctx, ca.Order{Request: request, CSR: csr})
}

// replace walks a new wish through to the certificate.
func (d *Desk) replace(ctx context.Context, w Wish, request string) (ca.Certificate, error) {
	a, err := d.authenticate(ctx, w, request)
	if err != nil {
		return ca.Certificate{}, err
	}
	return d.grant(ctx, w, a)
}

// grant has a wish judged whose holder is known: by the window, by the
// registers, by the policy of now. Who is known is not yet one who may.
func (d *Desk) grant(ctx context.Context, w Wish, a authenticated) (ca.Certificate, error) {
	rules, ok := d.Policy.Rules(profileName(a.old))
	if !ok || rules.MaxDepth == 0 {
		return ca.Certificate{}, fault.New(fault.Denied, "renewal_profile_closed", "certificates of the profile %[1]s are not renewed any more; apply for a new one", profileName(a.old))
	}
	window := WindowOf(a.old.NotBefore, a.old.NotAfter, rules)
	if a.standing.RenewNow() {
		window.Opens = a.old.NotBefore // an incident: nobody has to wait
	}
	if err := window.Fault(a.at); err != nil {
		return ca.Certificate{}, err
	}
	id, birthDate, err := d.previous(ctx, a, w.BirthDate)
	if err != nil {
		return ca.Certificate{}, fmt.Errorf("renew %s: %w", a.old.Serial, err)
	}
	g, err := d.gather(ctx, a, id, birthDate, rules)
	if err != nil {
		return ca.Certificate{}, fmt.Errorf("renew %s: %w", a.old.Serial, err)
	}
	decision := d.Policy.Evaluate(evidence.Case{
		Profile: profileName(a.old), Home: a.old.Home, Records: g.records,
		Renewal: &evidence.Renewal{Depth: a.old.Depth + 1, ProofAt: a.old.ProofAt, Previous: id},
	}, d.now())
	if err := refusal(decision); err != nil {
		d.Log.Info("renewal refused", "serial", a.old.Serial, "code", fault.Code(err))
		return ca.Certificate{}, err
	}
	return d.order(ctx, w, a, g, decision, rules)
}

// refusal turns a decision that approves nothing into what the holder can do.
func refusal(d evidence.Decision) error {
	var failed []string
	proof := false
	for _, s := range d.Trace() {
		if s.Outcome == "fail" {
			failed = append(failed, s.Rule)
			proof = proof || s.Rule == "renewal.depth" || s.Rule == "renewal.proof_age"
		}
	}
	switch d.Outcome() {
	case evidence.Approved:
		return nil
	case evidence.Waiting:
		return errWaiting()
	case evidence.Review:
		return fault.New(fault.Denied, "renewal_review", "what the registers say has to be looked at by a person, which a renewal does not allow for; apply for a new certificate")
	}
	if proof {
		return fault.New(fault.Denied, "renewal_proof_due", "a new full proofing of your identity is due; apply for a new certificate")
	}
	return fault.New(fault.Denied, "renewal_refused", "by what the registers say now this certificate cannot be renewed (%[1]s); have the register corrected or apply for a new certificate", strings.Join(failed, ", "))
}

// order has the certificate issued. In the transaction that records the
// intent the nonce is used up, the old certificate looked at again and the
// renewal's papers are kept; ca ties the two certificates together there.
func (d *Desk) order(ctx context.Context, w Wish, a authenticated, g gathered, decision evidence.Decision, rules evidence.Rules) (ca.Certificate, error) {
	kept, err := d.keep(w, a, g, decision)
	if err != nil {
		return ca.Certificate{}, err
	}
	leaf := a.standing.Leaf()
	return d.CA.Issue(ctx, ca.Order{
		Request: a.request, Decision: decision, CSR: a.csr, Attested: a.attested, Replaces: a.old.Serial, Overlap: max(rules.Overlap, w.overlap),
		Guard: func(tx store.Tx) error {
			s, err := ca.StandingIn(tx, leaf, a.at)
			if err != nil {
				return err
			}
			if err := d.mayAsk(s); err != nil {
				return err
			}
			if err := mandate.StillStands(tx, decision.Mandate(), a.at); err != nil {
				return err
			}
			if err := a.use(tx); err != nil {
				return err
			}
			return kept.save(tx)
		},
		Papers: func(context.Context) (ca.Papers, error) { return w.papers(g), nil },
	})
}

// renewal is the answer for an issued certificate.
func (d *Desk) renewal(c ca.Certificate) (Renewal, error) {
	issuer, ok := d.CA.Issuer(c.Issuer)
	if !ok {
		return Renewal{}, fmt.Errorf("chain of %s: no issuer %s here", c.Serial, c.Issuer)
	}
	r := Renewal{Request: c.Request, Certificate: c}
	for _, der := range issuer.Delivered(c.DER) {
		r.Chain = append(r.Chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	if rules, ok := d.Policy.Rules(profileName(c)); ok {
		r.OldEnds = c.NotBefore.Add(rules.Overlap)
		r.ProofDue, r.LastOnProof = proofDue(c, rules)
	}
	return r, nil
}

// proofDue returns when the next full proofing is due at the latest (R13): at
// the certificate's end if no further renewal may rest on the last one, which
// is so if there were too many, or if it will be too old when the window
// opens. It is pure.
func proofDue(c ca.Certificate, r evidence.Rules) (due time.Time, last bool) {
	tooOld := c.ProofAt.Add(r.MaxAge)
	if c.Depth >= r.MaxDepth || tooOld.Before(WindowOf(c.NotBefore, c.NotAfter, r).Opens) {
		return c.NotAfter, true
	}
	return tooOld, false
}

// Issued returns the renewal of a name that was given out before; NotFound if
// there is none, Conflict while it is being issued.
func (d *Desk) Issued(ctx context.Context, request string) (Renewal, error) {
	hash, ok := strings.CutPrefix(request, requestPrefix)
	if !ok || !isSHA256(hash) {
		return Renewal{}, errUnknown()
	}
	c, err := d.CA.ByRequest(ctx, request)
	if errors.Is(err, fault.NotFound) {
		return Renewal{}, errUnknown()
	}
	if err != nil {
		return Renewal{}, err
	}
	if c.State != ca.Issued {
		return Renewal{}, fault.New(fault.Conflict, "renewal_pending", "the new certificate is still being issued; send the same statement again")
	}
	return d.renewal(c)
}

func errUnknown() error {
	return fault.New(fault.NotFound, "renewal_unknown", "there is no such renewal; check its name")
}
