package badge

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"

	"mohr/ca"
	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

// Copy is a foreign site whose pages seem to show a badge, by the Referer of
// those who came. It has no more of them than the day and their number.
type Copy struct {
	Host  string    `json:"host"` // the registrable domain, in A-labels
	First time.Time `json:"first"`
	Last  time.Time `json:"last"` // the day
	Seen  int       `json:"seen"`
}

const (
	// maxCopiesKept bounds what is counted in memory between two flushes, and
	// maxCopiesOf the foreign sites on record for one badge: a Referer is
	// anybody's to write.
	maxCopiesKept = 10_000
	maxCopiesOf   = 200
)

// copies counts foreign sites until they are flushed. The zero value is ready.
type copies struct {
	mu   sync.Mutex
	seen map[sighting]int // guarded by mu
}

type sighting struct {
	badge ID
	host  string
}

// saw counts a visit that seems to come from another site than the badge's.
func (d *Desk) saw(id ID, domain Domain, referer string) {
	host, ok := foreignHost(domain, referer)
	if !ok {
		return
	}
	d.copies.mu.Lock()
	defer d.copies.mu.Unlock()
	s := sighting{id, host}
	if d.copies.seen[s] == 0 && len(d.copies.seen) >= maxCopiesKept {
		return
	}
	if d.copies.seen == nil {
		d.copies.seen = map[sighting]int{}
	}
	d.copies.seen[s]++
}

// foreignHost returns the registrable domain of a Referer, where it is a name.
// One without is a machine in somebody's home or office, and nobody's shop.
func foreignHost(own Domain, referer string) (string, bool) {
	u, err := url.Parse(referer)
	if err != nil {
		return "", false
	}
	h, err := ParseDomain(strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")))
	if err != nil || net.ParseIP(h.ASCII) != nil || own.Is(h.ASCII) {
		return "", false
	}
	name, err := publicsuffix.EffectiveTLDPlusOne(h.ASCII)
	return name, err == nil
}

// FlushCopies is a job of every node: it records what was counted here.
func (d *Desk) FlushCopies(ctx context.Context) error {
	d.copies.mu.Lock()
	seen := d.copies.seen
	d.copies.seen = nil
	d.copies.mu.Unlock()
	if len(seen) == 0 {
		return nil
	}
	day := d.now().Truncate(24 * time.Hour)
	err := d.Store.Update(ctx, func(tx store.Tx) error {
		for s, n := range seen {
			if err := addCopy(tx, s, n, day); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record copies of badges: %w", err)
	}
	return nil
}

func addCopy(tx store.Tx, s sighting, n int, day time.Time) error {
	key := string(s.badge) + "/" + s.host
	c, err := store.Load[Copy](tx, copyBucket, key)
	if errors.Is(err, store.ErrNotFound) {
		c, err = Copy{Host: s.host, First: day}, nil
		known := 0
		if scan := tx.Scan(copyBucket, string(s.badge)+"/", "", func(string, []byte) error { known++; return nil }); scan != nil || known >= maxCopiesOf {
			return scan
		}
	}
	if err != nil {
		return err
	}
	c.Seen += n
	c.Last = day
	return store.Save(tx, copyBucket, key, c)
}

// Copies returns the foreign sites seen with the badge.
func (d *Desk) Copies(ctx context.Context, id ID) (list []Copy, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		list = []Copy{}
		if _, err := LoadBadge(tx, id); err != nil {
			return err
		}
		return store.Each(tx, copyBucket, string(id)+"/", "", func(_ string, c Copy) error {
			list = append(list, c)
			return nil
		})
	})
	return list, err
}

// Fake is a site of which an operator found that it shows a badge of another.
type Fake struct {
	Host  string    `json:"host"` // A-labels
	Badge ID        `json:"badge"`
	Of    string    `json:"of"` // whose badge it is: A-labels
	Since time.Time `json:"since"`
}

// errFakeOwn is a host that the badge is for.
func errFakeOwn() error {
	return fault.New(fault.Conflict, "badge_fake_own", "this host is the badge's own, or has a badge itself; it is no fake")
}

// MarkFake lets an operator put a host on the public list of fakes. leaf is
// his certificate; the public log says that it was done, and the service's own who.
func (d *Desk) MarkFake(ctx context.Context, leaf *x509.Certificate, host string, id ID) (f Fake, err error) {
	h, err := ParseDomain(strings.ToLower(strings.TrimSpace(host)))
	if err != nil {
		return f, err
	}
	now := d.now()
	var o ca.OperatorRecord
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		var b Badge
		if o, b, err = d.officer(tx, leaf, ca.MayEnd, id, now); err != nil {
			return err
		}
		own := b.Domain.Is(h.ASCII)
		if err := eachOfDomain(tx, h.ASCII, now, func(o Badge) error { own = own || o.State == Active; return nil }); err != nil {
			return err
		}
		if own {
			return errFakeOwn()
		}
		f = Fake{Host: h.ASCII, Badge: id, Of: b.Domain.ASCII, Since: now}
		if err := store.Save(tx, fakeBucket, f.Host, f); err != nil {
			return err
		}
		return ledger.Append(tx, ledger.Event{Kind: "badge.fake", Subject: string(id), At: now, Hash: hexSHA256([]byte(f.Host)), Note: f.Host})
	})
	if err == nil {
		d.Log.Info("site marked as a fake", "host", f.Host, "badge", id, "operator", o.Name)
	}
	return f, err
}

// UnmarkFake takes a host off the list; one that is not on it is no error. The
// public log says so, as it said that the host came onto it.
func (d *Desk) UnmarkFake(ctx context.Context, leaf *x509.Certificate, host string) error {
	h, err := ParseDomain(strings.ToLower(strings.TrimSpace(host)))
	if err != nil {
		return err
	}
	now := d.now()
	var o ca.OperatorRecord
	var f Fake
	err = d.Store.Update(ctx, func(tx store.Tx) error {
		f = Fake{}
		if o, err = ca.MayIn(tx, leaf, ca.MayEnd, now); err != nil {
			return err
		}
		if f, err = store.Load[Fake](tx, fakeBucket, h.ASCII); errors.Is(err, store.ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		if err := tx.Delete(fakeBucket, h.ASCII); err != nil {
			return err
		}
		return ledger.Append(tx, ledger.Event{Kind: "badge.fake_removed", Subject: string(f.Badge), At: now, Hash: hexSHA256([]byte(f.Host)), Note: f.Host})
	})
	if err == nil && f.Host != "" {
		d.Log.Info("site taken off the fakes", "host", f.Host, "badge", f.Badge, "operator", o.Name)
	}
	return err
}

// Fakes returns the list.
func (d *Desk) Fakes(ctx context.Context) (list []Fake, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		list = []Fake{}
		return store.Each(tx, fakeBucket, "", "", func(_ string, f Fake) error {
			list = append(list, f)
			return nil
		})
	})
	return list, err
}

// fakeOf returns the entry of a host, if there is one.
func (d *Desk) fakeOf(ctx context.Context, host string) (f *Fake, err error) {
	h, err := ParseDomain(strings.ToLower(strings.TrimSpace(host)))
	if err != nil {
		return nil, nil
	}
	err = d.Store.View(ctx, func(tx store.Tx) error {
		found, err := store.Load[Fake](tx, fakeBucket, h.ASCII)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		f = &found
		return err
	})
	return f, err
}
