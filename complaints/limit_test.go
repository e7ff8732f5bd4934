package complaints_test

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/complaints"
	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/store"
)

// registryDown is the code of internal/gateway.
const registryDown = "registry_unavailable"

// register is the company register as a desk sees it.
type register struct {
	mu           sync.Mutex
	names        map[string]bool
	down, unsure bool
	asked        []string
}

func (r *register) Legal(_ context.Context, id string) (gateway.Answer[gateway.Legal], error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, id)
	if r.down {
		return gateway.Answer[gateway.Legal]{}, fault.New(fault.Unavailable, registryDown, "the register does not answer; try again later")
	}
	a := gateway.Answer[gateway.Legal]{Contradicts: r.unsure, Value: gateway.Legal{Result: "not_found"}}
	if r.names[id] {
		a.Value = gateway.Legal{Result: gateway.Match, LegalID: id, Status: "dissolved"}
	}
	return a, nil
}

// unlimited lets tests about other things file as often as they need.
var unlimited = complaints.Limits{Business: 1 << 20, Total: 1 << 20, Codes: 1 << 20}

// limited is a bench with the limits that hold without configuration.
func limited(t *testing.T) *bench {
	return newBench(t, func(c *complaints.Config) { c.Limits = complaints.Limits{} })
}

func against(business ca.BusinessID, change func(*complaints.Filing)) complaints.Filing {
	in := filing()
	in.Business = string(business)
	if change != nil {
		change(&in)
	}
	return in
}

