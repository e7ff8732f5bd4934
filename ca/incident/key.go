package incident

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// KeyProof is the common name, and the whole subject, of the certification
// request (PKCS #10) with which a key says of itself that it is compromised.
// Whoever has found a private key makes one with openssl alone:
//
//	openssl req -new -key found.key -subj "/CN=this key is compromised" -out found.csr
//
// It names the key, is signed by it and holds for ever: it needs no nonce, no
// login and no certificate.
const KeyProof = "this key is compromised"

// KeyReport is what became of a reported key.
type KeyReport struct {
	SPKISHA256   string    `json:"spki_sha256" doc:"hex, of the key's SubjectPublicKeyInfo"`
	BlockedAt    time.Time `json:"blocked_at"`
	Certificates []string  `json:"certificates" doc:"serials of all certificates of the key; none of them counts any more"`
}

// statement is what came in, kept as it was received.
type statement struct {
	Kind     string    `json:"kind"` // "key", "holder"
	At       time.Time `json:"at"`
	Received []byte    `json:"received"`
	Document []byte    `json:"document,omitempty"`
	Serial   string    `json:"serial,omitempty"` // that it was about
}

// ReportKey blocks the key that signed the proof and ends every certificate
// with it for keyCompromise. A key that was never seen here is blocked too.
// Again it changes nothing and gives the same answer.
func (d *Desk) ReportKey(ctx context.Context, proof []byte) (KeyReport, error) {
	key, der, err := parseProof(proof)
	if err == nil {
		err = d.elsewhere(ctx, key)
	}
	if err != nil {
		return KeyReport{}, err
	}
	now := d.now()
	var r KeyReport
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		b, err := ca.LoadBlocked(tx, key)
		if errors.Is(err, fault.NotFound) {
			b, err = ca.Blocked{At: now}, d.block(tx, key, der, now)
		}
		r = KeyReport{SPKISHA256: key, BlockedAt: b.At}
		return err
	})
	if err != nil {
		return KeyReport{}, fmt.Errorf("block key: %w", err)
	}
	list, err := d.CA.OfKey(ctx, key)
	r.Certificates = []string{}
	for _, c := range list {
		if c.State == ca.Issued {
			r.Certificates = append(r.Certificates, c.Serial)
		}
	}
	d.Log.Info("key reported as compromised", "key", key, "certificates", len(r.Certificates))
	return r, err
}

// elsewhere is Denied for a key that this service holds: what it signs for its
// holder, a hash for other software among it, is no proof that somebody else has it.
func (d *Desk) elsewhere(ctx context.Context, key string) error {
	if d.Verifier.Stated == nil {
		return nil
	}
	err := d.Verifier.Stated(ctx, key, "")
	if errors.Is(err, fault.Denied) {
		return fault.New(fault.Denied, "key_held", "this key is held here, and what it signs proves no leak; its holder revokes it at /my/keys, and who has a copy tells the operator")
	}
	return err
}

// parseProof returns the hash of the key that a proof is about, and the proof
// in DER: what surrounds it in PEM proves nothing.
func parseProof(proof []byte) (key string, der []byte, err error) {
	csr, err := ca.ParseCSR(proof) // bounds it, checks the signature
	if err != nil {
		return "", nil, err
	}
	der = proof
	if text := bytes.TrimSpace(proof); bytes.HasPrefix(text, []byte("-----BEGIN")) {
		if block, _ := pem.Decode(text); block != nil {
			der = block.Bytes
		}
	}
	// The key is compared again: what ParseCSR has checked must be what is read here.
	req, err := x509.ParseCertificateRequest(der)
	if err != nil || sum(req.RawSubjectPublicKeyInfo) != csr.SPKISHA256() || len(req.Subject.Names) != 1 || req.Subject.CommonName != KeyProof {
		return "", nil, fault.New(fault.Invalid, "key_proof", "the request does not say that its key is compromised; make it with: openssl req -new -key KEY -subj %[1]q", "/CN="+KeyProof)
	}
	return csr.SPKISHA256(), der, nil
}

// largestUnseen bounds the proof, in octets of DER, for a key that was never
// certified here. The largest key there is for us, RSA of 4096 bits, makes one
// of some 1,200.
const largestUnseen = 2 << 10

// block blocks the key and keeps the proof. How many keys that nobody ever
// certified it takes, and how much of each, is bounded: anyone can make such
// keys. A key that was certified is blocked whatever else its proof says.
func (d *Desk) block(tx store.Tx, key string, proof []byte, now time.Time) error {
	seen, err := ca.KeySeen(tx, key)
	if err != nil {
		return err
	}
	if !seen {
		if len(proof) > largestUnseen {
			return fault.New(fault.Invalid, "key_proof_large", "the proof holds more than the key and the sentence; make it with nothing else in it")
		}
		if err := d.countUnseen(tx, now); err != nil {
			return err
		}
	}
	if _, err := ca.BlockKeyIn(tx, key, "key", now); err != nil {
		return err
	}
	return store.Save(tx, statementBucket, sum(proof), statement{Kind: "key", At: now, Received: proof})
}

// unseen is how many keys never seen before were reported in a time.
type unseen struct {
	Span int64 `json:"span"` // the hour, or the day, since 1970
	N    int   `json:"n"`
}

// daysWorth is how many full hours of reports a day takes: a flood that goes
// on is no flood of finds.
const daysWorth = 5

// countUnseen counts a report towards its hour and its day, or refuses it.
func (d *Desk) countUnseen(tx store.Tx, now time.Time) error {
	if err := tally(tx, "day", now.Unix()/86400, daysWorth*d.UnseenPerHour, errDayFull()); err != nil {
		return err
	}
	return tally(tx, "hour", now.Unix()/3600, d.UnseenPerHour, errHourFull())
}

// tally adds one to what is counted under the name in the span; full is the
// answer when there are limit of them.
func tally(tx store.Tx, name string, span int64, limit int, full error) error {
	u, err := store.Load[unseen](tx, unseenBucket, name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if u.Span != span {
		u = unseen{Span: span}
	}
	if u.N >= limit {
		return full
	}
	u.N++
	return store.Save(tx, unseenBucket, name, u)
}

func errHourFull() error {
	return fault.New(fault.Limited, "key_report_limit", "too many keys that were never certified here were reported within this hour; report it again in an hour")
}

func errDayFull() error {
	return fault.New(fault.Limited, "key_report_limit_day", "too many keys that were never certified here were reported today; report it again tomorrow")
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
