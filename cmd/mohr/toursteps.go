package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"

	"mohr/ca"
	mohr "mohr/cmd/mohr/client"
	"mohr/hsm"
)

// The person, the company and the shop of the tour: they are in the people
// file that comes with the reference registry.
var tourist = applicant{NationalCode: "0012345679", BirthDate: "1990-05-14", Mobile: "+989121234567"}

const (
	tourCompany = "14003456780"
	tourShop    = "shop.example"
	tourLicence = "enamad"
)

// trust keeps what the other artifacts are checked with.
func (t *tour) trust(context.Context) error {
	for from, to := range map[string]string{t.rootFile: "root.pem", t.vkeyFile: "log.vkey"} {
		b, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := t.keep(to, b); err != nil {
			return err
		}
	}
	return nil
}

func (t *tour) enrollStep(ctx context.Context) error {
	file := filepath.Join(t.dir, "holder.key")
	csr, err := t.newKey(ctx, file, "holder.csr")
	if err != nil {
		return err
	}
	a := &applying{
		api: &client{base: t.api.base, http: t.api.http}, profile: ca.OrganisationSign, legalID: tourCompany, locale: "fa", csr: csr,
		ask: func(string) (string, error) { return t.code(ctx) }, say: func(string, ...any) {},
	}
	issued, err := a.run(ctx, tourist)
	if err != nil {
		return err
	}
	certs, err := parseChain(issued.Chain)
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"holder.pem": ca.ChainPEM(certs[0]), "issuer.pem": ca.ChainPEM(certs[1:]...), "chain.pem": issued.Chain,
	} {
		if err := t.keep(name, content); err != nil {
			return err
		}
	}
	t.application = a
	t.holder, err = openHolder(ctx, t.ring, file, filepath.Join(t.dir, "chain.pem"))
	return err
}

// newKey makes a key file and its request, new in every tour.
func (t *tour) newKey(ctx context.Context, file, csrName string) ([]byte, error) {
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	signer, err := t.ring.Create(ctx, mohr.KeyURI(file), hsm.P256)
	if err != nil {
		return nil, err
	}
	csr, err := mohr.NewCSR(signer)
	if err != nil {
		return nil, err
	}
	return csr, t.keep(csrName, csr)
}

// code reads the tourist's code.
func (t *tour) code(ctx context.Context) (string, error) {
	if t.ops == "" { // no development service: what its registry sent
		return outboxCode(ctx, t.plain(t.registry), "/v1/sms", tourist.Mobile)
	}
	return outboxCode(ctx, t.plain(t.ops), devOutbox, tourist.Mobile)
}

// devOutbox is where a development service shows what it sent.
const devOutbox = "/dev/outbox"

// outboxCode reads the newest code for a phone from the outbox at path.
func outboxCode(ctx context.Context, ops *client, path, mobile string) (string, error) {
	var box struct{ Messages []struct{ To, Text string } }
	if err := ops.call(ctx, request{method: http.MethodGet, path: path}, &box); err != nil {
		return "", err
	}
	six := regexp.MustCompile(`\b[0-9]{6}\b`)
	for i := len(box.Messages) - 1; i >= 0; i-- {
		if m := box.Messages[i]; m.To == mobile && six.MatchString(m.Text) {
			return six.FindString(m.Text), nil
		}
	}
	return "", errors.New("no code in the outbox")
}

func (t *tour) bundleStep(ctx context.Context) error {
	b, err := t.application.application().Bundle(ctx)
	if err != nil {
		return err
	}
	return t.keep("bundle.json", b)
}

func (t *tour) renewStep(ctx context.Context) error {
	file := filepath.Join(t.dir, "renewed.key")
	csr, err := t.newKey(ctx, file, "renewed.csr")
	if err != nil {
		return err
	}
	api := t.api.user()
	r, err := api.BeginRenewal(ctx, t.holder.SigningKey, csr, nil)
	if err != nil {
		return err
	}
	issued, err := api.Renew(ctx, r)
	if err != nil {
		return err
	}
	certs, err := parseChain(issued.Chain)
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"renewal.json": r.Document, "renewal.p7s": r.Statement, "renewed.pem": ca.ChainPEM(certs[0]), "renewed-chain.pem": issued.Chain,
	} {
		if err := t.keep(name, content); err != nil {
			return err
		}
	}
	t.renewed, err = openHolder(ctx, t.ring, file, filepath.Join(t.dir, "renewed-chain.pem"))
	return err
}

func (t *tour) badgeStep(ctx context.Context) error {
	payload, jws, err := t.renewed.badgeRequest(ctx, t.api, badgeAsk{legalID: tourCompany, domain: tourShop, licence: tourLicence})
	if err != nil {
		return err
	}
	if err := t.keep("request.json", payload); err != nil {
		return err
	}
	if err := t.keep("request.jws", jws); err != nil {
		return err
	}
	api := t.api.user()
	r, err := api.SendBadgeRequest(ctx, mohr.BadgeRequest{JWS: jws})
	if err != nil {
		return err
	}
	if r.Challenge == nil {
		return fmt.Errorf("the badge is %s and has no challenge", r.State)
	}
	if err := t.putFile(ctx, r.Challenge.URL, r.Challenge.Content); err != nil {
		return err
	}
	for try := 0; r.State.Open() && try < 20; try++ {
		if r, err = api.CheckBadge(ctx, r.ID); err != nil {
			return err
		}
	}
	if !r.Live() {
		b, _ := json.Marshal(r.Findings)
		return fmt.Errorf("the badge is %s: %s", r.State, b)
	}
	t.badge, t.business = string(r.ID), string(r.Business)
	return nil
}

// putFile puts the proof of domain control into the shop, as its owner would.
func (t *tour) putFile(ctx context.Context, at, content string) error {
	u, err := url.Parse(at)
	if err != nil {
		return err
	}
	_, err = t.plain(t.registry).fetch(ctx, request{method: http.MethodPut, path: "/v1/shop/" + u.Hostname() + u.Path, kind: "text/plain", body: []byte(content)})
	return err
}

// recordStep keeps what the public sees of the badge.
func (t *tour) recordStep(ctx context.Context) error {
	for name, path := range map[string]string{
		"badge.svg": "/badge/" + t.badge + ".svg", "badge.jwt": "/badge/" + t.badge + ".jwt",
		"record.json": "/api/v1/badges/" + t.badge, "record.html": "/badge/" + t.badge,
	} {
		b, err := t.api.fetch(ctx, request{method: http.MethodGet, path: path})
		if err != nil {
			return err
		}
		if bytes.Contains(b, []byte(tourist.NationalCode)) {
			return fmt.Errorf("%s shows the national code", name)
		}
		if err := t.keep(name, b); err != nil {
			return err
		}
	}
	return nil
}

// logStep keeps the checkpoint and recomputes the tree from the public tiles.
func (t *tour) logStep(ctx context.Context) error {
	f := logFlags{serverFlags: serverFlags{server: t.portal, root: filepath.Join(t.dir, "root.pem")}, vkey: filepath.Join(t.dir, "log.vkey")}
	log, err := f.open(true)
	if err != nil {
		return err
	}
	report, err := log.Verify(ctx)
	if err != nil {
		return err
	}
	return t.keep("checkpoint", []byte(report.Checkpoint.Note))
}
