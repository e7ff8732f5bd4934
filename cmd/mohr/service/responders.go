package service

import (
	"sync/atomic"

	"mohr/ca"
)

// responders are the OCSP responders' keys with their current certificates,
// by issuing CA.
type responders map[ca.IssuerID]*atomic.Pointer[ca.SigningKey]

func newResponders(a *ca.Authority) responders {
	all := responders{}
	for _, i := range a.Issuers {
		all[i.ID] = &atomic.Pointer[ca.SigningKey]{}
	}
	return all
}

// of returns the responder of an issuing CA, and whether there is one.
func (r responders) of(id ca.IssuerID) (ca.SigningKey, bool) {
	p, ok := r[id]
	if !ok || p.Load() == nil {
		return ca.SigningKey{}, false
	}
	return *p.Load(), true
}

// responderPurpose names the key of an issuing CA's responder.
func responderPurpose(id ca.IssuerID) string { return "ocsp-" + string(id) }

// responderService is what its certificate says.
func responderService(id ca.IssuerID) ca.Service {
	return ca.Service{Profile: ca.OCSPResponder, CommonName: "OCSP " + string(id), Issuer: id}
}
