package attest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"

	"github.com/google/go-tpm/tpm2"

	"mohr/internal/roca"
)

// maxStructure bounds a structure of a TPM in a statement, octets: RSA of 4096
// bits with a name and a policy stays below it.
const maxStructure = 1 << 10

// area is the public area of an object in a TPM:
//
//	TPMT_PUBLIC ::= struct { TPMI_ALG_PUBLIC type; TPMI_ALG_HASH nameAlg; TPMA_OBJECT objectAttributes;
//	    TPM2B_DIGEST authPolicy; TPMU_PUBLIC_PARMS parameters; TPMU_PUBLIC_ID unique }
//
// (TPM 2.0 Library, Part 2, section 12.2.4). Its name is the hash of it, led
// by the algorithm of that (Part 1, section 16).
type area struct {
	*tpm2.TPMTPublic
	name   []byte
	public crypto.PublicKey // *ecdsa.PublicKey on its curve, or *rsa.PublicKey
	scheme tpm2.TPMAlgID    // of signatures
	hash   tpm2.TPMIAlgHash // of the scheme
}

// parseArea reads a public area of a signing key that has one scheme. what
// names it to who sent it.
func parseArea(b []byte, what string) (a area, err error) {
	refused := errMalformed(what)
	if a.TPMTPublic, err = parse[tpm2.TPMTPublic](b); err != nil || strength[a.NameAlg] == 0 {
		return a, refused
	}
	name, err := tpm2.ObjectName(a.TPMTPublic)
	if err != nil {
		return a, refused
	}
	a.name = name.Buffer
	switch a.Type {
	case tpm2.TPMAlgECC:
		err = a.readEC()
	case tpm2.TPMAlgRSA:
		err = a.readRSA()
	default:
		err = errKeyKind()
	}
	return a, err
}

func (a *area) readEC() error {
	parms, err := a.Parameters.ECCDetail()
	if err != nil {
		return err
	}
	point, err := a.Unique.ECC()
	if err != nil {
		return err
	}
	curve := map[tpm2.TPMECCCurve]elliptic.Curve{tpm2.TPMECCNistP256: elliptic.P256(), tpm2.TPMECCNistP384: elliptic.P384()}[parms.CurveID]
	scheme, err := parms.Scheme.Details.ECDSA()
	if curve == nil || parms.Scheme.Scheme != tpm2.TPMAlgECDSA || err != nil {
		return errKeyKind()
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(point.X.Buffer) > size || len(point.Y.Buffer) > size {
		return errMalformed("a point")
	}
	uncompressed := make([]byte, 1+2*size)
	uncompressed[0] = 4
	copy(uncompressed[1+size-len(point.X.Buffer):], point.X.Buffer)
	copy(uncompressed[1+2*size-len(point.Y.Buffer):], point.Y.Buffer)
	public, err := ecdsa.ParseUncompressedPublicKey(curve, uncompressed)
	if err != nil {
		return errMalformed("a point")
	}
	a.public, a.scheme, a.hash = public, tpm2.TPMAlgECDSA, scheme.HashAlg
	return nil
}

// readRSA reads a key of 2048 to 4096 bits with the exponent 65537, which
// stands as zero (Part 2, section 12.2.3.5).
func (a *area) readRSA() error {
	parms, err := a.Parameters.RSADetail()
	if err != nil {
		return err
	}
	modulus, err := a.Unique.RSA()
	if err != nil {
		return err
	}
	scheme, err := parms.Scheme.Details.RSASSA()
	if parms.Scheme.Scheme != tpm2.TPMAlgRSASSA || err != nil {
		return errKeyKind()
	}
	n := new(big.Int).SetBytes(modulus.Buffer)
	if bits := n.BitLen(); bits < 2048 || bits > 4096 || bits != int(parms.KeyBits) || (parms.Exponent != 0 && parms.Exponent != 65537) {
		return errKeyKind()
	}
	if roca.Recognise(n) {
		return errKeyWeak()
	}
	a.public, a.scheme, a.hash = &rsa.PublicKey{N: n, E: 65537}, tpm2.TPMAlgRSASSA, scheme.HashAlg
	return nil
}

// strength are the hashes that count, and ours for each; SHA-1 is not among them.
var strength = map[tpm2.TPMIAlgHash]crypto.Hash{tpm2.TPMAlgSHA256: crypto.SHA256, tpm2.TPMAlgSHA384: crypto.SHA384, tpm2.TPMAlgSHA512: crypto.SHA512}

// certified is what TPM2_Certify says (Part 2, section 10.12.12 and 10.12.3).
type certified struct {
	qualifying []byte // the caller's
	name       []byte // of the object
}

// parseCertified reads a TPMS_ATTEST of the type TPM_ST_ATTEST_CERTIFY.
func parseCertified(b []byte) (c certified, err error) {
	refused := errMalformed("the certification")
	a, err := parse[tpm2.TPMSAttest](b)
	if err != nil || a.Magic != tpm2.TPMGeneratedValue || a.Type != tpm2.TPMSTAttestCertify {
		return c, refused
	}
	info, err := a.Attested.Certify()
	if err != nil {
		return c, refused
	}
	return certified{a.ExtraData.Buffer, info.Name.Buffer}, nil
}

// structure is what parse can read.
type structure[T any] interface {
	*T
	tpm2.Unmarshallable
}

// parse reads one structure of a TPM and refuses anything that it would not
// write in the same octets: what follows, reserved bits, other lengths.
func parse[T tpm2.Marshallable, P structure[T]](b []byte) (*T, error) {
	if len(b) == 0 || len(b) > maxStructure {
		return nil, errMalformed("a structure")
	}
	v, err := tpm2.Unmarshal[T, P](b)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(tpm2.Marshal(*v), b) {
		return nil, errMalformed("a structure")
	}
	return v, nil
}
