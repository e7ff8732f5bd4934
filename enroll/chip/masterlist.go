package chip

import (
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// maxListed bounds the certificates of a master list.
const maxListed = 5000

var masterListKind = signedKind{part: "master list", contentType: oidMasterList, certificates: 8}

// openMasterList returns the certificates, in DER, of
//
//	CscaMasterList ::= SEQUENCE { version INTEGER (0), certList SET OF Certificate }
//
// in a SignedData (Doc 9303-12, 9). Its signer is for signing master lists and
// an authority that was trusted before, and not by this list, vouches for it.
func (t *Trust) openMasterList(raw []byte, now time.Time) ([][]byte, error) {
	if len(raw) > maxMasterList {
		return nil, errTooLarge(masterListKind.part, maxMasterList)
	}
	s, err := masterListKind.open(raw)
	if err != nil {
		return nil, err
	}
	if err := t.listSigner(s, now); err != nil {
		return nil, err
	}
	content := cryptobyte.String(s.content)
	var body, set, one cryptobyte.String
	version := 0
	if !content.ReadASN1(&body, der.SEQUENCE) || !content.Empty() || !body.ReadASN1Integer(&version) || version != 0 ||
		!body.ReadASN1(&set, der.SET) || !body.Empty() {
		return nil, errMalformed(masterListKind.part)
	}
	var list [][]byte
	for !set.Empty() {
		if len(list) == maxListed || !set.ReadASN1Element(&one, der.SEQUENCE) {
			return nil, errMalformed(masterListKind.part)
		}
		list = append(list, one)
	}
	return list, nil
}

// listSigner asks whether the signer may sign master lists, now as then.
func (t *Trust) listSigner(s signed, now time.Time) error {
	c := s.signer
	at := s.at
	if at.IsZero() {
		at = now
	}
	switch {
	case c.ca || c.may(bitKeyCertSign):
		return errSignerIsCA()
	case !slices.Contains(c.purposes, oidMasterListSigning) || c.usage != nil && !c.may(bitDigitalSignature) || c.notSkipped != "":
		return errSignerUsage()
	case at.After(now.Add(skew)):
		return errSignedLater()
	case at.Before(c.notBefore):
		return errSignerEarly()
	case at.After(c.notAfter):
		return errSignerLate()
	}
	issuer, err := t.issuer(c, at)
	if err != nil {
		return err
	}
	if t.revoked(c, issuer) {
		return errSignerRevoked()
	}
	return nil
}
