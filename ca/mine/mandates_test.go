package mine_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/ca/mandate"
	"mohr/ca/signature"
	"mohr/ca/signin"
	"mohr/internal/gateway"
	"mohr/internal/nonce"
)

// company is an organisation that davood binds alone.
const company = "14003456780"

// register is the company register of these tests.
type register struct{}

func (register) Legal(_ context.Context, id string) (gateway.Answer[gateway.Legal], error) {
	sum := sha256.Sum256([]byte(id))
	return gateway.Answer[gateway.Legal]{
		Value: gateway.Legal{Result: gateway.Match, LegalID: id, Name: "شرکت نمونه", Status: evidence.LegalActive,
			Signatories: []gateway.Signatory{{NationalCode: davood.NationalCode, Role: "مدیرعامل", Alone: true}}},
		SHA256: hex.EncodeToString(sum[:]), At: time.Now(), Source: "test@1", Environment: string(evidence.Simulated),
	}, nil
}

// proves gives a fresh proof for a purpose.
func (b *bench) proves(key ca.SigningKey, purpose string) {
	b.t.Helper()
	page := b.send("GET", "/signin/confirm?"+url.Values{"purpose": {purpose}, "to": {"/my"}}.Encode(), nil).Body.String()
	m := shownNonce.FindStringSubmatch(page)
	if m == nil {
		b.t.Fatalf("no nonce:\n%s", page)
	}
	form := url.Values{"statement": {b.statement(key, signin.ConfirmType, m[1], purpose)}, "purpose": {purpose}, "to": {"/my"}}
	if w := b.send("POST", "/signin/confirm/statement", form); w.Code != http.StatusSeeOther {
		b.t.Fatalf("confirming: %d", w.Code)
	}
}

var shownMore = regexp.MustCompile(`data-more="([^"]*)"`)

// signs does what the script of a page does: it signs what the page shows.
func (b *bench) signs(key ca.SigningKey, page, typ string) url.Values {
	b.t.Helper()
	m := shownMore.FindStringSubmatch(page)
	if m == nil || !strings.Contains(page, `value="`+typ+`"`) {
		b.t.Fatalf("nothing to sign:\n%s", page)
	}
	statement := map[string]any{}
	must(b.t, json.Unmarshal([]byte(html.UnescapeString(m[1])), &statement))
	sum, now := sha256.Sum256(key.Certificate.Raw), time.Now().Unix()
	statement["type"], statement["aud"], statement["certificate_sha256"] = typ, catest.Portal, hex.EncodeToString(sum[:])
	statement["iat"], statement["exp"] = now, now+300
	statement["nonce"] = b.nonces.New(map[string]nonce.Purpose{mandate.StatementType: mandate.GiveNonce, mandate.RevokeType: mandate.RevokeNonce}[typ])
	payload, err := json.Marshal(statement)
	must(b.t, err)
	jws, err := signature.SignJWS(key, typ, payload)
	must(b.t, err)
	return url.Values{"type": {typ}, "legal_id": {company}, "statement": {string(jws)}}
}

// TestAMandateIsGivenAndEndedByWhatIsSigned: the pages show and prepare for who
// binds the organisation, and only the signature of such a one counts.
func TestAMandateIsGivenAndEndedByWhatIsSigned(t *testing.T) {
	b := newBench(t)
	boss, _ := b.fixture.IssueTo(t, davood, ca.NaturalSign, "r-1")
	other, _ := b.fixture.IssueTo(t, catest.Zahra, ca.NaturalSign, "r-2")
	const list = "/my/mandates/of?legal_id=" + company
	b.signIn(boss)
	if w := b.send("GET", list, nil); w.Code != http.StatusSeeOther || !strings.Contains(w.Header().Get("Location"), "/signin/confirm") {
		t.Fatalf("shown without a fresh proof: %d", w.Code)
	}
	if w := b.send("GET", "/my/mandates/of?legal_id=1", nil); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `id="legal_id_error"`) {
		t.Errorf("no such id: %d %s", w.Code, w.Body)
	}
	if w := b.send("GET", "/my/mandates/of?legal_id="+url.QueryEscape("۱۴۰۰۳۴۵۶۷۸۰"), nil); !strings.Contains(w.Header().Get("Location"), url.QueryEscape("mandates/"+company)) {
		t.Errorf("Persian digits: %d %q", w.Code, w.Header().Get("Location"))
	}
	b.proves(boss, "mandates/"+company)
	if w := b.send("GET", list, nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "/my/mandates/new") {
		t.Fatalf("the list: %d %s", w.Code, w.Body)
	}
	if w := b.send("GET", "/my/mandates/new?legal_id="+company, nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `name="national_code"`) {
		t.Fatalf("the form: %d %s", w.Code, w.Body)
	}
	form := url.Values{"legal_id": {company}, "national_code": {"1"}, "title": {"مدیر فروش"}, "scope": {"complaint-answer", "badge-request"}, "days": {"180"}}
	if w := b.send("POST", "/my/mandates/new", form); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `id="national_code_error"`) {
		t.Errorf("a wrong code: %d %s", w.Code, w.Body)
	}
	form.Set("national_code", catest.Zahra.NationalCode)
	page := b.send("POST", "/my/mandates/new", form).Body.String()
	if w := b.send("POST", "/my/mandates", b.signs(other, page, mandate.StatementType)); w.Code != http.StatusForbidden {
		t.Errorf("one who does not bind it gives a mandate: %d %s", w.Code, w.Body)
	}
	if w := b.send("POST", "/my/mandates", url.Values{"type": {mandate.StatementType}}); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("nothing signed: %d", w.Code)
	}
	if w := b.send("POST", "/my/mandates", b.signs(boss, page, mandate.StatementType)); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "The mandate stands") {
		t.Fatalf("given: %d %s", w.Code, w.Body)
	}
	page = b.send("GET", list, nil).Body.String()
	id := regexp.MustCompile(`m-[0-9a-f]{32}`).FindString(page)
	if id == "" || !strings.Contains(page, catest.Zahra.NationalCode) || strings.Contains(page, "/join") {
		t.Fatalf("the list after it: %s", page)
	}
	end := "/my/mandates/" + id + "/end"
	if w := b.send("GET", end, nil); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "data-more") {
		t.Errorf("the end is signed before its reason: %d", w.Code)
	}
	page = b.send("GET", end+"?reason=left&certificates=yes", nil).Body.String()
	if w := b.send("POST", "/my/mandates", b.signs(boss, page, mandate.RevokeType)); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "The mandate has ended") {
		t.Fatalf("ended: %d %s", w.Code, w.Body)
	}
	if w := b.send("GET", end+"?reason=left&certificates=yes", nil); w.Code != http.StatusConflict {
		t.Errorf("nothing is left to end: %d", w.Code)
	}
	b.cookies = map[string]string{}
	b.signIn(other)
	if page := b.send("GET", "/my/mandates", nil).Body.String(); !strings.Contains(page, id) || strings.Contains(page, end) {
		t.Errorf("the own mandate: %s", page)
	}
	b.proves(other, "mandates/"+company)
	if w := b.send("GET", list, nil); w.Code != http.StatusForbidden || strings.Contains(w.Body.String(), id) {
		t.Errorf("who does not bind it sees who acts for it: %d", w.Code)
	}
}
