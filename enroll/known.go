package enroll

import (
	"context"
	"errors"
	"slices"

	"mohr/ca/evidence"
	"mohr/internal/fault"
)

// Known returns what the registers said of the person of an issued
// application, for its renewal; NotFound if there is no such application or it
// has been erased. It is for rooms, not for callers from outside: it asks for
// no token.
func (d *Desk) Known(ctx context.Context, application string) (evidence.Identity, error) {
	a, err := d.load(ctx, application)
	if err != nil {
		return evidence.Identity{}, err
	}
	if a.Stage != Issued {
		return evidence.Identity{}, errUnknown()
	}
	records, err := d.records(a)
	if err != nil {
		return evidence.Identity{}, err
	}
	civil, knowsPerson := newest(records, evidence.CivilRegistry)
	mobile, knowsMobile := newest(records, evidence.MobileOwnership)
	if !knowsPerson || !knowsMobile {
		return evidence.Identity{}, errUnknown()
	}
	legal, _ := newest(records, evidence.LegalRegistry)
	return evidence.Identity{
		NationalCode: civil.NationalCode, GivenName: civil.FirstName, Surname: civil.LastName, BirthDate: civil.BirthDate,
		Mobile: mobile.Mobile, LegalID: legal.LegalID, LegalName: legal.LegalName, Title: legal.Role,
	}, nil
}

// newest returns the claims of the newest match of the type.
func newest(records []evidence.Record, t evidence.Type) (evidence.Claims, bool) {
	for _, r := range slices.Backward(records) {
		if r.Type == t && r.Result == evidence.Match {
			return r.Claims, true
		}
	}
	return evidence.Claims{}, false
}

// registeredMobile returns the phone that the register says is the person's.
func (d *Desk) registeredMobile(ctx context.Context, application string) (string, error) {
	id, err := d.Known(ctx, application)
	if errors.Is(err, fault.NotFound) || err == nil && id.Mobile == "" {
		return "", errors.New("no register vouched for a phone")
	}
	return id.Mobile, err
}

// Locale returns the language, "fa" or "en", in which the person of an
// application is written to; NotFound if there is no such application.
func (d *Desk) Locale(ctx context.Context, application string) (string, error) {
	a, err := d.load(ctx, application)
	return a.Locale, err
}
