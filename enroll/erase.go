package enroll

import (
	"context"

	"mohr/internal/seal"
	"mohr/internal/store"
)

// Erase destroys what an ended application holds of the person and keeps the
// hashes. An open application is to be cancelled first; an issued one is
// evidence for its certificate and stays until its retention ends. Again it
// changes nothing.
func (d *Desk) Erase(ctx context.Context, id, token string) (Application, error) {
	if a, err := d.open(ctx, id, token); err != nil {
		return a, err
	}
	return d.change(ctx, id, func(s *step) error {
		switch {
		case s.Stage == Erased:
			return errUnchanged
		case s.Stage == Issued || s.Stage.Open():
			return errNotErasable()
		}
		return s.erase("applicant")
	})
}

// eraseRaw deletes the data keys of the answers as received.
func eraseRaw(tx store.Tx, id string) error {
	raw := map[string]seal.Sealed{}
	err := store.Each(tx, rawBucket, id+"/", "", func(key string, s seal.Sealed) error {
		raw[key] = s
		return nil
	})
	if err != nil {
		return err
	}
	for key, s := range raw {
		s.Erase()
		if err := store.Save(tx, rawBucket, key, s); err != nil {
			return err
		}
	}
	return nil
}
