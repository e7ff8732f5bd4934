package badge_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/pkitest"
)

func (b *bench) list(t testing.TB, p badge.Purpose) []byte {
	t.Helper()
	jwt, err := b.StatusList(t.Context(), 0, p)
	if err != nil {
		t.Fatal(err)
	}
	return jwt
}

func TestTheHostedFileIsVerifiedOfflineWithItsStatusLists(t *testing.T) {
	b := newBench(t)
	got := b.granted(t)
	jwt, err := b.SignedCredential(t.Context(), got.ID)
	if err != nil {
		t.Fatal(err)
	}
	v, err := badge.Verify(jwt, b.ca.Root, b.clock.Now())
	if err != nil || v.Domain != domain || v.Business != catest.Zahra.LegalID || v.Status != "not looked up" || !v.Simulated || len(v.Lists()) != 2 {
		t.Fatalf("%+v, %v", v, err)
	}
	under := func(want string) {
		t.Helper()
		b.clock.pass(2 * time.Minute)
		now := b.clock.Now()
		got, err := v.Under(b.list(t, badge.Revocation), b.ca.Root, now)
		if err != nil {
			t.Fatal(err)
		}
		if got, err = got.Under(b.list(t, badge.Suspension), b.ca.Root, now); err != nil || got.Status != want {
			t.Errorf("%s, want %s, %v", got.Status, want, err)
		}
	}
	under("good")
	if err := b.ca.Suspend(t.Context(), b.cert.Serial, "holder"); err != nil {
		t.Fatal(err)
	}
	under("suspended")
	if err := b.ca.Resume(t.Context(), b.cert.Serial, "operator:a"); err != nil {
		t.Fatal(err)
	}
	under("good")
	if err := b.ca.Revoke(t.Context(), b.cert.Serial, ca.KeyCompromise, "holder"); err != nil {
		t.Fatal(err)
	}
	under("revoked")
}

func TestWhatIsNoCredentialOfOursProvesNothing(t *testing.T) {
	b := newBench(t)
	got := b.granted(t)
	jwt, err := b.SignedCredential(t.Context(), got.ID)
	if err != nil {
		t.Fatal(err)
	}
	other := newBench(t)
	now := b.clock.Now()
	payload, _, err := signature.VerifyJWS(jwt, badge.CredentialType, b.ca.Root, now)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(key ca.SigningKey, payload []byte) []byte {
		jws, err := signature.Signer{Key: key, Now: b.clock.Now}.JWS(badge.CredentialType, payload)
		if err != nil {
			t.Fatal(err)
		}
		return jws
	}
	edit := func(old, new string) []byte {
		changed := strings.Replace(string(payload), old, new, 1)
		if changed == string(payload) {
			t.Fatalf("nothing was changed: %s", old)
		}
		return sign(b.Credential(), []byte(changed))
	}
	audit := b.ca.SigningKey(t, "audit", ca.Service{Profile: ca.Audit, CommonName: "audit"})
	parts := strings.Split(string(jwt), ".")
	for name, test := range map[string]struct {
		jwt []byte
		at  time.Time
	}{
		"signed by a holder, whose certificate leads to the same root": {sign(b.key, payload), now},
		"signed by the key of receipts":                                {sign(audit, payload), now},
		"signed by another service":                                    {sign(other.Credential(), payload), now},
		"a changed payload":                                            {[]byte(parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(payload), domain, "evil.example", 1))) + "." + parts[2]), now},
		"a domain that is not its subject's":                           {edit(`"domain":"shop.example"`, `"domain":"evil.example"`), now},
		"another issuer":                                               {edit(`"issuer":{"id":"https://localhost:8443"`, `"issuer":{"id":"https://evil.example"`), now},
		"another type":                                                 {edit(`"OpenBadgeCredential"`, `"OtherCredential"`), now},
		"an unknown member":                                            {edit(`{"@context"`, `{"x":1,"@context"`), now},
		"over":                                                         {jwt, now.Add(7*24*time.Hour + time.Second)},
		"from the future":                                              {jwt, now.Add(-time.Hour)},
		"a status list":                                                {b.list(t, badge.Revocation), now},
		"a receipt":                                                    {b.receiptOf(t, got.ID), now},
		"nothing":                                                      {nil, now},
	} {
		if v, err := badge.Verify(test.jwt, b.ca.Root, test.at); err == nil {
			t.Errorf("%s: verified as %+v", name, v)
		}
	}
	v, err := badge.Verify(jwt, b.ca.Root, now)
	if err != nil {
		t.Fatal(err)
	}
	listPayload, _, err := signature.VerifyJWS(b.list(t, badge.Revocation), badge.CredentialType, b.ca.Root, now)
	if err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string][]byte{
		"of a holder's making":   sign(b.key, listPayload),
		"of another service":     sign(other.Credential(), listPayload),
		"that is the credential": jwt,
		"that it does not name":  sign(b.Credential(), []byte(strings.Replace(string(listPayload), "/badge/status/0/revocation", "/badge/status/1/revocation", 1))),
		"that is cut":            sign(b.Credential(), []byte(strings.Replace(string(listPayload), `"encodedList":"u`, `"encodedList":"uAA`, 1))),
		"that is a bomb":         sign(b.Credential(), []byte(strings.Replace(string(listPayload), `"encodedList":"u`, `"encodedList":"u`+strings.Repeat("A", 70<<10), 1))),
	} {
		if got, err := v.Under(list, b.ca.Root, now); err == nil {
			t.Errorf("a list %s: %s", name, got.Status)
		}
	}
}

