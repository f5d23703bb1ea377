package senders

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
)

const (
	// window is how long a decision tries to reach an endpoint before it is given back; the
	// time that it waits for a relay comes before it.
	window = 30 * time.Second
	// A decision that was given back is made anew after firstPause, which doubles up to lastPause
	// with each failure in a row; a quarter more or less, so that users spread.
	firstPause = time.Minute
	lastPause  = time.Hour
	spread     = 0.25
	// linger is how long a session that ends waits for answers under way.
	linger = 3 * time.Second
	// tellWait is when somebody is told that a decision waits for its row.
	tellWait = 2 * time.Second
	// tablesPoll is the time between two looks for a table that is recovered.
	tablesPoll = time.Second
	// appendPause is the time between two tries to write to the journal.
	appendPause = time.Second
)

// End is what became of a decision.
type End string

// The ends. Those given back are decided anew by the owner of the row.
const (
	EndSent       End = "sent"        // one endpoint or more was reached
	EndNothing    End = "nothing"     // nothing was left to tell
	EndRepeat     End = "repeat"      // it came again, and was sent the first time
	EndLate       End = "late"        // given back: its time is over, or preferences are newer
	EndNoEndpoint End = "no-endpoint" // given back: no endpoint is left
	EndFailed     End = "failed"      // given back: none was reached
	EndLetter     End = "dead-letter" // none was reached in reach.MaxAttempts attempts
	EndGivenUp    End = "given-up"    // the session ended: whoever has the partition next does it
)

// decision is one on its way.
type decision struct {
	*Sender
	user string
	inbox.Outbound
	waits func(error) // never nil

	mu        sync.Mutex
	notBefore time.Time // the earliest at which an endpoint may be asked; zero: none said

	probes []*origin // that it may have been the probe of; guarded by the lock of origins
}

// Deliver sends the messages of a decision, or gives it back, and returns what became of
// it; an error says why it is a dead letter. It waits as long as it takes until the row
// is there. Once ctx has ended nothing more is begun, and what is under way has three
// seconds. waits, which may be nil, is told what it waits for, and of nil once it does
// not wait any more.
func (s *Sender) Deliver(ctx context.Context, user string, o inbox.Outbound, waits func(error)) (End, error) {
	if s.isRepeat(user, &o) {
		return EndRepeat, nil
	}
	if waits == nil {
		waits = func(error) {}
	}
	d := &decision{Sender: s, user: user, Outbound: o, waits: waits}
	defer s.origins.leave(d)
	for {
		if end, err := d.attempt(ctx); end != endNotReady {
			return end, err
		}
	}
}

// endNotReady says that a table could not be read any more: the attempt does not count, and
// is made anew once it can.
const endNotReady End = "not-ready"

// attempt waits for what it needs, and sends or gives back.
func (d *decision) attempt(ctx context.Context) (End, error) {
	row, err := d.awaitRow(ctx)
	switch {
	case ctx.Err() != nil:
		return EndGivenUp, nil
	case err != nil:
		return EndLetter, err
	}
	// Answers that are under way when the session ends are worth a moment.
	over, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(linger, cancel)
		context.AfterFunc(over, func() { timer.Stop() })
	})()
	if !d.awaitTables(ctx, &row) {
		return EndGivenUp, nil
	}
	switch look := reach.Look(&row, &d.Outbound, time.Now()); look.Verdict {
	case reach.Nothing:
		return EndNothing, nil
	case reach.Late:
		return d.giveBack(over, EndLate)
	case reach.NoEndpoint:
		return d.giveBack(over, EndNoEndpoint)
	default:
		return d.send(ctx, over, look.Endpoints)
	}
}

