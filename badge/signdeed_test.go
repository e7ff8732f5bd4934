package badge_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/ca/approval"
	"mohr/ca/signature"
	"mohr/internal/fault"
)

// officeKey is the key of an operator with the roles.
func (b *bench) officeKey(t testing.TB, name string, roles ...ca.Role) ca.SigningKey {
	t.Helper()
	key := b.ca.SigningKey(t, name, ca.Service{Profile: ca.OperatorAuth, CommonName: name})
	if err := b.ca.GrantRoles(t.Context(), name, roles...); err != nil {
		t.Fatal(err)
	}
	return key
}

// approves is the operator's signed approval of the deed.
func (b *bench) approves(t testing.TB, key ca.SigningKey, s badge.SignedDeed) approval.Signed {
	t.Helper()
	hash := func(raw []byte) string {
		sum := sha256.Sum256(raw)
		return hex.EncodeToString(sum[:])
	}
	deed, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	now := b.clock.Now()
	payload, err := json.Marshal(approval.Statement{
		Claims: signature.Claims{
			Type: approval.StatementType, Audience: b.Audience, CertificateSHA256: hash(key.Certificate.Raw), Nonce: b.Nonces.New(approval.NoncePurpose),
			IssuedAt: now.Unix(), Expires: now.Add(5 * time.Minute).Unix(),
		},
		Approves: "badge-deed-" + hash(deed)[:32], ApprovesSHA256: hash(deed),
	})
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signature.Signer{Key: key, Now: b.clock.Now}.JWS(approval.StatementType, payload)
	if err != nil {
		t.Fatal(err)
	}
	return approval.Signed{Signature: jws}
}

func TestABadgeIsSuspendedAndAnAppealAnsweredBySignature(t *testing.T) {
	b := newBench(t)
	got := b.granted(t)
	maryam := b.officeKey(t, "maryam", ca.RoleRegistrar, ca.RoleOfficer)
	sara := b.officeKey(t, "sara", ca.RoleOfficer)
	wanted := badge.SignedDeed{Badge: got.ID, Deed: badge.Suspend, Ground: badge.Misuse, Reasons: "shown elsewhere"}

	if _, err := b.PrepareDeed(t.Context(), sara.Certificate, wanted); fault.Code(err) != "operator_required" {
		t.Errorf("an officer without the right prepares it: %v", err)
	}
	deed, err := b.PrepareDeed(t.Context(), maryam.Certificate, wanted)
	if err != nil {
		t.Fatal(err)
	}
	if state, _ := b.state(t, got.ID); state != badge.Active {
		t.Fatalf("to prepare a deed did it: the badge is %s", state)
	}
	if err := b.DoSigned(t.Context(), deed, b.approves(t, sara, deed)); fault.Code(err) != "operator_required" {
		t.Errorf("who has no right signs it: %v", err)
	}
	if err := b.DoSigned(t.Context(), deed, b.approves(t, b.key, deed)); fault.Code(err) != "statement_signer" {
		t.Errorf("the merchant signs it: %v", err)
	}
	bent := deed
	bent.Ground = badge.Fraud
	if err := b.DoSigned(t.Context(), bent, b.approves(t, maryam, deed)); fault.Code(err) != "approval_differs" {
		t.Errorf("another deed than was signed: %v", err)
	}
	signed := b.approves(t, maryam, deed)
	for range 2 { // the same again changes nothing
		if err := b.DoSigned(t.Context(), deed, signed); err != nil {
			t.Fatal(err)
		}
	}
	if state, why := b.state(t, got.ID); state != badge.Suspended || why != "operator_misuse" {
		t.Fatalf("%s %s", state, why)
	}
	if err := b.DoSigned(t.Context(), deed, b.approves(t, maryam, deed)); fault.Code(err) == "" {
		t.Errorf("the deed was signed for another moment: %v", err)
	}

	if _, err := b.appeal(t, "appeal-1"); err != nil {
		t.Fatal(err)
	}
	answer := badge.SignedDeed{Badge: got.ID, Deed: badge.DeedKind(badge.Upheld), Reasons: "it was another shop"}
	if _, err := b.PrepareDeed(t.Context(), maryam.Certificate, answer); fault.Code(err) != "badge_own_matter" {
		t.Errorf("who suspended it prepares the answer: %v", err)
	}
	answer, err = b.PrepareDeed(t.Context(), sara.Certificate, answer)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.DoSigned(t.Context(), answer, b.approves(t, maryam, answer)); fault.Code(err) != "badge_own_matter" {
		t.Errorf("who suspended it answers: %v", err)
	}
	if err := b.DoSigned(t.Context(), answer, b.approves(t, sara, answer)); err != nil {
		t.Fatal(err)
	}
	c, err := b.Case(t.Context(), got.ID)
	if err != nil || len(c.Deeds) != 2 || c.Deeds[1].By != "sara" || c.Record.Appeal.Outcome != badge.Upheld {
		t.Errorf("%+v, %v", c.Deeds, err)
	}
}
