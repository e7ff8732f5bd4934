package complaints

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/ca/mandate"
	"mohr/internal/fault"
	"mohr/internal/gateway"
	"mohr/internal/otp"
	"mohr/internal/store"
)

// Phones is the mobile register; gateway.Client is the one in use.
type Phones interface {
	Mobile(ctx context.Context, nationalCode, mobile string) (gateway.Answer[gateway.Mobile], error)
}

const (
	// phonePurpose binds codes to answers without a certificate.
	phonePurpose = "complaint-answer"
	// reasonCode marks an answer that was given with a code.
	reasonCode = "given_with_code"
	// quietDays is how long the number must have been in the same SIM: who has
	// just taken a number over speaks for nobody.
	quietDays = 7
)

// PhoneAnswer is an answer of a business that has no good certificate now,
// given by a person who signs alone for it by the company register, with a
// code to the telephone that is this person's by the mobile register.
type PhoneAnswer struct {
	Business     ca.BusinessID `json:"business" maxLength:"64"`
	NationalCode string        `json:"national_code" maxLength:"16" doc:"of a person who signs alone for the business by the company register"`
	Mobile       string        `json:"mobile" maxLength:"24" doc:"of this person by the mobile register"`
	Kind         Kind          `json:"kind" maxLength:"32" doc:"answer, holding, no_such_order, or appealed: against a decision"`
	Text         string        `json:"text"`
}

// checked brings the answer into its one form.
func (a PhoneAnswer) checked() (PhoneAnswer, error) {
	b, err := ca.ParseBusinessID(string(a.Business))
	if err != nil {
		return a, err
	}
	a.Business = b
	if !slices.Contains(BusinessKinds(), a.Kind) {
		return a, errAnswerKind()
	}
	if a.Text, err = checkText(a.Text, 1); err != nil {
		return a, err
	}
	if a.NationalCode, err = evidence.ParseNationalCode(a.NationalCode); err != nil {
		return a, err
	}
	a.Mobile, err = evidence.ParseMobile(a.Mobile)
	return a, err
}

