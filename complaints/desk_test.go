package complaints_test

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/ca/receipt"
	"mohr/ca/signature"
	"mohr/complaints"
	"mohr/internal/fault"
	"mohr/internal/i18n"
	"mohr/internal/nonce"
	"mohr/internal/otp"
	"mohr/internal/seal"
	"mohr/internal/store"
	"mohr/internal/store/storetest"
)

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// shop is the business of Zahra; other is another one.
const shop ca.BusinessID = "14003456780"

var other = catest.Person{
	NationalCode: "0012345679", FirstName: "زهرا", LastName: "محمدی", BirthDate: "1990-05-14", Mobile: "+989121234567",
	LegalID: "10380284790", LegalName: "شرکت دیگر", Role: "مدیرعامل",
}

// told collects what a desk says to businesses.
type told struct {
	mu   sync.Mutex
	ids  []string
	news []string // mobile, language, complaint and what happened
	fail error
}

func (n *told) News(_ context.Context, mobile, lang, id string, what complaints.Kind) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail != nil {
		return n.fail
	}
	n.news = append(n.news, strings.Join([]string{mobile, lang, id, string(what)}, " "))
	return nil
}

func (n *told) Served(_ context.Context, b ca.BusinessID, id string, deadline time.Time) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail != nil {
		return n.fail
	}
	n.ids = append(n.ids, string(b)+" "+id+" "+deadline.Format(time.RFC3339))
	return nil
}

// phone collects the messages to consumers.
type phone struct {
	mu   sync.Mutex
	text map[string]string // newest, by address
	fail error
}

func (p *phone) send(_ context.Context, to, text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	p.text[to] = text
	return nil
}

var sixDigits = regexp.MustCompile(`[0-9]{6}`)

// code returns the newest code that was sent to any address.
func (p *phone) code(to string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return sixDigits.FindString(p.text[to])
}

// bench is a desk on a real store and a real authority.
type bench struct {
	*complaints.Desk
	phone  *phone
	clock  *clock
	ca     *catest.Fixture
	nonces *nonce.Source
	told   *told
	key    ca.SigningKey // Zahra's, for shop
	serial string
}

