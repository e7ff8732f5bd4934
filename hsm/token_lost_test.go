//go:build cgo && !nopkcs11

package hsm_test

import (
	"crypto"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/miekg/pkcs11"

	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/pkitest"
)

// foreign is the same module in the hands of somebody else in this process:
// what it does to the sessions, a token that is pulled or restarted does too.
func foreign(t *testing.T, base string) (p *pkcs11.Ctx, slot uint) {
	t.Helper()
	p = pkcs11.New(attribute(t, base, "module-path"))
	if p == nil {
		t.Fatal("module not loaded")
	}
	t.Cleanup(p.Destroy)
	slots, err := p.GetSlotList(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range slots {
		if info, err := p.GetTokenInfo(s); err == nil && info.Label == "mohr" {
			return p, s
		}
	}
	t.Fatal("token not found")
	return nil, 0
}

func TestLostSessionsAreOpenedAgain(t *testing.T) {
	tests := []struct {
		name string
		lose func(p *pkcs11.Ctx, slot uint) error
	}{
		{"all sessions are closed", func(p *pkcs11.Ctx, slot uint) error { return p.CloseAllSessions(slot) }},
		{"the module is finalized", func(p *pkcs11.Ctx, _ uint) error { return p.Finalize() }},
		{"the login is gone", func(p *pkcs11.Ctx, slot uint) error {
			session, err := p.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
			if err != nil {
				return err
			}
			return errors.Join(p.Logout(session), p.CloseSession(session))
		}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			base, ctx := pkitest.SoftHSM(t), t.Context()
			k := hsm.Open(hsm.Config{})
			defer k.Close()
			one, err1 := k.Create(ctx, hsm.KeyURI(base, "one"), hsm.P256)
			two, err2 := k.Create(ctx, hsm.KeyURI(base, "two"), hsm.P384)
			holders := hsm.KeyURI(base, "holders")
			w, err3 := k.Wrap(ctx, holders)
			if err := errors.Join(err1, err2, err3); err != nil {
				t.Fatal(err)
			}
			p, slot := foreign(t, base)
			for range 3 {
				if err := tc.lose(p, slot); err != nil {
					t.Fatal(err)
				}
				if err := signsWrapped(t, k, holders, w); err != nil {
					t.Error(err)
				}
				signMany(t, one, two)
			}
			if err := k.Check(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnotherKeyUnderTheNameIsNotUsed(t *testing.T) {
	base, ctx := pkitest.SoftHSM(t), t.Context()
	k := hsm.Open(hsm.Config{})
	defer k.Close()
	uri := hsm.KeyURI(base, "one")
	s, err := k.Create(ctx, uri, hsm.P256)
	if err != nil {
		t.Fatal(err)
	}
	p, slot := foreign(t, base)
	session, err := p.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.FindObjectsInit(session, nil); err != nil {
		t.Fatal(err)
	}
	objects, _, err := p.FindObjects(session, 10)
	if err := errors.Join(err, p.FindObjectsFinal(session)); err != nil || len(objects) != 2 {
		t.Fatalf("%d objects, error %v", len(objects), err)
	}
	for _, o := range objects {
		if err := p.DestroyObject(session, o); err != nil {
			t.Fatal(err)
		}
	}
	_, err = s.Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
	wantFault(t, err, fault.NotFound, "key_gone")
	other := hsm.Open(hsm.Config{})
	defer other.Close()
	if _, err := other.Create(ctx, uri, hsm.P256); err != nil {
		t.Fatal(err)
	}
	_, err = s.Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
	wantFault(t, err, fault.Conflict, "key_changed")
}
