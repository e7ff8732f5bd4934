package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"mohr/ca/signature"
	"mohr/internal/fault"
)

// maxApprovals bounds how many signatures are looked at.
const maxApprovals = 2 * maxCustodians

// Count checks detached CMS signatures over content, and that enough of the
// custodians made one. Each must hold and be by a listed certificate: who
// brings a foreign or broken one is Denied, since something is not as it
// seems. One key counts once, however often it signs and under whatever names
// it is listed. The custodians that counted come back in the order of c.
func (c Custodians) Count(content []byte, signatures [][]byte) ([]Custodian, error) {
	if len(signatures) > maxApprovals {
		return nil, fault.New(fault.Invalid, "approvals_too_many", "there are more than %[1]d signatures; give one of each custodian", maxApprovals)
	}
	signed := map[string]string{} // certificate -> key
	for _, raw := range signatures {
		_, leaf, err := signature.OpenCMS(raw, content)
		if err != nil {
			return nil, err
		}
		id := sum(leaf.Raw)
		if !c.has(id) {
			return nil, fault.New(fault.Denied, "approval_foreign", "a signature is by the certificate %[1]s, which is no custodian's of this plan; leave it out, or find out who put it there", id)
		}
		signed[id] = sum(leaf.RawSubjectPublicKeyInfo)
	}
	var counted []Custodian
	keys := map[string]bool{}
	for _, k := range c.Keys {
		key, ok := signed[k.CertificateSHA256]
		if ok && !keys[key] {
			keys[key] = true
			counted = append(counted, k)
		}
	}
	if len(counted) < c.Need {
		return counted, fault.New(fault.Denied, "approvals_too_few", "%[1]d of the custodians have signed these exact bytes, and %[2]d are needed; have the others sign: mohr ceremony sign FILE", len(counted), c.Need)
	}
	return counted, nil
}

// Known leaves out the signatures that hold and are by others than custodians
// of c: for counting by one list where those of another have signed too.
func (c Custodians) Known(content []byte, signatures [][]byte) (known [][]byte) {
	for _, raw := range signatures {
		if _, leaf, err := signature.OpenCMS(raw, content); err != nil || c.has(sum(leaf.Raw)) {
			known = append(known, raw)
		}
	}
	return known
}

func (c Custodians) has(certificate string) bool {
	for _, k := range c.Keys {
		if k.CertificateSHA256 == certificate {
			return true
		}
	}
	return false
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// CountBoth is Count by the custodians of this plan and, where there was a
// ceremony before, by those of that one too: the circle of custodians changes
// only with the consent of the circle before. before may be nil.
func (p *Plan) CountBoth(before *Plan, content []byte, signatures [][]byte) ([]Custodian, error) {
	if before == nil {
		return p.Custodians.Count(content, signatures)
	}
	if _, err := before.Custodians.Count(content, before.Custodians.Known(content, signatures)); err != nil {
		return nil, errors.Join(errors.New("custodians of the ceremony before"), err)
	}
	return p.Custodians.Count(content, append(p.Custodians.Known(content, signatures), p.foreign(before, content, signatures)...))
}

// foreign returns the signatures that are by neither circle.
func (p *Plan) foreign(before *Plan, content []byte, signatures [][]byte) (list [][]byte) {
	for _, raw := range signatures {
		_, leaf, err := signature.OpenCMS(raw, content)
		if err == nil && !p.Custodians.has(sum(leaf.Raw)) && !before.Custodians.has(sum(leaf.Raw)) {
			list = append(list, raw)
		}
	}
	return list
}
