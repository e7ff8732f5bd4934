package evidence

import (
	"errors"
	"fmt"

	"mohr/internal/gateway"
)

// ErrUnsigned is what Proven says of a record that nobody but its keeper
// vouches for.
var ErrUnsigned = errors.New("evidence: nobody has signed this")

// Proven checks a match against the register's own signature on raw, the
// answer as it was received: the record says what the answer says and nothing
// else. It is for who did not ask and believes nobody but the register, which
// registry has the key of. nil is a record that holds; ErrUnsigned one of a
// source that signs nothing.
func Proven(registry *gateway.Client, r Record, raw []byte) error {
	if r.Signed == nil || r.Result != Match {
		return ErrUnsigned
	}
	again, err := r.again(registry, raw)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Type, err)
	}
	again.ID, again.Earlier = r.ID, r.Earlier
	if again.Hash() != r.Hash() {
		return fmt.Errorf("%s: the record says something else than its register", r.Type)
	}
	return nil
}

// again makes the record from the answer.
func (r Record) again(registry *gateway.Client, raw []byte) (Record, error) {
	switch r.Type {
	case CivilRegistry:
		a, err := registry.PersonSaid(raw, *r.Signed, r.CheckedAt)
		return PersonRecord(a), err
	case MobileOwnership:
		a, err := registry.MobileSaid(raw, *r.Signed, r.CheckedAt)
		return MobileRecord(a), err
	case LegalRegistry:
		a, err := registry.LegalSaid(raw, *r.Signed, r.CheckedAt)
		return LegalRecord(a, r.Claims.NationalCode), err
	case FaceMatch:
		a, err := registry.FaceSaid(raw, *r.Signed, r.CheckedAt)
		return FaceRecord(a), err
	}
	return Record{}, ErrUnsigned
}
