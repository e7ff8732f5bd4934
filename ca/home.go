package ca

import (
	"fmt"

	"mohr/ca/evidence"
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
	if evidence.Environment(k.Environment()) == evidence.Simulated && !a.Simulated {
		return fmt.Errorf("order %s: a simulated device under a production authority", o.Request)
	}
	return nil
}

func errUnattested() error {
	return fault.New(fault.Denied, "key_unattested", "the key of this request is not the one whose device was attested; send the request for the attested key")
}
