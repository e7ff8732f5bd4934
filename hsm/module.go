package hsm

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"mohr/internal/fault"
)

// module is one PKCS#11 library with the tokens that are used through it.
//
// crypto11 counts the contexts of a library and finalizes it when the last is
// closed; a library that lost its token, or its connection to it, may come
// back only after that. So a reopening drains and closes all contexts of the
// module and lets each be opened again by its next use.
type module struct {
	// gate is held shared by every operation on the module, and alone while
	// contexts are closed: no library is finalized under a call's feet.
	gate  sync.RWMutex
	epoch int // counts reopenings; guarded by gate

	mu     sync.Mutex        // guards tokens
	tokens map[string]*token // by place
}

// token returns the token that u names: one for one place.
func (k *Keyring) token(u keyURI) *token {
	k.mu.Lock()
	m := k.modules[u.module]
	if m == nil {
		m = &module{tokens: map[string]*token{}}
		k.modules[u.module] = m
	}
	k.mu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tokens[u.place()]
	if t == nil {
		t = &token{
			module: m, where: u, log: k.Log, timeout: k.Timeout, closed: k.closed.Load,
			turns: make(chan struct{}, maxTurns), keys: map[string]*signer{},
		}
		m.tokens[u.place()] = t
	}
	return t
}

// inUse returns the modules in use.
func (k *Keyring) inUse() []*module {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Collect(maps.Values(k.modules))
}

// inUse returns the tokens in use.
func (m *module) inUse() []*token {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.tokens))
}

// reopen closes all contexts of the module, unless that was done since epoch.
// It waits for operations under way.
func (m *module) reopen(epoch int) {
	m.gate.Lock()
	defer m.gate.Unlock()
	if m.epoch == epoch {
		m.disconnect()
	}
}

// close closes all contexts of the module.
func (m *module) close() {
	m.gate.Lock()
	defer m.gate.Unlock()
	m.disconnect()
}

// disconnect closes all contexts; the caller holds gate alone.
func (m *module) disconnect() {
	m.epoch++
	for _, t := range m.inUse() {
		t.disconnect()
	}
}

// do runs op on the token and waits for it at most so long. A call into a PKCS#11 module
// cannot be broken off: one that hangs goes on in its goroutine, of which
// there are at most maxTurns a token, while its caller gets Unavailable.
func do[T any](ctx context.Context, t *token, most time.Duration, op func(*connection) (T, error)) (v T, err error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	select {
	case t.turns <- struct{}{}:
	case <-ctx.Done():
		return v, errTimeout(ctx)
	}
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		defer func() { <-t.turns }()
		v, err := twice(t, op)
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		return v, errTimeout(ctx)
	}
}

func errTimeout(ctx context.Context) error {
	return fmt.Errorf("%w: %w", fault.New(fault.Unavailable, "key_timeout", "the key store does not answer in time; try again in a minute"), context.Cause(ctx))
}

// twice runs op, and once more on fresh sessions if the first try lost its own.
func twice[T any](t *token, op func(*connection) (T, error)) (T, error) {
	v, epoch, err := once(t, op)
	if sessionLost(err) {
		t.log.Warn("token session lost, opening again", "token", t.where.place(), "error", err)
		t.module.reopen(epoch)
		v, _, err = once(t, op)
	}
	return v, explain(err)
}

// once runs op on the token's connection and tells in which epoch that was.
func once[T any](t *token, op func(*connection) (T, error)) (v T, epoch int, err error) {
	t.module.gate.RLock()
	defer t.module.gate.RUnlock()
	// A panic in a driver must not end the service.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("pkcs11: panic: %v", r)
		}
	}()
	epoch = t.module.epoch
	c, err := t.connect()
	if err != nil {
		return v, epoch, err
	}
	v, err = op(c)
	return v, epoch, err
}
