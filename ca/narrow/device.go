package narrow

import (
	"slices"

	"github.com/go-json-experiment/json"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/hsm/attest"
)

// mayLiveIn reports whether this node can find out for itself that a key lives
// in the home. Of a key that the service holds nobody but the service speaks.
func (j *Judge) mayLiveIn(home evidence.KeyHome) bool {
	return home == evidence.Software || home == evidence.Token && j.Devices != nil
}

// attested judges again what the device of the key has said, by the roots that
// this node believes. It must speak of the intent's request: of the application,
// or of the certificate to be replaced over the nonce that the old key signed.
// When it spoke is the other node's word: nonces are that node's to give out.
func (j *Judge) attested(d evidence.Decision, c ca.Certificate, p ca.Papers, r Renewal) (k attest.Key, err error) {
	n := slices.IndexFunc(p.Records, func(r evidence.Record) bool {
		return r.Type == evidence.DeviceAttestation && slices.Contains(d.Evidence(), r.Hash())
	})
	if n < 0 {
		return k, errUnsigned(evidence.DeviceAttestation)
	}
	var s attest.Statement
	if err := json.Unmarshal(p.Answers[n], &s, json.RejectUnknownMembers(true)); err != nil {
		return k, errAltered(evidence.DeviceAttestation)
	}
	if s.Format != attest.PIV {
		// What a TPM has to open follows from a secret that every portal has: who
		// has that needs no TPM. What the service says of itself is no evidence.
		return k, errUnsigned(evidence.DeviceAttestation)
	}
	b := attest.ForApplication(j.Audience, c.Request, s.Nonce)
	if c.Replaces != "" {
		b = attest.ForRenewal(j.Audience, r.Old, r.Nonce)
	}
	if k, err = j.Devices.Verify(s, b, j.now()); err != nil {
		return k, err
	}
	again := evidence.DeviceRecord(k, p.Answers[n])
	again.ID, again.CheckedAt = p.Records[n].ID, p.Records[n].CheckedAt
	if again.Hash() != p.Records[n].Hash() {
		return k, errAltered(evidence.DeviceAttestation)
	}
	return k, nil
}
