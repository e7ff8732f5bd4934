package memo_test

import (
	"sync"
	"testing"

	"mohr/internal/memo"
)

func TestAMapHoldsNoMoreThanItsLimit(t *testing.T) {
	m := memo.New[int, int](10)
	for i := range 100 {
		m.Put(i, i)
		if v, ok := m.Get(i); !ok || v != i {
			t.Fatalf("%d is gone at once: %d, %t", i, v, ok)
		}
	}
	there := 0
	for i := range 100 {
		if _, ok := m.Get(i); ok {
			there++
		}
	}
	if there != 10 {
		t.Errorf("%d values of at most 10", there)
	}
	m.Put(99, 7)
	if v, _ := m.Get(99); v != 7 {
		t.Errorf("the newer value does not count: %d", v)
	}
}

func TestAMapOfNoSizeHoldsOne(t *testing.T) {
	m := memo.New[string, string](0)
	m.Put("a", "1")
	m.Put("b", "2")
	_, a := m.Get("a")
	if v, b := m.Get("b"); a || !b || v != "2" {
		t.Errorf("a %t, b %t %q", a, b, v)
	}
}

func TestAMapIsSharedSafely(t *testing.T) {
	m := memo.New[int, int](50)
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 500 {
				m.Put(w*i%97, w*i%97)
				if v, ok := m.Get(i % 97); ok && v != i%97 {
					t.Errorf("%d under %d", v, i%97)
				}
			}
		})
	}
	all.Wait()
}
