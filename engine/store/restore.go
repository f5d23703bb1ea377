package store

// A partition that was opened empty is restored until it is marked recovered: its rows
// come once each, nearly, and more of them than are ever written at a time afterwards.
// They are written in sorted files of their own, past what Pebble has for rows that change.
// It compacts rarely then, since each compaction writes again what the ones before
// have written, and a row that was never written is not looked for on the disk.

const (
	// restoreBytes is what a store keeps in memory while something is restored: larger
	// files are fewer, and so are the compactions.
	restoreBytes = 32 << 20
	// restoreLevels is up to how many overlapping files on the disk nothing is
	// compacted while something is restored: 4.5 GB of rows. Pebble keeps 190 files open.
	restoreLevels = 150
	// fewLevels is from how many on Pebble compacts at other times.
	fewLevels = 8
)

// restores says that so many partitions more are restored.
func (r *rows) restores(more int64) {
	if r.restoring.Add(more) == 0 {
		r.compactions.let()
		return
	}
	r.restored.Store(true)
}

// unflushed is how many bytes the store keeps in memory before it writes them to disk.
func (s *Store) unflushed() int64 {
	if s.rows.restoring.Load() > 0 {
		return restoreBytes
	}
	return unflushedBytes
}

// pace has what was written compacted, or wait for that.
func (r *rows) pace() {
	if r.restoring.Load() == 0 {
		return
	}
	switch levels := r.levels(); {
	case levels >= restoreLevels:
		r.compactions.let()
	case levels <= fewLevels:
		r.compactions.hold()
	}
	if r.restoring.Load() == 0 { // since it was looked at
		r.compactions.let()
	}
}

// levels is how many files overlap that were not compacted yet.
func (r *rows) levels() int { return int(r.db.Metrics().Levels[0].Sublevels) }

// mostLevels is from how many levels on a write waits for compaction: what was put off
// while something was restored holds nobody up.
func (r *rows) mostLevels(levels int) int {
	switch {
	case r.restoring.Load() > 0:
		return restoreLevels + fewLevels
	case !r.restored.Load():
		return slowLevels
	case levels <= slowLevels:
		r.restored.Store(false)
		return slowLevels
	}
	return restoreLevels + fewLevels
}

// beginRestore has a partition that was opened without an offset be restored, unless
// there are rows all the same: the process was killed before it had an offset for them.
func (p *partition) beginRestore() error {
	found, err := p.has(rowKind)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !found && p.puts == 0 {
		p.written = newWritten(&p.store.rows.writtenRoom)
		p.bulk, p.bulkFlushed = &bulk{from: &p.store.chunks}, &bulk{from: &p.store.chunks}
		p.store.rows.restores(1)
	}
	return nil
}

// endRestore may be called with the partition locked only, also if it is not restored.
// Rows that are not on the disk yet are kept as others are.
func (p *partition) endRestore() {
	if p.written == nil {
		return
	}
	if p.store.flushing.TryLock() {
		p.store.flushing.Unlock() // what was flushed is on the disk
	} else {
		was := p.bulkFlushed
		p.flushed = make(map[string][]byte, len(was.rows))
		for i := range was.rows { // chunks and all
			p.flushed[string(was.key(&was.rows[i]))] = was.value(&was.rows[i])
		}
	}
	p.store.bytes.Add(-p.bytes)
	p.bytes = 0
	for i := range p.bulk.rows {
		row := &p.bulk.rows[i]
		p.bytes += int64(p.putFresh(string(p.bulk.key(row)), p.bulk.value(row)))
	}
	p.store.bytes.Add(p.bytes)
	p.written.forget()
	p.written, p.bulk, p.bulkFlushed = nil, nil, nil
	if p.store.rows.restores(-1); p.store.rows.restoring.Load() == 0 {
		p.store.chunks.forget()
	}
}
