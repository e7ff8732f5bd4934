package document

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"mohr/ca/document/suite"
	"mohr/ca/timestamp"
)

// maxStamps bounds the time stamps of one signature that are looked at.
const maxStamps = 8

// Validate judges each signature of p as of now, by the building blocks of
// ETSI EN 319 102-1 section 5.2 and the process of section 5.5 for signatures
// with time and long-term validation material (section 5.6 where archive time
// stamps are there). A time stamp counts only if its unit is good now, or was
// when an archive time stamp that counts was made over it; the earliest that
// counts is the time at which the signer's certificate is looked at. Stricter than the standard: each
// certificate below the anchor needs a revocation status of that time, unless
// it says of itself that it has none.
func Validate(p Proof, policy Policy, now time.Time) Report {
	r, read := Report{Indication: Passed, At: now.UTC()}, lists{}
	for _, s := range p.Signatures {
		j := &judge{proof: p, policy: policy, now: now.UTC(), signature: s, values: s.Carried.With(p.Known), lists: read}
		v := j.verdict()
		r.Indication = worst(r.Indication, v.Indication)
		r.Signatures = append(r.Signatures, v)
	}
	if len(r.Signatures) == 0 {
		return Unreadable(errNothing, now)
	}
	return r
}

var errNothing = fmt.Errorf("there is no signature in it")

// judge judges one signature.
type judge struct {
	proof     Proof
	policy    Policy
	now       time.Time
	signature Signature
	values    Values
	covered   []Values // by archive time stamps that count
	lists     lists    // read for all signatures together
}

// finding ends a judgement; nil goes on.
type finding struct {
	indication Indication
	sub        Sub
	why        string
}

func failed(s Sub, why string, args ...any) *finding {
	return &finding{Failed, s, fmt.Sprintf(why, args...)}
}

func unsure(s Sub, why string, args ...any) *finding {
	return &finding{Indeterminate, s, fmt.Sprintf(why, args...)}
}

// verdict runs the blocks in the standard's order until one ends it.
func (j *judge) verdict() Verdict {
	s := j.signature
	v := Verdict{Indication: Passed, Format: s.Format, Level: LevelB, Algorithm: s.Algorithm.String(), MIME: oneLine(s.MIME)}
	if !s.ClaimedTime.IsZero() {
		v.ClaimedTime = &s.ClaimedTime
	}
	if s.Signer != nil {
		v.Signer = partyOf(s.Signer)
	}
	for _, block := range []func(*Verdict) *finding{j.identify, j.verify, j.accept, j.timed, j.chained} {
		if f := block(&v); f != nil {
			v.Indication, v.SubIndication, v.Why = f.indication, f.sub, f.why
			break
		}
	}
	return v
}

// identify is the identification of the signing certificate (section 5.2.3).
func (j *judge) identify(*Verdict) *finding {
	switch {
	case j.signature.Signer == nil:
		return unsure(NoSigningCertificate, "the signer's certificate is not in the signature")
	case !j.signature.Bound:
		return unsure(NoSigningCertificate, "what is signed does not name the signer's certificate")
	}
	return nil
}

// verify is the cryptographic verification (section 5.2.7).
func (j *judge) verify(*Verdict) *finding {
	s := j.signature
	switch {
	case s.Algorithm.Family == "":
		return unsure(CryptoConstraints, "the signature is of an algorithm that is not known here")
	case s.Stated != nil && s.Digest == nil:
		return unsure(SignedDataNotFound, "the signed document is not there, or its digest is not known under %s", s.Hash)
	case s.Stated != nil && !bytes.Equal(s.Digest, s.Stated):
		return failed(HashFailure, "the document is not the one that was signed")
	case !s.Algorithm.Verify(s.Signer.PublicKey, s.Input, s.Value):
		return failed(SigCryptoFailure, "the signature does not hold under the signer's key")
	}
	return nil
}

// accept is the signature acceptance validation (section 5.2.8).
func (j *judge) accept(*Verdict) *finding {
	s := j.signature
	if s.Unfit != "" {
		return unsure(SigConstraints, "%s", s.Unfit)
	}
	if why := s.Algorithm.Weak(s.Signer.PublicKey); why != "" {
		return unsure(CryptoConstraints, "%s is too weak to prove anything", why)
	}
	if s.Hash == crypto.SHA1 {
		return unsure(CryptoConstraints, "SHA-1 is too weak to prove anything")
	}
	if why := j.policy.constraint(s.Signer); why != "" {
		return unsure(ChainConstraints, "%s", why)
	}
	return nil
}

