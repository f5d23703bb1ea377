// Package recent is a map of bounded size that keeps what was used last.
//
// It imports nothing. Begin with Map.
package recent

// Map holds entries in two generations. When the younger one is full it becomes
// the older one, and what was in the older one is forgotten: so the last entries
// are there, between one and two times as many as a generation holds. It is not
// safe for concurrent use.
type Map[K comparable, V any] struct {
	size       int // of a generation
	young, old map[K]V
}

// New returns an empty Map whose generations hold size entries each.
func New[K comparable, V any](size int) *Map[K, V] {
	return &Map[K, V]{size: size, young: map[K]V{}}
}

// Put adds or replaces an entry.
func (m *Map[K, V]) Put(key K, value V) {
	if _, ok := m.young[key]; !ok && m.Full() {
		m.Turn()
	}
	m.young[key] = value
}

// Get returns an entry and does not keep it longer for that.
func (m *Map[K, V]) Get(key K) (V, bool) {
	if value, ok := m.young[key]; ok {
		return value, true
	}
	value, ok := m.old[key]
	return value, ok
}

// Use returns an entry, which from now on counts as one of the last.
func (m *Map[K, V]) Use(key K) (V, bool) {
	value, ok := m.Get(key)
	if _, young := m.young[key]; ok && !young {
		m.Put(key, value)
	}
	return value, ok
}

// Take removes an entry and returns it.
func (m *Map[K, V]) Take(key K) (V, bool) {
	value, ok := m.Get(key)
	delete(m.young, key)
	delete(m.old, key)
	return value, ok
}

// Turn makes the younger generation the older one.
func (m *Map[K, V]) Turn() { m.old, m.young = m.young, map[K]V{} }

// Full reports whether the younger generation holds as many as it may.
func (m *Map[K, V]) Full() bool { return len(m.young) >= m.size }

// Len is how many entries there are, those counted twice that were used again.
func (m *Map[K, V]) Len() int { return len(m.young) + len(m.old) }
