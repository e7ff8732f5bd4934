package renew

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/ca/mandate"
	"mohr/internal/fault"
)

// previous returns what is known of the holder: names and numbers from the
// old certificate, the date of birth and the mobile number from the papers of
// its issuance, else the date from the holder, which the register must confirm.
func (d *Desk) previous(ctx context.Context, a authenticated, birthDate string) (id evidence.Identity, stated string, err error) {
	if id, err = IdentityOf(a.standing.Leaf()); err != nil {
		return id, "", err
	}
	known, err := d.known(ctx, a.old)
	switch {
	case err == nil && known.NationalCode != "" && known.NationalCode != id.NationalCode:
		return id, "", fmt.Errorf("papers of %s are another person's", a.old.Serial)
	case err == nil:
		id.BirthDate, id.Mobile = known.BirthDate, known.Mobile
	case !errors.Is(err, fault.NotFound):
		return id, "", err
	}
	if id.BirthDate != "" {
		return id, id.BirthDate, nil
	}
	if birthDate == "" {
		return id, "", fault.New(fault.Invalid, "renewal_birth_date", "your date of birth is not known here any more and the register asks for it; send birth_date as YYYY-MM-DD")
	}
	stated, err = evidence.ParseBirthDate(birthDate)
	return id, stated, err
}

// known looks in the papers of the last renewal, then in those of enrollment;
// NotFound if neither has any.
func (d *Desk) known(ctx context.Context, old ca.Certificate) (evidence.Identity, error) {
	if strings.HasPrefix(old.Request, requestPrefix) {
		p, err := d.papers(ctx, old.Request)
		if err == nil || !errors.Is(err, fault.NotFound) {
			return p.Identity, err
		}
	}
	if d.People == nil {
		return evidence.Identity{}, fault.New(fault.NotFound, "papers_unknown", "there are no papers of this certificate here; apply for a new one")
	}
	first, err := d.CA.Certificate(ctx, old.Lineage)
	if err != nil {
		return evidence.Identity{}, err
	}
	return d.People.Known(ctx, first.Request)
}

// gathered is what a renewal rests on.
type gathered struct {
	records []evidence.Record
	raws    [][]byte // the registers' answers as received
}

// gather asks the registers that the policy wants asked at renewal. One that
// is down ends it: nothing was used up yet.
func (d *Desk) gather(ctx context.Context, a authenticated, id evidence.Identity, birthDate string, rules evidence.Rules) (gathered, error) {
	g := gathered{records: []evidence.Record{a.record(id)}}
	if a.device != nil {
		g.add(evidence.DeviceRecord(a.attested, a.device), a.device)
	}
	person, err := d.Registry.Person(ctx, id.NationalCode, birthDate)
	if err != nil {
		return g, unavailable("civil registry", err)
	}
	g.add(evidence.PersonRecord(person), person.Raw)
	if slices.Contains(rules.RenewalAsks, evidence.MobileOwnership) && id.Mobile != "" {
		mobile, err := d.Registry.Mobile(ctx, id.NationalCode, id.Mobile)
		if err != nil {
			return g, unavailable("mobile register", err)
		}
		g.add(evidence.MobileRecord(mobile), mobile.Raw)
	}
	if id.LegalID != "" {
		legal, err := d.Registry.Legal(ctx, id.LegalID)
		if err != nil {
			return g, unavailable("company register", err)
		}
		r := evidence.LegalRecord(legal, id.NationalCode)
		g.add(r, legal.Raw)
		if r.Result == evidence.Match && !r.Claims.SignsAlone && rules.Asks(evidence.Mandate) {
			if err := d.addMandate(ctx, &g, id); err != nil {
				return g, err
			}
		}
	}
	return g, nil
}

// addMandate looks whether the holder still has a mandate: the register does
// not let him bind the organisation alone.
func (d *Desk) addMandate(ctx context.Context, g *gathered, id evidence.Identity) error {
	who := mandate.Subject{LegalID: id.LegalID, NationalCode: id.NationalCode, Holder: d.CA.Holder(id.NationalCode)}
	m, err := mandate.Evidence(ctx, d.Store, who, d.Policy.Environment(), d.now())
	if err != nil {
		return fmt.Errorf("look for a mandate: %w", err)
	}
	g.add(m, nil)
	return nil
}

// unavailable tells the holder of a register that is down what that means
// here. What was wrong with it is for the log.
func unavailable(register string, err error) error {
	err = fmt.Errorf("ask %s: %w", register, err)
	if !errors.Is(err, fault.Unavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", errWaiting(), err)
}

func errWaiting() error {
	return fault.New(fault.Unavailable, "renewal_registry_unavailable", "a register that has to be asked does not answer at the moment; nothing was used up, send the same statement again within its 5 minutes or sign a new one later")
}

// record is what the old key signed as a proof. It is as simulated as the certificate
// that it was signed with.
func (a authenticated) record(id evidence.Identity) evidence.Record {
	return evidence.Record{
		ID: evidence.NewID(), Type: evidence.CertSignature, Source: "renew@1",
		Environment: a.old.Environment, Result: evidence.Match,
		Claims:    evidence.Claims{NationalCode: id.NationalCode, SPKISHA256: a.csr.SPKISHA256()},
		RawSHA256: a.proof, CheckedAt: a.at,
	}
}

// add keeps an answer with the record of it.
func (g *gathered) add(r evidence.Record, raw []byte) {
	g.records, g.raws = append(g.records, r), append(g.raws, raw)
}
