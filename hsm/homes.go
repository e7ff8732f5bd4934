package hsm

import (
	"maps"
	"slices"

	"mohr/hsm/keyuri"
	"mohr/hsm/pool"
)

// backend parses uri, which must name a key, and returns where it lives.
func (k *Keyring) backend(uri string) (keyuri.URI, backend, error) {
	if k.closed.Load() {
		return keyuri.URI{}, nil, errClosed()
	}
	u, err := keyuri.Parse(uri)
	if err != nil {
		return u, nil, err
	}
	if u.Scheme == keyuri.File {
		return u, files{closed: k.closed.Load}, nil
	}
	if u.Object == "" {
		return u, nil, keyuri.ErrUnnamed()
	}
	return u, k.vault(u), nil
}

// vault returns the token or TPM that u names: one for one place.
func (k *Keyring) vault(u keyuri.URI) *vault {
	k.mu.Lock()
	defer k.mu.Unlock()
	place := u.Place() + "\x00" + u.Module
	v := k.vaults[place]
	if v != nil {
		return v
	}
	var s store
	group, turns := place, 1 // a TPM does one thing at a time
	if u.Scheme == keyuri.PKCS11 {
		s, group, turns = &token{where: u}, u.Module, maxTurns
	} else {
		s = &chip{where: u, timeout: k.Timeout}
	}
	g := k.modules[group]
	if g == nil {
		g = pool.NewGroup()
		k.modules[group] = g
	}
	v = newVault(k.Config, g, s, u, turns)
	k.vaults[place] = v
	return v
}

// inUse returns the tokens and TPMs in use.
func (k *Keyring) inUse() []*vault {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Collect(maps.Values(k.vaults))
}

func (k *Keyring) groups() []*pool.Group {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Collect(maps.Values(k.modules))
}

// keysOf returns the keys of v that were handed out, with the one that has
// not been used for the longest time first.
func (k *Keyring) keysOf(v *vault) []*signer {
	k.mu.Lock()
	defer k.mu.Unlock()
	var keys []*signer
	for _, s := range k.signers {
		if s.vault == v {
			keys = append(keys, s)
		}
	}
	slices.SortFunc(keys, func(a, b *signer) int { return int(a.asked.Load() - b.asked.Load()) })
	return keys
}

// keep remembers s. A key that was handed out before goes on counting.
func (k *Keyring) keep(u keyuri.URI, s *signer) *signer {
	k.mu.Lock()
	defer k.mu.Unlock()
	if had := k.signers[u.Name()]; had != nil && samePublic(had.public, s.public) {
		return had
	}
	s.uri, s.now = u, k.Now
	k.signers[u.Name()] = s
	return s
}
