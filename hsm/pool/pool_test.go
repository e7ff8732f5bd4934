package pool_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mohr/hsm/pool"
	"mohr/internal/fault"
)

var (
	errLost = errors.New("session lost")
	errGone = errors.New("no such store")
)

// store is a key store that does what a test says. Its connections are numbered.
type store struct {
	opened, closed atomic.Int32
	gone           atomic.Bool   // opening fails
	hangs          chan struct{} // opening waits for it, if not nil
}

const most = 10 * time.Second

func (s *store) pool(t *testing.T, g *pool.Group) *pool.Pool[int32] {
	t.Helper()
	return pool.New(g, pool.Config[int32]{
		Name: "store", Log: slog.New(slog.DiscardHandler), Turns: 4,
		Open: func(context.Context) (int32, error) {
			if s.hangs != nil {
				<-s.hangs
			}
			n := s.opened.Add(1)
			if s.gone.Load() {
				return 0, errGone
			}
			return n, nil
		},
		Close: func(int32) { s.closed.Add(1) },
		Lost:  func(err error) bool { return errors.Is(err, errLost) },
	})
}

func group(t *testing.T) *pool.Group {
	t.Helper()
	g := pool.NewGroup()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := g.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return g
}

// which returns the number of the connection that the call got.
func which(_ context.Context, n int32) (int32, error) { return n, nil }

// cut loses the connection number n and returns the number of any other.
func cut(n int32) func(context.Context, int32) (int32, error) {
	return func(_ context.Context, got int32) (int32, error) {
		if got == n {
			return 0, errLost
		}
		return got, nil
	}
}

func TestALostConnectionIsOpenedAgainAndTheCallRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		p := s.pool(t, group(t))
		if n, err := pool.Do(t.Context(), p, most, cut(1)); n != 2 || err != nil {
			t.Errorf("connection %d, error %v", n, err)
		}
		synctest.Wait()
		if o, c := s.opened.Load(), s.closed.Load(); o != 2 || c != 1 {
			t.Errorf("opened %d times, closed %d times", o, c)
		}
	})
}

func TestAnErrorThatIsNoLossIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, runs := &store{}, 0
		p := s.pool(t, group(t))
		_, err := pool.Do(t.Context(), p, most, func(context.Context, int32) (int, error) {
			runs++
			return 0, errGone
		})
		if err != errGone || runs != 1 || s.closed.Load() != 0 {
			t.Errorf("error %v, run %d times, closed %d times", err, runs, s.closed.Load())
		}
	})
}

func TestOneLossSeenByManyIsOneReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		p := s.pool(t, group(t))
		var fine atomic.Int32
		for range 64 {
			go func() {
				if _, err := pool.Do(t.Context(), p, most, cut(1)); err == nil {
					fine.Add(1)
				}
			}()
		}
		synctest.Wait()
		if fine.Load() != 64 || s.opened.Load() != 2 || s.closed.Load() != 1 {
			t.Errorf("%d fine, opened %d times, closed %d times", fine.Load(), s.opened.Load(), s.closed.Load())
		}
	})
}

// TestADeadStoreCostsCallersNothing: they fail at once, the store is asked
// ever more rarely, and it comes back without a caller.
func TestADeadStoreCostsCallersNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		p := s.pool(t, group(t))
		if _, err := pool.Do(t.Context(), p, most, which); err != nil {
			t.Fatal(err)
		}
		s.gone.Store(true)
		began, calls := time.Now(), 0
		for ; time.Since(began) < 10*time.Minute; calls++ {
			at := time.Now()
			if _, err := pool.Do(t.Context(), p, most, cut(1)); !errors.Is(err, errGone) {
				t.Fatalf("error %v", err)
			}
			if took := time.Since(at); took != 0 {
				t.Fatalf("a caller waited %s", took)
			}
			time.Sleep(time.Second)
		}
		if asked := s.opened.Load(); asked < 200 || asked > 410 {
			t.Errorf("%d calls asked the store %d times in ten minutes; every 1.5 to 3 s was meant", calls, asked)
		}
		s.gone.Store(false)
		asked := s.opened.Load()
		time.Sleep(3 * time.Second)
		if s.opened.Load() != asked+1 {
			t.Errorf("without callers it was asked %d times", s.opened.Load()-asked)
		}
		if _, err := pool.Do(t.Context(), p, most, which); err != nil {
			t.Error(err)
		}
	})
}

func TestAHungCallEndsForItsCallerAndDoesNotHoldTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, release := &store{}, make(chan struct{})
		p := s.pool(t, group(t))
		hang := func(_ context.Context, n int32) (int32, error) {
			if n == 1 {
				<-release
			}
			return n, nil
		}
		began := time.Now()
		_, err := pool.Do(t.Context(), p, most, hang)
		if took := time.Since(began); took != most || fault.Code(err) != "key_timeout" || !errors.Is(err, fault.Unavailable) {
			t.Errorf("after %s: %v", took, err)
		}
		// The driver has two seconds to end what is under way; callers do not wait.
		began = time.Now()
		if _, err := pool.Do(t.Context(), p, most, hang); !errors.Is(err, fault.Unavailable) || time.Since(began) != 0 {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n, err := pool.Do(t.Context(), p, most, hang); n != 2 || err != nil {
			t.Errorf("connection %d, error %v", n, err)
		}
		if s.closed.Load() != 0 {
			t.Error("a connection was closed with a call under way on it")
		}
		close(release)
		synctest.Wait()
		if s.closed.Load() != 1 {
			t.Error("the connection left behind is not closed when its call ends")
		}
	})
}

func TestAStoreThatAlwaysHangsIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, release := &store{}, make(chan struct{})
		p := s.pool(t, group(t))
		var under, highest atomic.Int32
		hang := func(context.Context, int32) (int, error) {
			if n := under.Add(1); n > highest.Load() {
				highest.Store(n)
			}
			defer under.Add(-1)
			<-release
			return 0, nil
		}
		for range 500 {
			go pool.Do(t.Context(), p, most, hang)
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		if n := highest.Load(); n > 3*4 {
			t.Errorf("%d calls hang, three rounds of four are allowed", n)
		}
		at := time.Now()
		if _, err := pool.Do(t.Context(), p, most, hang); err == nil || time.Since(at) > time.Second {
			t.Errorf("after %s: %v", time.Since(at), err)
		}
		close(release)
		time.Sleep(3 * time.Second)
		if _, err := pool.Do(t.Context(), p, most, which); err != nil {
			t.Errorf("after the hang: %v", err)
		}
	})
}

func TestAnOpeningThatHangsHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		p := s.pool(t, group(t))
		if _, err := pool.Do(t.Context(), p, most, which); err != nil {
			t.Fatal(err)
		}
		s.hangs = make(chan struct{})
		for i := range 10 {
			at := time.Now()
			_, err := pool.Do(t.Context(), p, most, cut(1))
			if took := time.Since(at); err == nil || took > time.Second || i > 0 && took != 0 {
				t.Errorf("caller %d after %s: %v", i, took, err)
			}
		}
		close(s.hangs)
		synctest.Wait()
		if n, err := pool.Do(t.Context(), p, most, which); n != 2 || err != nil {
			t.Errorf("connection %d, error %v", n, err)
		}
	})
}

// TestTheFirstOpeningIsWaitedFor: a start of the service has nothing better to do.
func TestTheFirstOpeningIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{hangs: make(chan struct{})}
		p := s.pool(t, group(t))
		time.AfterFunc(most-time.Second, func() { close(s.hangs) })
		if n, err := pool.Do(t.Context(), p, most, which); n != 1 || err != nil {
			t.Errorf("connection %d, error %v", n, err)
		}
	})
}

func TestPoolsOfAGroupAreClosedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, a, b := group(t), &store{}, &store{}
		p, q := a.pool(t, g), b.pool(t, g)
		if _, err := pool.Do(t.Context(), q, most, which); err != nil {
			t.Fatal(err)
		}
		// A call on the other pool is let end first.
		ended := make(chan struct{})
		go pool.Do(t.Context(), q, most, func(context.Context, int32) (int, error) {
			time.Sleep(time.Second / 2)
			if b.closed.Load() != 0 {
				t.Error("closed under a call's feet")
			}
			close(ended)
			return 0, nil
		})
		synctest.Wait()
		if n, err := pool.Do(t.Context(), p, most, cut(1)); n != 2 || err != nil {
			t.Errorf("connection %d, error %v", n, err)
		}
		<-ended
		if a.closed.Load() != 1 || b.closed.Load() != 1 {
			t.Errorf("closed %d and %d times", a.closed.Load(), b.closed.Load())
		}
		if n, err := pool.Do(t.Context(), q, most, which); n != 2 || err != nil {
			t.Errorf("connection %d, error %v", n, err)
		}
	})
}

func TestACallerWhoWentAwayIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		p := s.pool(t, group(t))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := pool.Do(ctx, p, most, func(ctx context.Context, _ int32) (int, error) {
			time.Sleep(2 * time.Second)
			return 0, ctx.Err() // not the caller's: what has begun is let end
		})
		if fault.Code(err) != "key_timeout" || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if n, err := pool.Do(t.Context(), p, most, which); n != 1 || err != nil {
			t.Errorf("connection %d, error %v", n, err)
		}
	})
}

func TestMoreCallersThanTheStoreCanServeAreNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		p := s.pool(t, group(t))
		var fine, late atomic.Int32
		for range 100 {
			go func() {
				_, err := pool.Do(t.Context(), p, most, func(context.Context, int32) (int, error) {
					time.Sleep(3 * time.Second)
					return 0, nil
				})
				switch {
				case err == nil:
					fine.Add(1)
				case fault.Code(err) == "key_timeout":
					late.Add(1)
				}
			}()
		}
		time.Sleep(time.Minute)
		if fine.Load() != 3*4 || late.Load() != 100-3*4 || s.opened.Load() != 1 {
			t.Errorf("%d served, %d told to come again, opened %d times", fine.Load(), late.Load(), s.opened.Load())
		}
	})
}

func TestAPanicInTheDriverIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{}
		p := s.pool(t, group(t))
		if _, err := pool.Do(t.Context(), p, most, func(context.Context, int32) (int, error) { panic("driver") }); err == nil {
			t.Error("no error")
		}
		if _, err := pool.Do(t.Context(), p, most, which); err != nil {
			t.Errorf("the store is blocked: %v", err)
		}
	})
}

func TestAClosedGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, s := pool.NewGroup(), &store{}
		p := s.pool(t, g)
		release := make(chan struct{})
		go pool.Do(t.Context(), p, most, func(context.Context, int32) (int, error) { <-release; return 0, nil })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.Close(ctx); err == nil {
			t.Error("closed with a call under way")
		}
		_, err := pool.Do(t.Context(), p, most, which)
		if fault.Code(err) != "keyring_closed" {
			t.Errorf("error %v", err)
		}
		close(release)
		if err := errors.Join(g.Close(t.Context()), g.Close(t.Context())); err != nil {
			t.Error(err)
		}
		if s.opened.Load() != 1 || s.closed.Load() != 1 {
			t.Errorf("opened %d times, closed %d times", s.opened.Load(), s.closed.Load())
		}
	})
}
