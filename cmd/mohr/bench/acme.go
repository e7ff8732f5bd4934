package bench

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"

	"mohr/cmd/mohr/bench/load"
)

// acmeClients is how many clients order at once, and acmeAccounts how many
// accounts they have: a business has at most ten.
const acmeClients, acmeAccounts = 16, 8

// acmeShop is the domain of the tour's badge.
const acmeShop = "shop.example"

// ACME measures whole orders of certificates for the badge's domain.
func (t *Toured) ACME(ctx context.Context) (Result, error) {
	r := Result{
		Name: "acme", Concurrency: acmeClients,
		Counted: "an ACME order from newOrder over its authorization and finalize to the certificate, over HTTPS: four signed requests, keys and CSRs made beforehand; there is nothing bare beside it",
	}
	var accounts []*acmeAccount
	for range acmeAccounts {
		a, err := t.acmeAccount(ctx)
		if err != nil {
			return r, fmt.Errorf("ACME account: %w", err)
		}
		accounts = append(accounts, a)
	}
	t.say("acme: %d clients, %d runs", acmeClients, t.Runs)
	for i := range t.Runs {
		csrs, err := acmeRequests(t.Count)
		if err != nil {
			return r, err
		}
		before, err := t.Usage(ctx)
		if err != nil {
			return r, err
		}
		m, err := t.order(ctx, accounts, csrs)
		if err != nil {
			return r, fmt.Errorf("acme, run %d: %w", i+1, err)
		}
		after, err := t.Usage(ctx)
		if err != nil {
			return r, err
		}
		m.Charge(before, after)
		t.say("  run %d: %.0f/s, p50 %.2f ms, p99 %.2f ms, processor %.3f ms", i+1, m.Rate, m.P50, m.P99, m.CPU)
		r.Runs = append(r.Runs, Pair{Service: m})
	}
	r.sum()
	r.Ratio = 0
	return r, nil
}

// acmeRequests are requests for so many keys.
func acmeRequests(n int) ([][]byte, error) {
	csrs := make([][]byte, n)
	for i := range csrs {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		if csrs[i], err = x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{acmeShop}}, key); err != nil {
			return nil, err
		}
	}
	return csrs, nil
}

// order uses up the requests, for as long as a run lasts.
func (t *Toured) order(ctx context.Context, accounts []*acmeAccount, csrs [][]byte) (load.Measure, error) {
	workers := make([]load.Worker, acmeClients)
	errs := make(chan error, acmeClients)
	var next atomic.Int64
	var all sync.WaitGroup
	begun := time.Now()
	for i := range workers {
		all.Go(func() {
			c, err := t.portal.Dial(ctx)
			if err != nil {
				errs <- err
				return
			}
			defer c.Close()
			client := acmeClient{accounts[i%len(accounts)], c, ""}
			for time.Since(begun) < t.Duration && ctx.Err() == nil {
				n := next.Add(1) - 1
				if n >= int64(len(csrs)) {
					return
				}
				asked := time.Now()
				if err := client.order(csrs[n]); err != nil {
					errs <- err
					return
				}
				workers[i].Took = append(workers[i].Took, time.Since(asked))
			}
		})
	}
	all.Wait()
	took := time.Since(begun)
	select {
	case err := <-errs:
		return load.Measure{}, err
	default:
		return load.Sum(workers, took)
	}
}

// acmeAccount is an account and the addresses that its clients go to.
type acmeAccount struct {
	key             *ecdsa.PrivateKey
	kid             string
	nonce, newOrder string // URLs
}

