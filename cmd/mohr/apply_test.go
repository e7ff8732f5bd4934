package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/ca"
)

// TestACommandGoesOnWithAnApplicationOfThePage: by the code to its phone it is
// taken over, and where it was begun nothing opens it any more.
func TestACommandGoesOnWithAnApplicationOfThePage(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	a := s.apply(t, zahra, "")
	a.until(t, "csr")
	before, err := s.code(t, zahra.Mobile)
	if err != nil {
		t.Fatal(err)
	}
	newer := func() (code string, err error) { // the job sends it
		for code = before; code == before && err == nil; code, err = s.code(t, zahra.Mobile) {
			select {
			case <-t.Context().Done():
				return "", t.Context().Err()
			case <-time.After(20 * time.Millisecond):
			}
		}
		return code, err
	}
	key, out := filepath.Join(t.TempDir(), "own.key"), filepath.Join(t.TempDir(), "own.pem")
	said, err := saidTo(t.Context(), codeReader{newer}, "apply", "--server", s.Config.Portal, "--root", filepath.Join(s.data, "root.pem"), "--application", a.id,
		"--national-code", zahra.NationalCode, "--birth-date", zahra.BirthDate, "--key", key, "--out", out)
	if err != nil || !strings.Contains(said, "Certificate ") || strings.Contains(said, "Mobile:") {
		t.Fatalf("%v\n%s", err, said)
	}
	holder, err := openHolder(t.Context(), s.ring, key, out)
	if err != nil {
		t.Fatal(err)
	}
	if n, serial := s.issued(t), ca.SerialText(holder.Certificate.SerialNumber); n != 1 || !strings.Contains(said, serial) {
		t.Errorf("%d certificates, none of them %s:\n%s", n, serial, said)
	}
	a.api.refuses(t, get(a.path(""), a.token), http.StatusUnauthorized, "token_invalid")
}
