package inbox

// BaseStep divides every base that [Bases] makes: what an owner that is gone still has
// under way stays below the next one. Versions stay exact in a double for 8,191 epochs.
const BaseStep = 1 << 40

// Bases finds the base that all rows of a partition share in an epoch, so that a
// record's version is the same number in each of them. It is told of the partition's
// rows, in any order; the zero Bases knows of none.
type Bases struct {
	Epoch uint32

	rows    bool   // there are rows of Epoch
	base    uint64 // of those
	uneven  bool   // they differ
	highest uint64 // version of any row
	before  uint64 // highest version of the rows of other epochs
}

// Add tells of one row. Rows that nobody has written to have version 0 and count for
// nothing.
func (b *Bases) Add(epoch uint32, base, version uint64) {
	if version == 0 {
		return
	}
	b.highest = max(b.highest, version)
	switch {
	case epoch != b.Epoch:
		b.before = max(b.before, version)
	case !b.rows:
		b.rows, b.base = true, base
	case base != b.base:
		b.uneven = true
	}
}

// Base returns the shared base: that of the rows of the epoch, or without any the
// next multiple of [BaseStep] at or above every version. It reports false if rows of
// the epoch have different ones, or one below the version of a row that the epoch
// has not reached yet, as releases wrote that had a base for each row.
func (b *Bases) Base() (base uint64, even bool) {
	switch {
	case !b.rows:
		return (b.highest + BaseStep - 1) / BaseStep * BaseStep, true
	case b.uneven || b.base < b.before:
		return 0, false
	}
	return b.base, true
}
