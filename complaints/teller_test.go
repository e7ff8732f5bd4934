package complaints_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"mohr/ca/catest"
	"mohr/ca/signature"
	"mohr/complaints"
	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/seal"
)

func (b *bench) notices(t testing.TB, change func(*complaints.NoticesStatement)) []byte {
	t.Helper()
	now := b.clock.Now().Unix()
	s := complaints.NoticesStatement{
		Claims: signature.Claims{
			Type: complaints.NoticesType, Audience: catest.Portal, CertificateSHA256: sha256Hex(b.key.Certificate.Raw),
			Nonce: b.nonces.New(complaints.NoticesNonce), IssuedAt: now, Expires: now + 300,
		},
		Business: string(shop),
	}
	change(&s)
	return b.signedAs(t, b.key, complaints.NoticesType, s)
}

// teller is the notifier in use, with a client that reaches the test's server.
func (b *bench) teller(t testing.TB, client *http.Client, send func(context.Context, string, string) error) *complaints.Teller {
	t.Helper()
	texts, err := i18n.Parse(complaints.Texts)
	if err != nil {
		t.Fatal(err)
	}
	box, err := seal.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return &complaints.Teller{Store: b.ca.Store, Seal: box, Client: client, Send: send, Texts: texts, Portal: catest.Portal, Now: b.clock.Now}
}

func TestAWebhookIsSignedAndTheSameWhenSentAgain(t *testing.T) {
	b := newBench(t, nil)
	status, ids := http.StatusServiceUnavailable, map[string]int{}
	var secret string
	var body struct {
		Type string
		Data struct{ Complaint, Business, Deadline string }
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		hook, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Error(err)
		}
		if err := hook.VerifyIgnoringTimestamp(raw, r.Header); err != nil { // the test's clock stands elsewhere
			t.Error(err)
		}
		ids[r.Header.Get("webhook-id")]++
		if err := json.Unmarshal(raw, &body); err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
	}))
	defer server.Close()
	raw := b.notices(t, func(s *complaints.NoticesStatement) { s.URL = server.URL + "/hook" })
	first, err := b.SetNotices(t.Context(), shop, raw)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := b.SetNotices(t.Context(), shop, raw); err != nil || again != first || !strings.HasPrefix(first.Secret, "whsec_") {
		t.Errorf("%+v, %+v, %v", first, again, err)
	}
	if strings.Contains(b.dump(t), server.URL) || strings.Contains(b.dump(t), first.Secret) {
		t.Error("the store shows the address or the secret")
	}
	secret = first.Secret
	teller := b.teller(t, server.Client(), nil)
	deadline := b.clock.Now().Add(96 * hour)
	if err := teller.Served(t.Context(), shop, "c-1", deadline); err == nil {
		t.Error("a webhook that refused counts as told")
	}
	status = http.StatusNoContent
	if err := teller.Served(t.Context(), shop, "c-1", deadline); err != nil {
		t.Error(err)
	}
	if len(ids) != 1 || body.Type != "complaint.served" || body.Data.Complaint != "c-1" || body.Data.Business != string(shop) {
		t.Errorf("%v, %+v", ids, body)
	}
	if err := teller.Served(t.Context(), shop, "c-1", deadline.Add(hour)); err != nil || len(ids) != 2 {
		t.Errorf("that the clock goes on is a message of its own: %v, %v", ids, err)
	}
	if err := teller.Served(t.Context(), nobody, "c-1", deadline); err != nil {
		t.Errorf("one that gave no address: %v", err)
	}
}

