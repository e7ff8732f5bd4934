package consistency

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"

	"mohr/ca"
	"mohr/ca/lint"
)

// maxShards bounds how many CRLs of an issuing CA are looked for where their
// number is not known.
const maxShards = 1_000_000

// compareCRLs wants of every issuing CA that its CRLs are signed, fresh, and
// list what is revoked, and nothing else.
func (r *run) compareCRLs(ctx context.Context) error {
	for _, id := range slices.Sorted(maps.Keys(r.issuers)) {
		i := r.issuers[id]
		if !i.answers {
			continue
		}
		missing := maps.Clone(r.revoked[id])
		for shard := 0; shard < maxShards; shard++ {
			b, err := r.Live.Get(ctx, ca.CRLPath(id, shard))
			none := errors.Is(err, ErrNone)
			if none && (i.shards < 0 && shard > 0 || i.shards >= 0 && shard >= i.shards) {
				break
			}
			if none {
				r.report.add("crl_missing", ca.CRLPath(id, shard), "there is no such CRL")
				continue
			}
			if err != nil {
				return fmt.Errorf("crl %s: %w", ca.CRLPath(id, shard), err)
			}
			r.crl(i, shard, b, missing)
			r.report.CRLs++
			r.Progress("crls", r.report.CRLs)
		}
		for _, serial := range slices.Sorted(maps.Keys(missing)) {
			if c := missing[serial]; c.Shard != ca.NoShard {
				r.report.add("crl_entry_missing", serial, "it is %s and on no CRL", statusOf(c))
			}
		}
	}
	return nil
}

// crl compares one CRL, and takes what it lists out of missing.
func (r *run) crl(i issuer, shard int, der []byte, missing map[string]ca.Certificate) {
	path := ca.CRLPath(i.id, shard)
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		r.report.add("crl_malformed", path, "%v", err)
		return
	}
	if err := list.CheckSignatureFrom(i.certificate); err != nil {
		r.report.add("crl_signature", path, "it is not signed by %s: %v", i.id, err)
		return
	}
	if err := lint.CRL(der); err != nil {
		r.report.add("crl_lint", path, "%v", err)
	}
	if now := r.Live.now(); list.ThisUpdate.After(now.Add(slack)) || !now.Before(list.NextUpdate) {
		r.report.add("crl_stale", path, "it counts from %s to %s, and it is %s", list.ThisUpdate, list.NextUpdate, now.UTC())
	}
	for _, e := range list.RevokedCertificateEntries {
		serial := e.SerialNumber.Text(16)
		c, ok := r.revoked[i.id][serial]
		switch {
		case !ok && !r.since(e.RevocationTime):
			r.report.add("crl_entry_extra", serial, "it is on %s and not revoked in the records", path)
		case !ok:
		case c.Shard != shard && r.Shards != nil:
			r.report.add("crl_entry_elsewhere", serial, "it is on %s and belongs into shard %d", path, c.Shard)
		case !sameEnd(c, e.ReasonCode, e.RevocationTime.Unix()):
			r.report.add("crl_entry_differs", serial, "on %s it ended at %s for reason %d; in the records it is %s since %s", path, e.RevocationTime, e.ReasonCode, statusOf(c), c.Revoked.At)
		}
		delete(missing, serial)
	}
}

// sameEnd reports whether a certificate ended, or rests, as it is said.
func sameEnd(c ca.Certificate, reason int, at int64) bool {
	code, _ := c.Revoked.Reason.Code()
	return code == reason && c.Revoked.At.Unix() == at
}