// awaitRow returns the user's row once it is at the decision. An error other than that of
// ctx is about a row that nobody can read.
func (d *decision) awaitRow(ctx context.Context) (inbox.State, error) {
	changed := make(chan struct{}, 1)
	stop := d.Rows.Watch(d.user, func() { engine.Wake(changed) })
	defer stop()
	timer := time.NewTimer(tellWait)
	defer timer.Stop()
	told := false
	for {
		row, err := d.Rows.Row(d.user)
		switch {
		case err == nil && row.Version >= d.Decision:
			if told {
				d.waits(nil)
			}
			return row, nil
		case errors.Is(err, belfry.ErrCorrupt), errors.Is(err, belfry.ErrNewerFormat):
			return row, fmt.Errorf("read the row: %w", err)
		}
		select {
		case <-changed:
		case <-timer.C:
			if !told {
				told = true
				d.waits(fmt.Errorf("its user's row is not at version %d yet", d.Decision))
			}
			timer.Reset(againAfter) // a table that is not ready tells nobody when it can be read
		case <-ctx.Done():
			return row, ctx.Err()
		}
	}
}

// awaitTables waits until contents can be read at all: after a start their table takes
// longer than that of rows, which is nobody's failure. It reports whether ctx goes on.
func (d *decision) awaitTables(ctx context.Context, row *inbox.State) bool {
	endpoints := row.Endpoints(d.Kind)
	if len(endpoints) == 0 {
		return true
	}
	told := false
	for {
		// One tells of all: what is ready or not is the partition.
		if _, _, err := d.Contents.Endpoint(d.user, endpoints[0].Seq); !errors.Is(err, belfry.ErrNotReady) {
			if told {
				d.waits(nil)
			}
			return true
		}
		if !told {
			told = true
			d.waits(fmt.Errorf("the contents of inboxes: %w", belfry.ErrNotReady))
		}
		if !engine.Sleep(ctx, tablesPoll) {
			return false
		}
	}
}

// fate is what became of one endpoint.
type fate uint8

const (
	fateFailed fate = iota
	fateReached
	fateGone    // it is no more
	fateNothing // nothing was left to tell when it was its turn
	fateLate
	fateGivenUp
	fateMissing  // a content is not there yet
	fateNotReady // no content can be read at all
)

// send asks all endpoints at once, and gives the decision back if none was reached.
func (d *decision) send(ctx, over context.Context, endpoints []inbox.Endpoint) (End, error) {
	fates := make([]fate, len(endpoints))
	var all sync.WaitGroup
	for i := range endpoints {
		all.Go(func() { fates[i] = d.try(ctx, over, endpoints[i].Seq) })
	}
	all.Wait()
	has := func(f fate) bool { return slices.Contains(fates, f) }
	switch {
	case has(fateReached):
		d.noteSent(d.user, &d.Outbound)
		return EndSent, nil
	case has(fateNothing):
		return EndNothing, nil
	case has(fateGivenUp):
		return EndGivenUp, nil
	case has(fateLate):
		return d.giveBack(over, EndLate)
	case has(fateFailed):
		return d.giveBack(over, EndFailed)
	case has(fateNotReady):
		return endNotReady, nil
	}
	return d.giveBack(over, EndNoEndpoint)
}

