package chip

import (
	"bytes"
	"crypto"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// signed is a CMS SignedData whose signature verified under signer. That
// signer may sign it is for the caller to ask.
type signed struct {
	content []byte
	signer  *Certificate
	at      time.Time // signingTime; zero: not said
}

// signedKind is what a SignedData is expected to be.
type signedKind struct {
	part         string // for errors
	contentType  string
	certificates int // at most
}

// open reads
//
//	ContentInfo ::= SEQUENCE { contentType OBJECT IDENTIFIER, content [0] EXPLICIT ANY }
//	SignedData ::= SEQUENCE {
//	  version INTEGER (3), digestAlgorithms SET OF AlgorithmIdentifier,
//	  encapContentInfo SEQUENCE { eContentType OBJECT IDENTIFIER, eContent [0] EXPLICIT OCTET STRING },
//	  certificates [0] IMPLICIT SET OF Certificate,
//	  signerInfos SET OF SignerInfo }
//
// (RFC 5652, 3 and 5; Doc 9303-10, 4.6.2) from BER and verifies it.
func (k signedKind) open(raw []byte) (signed, error) {
	b, err := normalise(raw, k.part)
	if err != nil {
		return signed{}, err
	}
	s := cryptobyte.String(b)
	var info, content, data, digests, encap, certs, signers cryptobyte.String
	version := 0
	if !s.ReadASN1(&info, der.SEQUENCE) || !s.Empty() {
		return signed{}, errMalformed(k.part)
	}
	if oid, ok := readOID(&info); !ok || oid != oidSignedData {
		return signed{}, errMalformed(k.part)
	}
	if !info.ReadASN1(&content, tag0) || !info.Empty() || !content.ReadASN1(&data, der.SEQUENCE) || !content.Empty() ||
		!data.ReadASN1Integer(&version) || version != 3 ||
		!data.ReadASN1(&digests, der.SET) || !data.ReadASN1(&encap, der.SEQUENCE) ||
		!data.ReadASN1(&certs, tag0) || !data.ReadASN1(&signers, der.SET) || !data.Empty() {
		return signed{}, errMalformed(k.part)
	}
	var out signed
	if out.content, err = k.readContent(encap); err != nil {
		return out, err
	}
	list, err := k.readCertificates(certs)
	if err != nil {
		return out, err
	}
	signer, err := k.readSigner(signers, digests)
	if err != nil {
		return out, err
	}
	if out.signer = signer.find(list); out.signer == nil {
		return out, errSignerUnknown(k.part)
	}
	out.at = signer.at
	return out, k.verify(signer, out)
}

func (k signedKind) readContent(s cryptobyte.String) ([]byte, error) {
	var field, content cryptobyte.String
	oid, ok := readOID(&s)
	if !ok {
		return nil, errMalformed(k.part)
	}
	if oid != k.contentType {
		return nil, errContentType(k.part, oid)
	}
	if !s.ReadASN1(&field, tag0) || !s.Empty() || !field.ReadASN1(&content, der.OCTET_STRING) || !field.Empty() {
		return nil, errMalformed(k.part)
	}
	return content, nil
}

func (k signedKind) readCertificates(s cryptobyte.String) ([]*Certificate, error) {
	var list []*Certificate
	for !s.Empty() {
		var raw cryptobyte.String
		if len(list) == k.certificates || !s.ReadASN1Element(&raw, der.SEQUENCE) {
			return nil, errMalformed(k.part)
		}
		c, err := readCertificate(raw, k.part)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// signerInfo is the one SignerInfo.
type signerInfo struct {
	issuer      name // and serial; or keyID
	serial      *big.Int
	keyID       []byte
	attributes  []byte // as signed
	contentType string
	digest      []byte
	at          time.Time
	hash        crypto.Hash
	algorithm   algorithm
	signature   []byte
}

// readSigner reads the only
//
//	SignerInfo ::= SEQUENCE {
//	  version INTEGER, sid SignerIdentifier, digestAlgorithm AlgorithmIdentifier,
//	  signedAttrs [0] IMPLICIT SET OF Attribute,
//	  signatureAlgorithm AlgorithmIdentifier, signature OCTET STRING }
//
// (RFC 5652, 5.3). digests is the set of digestAlgorithms, which has its hash.
func (k signedKind) readSigner(s, digests cryptobyte.String) (signerInfo, error) {
	var i signerInfo
	var info, attributes, sig cryptobyte.String
	if !s.ReadASN1(&info, der.SEQUENCE) {
		return i, errMalformed(k.part)
	}
	if !s.Empty() {
		return i, errSigners(k.part)
	}
	if !i.readSID(&info) {
		return i, errMalformed(k.part)
	}
	var err error
	if i.hash, err = readHash(&info, k.part); err != nil {
		return i, err
	}
	if err := i.listed(digests, k.part); err != nil {
		return i, err
	}
	if !info.ReadASN1(&attributes, tag0) || !i.readAttributes(attributes) {
		return i, errMalformed(k.part)
	}
	if i.algorithm, err = readAlgorithm(&info, k.part); err != nil {
		return i, err
	}
	if !info.ReadASN1(&sig, der.OCTET_STRING) || !info.Empty() {
		return i, errMalformed(k.part)
	}
	i.signature = sig
	if i.algorithm.hash == 0 {
		i.algorithm.hash = i.hash
	}
	// Stricter than RFC 5652: one hash for both.
	if i.algorithm.hash != i.hash {
		return i, errAlgorithm("two hashes for one signature")
	}
	return i, nil
}

// listed refuses digestAlgorithms that are anything but hashes, the signer's
// among them.
func (i *signerInfo) listed(digests cryptobyte.String, part string) error {
	found := false
	for n := 0; !digests.Empty(); n++ {
		h, err := readHash(&digests, part)
		if err != nil {
			return err
		}
		if n == len(hashOIDs) {
			return errMalformed(part)
		}
		found = found || h == i.hash
	}
	if !found {
		return errMalformed(part)
	}
	return nil
}

// readSID reads version and
//
//	SignerIdentifier ::= CHOICE {
//	  issuerAndSerialNumber SEQUENCE { Name, INTEGER },  -- version 1
//	  subjectKeyIdentifier [0] OCTET STRING }            -- version 3
func (i *signerInfo) readSID(info *cryptobyte.String) bool {
	var sid cryptobyte.String
	version := 0
	if !info.ReadASN1Integer(&version) {
		return false
	}
	if version == 3 {
		ok := info.ReadASN1(&sid, der.Tag(0).ContextSpecific()) && len(sid) > 0
		i.keyID = sid
		return ok
	}
	i.serial = new(big.Int)
	if version != 1 || !info.ReadASN1(&sid, der.SEQUENCE) {
		return false
	}
	var ok bool
	i.issuer, ok = readName(&sid)
	return ok && sid.ReadASN1Integer(i.serial) && sid.Empty()
}

// maxAttributes bounds the signed attributes.
const maxAttributes = 16

// readAttributes reads SET OF SEQUENCE { attrType OBJECT IDENTIFIER,
// attrValues SET OF ANY } (RFC 5652, 5.3 and 11). Signed is the same as a SET.
func (i *signerInfo) readAttributes(s cryptobyte.String) bool {
	i.attributes = appendElement(nil, byte(der.SET), s)
	seen := map[string]bool{}
	for !s.Empty() {
		var attribute, values cryptobyte.String
		if len(seen) == maxAttributes || !s.ReadASN1(&attribute, der.SEQUENCE) {
			return false
		}
		oid, ok := readOID(&attribute)
		if !ok || seen[oid] || !attribute.ReadASN1(&values, der.SET) || !attribute.Empty() {
			return false
		}
		seen[oid] = true
		switch oid {
		case oidContentType:
			i.contentType, ok = readOID(&values)
		case oidMessageDigest:
			var digest cryptobyte.String
			ok = values.ReadASN1(&digest, der.OCTET_STRING)
			i.digest = digest
		case oidSigningTime:
			ok = readTime(&values, &i.at)
		default:
			continue
		}
		if !ok || !values.Empty() {
			return false
		}
	}
	return i.contentType != "" && i.digest != nil
}

// find returns the signer's certificate among those in the CMS, nil if it is
// not there.
func (i *signerInfo) find(list []*Certificate) *Certificate {
	for _, c := range list {
		if i.serial != nil && i.serial.Cmp(c.serial) == 0 && i.issuer.exactly(c.issuer) ||
			len(i.keyID) > 0 && bytes.Equal(i.keyID, c.subjectKey) {
			return c
		}
	}
	return nil
}

// verify checks the content's digest and the signature over the attributes.
func (k signedKind) verify(i signerInfo, s signed) error {
	h := i.hash.New()
	h.Write(s.content)
	switch {
	case i.contentType != k.contentType:
		return errContentType(k.part, i.contentType)
	case !bytes.Equal(h.Sum(nil), i.digest):
		return errDigest(k.part)
	case !s.signer.key.verify(i.algorithm, i.attributes, i.signature):
		return errSignature(k.part)
	}
	return nil
}
