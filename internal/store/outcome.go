package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// mark is how a transaction is known again whose commit broke. The server's id
// of it is not enough: one that crashed before it wrote anything of the
// transaction to disk gives the same id to another one afterwards. So every
// transaction also leaves the number of its connection's commits, in a row
// that no other connection writes to.
type mark struct {
	id         string // pg_current_xact_id
	connection string
	number     int64
}

// markKey is where a connection keeps its last mark.
const markKey = "mohr.mark"

// nextMark is that of the connection's next commit.
func nextMark(c *pgx.Conn) mark {
	data := c.PgConn().CustomData()
	m, ok := data[markKey].(mark)
	if !ok {
		m.connection = rand.Text()
	}
	m.number++
	data[markKey] = m
	return m
}

// queue puts the mark's row into a batch; m learns its id when that is sent.
func (m *mark) queue(batch *pgx.Batch) {
	batch.Queue(`INSERT INTO mohr_commits (connection, number, at) VALUES ($1, $2, now())
		ON CONFLICT (connection) DO UPDATE SET number = excluded.number, at = excluded.at`, m.connection, m.number)
	batch.Queue("SELECT pg_current_xact_id()::text").QueryRow(func(r pgx.Row) error { return r.Scan(&m.id) })
}

// keepMarks is how long the marks of connections that are gone are kept.
const keepMarks = "7 days"

// forgetMarks removes the marks of connections that have long been gone.
func (s *pgStore) forgetMarks(ctx context.Context) error {
	_, err := s.side.Exec(ctx, "DELETE FROM mohr_commits WHERE at < now() - $1::interval", keepMarks)
	return err
}

// outcome asks how the transaction ended whose commit broke with cause.
func (s *pgStore) outcome(ctx context.Context, m mark, cause error) error {
	var pg *pgconn.PgError
	if errors.As(cause, &pg) && pg.SeverityUnlocalized == "ERROR" {
		return unavailable(ctx, cause) // the server itself says that it did not commit
	}
	for {
		var status *string
		var number *int64
		err := s.side.QueryRow(ctx, "SELECT pg_xact_status($1::text::xid8), (SELECT number FROM mohr_commits WHERE connection = $2)", m.id, m.connection).Scan(&status, &number)
		switch {
		case err == nil && status != nil && *status == "committed" && number != nil && *number == m.number:
			return nil
		case err == nil && status != nil && *status != "in progress", inFuture(err):
			return unavailable(ctx, cause)
		}
		select {
		case <-time.After(longestPause):
		case <-ctx.Done():
			return fmt.Errorf("commit: %w: %w", cause, errOutcome())
		}
	}
}

// inFuture reports whether the server knows no such id, yet: it lost the
// transaction, and nobody has got its id since.
func inFuture(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "22023" // invalid_parameter_value
}
