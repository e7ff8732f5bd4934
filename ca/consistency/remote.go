package consistency

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"mohr/ca"
	"mohr/internal/ledger"
)

// anyShard is the Shard of a certificate of which it is not known.
const anyShard = -2

// Remote returns the Check of a service that is only reached over the network:
// the records come from the operators' API (an auditor may read it), the log
// and all else from what is public. api returns the answer at a path of
// /api/v1. A record's DER is fetched for revoked certificates alone; lineages
// and the store's other tables are not seen.
func Remote(ctx context.Context, api func(ctx context.Context, path string) ([]byte, error), live *Live) (Check, error) {
	c := Check{Live: live, Taken: live.now().UTC().Truncate(time.Second)}
	records, err := fetchRecords(ctx, api)
	if err != nil {
		return c, fmt.Errorf("read records: %w", err)
	}
	var events []ledger.Event
	public := live.Log
	public.Entry = func(_ int64, leaf []byte) error {
		e, err := ledger.ParseEvent(leaf)
		events = append(events, e)
		return err
	}
	// After the records: what was recorded before may still have waited for
	// its place, so the log is read a little later than it need be.
	report, err := settled(ctx, public, &events)
	if err != nil {
		return c, fmt.Errorf("read log: %w", err)
	}
	live.At = report.Checkpoint
	if c.Members, err = fetchMembers(ctx, live, records); err != nil {
		return c, err
	}
	c.Records = func(_ context.Context, fn func(ca.Certificate) error) error {
		for _, r := range records {
			if err := fn(r); err != nil {
				return err
			}
		}
		return nil
	}
	known := map[string]bool{}
	for _, r := range records {
		known[r.Serial] = true
	}
	c.Events = func(_ context.Context, fn func(ledger.Event) error) error {
		for _, e := range events {
			if e.At.After(c.Taken) && !known[e.Subject] {
				continue // its record came after those that were read
			}
			if err := fn(e); err != nil {
				return err
			}
		}
		return nil
	}
	return c, nil
}

// sequenced is how long a deed may wait for its place in the log.
const sequenced = 2 * time.Second

// settled reads the log once all that was recorded before is in it.
func settled(ctx context.Context, p ledger.Public, events *[]ledger.Event) (ledger.Report, error) {
	select {
	case <-time.After(sequenced):
	case <-ctx.Done():
		return ledger.Report{}, ctx.Err()
	}
	*events = nil
	return p.Verify(ctx)
}

func fetchRecords(ctx context.Context, api func(context.Context, string) ([]byte, error)) ([]ca.Certificate, error) {
	var records []ca.Certificate
	for after := ""; ; {
		b, err := api(ctx, "/certificates?limit="+strconv.Itoa(ca.MaxList)+"&after="+url.QueryEscape(after))
		if err != nil {
			return nil, err
		}
		var page struct{ Certificates []ca.Entry }
		if err := json.Unmarshal(b, &page); err != nil {
			return nil, err
		}
		for _, e := range page.Certificates {
			c := recordOf(e)
			if c.Revoked != nil && c.State == ca.Issued {
				if err := complete(ctx, api, &c); err != nil {
					return nil, err
				}
			}
			records, after = append(records, c), e.Serial
		}
		if len(page.Certificates) < ca.MaxList {
			return records, nil
		}
	}
}

func recordOf(e ca.Entry) ca.Certificate {
	c := ca.Certificate{
		Serial: e.Serial, State: e.State, Profile: e.Profile, Issuer: e.Issuer, NotBefore: e.NotBefore, NotAfter: e.NotAfter,
		Replaces: e.Replaces, ReplacedBy: e.ReplacedBy, Version: e.Version, SPKISHA256: e.SPKISHA256, Shard: anyShard,
	}
	if !e.RevokedAt.IsZero() {
		c.Revoked = &ca.Revoked{Serial: e.Serial, At: e.RevokedAt, Reason: e.Reason, By: e.By, NotAfter: e.NotAfter}
	}
	return c
}

// complete fetches a certificate, and takes its CRL shard out of it.
func complete(ctx context.Context, api func(context.Context, string) ([]byte, error), c *ca.Certificate) error {
	b, err := api(ctx, "/certificates/"+c.Serial)
	if err != nil {
		return err
	}
	var e ca.Entry
	if err := json.Unmarshal(b, &e); err != nil {
		return err
	}
	block, _ := pem.Decode([]byte(e.PEM))
	if block == nil {
		return fmt.Errorf("certificate %s comes without PEM", c.Serial)
	}
	c.DER = block.Bytes
	cert, err := x509.ParseCertificate(c.DER)
	if err != nil {
		return fmt.Errorf("certificate %s: %w", c.Serial, err)
	}
	if len(cert.CRLDistributionPoints) == 0 {
		c.Shard = ca.NoShard
		return nil
	}
	_, file, _ := strings.Cut(cert.CRLDistributionPoints[0], "/crl/"+string(c.Issuer)+"/")
	if c.Shard, err = strconv.Atoi(strings.TrimSuffix(file, ".crl")); err != nil {
		c.Shard = anyShard
	}
	return nil
}

// fetchMembers fetches the issuing CAs that records name.
func fetchMembers(ctx context.Context, live *Live, records []ca.Certificate) ([]ca.Member, error) {
	var ids []string
	for _, c := range records {
		if !slices.Contains(ids, string(c.Issuer)) {
			ids = append(ids, string(c.Issuer))
		}
	}
	slices.Sort(ids)
	var members []ca.Member
	for _, id := range ids {
		der, err := live.Get(ctx, "/ca/"+url.PathEscape(id)+".cer")
		if errors.Is(err, ErrNone) {
			continue // an unknown issuer is a finding
		}
		if err != nil {
			return nil, fmt.Errorf("certificate of %s: %w", id, err)
		}
		members = append(members, ca.Member{ID: id, Kind: ca.IssuingMember, DER: der})
	}
	return members, nil
}
