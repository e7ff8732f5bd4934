package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// migrations bring a database to the form that this program knows, in order.
// One that has been published is never changed.
var migrations = []string{
	"CREATE TABLE mohr_form (version integer NOT NULL)",
	// What a connection committed last: see mark.
	"CREATE TABLE mohr_commits (connection text PRIMARY KEY, number bigint NOT NULL, at timestamptz NOT NULL)",
	// One row, by which who reads tells how far behind a server is: see Pulse.
	"CREATE TABLE mohr_pulse (one boolean PRIMARY KEY CHECK (one), at timestamptz NOT NULL)",
}

// formLock is held by the process that migrates, among those that share a
// database.
const formLock = 0x6d6f6872 // mohr

// migrate brings the database up to date. One that a newer program has
// changed is an error.
func (s *pgStore) migrate(ctx context.Context) error {
	return pgx.BeginFunc(ctx, s.side, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", formLock); err != nil {
			return err
		}
		version, err := formVersion(ctx, tx)
		if err != nil {
			return err
		}
		if version > len(migrations) {
			return fmt.Errorf("the database has form %d and this program knows %d; use the newer program", version, len(migrations))
		}
		for n, step := range migrations[version:] {
			if _, err := tx.Exec(ctx, step); err != nil {
				return fmt.Errorf("bring the database to form %d: %w", version+n+1, err)
			}
		}
		if version == len(migrations) {
			return nil
		}
		if _, err := tx.Exec(ctx, "DELETE FROM mohr_form"); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "INSERT INTO mohr_form (version) VALUES ($1)", len(migrations))
		return err
	})
}

// formVersion is 0 for an empty database.
func formVersion(ctx context.Context, tx pgx.Tx) (version int, err error) {
	var there bool
	err = tx.QueryRow(ctx, "SELECT count(*) > 0 FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = 'mohr_form'").Scan(&there)
	if err == nil && there {
		err = tx.QueryRow(ctx, "SELECT max(version) FROM mohr_form").Scan(&version)
	}
	return version, err
}
