package badge

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"mohr/ca/signature"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// CredentialType is the JWS typ of a badge's credential (W3C "Securing
// Verifiable Credentials using JOSE and COSE", section 3.1.1).
const CredentialType = "vc+jwt"

const (
	// credentialLife bounds how long a copy outlives the badge: there is no
	// way to call it back but its end.
	credentialLife = 7 * 24 * time.Hour
	// credentialFresh is how long a signed credential is handed out again.
	credentialFresh = time.Hour
	// maxCredentials bounds the memory of signed credentials.
	maxCredentials = 4096
)

// credential is a W3C Verifiable Credential 2.0 with an Open Badges 3.0
// subject. exp and iat repeat its times for readers that know JWT only.
type credential struct {
	Context    []string          `json:"@context"`
	ID         string            `json:"id"`
	Type       []string          `json:"type"`
	Name       string            `json:"name"`
	Issuer     credentialIssuer  `json:"issuer"`
	ValidFrom  string            `json:"validFrom"`
	ValidUntil string            `json:"validUntil"`
	Subject    credentialSubject `json:"credentialSubject"`
	Status     []statusEntry     `json:"credentialStatus,omitempty"`
	IssuedAt   int64             `json:"iat"`
	Expires    int64             `json:"exp"`
}

type credentialIssuer struct {
	ID   string   `json:"id"`
	Type []string `json:"type"`
	Name string   `json:"name"`
}

type credentialSubject struct {
	ID          string           `json:"id"` // https:// and the domain
	Type        []string         `json:"type"`
	Name        string           `json:"name"`
	LegalID     string           `json:"legalId"`
	Domain      string           `json:"domain"` // A-labels
	Level       int              `json:"level"`
	Environment string           `json:"environment"`
	Licences    []GrantedLicence `json:"licences,omitempty"`
	Achievement achievement      `json:"achievement"`
}

type achievement struct {
	ID          string   `json:"id"`
	Type        []string `json:"type"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Criteria    criteria `json:"criteria"`
}

type criteria struct {
	ID string `json:"id"`
}

// credentials keeps signed credentials for a while, so that readers do not
// work the signing key. The zero value is ready.
type credentials struct {
	mu     sync.Mutex
	signed map[ID]signedCredential // guarded by mu
}

type signedCredential struct {
	version int // of the badge
	at      time.Time
	jwt     []byte
}

func (c *credentials) get(b Badge, now time.Time) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.signed[b.ID]
	if !ok || s.version != b.Version || now.Sub(s.at).Abs() >= credentialFresh {
		return nil, false
	}
	return s.jwt, true
}

func (c *credentials) put(b Badge, now time.Time, jwt []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.signed == nil || len(c.signed) >= maxCredentials {
		c.signed = map[ID]signedCredential{}
	}
	c.signed[b.ID] = signedCredential{version: b.Version, at: now, jwt: jwt}
}

// SignedCredential returns the badge as a signed JWT that the shop can host
// and anybody can verify offline. A badge that does not count now has none:
// that is a Conflict, an unknown badge NotFound.
func (d *Desk) SignedCredential(ctx context.Context, id ID) ([]byte, error) {
	now := d.now()
	b, err := d.countsNow(ctx, id, now)
	if err != nil {
		return nil, err
	}
	if jwt, ok := d.credentials.get(b, now); ok {
		return jwt, nil
	}
	key := d.Credential()
	payload, err := json.Marshal(d.credentialOf(b, key.Certificate.NotAfter, now))
	if err != nil {
		return nil, fmt.Errorf("credential of %s: %w", id, err)
	}
	jwt, err := signature.Signer{Key: key, Now: d.Now}.JWS(CredentialType, payload)
	if err != nil {
		return nil, fmt.Errorf("credential of %s: %w", id, err)
	}
	d.credentials.put(b, now, jwt)
	return jwt, nil
}

// countsNow returns the badge if it counts; Conflict if it does not, NotFound
// if there is none.
func (d *Desk) countsNow(ctx context.Context, id ID, now time.Time) (b Badge, err error) {
	err = d.Store.View(ctx, func(tx store.Tx) (err error) {
		if b, err = LoadBadge(tx, id); err == nil {
			b, err = b.live(tx, now)
		}
		return err
	})
	if err == nil && b.State != Active {
		err = fault.New(fault.Conflict, "badge_not_active", "this badge does not count now, so there is no credential of it; look at its page")
	}
	return b, err
}

// credentialOf ends with the badge, with the key's certificate, or after a
// week, whichever comes first.
func (d *Desk) credentialOf(b Badge, keyEnds, now time.Time) credential {
	until := now.Add(credentialLife)
	for _, end := range []time.Time{b.ValidTo, keyEnds} {
		if end.Before(until) {
			until = end
		}
	}
	return credential{
		Context:   []string{"https://www.w3.org/ns/credentials/v2", "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"},
		ID:        d.Audience + "/badge/" + string(b.ID),
		Type:      []string{"VerifiableCredential", "OpenBadgeCredential"},
		Name:      "Mohr trust badge",
		Issuer:    credentialIssuer{ID: d.Audience, Type: []string{"Profile"}, Name: "Mohr"},
		ValidFrom: now.Format(time.RFC3339), ValidUntil: until.UTC().Format(time.RFC3339),
		Subject: credentialSubject{
			ID: "https://" + b.Domain.ASCII, Type: []string{"AchievementSubject"}, Name: b.LegalName,
			LegalID: string(b.Business), Domain: b.Domain.ASCII, Level: b.Level, Environment: string(b.Environment), Licences: b.shown(),
			Achievement: achievement{
				ID: d.Audience + "/badge/request", Type: []string{"Achievement"}, Name: "Mohr trust badge",
				Description: "The business is identified, active and licensed, and controls the domain.",
				Criteria:    criteria{ID: d.Audience + "/badge/request"},
			},
		},
		Status:   d.statusOfCredential(b),
		IssuedAt: now.Unix(), Expires: until.Unix(),
	}
}