// acmeAccount asks for an external account key, as the tour's company, and
// makes an account with it.
func (t *Toured) acmeAccount(ctx context.Context) (*acmeAccount, error) {
	out := func(name string) string { return filepath.Join(t.dir, "artifacts", name) }
	_, port, _ := strings.Cut(t.portal.Address, ":")
	b, err := exec.CommandContext(ctx, t.Self, "acme", "account", "--json", "--server", "https://localhost:"+port, "--root", out("root.pem"),
		"--key", out("renewed.key"), "--cert", out("renewed-chain.pem")).Output()
	if err != nil {
		return nil, fmt.Errorf("mohr acme account: %w", err)
	}
	var given struct {
		Directory string `json:"directory"`
		KID       string `json:"kid"`
		HMACKey   string `json:"hmac_key"`
	}
	if err := json.Unmarshal(b, &given); err != nil {
		return nil, err
	}
	secret, err := base64.RawURLEncoding.DecodeString(given.HMACKey)
	if err != nil {
		return nil, err
	}
	a := &acmeAccount{}
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	usual := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: t.portal.Trust}}}
	c := &acme.Client{Key: a.key, HTTPClient: usual, DirectoryURL: given.Directory}
	made, err := c.Register(ctx, &acme.Account{ExternalAccountBinding: &acme.ExternalAccountBinding{KID: given.KID, Key: secret}}, acme.AcceptTOS)
	if err != nil {
		return nil, err
	}
	d, err := c.Discover(ctx)
	a.kid, a.nonce, a.newOrder = made.URI, d.NonceURL, d.OrderURL
	return a, err
}

// acmeClient is one lean client: it signs and reads no more than it needs.
type acmeClient struct {
	*acmeAccount
	*load.Conn
	next string // nonce; "": none at hand
}

// order has one certificate issued.
func (c *acmeClient) order(csr []byte) error {
	var order struct {
		Status, Finalize, Certificate string
		Authorizations                []string
	}
	err := c.post(c.newOrder, map[string]any{"identifiers": []map[string]string{{"type": "dns", "value": acmeShop}}}, &order)
	if err != nil {
		return err
	}
	for _, authorization := range order.Authorizations {
		if err := c.post(authorization, nil, nil); err != nil {
			return err
		}
	}
	if err := c.post(order.Finalize, map[string]string{"csr": base64.RawURLEncoding.EncodeToString(csr)}, &order); err != nil {
		return err
	}
	if order.Certificate == "" {
		return fmt.Errorf("the order is %s and has no certificate", order.Status)
	}
	return c.post(order.Certificate, nil, nil)
}

// post signs a request (RFC 8555 section 6.2) and reads the answer into out;
// payload nil is POST-as-GET, out nil leaves the answer unread.
func (c *acmeClient) post(to string, payload, out any) error {
	u, err := url.Parse(to)
	if err != nil {
		return err
	}
	if c.next == "" {
		nonce, err := url.Parse(c.nonce)
		if err != nil {
			return err
		}
		if _, _, err := c.Do(load.Get(nonce.Path)); err != nil {
			return err
		}
		c.next = c.Header.Get("Replay-Nonce")
	}
	body, err := c.sign(to, payload)
	if err != nil {
		return err
	}
	status, answer, err := c.Do(load.Post(u.Path, "application/jose+json", body))
	if err != nil {
		return err
	}
	c.next = c.Header.Get("Replay-Nonce")
	if status/100 != 2 {
		return fmt.Errorf("%s: status %d: %.300s", u.Path, status, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

// sign makes a flattened JWS with ES256.
func (c *acmeClient) sign(to string, payload any) ([]byte, error) {
	head, err := json.Marshal(map[string]string{"alg": "ES256", "kid": c.kid, "nonce": c.next, "url": to})
	if err != nil {
		return nil, err
	}
	protected, content := base64.RawURLEncoding.EncodeToString(head), ""
	if payload != nil {
		b, err := json.Marshal(payload)
		if err != nil {
			return nil, err
		}
		content = base64.RawURLEncoding.EncodeToString(b)
	}
	sum := sha256.Sum256([]byte(protected + "." + content))
	r, s, err := ecdsa.Sign(rand.Reader, c.key, sum[:])
	if err != nil {
		return nil, err
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return json.Marshal(map[string]string{"protected": protected, "payload": content, "signature": base64.RawURLEncoding.EncodeToString(signature)})
}
