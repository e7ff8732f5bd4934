package complaints_test

import (
	"context"
	"fmt"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/complaints"
	"mohr/internal/fault"
	"mohr/internal/gateway"
)

// registers knows one company and whose telephones are whose.
type registers struct {
	asked  int
	legal  gateway.Legal
	phones map[string]string // national code -> mobile
	days   int
	down   bool
}

func (r *registers) Legal(context.Context, string) (gateway.Answer[gateway.Legal], error) {
	r.asked++
	if r.down {
		return gateway.Answer[gateway.Legal]{}, fault.New(fault.Unavailable, registryDown, "the register does not answer; try again later")
	}
	return gateway.Answer[gateway.Legal]{Value: r.legal}, nil
}

func (r *registers) Mobile(_ context.Context, code, mobile string) (gateway.Answer[gateway.Mobile], error) {
	m := gateway.Mobile{Result: gateway.Mismatch}
	if r.phones[code] == mobile {
		m = gateway.Mobile{Result: gateway.Match, NationalCode: code, Mobile: mobile, SIMChangedDays: r.days}
	}
	return gateway.Answer[gateway.Mobile]{Value: m}, nil
}

const jointly = "1200000021"

func byPhone(t *testing.T) (*bench, *registers, complaints.PhoneAnswer) {
	zahra := catest.Zahra
	r := &registers{days: 7, phones: map[string]string{zahra.NationalCode: zahra.Mobile, jointly: "+989395556677"}, legal: gateway.Legal{
		Result: gateway.Match, LegalID: string(shop), Status: "active",
		Signatories: []gateway.Signatory{{NationalCode: zahra.NationalCode, Alone: true}, {NationalCode: jointly}},
	}}
	b := newBench(t, func(c *complaints.Config) { c.Phones, c.Businesses = r, r })
	return b, r, complaints.PhoneAnswer{
		Business: shop, NationalCode: zahra.NationalCode, Mobile: zahra.Mobile, Kind: complaints.KindAnswer, Text: "وجه بازگردانده شد.",
	}
}

// end ends the shop's certificate.
func (b *bench) end(t *testing.T) {
	t.Helper()
	if err := b.ca.Revoke(t.Context(), b.serial, ca.Superseded, "operator:test"); err != nil {
		t.Fatal(err)
	}
}

