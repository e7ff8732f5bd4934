package ca

import (
	"fmt"

	"mohr/ca/evidence"
	"mohr/hsm/attest"
	"mohr/internal/fault"
)

// checkHome holds the key of an order against the home that its certificate's
// policy stands for: what does not live in software was vouched for by a
// device, in the way that the decision counted, and is the request's key. No
// profile is exempt. Devices of a simulated maker meet only a simulated
// authority.
func (a *Authority) checkHome(o Order) error {
	d, k := o.Decision, o.Attested
	attested := k.SPKISHA256()
	if d.Home() == evidence.Software {
		if attested != "" {
			return fmt.Errorf("order %s: an attested key under a policy for keys in software", o.Request)
		}
		return nil
	}
	if attested == "" || attested != o.CSR.SPKISHA256() || attested != d.AttestedKey() || k.Format() != d.AttestedBy() {
		return errUnattested()
	}
	if (d.Home() == evidence.HSM) != (k.Format() == attest.Held) {
		return fmt.Errorf("order %s: a key vouched for by %s under a policy for the home %s", o.Request, k.Format(), d.Home())
	}
	// What the service holds, it holds for one person: nobody else is certified for it.
	if k.Holder() != "" && k.Holder() != string(a.Holder(d.Identity().NationalCode)) {
		return errUnattested()
	}
	if evidence.Environment(k.Environment()) == evidence.Simulated && !a.Simulated {
		return fmt.Errorf("order %s: a simulated device under a production authority", o.Request)
	}
	return nil
}

func errUnattested() error {
	return fault.New(fault.Denied, "key_unattested", "the key of this request is not the one whose device was attested; send the request for the attested key")
}
