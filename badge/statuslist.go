package badge

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// A status list says of each badge in it, by a bit, whether it is revoked or
// suspended (W3C Bitstring Status List v1.0). Whoever fetches a list does not
// tell us which badge he looks at.

// Purpose is what a set bit means.
type Purpose string

// The purposes. Revoked covers all that is over.
const (
	Revocation Purpose = "revocation"
	Suspension Purpose = "suspension"
)

const (
	// listEntries is how many badges one list has: the least that the
	// standard allows, for the crowd to hide in (section 2.2).
	listEntries = 131072
	// listFresh is how long a signed list is given out again.
	listFresh = time.Minute
	// listLife is how long a reader may rely on one.
	listLife = 24 * time.Hour
	// maxList bounds an encoded list that is read, octets.
	maxList = 64 << 10
)

// Place is where a badge stands in the lists: list 0, entry 5.
type Place struct {
	List  int `json:"list"`
	Entry int `json:"entry"`
}

// place gives the badge its place, once: the next that is free.
func (b *Badge) place(tx store.Tx) error {
	if b.Place != nil {
		return nil
	}
	n, err := store.Load[int](tx, counterBucket, "places")
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	b.Place = &Place{List: n / listEntries, Entry: n % listEntries}
	if err := store.Save(tx, placeBucket, b.Place.key(), b.ID); err != nil {
		return err
	}
	return store.Save(tx, counterBucket, "places", n+1)
}

func (p Place) key() string { return fmt.Sprintf("%06d/%06d", p.List, p.Entry) }

// bits is a list; bit 0 is the left-most of the first octet (section 3.1.3).
type bits []byte

func (l bits) set(n int)      { l[n/8] |= 0x80 >> (n % 8) }
func (l bits) has(n int) bool { return l[n/8]&(0x80>>(n%8)) != 0 }

// encode compresses a list: "u" for base64url, then GZIP (section 2.2).
func (l bits) encode() (string, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(l); err != nil {
		return "", fmt.Errorf("compress status list: %w", err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("compress status list: %w", err)
	}
	return "u" + base64.RawURLEncoding.EncodeToString(b.Bytes()), nil
}

// decodeBits is encode backwards. What is not a list of exactly listEntries
// is Invalid; a bomb is not unpacked.
func decodeBits(s string) (bits, error) {
	bad := fault.New(fault.Invalid, "badge_list_malformed", "this is no status list of this service; fetch it again")
	rest, ok := strings.CutPrefix(s, "u")
	if !ok || len(s) > maxList {
		return nil, bad
	}
	packed, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if err != nil {
		return nil, bad
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, bad
	}
	l, err := io.ReadAll(io.LimitReader(r, listEntries/8+1))
	if err != nil || len(l) != listEntries/8 {
		return nil, bad
	}
	return l, nil
}

// listCredential is a BitstringStatusListCredential (section 2.1).
type listCredential struct {
	Context    []string         `json:"@context"`
	ID         string           `json:"id"`
	Type       []string         `json:"type"`
	Issuer     credentialIssuer `json:"issuer"`
	ValidFrom  string           `json:"validFrom"`
	ValidUntil string           `json:"validUntil"`
	Subject    listSubject      `json:"credentialSubject"`
	IssuedAt   int64            `json:"iat"`
	Expires    int64            `json:"exp"`
}

type listSubject struct {
	ID      string  `json:"id"`
	Type    string  `json:"type"`
	Purpose Purpose `json:"statusPurpose"`
	List    string  `json:"encodedList"`
	TTL     int64   `json:"ttl"` // milliseconds
}

// statusEntry is where a credential's status stands (section 2.1.1).
type statusEntry struct {
	ID      string  `json:"id"`
	Type    string  `json:"type"`
	Purpose Purpose `json:"statusPurpose"`
	Index   string  `json:"statusListIndex"`
	List    string  `json:"statusListCredential"`
}

func (d *Desk) listURL(n int, p Purpose) string {
	return d.Audience + "/badge/status/" + strconv.Itoa(n) + "/" + string(p)
}

// statusOfCredential are the entries of a badge's credential.
func (d *Desk) statusOfCredential(b Badge) (list []statusEntry) {
	if b.Place == nil { // granted before there were lists; its next check gives it a place
		return nil
	}
	for _, p := range []Purpose{Revocation, Suspension} {
		url := d.listURL(b.Place.List, p)
		index := strconv.Itoa(b.Place.Entry)
		list = append(list, statusEntry{ID: url + "#" + index, Type: "BitstringStatusListEntry", Purpose: p, Index: index, List: url})
	}
	return list
}

// lists keeps signed lists for a while. The zero value is ready.
type lists struct {
	mu     sync.Mutex
	signed map[string]signedList // guarded by mu
}

type signedList struct {
	at  time.Time
	jwt []byte
}

// StatusList returns a list, signed, at most a minute old; NotFound if no
// badge stands in it.
func (d *Desk) StatusList(ctx context.Context, n int, p Purpose) ([]byte, error) {
	unknown := fault.New(fault.NotFound, "badge_list_unknown", "there is no such status list; take the address from the credential")
	if n < 0 || p != Revocation && p != Suspension {
		return nil, unknown
	}
	now, name := d.now(), fmt.Sprintf("%d/%s", n, p)
	d.lists.mu.Lock()
	defer d.lists.mu.Unlock() // one counts, the others wait for what it counted
	if s, ok := d.lists.signed[name]; ok && now.Sub(s.at).Abs() < listFresh {
		return s.jwt, nil
	}
	l, found, err := d.countList(ctx, n, p, now)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, unknown
	}
	jwt, err := d.signList(l, n, p, now)
	if err != nil {
		return nil, fmt.Errorf("status list %s: %w", name, err)
	}
	if d.lists.signed == nil {
		d.lists.signed = map[string]signedList{}
	}
	d.lists.signed[name] = signedList{now, jwt}
	return jwt, nil
}

