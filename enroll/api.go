package enroll

import (
	"context"
	"net/http"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/web"
)

// maxCSR bounds a certification request: RSA-4096 in PEM with a long subject
// is some 2 KiB.
const maxCSR = 16 << 10

// stateOut answers with the state of an application.
type stateOut struct {
	Body State
}

// ByID names an application. It is exported because the API library reads
// only exported fields.
type ByID struct {
	ID string `path:"id" maxLength:"64"`
}

type createIn struct {
	Body struct {
		Person struct {
			NationalCode string `json:"national_code" maxLength:"40" doc:"ten digits"`
			BirthDate    string `json:"birth_date" maxLength:"40" doc:"YYYY-MM-DD, Gregorian; a year from 1300 to 1500 is Solar Hijri"`
			Mobile       string `json:"mobile" maxLength:"40" doc:"09xxxxxxxxx or +989xxxxxxxxx"`
			NamesLatin   string `json:"names_latin,omitempty" maxLength:"128" doc:"the name in Latin letters"`
		} `json:"person"`
		Profile string `json:"profile" maxLength:"64" doc:"one that the assurance policy offers: natural-sign, organisation-sign, organisation-seal, natural-auth, ..."`
		Locale  string `json:"locale,omitempty" maxLength:"8" doc:"fa or en: language of messages"`
		LegalID string `json:"legal_id,omitempty" maxLength:"40" doc:"of the organisation, where the certificate names one"`

		KeyHome evidence.KeyHome `json:"key_home,omitempty" maxLength:"16" doc:"where the key lives: software, or token, a device that vouches for it"`
	}
}

type createOut struct {
	Body struct {
		State
		Token string `json:"token" doc:"secures the application; it is given once"`
	}
}

type consentIn struct {
	ByID
	Body struct {
		Accepted     bool   `json:"accepted"`
		TermsVersion string `json:"terms_version" maxLength:"64"`
		SPKISHA256   string `json:"spki_sha256,omitempty" maxLength:"64" doc:"announces the only key to be certified: hex SHA-256 of its SubjectPublicKeyInfo"`
	}
}

type codeIn struct {
	ByID
	Body struct {
		Code string `json:"code" maxLength:"32"`
	}
}

type faceIn struct {
	ByID
	Body struct {
		Session string `json:"session,omitempty" maxLength:"256" doc:"what the (simulated) camera step returned; none where a vendor compares faces"`
	}
}

type csrIn struct {
	ByID
	RawBody []byte
}

type issuedOut struct {
	Body struct {
		State
		Certificate string `json:"certificate" doc:"PEM: the certificate and its issuing CA"`
		Revocation  string `json:"revocation_code,omitempty" doc:"revokes the certificate and those that renew it; keep it apart from the key"`
	}
}

type fileOut struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

type revokeIn struct {
	Serial string `path:"serial" maxLength:"64"`
	Body   struct {
		Code   string    `json:"code" maxLength:"64"`
		Reason ca.Reason `json:"reason,omitempty" maxLength:"32"`
	}
}

type revokeOut struct {
	Body struct {
		Serial    string    `json:"serial"`
		RevokedAt time.Time `json:"revoked_at"`
		Reason    ca.Reason `json:"reason"`
	}
}

// routesAPI hangs the JSON operations on s.
func (d *Desk) routesAPI(s *web.Server) {
	op := func(method, path, id, summary string) web.Operation {
		return web.Operation{Method: method, Path: path, ID: id, Summary: summary, Tag: "enroll", Bearer: path != "/applications" && path[1] == 'a'}
	}
	post, get := http.MethodPost, http.MethodGet
	create := op(post, "/applications", "create-application", "Open an application; nothing is looked up yet")
	create.Status = http.StatusCreated
	web.Handle(s, create, d.apiCreate)
	web.Handle(s, op(get, "/applications/{id}", "get-application", "State of an application"), d.apiState)
	web.Handle(s, op(post, "/applications/{id}/consent", "consent", "Consent: the registers are asked and a code is sent"),
		func(ctx context.Context, in *consentIn) (*stateOut, error) {
			f := ConsentForm{Accepted: in.Body.Accepted, TermsVersion: in.Body.TermsVersion, SPKISHA256: in.Body.SPKISHA256}
			return d.answer(ctx, func(token string) (Application, error) { return d.Consent(ctx, in.ID, token, f) })
		})
	web.Handle(s, op(post, "/applications/{id}/otp", "send-code", "Send the one-time code again"),
		func(ctx context.Context, in *ByID) (*stateOut, error) {
			return d.answer(ctx, func(token string) (Application, error) { return d.SendCode(ctx, in.ID, token) })
		})
	web.Handle(s, op(post, "/applications/{id}/evidence/otp_sms", "prove-code", "Hand in the one-time code"),
		func(ctx context.Context, in *codeIn) (*stateOut, error) {
			return d.answer(ctx, func(token string) (Application, error) { return d.ProveCode(ctx, in.ID, token, in.Body.Code) })
		})
	web.Handle(s, op(post, "/applications/{id}/evidence/face_match", "match-face", "Compare the face with the register's picture"),
		func(ctx context.Context, in *faceIn) (*stateOut, error) {
			return d.answer(ctx, func(token string) (Application, error) { return d.MatchFace(ctx, in.ID, token, in.Body.Session) })
		})
	web.Handle(s, op(post, "/applications/{id}/evidence/eid_oidc", "begin-login", "Where the applicant logs in with their eID"), d.apiBeginLogin)
	web.Handle(s, op(post, "/applications/{id}/evidence/eid_oidc/callback", "finish-login", "Hand in what came back from the eID provider"),
		func(ctx context.Context, in *loginIn) (*stateOut, error) {
			return d.answer(ctx, func(token string) (Application, error) { return d.FinishLogin(ctx, in.ID, token, in.back()) })
		})
	web.Handle(s, op(post, "/applications/{id}/evidence/refresh", "refresh-evidence", "Ask the registers again that were down"),
		func(ctx context.Context, in *ByID) (*stateOut, error) {
			return d.answer(ctx, func(token string) (Application, error) { return d.Refresh(ctx, in.ID, token) })
		})
	web.Handle(s, op(post, "/applications/{id}/cancel", "cancel-application", "End the application"),
		func(ctx context.Context, in *ByID) (*stateOut, error) {
			return d.answer(ctx, func(token string) (Application, error) { return d.Cancel(ctx, in.ID, token) })
		})
	web.Handle(s, op(post, "/applications/{id}/erase", "erase-application", "Erase what an ended application holds of the person"),
		func(ctx context.Context, in *ByID) (*stateOut, error) {
			return d.answer(ctx, func(token string) (Application, error) { return d.Erase(ctx, in.ID, token) })
		})
	web.Handle(s, op(post, "/applications/{id}/appeal", "appeal-application", "Have other officers look at what officers refused"),
		func(ctx context.Context, in *appealIn) (*stateOut, error) {
			return d.answer(ctx, func(token string) (Application, error) { return d.Appeal(ctx, in.ID, token, in.Body.Reasons) })
		})
	web.Handle(s, op(get, "/applications/{id}/export", "export-application", "All that is held of the applicant, once their phone is proven"), d.apiExport)
	d.routesVisits(s, op)
	d.routesIssue(s, op)
	d.routesSecret(s, op)
	d.routesChip(s, op)
	d.routesAttestation(s, op)
	d.routesACME(s, op)
	d.routesResume(s)
	d.routesLock(s)
	d.routesDisown(s)
	d.routesEarlier(s)
	d.routesReview(s)
	d.routesPolicy(s)
}

