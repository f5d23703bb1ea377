package stream

// urgentShare is how many rounds in a row the urgent lane may have while others
// wait: a flood of urgent items leaves the others the 16th part of the work.
const urgentShare = 15

// lanes are the subscribers that are to be served: those with an urgent item to be
// shown, and all others. Within a lane who came first is served first. Without a
// lane of its own an urgent item waits for all that is in the queue, which after a
// change for everybody is a round for each open user. The zero value is empty. Its
// methods want streams.mu held.
type lanes struct {
	urgent, rest queue
	inARow       int // how many were taken from urgent since one of rest had its turn
}

// place is where subscribers stand in a lane.
type place struct {
	in         *queue // nil for none
	prev, next *subscribers
}

// push puts a at the end of its lane.
func (l *lanes) push(a *subscribers) {
	if a.urgent > 0 {
		l.urgent.push(a)
	} else {
		l.rest.push(a)
	}
}

// hurry has a change to the urgent lane if it stands in the other.
func (l *lanes) hurry(a *subscribers) {
	if a.place.in == &l.rest {
		l.rest.remove(a)
		l.urgent.push(a)
	}
}

// pop takes out who is to be served next, nil if nobody is.
func (l *lanes) pop() *subscribers {
	lane := &l.urgent
	if l.urgent.first == nil || l.inARow >= urgentShare && l.rest.first != nil {
		lane = &l.rest
	}
	if lane == &l.rest {
		l.inARow = 0
	} else {
		l.inARow++
	}
	a := lane.first
	if a != nil {
		lane.remove(a)
	}
	return a
}

// queue is a lane.
type queue struct{ first, last *subscribers }

func (q *queue) push(a *subscribers) {
	a.place = place{in: q, prev: q.last}
	if q.last == nil {
		q.first = a
	} else {
		q.last.place.next = a
	}
	q.last = a
}

func (q *queue) remove(a *subscribers) {
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
