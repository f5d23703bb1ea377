package responder

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach/door"
)

const (
	// tellWait is when somebody is told that a request waits.
	tellWait = 2 * time.Second
	// againAfter is the time between two looks where nobody may tell of a change.
	againAfter = time.Second
	// contentWait bounds how long the content of an endpoint may come after its row.
	contentWait = 2 * time.Second
)

var (
	// errJournal is matched by the error of a record that was not written: nothing of its
	// user may overtake it.
	errJournal = errors.New("the journal does not take a record")
	// errAnew says that the journal was created anew while a record of it was waited for.
	errAnew = errors.New("the journal is another one now")
)

// serve does what is asked for. Errors are a [*belfry.FieldError] or door.ErrPreferences
// for the client, or match errJournal, or are those of ctx, or of a row that cannot be
// read.
func (r *Responder) serve(ctx context.Context, a *asked) (answer, error) {
	if a.reply && a.correlation == nil {
		return answer{}, belfry.Invalid(HeaderCorrelation, "is required beside %s: without it nobody knows the answer again", HeaderReplyTopic)
	}
	if needs := actions[a.action]; !r.Features.Has(needs) {
		return answer{}, belfry.Invalid("action", "%s is not open here: Belfry runs without --features %s", a.action, needs)
	}
	for {
		said, err := r.act(ctx, a)
		if !errors.Is(err, errAnew) {
			a.waits(nil)
			return said, err
		}
	}
}

func (r *Responder) act(ctx context.Context, a *asked) (answer, error) {
	switch a.action {
	case actionSubscribe:
		return r.subscribe(ctx, a)
	case actionUnsubscribe:
		record := inbox.Record{Kind: inbox.KindEndpointGone, EndpointHash: a.hash, Origin: a.origin}
		if a.seq != 0 {
			record.Seqs = []uint64{a.seq}
		}
		return r.command(ctx, a, record)
	case actionPreferences:
		return r.setPreferences(ctx, a)
	case actionBounce:
		return r.takeBounce(ctx, a)
	case actionSubscribeTopic:
		return r.subscribeTopic(ctx, a)
	case actionUnsubscribeTopic:
		return r.command(ctx, a, inbox.Record{Kind: inbox.KindUnsubscribe, Topic: a.news, Origin: a.origin})
	case actionJoin:
		return r.command(ctx, a, inbox.Record{Kind: inbox.KindJoin, Origin: a.origin})
	case actionListTopics:
		row, err := r.latest(ctx, a)
		if err != nil {
			return answer{}, err
		}
		topics := row.TopicNames()
		return answer{OK: true, Recipient: a.recipient, Topics: &topics}, nil
	default:
		return r.list(ctx, a)
	}
}

// command appends a record that nothing else is to be said of.
func (r *Responder) command(ctx context.Context, a *asked, record inbox.Record) (answer, error) {
	if _, err := r.append(ctx, a, record); err != nil {
		return answer{}, err
	}
	return answer{OK: true, Recipient: a.recipient}, nil
}

// subscribeTopic has the user get the notices to a topic from now on. The fold decides
// whether there is room. Of a request that is read again, once later ones were served, the
// row does not say that any more: then the topics there are now decide.
func (r *Responder) subscribeTopic(ctx context.Context, a *asked) (answer, error) {
	row, _, err := r.applied(ctx, a, inbox.Record{Kind: inbox.KindSubscribe, Topic: a.news, Origin: a.origin})
	if err != nil {
		return answer{}, err
	}
	if row.TopicsFull() && !row.HasTopic(inbox.TopicOf(a.news).Hash) {
		return answer{}, belfry.Invalid("topic", "a user can subscribe to at most %d topics: unsubscribe from one first", inbox.MaxTopics)
	}
	return answer{OK: true, Recipient: a.recipient}, nil
}

