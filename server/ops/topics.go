package ops

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gorilla/mux"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/server/auth"
	"github.com/belfry/belfry/server/wire"
)

// Topics is what Kafka says of the topics of an installation: its own and those
// that its groups read. Its methods are safe for concurrent use.
type Topics interface {
	// Topics returns them all, without readers and writers.
	Topics(ctx context.Context) ([]Topic, error)
	// Newest returns the newest records of one of them, in the order of their
	// timestamps, the newest first, decoded as its reader does. Records of open
	// and of aborted transactions are none. Another topic is an error that matches
	// ErrNoTopic.
	Newest(ctx context.Context, q RecordQuery) ([]Record, error)
}

// RecordQuery asks for the newest records of a topic.
type RecordQuery struct {
	Topic     string
	Partition int32 // -1: of all
	Limit     int
}

// Topic is what Kafka says of a topic.
type Topic struct {
	Name        string `json:"name"`
	Kind        string `json:"kind"` // notifications, journal, table, outbound, dead-letters, requests or source
	Exists      bool   `json:"exists"`
	Replication int    `json:"replication"`
	// Policy is the cleanup.policy, and RetentionMS the retention.ms; nil for
	// what may not be seen, and for what is kept for ever.
	Policy      string `json:"policy,omitempty"`
	RetentionMS *int64 `json:"retention_ms,omitempty"`
	// Bytes is the size of one replica on disk; nil if Kafka does not tell.
	Bytes *int64 `json:"bytes,omitempty"`
	// Records is how many offsets lie between the beginnings and the ends.
	Records int64 `json:"records"`
	// Degraded are partitions with fewer replicas in sync than there are.
	Degraded   int              `json:"degraded"`
	Partitions []TopicPartition `json:"partitions"`
	Readers    []TopicReader    `json:"readers"`
	Writers    []string         `json:"writers"`
}

// TopicPartition is where the log of a partition begins and ends. From Stable to
// End a transaction is open.
type TopicPartition struct {
	Partition int32  `json:"partition"`
	Leader    int32  `json:"leader"` // -1: none
	Replicas  int    `json:"replicas"`
	InSync    int    `json:"in_sync"`
	Start     int64  `json:"start"`
	Stable    int64  `json:"stable"`
	End       int64  `json:"end"`
	Bytes     *int64 `json:"bytes,omitempty"`
}

// TopicReader is a group that reads a topic, or what every server does.
type TopicReader struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // group or server
	Lag  int64  `json:"lag"`  // of a group, in this topic
}

// Record is a record, and what becomes of it. Texts are cut to a bounded length;
// those that are not UTF-8 are quoted as Go does.
type Record struct {
	Partition int32          `json:"partition"`
	Offset    int64          `json:"offset"`
	At        time.Time      `json:"at,omitzero"`
	Size      int            `json:"size"` // of the value, in bytes
	Key       *string        `json:"key"`  // nil for null
	Value     *string        `json:"value"`
	Cut       bool           `json:"cut"` // whether key, value or a header is shown in part
	Headers   []letterHeader `json:"headers"`
	// Error is why it becomes a dead letter, or cannot be decoded.
	Error string `json:"error,omitempty"`
	// Note says what to know of it, such as that it is a tombstone.
	Note    string        `json:"note,omitempty"`
	Decoded []RecordEvent `json:"decoded"`
}

// RecordEvent is what a record was decoded to.
type RecordEvent struct {
	ID      string          `json:"id,omitempty"`
	Source  string          `json:"source,omitempty"`
	Type    string          `json:"type,omitempty"`
	Subject string          `json:"subject,omitempty"`
	Time    time.Time       `json:"time,omitzero"`
	Value   json.RawMessage `json:"value,omitempty"`
	Rules   []RecordRule    `json:"rules"` // in order
}

// RecordRule is what a rule makes of an event.
type RecordRule struct {
	Rule string `json:"rule"` // empty for the built-in source
	// Recipients are at most 20 of RecipientCount.
	Recipients     []string        `json:"recipients,omitempty"`
	RecipientCount int             `json:"recipient_count"`
	Makes          json.RawMessage `json:"makes,omitempty"` // the notification or retraction
	Why            string          `json:"why,omitempty"`   // nothing is made
	Error          string          `json:"error,omitempty"`
}

// SetHeaders sets the headers of r as people read them.
func (r *Record) SetHeaders(headers []belfry.Header) {
	r.Headers = []letterHeader{}
	for _, h := range headers[:min(len(headers), maxShownHeaders)] {
		header := letterHeader{Name: h.Key}
		value, cut := ShownPart(h.Value)
		if value != nil {
			header.Value = *value
		}
		r.Cut = r.Cut || cut
		r.Headers = append(r.Headers, header)
	}
	r.Cut = r.Cut || len(headers) > maxShownHeaders
}

// ShownPart is the beginning of a text as a person can read it; nil for null.
func ShownPart(b []byte) (text *string, cut bool) {
	if len(b) <= maxShownText {
		return shownText(b), false
	}
	n := maxShownText
	for n > maxShownText-4 && b[n]&0xc0 == 0x80 { // not within a character
		n--
	}
	return shownText(b[:n]), true
}

