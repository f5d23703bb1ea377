package store

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

const (
	// minAhead is from how many rows on one pass is cheaper than looking each up.
	minAhead = 16
	// maxAhead bounds what is read ahead of a partition and not asked for yet, in
	// bytes, and maxAllAhead that of all.
	maxAhead    = 8 << 20
	maxAllAhead = 24 << 20
	// aheadSteps is how far a pass goes row by row before it seeks.
	aheadSteps = 8
)

// ReadAhead reads the rows with those keys that are on the disk alone, in one pass in
// the order of their keys: [partitionStorage.Get] then has them at hand, once each.
// A row that is written meanwhile or later is not taken from there. What it cannot
// read is read when it is asked for. One call a partition at a time.
func (s *Store) ReadAhead(number int32, keys []string) error {
	if len(keys) < minAhead {
		return nil
	}
	p, err := s.partition(number)
	if err != nil {
		return err
	}
	missing := p.beginAhead(keys)
	found, err := p.readAhead(missing)
	p.endAhead(found)
	if err != nil {
		return fmt.Errorf("read rows of %s/%d ahead: %w", s.Topic, number, err)
	}
	return nil
}

// beginAhead returns those of the keys that are not in memory, in their order, and
// has what is written from now on remembered.
func (p *partition) beginAhead(keys []string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	missing := make([]string, 0, len(keys))
	for _, key := range keys {
		if _, ok := p.held(key); ok {
			continue
		}
		if _, ok := p.ahead[key]; ok {
			continue
		}
		missing = append(missing, key)
	}
	slices.Sort(missing)
	p.changed = map[string]struct{}{}
	return missing
}

// endAhead takes what was read, but for what was written meanwhile.
func (p *partition) endAhead(found map[string][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, value := range found {
		if _, ok := p.changed[key]; !ok {
			p.keepAhead(key, value)
		}
	}
	p.changed = nil
}

func (p *partition) keepAhead(key string, value []byte) {
	if p.ahead == nil {
		p.ahead = map[string][]byte{}
	}
	p.ahead[key] = value
	p.countAhead(len(key) + len(value) + entryBytes)
}

// dropAhead forgets a row that was read ahead, and returns it. A nil value with ok
// says that there is none on the disk.
func (p *partition) dropAhead(key string) (value []byte, ok bool) {
	if value, ok = p.ahead[key]; ok {
		delete(p.ahead, key)
		p.countAhead(-len(key) - len(value) - entryBytes)
	}
	return value, ok
}

func (p *partition) countAhead(bytes int) {
	p.aheadBytes += bytes
	p.store.ahead.Add(int64(bytes))
}

// forgetAhead forgets all that was read ahead.
func (p *partition) forgetAhead() {
	p.countAhead(-p.aheadBytes)
	p.ahead = nil
}

// readAhead reads rows whose keys are sorted, as far as there is room; a nil value
// is that of a row that is not there.
func (p *partition) readAhead(keys []string) (map[string][]byte, error) {
	p.mu.RLock()
	room := min(maxAhead-p.aheadBytes, maxAllAhead-int(p.store.ahead.Load()))
	p.mu.RUnlock()
	if len(keys) < minAhead || room <= 0 {
		return nil, nil
	}
	iter, err := p.store.rows.iterate(p.key(rowKind, ""), p.key(rowKind+1, ""))
	if err != nil {
		return nil, err
	}
	defer iter.Release()
	found := make(map[string][]byte, len(keys))
	at := aheadIterator{iter.iter, false}
	var wanted []byte
	for _, key := range keys {
		wanted = append(append(wanted[:0], iter.prefix...), key...)
		value, err := at.find(wanted)
		if err != nil {
			p.store.rows.fail(err)
			return nil, err
		}
		found[key] = value
		if room -= len(key) + len(value) + entryBytes; room <= 0 {
			break
		}
	}
	return found, nil
}

// aheadIterator goes forward over the rows of a partition.
type aheadIterator struct {
	*pebble.Iterator
	begun bool
}

// find returns a copy of the value of a key, nil if there is none. Keys must rise.
func (i *aheadIterator) find(key []byte) ([]byte, error) {
	valid := i.begun && i.Valid()
	for n := 0; valid && bytes.Compare(i.Key(), key) < 0; n++ {
		if n == aheadSteps {
			valid = i.SeekGE(key)
			break
		}
		valid = i.Next()
	}
	if !i.begun {
		i.begun, valid = true, i.SeekGE(key)
	}
	if err := i.Error(); err != nil || !valid || !bytes.Equal(i.Key(), key) {
		return nil, err
	}
	value, err := i.ValueAndErr()
	if err != nil {
		return nil, err
	}
	return append(make([]byte, 0, len(value)), value...), nil
}