func TestABusinessWhoseCertificateEndedAnswersByPhone(t *testing.T) {
	b, _, in := byPhone(t)
	ticket := b.file(t)
	wantFault(t, b.PhoneCode(t.Context(), ticket.ID, in, "fa"), fault.Denied, "complaint_signatory_unsure")
	b.end(t)
	if err := b.PhoneCode(t.Context(), ticket.ID, in, "fa"); err != nil {
		t.Fatal(err)
	}
	code := b.phone.code(in.Mobile)
	other := in
	other.Text = "هیچ نمی‌دهیم."
	_, err := b.AnswerByPhone(t.Context(), ticket.ID, other, code)
	wantFault(t, err, fault.Denied, "code_wrong") // the code is good for exactly what was to be said
	first, err := b.AnswerByPhone(t.Context(), ticket.ID, in, code)
	if err != nil || first.State != complaints.StateAnswered {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := b.AnswerByPhone(t.Context(), ticket.ID, in, code); err != nil || again != first {
		t.Errorf("%+v, %v", again, err)
	}
	c := b.follow(t, ticket)
	if last := c.History[len(c.History)-1]; last.Text != in.Text || last.Reason != "given_with_code" || last.Actor != "business" {
		t.Errorf("%+v", last)
	}
	if f, err := b.AnswerReceipt(t.Context(), first.Statement); err != nil || f.Receipt == "" {
		t.Errorf("%+v, %v", f, err)
	}
	// The code is used up: it answers nothing after a dispute.
	if _, err := b.Dispute(t.Context(), ticket.ID, ticket.Token); err != nil {
		t.Fatal(err)
	}
	in.Text += " "
	if again, err := b.AnswerByPhone(t.Context(), ticket.ID, in, code); err != nil || again != first || b.follow(t, ticket).State != complaints.StatePending {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestAbuseWhoDoesNotSignForTheBusinessAnswersNothingByPhone(t *testing.T) {
	tests := []struct {
		name   string
		change func(*registers, *complaints.PhoneAnswer)
		code   string
	}{
		{"a stranger", func(_ *registers, a *complaints.PhoneAnswer) { a.NationalCode = "0877778681" }, "complaint_signatory_unsure"},
		{"who signs only with others", func(_ *registers, a *complaints.PhoneAnswer) { a.NationalCode, a.Mobile = jointly, "+989395556677" }, "complaint_signatory_unsure"},
		{"another one's telephone", func(_ *registers, a *complaints.PhoneAnswer) { a.Mobile = "+989395556677" }, "complaint_signatory_unsure"},
		{"a number that was taken over this week", func(r *registers, _ *complaints.PhoneAnswer) { r.days = 6 }, "complaint_signatory_unsure"},
		{"a business that no register has", func(r *registers, _ *complaints.PhoneAnswer) { r.legal = gateway.Legal{Result: gateway.Mismatch} }, "complaint_signatory_unsure"},
		{"another business", func(_ *registers, a *complaints.PhoneAnswer) { a.Business = nobody }, "complaint_signatory_unsure"},
		{"a register that is down", func(r *registers, _ *complaints.PhoneAnswer) { r.down = true }, registryDown},
		{"a kind of the consumer's", func(_ *registers, a *complaints.PhoneAnswer) { a.Kind = complaints.KindSettled }, "complaint_answer_kind"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, r, in := byPhone(t)
			ticket := b.file(t)
			b.end(t)
			tt.change(r, &in)
			if err := b.PhoneCode(t.Context(), ticket.ID, in, "fa"); fault.Code(err) != tt.code {
				t.Errorf("%v", err)
			}
			if b.phone.code(in.Mobile) != "" {
				t.Error("a code was sent")
			}
		})
	}
}

// TestAbuseACodeTellsNothing asks for codes as who fishes for complaints does.
func TestAbuseACodeTellsNothing(t *testing.T) {
	b, r, in := byPhone(t)
	ticket, answered := b.file(t), b.file(t)
	b.answer(t, answered.ID, complaints.KindAnswer)
	certified := b.PhoneCode(t.Context(), ticket.ID, in, "fa")
	b.end(t)
	elsewhere := in
	elsewhere.Business = nobody
	stranger := in
	stranger.NationalCode = "0877778681"
	_, byCode := b.AnswerByPhone(t.Context(), ticket.ID, elsewhere, "123456")
	tries := map[string]error{
		"a business with a good certificate":        certified,
		"a complaint that there is not":             b.PhoneCode(t.Context(), "c-00000000000000000000000000000000", in, "fa"),
		"a complaint against another business":      b.PhoneCode(t.Context(), ticket.ID, elsewhere, "fa"),
		"one against another business, with a code": byCode,
		"a complaint that has its answer":           b.PhoneCode(t.Context(), answered.ID, in, "fa"),
		"a person who does not sign":                b.PhoneCode(t.Context(), ticket.ID, stranger, "fa"),
	}
	for name, err := range tries {
		if fault.Code(err) != "complaint_signatory_unsure" || err.Error() != tries["a person who does not sign"].Error() {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r.asked != 1 {
		t.Errorf("the register was asked %d times", r.asked)
	}
}

func TestAbuseTriesWithACodeAreCountedWhateverTheyHit(t *testing.T) {
	const limit = 12
	none := func(i int) string { return fmt.Sprintf("c-%032x", i) }
	for _, tt := range []struct {
		name  string
		other func(i int, ticket string, a *complaints.PhoneAnswer) (id string)
	}{
		{"against one complaint", func(i int, ticket string, a *complaints.PhoneAnswer) string {
			a.NationalCode, a.Mobile = codes[i], fmt.Sprintf("+9893955566%02d", i)
			return ticket
		}},
		{"against one complaint at other businesses", func(i int, ticket string, a *complaints.PhoneAnswer) string {
			a.NationalCode, a.Mobile, a.Business = codes[i], fmt.Sprintf("+9893955566%02d", i), nobody
			return ticket
		}},
		{"of one person", func(i int, _ string, a *complaints.PhoneAnswer) string {
			a.Mobile = fmt.Sprintf("+9893955566%02d", i)
			return none(i)
		}},
		{"with one number", func(i int, _ string, a *complaints.PhoneAnswer) string {
			a.NationalCode = codes[i]
			return none(i)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, _, in := byPhone(t)
			b.Limits.Codes = 0
			ticket := b.file(t)
			b.end(t)
			for i := range limit + 1 {
				a, want := in, "complaint_signatory_unsure"
				if i == limit {
					want = "complaint_limit_phone"
				}
				if err := b.PhoneCode(t.Context(), tt.other(i, ticket.ID, &a), a, "fa"); fault.Code(err) != want {
					t.Fatalf("try %d: %v", i+1, err)
				}
			}
		})
	}
}

// codes are national codes of nobody whose check digit holds.
var codes = func() (list []string) {
	for i := range 20 {
		nine, sum := fmt.Sprintf("%09d", 555000100+i), 0
		for k, d := range nine {
			sum += int(d-'0') * (10 - k)
		}
		check := sum % 11
		if check >= 2 {
			check = 11 - check
		}
		list = append(list, fmt.Sprintf("%s%d", nine, check))
	}
	return list
}()
