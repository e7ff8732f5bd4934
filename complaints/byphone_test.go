package complaints_test

import (
	"context"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/complaints"
	"mohr/internal/fault"
	"mohr/internal/gateway"
)

// registers knows one company and whose telephones are whose.
type registers struct {
	legal  gateway.Legal
	phones map[string]string // national code -> mobile
	days   int
	down   bool
}

func (r *registers) Legal(context.Context, string) (gateway.Answer[gateway.Legal], error) {
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
	wantFault(t, b.PhoneCode(t.Context(), ticket.ID, in, "fa"), fault.Denied, "complaint_phone_certified")
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
		{"another business", func(_ *registers, a *complaints.PhoneAnswer) { a.Business = nobody }, "complaint_not_against"},
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
	t.Run("so often a day", func(t *testing.T) {
		b, _, in := byPhone(t)
		limits := 12
		b.Limits.Codes = 0
		ticket := b.file(t)
		b.end(t)
		in.Mobile = "+989395556677"
		for i := range limits + 1 {
			err := b.PhoneCode(t.Context(), ticket.ID, in, "fa")
			if want := map[bool]string{true: "complaint_signatory_unsure", false: "complaint_limit_phone"}[i < limits]; fault.Code(err) != want {
				t.Fatalf("try %d: %v", i+1, err)
			}
		}
	})
}
