package ceremony

import (
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"

	"mohr/ca"
	"mohr/ca/ceremony/plan"
	"mohr/hsm"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// hall is a ceremony under way: the plan, what is there, what was made.
type hall struct {
	Config
	*bench
	plan     *plan.Plan
	hash     string
	dry      bool // nothing is kept, and the keys are thrown away
	firstCRL map[string]int64

	members map[string]ca.Member // the hierarchy so far
	certs   map[string]*x509.Certificate
	keys    map[string]crypto.Signer
	crls    []Preview // made in a dry run
}

func (c Config) enter(ctx context.Context, p *plan.Plan, dry bool) (*hall, error) {
	h := &hall{
		Config: c, bench: newBench(), plan: p, hash: p.SHA256(), dry: dry,
		firstCRL: map[string]int64{}, members: map[string]ca.Member{}, certs: map[string]*x509.Certificate{}, keys: map[string]crypto.Signer{},
	}
	if p.IsBuiltin() {
		h.hash = builtin
	}
	return h, h.load(ctx)
}

// load reads the hierarchy.
func (h *hall) load(ctx context.Context) error {
	return h.Store.View(ctx, func(tx store.Tx) error {
		list, err := ca.Members(tx)
		if err != nil {
			return err
		}
		for _, m := range list {
			if m.Kind == "" {
				return errOldStore()
			}
			cert, err := x509.ParseCertificate(m.DER)
			if err != nil {
				return fmt.Errorf("certificate of %s: %w", m.ID, err)
			}
			h.members[m.ID], h.certs[m.ID] = m, cert
		}
		return nil
	})
}

func errOldStore() error {
	return fault.New(fault.Conflict, "hierarchy_old", "this store was begun by a version that kept authorities in another way; begin with a new data directory")
}

// key returns the key of an authority. That of an authority that is there must
// be the one in its certificate: a new one is never put under an old name.
func (h *hall) key(ctx context.Context, id string, a hsm.Algorithm) (crypto.Signer, error) {
	if k, ok := h.keys[id]; ok {
		return k, nil
	}
	cert := h.certs[id]
	if cert != nil {
		a = algorithmOf(cert.PublicKey)
	}
	open := h.Key
	if h.dry {
		open = func(context.Context, string, hsm.Algorithm) (crypto.Signer, error) { return generate(a) }
	}
	k, err := open(ctx, id, a)
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", id, err)
	}
	if cert != nil && !h.dry && !fits(k, cert) {
		return nil, errOtherKey(id)
	}
	if got := algorithmOf(k.Public()); got != a {
		return nil, fmt.Errorf("key of %s is of algorithm %s, which must be %s", id, got, a)
	}
	h.keys[id] = k
	return k, nil
}

// fits reports whether the certificate is for the key.
func fits(key crypto.Signer, c *x509.Certificate) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(c.PublicKey)
}

func errOtherKey(id string) error {
	return fmt.Errorf("key of %s is not the one in its certificate: remove it if it was just made, and bring the old key back from its backup", id)
}

// certify makes the certificate of m, unless it is there: built, linted,
// recorded, signed by the key of the authority named by, checked, linted,
// recorded. by is m's own id for a root.
func (h *hall) certify(ctx context.Context, m ca.Member, by string, t *x509.Certificate, public crypto.PublicKey) error {
	if _, there := h.certs[m.ID]; there {
		return nil
	}
	parent := h.certs[by]
	t.SerialNumber = newSerial()
	prepared, err := h.certificate(t, parent, public)
	if err != nil {
		return fmt.Errorf("certificate of %s: %w", m.ID, err)
	}
	m.DER = prepared
	if !h.dry {
		if m.DER, err = h.signed(ctx, m.ID, by, prepared); err != nil {
			return fmt.Errorf("certificate of %s: %w", m.ID, err)
		}
	}
	m.At, m.Ceremony = h.now(), h.hash
	if !h.dry {
		if m, err = h.keep(ctx, m); err != nil {
			return fmt.Errorf("certificate of %s: %w", m.ID, err)
		}
	}
	cert, err := x509.ParseCertificate(m.DER)
	h.members[m.ID], h.certs[m.ID] = m, cert
	return err
}

// signed records what is to be signed, or takes what was recorded before,
// signs that and checks it.
func (h *hall) signed(ctx context.Context, id, by string, prepared []byte) ([]byte, error) {
	prepared, err := h.intend(ctx, id, prepared)
	if err != nil {
		return nil, err
	}
	key, err := h.key(ctx, by, "")
	if err != nil {
		return nil, err
	}
	der, err := sign(prepared, key)
	if err != nil {
		return nil, err
	}
	_, err = checkCertificate(der, prepared, h.certs[by])
	return der, err
}

// intend records the prepared bytes under a name of this plan, unless there
// are some: then those are the ones.
func (h *hall) intend(ctx context.Context, name string, prepared []byte) ([]byte, error) {
	kept := prepared
	err := h.Store.Update(ctx, func(tx store.Tx) error {
		had, err := store.Load[intent](tx, intentBucket, h.hash+"/"+name)
		if err == nil {
			kept = had.Prepared
			return nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		kept = prepared
		return store.Save(tx, intentBucket, h.hash+"/"+name, intent{prepared})
	})
	return kept, err
}

// keep records m with its leaf, unless another node was faster: then its
// result is the one.
func (h *hall) keep(ctx context.Context, m ca.Member) (ca.Member, error) {
	kept := m
	err := h.Store.Update(ctx, func(tx store.Tx) error {
		had, err := ca.LoadMember(tx, m.ID)
		if err == nil {
			kept = had
			return nil
		}
		if !errors.Is(err, fault.NotFound) {
			return err
		}
		kept = m
		return saveMember(tx, m)
	})
	return kept, err
}

// saveMember records a new member with its leaf.
func saveMember(tx store.Tx, m ca.Member) error {
	if err := ca.SaveMember(tx, m); err != nil {
		return err
	}
	return ledger.Append(tx, ledger.Event{Kind: "ceremony." + string(m.Kind), Subject: m.ID, At: m.At, Hash: sum(m.DER)})
}
