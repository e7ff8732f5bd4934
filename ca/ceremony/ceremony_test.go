package ceremony_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/ceremony"
	"mohr/hsm"
	"mohr/internal/store"
)

const year = 365 * 24 * time.Hour

// hall is where ceremonies are held: a store, keys and a clock.
type hall struct {
	ceremony.Config
	keys *catest.Keys
	at   time.Time
}

func newHall(t *testing.T) *hall {
	t.Helper()
	s, err := store.OpenBolt(filepath.Join(t.TempDir(), "mohr.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	h := &hall{keys: &catest.Keys{}, at: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)}
	h.Config = ceremony.Config{Store: s, Key: h.keys.Make, Publish: catest.Publish, Name: "Mohr Test", Now: func() time.Time { return h.at }}
	return h
}

func (h *hall) open(t *testing.T) *ceremony.Hierarchy {
	t.Helper()
	got, err := ceremony.Open(t.Context(), h.Config)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// rootCRL is the root's last CRL among what was kept.
const rootCRL = "crl"

// kept returns all DER that ceremonies kept, by name.
func (h *hall) kept(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := h.Store.View(t.Context(), func(tx store.Tx) error {
		members, err := ca.Members(tx)
		for _, m := range members {
			all[m.ID] = string(m.DER)
		}
		if crl, err := ca.LastRootCRL(tx, ca.RootName); err == nil {
			all[rootCRL] = string(crl)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// serves reports what an authority says to the hierarchy.
func (h *hall) serves(g *ceremony.Hierarchy) error {
	_, err := ca.New(ca.Config{Store: h.Store, Root: g.Root, Roots: g.Roots, Issuers: g.Issuers, Retired: g.Retired, Publish: catest.Publish, Portal: catest.Portal, HolderKey: make([]byte, 32)})
	return err
}

func TestNamesAndLivesOfTheHierarchy(t *testing.T) {
	h := newHall(t)
	g := h.open(t)
	if err := h.serves(g); err != nil {
		t.Fatal(err)
	}
	if err := g.Root.CheckSignatureFrom(g.Root); err != nil {
		t.Error(err)
	}
	var got []string
	for _, c := range append([]*x509.Certificate{g.Root}, certificates(g)...) {
		got = append(got, fmt.Sprintf("%s | %s | pathlen0 %v | usage %b | %s", c.Subject, c.Issuer.CommonName, c.MaxPathLenZero, c.KeyUsage, c.NotAfter.Sub(c.NotBefore)))
		if !c.IsCA || !c.BasicConstraintsValid || len(c.SubjectKeyId) != 20 || !c.NotBefore.Equal(h.at) || c.SerialNumber.Sign() <= 0 || len(c.SerialNumber.Bytes()) > 20 {
			t.Errorf("%s: CA %v, key id %x, from %s, serial %x", c.Subject, c.IsCA, c.SubjectKeyId, c.NotBefore, c.SerialNumber)
		}
		if len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) != 0 {
			t.Errorf("%s has an extended key usage", c.Subject)
		}
	}
	const usage = "1100000"
	want := []string{
		"CN=Mohr Test Root CA,O=Mohr Test,C=IR | Mohr Test Root CA | pathlen0 false | usage " + usage + " | 175319h59m59s",
		"CN=Mohr Test Signature CA P-256,O=Mohr Test,C=IR | Mohr Test Root CA | pathlen0 true | usage " + usage + " | 87671h59m59s",
		"CN=Mohr Test Signature CA P-384,O=Mohr Test,C=IR | Mohr Test Root CA | pathlen0 true | usage " + usage + " | 87671h59m59s",
		"CN=Mohr Test Signature CA RSA-3072,O=Mohr Test,C=IR | Mohr Test Root CA | pathlen0 true | usage " + usage + " | 87671h59m59s",
		"CN=Mohr Test Authentication CA P-256,O=Mohr Test,C=IR | Mohr Test Root CA | pathlen0 true | usage " + usage + " | 87671h59m59s",
		"CN=Mohr Test Service CA P-256,O=Mohr Test,C=IR | Mohr Test Root CA | pathlen0 true | usage " + usage + " | 87671h59m59s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, c := range certificates(g) {
		if diff := cmp.Diff([]string{catest.Publish + "/crl/root/0.crl"}, c.CRLDistributionPoints); diff != "" || c.IssuingCertificateURL[0] != catest.Publish+"/ca/root.cer" || string(c.AuthorityKeyId) != string(g.Root.SubjectKeyId) {
			t.Errorf("%s: %s, %s", c.Subject, diff, c.IssuingCertificateURL)
		}
	}
}

func certificates(g *ceremony.Hierarchy) (list []*x509.Certificate) {
	for _, i := range g.Issuers {
		list = append(list, i.Certificate)
	}
	return list
}

// faulty is a store that fails at the n-th Update from now, before it or,
// as after a crash, once it is done.
type faulty struct {
	store.Store
	left  int
	after bool
}

var errCrash = errors.New("crash")

func (s *faulty) Update(ctx context.Context, fn func(store.Tx) error) error {
	s.left--
	if s.left == 0 && !s.after {
		return errCrash
	}
	err := s.Store.Update(ctx, fn)
	if s.left == 0 {
		return errCrash
	}
	return err
}

func TestACeremonyGoesOnWhereItWasBrokenOff(t *testing.T) {
	// The beginning; of the root, five issuers and the CRL each an intent and a
	// result.
	for n := 1; n <= 15; n++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("step %d, recorded %v", n, after), func(t *testing.T) {
				h := newHall(t)
				broken := h.Config
				broken.Store = &faulty{Store: h.Store, left: n, after: after}
				if _, err := ceremony.Open(t.Context(), broken); !errors.Is(err, errCrash) {
					t.Fatalf("not broken off: %v", err)
				}
				before := h.kept(t)
				if updates := n - 1; !after && len(before) != max(updates-1, 0)/2 || after && len(before) != updates/2 {
					t.Errorf("%d things kept", len(before))
				}
				h.at = h.at.Add(time.Hour)
				g := h.open(t)
				if err := h.serves(g); err != nil {
					t.Error(err)
				}
				now := h.kept(t)
				for name, der := range before {
					if now[name] != der {
						t.Errorf("%s was made anew", name)
					}
				}
				if len(now) != 7 {
					t.Errorf("%d things kept at the end", len(now))
				}
				if diff := cmp.Diff(now, func() map[string]string { h.open(t); return h.kept(t) }()); diff != "" {
					t.Error("a second opening changed something")
				}
			})
		}
	}
}

func TestAMissingKeyBreaksACeremonyOffWithoutHarm(t *testing.T) {
	for n := 1; n <= 6; n++ {
		h := newHall(t)
		gone := errors.New("token not present")
		calls := 0
		broken := h.Config
		broken.Key = func(ctx context.Context, id string, a hsm.Algorithm) (crypto.Signer, error) {
			if calls++; calls == n {
				return nil, gone
			}
			return h.keys.Make(ctx, id, a)
		}
		if _, err := ceremony.Open(t.Context(), broken); !errors.Is(err, gone) {
			t.Errorf("key %d: %v", n, err)
		}
		if err := h.serves(h.open(t)); err != nil {
			t.Errorf("key %d: afterwards %v", n, err)
		}
	}
}

// TestALostKeyIsNeverReplaced: under the old certificates another key would
// sign what nobody can verify.
func TestALostKeyIsNeverReplaced(t *testing.T) {
	for _, lost := range []string{"root", string(ca.SignIssuer), string(ca.SignP384Issuer), string(ca.SignRSAIssuer), string(ca.AuthIssuer), string(ca.ServiceIssuer)} {
		t.Run(lost, func(t *testing.T) {
			h := newHall(t)
			h.open(t)
			before := h.kept(t)
			h.at = h.at.Add(9 * year / 12) // the root's CRL is due
			fresh := &catest.Keys{}
			with := h.Config
			with.Key = func(ctx context.Context, id string, a hsm.Algorithm) (crypto.Signer, error) {
				if id == lost && a == hsm.RSA3072 { // fixtures share theirs
					return rsa.GenerateKey(rand.Reader, 3072)
				}
				if id == lost {
					return fresh.Make(ctx, id, a)
				}
				return h.keys.Make(ctx, id, a)
			}
			if _, err := ceremony.Open(t.Context(), with); err == nil || !strings.Contains(err.Error(), lost) {
				t.Errorf("opened with another key: %v", err)
			}
			if diff := cmp.Diff(before[lost], h.kept(t)[lost]); diff != "" {
				t.Error("the certificate changed")
			}
			if err := h.crl(t).CheckSignatureFrom(parse(t, before["root"])); err != nil {
				t.Errorf("the root's CRL: %v", err)
			}
			if err := h.serves(h.open(t)); err != nil {
				t.Errorf("with the right key again: %v", err)
			}
		})
	}
}

func parse(t *testing.T, der string) *x509.Certificate {
	t.Helper()
	c, err := x509.ParseCertificate([]byte(der))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTheRootKeyStaysAwayUntilItIsNeeded: it is kept offline.
func TestTheRootKeyStaysAwayUntilItIsNeeded(t *testing.T) {
	h := newHall(t)
	h.open(t)
	offline := h.Config
	asked := 0
	offline.Key = func(ctx context.Context, id string, a hsm.Algorithm) (crypto.Signer, error) {
		if id == ca.RootName {
			asked++
			return nil, errors.New("the root's token is in the safe")
		}
		return h.keys.Make(ctx, id, a)
	}
	if _, err := ceremony.Open(t.Context(), offline); err != nil || asked != 0 {
		t.Errorf("nothing is to be signed: %v, asked %d times", err, asked)
	}
	h.at = h.at.Add(9 * year / 12)
	if _, err := ceremony.Open(t.Context(), offline); err == nil || asked == 0 {
		t.Errorf("the CRL is due: %v, asked %d times", err, asked)
	}
}

// TestAnIssuerMadeLateEndsWithTheRoot: one that is missing years later.
func TestAnIssuerMadeLateEndsWithTheRoot(t *testing.T) {
	h := newHall(t)
	broken := h.Config
	broken.Store = &faulty{Store: h.Store, left: 4}
	if _, err := ceremony.Open(t.Context(), broken); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	h.at = h.at.Add(15 * year)
	g := h.open(t)
	for _, i := range g.Issuers {
		if i.Certificate.NotAfter.After(g.Root.NotAfter) {
			t.Errorf("%s ends %s, the root %s", i.ID, i.Certificate.NotAfter, g.Root.NotAfter)
		}
	}
}

func TestTwoNodesThatOpenAtOnceAgree(t *testing.T) {
	h := newHall(t)
	var wg sync.WaitGroup
	roots := make([]*ceremony.Hierarchy, 4)
	for i := range roots {
		wg.Go(func() {
			var err error
			if roots[i], err = ceremony.Open(t.Context(), h.Config); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, g := range roots {
		if g == nil || !g.Root.Equal(roots[0].Root) {
			t.Fatal("two roots")
		}
		for i, issuer := range g.Issuers {
			if !issuer.Certificate.Equal(roots[0].Issuers[i].Certificate) {
				t.Errorf("two certificates of %s", issuer.ID)
			}
		}
	}
}

func TestANameThatDoesNotFitIsRefusedBeforeAnythingIsMade(t *testing.T) {
	for _, name := range []string{"", strings.Repeat("m", 41), strings.Repeat("م", 100)} {
		h := newHall(t)
		h.Name = name
		if _, err := ceremony.Open(t.Context(), h.Config); err == nil || len(h.kept(t)) != 0 {
			t.Errorf("name of %d octets: %v, %d things kept", len(name), err, len(h.kept(t)))
		}
	}
	h := newHall(t)
	h.Name = strings.Repeat("م", 40)
	h.open(t)
}
