package store

// A partition that was opened empty is restored until it is marked recovered: its rows
// come once each, nearly, and more of them than are ever written at a time afterwards.
// Pebble compacts rarely then, since each compaction writes again what the ones before
// have written, and a row that was never written is not looked for on the disk.

const (
	// restoreLevels is up to how many overlapping files on the disk nothing is
	// compacted while something is restored: 1.5 GB of rows. Pebble keeps 190 files open.
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
		p.store.rows.restores(1)
	}
	return nil
}

// endRestore may be called with the partition locked only, also if it is not restored.
func (p *partition) endRestore() {
	if p.written == nil {
		return
	}
	p.written.forget()
	p.written = nil
	p.store.rows.restores(-1)
}
