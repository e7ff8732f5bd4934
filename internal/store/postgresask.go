package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"mohr/internal/trace"
)

// The two kinds of transactions: that of a View and that of an Update.
var (
	snapshot     = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	serializable = pgx.TxOptions{IsoLevel: pgx.Serializable}
)

// pgTx is a transaction of the server that begins with the first question put
// to it, in the same message: a message less for each. One that nobody put a
// question to never begins.
type pgTx struct {
	pool    *pgxpool.Pool
	options pgx.TxOptions
	conn    *pgxpool.Conn // nil before the beginning
	tx      pgx.Tx
}

// question is for one value.
type question struct {
	sql   string
	args  []any
	value *[]byte // the answer goes here, nil where no row is found
}

func (q question) read(row pgx.Row) error {
	*q.value = nil // it may have been answered before, on a connection that then broke
	if err := row.Scan(q.value); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	return nil
}

// ask puts the questions to the server, together.
func (t *pgTx) ask(ctx context.Context, list ...question) error {
	switch {
	case len(list) == 0:
		return nil
	case t.tx == nil:
		return t.begin(ctx, list...)
	case len(list) == 1:
		return list[0].read(t.tx.QueryRow(ctx, list[0].sql, list[0].args...))
	}
	batch := &pgx.Batch{}
	queue(batch, list)
	return t.tx.SendBatch(ctx, batch).Close()
}

func queue(batch *pgx.Batch, list []question) {
	for _, q := range list {
		batch.Queue(q.sql, q.args...).QueryRow(q.read)
	}
}

// begin begins the transaction, with the questions behind it, unless it has
// begun.
func (t *pgTx) begin(ctx context.Context, list ...question) (err error) {
	if t.tx != nil {
		return nil
	}
	t.conn, err = connected(ctx, t.pool, func(conn *pgxpool.Conn) error {
		batch := &pgx.Batch{}
		batch.BeginTx(t.options)
		queue(batch, list)
		results := conn.SendBatch(ctx, batch)
		err := results.Close()
		if t.tx = results.Tx(); err != nil {
			t.tx.Rollback(context.WithoutCancel(ctx))
			t.tx = nil
		}
		return err
	})
	return err
}

// connected takes a connection on which the first message was answered; the
// caller releases it. One that broke while nobody used it says that the server
// went away, and so do all others of that age: they are given up, and a new one
// is tried. The message does nothing that could be done twice.
func connected(ctx context.Context, pool *pgxpool.Pool, first func(*pgxpool.Conn) error) (conn *pgxpool.Conn, err error) {
	for range 2 {
		if conn, err = pool.Acquire(ctx); err != nil {
			return nil, err
		}
		if err = first(conn); err == nil {
			return conn, nil
		}
		broken := conn.Conn().IsClosed()
		conn.Release()
		if !broken || ctx.Err() != nil {
			break
		}
		pool.Reset()
	}
	return nil, err
}

// read makes this a reader: one statement sees one snapshot by itself. Who
// reads from what may be a standby asks in a View, which looks how far behind
// that is; so does who does not fit between others, where the database's
// default makes a statement serializable.
func (s *pgStore) read(ctx context.Context, k Key) (value []byte, done bool, err error) {
	if s.reads {
		return nil, false, nil
	}
	ctx, end := trace.Begin(ctx, "store.view")
	defer func() { end(err) }()
	if err := ctx.Err(); err != nil {
		return nil, true, err
	}
	value, err = s.one(ctx, k)
	switch {
	case conflict(err):
		return nil, false, nil
	case err != nil:
		return nil, true, unavailable(ctx, err)
	case value == nil:
		return nil, true, ErrNotFound
	}
	return value, true, nil
}

// one reads a key by a statement of its own; nil if it is not there.
func (s *pgStore) one(ctx context.Context, k Key) (value []byte, err error) {
	there := &pgRead{ctx: ctx, store: s}
	if ok, err := there.there(k.Bucket); err != nil || !ok {
		return nil, err
	}
	q := question{selectOne(k.Bucket), []any{[]byte(k.Key)}, &value}
	conn, err := connected(ctx, s.pool, func(conn *pgxpool.Conn) error { return q.read(conn.QueryRow(ctx, q.sql, q.args...)) })
	if err != nil {
		return nil, err
	}
	conn.Release()
	return value, nil
}

// commit ends the transaction, if it has begun.
func (t *pgTx) commit(ctx context.Context) error {
	if t.tx == nil {
		return nil
	}
	return t.tx.Commit(ctx)
}

// end gives the connection back, after a commit or without one.
func (t *pgTx) end(ctx context.Context) {
	if t.tx != nil {
		t.tx.Rollback(context.WithoutCancel(ctx))
		t.conn.Release()
	}
}
