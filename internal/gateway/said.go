package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"
)

// saidBefore reads again what the registry answered before, for who did not ask. at
// is when the answer was received. An answer that the registry did not sign,
// signed on another route or at another time is an error, and so is one that
// is no match: who doubts asks the registry.
func saidBefore[R, T any](g *Client, r *route, body []byte, s Signed, at time.Time, about func(R) (T, bool)) (Answer[T], error) {
	if len(body) > maxAnswer || s.Path != g.path(r.path) {
		return Answer[T]{}, fmt.Errorf("this is no answer on %s", r.path)
	}
	if err := g.holds(s, body, at); err != nil {
		return Answer[T]{}, err
	}
	v, environment, err := read(body, g.Environment, about)
	if err != nil {
		return Answer[T]{}, err
	}
	sum := sha256.Sum256(body)
	return Answer[T]{Value: v, Raw: body, SHA256: hex.EncodeToString(sum[:]), At: at, Source: g.Source, Environment: environment, Signed: &s}, nil
}

// PersonSaid is what the civil registry said when it was asked at the time.
func (g *Client) PersonSaid(body []byte, s Signed, at time.Time) (Answer[Person], error) {
	return saidBefore(g, g.person, body, s, at, func(r personReply) (Person, bool) {
		if r.Person == nil {
			return Person{}, false
		}
		return r.about(personQuestion{r.Person.NationalCode, r.Person.BirthDate})
	})
}

// MobileSaid is what the mobile register said when it was asked at the time.
func (g *Client) MobileSaid(body []byte, s Signed, at time.Time) (Answer[Mobile], error) {
	return saidBefore(g, g.mobile, body, s, at, func(r mobileReply) (Mobile, bool) {
		m, ok := r.about(mobileQuestion{r.NationalCode, r.Mobile})
		return m, ok && r.Result == Match
	})
}

// LegalSaid is what the company register said when it was asked at the time.
func (g *Client) LegalSaid(body []byte, s Signed, at time.Time) (Answer[Legal], error) {
	return saidBefore(g, g.legal, body, s, at, func(r legalReply) (Legal, bool) {
		if r.Legal == nil {
			return Legal{}, false
		}
		return r.about(legalQuestion{r.Legal.LegalID})
	})
}

// FaceSaid is what the comparison of a living face came to at the time.
func (g *Client) FaceSaid(body []byte, s Signed, at time.Time) (Answer[Face], error) {
	return saidBefore(g, g.face, body, s, at, func(r faceReply) (Face, bool) {
		f, ok := r.about(faceQuestion{r.NationalCode, r.Session})
		return f, ok && r.Result == Match && r.Live
	})
}