func (b *bench) receiptOf(t testing.TB, id badge.ID) []byte {
	t.Helper()
	r, err := b.Receipt(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestStatusListsOverHTTP(t *testing.T) {
	b := newBench(t)
	s := b.portalOf(t)
	if got := get(t, s.URL+"/badge/status/0/revocation"); got.status != 404 {
		t.Errorf("a list without a badge: %d", got.status)
	}
	b.granted(t)
	got := get(t, s.URL+"/badge/status/0/revocation")
	if got.status != 200 || got.header.Get("Content-Type") != "application/vc+jwt" || got.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("%+v", got)
	}
	payload, _, err := signature.VerifyJWS([]byte(got.body), badge.CredentialType, b.ca.Root, b.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Subject struct {
			Type    string
			Purpose string `json:"statusPurpose"`
			List    string `json:"encodedList"`
		} `json:"credentialSubject"`
	}
	if err := json.Unmarshal(payload, &list); err != nil || list.Subject.Type != "BitstringStatusList" || list.Subject.Purpose != "revocation" || !strings.HasPrefix(list.Subject.List, "u") {
		t.Errorf("%s, %v", payload, err)
	}
	for _, path := range []string{"0/other", "1/revocation", "-1/revocation", "x/revocation", "99999999999999999999/revocation"} {
		if got := get(t, s.URL+"/badge/status/"+path); got.status != 404 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}

func TestACodeOnPaperLeadsToTheShopsPage(t *testing.T) {
	b := newBench(t)
	s := b.portalOf(t)
	id := b.granted(t).ID
	png := get(t, s.URL+"/badge/"+string(id)+".qr.png")
	if png.status != 200 || png.header.Get("Content-Type") != "image/png" || png.header.Get("Set-Cookie") != "" {
		t.Fatalf("%d %v", png.status, png.header)
	}
	file := filepath.Join(t.TempDir(), "code.png")
	if err := os.WriteFile(file, []byte(png.body), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(pkitest.Need(t, "zbarimg", "zbar-tools"), "--quiet", "--raw", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(string(out))
	token, ok := strings.CutPrefix(url, portal+"/badge/qr/")
	if !ok {
		t.Fatalf("the code says %q", url)
	}
	for lang, want := range map[string]string{"en": "In force", "fa": "معتبر"} {
		page := get(t, s.URL+"/badge/qr/"+token, "Accept-Language", lang)
		if page.status != 200 || !strings.Contains(page.body, domain) || !strings.Contains(page.body, want) || strings.Contains(page.body, "badge_token_") {
			t.Errorf("%s: %+v", lang, page)
		}
	}
	if err := b.ca.Revoke(t.Context(), b.cert.Serial, ca.KeyCompromise, "holder"); err != nil {
		t.Fatal(err)
	}
	if page := get(t, s.URL+"/badge/qr/"+token, "Accept-Language", "en"); !strings.Contains(page.body, "Revoked") {
		t.Error("an old code does not say that the badge is revoked")
	}
	if got := get(t, s.URL+"/badge/"+string(id)+".qr.png"); got.status != 409 {
		t.Errorf("a code of a revoked badge: %d", got.status)
	}
}

func TestTokens(t *testing.T) {
	b := newBench(t)
	id := b.granted(t).ID
	text, err := b.Token(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) > 200 {
		t.Errorf("%d characters", len(text))
	}
	token, err := badge.ParseToken(text)
	if err != nil || token.Badge != id || token.Domain != domain {
		t.Fatalf("%+v, %v", token, err)
	}
	leaf := b.Credential().Certificate
	if err := token.Holds(leaf, b.clock.Now()); err != nil {
		t.Fatal(err)
	}
	if err := token.Holds(leaf, b.clock.Now().Add(91*24*time.Hour)); fault.Code(err) != "badge_token_over" {
		t.Errorf("after three months: %v", err)
	}
	if err := token.Holds(b.key.Certificate, b.clock.Now()); fault.Code(err) != "badge_token_refused" {
		t.Errorf("under another certificate: %v", err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		spoiled := append([]byte(nil), raw...)
		spoiled[i] ^= 1
		if _, _, err := b.CheckToken(t.Context(), base64.RawURLEncoding.EncodeToString(spoiled)); err == nil {
			t.Errorf("octet %d may be changed", i)
		}
	}
	for _, s := range []string{"", "x", "AQ", text + "\n", text + "AAAA", strings.Repeat("A", 2000)} {
		if _, _, err := b.CheckToken(t.Context(), s); err == nil {
			t.Errorf("%q holds", s)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add("")
	f.Add("AQ")
	f.Add(base64.RawURLEncoding.EncodeToString(append(append(make([]byte, 0, 60), 1), make([]byte, 59)...)))
	f.Add(base64.RawURLEncoding.EncodeToString([]byte("\x01" + strings.Repeat("k", 8) + "eeee" + strings.Repeat("b", 16) + "\x0cshop.example" + "sig")))
	f.Fuzz(func(t *testing.T, s string) {
		token, err := badge.ParseToken(s)
		if err != nil {
			return
		}
		if d, err := badge.ParseDomain(token.Domain); err != nil || d.ASCII != token.Domain || len(token.Badge) != 34 || len(token.Key) != 16 {
			t.Errorf("%+v", token)
		}
	})
}

func TestTheFrameMayStandOnTheShopsPagesAlone(t *testing.T) {
	b := newBench(t)
	s := b.portalOf(t)
	id := string(b.granted(t).ID)
	for lang, want := range map[string]string{"fa": "معتبر تا", "en": "valid until"} {
		got := get(t, s.URL+"/badge/"+id+"/frame?lang="+lang)
		csp := got.header.Get("Content-Security-Policy")
		if got.status != 200 || !strings.HasSuffix(csp, "; frame-ancestors https://shop.example https://www.shop.example") || !strings.Contains(got.body, want) {
			t.Errorf("%s: %s\n%s", lang, csp, got.body)
		}
		if strings.Contains(got.body, "<script") || got.header.Get("Set-Cookie") != "" {
			t.Error("the frame has a script or sets a cookie")
		}
	}
	if got := get(t, s.URL+"/badge/b-none/frame?lang=en"); got.status != 200 || !strings.Contains(got.body, "no such badge") {
		t.Errorf("of no badge: %+v", got)
	}
	if got := get(t, s.URL+"/badge/%22%3E%3Cscript%3E/frame?lang=en"); strings.Contains(got.body, "<script>") {
		t.Errorf("the id is not escaped: %s", got.body)
	}
}

func TestTheRadarCountsForeignSitesAndNobody(t *testing.T) {
	b := newBench(t)
	s := b.portalOf(t)
	id := b.granted(t).ID
	picture := s.URL + "/badge/" + string(id) + ".svg"
	for _, referer := range []string{
		"https://www.evil.example/shop?customer=zahra", "https://evil.example/", "https://shop.example/", "https://www.shop.example/x", "", portal + "/badge",
		"http://192.168.1.7/", "http://router/", "http://[::1]/", "about:blank", "https://" + strings.Repeat("a", 3000), "https://user:secret@third.example/",
	} {
		get(t, picture, "Referer", referer)
	}
	get(t, s.URL+"/badge/"+string(id), "Referer", "https://evil.example/")
	if err := b.FlushCopies(t.Context()); err != nil {
		t.Fatal(err)
	}
	list, err := b.Copies(t.Context(), id)
	day := start.Truncate(24 * time.Hour)
	want := []badge.Copy{{Host: "evil.example", First: day, Last: day, Seen: 3}, {Host: "third.example", First: day, Last: day, Seen: 1}}
	if err != nil || len(list) != 2 || list[0] != want[0] || list[1] != want[1] {
		t.Errorf("%+v, %v", list, err)
	}
	if all := b.dump(t, "badge_copies"); strings.Contains(all, "zahra") || strings.Contains(all, "secret") || strings.Contains(all, "127.0.0.1") {
		t.Errorf("more than hosts is kept: %s", all)
	}
	for i := range 300 {
		get(t, picture, "Referer", "https://shop"+strings.Repeat("x", i%50)+string(rune('a'+i%26))+string(rune('a'+i/26))+".example/")
	}
	if err := b.FlushCopies(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.count(t, "badge_copies"); n > 200 {
		t.Errorf("%d sites are kept of one badge", n)
	}
}

func TestKnownFakesAreListedAndTheLookUpWarns(t *testing.T) {
	b := newBench(t)
	s := b.portalOf(t)
	id := b.granted(t).ID
	registrar := b.operator(t, "maryam", ca.RoleRegistrar)
	if _, err := b.MarkFake(t.Context(), b.operator(t, "sara", ca.RoleAuditor), "evil.example", id); fault.Code(err) != "operator_required" {
		t.Errorf("an auditor marks: %v", err)
	}
	if _, err := b.MarkFake(t.Context(), registrar, domain, id); fault.Code(err) != "badge_fake_own" {
		t.Errorf("the shop itself: %v", err)
	}
	if _, err := b.MarkFake(t.Context(), registrar, "Evil.example", id); err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string]string{"en": "Known fakes", "fa": "جعلی"} {
		if got := get(t, s.URL+"/badge/fakes", "Accept-Language", lang); got.status != 200 || !strings.Contains(got.body, "evil.example") || !strings.Contains(got.body, want) {
			t.Errorf("%s: %+v", lang, got)
		}
	}
	if got := get(t, s.URL+"/badge?domain=evil.example", "Accept-Language", "en"); !strings.Contains(got.body, "known to show a badge that is another") {
		t.Error("the look-up does not warn")
	}
	if got := get(t, s.URL+"/api/v1/badges/fakes"); !strings.Contains(got.body, `"host":"evil.example"`) {
		t.Errorf("%+v", got)
	}
	for range 2 { // the second time there is nothing to take off, and nothing to say
		if err := b.UnmarkFake(t.Context(), registrar, "evil.example"); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	err := ledger.EachEvent(t.Context(), b.ca.Store, func(e ledger.Event) error {
		if e.Kind == "badge.fake_removed" && e.Subject == string(id) && e.Note == "evil.example" {
			n++
		}
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("the log says %d times that it was taken off", n)
	}
	if got := get(t, s.URL+"/badge/fakes", "Accept-Language", "en"); strings.Contains(got.body, "evil.example") {
		t.Error("it is still listed")
	}
}

func TestOperatorsRoutesAreForOperatorsAlone(t *testing.T) {
	b := newBench(t)
	s := b.portalOf(t)
	id := string(b.granted(t).ID)
	api := s.URL + "/api/v1/badges/"
	for _, route := range [][3]string{
		{"GET", id + "/case", ""}, {"POST", id + "/deeds", `{"deed":"revoke","ground":"fraud","reasons":"x"}`}, {"GET", "appeals", ""},
		{"POST", id + "/appeal", `{"outcome":"upheld","reasons":"x"}`}, {"POST", "trial", `{"rules":""}`}, {"GET", id + "/copies", ""}, {"POST", "fakes", `{"host":"a.example","badge":"` + id + `"}`},
	} {
		if got := fetch(t, route[0], api+route[1], "application/json", []byte(route[2])); got.status != 403 {
			t.Errorf("%s %s: %d", route[0], route[1], got.status)
		}
	}
	if state, _ := b.state(t, badge.ID(id)); state != badge.Active {
		t.Errorf("the badge is %s", state)
	}
}

func TestThePagesOfTheServiceInBothLanguages(t *testing.T) {
	b := newBench(t)
	s := b.portalOf(t)
	waiting := b.request(t)
	page := s.URL + "/badge/" + string(waiting.ID)
	for lang, want := range map[string][]string{
		"en": {"a DNS record of the type TXT", "_mohr-challenge.shop.example", "&lt;meta name=", "the applicant"},
		"fa": {"رکورد DNS", "_mohr-challenge.shop.example", "متقاضی"},
	} {
		got := get(t, page, "Accept-Language", lang)
		for _, w := range want {
			if !strings.Contains(got.body, w) {
				t.Errorf("%s: the page does not say %q", lang, w)
			}
		}
	}
	b.granted(t)
	registrar := b.operator(t, "maryam", ca.RoleRegistrar)
	if _, err := b.Do(t.Context(), registrar, waiting.ID, badge.Suspend, badge.Misuse, "x"); err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string][]string{
		"en": {"If nothing is mended it is revoked on", "can appeal until"},
		"fa": {"اگر برطرف نشود", "می‌تواند با"},
	} {
		got := get(t, page, "Accept-Language", lang)
		for _, w := range want {
			if !strings.Contains(got.body, w) {
				t.Errorf("%s: the page of a suspended badge does not say %q", lang, w)
			}
		}
	}
	if _, err := b.appeal(t, "appeal-1"); err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string]string{"en": "The business has appealed", "fa": "اعتراض کرده است"} {
		if got := get(t, page, "Accept-Language", lang); !strings.Contains(got.body, want) {
			t.Errorf("%s: the page does not show the appeal", lang)
		}
	}
	for lang, want := range map[string]string{"en": "95 of 100 within", "fa": "بدون زمان متقاضی"} {
		got := get(t, s.URL+"/badge/service", "Accept-Language", lang)
		if got.status != 200 || !strings.Contains(got.body, want) || strings.Contains(got.body, "badge_") {
			t.Errorf("%s: %+v", lang, got)
		}
	}
	if got := get(t, s.URL+"/api/v1/badges/service-level"); got.status != 200 || !strings.Contains(got.body, `"decided":1`) {
		t.Errorf("%+v", got)
	}
}
