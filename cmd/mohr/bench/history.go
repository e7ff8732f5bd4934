package bench

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"

	"mohr/cmd/mohr/bench/load"
)

// deed is one application's history, as its client saw it. Its client alone
// writes to it.
type deed struct {
	*applicant
	revokes bool // the client has its certificate revoked
	renews  bool // it renews it
	twice   bool // it sends its request to both nodes at once
	dice    *rand.Rand

	cert, issuer *x509.Certificate // nil: not told of any
	next         string            // serial of the certificate that replaces it; "": not told of any
	tried        bool              // a revocation was asked for
	asked        time.Time         // when, at first
	revoked      time.Time         // when the client was told of it, or saw it; zero: never
}

// answerWithin is how long a client repeats its call; faults are over long
// before.
const answerWithin = 2 * time.Minute

// live is the life of a client: it has its certificate issued, asks for its
// status, renews it or has it revoked, asks again.
func (b *breaking) live(ctx context.Context, d *deed) {
	wait(ctx, time.Duration(d.dice.IntN(200))*time.Millisecond)
	if !b.issueOne(ctx, d) {
		return
	}
	for range 3 {
		b.look(ctx, d, d.dice.IntN(len(b.nodes)))
	}
	if d.renews && !b.renewOne(ctx, d) {
		return
	}
	if d.revokes {
		d.tried, d.asked = true, time.Now()
		if _, ok := b.until(ctx, d, "revoke", revocation(d.applicant).Request); !ok {
			return
		}
		d.revoked = time.Now()
		b.count(func(x *Damage) { x.Revoked++ })
	}
	for range 5 {
		b.look(ctx, d, d.dice.IntN(len(b.nodes)))
		wait(ctx, time.Duration(20+d.dice.IntN(80))*time.Millisecond)
	}
}

func (b *breaking) count(with func(*Damage)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	with(&b.damage)
}

// blame counts what must not be, and keeps the first of it.
func (b *breaking) blame(what *int, d *deed, format string, args ...any) {
	b.accuse(what, "application %s: %s", d.id, fmt.Sprintf(format, args...))
}

// accuse is blame where no application is concerned.
func (b *breaking) accuse(what *int, format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*what++
	text := fmt.Sprintf(format, args...)
	if b.damage.First == "" {
		b.damage.First = text
	}
	b.say("  WRONG: %s", text)
}

// doors are those of a node as they are now.
func (b *breaking) doors(node int) (portal, plain load.Door) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.nodes[node].portal, b.nodes[node].plain
}

