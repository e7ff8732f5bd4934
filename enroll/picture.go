package enroll

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	json "github.com/go-json-experiment/json/v1"

	"mohr/ca/evidence"
	"mohr/enroll/chip"
	"mohr/internal/gateway"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// pictures is a register that compares a face with the picture on a chip too,
// beside its own; gateway.Client is one. Not every register is.
type pictures interface {
	ShowPicture(ctx context.Context, nationalCode, session, kind string, picture []byte) (gateway.Answer[gateway.Picture], error)
}

// compareFace has the register compare the face in the session with its
// picture, and with the one on the chip that the applicant had read before.
func (d *Desk) compareFace(ctx context.Context, a Application, nationalCode, session string) (gateway.Answer[gateway.Face], error) {
	if r, ok := d.Registry.(pictures); ok {
		p, err := d.chipPicture(ctx, a)
		if err != nil {
			return gateway.Answer[gateway.Face]{}, err
		}
		if p != nil {
			shown, err := r.ShowPicture(ctx, nationalCode, session, p.Type, p.Data)
			if err == nil && shown.Value.Result != gateway.Match {
				err = errors.New("the register does not take the picture on the chip")
			}
			if err != nil {
				return gateway.Answer[gateway.Face]{}, err
			}
		}
	}
	return d.Registry.Face(ctx, nationalCode, session)
}

// chipPicture returns the picture on the newest chip that counts, nil if none
// was read.
func (d *Desk) chipPicture(ctx context.Context, a Application) (*chip.Picture, error) {
	proof, ok := a.latest(evidence.EMRTDChip)
	if !ok || proof.Result != evidence.Match {
		return nil, nil
	}
	raw, err := d.rawOf(ctx, a.ID, proof.ID)
	if err != nil {
		return nil, fmt.Errorf("picture of %s: %w", a.ID, err)
	}
	if hexHash(raw) != proof.RawSHA256 {
		return nil, fmt.Errorf("picture of %s: it is not what was read", a.ID)
	}
	var r keptReading
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, err
	}
	if r.PictureSHA256 != "" {
		if r.DG2, err = d.pictureOf(ctx, a.ID, proof.ID); err != nil {
			return nil, fmt.Errorf("picture of %s: %w", a.ID, err)
		}
		if hexHash(r.DG2) != r.PictureSHA256 {
			return nil, fmt.Errorf("picture of %s: it is not what was read", a.ID)
		}
	}
	if len(r.DG2) == 0 {
		return nil, nil
	}
	p, err := chip.ReadPicture(r.DG2)
	return &p, err
}

// keepPictures is how long a picture of a face is kept after it was read:
// evidence stays for years, what it looks like does not.
const keepPictures = 90 * 24 * time.Hour

// keepPicture seals the picture that a proof came with, apart from the proof.
func (d *Desk) keepPicture(s *step, proof string, picture []byte) error {
	if len(picture) == 0 {
		return nil
	}
	sealed, err := d.Seal.Seal(pictureBucket, s.ID, proof, picture)
	if err != nil {
		return err
	}
	key := s.ID + "/" + proof
	due := deadlineKey(s.now.Add(keepPictures), key)
	s.with(func(tx store.Tx) error {
		return errors.Join(store.Save(tx, pictureBucket, key, sealed), store.Save(tx, pictureEndBucket, due, key))
	})
	return nil
}

// pictureOf opens the picture that a proof came with.
func (d *Desk) pictureOf(ctx context.Context, application, proof string) (picture []byte, err error) {
	var s seal.Sealed
	err = d.Store.View(ctx, func(tx store.Tx) error {
		s, err = store.Load[seal.Sealed](tx, pictureBucket, application+"/"+proof)
		return err
	})
	if err != nil {
		return nil, err
	}
	return d.Seal.Open(pictureBucket, application, proof, s)
}

// prunePictures erases the pictures whose time is over.
func (d *Desk) prunePictures(ctx context.Context) error {
	keys, err := d.due(ctx, pictureEndBucket)
	if err != nil || len(keys) == 0 {
		return err
	}
	limit := deadlineKey(d.now(), "")
	return d.Store.Update(ctx, func(tx store.Tx) error {
		var ends []string
		err := store.Each(tx, pictureEndBucket, "", "", func(end, _ string) error {
			if end >= limit || len(ends) == resumeBatch {
				return store.Stop
			}
			ends = append(ends, end)
			return nil
		})
		for _, end := range ends {
			_, key, _ := strings.Cut(end, "/")
			err = errors.Join(err, tx.Delete(pictureBucket, key), tx.Delete(pictureEndBucket, end))
		}
		return err
	})
}

// erasePictures erases the pictures of an application.
func erasePictures(tx store.Tx, id string) error {
	var keys []string
	err := store.Each(tx, pictureBucket, id+"/", "", func(key string, _ seal.Sealed) error {
		keys = append(keys, key)
		return nil
	})
	for _, key := range keys {
		err = errors.Join(err, tx.Delete(pictureBucket, key))
	}
	return err
}
