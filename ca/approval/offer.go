package approval

import (
	"crypto/x509"
	"encoding/json"

	"mohr/ca/signature"
	"mohr/internal/web"
)

// Offer is what a page shows to have m signed: with a key of the browser, or
// elsewhere by the operator whose certificate leaf is. The form with the
// statement goes to action, with the fields.
func (d *Desk) Offer(m Matter, leaf *x509.Certificate, action string, fields []web.Hidden) (s web.ToSign, err error) {
	ch := d.Challenge()
	says := Statement{Claims: signature.DraftClaims(ch.Type, ch.Audience, ch.Nonce, leaf.Raw, d.now()), Approves: m.ID, ApprovesSHA256: m.SHA256}
	if s.Document, err = json.Marshal(says); err != nil {
		return s, err
	}
	challenge, err := json.Marshal(ch)
	if err != nil {
		return s, err
	}
	more, err := json.Marshal(map[string]string{"approves": m.ID, "approves_sha256": m.SHA256})
	s.Challenge, s.More, s.Action, s.Fields = string(challenge), string(more), action, fields
	return s, err
}
