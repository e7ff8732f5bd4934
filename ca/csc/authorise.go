package csc

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"

	"mohr/ca"
	"mohr/ca/held"
	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// credential is a held key as the outside sees it.
type credential struct {
	ID    string
	Leaf  *x509.Certificate
	Chain [][]byte // with the leaf, DER
}

// credentials are those of a person, for whom they act with them.
func (d *Desk) credentials(ctx context.Context, h ca.HolderID, b ca.BusinessID) (list []credential, err error) {
	keys, err := d.Held.Certified(ctx, h, b)
	for _, k := range keys {
		leaf, err := x509.ParseCertificate(k.Chain[0])
		if err != nil {
			return nil, err
		}
		list = append(list, credential{k.ID, leaf, k.Chain})
	}
	return list, err
}

// credential returns one of them; NotFound if there is none that signs now.
func (d *Desk) credential(ctx context.Context, h ca.HolderID, b ca.BusinessID, id string) (credential, error) {
	list, err := d.credentials(ctx, h, b)
	for _, c := range list {
		if c.ID == id {
			return c, nil
		}
	}
	if err == nil {
		err = fault.New(fault.NotFound, "csc_credential_unknown", "there is no such credential of this person, or its certificate has ended; ask for the list")
	}
	return credential{}, err
}

// page is what its holder is shown of a request.
type page struct {
	ID          string // of the page
	Client      string // name
	Host        string // to which the browser goes back
	Scope       Scope
	Count       int
	Hashes      []string // hex
	Description string   // the client's word
	Subject     string   // of the certificate
	Serial      string
	Ends        time.Time
	Refuse      string // address that tells the client that the holder does not want it
}

// show gathers the page of what waits under id for who. A credential that is
// not theirs is NotFound.
func (d *Desk) show(ctx context.Context, who signin.Who, id, lang string) (page, error) {
	r, err := d.waits(ctx, id)
	if err != nil {
		return page{}, err
	}
	if who.Holder == "" {
		return page{}, fault.New(fault.Denied, "csc_no_person", "this is for people who have keys here; sign in as one")
	}
	u, err := url.Parse(r.Redirect)
	if err != nil {
		return page{}, err
	}
	p := page{
		ID: id, Client: d.clients[r.Client].Name.in(lang), Host: u.Host, Scope: r.Scope, Count: len(r.Hashes), Hashes: hexes(r.Hashes), Description: r.Description,
		Refuse: r.back(d.Portal, url.Values{"error": {"access_denied"}, "error_description": {"the holder does not want this"}}),
	}
	if r.Scope != CredentialScope {
		return p, nil
	}
	c, err := d.credential(ctx, who.Holder, who.Business, r.Credential)
	if err != nil {
		return page{}, err
	}
	p.Subject, p.Serial, p.Ends = c.Leaf.Subject.CommonName, ca.SerialText(c.Leaf.SerialNumber), c.Leaf.NotAfter
	return p, nil
}

// challenge begins the ceremony in which who authorises what waits under id.
func (d *Desk) challenge(ctx context.Context, who signin.Who, id string) (held.Challenge, error) {
	r, err := d.waits(ctx, id)
	if err != nil {
		return held.Challenge{}, err
	}
	return d.Held.Begin(ctx, who, r.wanted())
}

// grant grants what waits under id, and returns the address with the code. What
// is to be signed is signed here and now: the passkey's answer is judged over
// exactly these hashes, for this client, and the use recorded, by held.Sign, in
// the moment in which the key is opened. Nothing later can open it.
func (d *Desk) grant(ctx context.Context, who signin.Who, id string, p held.Proof) (string, error) {
	r, err := d.waits(ctx, id)
	if err != nil {
		return "", err
	}
	if who.Holder == "" {
		return "", fault.New(fault.Denied, "csc_no_person", "this is for people who have keys here; sign in as one")
	}
	code := rand.Text() // 130 bits (crypto/rand)
	g := grant{
		Client: r.Client, Redirect: r.Redirect, Challenge: r.Challenge, Scope: r.Scope, Holder: who.Holder, Business: who.Business,
		Credential: r.Credential, Hashes: hexes(r.Hashes), Until: d.now().Add(codeLife),
	}
	if r.Scope == CredentialScope {
		if err := d.sign(ctx, who, r, p, code, &g); err != nil {
			return "", err
		}
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if err := answered(tx, id); err != nil {
			return err
		}
		return saveGrant(tx, sum(code), g)
	})
	if err != nil {
		return "", err
	}
	d.authorised.Add(uint64(len(r.Hashes)))
	d.Log.InfoContext(ctx, "software authorised", "client", r.Client, "scope", r.Scope, "holder", who.Holder, "hashes", len(r.Hashes))
	return r.back(d.Portal, url.Values{"code": {code}}), nil
}

// sign has the holder's key sign, by their proof, and puts the signatures into
// the grant, sealed.
func (d *Desk) sign(ctx context.Context, who signin.Who, r request, p held.Proof, code string, g *grant) error {
	c, err := d.credential(ctx, who.Holder, who.Business, r.Credential)
	if err != nil {
		return err
	}
	g.Certificate = c.sha256()
	signatures, err := d.Held.Sign(ctx, who, r.wanted(), p)
	if err != nil {
		return err
	}
	b, err := json.Marshal(signatures)
	if err != nil {
		return err
	}
	g.Signatures, err = d.Seal.Seal(grantBucket, sum(code), "signatures", b)
	return err
}

// sha256 is of the certificate, hex.
func (c credential) sha256() string { return sum(string(c.Leaf.Raw)) }
