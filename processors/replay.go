package processors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/sources"
)

// ReplayConfig is what a [Replay] needs.
type ReplayConfig struct {
	Engine engine.Config
	Prefix belfry.Prefix
	// Rules returns those of a source topic, and false if none are for it. That
	// of the built-in topic is asked for too.
	Rules func(topic string) (Rules, bool)
}

// Replay processes dead letters again: those of routers by today's rules, those
// of the other groups as they are. What comes of it goes where it would have
// gone: into the journal or the items topic, never into the source topic, which
// may be another team's.
//
// What a letter leads to has the ids that it would have had, made of the place
// where the record was read first, so that it is recognised if it is there
// already. It has no watermark: later records of its partition are past that. A
// letter that was replayed is marked once all that it leads to is acknowledged;
// what happens in between is done again by the next replay, and changes nothing.
type Replay struct {
	ReplayConfig
	letters *Letters
	writer  *engine.Writer
}

// OpenReplay connects to no broker yet. Close it after use.
func OpenReplay(cfg ReplayConfig) (*Replay, error) {
	w, err := engine.OpenWriter(cfg.Engine)
	if err != nil {
		return nil, err
	}
	return &Replay{ReplayConfig: cfg, letters: NewLetters(cfg.Engine, cfg.Prefix), writer: w}, nil
}

// Close waits for what is under way and disconnects. There must be no replay
// during or after it.
func (r *Replay) Close() error { return r.writer.Close() }

