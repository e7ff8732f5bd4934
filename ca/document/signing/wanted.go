package signing

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"mime"
	"slices"
	"time"

	"mohr/ca"
	"mohr/ca/signin"
	"mohr/internal/fault"
	"mohr/internal/nonce"
)

// Form is where the signature is, and of which standard.
type Form string

// The forms.
const (
	PAdES Form = "pades" // within the PDF
	CAdES Form = "cades" // beside the document, CMS
	JAdES Form = "jades" // beside the document, JWS
)

// Level is how long a signature counts.
type Level string

// The levels, as the command mohr sign names them.
const (
	B  Level = "B"  // as long as the certificate
	T  Level = "T"  // longer: with a time stamp
	LT Level = "LT" // and with what was known of revocations
)

// MaxPDF bounds a PDF, octets. Of other documents nothing but the hash comes.
const MaxPDF = 16 << 20

// maxBeside bounds a document that is hashed in the browser, octets: it has to
// be in memory there.
const maxBeside = 256 << 20

const (
	maxName = 255
	maxMIME = 127
)

// Wanted is what is to be signed, how, and with which certificate.
type Wanted struct {
	Serial string `json:"serial"` // of the certificate, hex
	Form   Form   `json:"form"`
	Level  Level  `json:"level"`
	Name   string `json:"name"`   // of the file
	MIME   string `json:"mime"`   // of the document, as the browser says; "" where it does not know
	SHA256 []byte `json:"sha256"` // of the document
}

// check refuses what cannot be signed here, with the document where its form
// needs it.
func (w Wanted) check(file []byte) error {
	good := len(w.SHA256) == sha256.Size && w.Name != "" && len(w.Name) <= maxName && len(w.MIME) <= maxMIME &&
		slices.Contains([]Form{PAdES, CAdES, JAdES}, w.Form) && slices.Contains([]Level{B, T, LT}, w.Level)
	switch {
	case !good:
		return fault.New(fault.Invalid, "sign_wanted", "this is not what the page for signing sends; load it anew and try again")
	case w.Form != PAdES:
		return nil // the document stays where it is
	case len(file) > MaxPDF:
		return fault.New(fault.Invalid, "sign_too_large", "the PDF has more than %[1]d MB; sign it with the command mohr sign, or with a signature beside it", MaxPDF>>20)
	case [sha256.Size]byte(w.SHA256) != sha256.Sum256(file):
		return fault.New(fault.Conflict, "sign_altered", "the file is not the one that was looked at; choose it anew")
	}
	return nil
}

// mediaType is what is signed about the kind of the document. It is never
// empty: by it a signed document is no statement (docs/decisions/0118).
func (w Wanted) mediaType() string {
	if t, _, err := mime.ParseMediaType(w.MIME); err == nil {
		return t
	}
	return "application/octet-stream"
}

// purpose binds a nonce to what is wanted, who wants it, and the time that
// will be claimed.
func (w Wanted) purpose(who signin.Who, at time.Time) (nonce.Purpose, error) {
	b, err := json.Marshal(struct {
		Holder   ca.HolderID
		Business ca.BusinessID
		Wanted   Wanted
		At       int64
	}{who.Holder, who.Business, w, at.Unix()})
	sum := sha256.Sum256(b)
	return nonce.Purpose("sign-document/" + hex.EncodeToString(sum[:])), err
}
