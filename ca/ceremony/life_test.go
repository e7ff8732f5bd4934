package ceremony_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/ocsp"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/ceremony"
	"mohr/ca/status"
	"mohr/internal/pkitest"
	"mohr/internal/store"
)

// leaf is a certificate somebody got in the course of the walk.
type leaf struct {
	ca.Certificate
	cert  *x509.Certificate
	chain []*x509.Certificate // as delivered with it
}

// walk is the life of a hierarchy.
type walk struct {
	*hall
	authority *ca.Authority
	status    *status.Responder
	hierarchy *ceremony.Hierarchy
	leaves    []leaf
	serials   map[string]string
	crls      map[string]*big.Int // CRL -> its last number
	roots     map[string]*x509.Certificate
	paths     map[string]bool // issuer and root between which openssl found a way
}

const (
	bothCRLs = "crls:\n  - {root: root, count: 12, every: 180d, life: 240d}\n  - {root: root-2, count: 12, every: 180d, life: 240d}\n"
	oneCRL   = "crls:\n  - {root: root, count: 12, every: 180d, life: 240d}\n"
)

// ceremonies are held in these years of the walk.
var ceremonies = map[int]string{
	0: "roots: [{id: root, common_name: Root 1, algorithm: P-384, life: 16y}]\n" + generation(1, "root", oneCRL),
	5: generation(2, "root", oneCRL),
	// The second root, cross-certified with the first, and the third
	// generation under it.
	10: "roots: [{id: root-2, common_name: Root 2, algorithm: P-256, life: 20y}]\n" +
		"cross: [{subject: root-2, by: root}, {subject: root, by: root-2}]\n" + generation(3, "root-2", bothCRLs),
	15: generation(4, "root-2", strings.Replace(bothCRLs, "count: 12", "count: 3", 1)),
	20: generation(5, "root-2", strings.Replace(oneCRL, "root: root", "root: root-2", 1)),
}

