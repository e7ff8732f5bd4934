package held_test

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/held"
	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// TestAKeySignsWhatItsHolderWants: with a passkey that has a secret and with
// one that has none, several hashes by one proof, each on record with its leaf.
func TestAKeySignsWhatItsHolderWants(t *testing.T) {
	b := newBench(t, nil)
	for _, prf := range []bool{true, false} {
		k, _ := b.certified(t, prf)
		if k.Bound() != prf || k.State != held.Live {
			t.Fatalf("%+v", k)
		}
		w := document(k, "one")
		w.Hashes = append(w.Hashes, document(k, "two").Hashes...)
		signatures, err := b.Sign(t.Context(), b.zahra, w, b.prove(t, w))
		must(t, err)
		if !(signer{t, b, k, held.Document}).holds(w, signatures) {
			t.Error("a signature does not hold")
		}
		list, err := b.Signatures(t.Context(), b.zahra, k.ID)
		must(t, err)
		if len(list) != 2 || list[1].Purpose != held.Document && list[0].Purpose != held.Document {
			t.Errorf("on record: %+v", list)
		}
		again, err := b.Key(t.Context(), b.zahra, k.ID)
		must(t, err)
		if again.Signed != 3 { // with the request
			t.Errorf("%d hashes counted", again.Signed)
		}
	}
	if n := b.fixture.Leaves(t, "held.signed"); n != 4 {
		t.Errorf("%d leaves of signatures", n)
	}
	if n := b.fixture.Leaves(t, "held.made"); n != 2 {
		t.Errorf("%d leaves of keys", n)
	}
}

// TestNothingIsSignedWithoutTheHoldersProof: each refusal leaves no record of
// a use, and the holder signs after it all.
func TestNothingIsSignedWithoutTheHoldersProof(t *testing.T) {
	b := newBench(t, nil)
	k, _ := b.certified(t, true)
	w, ctx := document(k, "one"), t.Context()
	twin := b.newPasskey(t, b.zahra) // another passkey of the same person
	challenge := func(w held.Wanted) held.Challenge {
		c, err := b.Begin(ctx, b.zahra, w)
		must(t, err)
		return c
	}
	secret := b.prove(t, w).PRF
	prove := func(c held.Challenge) held.Proof {
		return held.Proof{Nonce: c.Nonce, Assertion: b.passkey.Answer(t, c.Options), PRF: secret}
	}
	tests := []struct {
		name  string
		who   signin.Who
		proof func() held.Proof
		code  string
	}{
		{"without an assertion", b.zahra, func() held.Proof { return held.Proof{Nonce: challenge(w).Nonce, PRF: secret} }, "passkey_refused"},
		{"without a challenge", b.zahra, func() held.Proof {
			return held.Proof{Assertion: b.passkey.Sign(t, make([]byte, sha256.Size)), PRF: secret}
		}, "nonce_unknown"},
		{"with a nonce of the signer's own", b.zahra, func() held.Proof {
			p := prove(challenge(w))
			p.Nonce = p.Nonce[:20] + "AAAA" + p.Nonce[24:]
			return p
		}, "nonce_unknown"},
		{"by a stale assertion", b.zahra, func() held.Proof {
			p := prove(challenge(w))
			b.clock = b.clock.Add(11 * time.Minute)
			return p
		}, "nonce_expired"},
		{"by another person's passkey", b.zahra, func() held.Proof {
			c := challenge(w)
			return held.Proof{Nonce: c.Nonce, Assertion: b.others.Answer(t, c.Options), PRF: secret}
		}, "passkey_refused"},
		{"for another person", b.other, func() held.Proof { return prove(challenge(w)) }, "nonce_unknown"},
		{"by another passkey of the same person", b.zahra, func() held.Proof {
			c := challenge(w)
			return held.Proof{Nonce: c.Nonce, Assertion: twin.Answer(t, c.Options), PRF: secret}
		}, "held_other_passkey"},
		{"by the proof for another hash", b.zahra, func() held.Proof { return prove(challenge(document(k, "two"))) }, "nonce_unknown"},
		{"by an assertion over another hash", b.zahra, func() held.Proof {
			p := prove(challenge(document(k, "two")))
			p.Nonce = challenge(w).Nonce
			return p
		}, "passkey_refused"},
		{"by the proof for another purpose", b.zahra, func() held.Proof {
			return prove(challenge(held.Wanted{Key: k.ID, Purpose: held.Statement, Hashes: w.Hashes}))
		}, "nonce_unknown"},
		{"for software by the proof for other software", b.zahra, func() held.Proof {
			return prove(challenge(held.Wanted{Key: k.ID, Purpose: held.Remote, Hashes: w.Hashes, For: "editor"}))
		}, "nonce_unknown"},
		{"by an assertion that signs in", b.zahra, func() held.Proof {
			return held.Proof{Nonce: challenge(w).Nonce, Assertion: b.passkey.Sign(t, []byte(b.nonces.New("signin-passkey"))), PRF: secret}
		}, "passkey_refused"},
		{"without the person being verified", b.zahra, func() held.Proof {
			b.passkey.Verifies = false
			defer func() { b.passkey.Verifies = true }()
			return prove(challenge(w))
		}, "passkey_refused"},
		{"asked for at another site", b.zahra, func() held.Proof {
			b.passkey.Origin = "https://localhost.example"
			defer func() { b.passkey.Origin = "https://localhost:8443" }()
			return prove(challenge(w))
		}, "passkey_refused"},
	}
	before := b.fixture.Leaves(t, "held.signed")
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			signatures, err := b.Sign(ctx, tc.who, w, tc.proof())
			if signatures != nil {
				t.Error("signed")
			}
			wantFault(t, err, tc.code)
		})
	}
	if n := b.fixture.Leaves(t, "held.signed"); n != before {
		t.Errorf("%d uses on record", n-before)
	}
	p := b.prove(t, w)
	_, err := b.Sign(ctx, b.zahra, w, p)
	must(t, err)
	_, err = b.Sign(ctx, b.zahra, w, p)
	wantFault(t, err, "nonce_used")
}

