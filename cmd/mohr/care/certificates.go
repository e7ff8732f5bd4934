package care

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/store"
)

// What is to be done about a certificate, or a list, that ends.
const (
	nextCeremony = "hold a ceremony that makes its successor"
	nextList     = "hold a ceremony that makes more; the root of a development service makes its own while it serves"
	nextJob      = "the service renews it by itself: its log says why it did not"
	nextStart    = "the next start renews it"
)

// certificates looks at how long the authorities, the root's revocation lists
// and the service's own certificates are still good.
func (p Patient) certificates(ctx context.Context) []Line {
	lines, members, err := p.authorities(ctx)
	if err == nil {
		var own []Line
		own, err = p.own(ctx, members)
		lines = append(lines, own...)
	}
	if err != nil {
		return append(lines, line("certificates", Fail, "%v", err)...)
	}
	return lines
}

// authorities returns what there is to say of the hierarchy, and which issuing
// authorities have responders, by their ids.
func (p Patient) authorities(ctx context.Context) (lines []Line, answering map[string]bool, err error) {
	var members []ca.Member
	newest := map[string]string{} // kind and name -> id: one that has a successor may end
	answering = map[string]bool{}
	err = p.Store.View(ctx, func(tx store.Tx) error {
		members, err = ca.Members(tx)
		return err
	})
	if err == nil && len(members) == 0 {
		err = errors.New("there is no hierarchy here: hold the first ceremony, or start the service once")
	}
	slices.SortFunc(members, func(a, b ca.Member) int { return a.At.Compare(b.At) })
	for _, m := range members {
		if m.Kind != ca.CrossMember && m.Revoked == nil {
			newest[string(m.Kind)+string(m.Name)] = m.ID
		}
	}
	for _, m := range members {
		if err != nil || m.Kind == ca.CrossMember || m.Revoked != nil {
			continue
		}
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(m.DER); err != nil {
			break
		}
		if newest[string(m.Kind)+string(m.Name)] == m.ID {
			lines = append(lines, p.term(m.ID, c.NotBefore, c.NotAfter, Fail, nextCeremony))
		}
		if alive := !c.NotAfter.Before(p.Now()); m.Kind == ca.RootMember && alive {
			lines = append(lines, p.rootCRL(ctx, m.ID)...)
		} else if alive && !c.NotBefore.After(p.Now()) {
			answering[m.ID] = true
		}
	}
	return lines, answering, err
}

// rootCRL looks at the list of the moment, and at the last that is made.
func (p Patient) rootCRL(ctx context.Context, root string) []Line {
	name := "CRL of " + root
	var current, last []byte
	err := p.Store.View(ctx, func(tx store.Tx) (err error) {
		if current, err = ca.RootCRL(tx, root, p.Now()); err == nil {
			last, err = ca.LastRootCRL(tx, root)
		}
		return err
	})
	if err != nil {
		return line(name, Fail, "%v", err)
	}
	now, err := x509.ParseRevocationList(current)
	if err != nil {
		return line(name, Fail, "%v; %s", err, nextList)
	}
	if p.Now().After(now.NextUpdate) {
		return line(name, Fail, "it is over since %s: %s", stamp(now.NextUpdate), nextList)
	}
	end, err := x509.ParseRevocationList(last)
	if err != nil {
		return line(name, Fail, "%v; %s", err, nextList)
	}
	return []Line{p.term(name, end.ThisUpdate, end.NextUpdate, Fail, nextList)}
}

// own looks at the certificates of the keys that serve the service itself.
func (p Patient) own(ctx context.Context, answering map[string]bool) (lines []Line, err error) {
	keys, err := p.Keys.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		issuer, responder := strings.CutPrefix(k.Purpose, "ocsp-")
		if k.State != "serving" || !slices.Contains([]string{"tls", "time-stamping", "audit", "credential", "cmp"}, k.Purpose) && !(responder && answering[issuer]) {
			continue
		}
		l, err := p.newest(ctx, k.Purpose, k.SPKISHA256)
		if err != nil {
			return lines, err
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// newest looks at the certificate of a key that is good for the longest.
func (p Patient) newest(ctx context.Context, purpose, spki string) (Line, error) {
	worst, next := Fail, nextJob
	if !p.Running {
		worst, next = Warn, nextStart
	}
	// Nothing but the store is asked.
	list, err := (&ca.Authority{Config: ca.Config{Store: p.Store}}).OfKey(ctx, spki)
	if err != nil {
		return Line{}, fmt.Errorf("certificates of %s: %w", purpose, err)
	}
	list = slices.DeleteFunc(list, func(c ca.Certificate) bool { return c.State != ca.Issued || c.Revoked != nil })
	if len(list) == 0 {
		return Line{purpose, worst, "its key has no certificate: " + next}, nil
	}
	c := slices.MaxFunc(list, func(a, b ca.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
	if purpose == "time-stamping" { // privateKeyUsagePeriod: what it stamped last is checked for as long again
		c.NotAfter = c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore) / 2)
	}
	return p.term(purpose, c.NotBefore, c.NotAfter, worst, next), nil
}

// term says how long something is still good. What renews itself does so when
// a third of the time is left: with less than a quarter that did not happen.
func (p Patient) term(name string, from, to time.Time, over State, next string) Line {
	now := p.Now()
	switch left := to.Sub(now); {
	case left < 0:
		return Line{name, over, fmt.Sprintf("over since %s: %s", stamp(to), next)}
	case left < to.Sub(from)/4:
		return Line{name, Warn, fmt.Sprintf("good until %s only: %s", stamp(to), next)}
	}
	return Line{name, OK, "good until " + stamp(to)}
}