const (
	maxShownText    = 16 << 10 // bytes
	maxShownHeaders = 50

	defaultRecords = 20
	maxRecords     = 50
	// topicPatience bounds one question to Kafka, and topicsAtOnce is how many a
	// server asks at a time.
	topicPatience = 20 * time.Second
	topicsAtOnce  = 2
)

var (
	// ErrNoTopic is returned for a topic that is none of the installation's.
	ErrNoTopic = errors.New("no such topic: neither the installation's own nor read by one of its groups")
	// ErrKafka is returned when Kafka could not be asked.
	ErrKafka = errors.New("the brokers of Kafka cannot be asked at the moment")
	// ErrTopicsBusy is returned while as many ask about topics as may.
	ErrTopicsBusy = errors.New("others are looking at topics at the moment: try again in a moment")
)

// ask runs a question to Kafka, a few at a time.
func (s *Calls) ask(ctx context.Context, question func(context.Context) error) error {
	if s.config.Topics == nil {
		return ErrNoPart
	}
	select {
	case s.topics <- struct{}{}:
		defer func() { <-s.topics }()
	default:
		return ErrTopicsBusy
	}
	asking, cancel := context.WithTimeout(ctx, topicPatience)
	defer cancel()
	return unasked(ctx, question(asking))
}

// unasked tells of an error that Kafka could not be asked, unless it is about what
// was asked for or found, or the client has gone.
func unasked(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, belfry.ErrInvalid) || errors.Is(err, ErrNoTopic) ||
		errors.Is(err, belfry.ErrCorrupt) || errors.Is(err, belfry.ErrNewerFormat) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrKafka, err)
}

// topicsBody is the answer of ListTopics.
type topicsBody struct {
	Topics []Topic `json:"topics"` // by name
}

// ListTopics answers GET /v1/ops/topics.
func (s *Calls) ListTopics(w http.ResponseWriter, r *http.Request, _ auth.Call) error {
	var topics []Topic
	err := s.ask(r.Context(), func(ctx context.Context) (err error) {
		topics, err = s.config.Topics.Topics(ctx)
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(topics, func(a, b Topic) int { return cmp.Compare(a.Name, b.Name) })
	body := topicsBody{Topics: []Topic{}}
	for _, t := range topics {
		t.Readers, t.Writers = []TopicReader{}, []string{}
		if t.Partitions == nil {
			t.Partitions = []TopicPartition{}
		}
		s.addEnds(&t)
		body.Topics = append(body.Topics, t)
	}
	wire.Respond(w, http.StatusOK, body)
	return nil
}

// addEnds adds who reads and writes a topic.
func (s *Calls) addEnds(t *Topic) {
	in := s.config.Installation
	if in == nil {
		return
	}
	for _, g := range in.Lag().Groups {
		reads, lag := false, int64(0)
		for _, p := range g.Partitions {
			if p.Topic == t.Name {
				reads, lag = true, lag+p.Lag
			}
		}
		if reads {
			t.Readers = append(t.Readers, TopicReader{g.Name, "group", lag})
		}
	}
	for _, f := range in.Flows() {
		known := slices.ContainsFunc(t.Readers, func(r TopicReader) bool { return r.Name == f.Name })
		if slices.Contains(f.Inputs, t.Name) && !known {
			t.Readers = append(t.Readers, TopicReader{Name: f.Name, Kind: f.Kind})
		}
		if slices.Contains(f.Outputs, t.Name) || slices.Contains(f.Tables, t.Name) {
			t.Writers = append(t.Writers, f.Name)
		}
	}
}

// recordsBody is the answer of NewestRecords.
type recordsBody struct {
	Topic   string   `json:"topic"`
	Records []Record `json:"records"` // newest first
}

// NewestRecords answers GET /v1/ops/topics/{topic}/records.
func (s *Calls) NewestRecords(w http.ResponseWriter, r *http.Request, c auth.Call) error {
	query, err := wire.ParseQuery(r)
	if err != nil {
		return err
	}
	limit, err := wire.Number(query, "limit", 1, maxRecords)
	if err != nil {
		return err
	}
	partition, err := wire.Number(query, "partition", 0, 1<<31-1)
	if err != nil {
		return err
	}
	q := RecordQuery{Topic: mux.Vars(r)["topic"], Partition: -1, Limit: cmp.Or(int(limit), defaultRecords)}
	if query.Has("partition") {
		q.Partition = int32(partition)
	}
	body := recordsBody{Topic: q.Topic, Records: []Record{}}
	err = s.ask(r.Context(), func(ctx context.Context) error {
		found, err := s.config.Topics.Newest(ctx, q)
		body.Records = append(body.Records, found...)
		return err
	})
	if err != nil {
		return err
	}
	s.config.Logger.Info("records shown to an operator", "operator", c.Identity.Source(), "topic", q.Topic, "records", len(body.Records))
	wire.Respond(w, http.StatusOK, body)
	return nil
}
