// Package mandatetest gives mandates in tests of the rooms that ask for them.
package mandatetest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/catest"
	"mohr/ca/evidence"
	"mohr/ca/mandate"
	"mohr/ca/signature"
	"mohr/internal/gateway"
	"mohr/internal/nonce"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Boss is the signatory who gives the mandates. His code holds.
var Boss = catest.Person{
	NationalCode: "0877778681", FirstName: "داوود", LastName: "طاهری", BirthDate: "1975-05-05", Mobile: "+989901112233",
}

// Life is how long a mandate given here is valid.
const Life = 200 * 24 * time.Hour

// Title is what mandates given here call the person.
const Title = "مدیر فروش"

// Given is a mandate with what it takes to take it back.
type Given struct {
	mandate.Mandate
	desk *mandate.Desk
	boss ca.SigningKey
	t    testing.TB
	now  func() time.Time
}

// register lists Boss as one who binds every legal person alone.
type register struct{ now func() time.Time }

func (r register) Legal(_ context.Context, id string) (gateway.Answer[gateway.Legal], error) {
	return gateway.Answer[gateway.Legal]{
		Value: gateway.Legal{
			Result: gateway.Match, LegalID: id, Name: "شرکت نمونه", Status: evidence.LegalActive,
			Signatories: []gateway.Signatory{{NationalCode: Boss.NationalCode, Role: "مدیرعامل", Alone: true}},
		},
		SHA256: hexSHA256([]byte(id)), At: r.now(), Source: "test@1", Environment: string(evidence.Simulated),
	}, nil
}

// Give lets the person act for the legal person, by a statement that Boss signs.
func Give(t testing.TB, f *catest.Fixture, legalID, nationalCode string, scopes ...mandate.Scope) Given {
	t.Helper()
	box, err := seal.New(make([]byte, seal.SecretSize))
	must(t, err)
	g := Given{t: t, now: f.Now}
	g.desk, err = mandate.New(mandate.Config{
		Store: f.Store, CA: f.Authority, Verifier: &signature.Verifier{Authority: f.Authority}, Nonces: &nonce.Source{Key: make([]byte, 32), Now: f.Now},
		Registry: register{f.Now}, Seal: box, Audience: catest.Portal, Now: f.Now,
	})
	must(t, err)
	g.boss, _ = f.IssueTo(t, Boss, ca.NaturalSign, "boss/"+rand.Text())
	from := f.Now().UTC().Truncate(time.Second)
	reference := make([]byte, 16)
	rand.Read(reference) // never fails (crypto/rand)
	g.Mandate, err = g.desk.Give(t.Context(), g.signed(mandate.StatementType, mandate.Statement{
		Claims: g.claims(mandate.StatementType),
		GrantTerms: mandate.GrantTerms{
			Reference: hex.EncodeToString(reference), LegalID: legalID, NationalCode: nationalCode, Title: Title,
			Scopes: scopes, ValidFrom: from, ValidTo: from.Add(Life),
		},
	}))
	must(t, err)
	return g
}

// Certify gives the person a certificate for the legal person that rests on a
// mandate, as enrollment does.
func Certify(t testing.TB, f *catest.Fixture, p catest.Person, legalID, request string) (ca.SigningKey, ca.Certificate) {
	t.Helper()
	policy, err := evidence.DefaultPolicy()
	must(t, err)
	now := f.Now()
	who := mandate.Subject{LegalID: legalID, NationalCode: p.NationalCode, Holder: f.Holder(p.NationalCode)}
	found, err := mandate.Evidence(t.Context(), f.Store, who, evidence.Simulated, now)
	must(t, err)
	records := append(p.Evidence(ca.OrganisationSign, now), found)
	for i := range records {
		if c := &records[i].Claims; records[i].Type == evidence.LegalRegistry {
			c.LegalID, c.LegalName, c.Role, c.SignsAlone = legalID, "شرکت نمونه", "", false
		}
	}
	d := policy.Evaluate(evidence.Case{Profile: ca.OrganisationSign, Home: evidence.Software, Records: records}, now)
	if d.Outcome() != evidence.Approved {
		t.Fatalf("%s: %+v", d.Outcome(), d.Trace())
	}
	key, csr := catest.NewKey(t)
	c, err := f.Issue(t.Context(), ca.Order{
		Request: request, CSR: csr, Decision: d, Guard: func(tx store.Tx) error { return mandate.StillStands(tx, d.Mandate(), now) },
	})
	must(t, err)
	leaf, err := x509.ParseCertificate(c.DER)
	must(t, err)
	issuer, _ := f.Authority.Issuer(c.Issuer)
	return ca.SigningKey{Certificate: leaf, Chain: issuer.Delivery(), Signer: key}, c
}

// Revoke takes the mandate back, with the certificates that rest on it if
// certificates says so.
func (g Given) Revoke(certificates bool) {
	g.t.Helper()
	choice := mandate.Choice{Mandate: g.ID, Certificates: certificates}
	p, err := g.desk.Plan(g.t.Context(), g.signed(mandate.QueryType, mandate.Query{Claims: g.claims(mandate.QueryType), Mandate: g.ID, Certificates: certificates}))
	must(g.t, err)
	_, err = g.desk.Revoke(g.t.Context(), g.signed(mandate.RevokeType, mandate.Revocation{
		Claims: g.claims(mandate.RevokeType), Choice: choice, Reason: mandate.Left, PlanSHA256: p.SHA256,
	}))
	must(g.t, err)
}

func (g Given) claims(typ string) signature.Claims {
	c, err := g.desk.Challenge(typ)
	must(g.t, err)
	now := g.now()
	return signature.Claims{
		Type: typ, Audience: c.Audience, CertificateSHA256: hexSHA256(g.boss.Certificate.Raw), Nonce: c.Nonce,
		IssuedAt: now.Unix(), Expires: now.Add(5 * time.Minute).Unix(),
	}
}

func (g Given) signed(typ string, statement any) approval.Signed {
	g.t.Helper()
	payload, err := json.Marshal(statement)
	must(g.t, err)
	jws, err := signature.Signer{Key: g.boss, Now: g.now}.JWS(typ, payload)
	must(g.t, err)
	return approval.Signed{Signature: jws}
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
