package bench

import (
	"context"
	"fmt"

	"mohr/ca"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// replay compares the clients' histories with the whole store and the whole
// log: what was acknowledged is there, once.
func (b *breaking) replay(ctx context.Context) error {
	issued := map[string][]ca.Certificate{} // by request
	err := b.own.View(ctx, func(tx store.Tx) error {
		clear(issued)
		return ca.EachCertificate(tx, "", func(c ca.Certificate) error {
			if c.State == ca.Issued {
				issued[c.Request] = append(issued[c.Request], c)
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	leaves := map[string]int{} // kind and subject
	err = ledger.EachEvent(ctx, b.own, func(e ledger.Event) error { leaves[e.Kind+" "+e.Subject]++; return nil })
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	for _, d := range b.deeds {
		b.weigh(d, issued[d.id], leaves)
	}
	return nil
}

func (b *breaking) weigh(d *deed, found []ca.Certificate, leaves map[string]int) {
	x := &b.damage
	if len(found) > 1 {
		b.blame(&x.Doubled, d, "%d certificates in the store", len(found))
	}
	if d.cert == nil { // the client was not told of any
		return
	}
	if len(found) == 0 || string(found[0].DER) != string(d.cert.Raw) {
		b.blame(&x.Lost, d, "certificate %s is not in the store", d.issued.Serial)
		return
	}
	c := found[0]
	switch n := leaves["certificate.issued "+c.Serial]; {
	case n == 0:
		b.blame(&x.Lost, d, "the log has no leaf of certificate %s", c.Serial)
	case n > 1:
		b.blame(&x.Doubled, d, "the log has %d leaves of certificate %s", n, c.Serial)
	}
	revoked := leaves["certificate.revoked "+c.Serial]
	switch {
	case !d.revoked.IsZero() && (revoked == 0 || c.Revoked == nil):
		b.blame(&x.Lost, d, "the revocation of %s is not in store and log", c.Serial)
	case revoked > 1:
		b.blame(&x.Doubled, d, "%d leaves of the revocation of %s", revoked, c.Serial)
	case !d.tried && (revoked > 0 || c.Revoked != nil):
		b.blame(&x.Wrong, d, "%s is revoked and nobody asked for it", c.Serial)
	}
}
