package complaints_test

import (
	"bytes"
	"encoding/json"
	"image/png"
	"net/url"
	"strings"
	"testing"

	"mohr/ca/receipt"
	"mohr/complaints"
	"mohr/internal/ledger"
)

// logged is a bench with a log whose proofs go into receipts.
func logged(t *testing.T) (*bench, *ledger.Log) {
	t.Helper()
	b := newBench(t, nil)
	key, err := b.ca.Keys.Key(t.Context(), "checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	log, err := ledger.New(ledger.Config{Store: b.ca.Store, Signer: key, Origin: "test.example/log", Now: b.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	b.Proofs = log
	return b, log
}

func TestReceiptsOfBothSidesHoldOfflineWithTheirProof(t *testing.T) {
	b, log := logged(t)
	ticket := b.file(t)
	b.clock.advance(97 * hour)
	a := b.answer(t, ticket.ID, complaints.KindAnswer)
	if f, err := b.ReceiptFile(t.Context(), ticket.ID, ticket.Token, ""); err != nil || f.Inclusion != nil {
		t.Errorf("before the log has it: %+v, %v", f.Inclusion, err)
	}
	if err := log.Sequence(t.Context()); err != nil {
		t.Fatal(err)
	}
	mine, err := b.ReceiptFile(t.Context(), ticket.ID, ticket.Token, "")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := b.AnswerReceipt(t.Context(), a.Statement)
	if err != nil {
		t.Fatal(err)
	}
	for kind, f := range map[string]receipt.File{"complaint-filed": mine, "complaint-answered": theirs} {
		file, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		r, err := receipt.Verify(file, b.ca.Root, log.VerifierKey(), b.clock.Now())
		if err != nil || !r.Logged || r.Kind != kind {
			t.Errorf("%s: %+v, %v", kind, r, err)
		}
		var claims struct {
			Complaint, Statement string
			State                complaints.State
			Missed               int
		}
		if err := json.Unmarshal(r.Claims, &claims); err != nil || claims.Complaint != ticket.ID {
			t.Errorf("%s: %v", r.Claims, err)
		}
		if kind == "complaint-answered" && (claims.State != complaints.StateAnsweredLate || claims.Missed != 1 || claims.Statement != a.Statement) {
			t.Errorf("%s", r.Claims)
		}
		if strings.Contains(string(file), "9121112233") {
			t.Error("a receipt names the contact")
		}
	}
	_, err = b.AnswerReceipt(t.Context(), strings.Repeat("0", 64))
	if err == nil {
		t.Error("a receipt of no answer")
	}
}

func TestTheReceiptIsOnThePagesAsAFileAndAPicture(t *testing.T) {
	p := newPortal(t)
	ticket := p.file(t)
	w := p.call("POST", "/complaints/"+ticket.ID, url.Values{"token": {ticket.Token}, "do": {"receipt"}}.Encode(), nil, asForm)
	var f receipt.File
	get(t, w, 200, &f)
	if f.Receipt != ticket.Receipt || w.Header().Get("Content-Disposition") == "" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%+v, %v", f, w.Header())
	}
	if w := p.call("POST", "/complaints/"+ticket.ID, url.Values{"token": {"x"}, "do": {"receipt"}}.Encode(), nil, asForm); w.Code != 403 {
		t.Errorf("with a wrong token: %d", w.Code)
	}
	w = p.call("GET", "/complaints/qr/"+ticket.Leaf, "", nil)
	if _, err := png.Decode(bytes.NewReader(w.Body.Bytes())); err != nil || w.Header().Get("Content-Type") != "image/png" {
		t.Errorf("%d %s, %v", w.Code, w.Header(), err)
	}
	for _, leaf := range []string{"x", ticket.Leaf + "00", "..%2f" + ticket.Leaf} {
		if w := p.call("GET", "/complaints/qr/"+leaf, "", nil); w.Code != 404 {
			t.Errorf("%s: %d", leaf, w.Code)
		}
	}
}

func TestEachStepOfTheConsumerIsAButtonOnThePage(t *testing.T) {
	for _, lang := range []string{"fa", "en"} {
		p := newPortal(t)
		ticket, l := p.file(t), "Accept-Language: "+lang
		p.answer(t, ticket.ID, complaints.KindAnswer)
		do := func(step string, more url.Values) string {
			v := url.Values{"token": {ticket.Token}, "do": {step}, "business": {string(shop)}}
			for k := range more {
				v.Set(k, more.Get(k))
			}
			return p.call("POST", "/complaints/"+ticket.ID, v.Encode(), nil, asForm, l).Body.String()
		}
		body := do("", nil)
		for _, step := range []string{"dispute", "accept", "reject", "settle", "escalate", "withdraw"} {
			if !strings.Contains(body, `name="do" value="`+step+`"`) {
				t.Errorf("%s: no button to %s", lang, step)
			}
		}
		if strings.Contains(body, "<script") || strings.Contains(body, "complaints.") || strings.Contains(body, "%!") {
			t.Errorf("%s: %s", lang, body)
		}
		if body = do("reject", nil); strings.Contains(body, `value="reject"`) || !strings.Contains(body, `value="escalate"`) {
			t.Errorf("%s: rejected: %s", lang, body)
		}
		if body = do("escalate", nil); !strings.Contains(body, `role="alert"`) || !strings.Contains(body, `value="escalate"`) {
			t.Errorf("%s: escalated without reasons: %s", lang, body)
		}
		if body = do("escalate", url.Values{"why": {"<b>وجه</b> پس داده نشد."}}); !strings.Contains(body, "&lt;b&gt;") || strings.Contains(body, `value="escalate"`) {
			t.Errorf("%s: escalated: %s", lang, body)
		}
		p.rule(t, ticket.ID, decided)
		if body = do("", nil); !strings.Contains(body, `value="appeal"`) || strings.Contains(body, "complaints.") {
			t.Errorf("%s: decided: %s", lang, body)
		}
	}
}
