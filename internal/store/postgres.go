package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"mohr/internal/fault"
	"mohr/internal/trace"
)

const (
	// attempts bounds how often a function runs until its transaction fits.
	attempts = 40
	// alone is the attempt from which on a function waits until no other of
	// this process is being tried again.
	alone = 4
	// longestPause is between two attempts.
	longestPause = 100 * time.Millisecond
	// commitWait bounds how long the outcome of a commit is asked for.
	commitWait = 30 * time.Second
	// connectWait bounds how long a server may take to accept a connection,
	// where the address does not say.
	connectWait = 5 * time.Second
	// defaultConns is the size of the pool where the address does not say:
	// what is under way at once gets in each other's way (docs/nodes.md).
	defaultConns = 8
)

// settings are those of a session where the address does not set others.
// Without sequential scans a transaction is only in the way of those that
// touch the same keys (PostgreSQL, 13.2.3).
var settings = map[string]string{
	"application_name":                    "mohr",
	"enable_seqscan":                      "off",
	"statement_timeout":                   "60s",
	"lock_timeout":                        "10s",
	"idle_in_transaction_session_timeout": "60s",
}

// errOutcome is what a caller learns when the server went away during the
// commit and has not come back to say how it ended.
func errOutcome() error {
	return fault.New(fault.Unavailable, "store_outcome_unknown", "the connection to the store broke at the last step; send the same request again in a minute: what was done is not done twice")
}

// OpenPostgres opens the store in the database at the URL, which any number of
// processes may share. A bucket is a table of its name in the schema of the
// connection, with the columns key (bytea) and value (jsonb), made at the
// first use; jsonb orders the members of objects anew, and has no U+0000.
// Updates are serializable; one that does not fit between the others is run
// again, so many times at most, and is then Unavailable. In the URL,
// pool_max_conns sets how many connections there are at most.
//
// When the server goes away during a commit, it is asked for the outcome once
// it is back.
func OpenPostgres(ctx context.Context, url string) (Store, error) {
	s, err := connect(ctx, url)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.migrate(ctx), s.forgetMarks(ctx)); err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), s.Close())
	}
	return s, nil
}

// connect makes the pools; nothing is asked of the server yet.
func connect(ctx context.Context, url string) (*pgStore, error) {
	conf, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("address of the store: %w", hideURL(err))
	}
	if !strings.Contains(url, "pool_max_conns") {
		conf.MaxConns = defaultConns
	}
	if conf.ConnConfig.ConnectTimeout == 0 {
		conf.ConnConfig.ConnectTimeout = connectWait
	}
	for name, value := range settings {
		if _, ok := conf.ConnConfig.RuntimeParams[name]; !ok {
			conf.ConnConfig.RuntimeParams[name] = value
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, conf)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	// Tables are made on a connection of their own: those of the pool may all
	// be held by functions that wait for a table.
	side := conf.Copy()
	side.MaxConns = 1
	tables, err := pgxpool.NewWithConfig(ctx, side)
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("open store: %w", err)
	}
	return &pgStore{pool: pool, side: tables, turn: make(chan struct{}, 1)}, nil
}

// hideURL keeps a password that a parser cites out of the error.
func hideURL(err error) error {
	var parse *pgconn.ParseConfigError
	if errors.As(err, &parse) {
		return errors.New("it is no PostgreSQL URL (postgres://user@host:port/database?sslmode=verify-full)")
	}
	return err
}

type pgStore struct {
	pool  *pgxpool.Pool
	side  *pgxpool.Pool // one connection, for tables and outcomes
	turn  chan struct{} // held by the function that is tried again
	reads bool          // and never writes: see OpenReader

	tables sync.Map // bucket: struct{}, of tables known to be there
	counts counts
}

func (s *pgStore) Close() error {
	s.pool.Close()
	s.side.Close()
	return nil
}

