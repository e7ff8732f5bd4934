package ceremony

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"reflect"
	"time"

	"mohr/ca"
	"mohr/ca/ceremony/plan"
	"mohr/ca/timestamp"
	"mohr/internal/fault"
)

// Report says what a record proves.
type Report struct {
	Minutes Minutes
	Signers []plan.Custodian // of the minutes
	// Stamped is the time that the stamp states; zero: there is none yet.
	Stamped time.Time
}

// Verify checks a record offline: that the plan holds and enough custodians
// signed it, that every certificate and CRL says exactly what the plan says,
// is signed by its root and passes the lints, that the minutes say the same
// and enough custodians signed them, and that the stamp, where there is one,
// leads to root. A nil root means those in the record. The custodians are
// those that the plan lists: who they are is not in the record.
func Verify(record []byte, root *x509.Certificate) (Report, error) {
	r, err := parseRecord(record)
	if err != nil {
		return Report{}, err
	}
	report, err := verify(r, root)
	if err != nil {
		return report, err
	}
	p, err := plan.Parse(r.Plan)
	if err != nil {
		return report, err
	}
	report.Signers, err = p.Custodians.Count(r.Minutes, p.Custodians.Known(r.Minutes, r.Signatures))
	return report, err
}

// verify is Verify without the signatures over the minutes.
func verify(r Record, root *x509.Certificate) (report Report, err error) {
	p, err := plan.Parse(r.Plan)
	if err != nil {
		return report, err
	}
	custodians, err := p.Custodians.Count(r.Plan, p.Custodians.Known(r.Plan, r.Approvals))
	if err != nil {
		return report, err
	}
	v, err := r.examine(p)
	if err != nil {
		return report, errRecord(err.Error())
	}
	if report.Minutes, err = r.checkMinutes(p, custodians); err != nil {
		return report, errRecord("its minutes: " + err.Error())
	}
	if len(r.Stamp) == 0 {
		return report, nil
	}
	report.Stamped, err = v.stamped(r, root)
	return report, err
}

// examine compares every certificate and CRL with the plan.
func (r Record) examine(p *plan.Plan) (*hall, error) {
	h := &hall{bench: newBench(), plan: p, members: map[string]ca.Member{}, certs: map[string]*x509.Certificate{}}
	if err := h.know(r); err != nil {
		return nil, err
	}
	for n, id := range h.order() {
		if n >= len(r.Members) || r.Members[n].ID != id {
			return nil, fmt.Errorf("%s is missing or not in its place", id)
		}
	}
	if len(r.Members) != len(h.order()) {
		return nil, errors.New("there are more certificates than the plan makes")
	}
	for _, m := range r.Members {
		if err := h.compare(m); err != nil {
			return nil, fmt.Errorf("certificate of %s: %w", m.ID, err)
		}
	}
	return h, h.compareCRLs(r)
}

// know takes in the members of the record; those that were there before must
// be what the plan names.
func (h *hall) know(r Record) error {
	meant := h.meant()
	if len(meant) != len(r.Known) {
		return errors.New("what was there before is not what the plan names")
	}
	for n, m := range append(append([]ca.Member{}, r.Known...), r.Members...) {
		if n < len(meant) && meant[n] != m.ID {
			return errors.New("what was there before is not what the plan names")
		}
		if _, twice := h.certs[m.ID]; twice {
			return fmt.Errorf("%s is there twice", m.ID)
		}
		c, err := x509.ParseCertificate(m.DER)
		if err != nil {
			return fmt.Errorf("certificate of %s: %w", m.ID, err)
		}
		if algorithmOf(c.PublicKey) == "" || m.Revoked != nil {
			return fmt.Errorf("certificate of %s is for an unknown kind of key, or says more than it may", m.ID)
		}
		h.members[m.ID], h.certs[m.ID] = m, c
	}
	return nil
}

// compare builds the certificate anew from the plan, around its serial and
// key, and wants the same bytes.
func (h *hall) compare(m ca.Member) error {
	want, t, err := h.planned(m.ID)
	if err != nil {
		return err
	}
	want.At, want.Ceremony, want.DER = m.At, h.plan.SHA256(), m.DER
	if !reflect.DeepEqual(m, want) {
		return errors.New("its description is not that of the plan")
	}
	c := h.certs[m.ID]
	var parent *x509.Certificate
	if m.Parent != "" {
		parent = h.certs[m.Parent]
	}
	t.SerialNumber = c.SerialNumber
	prepared, err := h.certificate(t, parent, c.PublicKey)
	if err != nil {
		return err
	}
	_, err = checkCertificate(m.DER, prepared, parent)
	return err
}

