package renew

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"strings"

	"mohr/ca/evidence"
)

// IdentityOf reads from a person's certificate what it says of its subject
// (EN 319 412-1 section 5.1, EN 319 412-2 section 4.2.4): names, the national
// code behind "PNOIR-", the legal id behind "NTRIR-". Date of birth and
// mobile number are not in it. A certificate that is no person's, or that has
// an attribute twice, is an error.
func IdentityOf(leaf *x509.Certificate) (evidence.Identity, error) {
	values := map[string]string{}
	for _, a := range leaf.Subject.Names {
		s, ok := a.Value.(string)
		if _, twice := values[a.Type.String()]; twice || !ok {
			return evidence.Identity{}, fmt.Errorf("subject of %x: attribute %s is no string or there twice", leaf.SerialNumber, a.Type)
		}
		values[a.Type.String()] = s
	}
	get := func(arc ...int) string { return values[asn1.ObjectIdentifier(arc).String()] }
	code, isPerson := strings.CutPrefix(get(2, 5, 4, 5), "PNOIR-")
	if _, err := evidence.ParseNationalCode(code); !isPerson || err != nil {
		return evidence.Identity{}, fmt.Errorf("subject of %x: no national code", leaf.SerialNumber)
	}
	id := evidence.Identity{NationalCode: code, GivenName: get(2, 5, 4, 42), Surname: get(2, 5, 4, 4)}
	if org := get(2, 5, 4, 97); org != "" {
		legal, ok := strings.CutPrefix(org, "NTRIR-")
		if !ok {
			return evidence.Identity{}, fmt.Errorf("subject of %x: organizationIdentifier of an unknown form", leaf.SerialNumber)
		}
		id.LegalID, id.LegalName, id.Title = legal, get(2, 5, 4, 10), get(2, 5, 4, 12)
	}
	return id, nil
}
