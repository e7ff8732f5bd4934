package web_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"mohr/internal/fault"
	"mohr/internal/web"
)

// TestNobodyTakesAPlaceThatIsNotFree has one place and room for one who waits.
func TestNobodyTakesAPlaceThatIsNotFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := web.NewPlaces(1, 1, 10*time.Second)
		give, err := p.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan error, 1)
		wait := func(ctx context.Context) {
			go func() {
				give, err := p.Take(ctx)
				if err == nil {
					give()
				}
				got <- err
			}()
			synctest.Wait()
		}
		wait(t.Context())
		if _, err := p.Take(t.Context()); !errors.Is(err, fault.Unavailable) {
			t.Errorf("one more than may wait: %v", err)
		}
		give()
		if err := <-got; err != nil {
			t.Errorf("who waited: %v", err)
		}
		if give, err = p.Take(t.Context()); err != nil {
			t.Fatal("the place was not given back")
		}
		defer give()
		wait(t.Context())
		time.Sleep(10 * time.Second)
		if err := <-got; !errors.Is(err, fault.Unavailable) {
			t.Errorf("who waited too long: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		wait(ctx)
		cancel()
		if err := <-got; !errors.Is(err, context.Canceled) {
			t.Errorf("who went away: %v", err)
		}
	})
	var none *web.Places
	if give, err := none.Take(t.Context()); err != nil {
		t.Error(err)
	} else {
		give()
	}
}
