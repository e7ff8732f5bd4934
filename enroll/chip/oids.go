package chip

import (
	"crypto"
	_ "crypto/sha1"   // to tell a chip that still uses it from a copy
	_ "crypto/sha256" // hashes of documents
	_ "crypto/sha512"
)

// Object identifiers, in dots.
const (
	oidSignedData = "1.2.840.113549.1.7.2" // RFC 5652, 5.1

	oidContentType   = "1.2.840.113549.1.9.3" // RFC 5652, 11
	oidMessageDigest = "1.2.840.113549.1.9.4"
	oidSigningTime   = "1.2.840.113549.1.9.5"

	oidSecurityObject    = "2.23.136.1.1.1" // Doc 9303-10, 4.6.2.3: id-icao-mrtd-security-ldsSecurityObject
	oidMasterList        = "2.23.136.1.1.2" // Doc 9303-12, 9: id-icao-cscaMasterList
	oidMasterListSigning = "2.23.136.1.1.3" // extended key usage of who signs one
	oidActiveAuth        = "2.23.136.1.1.5" // Doc 9303-11, 9.2.5: ActiveAuthenticationInfo

	oidSubjectKeyID     = "2.5.29.14" // RFC 5280, 4.2.1
	oidKeyUsage         = "2.5.29.15"
	oidBasicConstraints = "2.5.29.19"
	oidAuthorityKeyID   = "2.5.29.35"
	oidExtKeyUsage      = "2.5.29.37"

	oidCountry = "2.5.4.6"

	oidRSA        = "1.2.840.113549.1.1.1" // RFC 8017
	oidRSAPSS     = "1.2.840.113549.1.1.10"
	oidMGF1       = "1.2.840.113549.1.1.8"
	oidECKey      = "1.2.840.10045.2.1" // RFC 5480
	oidPrimeField = "1.2.840.10045.1.1"
)

// hashOIDs are the hashes that count (RFC 5754).
var hashOIDs = map[string]crypto.Hash{
	"2.16.840.1.101.3.4.2.4": crypto.SHA224,
	"2.16.840.1.101.3.4.2.1": crypto.SHA256,
	"2.16.840.1.101.3.4.2.2": crypto.SHA384,
	"2.16.840.1.101.3.4.2.3": crypto.SHA512,
}

// signatureOIDs are the algorithms that name their hash (RFC 4055, RFC 5758).
var signatureOIDs = map[string]algorithm{
	"1.2.840.113549.1.1.14": {scheme: pkcs1, hash: crypto.SHA224},
	"1.2.840.113549.1.1.11": {scheme: pkcs1, hash: crypto.SHA256},
	"1.2.840.113549.1.1.12": {scheme: pkcs1, hash: crypto.SHA384},
	"1.2.840.113549.1.1.13": {scheme: pkcs1, hash: crypto.SHA512},
	"1.2.840.10045.4.3.1":   {scheme: ecdsaDER, hash: crypto.SHA224},
	"1.2.840.10045.4.3.2":   {scheme: ecdsaDER, hash: crypto.SHA256},
	"1.2.840.10045.4.3.3":   {scheme: ecdsaDER, hash: crypto.SHA384},
	"1.2.840.10045.4.3.4":   {scheme: ecdsaDER, hash: crypto.SHA512},
	// BSI TR-03111, 5.2.1: r and s beside each other, as chips sign.
	"0.4.0.127.0.7.1.1.4.1.2": {scheme: ecdsaPlain, hash: crypto.SHA224},
	"0.4.0.127.0.7.1.1.4.1.3": {scheme: ecdsaPlain, hash: crypto.SHA256},
	"0.4.0.127.0.7.1.1.4.1.4": {scheme: ecdsaPlain, hash: crypto.SHA384},
	"0.4.0.127.0.7.1.1.4.1.5": {scheme: ecdsaPlain, hash: crypto.SHA512},
}

// weakOIDs are hashes, and signatures over them, that no longer prove anything.
var weakOIDs = map[string]string{
	"1.3.14.3.2.26":           "SHA-1",
	"1.2.840.113549.2.5":      "MD5",
	"1.3.36.3.2.1":            "RIPEMD-160",
	"1.2.840.113549.1.1.4":    "MD5",
	"1.2.840.113549.1.1.5":    "SHA-1",
	"1.2.840.10045.4.1":       "SHA-1",
	"0.4.0.127.0.7.1.1.4.1.1": "SHA-1",
	"0.4.0.127.0.7.1.1.4.1.6": "RIPEMD-160",
}

// namedCurves are the curves by the names that keys carry (RFC 5480, RFC 5639).
var namedCurves = map[string]string{
	"1.3.132.0.33":          "P-224",
	"1.2.840.10045.3.1.7":   "P-256",
	"1.3.132.0.34":          "P-384",
	"1.3.132.0.35":          "P-521",
	"1.3.36.3.3.2.8.1.1.5":  "brainpoolP224r1",
	"1.3.36.3.3.2.8.1.1.7":  "brainpoolP256r1",
	"1.3.36.3.3.2.8.1.1.9":  "brainpoolP320r1",
	"1.3.36.3.3.2.8.1.1.11": "brainpoolP384r1",
	"1.3.36.3.3.2.8.1.1.13": "brainpoolP512r1",
}
