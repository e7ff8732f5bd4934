package mine_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/receipt"
)

// TestReceiptsHoldOfflineWithTheirProof: of the issuance and of the end, for
// whose certificate it is and nobody else.
func TestReceiptsHoldOfflineWithTheirProof(t *testing.T) {
	b := newBench(t)
	key, own := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-1")
	_, other := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalAuth, "r-2")
	_, foreign := b.fixture.IssueTo(t, davood, ca.NaturalSign, "r-3")
	b.signIn(key)
	page := "/my/certificates/" + own.Serial + "/receipts/issued"
	if w := b.send("GET", page, nil); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "<details") {
		t.Errorf("there is a proof before the log has the deed: %d %s", w.Code, w.Body)
	}
	if r := b.receipt(page); r.Logged {
		t.Errorf("before the log has it: %+v", r)
	}
	b.confirm(key, other.Serial)
	if code := b.end(other.Serial, ca.AffiliationChanged); code != http.StatusOK {
		t.Fatalf("ending: %d", code)
	}
	must(t, b.log.Sequence(t.Context()))
	for path, kind := range map[string]string{page: "issued", "/my/certificates/" + other.Serial + "/receipts/issued": "issued", "/my/certificates/" + other.Serial + "/receipts/revoked": "revoked"} {
		r := b.receipt(path)
		if !r.Logged || r.Kind != "certificate-"+kind || r.Event.Kind != "certificate."+kind || !strings.Contains(path, r.Event.Subject) {
			t.Errorf("%s: %+v", path, r)
		}
		if w := b.send("GET", path, nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), r.Leaf) || !strings.Contains(w.Body.String(), "test.example/log") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if list := b.send("GET", "/my/receipts", nil).Body.String(); !strings.Contains(list, `href="`+path+`"`) {
			t.Errorf("%s is not in %s", path, list)
		}
	}
	for _, path := range []string{"/my/certificates/" + foreign.Serial + "/receipts/issued", "/my/certificates/" + own.Serial + "/receipts/revoked", "/my/certificates/" + own.Serial + "/receipts/x"} {
		for _, file := range []string{"", "/receipt.json"} {
			if w := b.send("GET", path+file, nil); w.Code != http.StatusNotFound {
				t.Errorf("%s%s: %d", path, file, w.Code)
			}
		}
	}
}

// receipt fetches the receipt of the deed on the page and checks it offline.
func (b *bench) receipt(page string) receipt.Report {
	b.t.Helper()
	w := b.send("GET", page+"/receipt.json", nil)
	if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Content-Disposition"), "receipt.json") {
		b.t.Fatalf("%s: %d %s", page, w.Code, w.Body)
	}
	r, err := receipt.Verify(w.Body.Bytes(), b.fixture.Root, b.log.VerifierKey(), time.Now())
	must(b.t, err)
	var said struct{ Certificate, Deed string }
	must(b.t, json.Unmarshal(r.Claims, &said))
	if !strings.HasSuffix(page, said.Certificate+"/receipts/"+said.Deed) {
		b.t.Errorf("%s is of %s, %s", page, said.Certificate, said.Deed)
	}
	return r
}
