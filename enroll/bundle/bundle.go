package bundle

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"time"

	"mohr/internal/fault"
	"mohr/internal/ledger"
)

// LeafKind is the kind of a bundle's leaf in the log.
const LeafKind = "bundle.sealed"

// maxSize bounds a bundle: 64 KiB of manifest and signatures, base64, and room.
const maxSize = 256 << 10

// Bundle is an evidence bundle as it is handed out: canonical JSON, byte
// slices in base64.
type Bundle struct {
	Manifest     []byte       `json:"manifest"`     // the signed bytes
	Signature    []byte       `json:"signature"`    // CMS SignedData, detached, DER
	Timestamp    []byte       `json:"timestamp"`    // TimeStampResp over SHA-256 of Signature, DER
	Certificates string       `json:"certificates"` // PEM: the audit certificate, then its issuers below the root
	Inclusion    ledger.Proof `json:"inclusion"`
}

// Encode returns the bundle as a file. Two equal bundles give the same bytes.
func (b Bundle) Encode() ([]byte, error) { return canonical(b) }

// Parse reads what Encode writes and nothing else; all else is Invalid. It
// says nothing about whether the bundle is genuine.
func Parse(raw []byte) (Bundle, error) {
	var b Bundle
	if len(raw) > maxSize {
		return b, fault.New(fault.Invalid, "bundle_too_large", "this file is larger than any bundle; is it the right one?")
	}
	return b, strict(raw, &b, "file")
}

// Leaf returns the event that puts the bundle into the log. Its hash covers
// manifest, signature and time stamp: SHA-256 over their SHA-256 hashes.
func (b Bundle) Leaf(serial string, at time.Time) ledger.Event {
	return ledger.Event{Kind: LeafKind, Subject: serial, At: at, Hash: b.leafHash()}
}

func (b Bundle) leafHash() string {
	h := sha256.New()
	for _, part := range [][]byte{b.Manifest, b.Signature, b.Timestamp} {
		sum := sha256.Sum256(part)
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// EncodeCertificates returns the PEM text of a certificate and those above it.
func EncodeCertificates(chain ...*x509.Certificate) string {
	var out bytes.Buffer
	for _, c := range chain {
		pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}) // a buffer takes all
	}
	return out.String()
}

// certificates reads what EncodeCertificates writes.
func (b Bundle) certificates() ([]*x509.Certificate, error) {
	bad := fault.New(fault.Invalid, "bundle_malformed", "the %[1]s of this bundle is not well-formed; fetch the bundle again", "certificate list")
	var chain []*x509.Certificate
	for rest := []byte(b.Certificates); len(rest) > 0; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil || len(chain) == 5 {
			return nil, bad
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, bad
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 || EncodeCertificates(chain...) != b.Certificates {
		return nil, bad
	}
	return slices.Clip(chain), nil
}
