package stream

// laneShare is how many rounds in a row a lane may have while a lower one waits: a flood
// in it leaves the others the 16th part of the work.
const laneShare = 15

// lanes are the subscribers that are to be served: those with an urgent item to be
// shown, those of whom something else has changed, and those whose notice board has,
// which are all of a partition at once. Within a lane who came first is served first.
// Without lanes what is urgent, and what is of one user alone, would wait for a round for
// each open user after a change for everybody. The zero value is empty. Its methods want
// streams.mu held.
type lanes struct {
	urgent, rest, notices queue
	inARow                [2]int // how many were taken from urgent and rest since a lower one had its turn
}

// place is where subscribers stand in a lane.
type place struct {
	in         *queue // nil for none
	prev, next *subscribers
}

// of is the lane that a belongs to.
func (l *lanes) of(a *subscribers) *queue {
	switch {
	case a.urgent > 0:
		return &l.urgent
	case a.noticed:
		return &l.notices
	}
	return &l.rest
}

// push puts a at the end of its lane.
func (l *lanes) push(a *subscribers) { l.of(a).push(a) }

// hurry has a change to its lane if it stands in another.
func (l *lanes) hurry(a *subscribers) {
	if lane := l.of(a); a.place.in != nil && a.place.in != lane {
		a.place.in.remove(a)
		lane.push(a)
	}
}

// pop takes out who is to be served next, nil if nobody is.
func (l *lanes) pop() *subscribers {
	all := [...]*queue{&l.urgent, &l.rest, &l.notices}
	for i, lane := range all {
		lower := false
		for _, other := range all[i+1:] {
			lower = lower || other.first != nil
		}
		switch {
		case lane.first == nil:
			continue
		case lower && l.inARow[i] >= laneShare:
			l.inARow[i] = 0
			continue
		case i < len(l.inARow):
			l.inARow[i]++
		}
		a := lane.first
		lane.remove(a)
		return a
	}
	return nil
}

// queue is a lane.
type queue struct {
	first, last *subscribers
	length      int
}

func (q *queue) push(a *subscribers) {
	q.length++
	a.place = place{in: q, prev: q.last}
	if q.last == nil {
		q.first = a
	} else {
		q.last.place.next = a
	}
	q.last = a
}

func (q *queue) remove(a *subscribers) {
	q.length--
	prev, next := a.place.prev, a.place.next
	if prev == nil {
		q.first = next
	} else {
		prev.place.next = next
	}
	if next == nil {
		q.last = prev
	} else {
		next.place.prev = prev
	}
	a.place = place{}
}
