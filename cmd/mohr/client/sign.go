package client

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"time"

	"mohr/ca/document"
	"mohr/ca/document/cades"
	"mohr/ca/document/jades"
	"mohr/ca/document/online"
	"mohr/ca/document/pades"
	"mohr/ca/timestamp"
	"mohr/internal/gateway"
)

// The formats of signed documents.
const (
	CAdES = "cades" // CMS, ETSI EN 319 122-1
	JAdES = "jades" // JWS, ETSI TS 119 182-1
	PAdES = "pades" // inside a PDF, ETSI EN 319 142-1
)

// The levels of signed documents.
const (
	LevelB  = "B"   // the signature alone; nobody is asked
	LevelT  = "T"   // and a time stamp, by which it outlives the certificate
	LevelLT = "LT"  // and what authorities say of revocations, so that it can be judged without them
	LevelA  = "LTA" // and a time stamp over all of it; of PDFs only
)

// Signing says how a document is signed. The zero value signs as CAdES of
// level B, with the document inside.
type Signing struct {
	Format   string       // "": CAdES
	Level    string       // "": LevelB
	Detached bool         // the document stays out of the signature
	Name     string       // of the document's file; "" for none
	MIME     string       // media type of the document; "": what Name tells
	Stamps   string       // address of the time-stamping unit; "": of the certificate's authority
	HTTP     *http.Client // asks for levels above B; Outside makes one
}

// Check reports what cannot be signed so.
func (s Signing) Check() error {
	switch {
	case !slices.Contains([]string{"", CAdES, JAdES, PAdES}, s.Format):
		return fmt.Errorf("format %s: there are cades, jades and pades", s.Format)
	case !slices.Contains([]string{"", LevelB, LevelT, LevelLT, LevelA}, s.Level):
		return fmt.Errorf("level %s: there are B, T, LT and, for PDFs, LTA", s.Level)
	case s.Level == LevelA && s.Format != PAdES:
		return errors.New("level LTA: archive time stamps are made within PDFs only; sign at LT, or a PDF as pades")
	case s.Format == PAdES && s.Detached:
		return errors.New("detached: the signature of a PDF is inside it")
	case s.raised() && s.HTTP == nil:
		return fmt.Errorf("level %s asks others: give Signing an HTTP client of Outside", s.Level)
	}
	return nil
}

func (s Signing) raised() bool { return s.Level != "" && s.Level != LevelB }

// SignDocument signs a document and returns the signature: CMS (DER), a JWS or
// the PDF with it. A certificate that is out of its time is refused, and from the
// level LT on, where its authority is asked, one that was revoked or suspended.
func SignDocument(ctx context.Context, key Key, b []byte, s Signing) ([]byte, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	stamper, source, err := s.raise(key)
	if err != nil {
		return nil, err
	}
	now, kind := time.Now(), s.kind()
	if c := key.Certificate; now.Before(c.NotBefore) || now.After(c.NotAfter) {
		return nil, fmt.Errorf("the certificate is good from %s to %s, and what it signs now does not count; sign with another one", c.NotBefore.Format(time.RFC3339), c.NotAfter.Format(time.RFC3339))
	}
	switch s.Format {
	case PAdES:
		return pades.Sign(ctx, key, b, pades.Options{Time: now, Name: key.Certificate.Subject.CommonName, Stamper: stamper, Source: source, Archive: s.Level == LevelA})
	case JAdES:
		return jades.Sign(ctx, key, document.Bytes(b), jades.Options{MIME: kind, Time: now, Enclose: !s.Detached, Name: s.Name, Stamper: stamper, Source: source})
	}
	return cades.Sign(ctx, key, document.Bytes(b), cades.Options{MIME: kind, Time: now, Enclose: !s.Detached, Stamper: stamper, Source: source})
}

func (s Signing) kind() string {
	if s.MIME != "" {
		return s.MIME
	}
	if kind := mime.TypeByExtension(filepath.Ext(s.Name)); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

// raise says who is asked for the level.
func (s Signing) raise(key Key) (document.Stamper, document.Source, error) {
	if !s.raised() {
		return nil, nil, nil
	}
	at := s.Stamps
	if at == "" {
		var err error
		if at, err = stampAddress(key); err != nil {
			return nil, nil, err
		}
	}
	stamper := timestamp.Client{URL: at, HTTP: s.HTTP}
	if s.Level == LevelT {
		return stamper, nil, nil
	}
	return stamper, unrevoked{online.Source{HTTP: s.HTTP}}, nil
}

// unrevoked is a source for signatures that are made now: they never count if
// a certificate of the chain was revoked before, which is an error.
type unrevoked struct{ document.Source }

// Values implements document.Source.
func (u unrevoked) Values(ctx context.Context, chain []*x509.Certificate) (document.Values, error) {
	v, err := u.Source.Values(ctx, chain)
	if err != nil {
		return v, err
	}
	for n, c := range chain[:len(chain)-1] {
		if s := v.Status(c, chain[n+1], time.Now()); s != nil && s.Revoked {
			return v, fmt.Errorf("the certificate of %s was revoked or suspended at %s, and what it signs now does not count; sign with another one", c.Subject.CommonName, s.At.Format(time.RFC3339))
		}
	}
	return v, nil
}

// stampAddress is where a service of this program stamps: beside its responder.
func stampAddress(key Key) (string, error) {
	if len(key.Certificate.OCSPServer) > 0 {
		if u, err := url.Parse(key.Certificate.OCSPServer[0]); err == nil && u.Host != "" {
			return u.Scheme + "://" + u.Host + "/tsa", nil
		}
	}
	return "", errors.New("the certificate does not tell where its authority stamps; give the address of a time-stamping unit (--tsa)")
}

// maxAnswerOutside bounds what an authority answers: a CRL may be long.
const maxAnswerOutside = 16 << 20

// Outside returns what asks authorities for statuses and time stamps, at the
// addresses that certificates name. Addresses that are not public are refused
// but those allowed, as those of a service of one's own.
func Outside(allow ...netip.Prefix) (*http.Client, error) {
	d, err := gateway.NewDialer(gateway.DialConfig{Allow: allow, MaxBody: maxAnswerOutside, Timeout: 20 * time.Second})
	if err != nil {
		return nil, err
	}
	return d.Client(""), nil
}