// once makes a call over a connection of its own.
func once(ctx context.Context, door load.Door, request []byte) (status int, body []byte, err error) {
	c, err := door.Dial(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer c.Close()
	status, body, err = c.Do(request)
	return status, bytes.Clone(body), err
}

// until repeats a call, at any node, until it is answered; kind is what it is
// counted as.
func (b *breaking) until(ctx context.Context, d *deed, kind string, request []byte) (body []byte, ok bool) {
	body, last, ok := b.ask(ctx, d.dice, kind, request)
	if !ok {
		b.blame(&b.damage.Lost, d, "a call is not answered: %s", last)
	}
	return body, ok
}

// ask is until for calls that may be refused; last is how it ended.
func (b *breaking) ask(ctx context.Context, dice *rand.Rand, kind string, request []byte) (body []byte, last string, ok bool) {
	for begun := time.Now(); time.Since(begun) < answerWithin && ctx.Err() == nil; {
		portal, _ := b.doors(dice.IntN(len(b.nodes)))
		asked := time.Now()
		status, body, err := once(ctx, portal, request)
		if err == nil && status/100 == 2 {
			b.noted(kind, time.Since(asked))
			return body, "", true
		}
		last = fmt.Sprintf("status %d, %v: %.300s", status, err, body)
		if err == nil && !comesAgain(status) {
			break
		}
		b.noted(kind, -1)
		b.count(func(x *Damage) { x.Again++ })
		wait(ctx, time.Duration(20+dice.IntN(60))*time.Millisecond)
	}
	return nil, last, false
}

// noted tells who wants to know how long a call took; below 0: it was not
// answered well.
func (b *breaking) noted(kind string, took time.Duration) {
	if b.took != nil {
		b.took(kind, took)
	}
}

// comesAgain reports whether the same call may be answered later.
func comesAgain(status int) bool {
	return status == http.StatusConflict || status == http.StatusTooManyRequests || status >= http.StatusInternalServerError
}

// issueOne hands the request in, sometimes at both nodes at once.
func (b *breaking) issueOne(ctx context.Context, d *deed) bool {
	begun := time.Now()
	call := b.submission(d.applicant)
	early := make([][]byte, len(b.nodes))
	if d.twice {
		var both sync.WaitGroup
		for n := range early {
			portal, _ := b.doors(n)
			both.Go(func() {
				if status, body, err := once(ctx, portal, call.Request); err == nil && status == http.StatusOK {
					early[n] = body
				}
			})
		}
		both.Wait()
	}
	body, ok := b.until(ctx, d, "issue", call.Request)
	if !ok {
		return false
	}
	if err := call.Done(http.StatusOK, body); err != nil {
		b.blame(&b.damage.Lost, d, "%v", err)
		return false
	}
	for _, other := range early {
		var a issuedAnswer
		if other != nil && (json.Unmarshal(other, &a) != nil || a.Serial != d.issued.Serial || a.Certificate != d.issued.Certificate) {
			b.blame(&b.damage.Doubled, d, "two answers with certificates %s and %s", a.Serial, d.issued.Serial)
		}
	}
	var err error
	if d.cert, d.issuer, err = d.chain(); err != nil {
		b.blame(&b.damage.Lost, d, "%v", err)
		return false
	}
	b.within(d, "the beginning of its certificate", d.cert.NotBefore, begun, time.Now())
	b.count(func(x *Damage) { x.Issued++ })
	return true
}

// renewOne renews the certificate by a statement of its key.
func (b *breaking) renewOne(ctx context.Context, d *deed) bool {
	guide, ok := b.until(ctx, d, "guide", load.Get(renewalGuide))
	if !ok {
		return false
	}
	request, err := d.renewal(guide)
	if err != nil {
		b.blame(&b.damage.Lost, d, "%v", err)
		return false
	}
	body, ok := b.until(ctx, d, "renew", request)
	if !ok {
		return false
	}
	var out struct{ Serial string }
	if err := json.Unmarshal(body, &out); err != nil || out.Serial == "" {
		b.blame(&b.damage.Lost, d, "the answer to a renewal holds no certificate: %.300s", body)
		return false
	}
	d.next = out.Serial
	b.count(func(x *Damage) { x.Renewed++ })
	return true
}

// look asks a node for the certificate's status and judges the answer; false
// if there was none.
func (b *breaking) look(ctx context.Context, d *deed, node int) bool {
	_, plain := b.doors(node)
	return b.lookAt(ctx, d, plain, fmt.Sprintf("node %d", node))
}

func (b *breaking) lookAt(ctx context.Context, d *deed, plain load.Door, name string) bool {
	der, err := ocsp.CreateRequest(d.cert, d.issuer, &ocsp.RequestOptions{Hash: crypto.SHA1})
	if err != nil {
		b.blame(&b.damage.Wrong, d, "%v", err)
		return false
	}
	begun := time.Now()
	status, body, err := once(ctx, plain, load.Post("/ocsp/sign-p256", "application/ocsp-request", der))
	if err != nil || status != http.StatusOK || bytes.Equal(body, ocsp.TryLaterErrorResponse) {
		b.noted("ocsp", -1)
		return false
	}
	res, err := ocsp.ParseResponseForCert(body, d.cert, d.issuer)
	if err != nil {
		b.blame(&b.damage.Wrong, d, "%s: %v", name, err)
		return false
	}
	b.noted("ocsp", time.Since(begun))
	b.judge(d, name, begun, res)
	b.judgeTimes(d, name, begun, res)
	return true
}

// judge compares an answer with what the client knows. Once it was told of the
// revocation, or saw it, good is wrong; but for an answer that was signed
// before and is given out while the database is away.
func (b *breaking) judge(d *deed, node string, begun time.Time, res *ocsp.Response) {
	b.count(func(x *Damage) { x.Asked++ })
	old := b.wasAway(begun, time.Now()) && !res.ThisUpdate.After(d.revoked)
	switch {
	case res.Status == ocsp.Revoked && d.tried:
		if d.revoked.IsZero() {
			d.revoked = time.Now()
		}
	case res.Status == ocsp.Good && d.revoked.IsZero():
	case res.Status == ocsp.Good && old:
		b.count(func(x *Damage) { x.Old++ })
	default:
		b.blame(&b.damage.Wrong, d, "%s says %d of %s at %s, signed %s; revocation asked for: %t, told %s", node, res.Status, d.issued.Serial, begun, res.ThisUpdate, d.tried, d.revoked)
	}
}

// lastLook asks both nodes when all is well again: each has to answer.
func (b *breaking) lastLook(ctx context.Context, d *deed) {
	if d.cert == nil {
		return
	}
	for n := range b.nodes {
		answered := false
		for try := 0; try < 20 && !answered; try++ {
			if answered = b.look(ctx, d, n); !answered {
				wait(ctx, 100*time.Millisecond)
			}
		}
		if !answered {
			b.blame(&b.damage.Wrong, d, "node %d does not say a status after all faults are over", n)
		}
	}
}
