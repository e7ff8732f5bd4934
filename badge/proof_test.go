package badge_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"mohr/badge"
	"mohr/ca/receipt"
	"mohr/ca/signature"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

func TestTheRequestIsKeptWithItsProof(t *testing.T) {
	b := newBench(t)
	raw := b.sign(t, b.key, b.ask())
	got, err := b.Request(t.Context(), raw)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	var kept badge.Request
	err = b.Store.View(t.Context(), func(tx store.Tx) (err error) {
		kept, err = store.Load[badge.Request](tx, "badge_requests", hex.EncodeToString(sum[:]))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept.Signed, raw) || !bytes.Equal(kept.Stamp, append([]byte("stamp over "), sum[:]...)) {
		t.Error("the kept bytes or the stamp are others")
	}
	if len(kept.Chain) != 3 || !bytes.Equal(kept.Chain[0], b.cert.DER) || !bytes.Equal(kept.Chain[2], b.ca.Root.Raw) {
		t.Errorf("%d certificates in the chain", len(kept.Chain))
	}
	signed, err := b.Receipt(t.Context(), got.ID)
	if err != nil {
		t.Fatal(err)
	}
	payload, _, err := signature.VerifyJWS(signed, receipt.Type, b.ca.Root, b.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := ledger.Event{Kind: "badge.checking", Subject: string(got.ID), At: start, Hash: hex.EncodeToString(sum[:]), Note: "received"}.ID()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(payload, []byte(leaf)) || !bytes.Contains(payload, []byte(hex.EncodeToString(sum[:]))) {
		t.Errorf("receipt %s", payload)
	}
	if !strings.Contains(b.dump(t, "ledger_pending"), leaf) {
		t.Error("the log has no such leaf")
	}
}
