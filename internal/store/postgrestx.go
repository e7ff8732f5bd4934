package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// maxTable is how long a table's name may be in octets (PostgreSQL, 4.1.1).
	maxTable = 63
	// firstPage and lastPage are how many rows a scan asks for, growing by
	// tens: most scans want few.
	firstPage, lastPage = 50, 5000
)

// pgRead reads in a transaction of the server.
type pgRead struct {
	pgTx
	ctx    context.Context
	store  *pgStore
	asked  map[Key][]byte // ahead; nil: not there
	failed error          // the first failure of the server: nothing after it holds
}

func (r *pgRead) look(bucket, key string) ([]byte, error) {
	if r.failed != nil {
		return nil, r.failed
	}
	k := Key{bucket, key}
	value, ok := r.asked[k]
	if !ok {
		found, err := r.values(k)
		if err != nil {
			return nil, err
		}
		value = found[0]
	}
	if value == nil {
		return nil, ErrNotFound
	}
	return value, nil
}

// ahead asks for what is about to be looked for, in one message: as of the
// transaction's snapshot it stays what it is.
func (r *pgRead) ahead(keys []Key) {
	values, err := r.values(keys...)
	if err != nil {
		return // it has failed, and everything after this does
	}
	if r.asked == nil {
		r.asked = map[Key][]byte{}
	}
	for i, k := range keys {
		r.asked[k] = values[i]
	}
}

// values reads the keys, nil for those that are not there.
func (r *pgRead) values(keys ...Key) ([][]byte, error) {
	values, ask := make([][]byte, len(keys)), make([]question, 0, len(keys))
	for i, k := range keys {
		there, err := r.there(k.Bucket)
		if err != nil {
			return nil, err
		}
		if there {
			ask = append(ask, question{selectOne(k.Bucket), []any{[]byte(k.Key)}, &values[i]})
		}
	}
	return values, r.fail(r.ask(r.ctx, ask...))
}

func selectOne(bucket string) string {
	return "SELECT value::text FROM " + table(bucket) + " WHERE key = $1"
}

// fail remembers the first failure of the server.
func (r *pgRead) fail(err error) error {
	if err != nil && r.failed == nil {
		r.failed = err
	}
	return err
}

// rows asks for pages: between them the connection serves fn's other reads.
func (r *pgRead) rows(bucket, prefix, after string) func() (row, bool, error) {
	page, size, last := []row{}, firstPage, after
	more, err := r.there(bucket)
	if err != nil {
		return func() (row, bool, error) { return row{}, false, err }
	}
	return func() (row, bool, error) {
		if len(page) == 0 && more {
			var err error
			if page, err = r.page(bucket, prefix, last, size); err != nil {
				return row{}, false, r.fail(err)
			}
			more, size = len(page) == size, min(10*size, lastPage)
		}
		if len(page) == 0 {
			return row{}, false, nil
		}
		out := page[0]
		page, last = page[1:], out.key
		return out, true, nil
	}
}

func (r *pgRead) page(bucket, prefix, after string, size int) ([]row, error) {
	query, args := "SELECT key, value::text FROM "+table(bucket)+" WHERE key >= $1 AND key > $2", []any{[]byte(prefix), []byte(after)}
	if end := behind(prefix); end != nil {
		query, args = query+" AND key < $3", append(args, end)
	}
	if err := r.begin(r.ctx); err != nil {
		return nil, err
	}
	rows, err := r.tx.Query(r.ctx, fmt.Sprintf("%s ORDER BY key LIMIT %d", query, size), args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(c pgx.CollectableRow) (out row, err error) {
		var key []byte
		err = c.Scan(&key, &out.value)
		out.key = string(key)
		return out, err
	})
}

// behind returns the first key after all that have the prefix, nil if there
// is none.
func behind(prefix string) []byte {
	b := []byte(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < 0xff {
			b[i]++
			return b[:i+1]
		}
	}
	return nil
}

// isTable reports whether the bucket may have a table: no other was ever
// written to.
func isTable(bucket string) bool { return bucket != "" && len(bucket) <= maxTable }

// there reports whether the bucket has a table. Who may write makes it: only of
// such a one does the server see that somebody else writes to it meanwhile.
func (r *pgRead) there(bucket string) (bool, error) {
	if !isTable(bucket) {
		return false, nil
	}
	if _, ok := r.store.tables.Load(bucket); ok {
		return true, nil
	}
	if !r.store.reads {
		return true, r.fail(r.store.makeTable(r.ctx, bucket))
	}
	var found bool
	err := r.store.side.QueryRow(r.ctx, "SELECT to_regclass($1) IS NOT NULL", table(bucket)).Scan(&found)
	if found {
		r.store.tables.Store(bucket, struct{}{})
	}
	return found, r.fail(err)
}

// table is the bucket's name as SQL has it.
func table(bucket string) string { return pgx.Identifier{bucket}.Sanitize() }

// makeTable makes the bucket's table if it is missing.
func (s *pgStore) makeTable(ctx context.Context, bucket string) (err error) {
	for range 5 {
		_, err = s.side.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+table(bucket)+" (key bytea PRIMARY KEY, value jsonb NOT NULL)")
		var pg *pgconn.PgError
		// Two that make it at once: one finds the name of the table, or of its
		// row type, taken half-way.
		if errors.As(err, &pg) && (pg.Code == "23505" || pg.Code == "42P07" || pg.Code == "42710") {
			continue
		}
		if err == nil || pg != nil {
			break
		}
		// The connection broke: the next one may not.
	}
	if err == nil {
		s.tables.Store(bucket, struct{}{})
	}
	return err
}

// flush hands the writes and announcements to the server and returns how the
// transaction is known again.
func (s *pgStore) flush(ctx context.Context, t *pgTx, l *layer) (m mark, err error) {
	if err := t.begin(ctx); err != nil {
		return mark{}, err
	}
	batch, writes := &pgx.Batch{}, l.writes
	// In order, so that two transactions lock the same keys one after the other.
	for _, bucket := range slices.Sorted(maps.Keys(writes)) {
		if !isTable(bucket) {
			return mark{}, fmt.Errorf("bucket %q: a name of more than %d octets", bucket, maxTable)
		}
		if _, ok := s.tables.Load(bucket); !ok {
			if err := s.makeTable(ctx, bucket); err != nil {
				return mark{}, err
			}
		}
		for _, key := range slices.Sorted(maps.Keys(writes[bucket])) {
			if w := writes[bucket][key]; w.gone {
				batch.Queue("DELETE FROM "+table(bucket)+" WHERE key = $1", []byte(key))
			} else {
				batch.Queue("INSERT INTO "+table(bucket)+" (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value", []byte(key), string(w.value))
			}
		}
	}
	for _, n := range l.told {
		batch.Queue("SELECT pg_notify($1, $2)", n.channel(), n.text)
	}
	m = nextMark(t.tx.Conn())
	m.queue(batch)
	err = t.tx.SendBatch(ctx, batch).Close()
	return m, err
}

// Buckets are the tables that have a bucket's form.
func (s *pgStore) Buckets(ctx context.Context) ([]string, error) {
	rows, err := s.pool.Query(ctx, `SELECT k.table_name FROM information_schema.columns k JOIN information_schema.columns v USING (table_schema, table_name)
		WHERE table_schema = current_schema() AND k.column_name = 'key' AND k.data_type = 'bytea' AND v.column_name = 'value' AND v.data_type = 'jsonb'
		ORDER BY k.table_name COLLATE "C"`)
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	return names, nil
}
