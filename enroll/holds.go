package enroll

import (
	"context"
	"strings"
	"time"

	"mohr/ca"
)

// Held is a certificate that the person has already.
type Held struct {
	Serial   string    `json:"serial" doc:"hexadecimal"`
	NotAfter time.Time `json:"not_after" doc:"it ends then"`
}

// holds returns the certificates of the kind applied for, with the same home
// of the key, that the person has and that are good now: renewing one needs no
// new proof, and one whose key is lost should be revoked. It says so only to
// who proved the phone that the register says is the person's; to all others
// every application looks alike.
func (d *Desk) holds(ctx context.Context, a Application, now time.Time) ([]Held, error) {
	if !a.Stage.Open() || !a.phoneProven() {
		return nil, nil
	}
	p, err := d.person(a)
	if err != nil {
		return nil, err
	}
	list, err := d.CA.OfHolder(ctx, d.CA.Holder(p.NationalCode))
	if err != nil {
		return nil, err
	}
	var held []Held
	for _, c := range list {
		profile, _, _ := strings.Cut(c.Profile, "@")
		same := profile == a.Profile && c.Home == a.Home && string(c.Business) == p.LegalID
		if same && c.State == ca.Issued && c.Request != a.ID && c.ReplacedBy == "" && !c.Ended() && now.Before(c.NotAfter) {
			held = append(held, Held{c.Serial, c.NotAfter})
		}
	}
	return held, nil
}
