package client

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"mohr/cmd/mohr/place"
	"mohr/hsm"
)

// Keeper keeps the pair in one folder renewed, without anybody there. One
// process at a time may work on a folder.
type Keeper struct {
	Client    *Client
	Ring      *hsm.Keyring
	Place     place.Place
	Issuers   [][]byte // as Successor has them
	BirthDate string
}

// Kept is what Keep did.
type Kept struct {
	Chain     []byte    // of the pair that came into use, PEM; nil: none did
	NotBefore time.Time // when it is time to renew, if that lies ahead
}

// Keep renews the pair if the service says that it is time, or goes on with a
// renewal that was cut off, and puts the new pair into use in one step. After
// an error the old pair is in use, and the next call goes on.
func (k *Keeper) Keep(ctx context.Context, now time.Time) (Kept, error) {
	if !k.Place.Begun() {
		w, err := k.window(ctx)
		if err != nil {
			return Kept{}, err
		}
		if !w.Due(now) {
			return Kept{NotBefore: w.Start}, nil
		}
		if err := k.Place.Begin(now); err != nil {
			return Kept{}, err
		}
	}
	chain, err := k.successor(ctx)
	if err != nil {
		return Kept{}, err
	}
	return Kept{Chain: chain}, k.Place.Finish()
}

// window asks when it is time.
func (k *Keeper) window(ctx context.Context) (Window, error) {
	b, err := os.ReadFile(k.Place.Current(place.CertificateFile))
	if err != nil {
		return Window{}, fmt.Errorf("%w; put the first pair there and link it, as docs/unattended.md says", err)
	}
	chain, err := ParseChain(b)
	if err != nil {
		return Window{}, fmt.Errorf("%s: %w", k.Place.Current(place.CertificateFile), err)
	}
	return k.Client.RenewalWindow(ctx, chain[0])
}

// successor makes the pair to come, unless an earlier call did.
func (k *Keeper) successor(ctx context.Context) ([]byte, error) {
	next, err := k.Place.NextKey()
	if err != nil {
		return nil, err
	}
	s := Successor{Ring: k.Ring, NewKey: next, Issuers: k.Issuers, BirthDate: k.BirthDate, File: k.Place.Next(place.CertificateFile)}
	_, err = os.Stat(s.pending())
	if chain, had := os.ReadFile(s.File); had == nil && errors.Is(err, os.ErrNotExist) {
		return chain, nil // what was signed is kept until the certificate is there whole
	}
	if s.OldKey, err = k.Place.Key(); err != nil {
		return nil, err
	}
	if s.Old, err = k.Key(ctx); err != nil {
		return nil, err
	}
	issued, err := k.Client.RenewTo(ctx, s)
	return issued.Chain, err
}

// Key opens the pair in use.
func (k *Keeper) Key(ctx context.Context) (Key, error) {
	where, err := k.Place.Key()
	if err != nil {
		return Key{}, err
	}
	chain, err := os.ReadFile(k.Place.Current(place.CertificateFile))
	if err != nil {
		return Key{}, err
	}
	signer, err := OpenSigner(ctx, k.Ring, where, false)
	if err != nil {
		return Key{}, err
	}
	return NewKey(signer, chain)
}