// try asks one endpoint until it has an answer that counts, or the window is over. A relay
// that does not work is waited for until the decision is late.
func (d *decision) try(ctx, over context.Context, endpoint uint64) fate {
	end := time.Now().Add(window)
	if until := d.resting.over(d.user, endpoint); until.After(end) {
		d.wait(until)
		return fateFailed
	}
	for {
		to, f, ok := d.address(ctx, end, endpoint)
		if !ok {
			return f
		}
		origin, service := d.Transport.Names(to)
		by := end
		if d.relay != nil {
			by = time.UnixMilli(d.GoodUntil + 1)
		}
		slot, until, err := d.origins.take(ctx, origin, d, by)
		switch {
		case ctx.Err() != nil && slot == nil:
			return fateGivenUp
		case err != nil && d.relay != nil:
			return fateLate
		case err != nil:
			d.wait(until)
			return fateFailed
		}
		if d.relay != nil {
			end = time.Now().Add(window)
		}
		m, f, ok := d.message(ctx, end, endpoint, false) // the last look
		if !ok {
			d.origins.put(slot)
			if f != fateMissing {
				return f
			}
			// A content is awaited without a slot, which others may need meanwhile.
			if _, f, ok := d.message(ctx, end, endpoint, true); !ok {
				return f
			}
			continue
		}
		said := d.ask(over, end, m, to, service)
		again := d.origins.give(slot, said)
		switch said.Result {
		case Accepted, Unanswered:
			return fateReached
		case Gone:
			if !d.append(over, inbox.Record{Kind: inbox.KindEndpointGone, Seqs: []uint64{endpoint}, Reason: said.Detail}) {
				return fateGivenUp
			}
			d.Metrics.gone.WithLabelValues(d.Channel).Inc()
			return fateGone
		case Rejected, Deferred:
			if said.Wait == 0 {
				again = time.Time{}
			}
			return d.later(endpoint, again)
		case Unauthorized:
			if d.relay == nil {
				return d.later(endpoint, time.Time{})
			}
		case Limited, Unavailable, Unreachable:
		}
		if over.Err() != nil || ctx.Err() != nil {
			return fateGivenUp
		}
		if d.relay != nil {
			continue // as it is asked for a slot, it waits
		}
		if again.After(end) {
			return d.later(endpoint, again)
		}
		if !engine.Sleep(ctx, time.Until(again)) {
			return fateGivenUp
		}
	}
}

// ask sends within the window, or a relay's patience, and counts the answer.
func (d *decision) ask(over context.Context, end time.Time, m *Message, to *inbox.Address, service string) Answer {
	if d.relay != nil {
		end = time.Now().Add(d.relay.Patience())
	}
	ctx, cancel := context.WithDeadline(over, end)
	defer cancel()
	begun := time.Now()
	d.Metrics.underWay.WithLabelValues(d.Channel).Inc()
	said := d.Transport.Send(ctx, m, to)
	d.Metrics.underWay.WithLabelValues(d.Channel).Dec()
	d.Metrics.answers.WithLabelValues(d.Channel, service, string(said.Result)).Inc()
	if !said.Unasked {
		d.Metrics.seconds.WithLabelValues(d.Channel).Observe(time.Since(begun).Seconds())
	}
	d.tell(service, said)
	return said
}

// address is the content of an endpoint, which is there not later than the row that names
// it, but in another table.
func (d *decision) address(ctx context.Context, end time.Time, seq uint64) (*inbox.Address, fate, bool) {
	var to inbox.Address
	f, ok := d.await(ctx, end, true, func(row *inbox.State) (bool, error) {
		if !row.HoldsEndpoint(seq) {
			return false, errGone
		}
		a, ok, err := d.Contents.Endpoint(d.user, seq)
		to = a
		return ok, err
	})
	return &to, f, ok
}

var errGone = errors.New("the endpoint was removed")

// message is what is to be told by the newest row, with the contents that it takes. It
// waits for those, or tells that one is missing.
func (d *decision) message(ctx context.Context, end time.Time, endpoint uint64, patient bool) (*Message, fate, bool) {
	var m *Message
	f, ok := d.await(ctx, end, patient, func(row *inbox.State) (bool, error) {
		if !row.HoldsEndpoint(endpoint) {
			return false, errGone
		}
		now := time.Now()
		m = &Message{User: d.user, Channel: d.Channel, Decision: d.Decision, Row: row, Prefs: reach.ReadPrefs(row), Now: now}
		m.Entries = reach.Left(row, d.Channel, d.Kind, d.Decision, now)
		for _, e := range m.Entries[:min(len(m.Entries), d.Transport.Contents())] {
			item, ok, err := d.Contents.Item(d.user, e.Seq)
			if !ok || err != nil {
				return false, err
			}
			m.Items = append(m.Items, item)
		}
		return true, nil
	})
	return m, f, ok
}

