package ca

import (
	"errors"
	"strings"

	"mohr/internal/store"
)

// What checks of the whole register read. None of them needs an Authority: a
// copy of the store, without keys, is enough.

// EachCertificate calls fn with every certificate's record in serial order,
// from the serial after on ("" for all), until it says store.Stop.
func EachCertificate(tx store.Tx, after string, fn func(Certificate) error) error {
	return store.Each(tx, certBucket, "", after, func(_ string, c Certificate) error { return fn(c) })
}

// EachIntent calls fn with the serial of every signature that was planned and
// is not recorded yet.
func EachIntent(tx store.Tx, fn func(serial string) error) error {
	return tx.Scan(pendingBucket, "", "", func(serial string, _ []byte) error { return fn(serial) })
}

// EachRetiring calls fn with the serial of every replaced certificate that is
// to be superseded when its overlap is over.
func EachRetiring(tx store.Tx, fn func(serial string) error) error {
	return store.Each(tx, retireBucket, "", "", func(_, serial string) error { return fn(serial) })
}

// EachRow calls fn with every row of every CRL shard and the shard it is in,
// "issuer/0000".
func EachRow(tx store.Tx, fn func(shard string, r Revoked) error) error {
	return store.Each(tx, revokedBucket, "", "", func(key string, r Revoked) error {
		shard, _ := strings.CutSuffix(key, "/"+r.Serial)
		return fn(shard, r)
	})
}

// RowOf returns the row of a certificate in its CRL shard, and whether there
// is one.
func RowOf(tx store.Tx, c Certificate) (Revoked, bool, error) {
	r, err := store.Load[Revoked](tx, revokedBucket, shardKey(c.Issuer, c.Shard)+"/"+c.Serial)
	if errors.Is(err, store.ErrNotFound) {
		return r, false, nil
	}
	return r, err == nil, err
}

// ShardName names a CRL shard as EachRow does.
func ShardName(issuer IssuerID, shard int) string { return shardKey(issuer, shard) }
