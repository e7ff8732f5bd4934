package complaints

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"mohr/complaints/picture"
	"mohr/internal/fault"
	"mohr/internal/store"
)

const (
	// waitingBucket holds pictures of complaints that are being written:
	// id/number -> shown. They are sealed as those of complaints.
	waitingBucket = "complaints_writing_pictures"
	// waitingCount holds how many there are.
	waitingCount = "complaints_writing_count"
	// maxWaiting bounds them over all consumers, of whom nothing is confirmed
	// yet: 3 MB each at most.
	maxWaiting = 400
)

// waitingCountKey is the one key of waitingCount.
const waitingCountKey = "pictures"

// addWaiting keeps a picture with what is being written.
func (d *Desk) addWaiting(ctx context.Context, id, token string, p picture.Picture) error {
	if p.Kind() == "" {
		return errors.New("complaints: a picture that was not cleaned")
	}
	sum, now := sha256.Sum256(p.Octets()), d.now()
	s := shown{Shown: Shown{Kind: p.Kind(), Octets: len(p.Octets()), SHA256: hex.EncodeToString(sum[:]), At: now}, Salt: newSalt()}
	var err error
	if s.Sealed, err = d.Seal.Seal(pictureBucket, id, pictureField(s.SHA256), p.Octets()); err != nil {
		return err
	}
	return d.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := loadWriting(tx, id, token, now); err != nil {
			return err
		}
		had, err := picturesWaiting(tx, id)
		if err != nil {
			return err
		}
		s.Number = 1
		for _, h := range had {
			if h.SHA256 == s.SHA256 {
				return nil
			}
			s.Number = max(s.Number, h.Number+1)
		}
		if len(had) >= MaxPictures {
			return errPicturesFull()
		}
		if err := countWaiting(tx, 1); err != nil {
			return err
		}
		return store.Save(tx, waitingBucket, pictureKey(id, s.Number), s)
	})
}

// picturesWaiting returns the pictures of what is being written.
func picturesWaiting(tx store.Tx, id string) (list []shown, err error) {
	err = store.Each(tx, waitingBucket, id+"/", "", func(_ string, s shown) error {
		list = append(list, s)
		return nil
	})
	return list, err
}

// waitingFor is picturesWaiting without octets, for its consumer.
func (d *Desk) waitingFor(ctx context.Context, id, token string) (list []Shown, err error) {
	now := d.now()
	err = d.Store.View(ctx, func(tx store.Tx) error {
		list = nil
		if _, err := loadWriting(tx, id, token, now); err != nil {
			return err
		}
		all, err := picturesWaiting(tx, id)
		for _, s := range all {
			list = append(list, s.Shown)
		}
		return err
	})
	return list, err
}

// waitingPicture returns one of waitingFor with its octets, for its consumer.
func (d *Desk) waitingPicture(ctx context.Context, id, token string, number int) (Shown, []byte, error) {
	var s shown
	now := d.now()
	err := d.Store.View(ctx, func(tx store.Tx) error {
		if _, err := loadWriting(tx, id, token, now); err != nil {
			return err
		}
		var err error
		s, err = loadShown(tx, waitingBucket, id, number)
		return err
	})
	if err != nil {
		return s.Shown, nil, err
	}
	b, err := d.Seal.Open(pictureBucket, id, pictureField(s.SHA256), s.Sealed)
	if err != nil {
		return s.Shown, nil, fmt.Errorf("picture %d of what is written as %s: %w", number, id, err)
	}
	return s.Shown, b, nil
}

// dropWaiting takes a picture back. One that is gone is no error.
func (d *Desk) dropWaiting(ctx context.Context, id, token string, number int) error {
	now := d.now()
	return d.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := loadWriting(tx, id, token, now); err != nil {
			return err
		}
		key := pictureKey(id, number)
		if ok, err := store.Has(tx, waitingBucket, key); !ok || err != nil {
			return err
		}
		if err := countWaiting(tx, -1); err != nil {
			return err
		}
		return tx.Delete(waitingBucket, key)
	})
}

// countWaiting counts n more; Unavailable if those are too many.
func countWaiting(tx store.Tx, n int) error {
	count, err := store.Load[int](tx, waitingCount, waitingCountKey)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if count += n; count > maxWaiting && n > 0 {
		return fault.New(fault.Unavailable, "complaint_pictures_waiting", "no more pictures are kept with complaints that are not filed yet; go on without, and add it once the complaint is filed")
	}
	return store.Save(tx, waitingCount, waitingCountKey, max(0, count))
}

// dropWriting deletes what was being written with its pictures.
func dropWriting(tx store.Tx, id string) error {
	list, err := picturesWaiting(tx, id)
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := tx.Delete(waitingBucket, pictureKey(id, s.Number)); err != nil {
			return err
		}
	}
	if len(list) > 0 {
		if err := countWaiting(tx, -len(list)); err != nil {
			return err
		}
	}
	return tx.Delete(writingBucket, id)
}

// takeOver gives a complaint that is filed at that moment the pictures of what
// was written, and deletes the rest.
func takeOver(tx store.Tx, id string, at time.Time) error {
	list, err := picturesWaiting(tx, id)
	if err != nil {
		return err
	}
	for i, s := range list {
		s.Number, s.At = i+1, at
		if err := s.save(tx, id); err != nil {
			return err
		}
	}
	return dropWriting(tx, id)
}