// Matching replays the letters that the filter means, see [Letters.Each] for
// their order, at most limit of them; 0 means all. It calls told for each, in
// order, once it is done with; at an error of told, or of the brokers, it ends.
func (r *Replay) Matching(ctx context.Context, f deadletter.Filter, limit int, o deadletter.ReplayOptions, told func(deadletter.ReplayOutcome) error) error {
	b := replayBatch{replay: r, apply: o.Apply, told: told}
	n := 0
	err := r.letters.Each(ctx, f, func(l *deadletter.Letter) error {
		if limit > 0 && n == limit {
			return errEnough
		}
		n++
		return b.add(ctx, l, o.Again)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return b.flush(ctx)
}

// errEnough ends the reading.
var errEnough = errors.New("enough letters")

// Named replays the letters with those ids, as [Replay.Matching] does. One that
// does not exist is an error that matches deadletter.ErrNoLetter; those before it
// are replayed then.
func (r *Replay) Named(ctx context.Context, ids []deadletter.ID, o deadletter.ReplayOptions, told func(deadletter.ReplayOutcome) error) error {
	b := replayBatch{replay: r, apply: o.Apply, told: told}
	for _, id := range ids {
		l, err := r.letters.Letter(ctx, id)
		if err != nil {
			return errors.Join(err, b.flush(ctx))
		}
		if err := b.add(ctx, &l, o.Again); err != nil {
			return err
		}
	}
	return b.flush(ctx)
}

// plan says what the letter leads to, and with what records.
func (r *Replay) plan(l *deadletter.Letter, again bool) (deadletter.ReplayOutcome, []engine.RawRecord) {
	out := deadletter.ReplayOutcome{Letter: l}
	refuse := func(format string, args ...any) (deadletter.ReplayOutcome, []engine.RawRecord) {
		out.Result, out.Problem = deadletter.ReplayRefused, fmt.Sprintf(format, args...)
		return out, nil
	}
	switch {
	case l.Reason == deadletter.ReasonForeign:
		return refuse("it is no dead letter: somebody else wrote it into the topic")
	case l.Cut():
		return refuse("it was cut to fit: only a part of the record is here; let its producer send it again")
	case l.Replayed && !again:
		out.Result = deadletter.ReplayAgain
		return out, nil
	}
	var records []engine.RawRecord
	err := engine.Guard(func() (err error) {
		switch l.Group {
		case r.Prefix.RouterGroup(l.Topic):
			out.Writes, records, err = r.route(l)
		case r.Prefix.UnreadGroup():
			out.Writes, records, err = r.journal(l)
		case r.Prefix.InboxGroup():
			out.Writes, records, err = r.item(l)
		default:
			err = refusal(fmt.Sprintf("group %s is none of the installation with prefix %s", l.Group, r.Prefix))
		}
		return err
	})
	var refused refusal
	switch {
	case errors.As(err, &refused):
		return refuse("%v", refused)
	case err != nil:
		out.Result, out.Problem = deadletter.ReplayFailed, err.Error()
		out.Writes, records = nil, nil
	case len(records) == 0:
		out.Result = deadletter.ReplayNobody
	default:
		out.Result = deadletter.ReplayDone
	}
	return out, records
}

// refusal is why a letter can never be replayed.
type refusal string

func (r refusal) Error() string { return string(r) }

// route applies the rules of today.
func (r *Replay) route(l *deadletter.Letter) ([]deadletter.ReplayWrite, []engine.RawRecord, error) {
	if l.TopicID == [16]byte{} {
		return nil, nil, refusal("it does not tell which incarnation of the topic the record was read from, so that its ids cannot be made")
	}
	rules, ok := r.Rules(l.Topic)
	if !ok {
		return nil, nil, fmt.Errorf("no source of the rules is for topic %s", l.Topic)
	}
	deliveries, err := rules.Route(sources.Record{
		Topic: l.Topic, TopicID: l.TopicID, Partition: l.Partition, Offset: l.Offset,
		Timestamp: l.Timestamp, Key: l.Key, Value: l.Value, Headers: l.Headers,
	})
	if err != nil {
		return nil, nil, err
	}
	var writes []deadletter.ReplayWrite
	var records []engine.RawRecord
	for _, d := range deliveries {
		d.Record.Origin = inbox.Origin{}
		value, err := codec.EncodeRecord(d.Record)
		if err != nil {
			return nil, nil, err
		}
		writes = append(writes, deadletter.ReplayWrite{Recipients: d.Recipients, Record: d.Record})
		for _, recipient := range d.Recipients {
			records = append(records, engine.RawRecord{
				Topic: r.Prefix.Journal(), Key: []byte(recipient), Value: value, Headers: replayHeaders(l, nil),
			})
		}
	}
	return writes, records, nil
}

// journal writes a record of the journal again, which the fold has never seen.
func (r *Replay) journal(l *deadletter.Letter) ([]deadletter.ReplayWrite, []engine.RawRecord, error) {
	recipient := string(l.Key)
	if err := belfry.CheckRecipient(recipient); err != nil {
		return nil, nil, refusal(fmt.Sprintf("its key is nobody's: %v", err))
	}
	record, err := decodeJournal(l.Value)
	if err != nil {
		return nil, nil, err
	}
	value := l.Value
	if !record.Origin.IsZero() {
		// With its watermark it would be taken for one that was routed again.
		record.Origin = inbox.Origin{}
		if value, err = codec.EncodeRecord(record); err != nil {
			return nil, nil, err
		}
	}
	return []deadletter.ReplayWrite{{Recipients: []string{recipient}, Record: record}},
		[]engine.RawRecord{{Topic: r.Prefix.Journal(), Key: l.Key, Value: value, Headers: replayHeaders(l, l.Headers)}}, nil
}

// item writes a content again.
func (r *Replay) item(l *deadletter.Letter) ([]deadletter.ReplayWrite, []engine.RawRecord, error) {
	recipient, seq, ok := inbox.ParseItemKey(string(l.Key))
	if !ok {
		return nil, nil, refusal("its key is not recipient/seq")
	}
	if err := checkItem(string(l.Key), l.Value); err != nil {
		return nil, nil, err
	}
	write := deadletter.ReplayWrite{Recipients: []string{recipient}, Seq: seq}
	if l.Value != nil {
		item, err := codec.DecodeItem(l.Value)
		if err != nil {
			return nil, nil, err
		}
		write.Item = &item
	}
	return []deadletter.ReplayWrite{write},
		[]engine.RawRecord{{Topic: r.Prefix.Items(), Key: l.Key, Value: l.Value, Headers: replayHeaders(l, l.Headers)}}, nil
}

// replayHeaders adds to a record's own headers which attempt of it this was, for
// the letter that it becomes if it fails again.
func replayHeaders(l *deadletter.Letter, own []belfry.Header) []belfry.Header {
	own = slices.DeleteFunc(slices.Clone(own), func(h belfry.Header) bool { return h.Key == headerReplayOf })
	return append(own, belfry.Header{Key: headerReplayOf, Value: []byte(strconv.Itoa(l.Attempt))})
}
