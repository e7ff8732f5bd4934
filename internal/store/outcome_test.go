package store

import (
	"errors"
	"testing"
	"time"

	"mohr/internal/fault"
	"mohr/internal/store/pgtest"
)

// TestAnIdThatWasGivenTwiceProvesNoCommit: a server that dies before anything
// of a transaction is on its disk gives the transaction's id away again. That
// the other one committed says nothing of the first.
func TestAnIdThatWasGivenTwiceProvesNoCommit(t *testing.T) {
	t.Parallel() // it waits for the database more than it works
	server := pgtest.Start(t)
	opened, err := OpenPostgres(t.Context(), server.Database("outcome"))
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	s := opened.(*pgStore)
	save := func() error {
		return s.Update(t.Context(), func(tx Tx) error { return Save(tx, "b", "k", time.Now()) })
	}
	if err := save(); err != nil { // the table is there
		t.Fatal(err)
	}
	server.Query("CHECKPOINT")
	first := func() (mark, error) {
		tx := &pgTx{pool: s.pool, options: serializable}
		defer tx.end(t.Context())
		m, err := s.flush(t.Context(), tx, &layer{writes: map[string]map[string]write{"b": {"k": {value: []byte(`1`)}}}})
		if err != nil {
			t.Fatal(err)
		}
		server.Kill()
		return m, tx.commit(t.Context())
	}
	m, cause := first()
	if cause == nil {
		t.Fatal("the commit did not break")
	}
	server.Up()
	lost := func(when string) {
		t.Helper()
		if err := s.outcome(t.Context(), m, cause); fault.Code(err) != "store_unavailable" {
			t.Errorf("%s, the outcome is: %v", when, err)
		}
	}
	lost("before its id was given again")
	status := ""
	for range 200 {
		if err := save(); err != nil {
			t.Fatal(err)
		}
		err := s.side.QueryRow(t.Context(), "SELECT coalesce(pg_xact_status($1::text::xid8), '')", m.id).Scan(&status)
		if err == nil && status != "in progress" {
			break
		}
	}
	t.Logf("the server says of the transaction that is lost: %s", status)
	lost("after its id was given again")
	// What did commit is known again.
	tx := &pgTx{pool: s.pool, options: serializable}
	defer tx.end(t.Context())
	m, err = s.flush(t.Context(), tx, &layer{writes: map[string]map[string]write{"b": {"k": {value: []byte(`2`)}}}})
	if err := errors.Join(err, tx.commit(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := s.outcome(t.Context(), m, errors.New("the connection broke")); err != nil {
		t.Errorf("the outcome of what was committed: %v", err)
	}
}