func TestOneContactFilesThreeComplaintsADayAgainstABusiness(t *testing.T) {
	b := limited(t)
	var first complaints.Filing
	for i := range 3 {
		in := filing()
		if i == 0 {
			first = in
		}
		if _, err := b.File(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	before := b.dump(t)
	same := []complaints.Contact{
		{Mobile: "+989121112233"}, {Mobile: "۰۹۱۲۱۱۱۲۲۳۳"}, {Mobile: "09121112233", Email: "new@example.com"},
	}
	for _, contact := range same {
		_, err := b.File(t.Context(), against(shop, func(f *complaints.Filing) { f.Contact = contact }))
		wantFault(t, err, fault.Limited, "complaint_limit_business")
	}
	if b.dump(t) != before {
		t.Error("a refused complaint left something behind")
	}
	if _, err := b.File(t.Context(), first); err != nil {
		t.Errorf("the first one sent again: %v", err)
	}
	if _, err := b.File(t.Context(), against(shop, func(f *complaints.Filing) { f.Contact.Mobile = "09121112234" })); err != nil {
		t.Errorf("another contact: %v", err)
	}
	b.clock.advance(24 * hour)
	if _, err := b.File(t.Context(), filing()); err != nil {
		t.Errorf("the next day: %v", err)
	}
}

func TestAnEMailAddressIsOneContactHoweverItIsWritten(t *testing.T) {
	b := limited(t)
	for i := range 4 {
		_, err := b.File(t.Context(), against(shop, func(f *complaints.Filing) {
			f.Contact = complaints.Contact{Email: []string{"a@b.example", "A@b.example", "a@B.example", "A@B.EXAMPLE"}[i]}
		}))
		if i < 3 && err != nil {
			t.Fatal(err)
		}
		if i == 3 {
			wantFault(t, err, fault.Limited, "complaint_limit_business")
		}
	}
}

func TestOneContactFilesTenComplaintsADayInAll(t *testing.T) {
	b := newBench(t, func(c *complaints.Config) { c.Limits = complaints.Limits{Business: 100} })
	for range 10 {
		b.file(t)
	}
	_, err := b.File(t.Context(), filing())
	wantFault(t, err, fault.Limited, "complaint_limit_day")
}

func TestManyAtOnceDoNotPassTheLimit(t *testing.T) {
	b := limited(t)
	var wg sync.WaitGroup
	codes := map[complaints.Draft]string{}
	for range 12 {
		draft, err := b.Begin(t.Context(), filing(), "en")
		if err != nil {
			t.Fatal(err)
		}
		codes[draft] = b.phone.code("+989121112233")
	}
	for draft, code := range codes {
		wg.Go(func() { _, _ = b.Confirm(t.Context(), draft.ID, draft.Token, code) })
	}
	wg.Wait()
	if r, err := b.Record(t.Context(), shop); err != nil || r.Scorecard.Received != 3 {
		t.Errorf("received %d, %v", r.Scorecard.Received, err)
	}
}

func TestTheCountsNameNobodyAndAreForgotten(t *testing.T) {
	b := limited(t)
	counts := func() (all string) {
		err := b.ca.Store.View(t.Context(), func(tx store.Tx) error {
			return tx.Scan("complaints_contacts", "", "", func(key string, value []byte) error {
				all += key + " " + string(value) + "\n"
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	b.file(t)
	day := b.clock.Now().Format(time.DateOnly)
	if all := counts(); strings.Count(all, day) != 3 || strings.Contains(all, "9121112233") || strings.Contains(all, string(shop)) {
		t.Errorf("counts:\n%s", all)
	}
	b.clock.advance(48 * hour)
	b.file(t)
	if all := counts(); strings.Contains(all, day) {
		t.Errorf("still there two days later:\n%s", all)
	}
}

// nobody is a legal id that checks; it has no certificate of ours.
const nobody ca.BusinessID = "10380284790"

func TestABusinessMustBeKnown(t *testing.T) {
	opaque := ca.BusinessID("s-" + strings.Repeat("0a", 16))
	tests := []struct {
		name     string
		business ca.BusinessID
		register *register
		kind     fault.Kind // "": taken
		code     string
		asked    int
	}{
		{"one with our certificate is not asked for", shop, &register{down: true}, "", "", 0},
		{"one that the register has", nobody, &register{names: map[string]bool{string(nobody): true}}, "", "", 1},
		{"one that no register has", nobody, &register{}, fault.NotFound, "complaint_business_unknown", 1},
		{"one while the register is down", nobody, &register{down: true}, fault.Unavailable, registryDown, 1},
		{"one of which the register says two things", nobody, &register{unsure: true}, fault.Unavailable, "complaint_business_unsure", 1},
		{"a sole trader we do not know", opaque, &register{names: map[string]bool{string(opaque): true}}, fault.NotFound, "complaint_business_unknown", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, func(c *complaints.Config) { c.Businesses = tt.register })
			before := b.dump(t)
			_, err := b.File(t.Context(), against(tt.business, nil))
			if tt.kind != "" {
				wantFault(t, err, tt.kind, tt.code)
				if b.dump(t) != before {
					t.Error("something was recorded")
				}
			} else if err != nil {
				t.Error(err)
			}
			if len(tt.register.asked) != tt.asked {
				t.Errorf("asked %v", tt.register.asked)
			}
		})
	}
}

func TestTheRegisterIsAskedOnceForABusiness(t *testing.T) {
	r := &register{names: map[string]bool{string(nobody): true}}
	b := newBench(t, func(c *complaints.Config) { c.Businesses = r })
	in := against(nobody, nil)
	if _, err := b.File(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	r.down = true
	for i, in := range []complaints.Filing{in, against(nobody, nil)} {
		if _, err := b.File(t.Context(), in); err != nil {
			t.Errorf("filing %d: %v", i, err)
		}
	}
	if d := fmt.Sprint(r.asked); d != "["+string(nobody)+"]" {
		t.Errorf("asked %s", d)
	}
}

func TestTheFormKeepsWhatWasTypedAgainstAnUnknownBusiness(t *testing.T) {
	p := newPortal(t)
	id, _, jar := p.begun(t, "en")
	w := p.call("GET", "/complaints/drafts/"+id+"/business?q="+string(nobody), "", nil, jar)
	if w.Code != 422 || !strings.Contains(w.Body.String(), `value="`+string(nobody)+`"`) || !strings.Contains(w.Body.String(), "no business with this id") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w = p.call("POST", "/complaints/drafts/"+id+"/business", url.Values{"do": {"add"}, "business": {string(nobody)}}.Encode(), nil, asForm, jar)
	if w.Code != 422 || !strings.Contains(w.Body.String(), "no business with this id") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	body := strings.Replace(filingJSON, string(shop), string(nobody), 1)
	if w := p.call("POST", "/api/v1/complaints", body, nil, asJSON); w.Code != 404 || !strings.Contains(w.Body.String(), "complaint_business_unknown") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