func TestAWebhookIsTriedAndTheResultTold(t *testing.T) {
	b := newBench(t, nil)
	status := http.StatusNoContent
	var kind string
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Type string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Header.Get("webhook-signature") == "" {
			t.Errorf("%v, %v", r.Header, err)
		}
		kind = body.Type
		w.WriteHeader(status)
	}))
	defer server.Close()
	private := &http.Client{Transport: refusing{}}
	if _, err := b.teller(t, server.Client(), nil).Try(t.Context(), shop); fault.Code(err) != "complaint_no_webhook" {
		t.Errorf("without a webhook: %v", err)
	}
	if _, err := b.SetNotices(t.Context(), shop, b.notices(t, func(s *complaints.NoticesStatement) { s.URL = server.URL })); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		client  *http.Client
		status  int
		outcome string
	}{
		{"it takes it", server.Client(), 204, complaints.TryTaken},
		{"it refuses it", server.Client(), 500, complaints.TryRefused},
		{"it is not believed", &http.Client{}, 0, complaints.TrySilent},
		{"it is not outside", private, 0, complaints.TryInternal},
	} {
		if status = c.status; status == 0 {
			status = 204
		}
		done, err := b.teller(t, c.client, nil).Try(t.Context(), shop)
		if err != nil || done.Outcome != c.outcome || done.Status != c.status {
			t.Errorf("%s: %+v, %v", c.name, done, err)
		}
	}
	if kind != "test" {
		t.Errorf("the message is a %q", kind)
	}
}

// refusing is a dialer that refuses every address.
type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, fault.Denied
}

func TestAMessageGoesToTheMobileThatTheBusinessNamed(t *testing.T) {
	b := newBench(t, nil)
	if _, err := b.SetNotices(t.Context(), shop, b.notices(t, func(s *complaints.NoticesStatement) { s.Mobile = "09351112233" })); err != nil {
		t.Fatal(err)
	}
	var to, said string
	teller := b.teller(t, nil, func(_ context.Context, mobile, text string) error {
		to, said = mobile, text
		return nil
	})
	if err := teller.Served(t.Context(), shop, "c-0a1", b.clock.Now()); err != nil || to != "+989351112233" || !strings.Contains(said, "c-0a1") || !strings.Contains(said, catest.Portal) {
		t.Errorf("%s: %q, %v", to, said, err)
	}
	down := errors.New("down")
	if err := b.teller(t, nil, func(context.Context, string, string) error { return down }).Served(t.Context(), shop, "c-1", b.clock.Now()); !errors.Is(err, down) {
		t.Errorf("%v", err)
	}
}

func TestAbuseNoticesAreSetByTheBusinessAlone(t *testing.T) {
	b := newBench(t, nil)
	good := func(s *complaints.NoticesStatement) { s.URL = "https://shop.example/hook" }
	for name, tt := range map[string]struct {
		change func(*complaints.NoticesStatement)
		code   string
	}{
		"for another business":    {func(s *complaints.NoticesStatement) { s.Business = string(nobody) }, "record_not_yours"},
		"without TLS":             {func(s *complaints.NoticesStatement) { s.URL = "http://shop.example/" }, "complaint_notices_address"},
		"with a password":         {func(s *complaints.NoticesStatement) { s.URL = "https://a:b@shop.example/" }, "complaint_notices_address"},
		"of no host":              {func(s *complaints.NoticesStatement) { s.URL = "https:///x" }, "complaint_notices_address"},
		"too long":                {func(s *complaints.NoticesStatement) { s.URL = "https://shop.example/" + strings.Repeat("a", 600) }, "complaint_notices_address"},
		"both ways":               {func(s *complaints.NoticesStatement) { good(s); s.Mobile = "09351112233" }, "complaint_notices_address"},
		"a mobile that is none":   {func(s *complaints.NoticesStatement) { s.Mobile = "12" }, "mobile_invalid"},
		"a nonce for answers":     {func(s *complaints.NoticesStatement) { good(s); s.Nonce = b.nonces.New(complaints.AnswerNonce) }, "nonce_unknown"},
		"another type than it is": {func(s *complaints.NoticesStatement) { good(s); s.Type = complaints.AnswerType }, "statement_type"},
	} {
		_, err := b.SetNotices(t.Context(), shop, b.notices(t, tt.change))
		if fault.Code(err) != tt.code {
			t.Errorf("%s: %v (%s)", name, err, fault.Code(err))
		}
	}
	_, err := b.SetNotices(t.Context(), nobody, b.notices(t, func(s *complaints.NoticesStatement) { good(s); s.Business = string(nobody) }))
	wantFault(t, err, fault.Denied, "record_not_yours")
}
