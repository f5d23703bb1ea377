package inflate

import "context"

// portion is what one answer has become so far.
type portion struct {
	of   *budget
	left int             // of maxAnswer
	wait context.Context // how long room is waited for; nil: not at all

	bytes, records int
	taken          int64 // of the budget
}

// charge is what an answer takes of the budget: it is there twice while it is made, and
// its records have their place in memory once it is read. One that is larger than the
// budget has it alone.
func (p *portion) charge(bytes, records int) int64 {
	return min(p.of.total, max(0, int64(max(2*bytes, bytes+records*bytesOfARecord))-freeAnswer))
}

// reserve reports whether there is room for so much more.
func (p *portion) reserve(bytes, records int) bool {
	more := p.charge(p.bytes+bytes, p.records+records) - p.taken
	switch {
	case more <= 0:
		return true
	case p.of.take(more), p.wait != nil && p.of.wait(p.wait, more):
		p.taken += more
		return true
	}
	// Beyond the budget, once all patience is used up: what others hold may be theirs for
	// as long as nothing else comes, and a consumer goes on whatever they do.
	return p.wait != nil
}

// full reports whether there is no room for anything, since something had none.
func (p *portion) full() bool { return p.left <= 0 }

// fits reports whether the answer has room for so much more, which it has then. One
// batch is always there, so that a consumer goes on.
func (p *portion) fits(bytes, records int) bool {
	cost := bytes + records*bytesOfARecord
	if cost > p.left && p.left < maxAnswer {
		p.left = 0
		return false
	}
	if !p.reserve(bytes, records) {
		return false
	}
	p.left -= cost
	p.bytes += bytes
	p.records += records
	return true
}

// fitting returns how many bytes of batches without compression the answer has room for.
func (p *portion) fitting(in []byte) int {
	for rest := in; ; {
		b, ok := parseBatch(rest)
		if !ok {
			return len(in) // the rest is of another format, or cut by the broker
		}
		if !p.fits(len(b), weight(b[batchHead:], b.records())) {
			return len(in) - len(rest)
		}
		rest = rest[len(b):]
	}
}

// settle gives back what was reserved for more than there is.
func (p *portion) settle() {
	if over := p.taken - p.charge(p.bytes, p.records); over > 0 {
		p.of.give(over)
		p.taken -= over
	}
}

// share returns what the answer holds, for a client to keep; nil if that is nothing.
func (p *portion) share() *share {
	if p.taken == 0 {
		return nil
	}
	s := &share{of: p.of, kept: min(p.taken, max(0, int64(p.bytes+p.records*bytesOfARecord)-freeAnswer))}
	s.bytes.Store(p.taken)
	p.taken = 0
	return s
}
