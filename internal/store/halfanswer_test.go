package store

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"mohr/internal/store/pgtest"
)

// TestAnAnswerOfABrokenConnectionIsForgotten: the first message of a
// transaction is put again on another connection, and what is gone meanwhile is
// not there, though the first one had answered so far.
func TestAnAnswerOfABrokenConnectionIsForgotten(t *testing.T) {
	url := pgtest.Start(t).Database("half")
	other, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.Background())
	run := func(sql string) error {
		_, err := other.Exec(context.Background(), sql)
		return err
	}
	if err := run("CREATE TABLE code (v text); INSERT INTO code VALUES ('unused'); CREATE TABLE breaks (v text); INSERT INTO breaks VALUES ('now')"); err != nil {
		t.Fatal(err)
	}
	conf, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	connections := 0
	conf.BeforeConnect = func(context.Context, *pgx.ConnConfig) error {
		if connections++; connections == 2 { // somebody else uses the code up
			return run("DELETE FROM code; DELETE FROM breaks")
		}
		return nil
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var code, cut []byte
	tx := &pgTx{pool: pool, options: serializable}
	defer tx.end(context.Background())
	err = tx.ask(t.Context(), question{"SELECT v FROM code", nil, &code}, question{"SELECT pg_terminate_backend(pg_backend_pid())::text FROM breaks", nil, &cut})
	if err != nil || code != nil || connections != 2 {
		t.Errorf("after %d connections the code is %q, %v", connections, code, err)
	}
}