// subscribe adds an endpoint, unless the user has it already, and says its number: that
// which the record has led to when it came first. What the row shows at the record is
// that, unless requests behind it were served before: then it was served before as well,
// and the journal says with what outcome.
func (r *Responder) subscribe(ctx context.Context, a *asked) (answer, error) {
	row, err := r.awaitRow(ctx, a, nil)
	if err != nil {
		return answer{}, err
	}
	hash := inbox.EndpointHash(a.address.Kind, a.address.Target)
	record := inbox.Record{Kind: inbox.KindEndpoint, Endpoint: a.address, Origin: a.origin}
	if e, ok := row.EndpointBy(a.address.Kind, hash); ok {
		known, there, err := r.content(ctx, a, e.Seq)
		if ctx.Err() != nil {
			return answer{}, ctx.Err()
		}
		if err == nil && there && door.Same(&known, a.address) {
			record.Seqs = []uint64{e.Seq}
		}
	}
	row, at, err := r.applied(ctx, a, record)
	if err != nil {
		return answer{}, err
	}
	said := answer{OK: true, Recipient: a.recipient}
	e, there := row.EndpointBy(a.address.Kind, hash)
	if there && !row.RoutedPast(a.origin) {
		said.Endpoint = e.Seq
		return said, nil
	}
	if said.Endpoint, err = r.served(ctx, a, &row, at); err != nil {
		return answer{}, err
	}
	return said, nil
}

// served returns the number that a request was answered with when it came first; at is
// where its record is now.
func (r *Responder) served(ctx context.Context, a *asked, row *inbox.State, at inbox.Position) (uint64, error) {
	for {
		first, offset, ok, err := r.Past.First(ctx, a.recipient, a.origin, a.at, at)
		switch {
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case err != nil:
			a.waits(err)
			if !engine.Sleep(ctx, againAfter) {
				return 0, ctx.Err()
			}
			continue
		case !ok:
			offset = at.Offset
		}
		version := row.Base + uint64(offset) + 1
		for _, seq := range first.Seqs {
			// It was there already, unless it had gone by then.
			if gone, known := row.GoneEndpoint(seq); !known || gone > version {
				return seq, nil
			}
		}
		return version, nil
	}
}

// setPreferences merges a patch into the user's preferences. The fold decides whether
// there is room.
func (r *Responder) setPreferences(ctx context.Context, a *asked) (answer, error) {
	row, _, err := r.applied(ctx, a, inbox.Record{Kind: inbox.KindPrefs, Prefs: a.patch, Origin: a.origin})
	if err != nil {
		return answer{}, err
	}
	if err := door.Fits(&row, a.patch); errors.Is(err, door.ErrPreferences) {
		return answer{}, belfry.Invalid("preferences", "%v", err)
	} else if err != nil {
		return answer{}, err
	}
	return answer{OK: true, Recipient: a.recipient}, nil
}

// takeBounce notes that a message came back.
func (r *Responder) takeBounce(ctx context.Context, a *asked) (answer, error) {
	row, err := r.awaitRow(ctx, a, nil)
	if err != nil {
		return answer{}, err
	}
	record, err := a.bounce.Record(&row)
	if errors.Is(err, door.ErrPreferences) {
		return answer{}, belfry.Invalid("recipient", "%v", err)
	} else if err != nil {
		return answer{}, err
	}
	record.Origin = a.origin
	if _, err := r.append(ctx, a, record); err != nil {
		return answer{}, err
	}
	r.metrics.bounces.Count(a.bounce)
	return answer{OK: true, Recipient: a.recipient}, nil
}

// latest returns the user's row with what somebody was told before: a touch is appended,
// and the row waited for that has it. A user without a row has nothing.
func (r *Responder) latest(ctx context.Context, a *asked) (inbox.State, error) {
	row, err := r.awaitRow(ctx, a, nil)
	if err != nil || row.Version == 0 {
		return row, err
	}
	row, _, err = r.applied(ctx, a, inbox.Record{Kind: inbox.KindTouch})
	return row, err
}

