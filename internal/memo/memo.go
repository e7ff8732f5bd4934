// Package memo keeps a bounded number of results that can be made again.
package memo

import "sync"

// Map holds up to so many values by key. When it is full, values drawn at
// random make room: nothing may depend on what is still there. It is safe for
// concurrent use; values are shared and must not be changed.
type Map[K comparable, V any] struct {
	limit  int
	mu     sync.RWMutex
	values map[K]V
}

// New returns a Map of at most limit values; limit is at least one.
func New[K comparable, V any](limit int) *Map[K, V] {
	return &Map[K, V]{limit: max(limit, 1), values: map[K]V{}}
}

// Get returns the value kept under the key, and whether there is one.
func (m *Map[K, V]) Get(key K) (V, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	v, ok := m.values[key]
	return v, ok
}

// Put keeps the value under the key.
func (m *Map[K, V]) Put(key K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, had := m.values[key]; !had {
		for other := range m.values {
			if len(m.values) < m.limit {
				break
			}
			delete(m.values, other)
		}
	}
	m.values[key] = v
}
