package responder

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/lovoo/goka"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/inflate"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/notices"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/webpush"
)

const (
	// perPartition is how many requests of a partition are under way at the most.
	perPartition = 200
	// commitInterval bounds what is answered again after a crash.
	commitInterval = 50 * time.Millisecond
)

// Rows are those of all users, as views.Unread has them.
type Rows interface {
	Row(recipient string) (inbox.State, error)
	// Stored is the row without its notice board: it says what was applied.
	Stored(recipient string) (inbox.State, error)
	// Watch has changed called when the recipient's row is another, or can be read at
	// last, until stop. It must not block.
	Watch(recipient string, changed func()) (stop func())
}

// Contents are those of endpoints, as views.Inbox has them.
type Contents interface {
	Endpoint(recipient string, seq uint64) (inbox.Address, bool, error)
	// Watch has changed called when a content of the recipient's is another, until stop. It
	// must not block.
	Watch(recipient string, changed func()) (stop func())
}

// Journal is where requests become records of their user's, as emitters.Journal.
type Journal interface {
	Append(ctx context.Context, records ...inbox.Addressed) ([]inbox.Position, error)
	// Epoch is which incarnation of the journal there is now.
	Epoch(ctx context.Context) (uint32, error)
}

// Past reads what users' journals hold already.
type Past interface {
	// First returns the first record of a user with that origin, written not long before
	// since and not behind until, and false if there is none.
	First(ctx context.Context, user string, origin inbox.Origin, since time.Time, until inbox.Position) (inbox.Record, int64, bool, error)
}

// Topics looks topics up, as kafka.Topics.
type Topics interface {
	Lookup(ctx context.Context, names []string) (map[string]kafka.TopicInfo, error)
}

// Producer writes answers, as kafka.Producer.
type Producer interface {
	Produce(record *kgo.Record, done func(*kgo.Record, error))
}

// DeadLetters takes what can never be answered, see engine.DeadLetters.Send.
type DeadLetters interface {
	Send(ctx context.Context, raw *sarama.ConsumerMessage, why deadletter.Envelope, done func(error))
}

// Config is what a [Responder] needs.
type Config struct {
	Prefix   belfry.Prefix
	Topic    string // of requests
	Replies  *Replies
	Features inbox.Features
	Policy   func() *reach.Policy // the channels that there are; it may return nil
	Hosts    *webpush.Hosts       // that browsers may subscribe with

	Rows        Rows
	Contents    Contents
	Journal     Journal
	Past        Past
	Topics      Topics
	Answers     Producer
	DeadLetters DeadLetters
	Registry    prometheus.Registerer
	Log         *slog.Logger
	// Processed hears of each request, its result and its timestamp, and Dead of each that
	// is set aside.
	Processed func(result string, at time.Time)
	Dead      func(deadletter.Reason)
}

// Responder answers requests. It is safe for concurrent use.
type Responder struct {
	Config
	metrics *metrics
	notices notices.Notices
	known   replyTopics
	rooms   *engine.Rooms

	mu    sync.Mutex
	lanes map[laneKey]*lane
}

// New returns a responder; it answers once its Group runs.
func New(cfg Config) *Responder {
	return &Responder{
		Config: cfg, metrics: newMetrics(cfg.Registry), rooms: engine.NewRooms(perPartition), lanes: map[laneKey]*lane{},
		known: newReplyTopics(cfg.Topics),
	}
}

// Group is the definition for engine.NewProcessor. Requests of a partition are under way
// side by side, those of one user one after the other; what is answered is committed in
// order.
func (r *Responder) Group(options ...goka.ProcessorOption) engine.Group {
	return engine.Group{
		Graph: goka.DefineGroup(goka.Group(r.Prefix.RequestsGroup()),
			goka.Input(goka.Stream(r.Topic), engine.Bytes{}, engine.Callback(r.take))),
		Positional:     true, // watermarks
		Remedy:         "delete and create the topic, whose clients have given up by now",
		Transient:      true,
		CommitInterval: commitInterval,
		Options:        options,
	}
}

// lane has the requests of one user in one partition served in their order: a watermark
// takes what comes behind it for a repeat.
type lane struct {
	done chan struct{} // closed when its last request is
	ok   bool          // it is served; what follows one that is not must not be
}

type laneKey struct {
	partition int32
	user      string
}

// enter takes a place behind those of the user that are under way; before is nil for none.
func (r *Responder) enter(key laneKey) (mine, before *lane) {
	r.mu.Lock()
	defer r.mu.Unlock()
	mine, before = &lane{done: make(chan struct{})}, r.lanes[key]
	r.lanes[key] = mine
	return mine, before
}

func (r *Responder) leave(key laneKey, mine *lane, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	mine.ok = ok
	if r.lanes[key] == mine {
		delete(r.lanes, key)
	}
	close(mine.done)
}

// asked is one request under way.
type asked struct {
	request
	envelope
	raw    *sarama.ConsumerMessage
	at     time.Time
	origin inbox.Origin
	// reply says that an answer is wanted, on the topic of the envelope.
	reply bool
	waits func(error)
}

