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
	next := map[string][]string{}           // serials, by that of the certificate they replace
	err := b.own.View(ctx, func(tx store.Tx) error {
		clear(issued)
		clear(next)
		return ca.EachCertificate(tx, "", func(c ca.Certificate) error {
			if c.State == ca.Issued {
				issued[c.Request] = append(issued[c.Request], c)
				next[c.Replaces] = append(next[c.Replaces], c.Serial)
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
		if d.cert != nil {
			b.weighNext(d, next[d.issued.Serial], leaves)
		}
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
	b.weighLeaves(d, c.Serial, leaves)
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

// weighLeaves asserts that the log has one leaf of a certificate.
func (b *breaking) weighLeaves(d *deed, serial string, leaves map[string]int) {
	switch n := leaves["certificate.issued "+serial]; {
	case n == 0:
		b.blame(&b.damage.Lost, d, "the log has no leaf of certificate %s", serial)
	case n > 1:
		b.blame(&b.damage.Doubled, d, "the log has %d leaves of certificate %s", n, serial)
	}
}

// weighNext asserts that the certificate is replaced by the one that the
// client was told of, and by no other.
func (b *breaking) weighNext(d *deed, found []string, leaves map[string]int) {
	switch {
	case len(found) > 1:
		b.blame(&b.damage.Doubled, d, "%d certificates replace %s", len(found), d.issued.Serial)
	case d.next != "" && (len(found) == 0 || found[0] != d.next):
		b.blame(&b.damage.Lost, d, "certificate %s, which replaces %s, is not in the store", d.next, d.issued.Serial)
	case d.next == "" && len(found) > 0 && !d.renews:
		b.blame(&b.damage.Wrong, d, "%s is replaced and nobody asked for it", d.issued.Serial)
	case d.next != "":
		b.weighLeaves(d, d.next, leaves)
	}
}
