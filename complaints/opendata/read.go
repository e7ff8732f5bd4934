package opendata

import (
	"context"
	"errors"

	"mohr/internal/fault"
	"mohr/internal/store"
)

func errUnknown() error {
	return fault.New(fault.NotFound, "open_data_unknown", "there is no edition of the open data of that day, or no such file in it; take a day and a name from the list of editions")
}

func errPruned(day string) error {
	return fault.New(fault.NotFound, "open_data_pruned", "the files of the edition of %[1]s are not kept any more, only its signed manifest; take a later day", day)
}

// LoadEdition reads the edition of a day; NotFound if there is none that is signed.
func (p *Publisher) LoadEdition(ctx context.Context, day string) (e Edition, err error) {
	err = p.Register.Store.View(ctx, func(tx store.Tx) (err error) {
		if day == "" {
			return errUnknown()
		}
		e, err = store.Load[Edition](tx, editionBucket, day)
		if errors.Is(err, store.ErrNotFound) || err == nil && e.Signed == "" {
			return errUnknown()
		}
		return err
	})
	return e, err
}

// maxEditions is how many editions a list has at most.
const maxEditions = 100

// Editions returns the signed editions after a day, oldest first, and whether
// there are more.
func (p *Publisher) Editions(ctx context.Context, after string, limit int) (list []Edition, more bool, err error) {
	limit = min(max(limit, 1), maxEditions)
	err = p.Register.Store.View(ctx, func(tx store.Tx) error {
		list, more = nil, false
		return store.Each(tx, editionBucket, "", after, func(_ string, e Edition) error {
			switch {
			case e.Signed == "":
				return nil
			case len(list) == limit:
				more = true
				return store.Stop
			}
			list = append(list, e)
			return nil
		})
	})
	return list, more, err
}

// File calls fn with the file of an edition, a piece at a time; NotFound if
// there is none. fn must not use the store.
func (p *Publisher) File(ctx context.Context, e Edition, name string, fn func(csv []byte) error) error {
	f, ok := e.file(name)
	switch {
	case !ok:
		return errUnknown()
	case e.Pruned:
		return errPruned(e.Manifest.Day)
	}
	return p.Register.Store.View(ctx, func(tx store.Tx) error {
		return each(tx, e.Manifest.Day, f, func(csv []byte, _ int) error { return fn(csv) })
	})
}

func (e Edition) file(name string) (File, bool) {
	for _, f := range e.Manifest.Files {
		if f.Name == name {
			return f, true
		}
	}
	return File{}, false
}