// TestAHierarchyLivesTwentyFiveYears walks in half years through five
// generations of issuing CAs and two roots.
func TestAHierarchyLivesTwentyFiveYears(t *testing.T) {
	pkitest.Need(t, "openssl", "openssl")
	w := &walk{hall: newHall(t), serials: map[string]string{}, crls: map[string]*big.Int{}, roots: map[string]*x509.Certificate{}, paths: map[string]bool{}}
	begin := w.at
	for half := range 50 {
		w.at = begin.AddDate(half/2, half%2*6, 1)
		if sections, due := ceremonies[half/2]; due && half%2 == 0 {
			w.at = begin.AddDate(half/2, 0, 0)
			w.hold(t, file(w.at, "custodians: {need: 0}\n", sections))
			w.at = w.at.AddDate(0, 0, 1)
		}
		w.open(t)
		w.issue(t, half)
		w.checkRootCRLs(t)
		w.checkLeaves(t)
		if half == 3 {
			w.revoke(t, w.leaves[len(w.leaves)-1].Serial)
		}
		if t.Failed() {
			t.Fatalf("in year %d", half/2)
		}
	}
	want := []ca.IssuerID{"service-p256", "service-p256-2", "service-p256-3", "service-p256-4", "sign-p256", "sign-p256-2", "sign-p256-3", "sign-p256-4"}
	var retired []ca.IssuerID
	for _, i := range w.hierarchy.Retired {
		retired = append(retired, i.ID)
	}
	slices.Sort(retired)
	if !slices.Equal(want, retired) {
		t.Errorf("retired in the end: %v", retired)
	}
	if len(w.serials) != 2*50 {
		t.Errorf("%d serials were seen", len(w.serials))
	}
	// The cross-certificates lead the second and third generation to both roots.
	wantPaths := []string{
		"sign-p256 Root 1", "sign-p256-2 Root 1", "sign-p256-2 Root 2", "sign-p256-3 Root 1", "sign-p256-3 Root 2",
		"sign-p256-4 Root 1", "sign-p256-4 Root 2", "sign-p256-5 Root 2",
	}
	var paths []string
	for path := range w.paths {
		if strings.HasPrefix(path, "sign") {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	if !slices.Equal(paths, wantPaths) {
		t.Errorf("verified: %v", paths)
	}
}

// open begins a day of service.
func (w *walk) open(t *testing.T) {
	t.Helper()
	w.hierarchy = w.hall.open(t)
	h := w.hierarchy
	var err error
	w.authority, err = ca.New(ca.Config{
		Store: w.Store, Now: w.Now, Root: h.Root, Roots: h.Roots, Issuers: h.Issuers, Retired: h.Retired,
		Publish: catest.Publish, Portal: catest.Portal, HolderKey: make([]byte, 32), Simulated: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	responders := map[ca.IssuerID]ca.SigningKey{}
	for _, i := range w.authority.Answering() {
		responders[i.ID] = w.fixture().SigningKey(t, "ocsp-"+string(i.ID), ca.Service{Profile: ca.OCSPResponder, CommonName: "OCSP", Issuer: i.ID})
	}
	w.status, err = status.New(status.Config{
		Authority: w.authority, Store: w.Store, Now: w.Now,
		Responder: func(id ca.IssuerID) (ca.SigningKey, bool) { k, ok := responders[id]; return k, ok },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range append(h.Roots, h.Root) {
		w.roots[r.Subject.CommonName] = r
	}
}

func (w *walk) fixture() *catest.Fixture {
	return &catest.Fixture{Authority: w.authority, Store: w.Store, Keys: w.keys, Hierarchy: w.hierarchy}
}

// issue gives a person and the service a certificate each, by the newest
// generation.
func (w *walk) issue(t *testing.T, half int) {
	t.Helper()
	generation := half/10 + 1
	key, c := w.fixture().IssueTo(t, catest.Zahra, ca.NaturalSign, fmt.Sprintf("request-%d", half))
	w.take(t, c, key.Certificate, key.Chain, ca.SignIssuer, generation)
	_, csr := catest.NewKey(t)
	c, err := w.authority.Issue(t.Context(), ca.Order{
		Request: fmt.Sprintf("tls-%d", half), CSR: csr,
		Service: ca.Service{Profile: ca.ServiceTLS, CommonName: "node", DNSNames: []string{"node.test"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(c.DER)
	if err != nil {
		t.Fatal(err)
	}
	issuer, _ := w.authority.Issuer(c.Issuer)
	w.take(t, c, cert, issuer.Delivery(), ca.ServiceIssuer, generation)
}

func (w *walk) take(t *testing.T, c ca.Certificate, cert *x509.Certificate, chain []*x509.Certificate, name ca.IssuerID, generation int) {
	t.Helper()
	want := name
	if generation > 1 {
		want = ca.IssuerID(fmt.Sprintf("%s-%d", name, generation))
	}
	if c.Issuer != want {
		t.Errorf("issued by %s, want %s", c.Issuer, want)
	}
	if other, twice := w.serials[c.Serial]; twice {
		t.Errorf("serial %s is of %s and of %s", c.Serial, other, c.Request)
	}
	w.serials[c.Serial] = c.Request
	if !bytes.Equal(cert.AuthorityKeyId, chain[0].SubjectKeyId) || cert.CRLDistributionPoints[0] != catest.Publish+ca.CRLPath(want, c.Shard) {
		t.Errorf("%s: key id %x, CRL %s", want, cert.AuthorityKeyId, cert.CRLDistributionPoints)
	}
	w.leaves = append(w.leaves, leaf{c, cert, chain})
}

func (w *walk) revoke(t *testing.T, serial string) {
	t.Helper()
	if err := w.authority.Revoke(t.Context(), serial, ca.Superseded, "test"); err != nil {
		t.Fatal(err)
	}
}

// checkRootCRLs wants each living root to have a CRL that is in its time and
// numbered no lower than before.
func (w *walk) checkRootCRLs(t *testing.T) {
	t.Helper()
	for _, id := range []string{"root", "root-2"} {
		list, err := w.status.RootCRL(t.Context(), id)
		if id == "root-2" && w.roots["Root 2"] == nil || id == "root" && w.at.After(w.roots["Root 1"].NotAfter) {
			continue
		}
		if err != nil {
			t.Fatalf("CRL of %s: %v", id, err)
		}
		if list.ThisUpdate.After(w.at) || !w.at.Before(list.NextUpdate) {
			t.Errorf("CRL %d of %s is for %s to %s", list.Number, id, list.ThisUpdate, list.NextUpdate)
		}
		w.rising(t, id, big.NewInt(list.Number))
	}
}

func (w *walk) rising(t *testing.T, name string, number *big.Int) {
	t.Helper()
	if last := w.crls[name]; last != nil && number.Cmp(last) < 0 {
		t.Errorf("CRL of %s: number %d after %d", name, number, last)
	}
	w.crls[name] = number
}

// checkLeaves verifies the newest and the oldest living certificate of each
// issuing CA, and asks for their status.
func (w *walk) checkLeaves(t *testing.T) {
	t.Helper()
	living := map[ca.IssuerID][]leaf{}
	for _, l := range w.leaves {
		if !w.at.After(l.NotAfter) {
			living[l.Issuer] = append(living[l.Issuer], l)
		}
	}
	for id, list := range living {
		issuer, _ := w.authority.Issuer(id)
		for _, l := range slices.Compact([]int{0, len(list) - 1}) {
			w.checkStatus(t, issuer, list[l])
			w.checkChain(t, list[l])
		}
	}
}

func (w *walk) checkStatus(t *testing.T, issuer ca.Issuer, l leaf) {
	t.Helper()
	der, err := ocsp.CreateRequest(l.cert, issuer.Certificate, &ocsp.RequestOptions{Hash: crypto.SHA256})
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.status.OCSP(t.Context(), issuer.ID, der)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ocsp.ParseResponseForCert(a.DER, l.cert, issuer.Certificate)
	record, loadErr := w.authority.Certificate(t.Context(), l.Serial)
	if err != nil || loadErr != nil {
		t.Fatalf("status by %s: %v, %v", issuer.ID, err, loadErr)
	}
	if (got.Status == ocsp.Good) != (record.Revoked == nil) || got.Status == ocsp.Unknown {
		t.Errorf("%s says %d of %s", issuer.ID, got.Status, l.Request)
	}
	crl, err := w.status.CRL(t.Context(), issuer.ID, l.Shard)
	if err != nil {
		t.Fatal(err)
	}
	w.rising(t, fmt.Sprintf("%s/%d", issuer.ID, l.Shard), big.NewInt(crl.Number))
}

// checkChain has openssl verify the certificate by each root that lives, with
// what was delivered with it, and all CRLs.
func (w *walk) checkChain(t *testing.T, l leaf) {
	t.Helper()
	dir := t.TempDir()
	crls := w.crlFile(t, dir, l)
	record, err := w.authority.Certificate(t.Context(), l.Serial)
	if err != nil {
		t.Fatal(err)
	}
	issuer, _ := w.authority.Issuer(l.Issuer)
	chain := issuer.Delivery() // as it is delivered today
	for name, root := range w.roots {
		if w.at.After(root.NotAfter) || w.at.Before(root.NotBefore) {
			continue
		}
		out, err := exec.Command("openssl", "verify", "-x509_strict", "-crl_check_all", "-attime", strconv.FormatInt(w.at.Unix(), 10),
			"-CAfile", writePEM(t, dir, "root.pem", root), "-untrusted", writePEM(t, dir, "chain.pem", chain...), "-CRLfile", crls,
			writePEM(t, dir, "leaf.pem", l.cert)).CombinedOutput()
		switch revoked := record.Revoked != nil; {
		case revoked && !strings.Contains(string(out), "certificate revoked"):
			t.Errorf("%s by %s is not seen as revoked: %s", l.Issuer, name, out)
		case !revoked && err != nil:
			t.Errorf("%s by %s: %s", l.Issuer, name, out)
		case !revoked:
			w.paths[string(l.Issuer)+" "+name] = true
		}
	}
}

// crlFile holds the CRL of the certificate's shard and those of the roots.
func (w *walk) crlFile(t *testing.T, dir string, l leaf) string {
	t.Helper()
	list, err := w.status.CRL(t.Context(), l.Issuer, l.Shard)
	if err != nil {
		t.Fatal(err)
	}
	all := [][]byte{list.DER}
	err = w.Store.View(t.Context(), func(tx store.Tx) error {
		for _, id := range []string{"root", "root-2"} {
			if der, err := ca.RootCRL(tx, id, w.at); err == nil {
				all = append(all, der)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, der := range all {
		pem.Encode(&b, &pem.Block{Type: "X509 CRL", Bytes: der})
	}
	name := filepath.Join(dir, "crls.pem")
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
