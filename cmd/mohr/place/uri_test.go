package place_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mohr/cmd/mohr/place"
)

const token = "pkcs11:token=t;object=holder-20250101T000000Z?module-path=/m&pin-source=/p"

// openURI returns a place whose old key lives elsewhere.
func openURI(t *testing.T, uri string) place.Place {
	t.Helper()
	p := open(t)
	if err := os.Remove(p.Current(place.KeyFile)); err != nil {
		t.Fatal(err)
	}
	write(t, p.Current(place.URIFile), uri+"\n")
	return p
}

func TestAKeyElsewhereIsFollowedByOneOfItsOwnName(t *testing.T) {
	p := openURI(t, token)
	if err := p.Begin(now); err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(token, "20250101T000000Z", "20261129T100000Z", 1)
	for range 2 { // cut off, and taken up
		next, err := p.NextKey()
		if err != nil || strings.NewReplacer("%2F", "/").Replace(next) != want {
			t.Fatalf("%s (%v), want %s", next, err, want)
		}
	}
	if p.Finish() == nil {
		t.Error("half a pair came into use")
	}
	write(t, p.Next(place.CertificateFile), "new certificate")
	if err := p.Finish(); err != nil {
		t.Fatal(err)
	}
	if now, err := p.Key(); err != nil || !strings.Contains(now, "holder-20261129T100000Z") {
		t.Errorf("%s (%v) is in use", now, err)
	}
}

func TestAKeyThatCannotBeFollowedIsSaidSo(t *testing.T) {
	for name, tc := range map[string]struct{ uri, want string }{
		"an id alone":   {"pkcs11:token=t;id=%01?module-path=/m&pin-source=/p", "name of the key is missing"},
		"a file's URI":  {"file:/k.pem", "keep a key in a file as holder.key"},
		"no URI at all": {"hello", "cannot be used"},
		"too long":      {"tpmkms:name=" + strings.Repeat("x", 60) + ";storage-directory=/s;device=/d", "64 letters"},
	} {
		p := openURI(t, tc.uri)
		if err := p.Begin(now); err != nil {
			t.Fatal(err)
		}
		if next, err := p.NextKey(); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), place.URIFile) {
			t.Errorf("%s: %s, %v, want %q", name, next, err, tc.want)
		}
	}
	p := openURI(t, token)
	if err := os.Symlink("elsewhere", filepath.Join(string(p), "next")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.NextKey(); err == nil || !strings.Contains(err.Error(), "remove it") {
		t.Error(err)
	}
}
