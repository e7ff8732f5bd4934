package ca_test

import (
	"strings"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/store"
)

func block(t *testing.T, f *catest.Fixture, key string) (ended int) {
	t.Helper()
	now := f.Now().UTC()
	err := f.Store.Update(t.Context(), func(tx store.Tx) (err error) {
		ended, err = ca.BlockKeyIn(tx, key, "test", now)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return ended
}

func TestAKeyNeverSeenCanBeBlockedAndIsNeverCertified(t *testing.T) {
	f := catest.New(t, nil)
	_, csr := catest.NewKey(t)
	for range 2 {
		if n := block(t, f, csr.SPKISHA256()); n != 0 {
			t.Errorf("%d certificates ended", n)
		}
	}
	_, err := f.Issue(t.Context(), personOrder(t, f, "one", ca.NaturalSign, csr))
	wantCode(t, "the blocked key", err, "key_compromised")
	list, err := f.BlockedKeys(t.Context(), "", 0)
	if err != nil || len(list) != 1 || list[0].SPKISHA256 != csr.SPKISHA256() || list[0].By != "test" {
		t.Errorf("%+v, %v", list, err)
	}
	if n := countLeaves(t, f.Store, "key.blocked", csr.SPKISHA256()); n != 1 {
		t.Errorf("%d leaves", n)
	}
	if n := countLeaves(t, f.Store, "certificate.", ""); n != 0 {
		t.Errorf("%d leaves of certificates", n)
	}
}

func TestABlockedKeyTakesSuspendedCertificatesAlong(t *testing.T) {
	f := catest.New(t, nil)
	_, csr := catest.NewKey(t)
	one := issue(t, f.Authority, personOrder(t, f, "one", ca.NaturalSign, csr))
	two := issue(t, f.Authority, personOrder(t, f, "two", ca.NaturalSign, csr))
	suspend(t, f, one.Serial)
	if n := block(t, f, csr.SPKISHA256()); n != 2 {
		t.Errorf("%d ended", n)
	}
	for _, serial := range []string{one.Serial, two.Serial} {
		if now := reload(t, f, serial); now.Revoked == nil || now.Revoked.Reason != ca.KeyCompromise {
			t.Errorf("%+v", now.Revoked)
		}
	}
}

func TestKeyHashesAreReadAsToolsPrintThem(t *testing.T) {
	const plain = "00aa11bb22cc33dd44ee55ff66778899aabbccddeeff00112233445566778899"
	colons := strings.Join(strings.SplitAfter(strings.ToUpper(plain), ""), "")
	for i := len(colons) - 2; i > 0; i -= 2 {
		colons = colons[:i] + ":" + colons[i:]
	}
	for _, test := range []struct{ name, text, code string }{
		{"plain", plain, ""},
		{"with capitals", strings.ToUpper(plain), ""},
		{"with colons and a line feed", colons + "\n", ""},
		{"too short", plain[2:], "key_hash_malformed"},
		{"no hex", "zz" + plain[2:], "key_hash_malformed"},
		{"empty", "", "key_hash_malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ca.ParseKeyHash(test.text)
			wantCode(t, test.name, err, test.code)
			if err == nil && got != plain {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestAMarkToRenewNowComesAndGoes(t *testing.T) {
	f := catest.New(t, nil)
	key, c := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "one")
	_, gone := f.IssueTo(t, catest.Zahra, ca.NaturalSign, "two")
	if err := f.Revoke(t.Context(), gone.Serial, ca.Unspecified, "test"); err != nil {
		t.Fatal(err)
	}
	mark := func(serial string, on bool) (changed bool) {
		t.Helper()
		now := f.Now().UTC()
		err := f.Store.Update(t.Context(), func(tx store.Tx) (err error) {
			changed, err = ca.MarkRenewNowIn(tx, serial, "p-1", on, now)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	for _, step := range []struct {
		on, changed bool
	}{{false, false}, {true, true}, {true, false}, {false, true}, {true, true}} {
		if got := mark(c.Serial, step.on); got != step.changed {
			t.Errorf("%+v: changed %v", step, got)
		}
		s, err := f.Standing(t.Context(), key.Certificate)
		if err != nil || s.RenewNow() != step.on || !s.Good() {
			t.Errorf("%+v: renew now %v, %v", step, s.RenewNow(), err)
		}
	}
	if mark(gone.Serial, true) {
		t.Error("a revoked certificate was marked")
	}
}
