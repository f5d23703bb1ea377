package replay

import (
	"context"
	"slices"
	"strings"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/deadletter"
)

// A partition is read backwards in windows of that many offsets: the first ones
// of a page are found soon, and few among many without opening a connection for
// every thousand.
const (
	firstWindow = 512
	lastWindow  = 8192
)

// maxListedError bounds, in bytes, what a list holds of an error.
const maxListedError = 512

// backwards is one partition of the dead-letter topic, read backwards.
type backwards struct {
	letters   *Letters
	filter    *deadletter.Filter
	partition int32
	from, end int64

	last   int64      // letters from here on are not wanted any more
	next   int64      // what lies below is not read yet
	window int64      // 0: nothing was read yet
	marks  *offsetSet // said from next on
	found  []deadletter.Letter
}

// fill reads on until it has found a letter or everything is read.
func (p *backwards) fill(ctx context.Context) error {
	if p.window == 0 {
		var err error
		// Records shown by a page before this one may hold marks.
		if p.marks, err = p.letters.marks(ctx, p.partition, p.from, max(p.last, p.from), p.end); err != nil {
			return err
		}
		p.next, p.window = p.last, firstWindow
	}
	for len(p.found) == 0 && p.next > p.from {
		if err := p.read(ctx, max(p.next-p.window, p.from)); err != nil {
			return err
		}
		p.window = min(2*p.window, lastWindow)
	}
	return nil
}

// read takes the letters from there up to next.
func (p *backwards) read(ctx context.Context, from int64) error {
	var found []deadletter.Letter
	err := p.letters.scan(ctx, p.partition, from, p.next, func(m *sarama.ConsumerMessage, offsets []int64) error {
		if offsets != nil {
			p.marks.add(offsets)
			return nil
		}
		letter := readLetter(m)
		letter.Key, letter.Value, letter.Headers, letter.Stack = nil, nil, nil, ""
		letter.Error = strings.ToValidUTF8(letter.Error[:min(len(letter.Error), maxListedError)], "")
		found = append(found, letter)
		return nil
	})
	if err != nil {
		return err
	}
	// Marks lie behind what they mark: now all are known.
	for _, letter := range slices.Backward(found) {
		letter.Replayed = p.marks.has(letter.ID.Offset)
		if p.filter.Match(&letter) {
			p.found = append(p.found, letter)
		}
	}
	p.next = from
	return nil
}

// take removes the newest letter.
func (p *backwards) take() deadletter.Letter {
	letter := p.found[0]
	p.found, p.last = p.found[1:], letter.ID.Offset
	return letter
}

// offsetSet is a set of offsets from base on, a bit for each.
type offsetSet struct {
	base  int64
	words []uint64
}

// add leaves out what lies before base.
func (s *offsetSet) add(offsets []int64) {
	for _, o := range offsets {
		n := o - s.base
		if n < 0 {
			continue
		}
		if short := int(n/64) + 1 - len(s.words); short > 0 {
			s.words = append(s.words, make([]uint64, short)...)
		}
		s.words[n/64] |= 1 << (n % 64)
	}
}

func (s *offsetSet) has(offset int64) bool {
	n := offset - s.base
	return n >= 0 && n/64 < int64(len(s.words)) && s.words[n/64]&(1<<(n%64)) != 0
}
