package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"mohr/internal/fault"
	"mohr/internal/trace"
)

const (
	// joinLimit bounds how many updates share one commit.
	joinLimit = 512
	// mapSize is mapped at once, in octets: while the file is smaller, no
	// writer waits for a long View to end before the map may grow.
	mapSize = 256 << 20
)

var (
	// errNothing ends a transaction that has nothing to commit.
	errNothing = errors.New("store: nothing written")
	// errAborted is for calls whose commit ended without a word: fn called
	// runtime.Goexit, as a failing test does.
	errAborted = errors.New("store: transaction aborted")
)

// OpenBolt opens, or creates, the single-node store in the file at path. A
// file that another process holds is an error after two seconds; one that is
// damaged or no store is an error, too.
//
// Commits are joined: one caller commits at once; callers that arrive during
// its fsync share the next one. There is no fixed delay.
func OpenBolt(path string) (Store, error) {
	db, err := openFile(path)
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("open store %s: another process holds it; stop that one first", path)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("open store: %w", err)
	case err != nil:
		return nil, fmt.Errorf("open store %s: %w; if the file is damaged, restore it from a backup", path, err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", path, err), db.Close())
	}
	return &boltStore{db: db, turn: make(chan struct{}, 1)}, nil
}

// openFile opens the file. One that is shorter than it says makes the mapped
// pages fault, which is an error here and not the end of the process.
func openFile(path string) (db *bolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the file is not whole: %v", r)
		}
	}()
	return bolt.Open(path, 0o600, &bolt.Options{
		Timeout: 2 * time.Second, FreelistType: bolt.FreelistMapType, InitialMmapSize: mapSize,
	})
}

// syncDir makes the name of a new file durable; bbolt syncs its content only.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// errUnavailable is what a caller learns of a disk that is full or failing.
func errUnavailable() error {
	return fault.New(fault.Unavailable, "store_unavailable", "nothing can be recorded at the moment; try again in a minute")
}

type boltStore struct {
	db   *bolt.DB
	turn chan struct{} // held by the caller that commits

	// commits counts beginnings and ends of commits: odd while one is under way.
	commits atomic.Uint64
	// doubt is the id of the last commit while that is there and may not be
	// durable; 0: it is. See settle.
	doubt atomic.Int64

	mu      sync.Mutex // guards waiting
	waiting []*boltCall
}

// boltCall is one Update on its way to a commit. Who took it from the queue
// sets err and closes ended.
type boltCall struct {
	ctx   context.Context
	fn    func(Tx) error
	err   error
	ended chan struct{}
}

func (s *boltStore) View(ctx context.Context, fn func(Tx) error) (err error) {
	ctx, end := trace.Begin(ctx, "store.view")
	defer func() { end(err) }()
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.doubt.Load() > 0 { // what is read may be answered with: it has to be durable
		if err := s.Update(ctx, func(Tx) error { return nil }); err != nil {
			return err
		}
	}
	return s.db.View(func(tx *bolt.Tx) error { return fn(&layer{ctx: ctx, engine: boltRead{tx}}) })
}

func (s *boltStore) Update(ctx context.Context, fn func(Tx) error) (err error) {
	ctx, end := trace.Begin(ctx, "store.update")
	defer func() { end(err) }()
	if err := ctx.Err(); err != nil {
		return err
	}
	call := &boltCall{ctx: ctx, fn: fn, ended: make(chan struct{})}
	s.mu.Lock()
	s.waiting = append(s.waiting, call)
	s.mu.Unlock()
	select {
	case <-call.ended: // another caller took ours along
	case s.turn <- struct{}{}:
		s.lead(call)
		<-s.turn
	case <-ctx.Done():
		if s.withdraw(call) {
			return ctx.Err()
		}
	}
	<-call.ended
	return call.err
}

// withdraw takes the call out of the queue; false if somebody took it already.
func (s *boltStore) withdraw(call *boltCall) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.waiting, call)
	if i < 0 {
		return false
	}
	s.waiting = slices.Delete(s.waiting, i, i+1)
	return true
}

