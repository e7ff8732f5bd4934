package approval

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"mohr/ca"
	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// bucket: matter/operator/serial -> Approval.
const bucket = "approvals"

func key(matter, operator, serial string) string { return matter + "/" + operator + "/" + serial }

// Approval is one operator's, with the bytes he signed.
type Approval struct {
	Matter       string      `json:"matter"`
	MatterSHA256 string      `json:"matter_sha256"`
	Operator     string      `json:"operator"`
	Holder       ca.HolderID `json:"holder,omitempty"` // who the operator was then, where that was said
	Serial       string      `json:"serial"`           // of his certificate
	SPKISHA256   string      `json:"spki_sha256"`
	At           time.Time   `json:"at"`
	SHA256       string      `json:"sha256"`    // hex, of Signature: the leaf of the log says it
	Signature    []byte      `json:"signature"` // JWS or CMS as received
	Document     []byte      `json:"document"`  // what it was made over
	// Simulated: given in a development hierarchy, where an operator counts
	// as a person though nobody has said who he is.
	Simulated bool `json:"simulated,omitempty"`
}

// record counts the approval. One that the same statement gave before comes
// back as it is and is not fresh. Unless simulated, it must be known who the
// operator is: two names are not two persons.
func record(tx store.Tx, m Matter, s signature.Signed, simulated bool, now time.Time) (a Approval, fresh bool, err error) {
	leaf := s.Standing().Leaf()
	o, err := ca.MayIn(tx, leaf, m.Right, now)
	if err != nil {
		return a, false, err
	}
	if concerned, err := m.concerns(tx, o.Name, o.Holder); err != nil {
		return a, false, err
	} else if concerned {
		return a, false, fault.New(fault.Denied, "approval_own_matter", "this concerns you: another operator must approve it")
	}
	if o.Holder == "" && !simulated {
		return a, false, fault.New(fault.Denied, "approval_person_unknown", "nobody has said who the operator %[1]s is, so two approvals might be one person's; have the person recorded (mohr operator, --person), then approve", o.Name)
	}
	given, err := In(tx, m.ID)
	if err != nil {
		return a, false, err
	}
	r := s.Standing().Record()
	a = Approval{
		Matter: m.ID, MatterSHA256: m.SHA256, Operator: o.Name, Holder: o.Holder, Serial: r.Serial, SPKISHA256: r.SPKISHA256,
		At: now, SHA256: s.SHA256(), Signature: s.Raw(), Document: s.Payload(),
		Simulated: simulated,
	}
	for _, before := range given {
		if before.SHA256 == a.SHA256 {
			return before, false, nil
		}
		// Who has a new certificate since may say it again with that.
		switch now, still, err := counts(tx, m, before, now); {
		case err != nil:
			return a, false, err
		case still && now.samePerson(a):
			return a, false, fault.New(fault.Conflict, "approval_same_person", "you have approved this before; a second person must, with a name, a key and a certificate of their own")
		}
	}
	if err := store.Save(tx, bucket, key(m.ID, o.Name, r.Serial), a); err != nil {
		return a, false, err
	}
	return a, true, ledger.Append(tx, ledger.Event{Kind: "matter.approved", Subject: m.ID, At: now, Hash: a.SHA256})
}

// samePerson reports whether the two may come from one person.
func (a Approval) samePerson(b Approval) bool {
	return a.Operator == b.Operator || a.SPKISHA256 == b.SPKISHA256 || a.Serial == b.Serial || a.Holder != "" && a.Holder == b.Holder
}

// In returns all approvals of a matter, by operator.
func In(tx store.Tx, matter string) ([]Approval, error) {
	list := []Approval{}
	err := store.Each(tx, bucket, matter+"/", "", func(_ string, a Approval) error {
		list = append(list, a)
		return nil
	})
	return list, err
}

// Counting returns those approvals of m that count at now: for m as it is, by
// operators whose certificates are good and who have the right, of different
// persons as far as is known now: their Holder is who they are at now. What was approved by a key that is not trusted any more is not
// approved.
func Counting(tx store.Tx, m Matter, now time.Time) ([]Approval, error) {
	given, err := In(tx, m.ID)
	if err != nil {
		return nil, err
	}
	good := []Approval{}
	for _, a := range given {
		a, ok, err := counts(tx, m, a, now)
		if err != nil {
			return nil, err
		}
		if ok && !slices.ContainsFunc(good, a.samePerson) {
			good = append(good, a)
		}
	}
	return good, nil
}

// counts reports whether a approves m at now, and returns it with who its
// operator is now.
func counts(tx store.Tx, m Matter, a Approval, now time.Time) (Approval, bool, error) {
	if a.MatterSHA256 != m.SHA256 || sum(a.Signature) != a.SHA256 {
		return a, false, nil
	}
	c, err := ca.LoadCertificate(tx, a.Serial)
	if err != nil {
		return a, false, err
	}
	leaf, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return a, false, fmt.Errorf("certificate %s: %w", a.Serial, err)
	}
	o, err := ca.MayIn(tx, leaf, m.Right, now)
	if errors.Is(err, fault.Denied) {
		return a, false, nil
	}
	if err != nil {
		return a, false, err
	}
	a.Holder = o.Holder
	concerned, err := m.concerns(tx, o.Name, o.Holder)
	return a, o.Name == a.Operator && !concerned && (o.Holder != "" || a.Simulated), err
}

// concerns reports whether the matter concerns the operator, under this name
// or another.
func (m Matter) concerns(tx store.Tx, name string, h ca.HolderID) (bool, error) {
	if slices.Contains(m.Subjects, name) {
		return true, nil
	}
	if h == "" {
		return false, nil
	}
	if h == m.Holder {
		return true, nil
	}
	for _, subject := range m.Subjects {
		if is, err := ca.PersonOf(tx, subject); err != nil || is == h {
			return err == nil, err
		}
	}
	return false, nil
}
