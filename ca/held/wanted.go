package held

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"strings"

	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/nonce"
)

// Purpose is what a signature is for. What is signed is a hash, so that we
// believe the page that asks; the passkey's challenge and the record name it.
type Purpose string

// The purposes. Before it has a certificate a key signs its own request only.
const (
	Document  Purpose = "document"  // a file of the holder's
	Statement Purpose = "statement" // of the portal's own kinds: a renewal, a badge request
	Request   Purpose = "request"   // a certification request
	Remote    Purpose = "remote"    // other software asked for it
)

// MaxHashes bounds what is signed by one proof.
const MaxHashes = 20

// Wanted is what is to be signed, and with which key.
type Wanted struct {
	Key     string   // id
	Purpose Purpose  //
	Hashes  [][]byte // SHA-256, 32 octets each
	For     string   // id of the software that asks, of Remote; else ""
}

// software is the form of an id of other software: it stands in a line of the
// message, whose parts have no space.
var software = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// check refuses what is never signed.
func (w Wanted) check() error {
	good := len(w.Hashes) > 0 && len(w.Hashes) <= MaxHashes
	for _, h := range w.Hashes {
		good = good && len(h) == sha256.Size
	}
	switch w.Purpose {
	case Document, Statement:
		good = good && w.For == ""
	case Remote:
		good = good && IsSoftware(w.For)
	case Request:
		good = good && len(w.Hashes) == 1 && w.For == ""
	default:
		good = false
	}
	if !good {
		return fault.New(fault.Invalid, "held_wanted", "what is to be signed is not one to %[1]d hashes of SHA-256, for a purpose that is known here", MaxHashes)
	}
	return nil
}

// message is what the challenge is the SHA-256 of. Each line is of a form
// without line breaks.
func (w Wanted) message(audience, n string) string {
	purpose := string(w.Purpose)
	if w.For != "" {
		purpose += " " + w.For
	}
	lines := []string{"mohr-held-sign/1", audience, w.Key, purpose, n}
	for _, h := range w.Hashes {
		lines = append(lines, hex.EncodeToString(h))
	}
	return strings.Join(lines, "\n") + "\n"
}

// nonce binds nonces to what is wanted, and to who wants it.
func (w Wanted) nonce(who signin.Who) nonce.Purpose {
	return nonce.Purpose("held-sign/" + sum([]byte(string(who.Holder)+"\n"+string(who.Business)+"\n"+w.message("", ""))))
}

// Challenge is what a browser needs for a ceremony. Nothing is kept of it.
type Challenge struct {
	Nonce   string         `json:"nonce"`
	Options signin.Options `json:"options"`
}

// Proof is what a ceremony came to.
type Proof struct {
	Nonce     string          `json:"nonce"`
	Assertion json.RawMessage `json:"assertion"`     // the authenticator's answer, without results of extensions
	PRF       []byte          `json:"prf,omitempty"` // its secret value for the salt, if it has one
}

// Begin begins the ceremony in which who authorises what is wanted. A key that
// is not theirs is NotFound, one that signs no more a Conflict.
func (d *Desk) Begin(ctx context.Context, who signin.Who, w Wanted) (Challenge, error) {
	if err := w.check(); err != nil {
		return Challenge{}, err
	}
	k, err := d.Key(ctx, who, w.Key)
	if err != nil {
		return Challenge{}, err
	}
	if k.State != Live {
		return Challenge{}, errEnded()
	}
	n := d.Nonces.New(w.nonce(who))
	o, err := d.SignIn.AssertionOptions(ctx, who, k.Passkey, sha256.Sum256([]byte(w.message(d.Audience, n))), k.Salt)
	return Challenge{n, o}, err
}

func errEnded() error {
	return fault.New(fault.Conflict, "held_ended", "this key was revoked or destroyed and signs no more; use another one")
}

// IsSoftware reports whether id is of the form of Wanted.For.
func IsSoftware(id string) bool { return software.MatchString(id) }
