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
	// behindMost is how far a server may be behind: what it says is used up to
	// then as if it were said by the database that the others write to.
	behindMost = 5 * time.Second
)

// errReader is what a function learns that would write.
var errReader = errors.New("this node reads the store and writes no records")

// OpenReader opens the store in the database at the URL for a process that only
// reads; Update refuses. The account need not be able to write, and the server
// may be a standby that follows the one which the others write to. A server
// whose last Pulse is more than five seconds old by its clock answers as if it
// were away, standby or not: Unavailable. It is behind, or nobody writes to it
// (any more). The database must have the form that this program knows: a reader
// migrates nothing.
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
// so that who reads can tell how far behind a server is. It is a job of every node
// that writes; a store that one process has to itself has no other readers.
func Pulse(ctx context.Context, s Store) error {
	pg, ok := s.(*pgStore)
	if !ok {
		return nil
	}
	// A time from the future, of a clock that was set back or of a server that
	// failed, says nothing of any lag: it does not stay.
	_, err := pg.side.Exec(ctx, `INSERT INTO mohr_pulse (one, at) VALUES (true, clock_timestamp())
		ON CONFLICT (one) DO UPDATE SET at = excluded.at WHERE mohr_pulse.at NOT BETWEEN excluded.at - $1::interval AND excluded.at + $1::interval`, pulseEvery-100*time.Millisecond)
	if err != nil {
		return fmt.Errorf("pulse: %w", unavailable(ctx, err))
	}
	return nil
}

// fresh is an error if the transaction is on a server that the nodes which write
// do not write to, or on a standby that is too far behind theirs. A server that
// is no standby is asked too: one that was cut off from the others, which
// write to its successor now, says of itself that it is the primary.
func (s *pgStore) fresh(ctx context.Context, tx pgx.Tx) error {
	var behind time.Duration
	err := tx.QueryRow(ctx, "SELECT clock_timestamp() - at FROM mohr_pulse").Scan(&behind)
	if errors.Is(err, pgx.ErrNoRows) {
		return errors.New("no node that writes has left a pulse in this database")
	}
	switch {
	case err != nil:
		return err
	case behind > behindMost:
		return fmt.Errorf("the last pulse in this database is %s old: it is behind, or no node writes to it", behind.Round(time.Second))
	case behind < -behindMost:
		return fmt.Errorf("the last pulse in this database is %s ahead of its server's clock, and nothing tells how far it is behind; set the clocks of the database servers", -behind.Round(time.Second))
	}
	return nil
}