// countList sets the bits of the badges as they stand at now.
func (d *Desk) countList(ctx context.Context, n int, p Purpose, now time.Time) (l bits, found bool, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) error {
		l, found = make(bits, listEntries/8), false
		return store.Each(tx, placeBucket, fmt.Sprintf("%06d/", n), "", func(_ string, id ID) error {
			b, err := LoadBadge(tx, id)
			if err == nil {
				b, err = b.live(tx, now)
			}
			if err != nil {
				return err
			}
			found = true
			over := b.State == Revoked || b.State == Expired
			if p == Revocation && over || p == Suspension && b.State == Suspended {
				l.set(b.Place.Entry)
			}
			return nil
		})
	})
	return l, found, err
}

func (d *Desk) signList(l bits, n int, p Purpose, now time.Time) ([]byte, error) {
	encoded, err := l.encode()
	if err != nil {
		return nil, err
	}
	key := d.Credential()
	until := now.Add(listLife)
	if end := key.Certificate.NotAfter; end.Before(until) {
		until = end
	}
	url := d.listURL(n, p)
	payload, err := json.Marshal(listCredential{
		Context: []string{"https://www.w3.org/ns/credentials/v2"}, ID: url, Type: []string{"VerifiableCredential", "BitstringStatusListCredential"},
		Issuer:    credentialIssuer{ID: d.Audience, Type: []string{"Profile"}, Name: "Mohr"},
		ValidFrom: now.Format(time.RFC3339), ValidUntil: until.UTC().Format(time.RFC3339),
		Subject:  listSubject{ID: url + "#list", Type: "BitstringStatusList", Purpose: p, List: encoded, TTL: listFresh.Milliseconds()},
		IssuedAt: now.Unix(), Expires: until.Unix(),
	})
	if err != nil {
		return nil, err
	}
	return signature.Signer{Key: key, Now: d.Now}.JWS(CredentialType, payload)
}
