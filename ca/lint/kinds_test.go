package lint

import (
	"crypto/elliptic"
	"testing"

	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// base is what all end entities here have.
func base(t testing.TB) cert {
	return cert{
		version: explicit(0, number(2)), serial: bigNumber(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18),
		algorithm: ecdsaSHA256, issuer: caName("Mohr Signature CA"), from: begin, to: begin.Add(365*day - 1e9),
		spki: spkiOf(t, testKey(t, elliptic.P256(), 2).Public()),
		extensions: []extn{
			{oidSKI, false, octet(ownKeyID)}, {oidAKI, false, seq(implicit(0, caKeyID))}, policy(testPolicy),
			access("http://mohr.test/ocsp/sign-p256", "http://mohr.test/ca/sign-p256.cer"), crlPoint("http://mohr.test/crl/sign-p256/0.crl"),
		},
	}
}

// naturalSign is a person's, of type A.
func naturalSign(t testing.TB) cert {
	c := base(t)
	c.subject = name(attr(oidCountry, printable("IR")), attr(oidCommonName, utf8String("زهرا محمدی")), attr(oidSurname, utf8String("محمدی")),
		attr(oidGivenName, utf8String("زهرا")), attr(oidSerialNumber, printable("PNOIR-0012345679")))
	c.set(keyUsage(6, 0x40))
	c.set(ekuOf(oidDocumentSigning))
	c.set(qc(signType, goodPDS, person))
	return c
}

// organisationSign is a person's in an organisation, of type B.
func organisationSign(t testing.TB) cert {
	c := naturalSign(t)
	c.subject = name(attr(oidCountry, printable("IR")), attr(oidOrganisation, utf8String("نمونه")), attr(oidOrgID, printable("NTRIR-14003456780")),
		attr(oidCommonName, utf8String("زهرا محمدی")), attr(oidGivenName, utf8String("زهرا")), attr(oidSerialNumber, printable("PNOIR-0012345679")))
	c.set(keyUsage(6, 0xc0))
	return c
}

// seal is a legal person's.
func seal(t testing.TB) cert {
	c := naturalSign(t)
	c.subject = name(attr(oidCountry, printable("IR")), attr(oidOrganisation, utf8String("نمونه")), attr(oidOrgID, printable("NTRIR-14003456780")), attr(oidCommonName, utf8String("نمونه")))
	c.set(qc(sealType, goodPDS, legal))
	return c
}

// login is a person's for authentication.
func login(t testing.TB) cert {
	c := naturalSign(t)
	c.set(keyUsage(7, 0x80))
	c.set(ekuOf(oidClientAuth))
	c.set(qc(person))
	return c
}

func service(t testing.TB) cert {
	c := base(t)
	c.subject = name(attr(oidCountry, printable("IR")), attr(oidOrganisation, utf8String("Mohr")), attr(oidCommonName, utf8String("mohr.test")))
	c.set(keyUsage(7, 0x80))
	return c
}

// tls is a server's.
func tls(t testing.TB) cert {
	c := service(t)
	c.set(ekuOf(oidServerAuth, oidClientAuth))
	c.set(extn{oidSAN, false, seq(implicit(2, []byte("mohr.test")))})
	return c
}

// stamping is a time stamping unit's.
func stamping(t testing.TB) cert {
	c := service(t)
	c.set(ekuOf(oidTimeStamping))
	c.critical(oidExtKeyUsage, true)
	c.set(extn{oidPrivateKeyUsage, false, seq(implicit(0, []byte("20261123120000Z")), implicit(1, []byte("20270523120000Z")))})
	return c
}

// responder is an OCSP responder's.
func responder(t testing.TB) cert {
	c := service(t)
	c.to = begin.Add(30*day - 1e9)
	c.set(ekuOf(oidOCSPSigning))
	c.set(extn{oidOCSPNoCheck, false, null})
	c.set(access("", "http://mohr.test/ca/sign-p256.cer"))
	c.drop(oidCRLDP)
	return c
}

// short is a person's that is never revoked.
func short(t testing.TB) cert {
	c := naturalSign(t)
	c.to = begin.Add(day - 1e9)
	c.set(extn{oidShortTerm, false, null})
	c.set(extn{oidNoRevAvail, false, null})
	c.set(access("", "http://mohr.test/ca/sign-p256.cer"))
	c.drop(oidCRLDP)
	return c
}

func constraints(content ...[]byte) extn { return extn{oidBasicConstraints, true, seq(content...)} }

var isCA = []byte{1, 1, 0xff}

// root is a root's.
func root(t testing.TB) cert {
	return cert{
		version: explicit(0, number(2)), serial: bigNumber(0x41, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16),
		algorithm: ecdsaSHA256, issuer: caName("Mohr Root CA"), subject: caName("Mohr Root CA"), from: begin, to: begin.Add(20 * 365 * day),
		spki:       spkiOf(t, testKey(t, elliptic.P384(), 3).Public()),
		extensions: []extn{{oidSKI, false, octet(caKeyID)}, {oidAKI, false, seq(implicit(0, caKeyID))}, constraints(isCA), {oidKeyUsage, true, wrap(cryptobyte_asn1.BIT_STRING, []byte{1, 6})}},
	}
}

// cross is one root's certificate for another's key.
func cross(t testing.TB) cert {
	c := root(t)
	c.subject, c.to = caName("Mohr Root CA 2"), begin.Add(10*365*day)
	c.set(extn{oidSKI, false, octet(ownKeyID)})
	c.set(extn{oidAKI, false, seq(implicit(0, caKeyID))})
	c.set(policy([]int{2, 5, 29, 32, 0}))
	c.set(access("", "http://mohr.test/ca/root.cer"))
	c.set(crlPoint("http://mohr.test/crl/root/0.crl"))
	return c
}

// issuing is an issuing CA's.
func issuing(t testing.TB) cert {
	c := cross(t)
	c.subject = caName("Mohr Signature CA")
	c.set(constraints(isCA, number(0)))
	return c
}
