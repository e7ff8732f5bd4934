package csc

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"

	"github.com/go-json-experiment/json"

	"mohr/internal/fault"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// signHashIn is what signatures/signHash takes (CSC API v2 section 11.10).
type signHashIn struct {
	CredentialID     string   `json:"credentialID"`
	SAD              string   `json:"SAD"`
	Hashes           []string `json:"hashes"` // base64
	HashAlgorithmOID string   `json:"hashAlgorithmOID"`
	SignAlgo         string   `json:"signAlgo"`
	SignAlgoParams   string   `json:"signAlgoParams"`
	OperationMode    string   `json:"operationMode"`
	ClientData       string   `json:"clientData"`
}

// signHashOut is what it answers.
type signHashOut struct {
	Signatures [][]byte `json:"signatures"` // Ecdsa-Sig-Values, in the order of the hashes
}

// check refuses what no key here signs, and returns the hashes in hex.
func (in signHashIn) check() (hashes []string, err error) {
	switch {
	case in.SignAlgo != oidECDSASHA256:
		return nil, errParameter("signAlgo")
	case in.HashAlgorithmOID != "" && in.HashAlgorithmOID != oidSHA256:
		return nil, errParameter("hashAlgorithmOID")
	case in.SignAlgoParams != "":
		return nil, errParameter("signAlgoParams")
	case in.OperationMode != "" && in.OperationMode != "S":
		return nil, errParameter("operationMode")
	}
	for _, text := range in.Hashes {
		h, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(h) != sha256.Size || len(text) != base64.StdEncoding.EncodedLen(sha256.Size) {
			return nil, errParameter("hashes")
		}
		hashes = append(hashes, hex.EncodeToString(h))
	}
	return hashes, nil
}

// signHash gives the signatures that the holder authorised, once: to who holds
// a token of the scope credential (the SAD), or that beside a token of the scope
// service of the same client and holder; for exactly the credential and hashes
// that were authorised, while the certificate that the holder was shown is good.
func (d *Desk) signHash(ctx context.Context, bearer string, in signHashIn) (signHashOut, error) {
	hashes, err := in.check()
	if err != nil {
		return signHashOut{}, err
	}
	sad, err := d.sad(ctx, bearer, in.SAD)
	if err != nil {
		return signHashOut{}, err
	}
	now := d.now()
	var code string
	var g grant
	load := func(tx store.Tx) (err error) {
		if code, g, err = granted(tx, sad, now); err != nil {
			return err
		}
		return g.covers(in.CredentialID, hashes)
	}
	if err := d.Store.View(ctx, load); err != nil {
		return signHashOut{}, err
	}
	c, err := d.credential(ctx, g.Holder, g.Business, g.Credential)
	if err != nil {
		return signHashOut{}, err
	}
	if c.sha256() != g.Certificate {
		return signHashOut{}, fault.New(fault.Conflict, "csc_certificate_other", "the credential has another certificate now than the one under which the holder authorised; ask for its info and have the holder authorise again")
	}
	var signatures seal.Sealed
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if err := load(tx); err != nil {
			return err
		}
		signatures = g.Signatures
		g.Spent, g.Signatures = true, seal.Sealed{}
		return saveGrant(tx, code, g)
	})
	if err != nil {
		return signHashOut{}, err
	}
	return d.opened(ctx, code, g, signatures)
}

// opened takes the signatures out of their seal.
func (d *Desk) opened(ctx context.Context, code string, g grant, s seal.Sealed) (out signHashOut, err error) {
	b, err := d.Seal.Open(grantBucket, code, "signatures", s)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(b, &out.Signatures); err != nil {
		return out, err
	}
	d.given.Add(uint64(len(out.Signatures)))
	d.Log.InfoContext(ctx, "signatures given", "client", g.Client, "key", g.Credential, "holder", g.Holder, "hashes", len(out.Signatures))
	return out, nil
}

// covers refuses what the holder did not authorise.
func (g grant) covers(credential string, hashes []string) error {
	switch {
	case g.Scope != CredentialScope:
		return errScope(CredentialScope)
	case g.Spent:
		return errToken()
	case g.Credential != credential:
		return errParameter("credentialID")
	case !slices.Equal(g.Hashes, hashes):
		return fault.New(fault.Denied, "csc_hash", "Hash is not authorized by the SAD: send exactly the hashes that the holder authorised, in their order")
	}
	return nil
}

// sad returns the token under which signatures are given: the one that came in
// the header, or the one beside it, whose client and holder are the same.
func (d *Desk) sad(ctx context.Context, bearer, beside string) (string, error) {
	if beside == "" || beside == bearer {
		return bearer, nil
	}
	service, err := d.holds(ctx, bearer, ServiceScope)
	if err != nil {
		return "", err
	}
	g, err := d.holds(ctx, beside, CredentialScope)
	if err == nil && (g.Spent || g.Client != service.Client || g.Holder != service.Holder || g.Business != service.Business) || fault.Code(err) == "csc_token" {
		err = errParameter("SAD")
	}
	return beside, err
}
