package receipt

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/ledger"
)

// maxFile bounds a receipt.json, in octets.
const maxFile = 1 << 20

// File is receipt.json. Inclusion is nil while the leaf waits for its place
// in the log, and for receipts of what leaves no leaf.
type File struct {
	Receipt   string        `json:"receipt"`
	Inclusion *ledger.Proof `json:"inclusion,omitempty"`
}

// Report says what a receipt proves.
type Report struct {
	Kind     string         `json:"kind"`
	Issuer   string         `json:"issuer"`
	IssuedAt time.Time      `json:"issued_at"`
	Signer   string         `json:"signer"` // common name of the signing certificate
	Claims   jsontext.Value `json:"claims"` // all of them, as signed
	Leaf     string         `json:"leaf,omitempty"`
	Logged   bool           `json:"logged"` // the inclusion proof is there and holds
	Event    *ledger.Event  `json:"event,omitempty"`
	Index    int64          `json:"index,omitzero"`
	Size     int64          `json:"size,omitzero"` // of the log at the checkpoint
}

// Verify checks a receipt.json offline: the signature, its chain to root at
// the instant at, that the signer is the service's own audit key, and, where
// there is an inclusion proof, that it holds under the log's verifier key and
// is of the leaf that the receipt names. A file without one is no error:
// Report.Logged says so.
func Verify(file []byte, root *x509.Certificate, vkey string, at time.Time) (Report, error) {
	f, err := parse(file)
	if err != nil {
		return Report{}, err
	}
	payload, leaf, err := signature.VerifyJWS([]byte(f.Receipt), Type, root, at)
	if err != nil {
		return Report{}, err
	}
	if !ofService(leaf) {
		return Report{}, fault.New(fault.Denied, "receipt_signer", "this receipt is signed, but not by the service's own key; do not rely on it")
	}
	r, err := read(payload)
	if err != nil {
		return Report{}, err
	}
	r.Signer = leaf.Subject.CommonName
	return r, r.include(f.Inclusion, vkey)
}

func errMalformed() error {
	return fault.New(fault.Invalid, "receipt_malformed", "this is not a receipt of this service; use the file as it was handed out")
}

func parse(file []byte) (File, error) {
	var f File
	if len(file) > maxFile {
		return f, errMalformed()
	}
	if err := json.Unmarshal(file, &f, json.RejectUnknownMembers(true)); err != nil || f.Receipt == "" {
		return f, errMalformed()
	}
	return f, nil
}

// read takes what we know from the claims; the rest stays in Claims.
func read(payload []byte) (Report, error) {
	var c struct {
		own
		Leaf string `json:"leaf"`
	}
	if err := json.Unmarshal(payload, &c); err != nil || c.Kind == "" || c.Issuer == "" || c.IssuedAt <= 0 {
		return Report{}, errMalformed()
	}
	return Report{Kind: c.Kind, Issuer: c.Issuer, IssuedAt: time.Unix(c.IssuedAt, 0).UTC(), Leaf: c.Leaf, Claims: payload}, nil
}

// include checks the proof and that it is of this receipt's leaf.
func (r *Report) include(p *ledger.Proof, vkey string) error {
	if p == nil {
		return nil
	}
	sum := sha256.Sum256(p.Leaf)
	if r.Leaf == "" || r.Leaf != hex.EncodeToString(sum[:]) {
		return fault.New(fault.Invalid, "receipt_other_leaf", "the inclusion proof beside this receipt is of another deed; fetch the receipt again")
	}
	if err := p.Verify(vkey); err != nil {
		return err
	}
	e, err := p.Event()
	if err != nil {
		return err
	}
	r.Logged, r.Event, r.Index, r.Size = true, &e, p.Index, p.Size
	return nil
}

// ofService reports whether the certificate is one that signs documents in
// the service's own name. A person's certificate under the same root carries
// a serialNumber (EN 319 412-2 section 4.2.4), the service's carry none.
func ofService(leaf *x509.Certificate) bool {
	documentSigning := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 36} // RFC 9336
	return leaf.Subject.SerialNumber == "" && slices.ContainsFunc(leaf.UnknownExtKeyUsage, documentSigning.Equal)
}
