package complaints

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"mohr/ca"
	"mohr/complaints/picture"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// pictureBucket holds what consumers show beside their words:
// complaint/number -> shown.
const pictureBucket = "complaints_pictures"

// MaxPictures is how many pictures a complaint has at most.
const MaxPictures = 3

// Shown is a picture that belongs to a complaint, without its octets.
type Shown struct {
	Number int       `json:"number" doc:"from 1"`
	Kind   string    `json:"kind" doc:"image/png or image/jpeg"`
	Octets int       `json:"octets"`
	SHA256 string    `json:"sha256" doc:"hex, of the octets"`
	At     time.Time `json:"at"`
}

// shown is the record of a picture.
type shown struct {
	Shown
	Salt   []byte      `json:"salt"`
	Sealed seal.Sealed `json:"sealed"`
}

func pictureKey(id string, n int) string { return id + "/" + strconv.Itoa(n) }

func pictureField(sum string) string { return "picture/" + sum }

// AddPicture keeps a picture with the complaint, for its consumer. The same
// octets again change nothing. The public log has a commitment to it.
func (d *Desk) AddPicture(ctx context.Context, id, token string, p picture.Picture) (Shown, error) {
	if p.Kind() == "" {
		return Shown{}, errors.New("complaints: a picture that was not cleaned")
	}
	sum := sha256.Sum256(p.Octets())
	s := shown{Shown: Shown{Kind: p.Kind(), Octets: len(p.Octets()), SHA256: hex.EncodeToString(sum[:]), At: d.now()}, Salt: newSalt()}
	var err error
	if s.Sealed, err = d.Seal.Seal(pictureBucket, id, pictureField(s.SHA256), p.Octets()); err != nil {
		return s.Shown, err
	}
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		if _, err := authorised(tx, id, token); err != nil {
			return err
		}
		if removed, err := store.Has(tx, removedBucket, id); err != nil {
			return err
		} else if removed {
			return fault.New(fault.Conflict, "complaint_text_removed", "the text of this complaint was removed by law, so no picture is added to it; say the rest in words")
		}
		had, err := picturesOf(tx, id)
		if err != nil {
			return err
		}
		for _, h := range had {
			if h.SHA256 == s.SHA256 {
				s.Shown = h.Shown
				return nil
			}
		}
		if len(had) >= MaxPictures {
			return errPicturesFull()
		}
		s.Number = len(had) + 1
		return s.save(tx, id)
	})
	return s.Shown, err
}

func errPicturesFull() error {
	return fault.New(fault.Conflict, "complaint_pictures_full", "a complaint has at most %[1]d pictures; say the rest in words", MaxPictures)
}

// save writes the record and its leaf.
func (s shown) save(tx store.Tx, id string) error {
	hash, err := commitment(struct {
		Complaint string `json:"complaint"`
		SHA256    string `json:"sha256"`
		Salt      []byte `json:"salt"`
	}{id, s.SHA256, s.Salt})
	if err != nil {
		return err
	}
	if err := store.Save(tx, pictureBucket, pictureKey(id, s.Number), s); err != nil {
		return err
	}
	return ledger.Append(tx, ledger.Event{Kind: "complaint.picture", Subject: id, At: s.At, Hash: hash})
}

// picturesOf returns the records of a complaint's pictures in their order.
func picturesOf(tx store.Tx, id string) (list []shown, err error) {
	err = store.Each(tx, pictureBucket, id+"/", "", func(_ string, s shown) error {
		list = append(list, s)
		return nil
	})
	return list, err
}

// picturesIn is picturesOf without octets, for who may see the complaint; those
// whose text was removed are gone.
func picturesIn(tx store.Tx, id string) ([]Shown, error) {
	list := []Shown{}
	all, err := picturesOf(tx, id)
	for _, s := range all {
		if !s.Sealed.Erased() {
			list = append(list, s.Shown)
		}
	}
	return list, err
}

// pictures lists the pictures of a complaint for who may see it: may is asked
// in the transaction that reads.
func (d *Desk) pictures(ctx context.Context, id string, may func(store.Tx, file) error) (list []Shown, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		f, err := loadFile(tx, id)
		if err != nil {
			return err
		}
		if err := may(tx, f); err != nil {
			return err
		}
		list, err = picturesIn(tx, id)
		return err
	})
	return list, err
}

// picture returns the octets of a picture for who may see the complaint;
// NotFound if there is none of the number.
func (d *Desk) picture(ctx context.Context, id string, number int, may func(store.Tx, file) error) (Shown, []byte, error) {
	var s shown
	err := d.Store.View(ctx, func(tx store.Tx) error {
		f, err := loadFile(tx, id)
		if err != nil {
			return err
		}
		if err := may(tx, f); err != nil {
			return err
		}
		s, err = loadShown(tx, pictureBucket, id, number)
		return err
	})
	if err != nil {
		return s.Shown, nil, err
	}
	b, err := d.Seal.Open(pictureBucket, id, pictureField(s.SHA256), s.Sealed)
	if err != nil {
		return s.Shown, nil, fmt.Errorf("picture %d of %s: %w", number, id, err)
	}
	return s.Shown, b, nil
}

// loadShown returns a picture that is kept in the bucket; NotFound if none is.
func loadShown(tx store.Tx, bucket, id string, number int) (shown, error) {
	s, err := store.Load[shown](tx, bucket, pictureKey(id, number))
	if errors.Is(err, store.ErrNotFound) {
		return s, errPictureUnknown()
	}
	return s, err
}

func errPictureUnknown() error {
	return fault.New(fault.NotFound, "complaint_picture_unknown", "this complaint has no picture of this number; see its list of pictures")
}

// servedTo lets a business see what was served to it, as with the text.
func servedTo(b ca.BusinessID) func(store.Tx, file) error {
	return func(tx store.Tx, f file) error {
		served, err := store.Has(tx, rowBucket, rowKey(string(b), f.ID))
		if err == nil && !served {
			err = errUnknown()
		}
		return err
	}
}

// PicturesOf lists the pictures of a complaint that was served to the business;
// NotFound for any other. It is for the business alone.
func (d *Desk) PicturesOf(ctx context.Context, b ca.BusinessID, id string) ([]Shown, error) {
	return d.pictures(ctx, id, servedTo(b))
}

// PictureOf returns one of PicturesOf with its octets.
func (d *Desk) PictureOf(ctx context.Context, b ca.BusinessID, id string, number int) (Shown, []byte, error) {
	return d.picture(ctx, id, number, servedTo(b))
}

// erasePictures destroys the keys of a complaint's pictures and what would tell
// them: hash, salt and size. Their leaves in the log stay.
func erasePictures(tx store.Tx, id string) (any bool, err error) {
	list, err := picturesOf(tx, id)
	if err != nil {
		return false, err
	}
	for _, s := range list {
		if s.Sealed.Erased() {
			continue
		}
		s.Sealed.Erase()
		s.SHA256, s.Octets, s.Salt = "", 0, nil
		if err := store.Save(tx, pictureBucket, pictureKey(id, s.Number), s); err != nil {
			return any, err
		}
		any = true
	}
	return any, nil
}
