package renew

import (
	"context"
	"errors"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/ca/signature"
	"mohr/hsm/attest"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// StatementType is the type of a statement that asks for a renewal.
const StatementType = "mohr-renew/1"

// Statement is renewal.json, what the holder signs with the old key.
type Statement struct {
	signature.Claims
	NewSPKISHA256 string `json:"new_spki_sha256"` // hex, of the new key's SubjectPublicKeyInfo
	Profile       string `json:"profile"`         // the old certificate's: a renewal changes none
	TermsSHA256   string `json:"terms_sha256"`    // hex, of the terms agreed to
}

// Wish is a renewal as it comes in.
type Wish struct {
	Statement []byte           // CMS by the old key, DER or PEM, detached over Document
	Document  []byte           // renewal.json, as signed
	CSR       []byte           // PKCS #10 of the new key, DER or PEM
	BirthDate string           // YYYY-MM-DD; only where the service does not know it any more
	Locale    string           // language of the message to the holder: "fa" or "en"
	protocol  string           // set by RenewShown
	form      ca.RequestFormat // of CSR
	overlap   time.Duration    // at least

	Attestation *attest.Statement // of the new key, where the old one lives in a device
}

// authenticated is a wish whose holder is known, and what has to be used up
// when it is granted.
type authenticated struct {
	request  string // names the renewal
	standing ca.Standing
	proof    string // hex SHA-256 of what the old key signed
	old      ca.Certificate
	csr      ca.CSR
	use      func(store.Tx) error // in the transaction of the intent
	at       time.Time

	attested attest.Key // the new key, where a device vouches for it
	device   []byte     // what it said
}

// authenticate says who asks: the statement is signed by a certificate of
// ours that still counts, for this service, now, over a nonce of ours, and
// the new key is the one it names. It changes nothing.
func (d *Desk) authenticate(ctx context.Context, w Wish, request string) (authenticated, error) {
	a := authenticated{request: request, at: d.now()}
	signed, err := d.Verifier.CMS(ctx, w.Statement, w.Document)
	if err != nil {
		return a, err
	}
	a.standing, a.proof = signed.Standing(), signed.SHA256()
	a.old = a.standing.Record()
	if err := d.mayAsk(a.standing); err != nil {
		return a, err
	}
	statement, _, err := signature.ParseClaims[Statement](signed, StatementType, d.Audience, a.at)
	if err != nil {
		return a, err
	}
	if err := d.checkTerms(statement, a.old); err != nil {
		return a, err
	}
	if a.csr, err = ca.ParseCSR(w.CSR); err != nil {
		return a, err
	}
	if statement.NewSPKISHA256 != a.csr.SPKISHA256() {
		return a, fault.New(fault.Invalid, "renewal_key_differs", "the statement names another key than the certification request; sign the hash of the new public key")
	}
	if err := checkKey(a.old, a.csr); err != nil {
		return a, err
	}
	fresh, err := d.Nonces.Redeemable(NoncePurpose, statement.Nonce)
	if err != nil {
		return a, err
	}
	a.use = fresh.Use
	return a, a.attest(d, w.Attestation, statement)
}

// mayAsk refuses certificates that are no person's or do not count any more.
// An expired one passes here: how long it may still be renewed is the
// window's to say.
func (d *Desk) mayAsk(s ca.Standing) error {
	old := s.Record()
	if old.Holder == "" {
		return fault.New(fault.Denied, "renewal_not_a_person", "this certificate is no person's; certificates of the service are renewed by the service itself")
	}
	if old.Home != evidence.Software && d.Attestation == nil {
		// Nothing in a statement shows where the new key lives.
		return fault.New(fault.Denied, "renewal_home", "this certificate says that its key lives in a device, which cannot be shown of the new key here; apply for a new certificate")
	}
	if old.ReplacedBy != "" {
		return errReplaced()
	}
	if err := s.Fault(); err != nil && !isExpired(err) {
		return err
	}
	return nil
}

// errReplaced is what ca says too, in the same words.
func errReplaced() error {
	return fault.New(fault.Conflict, "certificate_replaced", "this certificate has been renewed before; renew the newer one")
}

func isExpired(err error) bool {
	return errors.Is(err, fault.Denied) && fault.Code(err) == "certificate_expired"
}

// checkTerms compares what the statement agrees to with what is in force.
func (d *Desk) checkTerms(s Statement, old ca.Certificate) error {
	if s.Profile != profileName(old) {
		return fault.New(fault.Invalid, "renewal_profile", "a renewal keeps the profile %[1]s; apply for a new certificate to get another", profileName(old))
	}
	if s.TermsSHA256 != d.TermsSHA256 {
		return fault.New(fault.Conflict, "renewal_terms", "the statement does not agree to the terms in force; read them and sign a statement with terms_sha256 %[1]s", d.TermsSHA256)
	}
	return nil
}

// checkKey asks for a new key: a renewal is a re-key.
func checkKey(old ca.Certificate, csr ca.CSR) error {
	if csr.SPKISHA256() == old.SPKISHA256 {
		return fault.New(fault.Invalid, "renewal_same_key", "the new key is the old one; make a new key pair")
	}
	return nil
}

// profileName is the record's profile without its version.
func profileName(c ca.Certificate) string {
	name, _, _ := strings.Cut(c.Profile, "@")
	return name
}
