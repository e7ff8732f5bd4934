package held

import (
	"context"
	"errors"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// save writes the use down. What is signed is a hash: that it was a statement is
// found by it again.
func (s Signature) save(tx store.Tx) error {
	err := store.Save(tx, signatureBucket, s.place(), s)
	if s.Purpose != Statement {
		return err
	}
	for _, h := range s.Hashes {
		err = errors.Join(err, store.Save(tx, statedBucket, s.Key+"/"+h, s.At))
	}
	return err
}

// Stated is Denied where the key is held here and did not sign the hash as a
// statement, but as a document, say: what its holder let it sign for one
// purpose serves for no other. Of keys elsewhere nothing is known, and nothing
// said. It is for signature.Verifier.
func Stated(ctx context.Context, s store.Store, key, hash string) error {
	return s.View(ctx, func(tx store.Tx) error {
		for _, place := range [][2]string{{keyBucket, key}, {statedBucket, key + "/" + hash}} {
			has, err := store.Has(tx, place[0], place[1])
			if err != nil {
				return err
			}
			if place[0] == keyBucket && !has || place[0] == statedBucket && has {
				return nil
			}
		}
		return fault.New(fault.Denied, "held_no_statement", "this key, which is held here, signed this for something else than a statement; sign the statement on the page that is for it")
	})
}