// await calls read with the newest row as long as that still has something to tell, until
// read has what it needs or end is there. Not patient, it calls read once.
func (d *decision) await(ctx context.Context, end time.Time, patient bool, read func(*inbox.State) (bool, error)) (fate, bool) {
	changed := make(chan struct{}, 1)
	stopRows := d.Rows.Watch(d.user, func() { engine.Wake(changed) })
	defer stopRows()
	stopContents := d.Contents.Watch(d.user, func() { engine.Wake(changed) })
	defer stopContents()
	timer := time.NewTimer(time.Until(end))
	defer timer.Stop()
	for {
		row, err := d.Rows.Row(d.user)
		if err == nil {
			switch reach.Look(&row, &d.Outbound, time.Now()).Verdict {
			case reach.Nothing:
				return fateNothing, false
			case reach.Late:
				return fateLate, false
			case reach.NoEndpoint:
				return fateGone, false
			}
			var ok bool
			if ok, err = read(&row); ok {
				return 0, true
			}
		}
		switch {
		case errors.Is(err, errGone):
			return fateGone, false
		case errors.Is(err, belfry.ErrCorrupt), errors.Is(err, belfry.ErrNewerFormat):
			if log, more := d.sometimes("content"); log != nil {
				log.Warn("cannot read what is to be sent, it is tried again later", "channel", d.Channel, "err", err, "more", more)
			}
			d.wait(time.Time{})
			return fateFailed, false
		case !patient:
			return fateMissing, false
		}
		select {
		case <-changed:
		case <-timer.C:
			if errors.Is(err, belfry.ErrNotReady) {
				return fateNotReady, false
			}
			d.wait(time.Time{})
			return fateFailed, false
		case <-ctx.Done():
			return fateGivenUp, false
		}
	}
}

// later leaves an endpoint that was asked to the next decision, and alone until then.
func (d *decision) later(endpoint uint64, until time.Time) fate {
	d.wait(until)
	if !until.IsZero() {
		d.resting.rest(d.user, endpoint, until)
	}
	return fateFailed
}

// wait has the next decision wait until the first endpoint may be asked again: at once for
// one that was not asked.
func (d *decision) wait(until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if until.IsZero() {
		until = time.Now()
	}
	if d.notBefore.IsZero() || until.Before(d.notBefore) {
		d.notBefore = until
	}
}

// giveBack has the owner of the row decide anew, with what is unseen by then.
func (d *decision) giveBack(over context.Context, why End) (End, error) {
	u := reach.Return(&d.Outbound, time.Now())
	if why == EndFailed {
		if d.Attempt >= reach.MaxAttempts {
			return EndLetter, fmt.Errorf("no endpoint was reached in %d attempts", d.Attempt)
		}
		pause := pauseAfter(d.Attempt, rand.Float64())
		now := time.Now()
		u.Attempt++
		u.NotBefore = now.Add(max(pause, d.notBefore.Sub(now))).UnixMilli()
	}
	if !d.append(over, inbox.Record{Kind: inbox.KindUntell, Untell: &u}) {
		return EndGivenUp, nil
	}
	return why, nil
}

// pauseAfter is the pause after an attempt; chance is from 0 to 1.
func pauseAfter(attempt uint32, chance float64) time.Duration {
	pause := min(firstPause<<min(attempt, 10), lastPause)
	return time.Duration(float64(pause) * (1 - spread + 2*spread*chance))
}

// append writes to the user's journal, until it is acknowledged or there is no time left.
func (d *decision) append(over context.Context, r inbox.Record) bool {
	for {
		_, err := d.Journal.Append(over, inbox.Addressed{Recipients: []string{d.user}, Record: r})
		if err == nil {
			return true
		}
		if over.Err() != nil {
			return false
		}
		if log, more := d.sometimes("journal"); log != nil {
			log.Warn("cannot write to the journal, trying again", "channel", d.Channel, "kind", r.Kind.String(), "err", err, "more", more)
		}
		if !engine.Sleep(over, appendPause) {
			return false
		}
	}
}