// TestACopyOfAPasskeySignsNothing: its counter is behind.
func TestACopyOfAPasskeySignsNothing(t *testing.T) {
	b := newBench(t, nil)
	b.passkey.Counts = true
	k, _ := b.certified(t, false)
	w := document(k, "one")
	p := b.prove(t, w)
	_, err := b.Sign(t.Context(), b.zahra, w, p)
	must(t, err)
	for range 2 {
		b.passkey.Counter = 0
		_, err = b.Sign(t.Context(), b.zahra, w, b.prove(t, w))
		wantFault(t, err, "passkey_refused")
	}
}

// TestAProofServesOnceForRacingCalls: of many at once, one signs.
func TestAProofServesOnceForRacingCalls(t *testing.T) {
	b := newBench(t, nil)
	k, _ := b.certified(t, false)
	w := document(k, "one")
	p := b.prove(t, w)
	var wg sync.WaitGroup
	var signed atomic.Int32
	for range 8 {
		wg.Go(func() {
			switch s, err := b.Sign(t.Context(), b.zahra, w, p); {
			case err == nil && s != nil:
				signed.Add(1)
			case fault.Code(err) != "nonce_used":
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if signed.Load() != 1 {
		t.Errorf("%d signed", signed.Load())
	}
}

// TestAUseIsOnRecordBeforeTheKeyIsOpened: without its secret nothing is
// signed, and that it was asked for stays.
func TestAUseIsOnRecordBeforeTheKeyIsOpened(t *testing.T) {
	b := newBench(t, nil)
	k, _ := b.certified(t, true)
	w, before := document(k, "one"), b.fixture.Leaves(t, "held.signed")
	for name, secret := range map[string][]byte{"none": nil, "another's": make([]byte, 32), "cut short": make([]byte, 31)} {
		p := b.prove(t, w)
		p.PRF = secret
		signatures, err := b.Sign(t.Context(), b.zahra, w, p)
		if signatures != nil {
			t.Errorf("%s: signed", name)
		}
		wantFault(t, err, "held_secret")
	}
	if n := b.fixture.Leaves(t, "held.signed") - before; n != 3 {
		t.Errorf("%d uses on record", n)
	}
}

// TestARecordThatWasAlteredOpensNothing: what stands in the store beside the
// key decides whose it is, and is sealed with it.
func TestARecordThatWasAlteredOpensNothing(t *testing.T) {
	b := newBench(t, nil)
	k, _ := b.certified(t, true)
	mallory, _ := b.certified(t, false)
	twin := b.newPasskey(t, b.zahra)
	for _, tc := range []struct {
		name  string
		alter func(k *held.Key)
	}{
		{"the envelope of another key", func(k *held.Key) { k.Private = mallory.Private }},
		{"a changed octet", func(k *held.Key) { k.Private.Data[20] ^= 1 }},
		{"another salt", func(k *held.Key) { k.Salt[0] ^= 1 }},
		{"no secret any more", func(k *held.Key) { k.Salt = nil }},
		{"another passkey", func(k *held.Key) { k.Passkey = twin.ID }},
		{"acting for a business", func(k *held.Key) { k.Business = "b" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			saved := func(change func(*held.Key)) {
				must(t, b.fixture.Store.Update(t.Context(), func(tx store.Tx) error {
					now, err := store.Load[held.Key](tx, "held_keys", k.ID)
					if err != nil {
						return err
					}
					change(&now)
					return store.Save(tx, "held_keys", k.ID, now)
				}))
			}
			w := document(k, "one")
			p := b.prove(t, w)
			saved(tc.alter)
			if tc.name == "another passkey" {
				c, err := b.Begin(t.Context(), b.zahra, w)
				must(t, err)
				p = held.Proof{Nonce: c.Nonce, Assertion: twin.Answer(t, c.Options), PRF: p.PRF}
			}
			if s, err := b.Sign(t.Context(), b.zahra, w, p); err == nil || s != nil {
				t.Error("signed")
			}
			saved(func(now *held.Key) {
				now.Private, now.Salt, now.Passkey, now.Business = k.Private, k.Salt, k.Passkey, k.Business
			})
		})
	}
	w := document(k, "one")
	_, err := b.Sign(t.Context(), b.zahra, w, b.prove(t, w))
	must(t, err)
}

func TestAKeyWithoutAGoodCertificateSignsItsRequestOnly(t *testing.T) {
	b := newBench(t, nil)
	fresh := b.make(t, false)
	for _, p := range []held.Purpose{held.Document, held.Statement, held.Remote} {
		w := document(fresh, "one")
		w.Purpose = p
		if p == held.Remote {
			w.For = "editor"
		}
		_, err := b.Sign(t.Context(), b.zahra, w, b.prove(t, w))
		wantFault(t, err, "held_uncertified")
	}
	k, c := b.certified(t, false)
	w := document(k, "one")
	_, err := b.Sign(t.Context(), b.zahra, w, b.prove(t, w))
	must(t, err)
	must(t, b.fixture.Revoke(t.Context(), c.Serial, ca.Unspecified, "test"))
	_, err = b.Sign(t.Context(), b.zahra, w, b.prove(t, w))
	wantFault(t, err, "held_uncertified")
}

// TestAKeyThatSignsInSignsNoContent: what is signed by it, unseen, could be a
// handshake of TLS.
func TestAKeyThatSignsInSignsNoContent(t *testing.T) {
	b := newBench(t, nil)
	k, _ := b.certifiedFor(t, false, ca.NaturalAuth)
	for purpose, code := range map[held.Purpose]string{held.Document: "held_signs_in", held.Remote: "held_signs_in", held.Statement: ""} {
		w := document(k, "one")
		if w.Purpose = purpose; purpose == held.Remote {
			w.For = "editor"
		}
		_, err := b.Sign(t.Context(), b.zahra, w, b.prove(t, w))
		if fault.Code(err) != code || (err == nil) != (code == "") {
			t.Errorf("%s: %v", purpose, err)
		}
	}
}

func TestOneKeySignsSoMuchAndNoMore(t *testing.T) {
	b := newBench(t, func(c *held.Config) { c.Limits = held.Limits{PerHour: 3, PerDay: 5, Keys: 1} })
	k, _ := b.certified(t, false) // one
	sign := func(n int) error {
		w := document(k, "one")
		for range n - 1 {
			w.Hashes = append(w.Hashes, w.Hashes[0])
		}
		_, err := b.Sign(t.Context(), b.zahra, w, b.prove(t, w))
		return err
	}
	wantFault(t, sign(3), "held_too_many")
	must(t, sign(2))
	wantFault(t, sign(1), "held_too_many")
	b.clock = b.clock.Add(time.Hour)
	must(t, sign(2))
	wantFault(t, sign(1), "held_too_many") // of the day
	b.clock = b.clock.Add(23 * time.Hour)
	must(t, sign(3))
	c, err := b.BeginMake(t.Context(), b.zahra)
	must(t, err)
	_, err = b.Make(t.Context(), b.zahra, held.Proof{Nonce: c.Nonce, Assertion: b.passkey.Answer(t, c.Options)})
	wantFault(t, err, "held_keys_full")
}

func TestOnlyHashesAreSigned(t *testing.T) {
	b := newBench(t, nil)
	k := b.make(t, false)
	good := make([]byte, sha256.Size)
	for name, w := range map[string]held.Wanted{
		"nothing":            {Key: k.ID, Purpose: held.Document},
		"a short hash":       {Key: k.ID, Purpose: held.Document, Hashes: [][]byte{good[1:]}},
		"a document":         {Key: k.ID, Purpose: held.Document, Hashes: [][]byte{good, make([]byte, 100)}},
		"too many":           {Key: k.ID, Purpose: held.Document, Hashes: make([][]byte, 21)},
		"two requests":       {Key: k.ID, Purpose: held.Request, Hashes: [][]byte{good, good}},
		"no purpose":         {Key: k.ID, Hashes: [][]byte{good}},
		"for nobody":         {Key: k.ID, Purpose: held.Remote, Hashes: [][]byte{good}},
		"for a sentence":     {Key: k.ID, Purpose: held.Remote, Hashes: [][]byte{good}, For: "editor\n2"},
		"a file for another": {Key: k.ID, Purpose: held.Document, Hashes: [][]byte{good}, For: "editor"},
		"an unknown purpose": {Key: k.ID, Purpose: "renewal", Hashes: [][]byte{good}},
	} {
		_, err := b.Begin(t.Context(), b.zahra, w)
		wantFault(t, err, "held_wanted")
		_, err = b.Sign(t.Context(), b.zahra, w, held.Proof{})
		if err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	_, err := b.Begin(t.Context(), b.other, held.Wanted{Key: k.ID, Purpose: held.Request, Hashes: [][]byte{good}})
	wantFault(t, err, "held_unknown")
}
