package service

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"mohr/ca/custody"
	"mohr/cmd/mohr/care"
	"mohr/hsm"
	"mohr/internal/backup"
	"mohr/internal/clock"
)

// control is what the owner of the data directory may ask of the running
// service: a backup, how it is, to prune.
func (g *Ground) control() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /backup", backup.Source{Store: g.Store, LogKey: g.Ledger.VerifierKey()}.Handler(g.Log))
	mux.HandleFunc("GET /doctor", func(w http.ResponseWriter, r *http.Request) {
		g.answer(w, g.patient().Examine(r.Context()), nil)
	})
	mux.HandleFunc("GET /prune", func(w http.ResponseWriter, r *http.Request) {
		list, err := care.Prune(r.Context(), g.Store, false)
		g.answer(w, list, err)
	})
	mux.HandleFunc("POST /prune", func(w http.ResponseWriter, r *http.Request) {
		list, err := care.Prune(r.Context(), g.Store, true)
		g.answer(w, list, err)
	})
	return mux
}

// answer writes what a control route found. The reader owns the data: he
// learns the error as it is.
func (g *Ground) answer(w http.ResponseWriter, found any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(found); err != nil {
		g.Log.Error("control answer not written", "error", err)
	}
}

// patient is the running service.
func (g *Ground) patient() care.Patient {
	return care.Patient{
		Data: g.Config.Data, Witness: g.Config.Witness, Secret: secretFile(g.Config), LogKey: g.Ledger.VerifierKey(), Store: g.Store, Keys: g.Custody,
		Clock: g.Clock.Check, References: len(g.Config.TimeReferences), Config: g.Config.Validate, Running: true, Chips: chipEntries(g.Config.Chip),
	}
}

// secretFile returns the file of the service secret where it is the usual one.
func secretFile(c Config) string {
	if file := filepath.Join(c.Data, "keys", "secret"); c.Secret == hsm.FileURI(file) {
		return file
	}
	return ""
}

// ExamineStopped looks at the data of a service that is stopped. It opens no
// more than it must, so that what keeps the service from starting is found,
// and it changes nothing. whole says that c is the whole configuration, to be
// looked at too.
func ExamineStopped(ctx context.Context, c Config, whole bool) ([]care.Line, error) {
	p := care.Patient{Config: c.Validate}
	if !whole {
		p.Config = nil
	}
	c, err := c.stopped()
	if err != nil {
		return nil, err
	}
	vkey, err := os.ReadFile(filepath.Join(c.Data, "log.vkey"))
	if err != nil {
		return nil, fmt.Errorf("read the log's verifier key: %w", err)
	}
	s, err := OpenStore(ctx, c.Data, c.Store, false)
	if err != nil {
		return []care.Line{{Name: "store", State: care.Fail, Words: err.Error()}}, nil
	}
	defer s.Close()
	log := slog.New(slog.DiscardHandler)
	ring := hsm.Open(hsm.Config{Log: log})
	defer ring.Close()
	guard, err := clock.New(ctx, clock.Config{Store: care.Rehearse(s), References: c.TimeReferences, Log: log})
	if err != nil {
		return nil, err
	}
	p.Data, p.Witness, p.Secret, p.LogKey = c.Data, c.Witness, secretFile(c), strings.TrimSpace(string(vkey))
	p.Store, p.Clock, p.References, p.Chips = s, guard.Check, len(c.TimeReferences), chipEntries(c.Chip)
	p.Keys = custody.New(custody.Config{Store: s, Ring: ring, Home: c.Keys, Former: c.FormerKeys, Log: log})
	return p.Examine(ctx), nil
}
