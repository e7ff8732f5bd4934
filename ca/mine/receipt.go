package mine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"mohr/ca"
	"mohr/ca/receipt"
	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/ledger"
)

// Receipts signs receipts; receipt.Issuer is the one in use.
type Receipts interface {
	Issue(ctx context.Context, kind string, claims any) ([]byte, error)
}

// Proofs proves that a leaf is in the log; ledger.Log is the one in use.
type Proofs interface {
	Prove(ctx context.Context, leaf string) (ledger.Proof, error)
}

// Deed is what was done to a certificate and stands in the public log.
type Deed struct {
	Name   string // "issued", "suspended" or "revoked"
	Serial string
	Kind   string    // of the certificate: profile without its version
	At     time.Time // of the issuance: from when the certificate is valid
	Reason ca.Reason // of the end; ""
	Leaf   string    // id of its leaf
}

// deeds are those of a certificate, the newest first. It is pure.
func (h Held) deeds() (list []Deed) {
	if r := h.Revoked; r != nil && r.Leaf != "" {
		name := "revoked"
		if h.Suspended() {
			name = "suspended"
		}
		list = append(list, Deed{name, h.Serial, h.Kind, r.At, r.Reason, r.Leaf})
	}
	if h.Leaf != "" {
		list = append(list, Deed{"issued", h.Serial, h.Kind, h.NotBefore, "", h.Leaf})
	}
	return list
}

// Deeds returns what was done to the certificates of who, in the order of List.
func (d *Desk) Deeds(ctx context.Context, who signin.Who) (list []Deed, err error) {
	held, err := d.List(ctx, who)
	for _, h := range held {
		list = append(list, h.deeds()...)
	}
	return list, err
}

// Deed returns what was done to a certificate of who's; NotFound for another's,
// and for what was not done.
func (d *Desk) Deed(ctx context.Context, who signin.Who, serial, name string) (Deed, Held, error) {
	h, err := d.Certificate(ctx, who, serial)
	if err != nil {
		return Deed{}, h, err
	}
	for _, deed := range h.deeds() {
		if deed.Name == name {
			return deed, h, nil
		}
	}
	return Deed{}, h, fault.New(fault.NotFound, "mine_deed_unknown", "there is no receipt of this; look at the list of yours")
}

// proof returns the proof that the deed is in the log; nil while it waits for
// its place there, which is a second or two.
func (d *Desk) proof(ctx context.Context, deed Deed) (*ledger.Proof, error) {
	p, err := d.Proofs.Prove(ctx, deed.Leaf)
	if errors.Is(err, fault.Unavailable) || errors.Is(err, fault.NotFound) {
		return nil, nil
	}
	return &p, err
}

// claims is what a receipt of a deed says beside what every receipt says.
type claims struct {
	Certificate string    `json:"certificate"`        // serial
	SHA256      string    `json:"certificate_sha256"` // hex, of the certificate in DER
	Deed        string    `json:"deed"`
	At          time.Time `json:"at"`
	Reason      ca.Reason `json:"reason,omitempty"`
	Leaf        string    `json:"leaf"`
}

// Receipt returns the receipt.json of a deed: signed now, and again at each
// asking, with the proof that the deed is in the log once it is.
func (d *Desk) Receipt(ctx context.Context, who signin.Who, serial, name string) (receipt.File, error) {
	deed, h, err := d.Deed(ctx, who, serial, name)
	if err != nil {
		return receipt.File{}, err
	}
	sum := sha256.Sum256(h.DER)
	signed, err := d.Receipts.Issue(ctx, "certificate-"+name, claims{h.Serial, hex.EncodeToString(sum[:]), name, deed.At, deed.Reason, deed.Leaf})
	if err != nil {
		return receipt.File{}, err
	}
	f := receipt.File{Receipt: string(signed)}
	f.Inclusion, err = d.proof(ctx, deed)
	return f, err
}