// timed looks at the time stamps (sections 5.4 and 5.5.4 step 4).
func (j *judge) timed(v *Verdict) *finding {
	s := j.signature
	there := j.archived(v)
	v.Stamps = j.stamps(s.Stamps, func(h crypto.Hash) []byte { return suite.Digest(h, s.Stamped) }, there)
	v.ContentStamps = j.stamps(s.ContentStamps, s.Content.Digest, there)
	best := there
	for _, t := range slices.Concat(v.Stamps, v.ArchiveStamps) {
		if t.Holds {
			v.Level = LevelT
			best = earlier(best, *t.At)
		}
	}
	v.BestTime = &best
	if first := j.after(v); first.After(best) {
		return unsure(TimestampOrder, "a time stamp over the document is later than one over its signature")
	}
	return nil
}

// after is the latest content time stamp that counts: the signature is younger.
func (j *judge) after(v *Verdict) (t time.Time) {
	for _, s := range v.ContentStamps {
		if s.Holds && s.At.After(t) {
			t = *s.At
		}
	}
	return t
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// archived judges the archive time stamps, the newest first: each as of the one
// over it, which proves that it was there by then, else as of now. It returns
// the earliest time at which the signature certainly was there with all its
// stamps; now, if no archive time stamp counts. Of many the newest are looked at.
func (j *judge) archived(v *Verdict) time.Time {
	list, there := j.signature.Archives, j.now
	list = list[max(0, len(list)-maxStamps):]
	v.ArchiveStamps = make([]Stamped, len(list))
	for n := len(list) - 1; n >= 0; n-- {
		s := j.stamp(list[n].Token, list[n].Imprint, there)
		if v.ArchiveStamps[n] = s; s.Holds {
			there = *s.At
			j.covered = append(j.covered, list[n].Carried)
		}
	}
	return there
}

// stamps judges tokens over one thing, which were there at an instant.
func (j *judge) stamps(tokens [][]byte, imprint func(crypto.Hash) []byte, there time.Time) (list []Stamped) {
	for n, raw := range tokens {
		if n == maxStamps {
			break
		}
		list = append(list, j.stamp(raw, imprint, there))
	}
	return list
}

// stamp is the time-stamp validation (section 5.4): as a signature of its unit
// that was there at an instant.
func (j *judge) stamp(raw []byte, imprint func(crypto.Hash) []byte, there time.Time) Stamped {
	t, err := timestamp.Open(raw, imprint)
	if err != nil {
		return Stamped{Why: err.Error()}
	}
	at := t.At.UTC()
	s := Stamped{At: &at, Unit: partyOf(t.Unit)}
	switch {
	case at.After(j.now):
		s.Why = "it is of the future"
	case at.After(there):
		s.Why = "it is later than a time stamp over it"
	case at.Before(t.Unit.NotBefore):
		s.Why = "it is older than its unit's certificate"
	default:
		_, f := j.chain(t.Unit, t.Certificates, []x509.ExtKeyUsage{x509.ExtKeyUsageTimeStamping}, there)
		if f != nil {
			s.Why = string(f.sub) + ": " + f.why
		}
		s.Holds = f == nil
	}
	return s
}

// chained validates the signer's certificate at the best time (sections 5.2.6
// and 5.6.2.2).
func (j *judge) chained(v *Verdict) *finding {
	links, f := j.chain(j.signature.Signer, nil, []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, *v.BestTime)
	v.Chain = links
	if f == nil {
		if v.Level == LevelT && j.carriesAll(j.signature.Carried, links, *v.BestTime) {
			v.Level = LevelLT
			if slices.ContainsFunc(j.covered, func(c Values) bool { return j.carriesAll(c, links, *v.BestTime) }) {
				v.Level = LevelA
			}
		}
		return nil
	}
	// Proof that the signature is younger than what ended its certificate
	// makes it wrong for good.
	after := j.after(v)
	switch {
	case f.sub == RevokedNoPOE && !after.IsZero() && !links[0].Status.At.After(after):
		return failed(Revoked, "the document was stamped, and signed only later, when the certificate had been revoked")
	case f.sub == OutOfBoundsNoPOE && after.After(j.signature.Signer.NotAfter):
		return failed(Expired, "the document was stamped, and signed only later, when the certificate had ended")
	}
	return f
}