func (s *pgStore) View(ctx context.Context, fn func(Tx) error) (err error) {
	ctx, end := trace.Begin(ctx, "store.view")
	defer func() { end(err) }()
	if err := ctx.Err(); err != nil {
		return err
	}
	read := &pgRead{pgTx: pgTx{pool: s.pool, options: snapshot}, ctx: ctx, store: s}
	defer read.end(ctx)
	if s.reads {
		err := read.begin(ctx)
		if err == nil {
			err = s.fresh(ctx, read.tx)
		}
		if err != nil {
			return unavailable(ctx, err)
		}
	}
	err = fn(&layer{ctx: ctx, engine: read})
	if read.failed != nil {
		return orOwn(err, unavailable(ctx, read.failed))
	}
	return err
}

func (s *pgStore) Update(ctx context.Context, fn func(Tx) error) (err error) {
	if s.reads {
		return errReader
	}
	ctx, end := trace.Begin(ctx, "store.update")
	defer func() { end(err) }()
	begun := time.Now()
	n, err := s.fit(ctx, fn)
	s.counts.update(n, time.Since(begun), err)
	return err
}

// errNoFit is for a function that was run again too often.
var errNoFit = fmt.Errorf("a transaction did not fit in %d attempts", attempts)

// fit runs the function until its transaction fits between the others, and
// returns how often that was.
func (s *pgStore) fit(ctx context.Context, fn func(Tx) error) (ran int, err error) {
	for n := range attempts {
		if n == alone {
			select {
			case s.turn <- struct{}{}:
				defer func() { <-s.turn }()
			case <-ctx.Done():
				return n, ctx.Err()
			}
		}
		again, err := s.attempt(ctx, fn)
		if !again {
			return n + 1, err
		}
		if err := pause(ctx, n); err != nil {
			return n + 1, err
		}
	}
	return attempts, fmt.Errorf("%w: %w", errNoFit, errUnavailable())
}

// pause waits before the attempt after the nth, a random time that grows.
func pause(ctx context.Context, n int) error {
	longest := min(longestPause, time.Millisecond<<min(n, 10))
	select {
	case <-time.After(rand.N(longest)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attempt runs the function in a transaction and says whether it must run
// again. It commits in any case, without the writes of a function that failed:
// what a serializable transaction has read holds only once it is committed.
func (s *pgStore) attempt(ctx context.Context, fn func(Tx) error) (again bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	read := &pgRead{pgTx: pgTx{pool: s.pool, options: serializable}, ctx: ctx, store: s}
	defer read.end(ctx)
	l := &layer{ctx: ctx, engine: read, writes: map[string]map[string]write{}}
	result := guarded(fn, l)
	if read.failed != nil {
		return conflict(read.failed), orOwn(result, unavailable(ctx, read.failed))
	}
	if err := ctx.Err(); err != nil && result == nil {
		return false, err
	}
	// From here on the outcome counts, not the caller's patience.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitWait)
	defer cancel()
	var m mark
	if result == nil && len(l.writes) > 0 {
		if m, err = s.flush(ctx, &read.pgTx, l); err != nil {
			return conflict(err), unavailable(ctx, err)
		}
	}
	err = read.commit(ctx)
	switch {
	case err == nil, result != nil && !conflict(err):
		return false, result
	case conflict(err):
		return true, err
	case m.id == "":
		return false, unavailable(ctx, err)
	}
	return false, s.outcome(ctx, m, err)
}

// orOwn is the function's own error together with the store's: what it made
// of the store's is no verdict.
func orOwn(own, err error) error {
	if own == nil || errors.Is(own, err) {
		return err
	}
	return errors.Join(own, err)
}

// conflict reports whether the server wants the transaction run again: it did
// not fit between the others, or waited in a circle.
func conflict(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}

// unavailable is what a caller learns of a server that is away, too slow or
// refuses; the cause stays in the log.
func unavailable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("store: %w: %w", err, errUnavailable())
}
