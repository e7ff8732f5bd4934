package enroll

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"

	"mohr/ca/evidence"
	"mohr/internal/fault"
	"mohr/internal/otp"
	"mohr/internal/store"
	"mohr/internal/web"
)

// resumeTries bounds how often a day somebody may ask to go on with an
// application elsewhere.
const resumeTries = 10

// resumeBinding ties a code to going on with this application elsewhere.
func resumeBinding(id string) otp.Binding { return otp.Binding{Session: id, Purpose: "resume"} }

// AskResume has a code sent to the applicant's phone, with which the
// application can be gone on with on another device, for who knows its number
// and says who applied. It answers alike whether that is so or not, and whether
// there is such an application: the job sends the code.
func (d *Desk) AskResume(ctx context.Context, id, nationalCode, birthDate string) error {
	code, err := evidence.ParseNationalCode(nationalCode)
	if err != nil {
		return err
	}
	born, err := evidence.ParseBirthDate(gregorian(birthDate))
	if err != nil {
		return err
	}
	a, err := d.load(ctx, id)
	if errors.Is(err, fault.NotFound) || err == nil && a.Stage == Erased {
		return nil
	}
	if err != nil {
		return err
	}
	p, err := d.person(a)
	if err != nil {
		return err
	}
	right := subtle.ConstantTimeCompare([]byte(p.NationalCode+p.BirthDate), []byte(code+born)) == 1
	now := d.now()
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if err := take(tx, "resume/"+id, resumeTries, d.Limits.Window, now); err != nil || !right {
			return err
		}
		return store.Save(tx, workBucket, string(workResume)+"/"+id, work{Since: now})
	})
	if errors.Is(err, fault.Limited) { // to say so would tell that the number is right
		return nil
	}
	return err
}

// sendResume sends the code that AskResume promised, once: who did not get it
// asks again.
func (d *Desk) sendResume(ctx context.Context, id string) error {
	if err := d.drop(ctx, workResume, id); err != nil {
		return err
	}
	a, err := d.load(ctx, id)
	if err != nil || a.Stage == Erased {
		return err
	}
	p, err := d.person(a)
	if err != nil {
		return err
	}
	now, phone := d.now(), d.phoneKey(p.Mobile)
	err = d.Store.Update(ctx, func(tx store.Tx) error { return take(tx, phone, d.Limits.PerMobile, d.Limits.Window, now) })
	if err == nil {
		err = d.OTP.Send(ctx, resumeBinding(id), p.Mobile, a.Locale)
	}
	if errors.Is(err, fault.Limited) || errors.Is(err, fault.Denied) {
		d.Log.Warn("code to go on elsewhere not sent", "application", id, "error", err)
		return nil
	}
	return err
}

// ResumeElsewhere returns a new token of the application for who has the code; the old
// one opens nothing from then on.
func (d *Desk) ResumeElsewhere(ctx context.Context, id, code string) (Application, string, error) {
	if err := d.OTP.Redeem(ctx, resumeBinding(id), code); err != nil {
		return Application{}, "", err
	}
	token, hash := newToken()
	a, err := d.change(ctx, id, func(s *step) error {
		s.TokenSHA256 = hash
		s.note("resumed", "")
		return nil
	})
	return a, token, err
}

type resumeIn struct {
	ByID
	Body struct {
		NationalCode string `json:"national_code" maxLength:"40"`
		BirthDate    string `json:"birth_date" maxLength:"40"`
	}
}

type resumeOut struct {
	Body struct {
		Sent string `json:"sent" doc:"what happens if the number and the person are right"`
	}
}

// routesResume hangs how one goes on with an application on another device.
func (d *Desk) routesResume(s *web.Server) {
	ask := web.Operation{Method: http.MethodPost, Path: "/applications/{id}/resume", ID: "ask-resume", Summary: "Go on with an application on another device: a code is sent", Tag: "enroll", Status: http.StatusAccepted}
	web.Handle(s, ask, func(ctx context.Context, in *resumeIn) (*resumeOut, error) {
		out := &resumeOut{}
		out.Body.Sent = "a code to the phone of the application"
		return out, d.AskResume(ctx, in.ID, in.Body.NationalCode, in.Body.BirthDate)
	})
	prove := web.Operation{Method: http.MethodPost, Path: "/applications/{id}/resume/code", ID: "resume-application", Summary: "Hand in that code: a new token; the old one ends", Tag: "enroll"}
	web.Handle(s, prove, func(ctx context.Context, in *codeIn) (*createOut, error) {
		a, token, err := d.ResumeElsewhere(ctx, in.ID, in.Body.Code)
		if err != nil {
			return nil, err
		}
		out := &createOut{}
		out.Body.Token = token
		out.Body.State, err = d.Show(ctx, a)
		return out, err
	})
}