// routesIssue hangs what comes after the approval.
func (d *Desk) routesIssue(s *web.Server, op func(method, path, id, summary string) web.Operation) {
	post, get := http.MethodPost, http.MethodGet
	csr := op(post, "/applications/{id}/csr", "submit-csr", "Hand in the certification request: agreement, and issuance")
	csr.Repeatable = true // by the key in the request
	csr.MaxBody, csr.Accepts = maxCSR, []string{"application/pkcs10", "application/x-pem-file"}
	web.Handle(s, csr, d.apiSubmit)
	cert := op(get, "/applications/{id}/certificate", "get-certificate", "The certificate and its issuing CA")
	cert.Produces = "application/pem-certificate-chain"
	web.Handle(s, cert, d.apiCertificate)
	web.Handle(s, op(get, "/applications/{id}/bundle", "get-bundle", "The evidence bundle, for mohr verify-bundle"), d.apiBundle)
	web.Handle(s, op(post, "/certificates/{serial}/revoke-by-code", "revoke-by-code", "Revoke with the code that came with the certificate"), d.apiRevoke)
}

// answer runs a step for who sent a token and answers with the state after it.
func (d *Desk) answer(ctx context.Context, do func(token string) (Application, error)) (*stateOut, error) {
	token, err := web.Bearer(ctx)
	if err != nil {
		return nil, err
	}
	a, err := do(token)
	if err != nil {
		return nil, err
	}
	state, err := d.Show(ctx, a)
	return &stateOut{state}, err
}

func (d *Desk) apiCreate(ctx context.Context, in *createIn) (*createOut, error) {
	p := in.Body.Person
	a, token, err := d.Create(ctx, Form{
		Person:  Person{NationalCode: p.NationalCode, BirthDate: p.BirthDate, Mobile: p.Mobile, NamesLatin: p.NamesLatin, LegalID: in.Body.LegalID},
		Profile: in.Body.Profile, Locale: in.Body.Locale, Home: in.Body.KeyHome,
	})
	if err != nil {
		return nil, err
	}
	out := &createOut{}
	out.Body.Token = token
	out.Body.State, err = d.Show(ctx, a)
	return out, err
}

func (d *Desk) apiState(ctx context.Context, in *ByID) (*stateOut, error) {
	return d.answer(ctx, func(token string) (Application, error) { return d.open(ctx, in.ID, token) })
}

func (d *Desk) apiSubmit(ctx context.Context, in *csrIn) (*issuedOut, error) {
	token, err := web.Bearer(ctx)
	if err != nil {
		return nil, err
	}
	i, err := d.Submit(ctx, in.ID, token, in.RawBody)
	if err != nil {
		return nil, err
	}
	out := &issuedOut{}
	out.Body.Certificate, out.Body.Revocation = string(i.Chain), i.Revocation
	out.Body.State, err = d.Show(ctx, i.Application)
	return out, err
}

func (d *Desk) apiCertificate(ctx context.Context, in *ByID) (*fileOut, error) {
	token, err := web.Bearer(ctx)
	if err != nil {
		return nil, err
	}
	i, err := d.Delivered(ctx, in.ID, token)
	return &fileOut{"application/pem-certificate-chain", i.Chain}, err
}

func (d *Desk) apiBundle(ctx context.Context, in *ByID) (*fileOut, error) {
	token, err := web.Bearer(ctx)
	if err != nil {
		return nil, err
	}
	b, err := d.Bundle(ctx, in.ID, token)
	return &fileOut{"application/json", b}, err
}

func (d *Desk) apiRevoke(ctx context.Context, in *revokeIn) (*revokeOut, error) {
	c, err := d.RevokeByCode(ctx, in.Serial, in.Body.Code, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	out := &revokeOut{}
	out.Body.Serial, out.Body.RevokedAt, out.Body.Reason = c.Serial, c.Revoked.At, c.Revoked.Reason
	return out, nil
}
