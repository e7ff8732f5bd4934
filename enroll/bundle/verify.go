package bundle

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"mohr/ca/signature"
	"mohr/ca/timestamp"
	"mohr/internal/fault"
)

// Trust is what a bundle is checked against.
type Trust struct {
	Root        *x509.Certificate // of the hierarchy; required
	LogKey      string            // the log's verifier key; required
	Certificate *x509.Certificate // nil, or the certificate the bundle must be about
}

// Report says what a bundle that holds says.
type Report struct {
	Manifest  Manifest  `json:"manifest"`
	SignedBy  string    `json:"signed_by"` // subject of the audit certificate
	StampedAt time.Time `json:"stamped_at"`
	LoggedAt  time.Time `json:"logged_at"`
	LogIndex  int64     `json:"log_index"`
	LogSize   int64     `json:"log_size"`
}

// drift is how far the clocks of service and time-stamping unit may differ.
const drift = time.Minute

// Verify checks a bundle offline. The manifest is what the audit key signed;
// the signature existed at the time in the stamp; manifest, signature and
// stamp are in the log; where a certificate is given, the bundle is about it.
// Malformed is Invalid, what does not hold is Denied or Invalid; there is no
// other way to write the same bundle, so a change of any byte is refused.
//
// It is offline: whether the audit certificate or the unit's has been revoked
// is for the CRL to say.
func Verify(raw []byte, t Trust) (Report, error) {
	b, err := Parse(raw)
	if err != nil {
		return Report{}, err
	}
	chain, err := b.certificates()
	if err != nil {
		return Report{}, err
	}
	r := Report{SignedBy: chain[0].Subject.String(), LogIndex: b.Inclusion.Index, LogSize: b.Inclusion.Size}
	if err := strict(b.Manifest, &r.Manifest, "manifest"); err != nil {
		return Report{}, err
	}
	if err := r.Manifest.check(); err != nil {
		return Report{}, err
	}
	digest := sha256.Sum256(b.Signature)
	if r.StampedAt, err = timestamp.Verify(b.Timestamp, digest[:], t.Root); err != nil {
		return Report{}, err
	}
	if r.StampedAt.Before(r.Manifest.IssuedAt.Add(-drift)) {
		return Report{}, fault.New(fault.Denied, "bundle_stamp", "the time stamp of this bundle is older than the issuance it is about; do not rely on the bundle")
	}
	if err := b.checkSignature(chain, t.Root, r.StampedAt); err != nil {
		return Report{}, err
	}
	if r.LoggedAt, err = b.checkLog(r.Manifest.Serial, t.LogKey); err != nil {
		return Report{}, err
	}
	return r, r.Manifest.about(t.Certificate)
}

// checkSignature verifies the CMS and that its signer is the audit
// certificate beside it, good at the instant.
func (b Bundle) checkSignature(chain []*x509.Certificate, root *x509.Certificate, at time.Time) error {
	_, leaf, err := signature.VerifyCMS(b.Signature, b.Manifest, root, at)
	if err != nil {
		return err
	}
	refused := fault.New(fault.Denied, "bundle_signer", "this bundle is not signed by the audit key of the service; do not rely on it")
	if !leaf.Equal(chain[0]) || !audits(leaf) || !leadsTo(chain, root) {
		return refused
	}
	return nil
}

// leadsTo reports whether the chain is a path from its first certificate to
// root, which is not in it, and nothing rides along.
func leadsTo(chain []*x509.Certificate, root *x509.Certificate) bool {
	for i, c := range chain {
		above := root
		if i+1 < len(chain) {
			above = chain[i+1]
		}
		if c.Equal(root) || c.CheckSignatureFrom(above) != nil {
			return false
		}
	}
	return true
}

// audits reports whether c is of the audit profile: it signs documents, it
// commits to them, and it is no person's (a person's says whose, by a
// serialNumber in the subject).
func audits(c *x509.Certificate) bool {
	documentSigning := asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 36} // RFC 9336
	return !c.IsCA && c.KeyUsage&x509.KeyUsageContentCommitment != 0 && c.Subject.SerialNumber == "" &&
		len(c.ExtKeyUsage) == 0 && slices.EqualFunc(c.UnknownExtKeyUsage, []asn1.ObjectIdentifier{documentSigning}, asn1.ObjectIdentifier.Equal)
}

// checkLog verifies the inclusion proof and that the leaf is this bundle's.
func (b Bundle) checkLog(serial, vkey string) (time.Time, error) {
	if err := oneWriting(b.Inclusion.Checkpoint); err != nil {
		return time.Time{}, err
	}
	if err := b.Inclusion.Verify(vkey); err != nil {
		return time.Time{}, err
	}
	e, err := b.Inclusion.Event()
	if err != nil {
		return time.Time{}, err
	}
	want, err := b.Leaf(serial, e.At).Leaf()
	if err != nil {
		return time.Time{}, err
	}
	if !bytes.Equal(want, b.Inclusion.Leaf) {
		return time.Time{}, fault.New(fault.Denied, "bundle_leaf", "the entry in the log is not that of this bundle; do not rely on it")
	}
	return e.At, nil
}

// oneWriting refuses a checkpoint that could be written otherwise: more than
// the log's own signature, or base64 with stray bits.
func oneWriting(checkpoint string) error {
	refused := fault.New(fault.Invalid, "bundle_malformed", "the %[1]s of this bundle is not well-formed; fetch the bundle again", "checkpoint")
	_, signatures, ok := strings.Cut(checkpoint, "\n\n")
	if !ok || strings.Count(signatures, "\n") != 1 || !strings.HasSuffix(signatures, "\n") {
		return refused
	}
	line := strings.TrimSuffix(signatures, "\n")
	text := line[strings.LastIndexByte(line, ' ')+1:]
	sig, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || base64.StdEncoding.EncodeToString(sig) != text {
		return refused
	}
	return nil
}

// about refuses a certificate that the manifest is not about.
func (m Manifest) about(c *x509.Certificate) error {
	if c == nil {
		return nil
	}
	cert, spki := sha256.Sum256(c.Raw), sha256.Sum256(c.RawSubjectPublicKeyInfo)
	if hex.EncodeToString(cert[:]) != m.Certificate || hex.EncodeToString(spki[:]) != m.SPKI {
		return fault.New(fault.Denied, "bundle_other_certificate", "this bundle is about another certificate; fetch the one of this certificate")
	}
	return nil
}