// take begins a request, once there is room for it.
func (r *Responder) take(c *engine.Context, value []byte) {
	raw, ctx, topicID := c.Raw(), c.Context(), c.TopicID()
	a := &asked{raw: raw, at: c.Timestamp(), request: request{action: actionUnknown}}
	a.origin = inbox.Origin{TopicID: topicID, Partition: raw.Partition, Offset: raw.Offset}
	var wrong, refused error
	if too := inflate.Refused(raw); too != nil {
		bare := *raw
		bare.Headers, a.raw = nil, &bare
		refused = too
	} else if a.envelope, refused = readEnvelope(raw.Key, raw.Headers); refused == nil {
		refused = r.address(a)
	}
	if value == nil && refused == nil && !a.reply {
		r.Processed("tombstone", a.at)
		return // it says nothing to anybody
	}
	if refused == nil {
		wrong = engine.Guard(func() (err error) {
			a.request, err = parse(value, time.Now(), r.Hosts, r.Policy())
			return err
		})
	}
	later, release, ok := r.rooms.Later(c)
	if !ok {
		return
	}
	a.waits = later.Waits
	key := laneKey{raw.Partition, a.recipient}
	var mine, before *lane
	if a.recipient != "" {
		mine, before = r.enter(key)
	}
	r.metrics.inFlight.Inc()
	// goka waits for what was left for later before a session ends.
	go func() {
		defer release()
		defer r.metrics.inFlight.Dec()
		var end ending
		failed := engine.Guard(func() error {
			end = r.do(ctx, a, before, wrong, refused)
			return nil
		})
		if failed != nil {
			end = ending{resultRefused, failed}
			if log, more := r.sometimes("panic"); log != nil {
				log.Error("panic while a request was served, it becomes a dead letter", "topic", raw.Topic, "partition", raw.Partition, "offset", raw.Offset, "err", failed, "more", more)
			}
		}
		if mine != nil {
			r.leave(key, mine, end.result != resultGivenUp)
		}
		r.metrics.answers.WithLabelValues(a.action, string(end.result)).Inc()
		switch {
		case end.result == resultGivenUp && end.err != nil:
			later.Done(end.err) // the processor is built anew, and reads it again
		case end.result == resultGivenUp:
			later.GiveUp()
		case end.result == resultRefused || end.result == resultUnanswered:
			r.setAside(ctx, a, topicID, end, later.Done)
		default:
			r.Processed(string(end.result), a.at)
			later.Done(nil)
		}
	}()
}

// ending is what became of a request. With resultGivenUp an error ends the processor.
type ending struct {
	result result
	err    error
}

// do serves a request and has its answer written.
func (r *Responder) do(ctx context.Context, a *asked, before *lane, wrong, refused error) ending {
	if refused != nil {
		return ending{resultRefused, refused}
	}
	if before != nil {
		select {
		case <-before.done:
		case <-ctx.Done():
			return ending{result: resultGivenUp}
		}
		if !before.ok {
			return ending{result: resultGivenUp}
		}
	}
	if a.reply {
		switch err := r.findTopic(ctx, a); {
		case ctx.Err() != nil:
			return ending{result: resultGivenUp}
		case err != nil:
			return ending{resultRefused, err}
		}
	}
	said, err := answer{}, wrong
	if err == nil {
		said, err = r.serve(ctx, a)
	}
	switch {
	case ctx.Err() != nil && err != nil:
		return ending{result: resultGivenUp}
	case errors.Is(err, errJournal):
		return ending{resultGivenUp, err}
	case err != nil && !a.reply:
		return ending{resultRefused, err}
	case !a.reply:
		return ending{result: resultCommand}
	}
	end := ending{result: resultOK}
	if err != nil {
		said, end.result = refusal(err), resultError
	}
	if err := r.send(ctx, a, &said); err != nil {
		if ctx.Err() != nil {
			return ending{result: resultGivenUp}
		}
		return ending{resultUnanswered, err}
	}
	r.metrics.seconds.Observe(max(time.Since(a.at).Seconds(), 0))
	return end
}

// setAside makes a request a dead letter; replayed, it is asked once more.
func (r *Responder) setAside(ctx context.Context, a *asked, topicID [16]byte, end ending, done func(error)) {
	why := deadletter.Envelope{
		Reason: deadletter.ReasonInvalid, Error: end.err.Error(), Group: r.Prefix.RequestsGroup(), TopicID: topicID,
		Attempt: 1 + deadletter.ParseReplayOf(kafka.Headers(a.raw)),
	}
	var panicked *engine.PanicError
	var tooLarge *inflate.BatchError
	var field *belfry.FieldError
	switch {
	case errors.As(end.err, &panicked):
		why.Reason, why.Stack = deadletter.ReasonPanic, panicked.Stack
	case errors.As(end.err, &tooLarge):
		why.Reason, why.Length = deadletter.ReasonTooLarge, tooLarge.Bytes
	case errors.Is(end.err, belfry.ErrTooLarge):
		why.Reason = deadletter.ReasonTooLarge
	case end.result == resultUnanswered:
		why.Reason = deadletter.ReasonUndelivered
	}
	if errors.As(end.err, &field) {
		why.Field = field.Field
	}
	r.Dead(why.Reason)
	// The error may quote the request, which is somebody's own: no line has it.
	if log, more := r.sometimes(string(end.result), string(why.Reason)); log != nil {
		log.Warn("request set aside as a dead letter; belfry dead-letters list shows the error, and replay asks once more",
			"topic", a.raw.Topic, "partition", a.raw.Partition, "offset", a.raw.Offset, "result", end.result, "reason", why.Reason, "field", why.Field, "more", more)
	}
	r.DeadLetters.Send(ctx, a.raw, why, done)
}
