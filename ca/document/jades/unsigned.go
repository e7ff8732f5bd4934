package jades

import (
	"crypto/x509"
	"encoding/base64"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mohr/ca/document"
)

// unsignedParts is one element of etsiU (ETSI TS 119 182-1 section 5.3): what
// was added after signing.
type unsignedParts struct {
	SigTst *stampsPart  `json:"sigTst,omitempty"` // section 5.3.4
	XVals  []xPart      `json:"xVals,omitempty"`  // section 5.3.5.2
	RVals  *revocations `json:"rVals,omitempty"`  // section 5.3.5.3
}

type stampsPart struct {
	Tokens []val `json:"tstTokens"`
}

type xPart struct {
	Certificate val `json:"x509Cert"`
}

type revocations struct {
	CRLs  []val `json:"crlVals,omitempty"`
	OCSPs []val `json:"ocspVals,omitempty"`
}

// val is DER in base64.
type val struct {
	Val []byte `json:"val"`
}

// etsiU is the name of the unprotected header that holds them.
const etsiU = "etsiU"

// unsigned reads etsiU. What is broken in it is left out: what is not signed
// cannot make a signature wrong.
func (p part) unsigned() (stamps [][]byte, v document.Values) {
	for _, raw := range p.elements() {
		var u unsignedParts
		if json.Unmarshal(raw, &u) != nil {
			continue
		}
		if u.SigTst != nil {
			for _, t := range first(u.SigTst.Tokens) {
				stamps = append(stamps, t.Val)
			}
		}
		for _, x := range first(u.XVals) {
			if c, err := x509.ParseCertificate(x.Certificate.Val); err == nil {
				v.Certificates = append(v.Certificates, c)
			}
		}
		if u.RVals != nil {
			for _, l := range first(u.RVals.CRLs) {
				v.CRLs = append(v.CRLs, l.Val)
			}
			for _, o := range first(u.RVals.OCSPs) {
				v.OCSPs = append(v.OCSPs, o.Val)
			}
		}
	}
	return stamps, v
}

// first bounds a list.
func first[T any](list []T) []T { return list[:min(len(list), maxElements)] }

// elements returns the JSON objects of etsiU: they stand there themselves, or
// each in base64url.
func (p part) elements() (list [][]byte) {
	var all []jsontext.Value
	if json.Unmarshal(p.Header[etsiU], &all) != nil {
		return nil
	}
	for _, e := range first(all) {
		if e.Kind() != '"' {
			list = append(list, e)
			continue
		}
		var text string
		if json.Unmarshal(e, &text) == nil {
			if raw, ok := decode(text); ok {
				list = append(list, raw)
			}
		}
	}
	return list
}

// add appends an element in the form of those that are there, base64url where
// there are none.
func (p *part) add(u unsignedParts) error {
	raw, err := json.Marshal(u)
	if err != nil {
		return err
	}
	var all []jsontext.Value
	if old, ok := p.Header[etsiU]; ok {
		if err := json.Unmarshal(old, &all); err != nil {
			return errMalformed("its etsiU is no list")
		}
	}
	if len(all) == 0 || all[0].Kind() == '"' {
		if raw, err = json.Marshal(base64.RawURLEncoding.EncodeToString(raw)); err != nil {
			return err
		}
	}
	if raw, err = json.Marshal(append(all, raw)); err != nil {
		return err
	}
	if p.Header == nil {
		p.Header = map[string]jsontext.Value{}
	}
	p.Header[etsiU] = raw
	return nil
}