func newBench(t testing.TB, change func(*complaints.Config)) *bench {
	t.Helper()
	b := &bench{clock: &clock{now: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)}, told: &told{}, phone: &phone{text: map[string]string{}}}
	b.ca = catest.New(t, b.clock.Now)
	b.nonces = &nonce.Source{Key: make([]byte, 32), Now: b.clock.Now}
	box, err := seal.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	codes, err := otp.New(otp.Config{Store: b.ca.Store, Key: make([]byte, 32), Send: b.phone.send, Now: b.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	audit := b.ca.SigningKey(t, "audit", ca.Service{Profile: ca.Audit, CommonName: "Mohr audit"})
	c := complaints.Config{
		Store: storetest.Twice(b.ca.Store), CA: b.ca.Authority, Verifier: &signature.Verifier{Authority: b.ca.Authority}, Nonces: b.nonces, Seal: box,
		Receipts: receipt.New(receipt.Config{Key: func() ca.SigningKey { return audit }, Issuer: catest.Portal, Now: b.clock.Now}),
		Codes:    codes, MailCodes: codes, Flags: &complaints.FlagRules{},
		Notifier: b.told, Audience: catest.Portal, Now: b.clock.Now, Businesses: &register{}, Limits: unlimited,
	}
	if change != nil {
		change(&c)
	}
	if b.Desk, err = complaints.New(c); err != nil {
		t.Fatal(err)
	}
	var cert ca.Certificate
	b.key, cert = b.ca.IssueTo(t, catest.Zahra, ca.OrganisationSign, "application-1")
	b.serial = cert.Serial
	return b
}

func filing() complaints.Filing {
	return complaints.Filing{
		Key: complaints.NewKey(), Business: string(shop), Category: "late_delivery",
		Purchase: complaints.Purchase{Order: "B-1405/77", Day: "2026-11-01", Rials: 4_500_000},
		Text:     "سفارش من سه هفته دیر رسید.\nپاسخی هم ندادند.",
		Contact:  complaints.Contact{Mobile: "09121112233"},
	}
}

// File drafts a complaint and confirms it with the code that was sent.
func (b *bench) File(ctx context.Context, in complaints.Filing) (complaints.Ticket, error) {
	draft, err := b.Begin(ctx, in, "en")
	if err != nil {
		return complaints.Ticket{}, err
	}
	to := in.Contact.Email
	if in.Contact.Mobile != "" {
		to = "+98" + strings.TrimPrefix(strings.TrimPrefix(i18n.FoldDigits(in.Contact.Mobile), "+98"), "0")
	}
	return b.Confirm(ctx, draft.ID, draft.Token, b.phone.code(to))
}

// rule rules as the officer sara.
func (b *bench) rule(t testing.TB, id string, r complaints.Ruling) complaints.Complaint {
	t.Helper()
	c, err := b.Rule(t.Context(), b.officer(t, "sara"), id, r, false)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (b *bench) file(t testing.TB) complaints.Ticket {
	t.Helper()
	ticket, err := b.File(t.Context(), filing())
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

// says returns a good answer statement; change spoils it.
func (b *bench) says(id string, k complaints.Kind, change func(*complaints.AnswerStatement)) complaints.AnswerStatement {
	now := b.clock.Now().Unix()
	s := complaints.AnswerStatement{
		Claims: signature.Claims{
			Type: complaints.AnswerType, Audience: catest.Portal, CertificateSHA256: sha256Hex(b.key.Certificate.Raw),
			Nonce: b.nonces.New(complaints.AnswerNonce), IssuedAt: now, Expires: now + 300,
		},
		Complaint: id, Kind: k, Text: "پوزش می‌خواهیم؛ وجه بازگردانده شد.",
	}
	if change != nil {
		change(&s)
	}
	return s
}

// signed signs a statement as a JWS of the answers' type.
func (b *bench) signed(t testing.TB, key ca.SigningKey, statement any) []byte {
	t.Helper()
	return b.signedAs(t, key, complaints.AnswerType, statement)
}

func (b *bench) signedAs(t testing.TB, key ca.SigningKey, typ string, statement any) []byte {
	t.Helper()
	payload, err := json.Marshal(statement)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := signature.Signer{Key: key, Now: b.clock.Now}.JWS(typ, payload)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (b *bench) answer(t testing.TB, id string, k complaints.Kind) complaints.Accepted {
	t.Helper()
	a, err := b.Answer(t.Context(), id, b.signed(t, b.key, b.says(id, k, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (b *bench) follow(t testing.TB, ticket complaints.Ticket) complaints.Complaint {
	t.Helper()
	c, err := b.Follow(t.Context(), ticket.ID, ticket.Token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// dump returns all that the room keeps where others may read, and what waits
// for the public log.
func (b *bench) dump(t testing.TB) string {
	t.Helper()
	var all strings.Builder
	err := b.ca.Store.View(t.Context(), func(tx store.Tx) error {
		for _, bucket := range []string{
			"complaints_cases", "complaints_events", "complaints_statements", "complaints_rows", "complaints_imported",
			"complaints_businesses", "complaints_outbox", "complaints_publication", "complaints_drafts", "complaints_words", "complaints_queue", "complaints_same", "complaints_addresses",
		} {
			err := tx.Scan(bucket, "", "", func(key string, value []byte) error {
				all.WriteString(key + " " + string(value) + "\n")
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// leaves returns the ledger's leaves about complaints and publication.
func (b *bench) leaves(t testing.TB) []string {
	t.Helper()
	var list []string
	err := b.ca.Store.View(t.Context(), func(tx store.Tx) error {
		return store.Each(tx, "ledger_pending", "", "", func(_ string, p struct{ Leaf []byte }) error {
			if s := string(p.Leaf); strings.Contains(s, `"complaint.`) || strings.Contains(s, `"publication.`) {
				list = append(list, s)
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func wantFault(t testing.TB, err error, kind fault.Kind, code string) {
	t.Helper()
	if !errors.Is(err, kind) || fault.Code(err) != code {
		t.Errorf("got %v (%q), want %s %q", err, fault.Code(err), kind, code)
	}
}
