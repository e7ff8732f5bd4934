package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// pulseEvery is how often the database's clock is written down in it.
	pulseEvery = time.Second
	// behindMost is how far a standby may be behind: what it says is used up to
	// then as if it were said by the database itself.
	behindMost = 5 * time.Second
)

// errReader is what a function learns that would write.
var errReader = errors.New("this node reads the store and writes no records")

// OpenReader opens the store in the database at the URL for a process that only
// reads; Update refuses. The account need not be able to write, and the server
// may be a standby that follows the one which the others write to. One that is
// more than five seconds behind, by its clock and the last Pulse, answers as if
// it were away: Unavailable. The database must have the form that this program
// knows: a reader migrates nothing.
func OpenReader(ctx context.Context, url string) (Store, error) {
	s, err := connect(ctx, url)
	if err != nil {
		return nil, err
	}
	s.reads = true
	err = pgx.BeginTxFunc(ctx, s.side, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		version, err := formVersion(ctx, tx)
		if err == nil && version != len(migrations) {
			err = fmt.Errorf("the database has form %d and this program knows %d; start a node that writes to it first, or use the newer program", version, len(migrations))
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), s.Close())
	}
	return s, nil
}

// Pulse writes the database's clock down, at most once a second whoever calls,
// so that a standby can tell how far behind it is. It is a job of every node
// that writes; a store that one process has to itself has no standby.
func Pulse(ctx context.Context, s Store) error {
	pg, ok := s.(*pgStore)
	if !ok {
		return nil
	}
	_, err := pg.side.Exec(ctx, `INSERT INTO mohr_pulse (one, at) VALUES (true, clock_timestamp())
		ON CONFLICT (one) DO UPDATE SET at = excluded.at WHERE mohr_pulse.at < excluded.at - $1::interval`, pulseEvery-100*time.Millisecond)
	if err != nil {
		return fmt.Errorf("pulse: %w", unavailable(ctx, err))
	}
	return nil
}

// standbyKey is where a connection remembers whether its server is a standby.
// One that is promoted stays what it was: its pulse goes on all the same.
const standbyKey = "mohr.standby"

// fresh is an error if the transaction is on a standby that is too far behind.
func fresh(ctx context.Context, tx pgx.Tx) error {
	data := tx.Conn().PgConn().CustomData()
	standby, known := data[standbyKey].(bool)
	if !known {
		if err := tx.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&standby); err != nil {
			return err
		}
		data[standbyKey] = standby
	}
	if !standby {
		return nil
	}
	var behind time.Duration
	err := tx.QueryRow(ctx, "SELECT clock_timestamp() - at FROM mohr_pulse").Scan(&behind)
	if errors.Is(err, pgx.ErrNoRows) {
		return errors.New("nobody writes to the database that this standby follows")
	}
	if err == nil && behind > behindMost {
		err = fmt.Errorf("this standby is %s behind", behind.Round(time.Second))
	}
	return err
}