// mac is a keyed hash of the answer, with what is to go along.
func (d *Desk) phoneMAC(id string, a PhoneAnswer, with string) string {
	h := hmac.New(sha256.New, d.tokens)
	for _, s := range []string{"phone answer", id, string(a.Business), a.NationalCode, a.Mobile, string(a.Kind), a.Text, with} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// binding makes a code good for exactly this answer.
func (d *Desk) phoneBinding(id string, a PhoneAnswer) otp.Binding {
	return otp.Binding{Session: id + "/" + string(a.Business), Purpose: phonePurpose, SPKISHA256: d.phoneMAC(id, a, "")}
}

// PhoneCode sends the code for an answer, in the language lang. It is Denied
// with one word wherever no code is to be had so: whether there is such a
// complaint, against whom and how it stands, and who signs for whom, nobody
// learns from it. Unavailable while a register does not answer.
func (d *Desk) PhoneCode(ctx context.Context, id string, a PhoneAnswer, lang string) error {
	a, err := d.mayPhone(ctx, id, a)
	if err != nil {
		return err
	}
	return d.Codes.Send(ctx, d.phoneBinding(id, a), a.Mobile, lang)
}

// AnswerByPhone takes the answer with its code. The same once more gives the
// same result.
func (d *Desk) AnswerByPhone(ctx context.Context, id string, a PhoneAnswer, code string) (Accepted, error) {
	a, err := a.checked()
	if err != nil {
		return Accepted{}, err
	}
	sum := d.phoneMAC(id, a, code)
	if had, err := d.accepted(ctx, sum); !errors.Is(err, store.ErrNotFound) {
		return had, err
	}
	if a, err = d.mayPhone(ctx, id, a); err != nil {
		return Accepted{}, err
	}
	raw, err := json.Marshal(a)
	if err != nil {
		return Accepted{}, fmt.Errorf("encode answer: %w", err)
	}
	in := incoming{sum: sum}
	in.Text = a.Text
	s, err := d.sealAnswer(in, raw)
	if err != nil {
		return Accepted{}, fmt.Errorf("seal answer: %w", err)
	}
	s.Business = a.Business
	e := Event{Kind: a.Kind, At: d.now(), Actor: "business", Reason: reasonCode, Statement: sum, Salt: newSalt()}
	e.mark(d.placeholders, a.Text)
	attempt, right := d.Codes.Attempt(d.phoneBinding(id, a), code), false
	err = d.Store.Update(ctx, func(tx store.Tx) (err error) {
		if right, err = attempt.Use(tx); err != nil || !right {
			return err // a wrong try is to be counted
		}
		m, _, err := loadMatter(tx, id, a.Business)
		if err != nil {
			return err
		}
		if s.Accepted, err = m.answer(tx, e); err != nil {
			return err
		}
		return store.Save(tx, statementBucket, sum, s)
	})
	if err == nil && !right {
		err = otp.Refused()
	}
	if err != nil {
		return Accepted{}, err
	}
	return s.Accepted, nil
}

// mayPhone judges whether the person may answer so. Every try is counted,
// against the complaint, the person and the number alike, before anything is
// looked at; the registers are asked only where an answer is owed.
func (d *Desk) mayPhone(ctx context.Context, id string, a PhoneAnswer) (PhoneAnswer, error) {
	a, err := a.checked()
	if err != nil {
		return a, err
	}
	if d.Phones == nil {
		return a, fault.New(fault.Denied, "complaint_phone_off", "answers are taken by a signature only here; renew the certificate of the business")
	}
	now := d.now()
	q := d.phoneQuota(id, a, now)
	var fits bool
	err = d.Store.Update(ctx, func(tx store.Tx) (err error) {
		if over, err := reached(tx, q.contact, q.limits.Total); over || err != nil {
			return cmp.Or(err, fault.New(fault.Limited, "complaint_limit_phone", "an answer to this complaint, by this person or with this number was tried with a code %[1]d times today, and more tries are not taken; go on tomorrow, or answer with a signature", q.limits.Total))
		}
		if err := q.use(tx); err != nil {
			return err
		}
		fits, err = d.owesByPhone(tx, id, a, now)
		return err
	})
	switch {
	case err != nil:
		return a, err
	case !fits:
		return a, errUnsure()
	}
	return a, d.signatory(ctx, a)
}

// errUnsure is the one word for all that does not hold of an answer with a code.
func errUnsure() error {
	return fault.New(fault.Denied, "complaint_signatory_unsure", "no code is sent for this answer: either it does not name an open complaint against a business without a good certificate, or the registers do not confirm that this person signs alone for the business and has this number for a week; compare all of it, or answer with a signature")
}

// phoneQuota bounds the tries to answer one complaint, those of one person and
// those with one number.
func (d *Desk) phoneQuota(id string, a PhoneAnswer, now time.Time) quota {
	q := d.codeQuota("answers to", id, now)
	q.contact = append(q.contact, d.codeQuota("answers of", a.NationalCode, now).contact...)
	q.contact = append(q.contact, d.codeQuota("answers from", a.Mobile, now).contact...)
	return q
}

// owesByPhone reports whether the business owes an answer of this kind to the
// complaint, and has no certificate to give it with. For a sole trader nobody
// answers but the person it is.
func (d *Desk) owesByPhone(tx store.Tx, id string, a PhoneAnswer, now time.Time) (bool, error) {
	_, events, err := loadMatter(tx, id, a.Business)
	if errors.Is(err, fault.NotFound) {
		return false, nil
	}
	if err != nil || Derive(events, notBefore(events, now)).allowsBusiness(a.Kind) != nil {
		return false, err
	}
	good := false
	look := func(c ca.Certificate) error {
		speaks := c.Business == a.Business || mandate.Trades(d.CA, c, a.Business)
		good = good || speaks && c.State == ca.Issued && c.Revoked == nil && !now.Before(c.NotBefore) && !now.After(c.NotAfter)
		return nil
	}
	if !isSole(a.Business) {
		err = ca.EachOfBusiness(tx, a.Business, look)
		return !good, err
	}
	h := d.CA.Holder(a.NationalCode)
	if d.CA.Trader(h) != a.Business {
		return false, nil
	}
	err = ca.EachOfHolder(tx, h, look)
	return !good, err
}

// signatory asks both registers; of a sole trader, whom a national code alone
// names, only whose the number is.
func (d *Desk) signatory(ctx context.Context, a PhoneAnswer) error {
	if !isSole(a.Business) {
		if err := d.signsAlone(ctx, a); err != nil {
			return err
		}
	}
	mobile, err := d.Phones.Mobile(ctx, a.NationalCode, a.Mobile)
	if err != nil {
		return fmt.Errorf("look up mobile: %w", err)
	}
	if m := mobile.Value; mobile.Contradicts || m.Result != gateway.Match || m.SIMUnknown || m.SIMChangedDays < quietDays {
		return errUnsure()
	}
	return nil
}

// signsAlone asks the company register.
func (d *Desk) signsAlone(ctx context.Context, a PhoneAnswer) error {
	legal, err := d.Businesses.Legal(ctx, string(a.Business))
	if err != nil {
		return fmt.Errorf("look up business: %w", err)
	}
	s, ok := legal.Value.Signatory(a.NationalCode)
	if legal.Contradicts || legal.Value.Result != gateway.Match || !ok || !s.Alone {
		return errUnsure()
	}
	return nil
}