// list tells of a user's endpoints.
func (r *Responder) list(ctx context.Context, a *asked) (answer, error) {
	row, err := r.latest(ctx, a)
	if err != nil {
		return answer{}, err
	}
	said := answer{OK: true, Recipient: a.recipient, Endpoints: &[]endpoint{}}
	if row.Reach == nil {
		return said, nil
	}
	for _, e := range row.Reach.Endpoints {
		known, _, err := r.content(ctx, a, e.Seq)
		if err != nil {
			return answer{}, err
		}
		known.Kind = e.Kind // of a content that is late
		*said.Endpoints = append(*said.Endpoints, endpoint{door.NewPlace(e.Seq, &known), e.Kind.String()})
	}
	return said, nil
}

// content is that of an endpoint that a row names, once contents can be read at all: it is
// there not later than the row, but in another table, which is waited for. Without one
// after contentWait the endpoint has gone meanwhile.
func (r *Responder) content(ctx context.Context, a *asked, seq uint64) (known inbox.Address, there bool, err error) {
	changed := make(chan struct{}, 1)
	defer r.Contents.Watch(a.recipient, func() { engine.Wake(changed) })()
	end := time.NewTimer(contentWait)
	defer end.Stop()
	for late := false; ; {
		known, there, err = r.Contents.Endpoint(a.recipient, seq)
		unready := errors.Is(err, belfry.ErrNotReady)
		switch {
		case unready:
			a.waits(fmt.Errorf("the contents of inboxes: %w", err))
			if !engine.Sleep(ctx, againAfter) {
				return known, false, ctx.Err()
			}
			end.Reset(contentWait)
			continue
		case err != nil, there, late:
			return known, there, err
		}
		select {
		case <-changed:
		case <-end.C:
			late = true
		case <-ctx.Done():
			return known, false, ctx.Err()
		}
	}
}

// append writes a record of the user's journal and waits for its acknowledgement.
func (r *Responder) append(ctx context.Context, a *asked, record inbox.Record) (inbox.Position, error) {
	at, err := r.Journal.Append(ctx, inbox.Addressed{Recipients: []string{a.recipient}, Record: record})
	switch {
	case err == nil:
		return at[0], nil
	case ctx.Err() != nil:
		return inbox.Position{}, ctx.Err()
	}
	return inbox.Position{}, fmt.Errorf("%w: %w", errJournal, err)
}

// applied appends a record, and returns the user's row once it shows the record, and where
// that is.
func (r *Responder) applied(ctx context.Context, a *asked, record inbox.Record) (inbox.State, inbox.Position, error) {
	at, err := r.append(ctx, a, record)
	if err != nil {
		return inbox.State{}, at, err
	}
	row, err := r.awaitRow(ctx, a, &at)
	return row, at, err
}

// awaitRow returns the user's row once it shows the record at that position, or, without
// one, once it can be read. It waits as long as that takes: whoever asks may have given up
// by then, and what was asked for is done. The error is that of ctx, errAnew, or of a row
// that nobody can read.
func (r *Responder) awaitRow(ctx context.Context, a *asked, at *inbox.Position) (inbox.State, error) {
	changed := make(chan struct{}, 1)
	defer r.Rows.Watch(a.recipient, func() { engine.Wake(changed) })()
	timer := time.NewTimer(tellWait)
	defer timer.Stop()
	for {
		row, err := r.Rows.Stored(a.recipient)
		if err == nil && (at == nil || row.Applied(*at)) {
			if row, err = r.Rows.Row(a.recipient); err == nil {
				return row, nil
			}
		}
		switch {
		case errors.Is(err, belfry.ErrCorrupt), errors.Is(err, belfry.ErrNewerFormat):
			return row, fmt.Errorf("read the row: %w", err)
		}
		select {
		case <-changed:
		case <-timer.C:
			a.waits(errors.New("its user's row does not show it yet"))
			timer.Reset(againAfter) // a table that is not ready tells nobody when it can be read
			if now, err := r.Journal.Epoch(ctx); err == nil && at != nil && now != at.Epoch {
				return row, errAnew
			}
		case <-ctx.Done():
			return row, ctx.Err()
		}
	}
}
