package csc

import (
	"context"
	"encoding/base64"

	"mohr/ca"
	"mohr/ca/held"
)

// listIn is what credentials/list takes (CSC API v2 section 11.4). Whose they
// are is in the token.
type listIn struct {
	CredentialInfo bool `json:"credentialInfo"`
	OnlyValid      bool `json:"onlyValid"` // they all are
	wish           `json:",inline"`
}

// infoIn is what credentials/info takes (section 11.5).
type infoIn struct {
	CredentialID string `json:"credentialID"`
	wish         `json:",inline"`
}

// wish says how much is wanted of each credential.
type wish struct {
	Certificates string `json:"certificates"` // none, single (default), chain
	CertInfo     bool   `json:"certInfo"`
	AuthInfo     bool   `json:"authInfo"` // it is always said
	Lang         string `json:"lang"`
	ClientData   string `json:"clientData"`
}

func (w wish) check() error {
	switch w.Certificates {
	case "", "none", "single", "chain":
		return nil
	}
	return errParameter("certificates")
}

// listOut is what credentials/list answers.
type listOut struct {
	IDs       []string        `json:"credentialIDs"`
	Infos     []credentialOut `json:"credentialInfos,omitempty"`
	OnlyValid bool            `json:"onlyValid"`
}

// credentialOut describes a credential.
type credentialOut struct {
	ID        string  `json:"credentialID,omitempty"` // in a list
	Key       keyOut  `json:"key"`
	Cert      certOut `json:"cert"`
	Auth      authOut `json:"auth"`
	SCAL      string  `json:"SCAL"` // 2: the hashes are bound to what the holder authorises
	Multisign int     `json:"multisign"`
}

type keyOut struct {
	Status string   `json:"status"`
	Algo   []string `json:"algo"`
	Len    int      `json:"len"`
	Curve  string   `json:"curve"`
}

type certOut struct {
	Status       string   `json:"status"`
	Certificates []string `json:"certificates,omitempty"` // base64 of DER
	Issuer       string   `json:"issuerDN,omitempty"`
	Serial       string   `json:"serialNumber,omitempty"`
	Subject      string   `json:"subjectDN,omitempty"`
	From         string   `json:"validFrom,omitempty"`
	To           string   `json:"validTo,omitempty"`
}

type authOut struct {
	Mode string `json:"mode"`
}

// generalized is GeneralizedTime of X.680.
const generalized = "20060102150405Z"

// describe says of a credential what is wanted.
func (w wish) describe(c credential) credentialOut {
	out := credentialOut{
		Key:  keyOut{"enabled", []string{oidECDSASHA256}, 256, oidP256},
		Cert: certOut{Status: "valid"}, Auth: authOut{"oauth2code"}, SCAL: "2", Multisign: held.MaxHashes,
	}
	shown := map[string]int{"none": 0, "": 1, "single": 1, "chain": len(c.Chain)}[w.Certificates]
	for _, der := range c.Chain[:shown] {
		out.Cert.Certificates = append(out.Cert.Certificates, base64.StdEncoding.EncodeToString(der))
	}
	if w.CertInfo {
		out.Cert.Issuer, out.Cert.Subject, out.Cert.Serial = c.Leaf.Issuer.String(), c.Leaf.Subject.String(), ca.SerialText(c.Leaf.SerialNumber)
		out.Cert.From, out.Cert.To = c.Leaf.NotBefore.UTC().Format(generalized), c.Leaf.NotAfter.UTC().Format(generalized)
	}
	return out
}

// list answers credentials/list: the credentials that sign now.
func (d *Desk) list(ctx context.Context, bearer string, in listIn) (out listOut, err error) {
	if err := in.check(); err != nil {
		return out, err
	}
	g, err := d.holds(ctx, bearer, ServiceScope)
	if err != nil {
		return out, err
	}
	out.IDs, out.OnlyValid = []string{}, in.OnlyValid
	all, err := d.credentials(ctx, g.Holder, g.Business)
	for _, c := range all {
		out.IDs = append(out.IDs, c.ID)
		if in.CredentialInfo {
			one := in.describe(c)
			one.ID = c.ID
			out.Infos = append(out.Infos, one)
		}
	}
	return out, err
}

// info answers credentials/info.
func (d *Desk) info(ctx context.Context, bearer string, in infoIn) (credentialOut, error) {
	if err := in.check(); err != nil {
		return credentialOut{}, err
	}
	g, err := d.holds(ctx, bearer, ServiceScope)
	if err != nil {
		return credentialOut{}, err
	}
	c, err := d.credential(ctx, g.Holder, g.Business, in.CredentialID)
	if err != nil {
		return credentialOut{}, err
	}
	return in.describe(c), nil
}

// aboutOut is what info answers (section 11.1).
type aboutOut struct {
	Specs       string   `json:"specs"`
	Name        string   `json:"name"`
	Logo        string   `json:"logo"`
	Region      string   `json:"region"`
	Lang        string   `json:"lang"`
	Description string   `json:"description"`
	AuthType    []string `json:"authType"`
	OAuth2      string   `json:"oauth2"` // below it are oauth2/authorize and the others
	Methods     []string `json:"methods"`
	Algorithms  struct {
		Algos []string `json:"algos"`
	} `json:"signAlgorithms"`
	Formats struct {
		Formats    []string   `json:"formats"`
		Properties [][]string `json:"envelope_properties"`
	} `json:"signature_formats"`
	Levels []string `json:"conformance_levels"`
}

// methods are those that there are.
var methods = []string{
	"info", "credentials/list", "credentials/info", "signatures/signHash", "oauth2/authorize", "oauth2/token", "oauth2/revoke",
}

// about answers info. Signatures are raw: no format, no level of one is ours.
func (d *Desk) about() aboutOut {
	out := aboutOut{
		Specs: "2.0.0.2", Name: d.Name, Logo: d.Portal + "/static/seal.svg", Region: "IR", Lang: "en",
		Description: "Signatures by keys that this service holds, each authorised by the holder's passkey over what is signed.",
		AuthType:    []string{"oauth2code"}, OAuth2: d.Portal + Base, Methods: methods, Levels: []string{},
	}
	out.Algorithms.Algos = []string{oidECDSASHA256}
	out.Formats.Formats, out.Formats.Properties = []string{}, [][]string{}
	return out
}