// take removes up to joinLimit calls from the queue.
func (s *boltStore) take() []*boltCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(s.waiting), joinLimit)
	calls := slices.Clone(s.waiting[:n])
	s.waiting = slices.Delete(s.waiting, 0, n)
	return calls
}

// lead commits what is waiting until the leader's own call has ended.
func (s *boltStore) lead(own *boltCall) {
	for {
		select {
		case <-own.ended:
			return
		default:
		}
		calls := s.take()
		for _, c := range calls {
			c.err = errAborted
		}
		// In a goroutine of its own: a Goexit in one caller's function must
		// not end the leader, who carries the others.
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.commit(calls)
		}()
		<-done
		for _, c := range calls {
			close(c.ended)
		}
	}
}

// commit runs the calls in one transaction. Each writes to a layer of its
// own, which is put into the transaction if its function succeeds and thrown
// away if not: nobody suffers from a neighbour's error, and nothing runs twice.
func (s *boltStore) commit(calls []*boltCall) {
	s.commits.Add(1)
	defer s.commits.Add(1) // before anybody is told
	results := make([]error, len(calls))
	err := s.write(calls, results)
	for i, c := range calls {
		c.err = results[i]
		// When the commit fails, a function's own error goes with it: it may
		// rest on what a neighbour wrote, which is not there.
		if err != nil && !errors.Is(err, errNothing) {
			c.err = fmt.Errorf("commit: %w: %w", err, errUnavailable())
		}
	}
}

// write runs the calls, keeps what their functions said in results, and commits.
func (s *boltStore) write(calls []*boltCall, results []error) error {
	if err := s.settle(); err != nil {
		return err
	}
	id := 0
	err := s.db.Update(func(tx *bolt.Tx) error {
		id = tx.ID()
		wrote := false
		for i, c := range calls {
			l := &layer{ctx: c.ctx, engine: boltRead{tx}, writes: map[string]map[string]write{}}
			if results[i] = c.ctx.Err(); results[i] == nil {
				results[i] = guarded(c.fn, l)
			}
			if results[i] != nil || len(l.writes) == 0 {
				continue
			}
			wrote = true
			if err := apply(tx, l); err != nil {
				return err
			}
		}
		if !wrote {
			return errNothing
		}
		return nil
	})
	if err == nil || errors.Is(err, errNothing) || !s.has(id) {
		return err
	}
	s.doubt.Store(int64(id))
	return s.settle()
}

// has reports whether later transactions see the commit, durable or not.
func (s *boltStore) has(id int) (yes bool) {
	s.db.View(func(tx *bolt.Tx) error { yes = tx.ID() >= id; return nil }) // an error: it is closed
	return yes
}

// settle makes a commit durable whose last step failed: its pages are, but the
// one that names it, one of the first two of the file, may not be. That one is
// written again, as a failed fsync may have left it for written. Until this
// succeeds nothing is read, and nothing written: bbolt would use pages again
// that the state before this commit needs. That holds until whoever reads since
// then has ended.
func (s *boltStore) settle() error {
	id := s.doubt.Load()
	if id == 0 {
		return nil
	}
	f, err := os.OpenFile(s.db.Path(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	page := make([]byte, s.db.Info().PageSize)
	at := id % 2 * int64(len(page))
	_, err = f.ReadAt(page, at)
	if err == nil {
		_, err = f.WriteAt(page, at)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("make the last commit durable: %w", err)
	}
	// bbolt has forgotten which pages those need that read from before it.
	if n := s.db.Stats().OpenTxN; n > 0 {
		return fmt.Errorf("%d readers have not ended that began before a commit failed", n)
	}
	s.doubt.Store(0)
	return nil
}

// Version makes this a Versioned: the file is locked to this process.
func (s *boltStore) Version() (v uint64, settled bool) {
	v = s.commits.Load()
	return v, v%2 == 0
}

// guarded turns a panic of fn into an error: it would otherwise end the
// process, which carries other callers' work.
func guarded(fn func(Tx) error, tx Tx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("store: panic in transaction: %v", r)
		}
	}()
	return fn(tx)
}

func (s *boltStore) Close() error { return s.db.Close() }
