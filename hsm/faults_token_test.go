//go:build cgo && !nopkcs11

package hsm_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/pkitest"
)

func TestATokenServerThatWasGoneComesBack(t *testing.T) {
	p := pkitest.P11Server(t)
	f := newFaulty(t, p.Base, 10*time.Second)
	p.Kill()
	f.away()
	time.Sleep(time.Second)
	f.away()
	p.Start()
	f.recovers()
}

func TestATokenServerKilledWhileManySignLosesNothing(t *testing.T) {
	p := pkitest.P11Server(t)
	f := newFaulty(t, p.Base, 10*time.Second)
	f.whileManySign(func(met func()) {
		p.Kill()
		met()
		p.Start()
	})
	f.recovers()
}

func TestATokenServerThatHangsHoldsNobody(t *testing.T) {
	p := pkitest.P11Server(t)
	f := newFaulty(t, p.Base, 4*time.Second)
	p.Freeze()
	f.away()
	p.Thaw()
	f.recovers()
}

func TestATokenServerThatHangsAndDiesComesBack(t *testing.T) {
	p := pkitest.P11Server(t)
	f := newFaulty(t, p.Base, 4*time.Second)
	f.whileManySign(func(met func()) {
		p.Freeze()
		met()
		p.Kill()
		p.Start()
	})
	f.recovers()
}

// TestATokenThatWasInitializedAnewGetsNoKeys: its keys are gone, which waiting
// does not mend; the backup does.
func TestATokenThatWasInitializedAnewGetsNoKeys(t *testing.T) {
	p := pkitest.P11Server(t)
	f := newFaulty(t, p.Base, 10*time.Second)
	tokens, backup := filepath.Join(filepath.Dir(os.Getenv("SOFTHSM2_CONF")), "tokens"), t.TempDir()
	replace(t, tokens, backup)
	out, err := exec.Command(pkitest.Need(t, "softhsm2-util", "softhsm2"), "--init-token", "--token", "mohr", "--label", "mohr",
		"--pin", pkitest.PIN, "--so-pin", pkitest.PIN+pkitest.PIN).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("refused after %s", f.eventually("key_gone").Round(time.Millisecond))
	f.refused(fault.NotFound, "key_gone")
	if out := listObjects(t, p.Direct); strings.Contains(out, "Object") {
		t.Errorf("the token has keys:\n%s", out)
	}
	again := hsm.Open(hsm.Config{})
	_, err = again.Signer(t.Context(), f.uri)
	wantFault(t, err, fault.NotFound, "key_not_found")
	again.Close() // it would keep the module from being initialized anew
	p.Kill()
	replace(t, backup, tokens)
	p.Start()
	f.recovers()
}

// replace makes the directory to a copy of from.
func replace(t *testing.T, from, to string) {
	t.Helper()
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func listObjects(t *testing.T, base string) string {
	t.Helper()
	return pkcs11Tool(t, base, "--list-objects")
}

func TestATokenWhosePINWasChangedWaitsForTheFile(t *testing.T) {
	p := pkitest.P11Server(t)
	f := newFaulty(t, p.Base, 10*time.Second)
	pin := attribute(t, p.Base, "pin-source")
	if err := os.WriteFile(pin, []byte("000000"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.Kill()
	p.Start()
	f.eventually("token_pin_refused")
	time.Sleep(3 * time.Second) // several openings; a hardware token would be locked
	f.refused(fault.Denied, "token_pin_refused")
	if err := os.WriteFile(pin, []byte(pkitest.PIN), 0o600); err != nil {
		t.Fatal(err)
	}
	f.recovers()
}

// TestAWrongPINAtTheStartIsMended: the process need not be started again.
func TestAWrongPINAtTheStartIsMended(t *testing.T) {
	base, ctx := pkitest.SoftHSM(t), t.Context()
	pin, uri := attribute(t, base, "pin-source"), hsm.KeyURI(base, "root")
	if err := os.WriteFile(pin, []byte("000000"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := open(t)
	_, err := k.Signer(ctx, uri)
	wantFault(t, err, fault.Denied, "token_pin_refused")
	wantFault(t, k.Check(ctx), fault.Denied, "token_pin_refused")
	if err := os.WriteFile(pin, []byte(pkitest.PIN), 0o600); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(back); k.Check(ctx) != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the mended PIN is not tried")
		}
	}
	if _, err := k.Create(ctx, uri, hsm.P256); err != nil {
		t.Error(err)
	}
}
