package lint

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // KeyHash is SHA-1 by definition (RFC 6960 section 4.2.1)
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// maxAnswer bounds an answer's life, from thisUpdate to nextUpdate. It is ours.
const maxAnswer = 10 * day

// ocspRules are all that a successful OCSP response must keep.
var ocspRules = []rule[*response]{
	{"ocsp_basic", "RFC 6960 4.2.1", func(r *response) string {
		return unless(r.basic && !r.versioned, "it is not id-pkix-ocsp-basic, or spells the default version out")
	}},
	{"ocsp_signature_algorithm", "RFC 6960 4.3, SP 800-57", func(r *response) string {
		return unless(strongIDs[r.algorithm.String()] != 0, "it is signed by neither ECDSA nor RSA (PKCS #1) with SHA-256, SHA-384 or SHA-512")
	}},
	{"ocsp_responder_id", "RFC 6960 4.2.1", func(r *response) string {
		ok := len(r.byName) > 2 || len(r.byKey) == sha1.Size
		return unless(ok, "the responder is named by neither a name nor the SHA-1 of a key")
	}},
	{"ocsp_produced_at", "RFC 6960 4.2.1, RFC 5280 4.1.2.5.2", func(r *response) string {
		return unless(!r.producedAt.IsZero(), "producedAt is not of whole seconds in UTC")
	}},
	{"ocsp_answers", "RFC 6960 4.2.1, RFC 5019 2.1.1", func(r *response) string {
		for i, s := range r.singles {
			if slices.ContainsFunc(r.singles[:i], func(t single) bool { return bytes.Equal(t.certID, s.certID) }) {
				return "one certificate is answered for twice"
			}
		}
		return unless(len(r.singles) > 0, "there is no answer")
	}},
	{"ocsp_certificate_id", "RFC 6960 4.1.1", func(r *response) string {
		for _, s := range r.singles {
			size := map[string]int{oidSHA1.String(): sha1.Size, oidSHA256.String(): sha256.Size}[s.hash.String()]
			if size == 0 || len(s.nameHash) != size || len(s.keyHash) != size {
				return "a certificate is named by other hashes than SHA-1 and SHA-256, or by some of another length"
			}
		}
		return ""
	}},
	{"ocsp_this_update", "RFC 6960 4.2.2.1", func(r *response) string {
		bad := slices.ContainsFunc(r.singles, func(s single) bool { return s.thisUpdate.IsZero() || s.thisUpdate.After(r.producedAt) })
		return unless(!bad, "thisUpdate is not of whole seconds in UTC, or after producedAt")
	}},
	{"ocsp_next_update", "RFC 5019 2.2.4", func(r *response) string {
		for _, s := range r.singles {
			if !s.nextUpdate.After(s.thisUpdate) || s.nextUpdate.Sub(s.thisUpdate) > maxAnswer || !s.nextUpdate.After(r.producedAt) {
				return "nextUpdate is missing, past when it is produced, or more than 10 days away"
			}
		}
		return ""
	}},
	{"ocsp_revoked", "RFC 6960 2.2, RFC 5280 5.3.1", ocspRevoked},
	{"ocsp_nonce", "RFC 9654 2.1", func(r *response) string {
		e := find(r.extensions, oidOCSPNonce)
		if e == nil {
			return ""
		}
		input := cryptobyte.String(e.Value)
		var nonce cryptobyte.String
		ok := input.ReadASN1(&nonce, cryptobyte_asn1.OCTET_STRING) && input.Empty() && len(nonce) >= 1 && len(nonce) <= 128
		return unless(ok && !e.Critical, "the nonce is critical or not an OCTET STRING of 1 to 128 octets")
	}},
	{"ocsp_archive_cutoff", "RFC 6960 4.4.4", func(r *response) string {
		for _, s := range r.singles {
			e := find(s.extensions, oidOCSPArchiveCutoff)
			if e == nil {
				continue
			}
			if at, ok := generalizedTime(e.Value); !ok || e.Critical || at.After(r.producedAt) {
				return "archiveCutoff is critical, no GeneralizedTime, or after producedAt"
			}
		}
		return ""
	}},
	{"ocsp_extensions", "RFC 6960 4.4; ours", func(r *response) string {
		if why := strayExtension(r.extensions, oidOCSPNonce, oidOCSPExtended); why != "" {
			return why
		}
		for _, s := range r.singles {
			if why := strayExtension(s.extensions, oidOCSPArchiveCutoff); why != "" {
				return why
			}
		}
		return ""
	}},
	{"ocsp_one_certificate", "RFC 5019 2.2.1; ours", func(r *response) string {
		return unless(len(r.certificates) <= 1, "more than the responder's certificate is embedded")
	}},
	{"ocsp_responder", "RFC 6960 4.2.2.2", ocspResponder},
}

// ocspRevoked asks when and why. A certificate that was never issued is
// "revoked" in 1970, on hold, and the response says so (RFC 6960 section
// 4.4.8).
func ocspRevoked(r *response) string {
	never := time.Unix(0, 0).UTC()
	for _, s := range r.singles {
		switch {
		case !s.revoked:
		case s.revokedAt.IsZero() || s.revokedAt.After(r.producedAt):
			return "a certificate was revoked after producedAt, or at no time"
		case s.reason != -1 && (s.reason < 1 || s.reason > 10 || s.reason == 7 || s.reason == 8):
			return "a reason that does not exist, or that is better left out"
		case s.revokedAt.Equal(never) && (s.reason != 6 || find(r.extensions, oidOCSPExtended) == nil):
			return "a certificate that was never issued is not on hold, or the response does not say that it may be so"
		}
	}
	return ""
}

// strayExtension says which extension is critical or none of the known.
func strayExtension(list []pkix.Extension, known ...asn1.ObjectIdentifier) string {
	for i, e := range list {
		twice := slices.ContainsFunc(list[:i], func(f pkix.Extension) bool { return f.Id.Equal(e.Id) })
		if e.Critical || twice || !slices.ContainsFunc(known, e.Id.Equal) {
			return e.Id.String() + " is critical, is there twice, or nobody asks for it"
		}
	}
	return ""
}

// ocspResponder asks the embedded certificate whether it may sign for the CA
// and is the one that is named.
func ocspResponder(r *response) string {
	if len(r.certificates) == 0 {
		return ""
	}
	c := r.certificates[0]
	if !c.uses(oidOCSPSigning) || !c.isNull(oidOCSPNoCheck) {
		return "the certificate that is embedded is not a responder's with ocsp-nocheck"
	}
	if r.producedAt.Before(c.NotBefore) || r.producedAt.After(c.NotAfter) {
		return "producedAt is not in the life of the responder's certificate"
	}
	if r.byName != nil {
		return unless(bytes.Equal(r.byName, c.RawSubject), "the responder is not the one whose certificate is embedded")
	}
	sum := sha1.Sum(keyBits(c.RawSubjectPublicKeyInfo))
	return unless(bytes.Equal(r.byKey, sum[:]), "the responder's key is not the one whose certificate is embedded")
}

// keyBits returns the content of subjectPublicKey; nil if there is none.
func keyBits(spki []byte) []byte {
	input := cryptobyte.String(spki)
	var info cryptobyte.String
	var key asn1.BitString
	if !input.ReadASN1(&info, cryptobyte_asn1.SEQUENCE) || !info.SkipASN1(cryptobyte_asn1.SEQUENCE) || !info.ReadASN1BitString(&key) {
		return nil
	}
	return key.Bytes
}
