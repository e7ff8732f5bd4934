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
	key, err := parseProof(proof)
	if err != nil {
		return KeyReport{}, err
	}
	now := d.now()
	var r KeyReport
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		b, err := ca.LoadBlocked(tx, key)
		if errors.Is(err, fault.NotFound) {
			b, err = ca.Blocked{At: now}, d.block(tx, key, proof, now)
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

// parseProof returns the hash of the key that a proof is about.
func parseProof(proof []byte) (key string, err error) {
	csr, err := ca.ParseCSR(proof) // bounds it, checks the signature
	if err != nil {
		return "", err
	}
	der := proof
	if text := bytes.TrimSpace(proof); bytes.HasPrefix(text, []byte("-----BEGIN")) {
		if block, _ := pem.Decode(text); block != nil {
			der = block.Bytes
		}
	}
	// The key is compared again: what ParseCSR has checked must be what is read here.
	req, err := x509.ParseCertificateRequest(der)
	if err != nil || sum(req.RawSubjectPublicKeyInfo) != csr.SPKISHA256() || len(req.Subject.Names) != 1 || req.Subject.CommonName != KeyProof {
		return "", fault.New(fault.Invalid, "key_proof", "the request does not say that its key is compromised; make it with: openssl req -new -key KEY -subj %[1]q", "/CN="+KeyProof)
	}
	return csr.SPKISHA256(), nil
}

// block blocks the key and keeps the proof. How many keys that nobody ever
// certified it takes is bounded: anyone can make such keys.
func (d *Desk) block(tx store.Tx, key string, proof []byte, now time.Time) error {
	seen, err := ca.KeySeen(tx, key)
	if err != nil {
		return err
	}
	if !seen {
		if err := d.countUnseen(tx, now); err != nil {
			return err
		}
	}
	if _, err := ca.BlockKeyIn(tx, key, "key", now); err != nil {
		return err
	}
	return store.Save(tx, statementBucket, sum(proof), statement{Kind: "key", At: now, Received: proof})
}

// unseen is how many keys never seen before were reported in an hour.
type unseen struct {
	Hour int64 `json:"hour"`
	N    int   `json:"n"`
}

func (d *Desk) countUnseen(tx store.Tx, now time.Time) error {
	u, err := store.Load[unseen](tx, unseenBucket, "hour")
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if hour := now.Unix() / 3600; u.Hour != hour {
		u = unseen{Hour: hour}
	}
	if u.N >= d.UnseenPerHour {
		return fault.New(fault.Limited, "key_report_limit", "too many keys that were never certified here were reported within this hour; report it again in an hour")
	}
	u.N++
	return store.Save(tx, unseenBucket, "hour", u)
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}
