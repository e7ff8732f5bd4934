package complaints

import (
	"errors"

	"mohr/internal/seal"
	"mohr/internal/store"
)

// words are what somebody wrote beside an event, sealed before the
// transaction. The zero value is none.
type words struct {
	name   string // the event's commitment to them
	sealed seal.Sealed
}

// words checks and seals a text and binds e to it. An empty one is none.
func (d *Desk) words(e *Event, text string) (w words, err error) {
	if text == "" {
		return w, nil
	}
	if text, err = checkText(text, 1); err != nil {
		return w, err
	}
	e.Words, err = commitment(struct {
		Salt  []byte `json:"salt"`
		Words string `json:"words"`
	}{e.Salt, text})
	if err != nil {
		return w, err
	}
	w.name = e.Words
	w.sealed, err = d.Seal.Seal(wordsBucket, w.name, "text", []byte(text))
	return w, err
}

// save keeps the words, in the transaction that adds their event.
func (w words) save(tx store.Tx) error {
	if w.name == "" {
		return nil
	}
	return store.Save(tx, wordsBucket, w.name, w.sealed)
}

// read opens the words of an event; "" where they were erased.
func (d *Desk) read(tx store.Tx, name string) (string, error) {
	sealed, err := store.Load[seal.Sealed](tx, wordsBucket, name)
	if errors.Is(err, store.ErrNotFound) || err == nil && sealed.Erased() {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	text, err := d.Seal.Open(wordsBucket, name, "text", sealed)
	return string(text), err
}