// planned returns what the plan says of the certificate.
func (h *hall) planned(id string) (m ca.Member, t *x509.Certificate, err error) {
	for _, r := range h.plan.Roots {
		if r.ID == id {
			return ca.Member{ID: id, Kind: ca.RootMember}, rootTemplate(h.plan, r), h.hasAlgorithm(id, string(r.Algorithm))
		}
	}
	for _, i := range h.plan.Issuers {
		if i.ID == id {
			if err := h.hasAlgorithm(id, string(i.Algorithm)); err != nil {
				return m, nil, err
			}
			t, err = issuerTemplate(h.plan, i, h.certs[i.Root], false)
			return ca.Member{ID: id, Kind: ca.IssuingMember, Name: ca.IssuerID(i.Serves()), Parent: i.Root}, t, err
		}
	}
	for _, c := range h.plan.Cross {
		if c.ID() == id {
			t, err = crossTemplate(h.plan, c, h.certs[c.Subject], h.certs[c.By])
			if err == nil && !bytes.Equal(h.certs[id].RawSubjectPublicKeyInfo, h.certs[c.Subject].RawSubjectPublicKeyInfo) {
				err = errors.New("its key is not that of the root it names")
			}
			return ca.Member{ID: id, Kind: ca.CrossMember, Parent: c.By}, t, err
		}
	}
	return m, nil, errors.New("it is not in the plan")
}

func (h *hall) hasAlgorithm(id, want string) error {
	if got := publicOf(h.certs[id]); got != want {
		return fmt.Errorf("its key is of algorithm %s and not %s", got, want)
	}
	return nil
}

// compareCRLs wants the plan's series, each CRL with the revocations of the
// plan; what it names beside them was named by an earlier one.
func (h *hall) compareCRLs(r Record) error {
	left := r.CRLs
	for _, s := range h.plan.CRLs {
		if len(left) < s.Count {
			return errors.New("a CRL is missing")
		}
		var first int64
		for n := range s.Count {
			l, err := x509.ParseRevocationList(left[n].DER)
			if err != nil || l.Number == nil || !l.Number.IsInt64() || left[n].Root != s.Root {
				return fmt.Errorf("CRL of %s: it cannot be read, or is not in its place", s.Root)
			}
			if n == 0 {
				first = l.Number.Int64()
			}
			if err := h.compareCRL(s, l, first, n); err != nil {
				return fmt.Errorf("CRL of %s, number %d: %w", s.Root, l.Number, err)
			}
		}
		left = left[s.Count:]
	}
	if len(left) > 0 {
		return errors.New("there are more CRLs than the plan makes")
	}
	return nil
}

func (h *hall) compareCRL(s plan.Series, l *x509.RevocationList, first int64, n int) error {
	var entries []x509.RevocationListEntry
	for _, e := range l.RevokedCertificateEntries {
		entries = append(entries, x509.RevocationListEntry{SerialNumber: e.SerialNumber, RevocationTime: e.RevocationTime, ReasonCode: e.ReasonCode})
	}
	for _, r := range h.plan.Revoke {
		if h.members[r.ID].Parent == s.Root && !names(l, h.certs[r.ID], h.plan.Date, r.Reason) {
			return fmt.Errorf("it does not name %s", r.ID)
		}
	}
	prepared, err := h.crl(crlTemplate(h.plan, s, first, n, entries), h.certs[s.Root])
	if err != nil {
		return err
	}
	_, err = checkCRL(l.Raw, prepared, h.certs[s.Root])
	return err
}

// names reports whether the CRL has the certificate, from that time and for
// that reason.
func names(l *x509.RevocationList, c *x509.Certificate, at time.Time, reason string) bool {
	code, _ := plan.ReasonCode(reason)
	for _, e := range l.RevokedCertificateEntries {
		if e.SerialNumber.Cmp(c.SerialNumber) == 0 {
			return e.ReasonCode == code && e.RevocationTime.Equal(at)
		}
	}
	return false
}

// checkMinutes wants the minutes to say what the record holds.
func (r Record) checkMinutes(p *plan.Plan, custodians []plan.Custodian) (Minutes, error) {
	m, err := parseMinutes(r.Minutes)
	if err != nil {
		return m, err
	}
	want := Minutes{
		Kind: MinutesKind, Title: p.Title, Environment: p.Environment, PlanSHA256: p.SHA256(), Begun: m.Begun, Ended: m.Ended, Version: m.Version,
		Need: p.Custodians.Need, Custodians: list(custodians), Revoked: list(p.Revoke), Lints: m.Lints,
	}
	if want.Authorities, want.CRLs, err = r.made(p); err != nil {
		return m, err
	}
	b, err := canonical(want)
	if err == nil && !bytes.Equal(b, r.Minutes) {
		err = errors.New("they do not say what was made")
	}
	return m, err
}

// stamped checks the stamp against root, or any root of the record.
func (h *hall) stamped(r Record, root *x509.Certificate) (at time.Time, err error) {
	digest := sha256.Sum256(r.Minutes)
	roots := []*x509.Certificate{root}
	if root == nil {
		roots = nil
		for id, m := range h.members {
			if m.Kind == ca.RootMember {
				roots = append(roots, h.certs[id])
			}
		}
	}
	err = fault.New(fault.Denied, "ceremony_stamp_root", "the time stamp of this record needs the root that it leads to; give it with --root")
	for _, c := range roots {
		if at, err = timestamp.Verify(r.Stamp, digest[:], c); err == nil {
			return at, nil
		}
	}
	return time.Time{}, err
}
