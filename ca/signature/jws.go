package signature

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"time"

	"github.com/go-json-experiment/json"

	"mohr/internal/fault"
)

const (
	maxJWS   = 256 << 10 // octets of a whole JWS
	maxChain = 6         // certificates in an x5c or a CMS
)

// JWS verifies a compact or flattened JWS in the JAdES B-B profile: x5c, iat
// or sigT, typ equal to typ, alg tied to the key, no unknown crit, no
// b64:false, no duplicate key. A JWS that breaks a rule is Invalid, one whose
// signature does not hold or whose signer is not ours is Denied.
func (v *Verifier) JWS(ctx context.Context, raw []byte, typ string) (Signed, error) {
	j, err := openJWS(raw, typ)
	if err != nil {
		return Signed{}, err
	}
	standing, err := v.signer(ctx, j.chain[0], j.input)
	if err != nil {
		return Signed{}, err
	}
	return Signed{payload: j.payload, raw: bytes.Clone(raw), standing: standing, at: j.at}, nil
}

// openJWS parses raw and verifies its signature by the first certificate of
// x5c, whoever issued that.
func openJWS(raw []byte, typ string) (jws, error) {
	j, err := parseJWS(raw)
	if err != nil {
		return jws{}, err
	}
	if err := j.header.check(typ); err != nil {
		return jws{}, err
	}
	if err := j.resolve(); err != nil {
		return jws{}, err
	}
	return j, j.verify()
}

// check applies the rules that need no key.
func (h jwsHeader) check(typ string) error {
	if err := h.checkCritical(); err != nil {
		return err
	}
	if h.Typ != typ {
		return errJWS("jws_typ", "the typ of the JWS is not %q; sign a statement of the right kind", typ)
	}
	return nil
}

// checkCritical applies RFC 7515 section 4.1.11: every name in crit must be
// understood, stand in the header and stand in crit once; an empty crit is wrong.
func (h jwsHeader) checkCritical() error {
	refused := errJWS("jws_crit", "the JWS names a critical header parameter that is not understood here; leave crit out")
	if h.B64 != nil && !*h.B64 {
		return errJWS("jws_b64", "the JWS has an unencoded payload (b64:false); encode the payload in base64url")
	}
	if len(h.Crit) == 0 {
		return nil
	}
	var names []string
	if err := json.Unmarshal(h.Crit, &names); err != nil || len(names) == 0 {
		return refused
	}
	seen := map[string]bool{}
	for _, name := range names {
		known := name == "b64" && h.B64 != nil || name == "sigT" && h.SigT != "" || name == "iat" && h.IAT != nil
		if !known || seen[name] {
			return refused
		}
		seen[name] = true
	}
	return nil
}

// resolve parses what the header holds: certificates and the signing time.
func (j *jws) resolve() error {
	refused := errJWS("jws_x5c", "the x5c of the JWS is not a chain of certificates with the signer's first; add your certificate as standard base64 of its DER")
	if len(j.header.X5C) == 0 || len(j.header.X5C) > maxChain {
		return refused
	}
	for _, s := range j.header.X5C {
		der, err := base64.StdEncoding.Strict().DecodeString(s)
		if err != nil {
			return refused
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return refused
		}
		j.chain = append(j.chain, cert)
	}
	if want := j.header.X5TS256; want != "" && want != thumbprint(j.chain[0]) {
		return refused
	}
	return j.resolveTime()
}

func (j *jws) resolveTime() error {
	refused := errJWS("jws_signing_time", "the JWS does not say when it was signed; put iat (seconds) or sigT (UTC) into its protected header")
	switch {
	case j.header.IAT != nil:
		if *j.header.IAT <= 0 || *j.header.IAT > maxTime {
			return refused
		}
		j.at = time.Unix(*j.header.IAT, 0).UTC()
	case j.header.SigT != "":
		at, err := time.Parse("2006-01-02T15:04:05Z", j.header.SigT)
		if err != nil {
			return refused
		}
		j.at = at.UTC()
	default:
		return refused
	}
	return nil
}

// maxTime is the last second of the year 9999, as in RFC 5280 section 4.1.2.5.
const maxTime = 253402300799

func thumbprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// verify checks the signature; the key decides which alg is possible.
func (j *jws) verify() error {
	pub := j.chain[0].PublicKey
	s, ok := jwsScheme(j.header.Alg, pub)
	if !ok {
		return errJWS("jws_alg", "the alg of the JWS does not fit the key of the certificate; use ES256 with P-256, ES384 with P-384, PS256 or RS256 with RSA")
	}
	sig := j.signature
	if k, isEC := pub.(*ecdsa.PublicKey); isEC {
		if sig, ok = derOfRaw(k, sig); !ok {
			return errJWSSignature()
		}
	}
	if !s.verifyDER(pub, s.digest(j.input), sig) {
		return errJWSSignature()
	}
	return nil
}

func errJWSSignature() error {
	return fault.New(fault.Denied, "jws_signature", "the signature of the JWS does not hold under the certificate in it; sign again")
}

// jwsScheme returns the scheme of an alg (RFC 7518 section 3.1) if the key
// can have made it. "none" and the HMACs fit no key.
func jwsScheme(alg string, pub crypto.PublicKey) (scheme, bool) {
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		switch {
		case alg == "ES256" && k.Curve == elliptic.P256():
			return scheme{hash: crypto.SHA256}, true
		case alg == "ES384" && k.Curve == elliptic.P384():
			return scheme{hash: crypto.SHA384}, true
		}
	case *rsa.PublicKey:
		hashes := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}
		if len(alg) != 5 || !usableKey(pub) {
			return scheme{}, false
		}
		hash, known := hashes[alg[2:]]
		if !known || alg[:2] != "PS" && alg[:2] != "RS" {
			return scheme{}, false
		}
		return scheme{hash: hash, rsa: true, pss: alg[:2] == "PS", salt: hash.Size()}, true
	}
	return scheme{}, false
}

// curveSize returns the octets of a coordinate.
func curveSize(k *ecdsa.PublicKey) int { return (k.Curve.Params().BitSize + 7) / 8 }

// derOfRaw turns R || S, each of the curve's size (RFC 7518 section 3.4),
// into an Ecdsa-Sig-Value.
func derOfRaw(k *ecdsa.PublicKey, sig []byte) ([]byte, bool) {
	n := curveSize(k)
	if len(sig) != 2*n {
		return nil, false
	}
	return ecdsaDER(new(big.Int).SetBytes(sig[:n]), new(big.Int).SetBytes(sig[n:]))
}
