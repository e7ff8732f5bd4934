package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"mohr/hsm/attest"
)

// statementsOf are the kinds of statements that show that a key lives in a
// home. Of a key in the service's own HSM the service says so itself.
var statementsOf = map[KeyHome][]attest.Format{Token: {attest.TPM, attest.PIV}, HSM: {attest.Held}}

// attestation returns what is asked of the profile's homes: what the file
// says, else any statement that there is.
func (p profile) attestation() map[KeyHome][]attest.Format {
	asked := map[KeyHome][]attest.Format{}
	for home := range p.PolicyOIDs {
		if said, ok := p.Attestation[home]; ok {
			asked[home] = slices.Clone(said)
		} else if any := statementsOf[home]; any != nil {
			asked[home] = slices.Clone(any)
		}
	}
	return asked
}

// attestation refuses what would show nothing: a home cannot be exempted.
func (c *check) attestation(p profile) {
	for _, home := range slices.Sorted(maps.Keys(p.Attestation)) {
		_, has := p.PolicyOIDs[home]
		c.need(has && statementsOf[home] != nil, "attestation has %q, which is no home of the profile's that devices vouch for", home)
		c.need(len(p.Attestation[home]) > 0, "attestation of %s is empty", home)
		for i, f := range p.Attestation[home] {
			c.need(slices.Contains(statementsOf[home], f), "attestation of %s has %q, which is no way to vouch for it", home, f)
			c.need(!slices.Contains(p.Attestation[home][:i], f), "attestation of %s has %s twice", home, f)
		}
	}
}

func cloneAttestation(m map[KeyHome][]attest.Format) map[KeyHome][]attest.Format {
	m = maps.Clone(m)
	for home := range m {
		m[home] = slices.Clone(m[home])
	}
	return m
}

// Sets returns the sets of evidence of which one must be complete for a key in
// the home: where a device has to vouch for it, each has its attestation.
func (r Rules) Sets(home KeyHome) [][]Type {
	sets := make([][]Type, len(r.AnyOf))
	for i, set := range r.AnyOf {
		sets[i] = r.withDevice(home, set)
	}
	return sets
}

func (r Rules) withDevice(home KeyHome, set []Type) []Type {
	if len(r.Attestation[home]) == 0 || slices.Contains(set, DeviceAttestation) {
		return set
	}
	return append(slices.Clone(set), DeviceAttestation)
}

// at returns the rules for a key in the home.
func (r Rules) at(home KeyHome) Rules {
	r.AnyOf, r.RenewalAsks = r.Sets(home), r.withDevice(home, r.RenewalAsks)
	return r
}

// DeviceSource is the source of records of statements of the format.
func DeviceSource(f attest.Format) string { return "attest-" + string(f) + "@1" }

// DeviceRecord makes the record of an attestation. raw is the statement as it
// is kept.
func DeviceRecord(k attest.Key, raw []byte) Record {
	sum := sha256.Sum256(raw)
	return Record{
		ID: NewID(), Type: DeviceAttestation, Source: DeviceSource(k.Format()), Environment: Environment(k.Environment()), Result: Match,
		Claims:    Claims{SPKISHA256: k.SPKISHA256(), Attestation: k.Format(), Device: k.Device(), DeviceTraits: k.Traits()},
		RawSHA256: hex.EncodeToString(sum[:]), CheckedAt: k.At(),
	}
}
