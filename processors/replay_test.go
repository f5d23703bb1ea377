package processors_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/deadletter/replay"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/processors"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
	"github.com/belfry/belfry/sources/rules"
)

// mendable are rules that refuse what does not begin with "to:", and take it all
// once they are mended. A value says who gets it: "to:a,b". "none" is for nobody.
type mendable struct{ mended atomic.Bool }

func (m *mendable) Route(r sources.Record) ([]sources.Delivery, error) {
	names, ok := strings.CutPrefix(string(r.Value), "to:")
	if !ok && !m.mended.Load() {
		return nil, &rules.Error{Rule: "for-all", Field: "recipients", Err: errors.New("no such key")}
	}
	if names == "none" {
		return nil, nil
	}
	return []sources.Delivery{{
		Recipients: strings.Split(names, ","),
		Record: inbox.Record{
			Kind: inbox.KindNotify, Rule: "for-all",
			Origin: inbox.Origin{TopicID: r.TopicID, Partition: r.Partition, Rule: 7, Offset: r.Offset},
			Notification: belfry.Notification{
				ID: fmt.Sprintf("%x/%d/%d", r.TopicID, r.Partition, r.Offset), Source: "orders", Title: belfry.PlainText("x"), Time: r.Timestamp,
			},
		},
	}}, nil
}

// replaying is a path that also has a router of the topic orders, which none of
// the others' records are in.
type replaying struct {
	*path
	rules   *mendable
	replay  *replay.Replayer
	letters *replay.Letters
}

func startReplaying(t *testing.T) *replaying {
	t.Helper()
	cfg := installed(t)
	if err := admin(t, cfg).CreateTopic("orders", &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	r := &replaying{path: start(t, cfg), rules: &mendable{}, letters: replay.NewLetters(cfg, prefix)}
	deps := processors.Deps{Prefix: prefix, DeadLetters: enginetest.OpenDead(t, cfg, prefix.DeadLetters()), Metrics: processors.NewMetrics(prometheus.NewRegistry())}
	router := engine.NewProcessor(cfg, processors.NewRouter(deps, "orders", r.rules).Group())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	var err error
	r.replay, err = replay.Open(replay.Config{Engine: cfg, Prefix: prefix, Rules: func(topic string) (replay.Rules, bool) {
		switch topic {
		case "orders":
			return r.rules, true
		case prefix.Notifications():
			return envelope.Notifications{}, true
		}
		return nil, false
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.replay.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// matching replays what the filter means and returns the outcomes as
// "offset result".
func (r *replaying) matching(t *testing.T, f deadletter.Filter, o deadletter.ReplayOptions) []string {
	t.Helper()
	var out []string
	err := r.replay.Matching(t.Context(), f, 0, o, func(o deadletter.ReplayOutcome) error {
		out = append(out, fmt.Sprintf("%d %s", o.Letter.Offset, o.Result))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

// awaitLetters waits until there are n letters of the filter.
func (r *replaying) awaitLetters(t *testing.T, f deadletter.Filter, n int) []deadletter.Letter {
	t.Helper()
	var found []deadletter.Letter
	await.Eventually(t, patience, func() string { return fmt.Sprintf("%d letters, want %d: %+v", len(found), n, found) }, func() bool {
		found = enginetest.LettersOf(t, r.letters, f, 100)
		return len(found) == n
	})
	return found
}

// journalEnd is how many records the journal has.
func journalEnd(t *testing.T, cfg kafka.Config) (sum int64) {
	t.Helper()
	_, logs, err := kafka.LogRanges(t.Context(), cfg, prefix.Journal())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range logs {
		sum += e.End
	}
	return sum
}

func TestReplayAfterRulesAreMended(t *testing.T) {
	t.Parallel()
	r := startReplaying(t)
	value := func(values ...string) (out []*sarama.ProducerMessage) {
		for _, v := range values {
			out = append(out, &sarama.ProducerMessage{Topic: "orders", Value: sarama.StringEncoder(v), Key: sarama.StringEncoder("theirs")})
		}
		return out
	}
	// Bad events come before good ones: the watermarks are past them.
	produce(t, r.cfg, value("a", "to:a", "a,b", "to:a,b", "none", "to:a")...)
	r.awaitCount(t, "a", 3)
	r.awaitCount(t, "b", 1)
	orders := deadletter.Filter{Topics: []string{"orders"}, Reasons: []deadletter.Reason{deadletter.ReasonRule}, Rules: []string{"for-all"}}
	for _, l := range r.awaitLetters(t, orders, 3) {
		if l.Attempt != 1 || l.Field != "recipients" || l.TopicID == [16]byte{} || l.Group != prefix.RouterGroup("orders") {
			t.Errorf("letter %+v", l)
		}
	}
	awaitDone(t, r.cfg)
	end := journalEnd(t, r.cfg)
	want := func(results ...string) []string { return results }
	check := func(what string, got, want []string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	check("as bad as before", r.matching(t, orders, deadletter.ReplayOptions{Apply: true}), want("0 failed", "2 failed", "4 failed"))
	r.rules.mended.Store(true)
	check("not applied", r.matching(t, orders, deadletter.ReplayOptions{}), want("0 replayed", "2 replayed", "4 nobody"))
	if got := journalEnd(t, r.cfg); got != end {
		t.Fatalf("the journal has %d records, want %d: nothing was to be applied", got, end)
	}
	r.awaitLetters(t, deadletter.Filter{Pending: true}, 3)

	check("applied", r.matching(t, orders, deadletter.ReplayOptions{Apply: true}), want("0 replayed", "2 replayed", "4 nobody"))
	r.awaitCount(t, "a", 5)
	r.awaitCount(t, "b", 2)
	r.awaitLetters(t, deadletter.Filter{Pending: true}, 0)
	if got := journalEnd(t, r.cfg); got != end+3 {
		t.Errorf("the journal has %d records, want %d", got, end+3)
	}
	// The ids are those that the router would have made.
	ids := map[string]bool{}
	for _, item := range r.items(t, "b") {
		ids[item.ID] = true
	}
	for _, l := range enginetest.LettersOf(t, r.letters, orders, 10) {
		if id := fmt.Sprintf("%x/0/2", l.TopicID); !ids[id] {
			t.Errorf("b has %v, want %s", ids, id)
		}
	}

	check("again", r.matching(t, orders, deadletter.ReplayOptions{Apply: true}), want("0 already-replayed", "2 already-replayed", "4 already-replayed"))
	// As after a crash between what was written and its mark.
	check("against the marks", r.matching(t, orders, deadletter.ReplayOptions{Apply: true, Again: true}), want("0 replayed", "2 replayed", "4 nobody"))
	awaitDone(t, r.cfg)
	if got := journalEnd(t, r.cfg); got != end+6 {
		t.Errorf("the journal has %d records, want %d: it was to be written again", got, end+6)
	}
	r.awaitCount(t, "a", 5)
	r.awaitCount(t, "b", 2)
	if _, logs, err := kafka.LogRanges(t.Context(), r.cfg, "orders"); err != nil || logs[0].End != 6 || logs[1].End != 0 {
		t.Errorf("another team's topic ends at %v, %v: something was written into it", logs, err)
	}
}

// raw is a record as its group has read it.
func raw(topic string, offset int64, key string, value []byte, headers ...string) *sarama.ConsumerMessage {
	m := &sarama.ConsumerMessage{Topic: topic, Partition: kafka.Partition(strings.Split(key, "/")[0], partitions), Offset: offset, Key: []byte(key), Value: value}
	for i := 0; i < len(headers); i += 2 {
		m.Headers = append(m.Headers, &sarama.RecordHeader{Key: []byte(headers[i]), Value: []byte(headers[i+1])})
	}
	return m
}

// Letters of the groups behind the router: what could not be folded or stored,
// but could be now.
func TestReplayOfOurOwnRecords(t *testing.T) {
	t.Parallel()
	r := startReplaying(t)
	record := func(id string, origin inbox.Origin) []byte {
		value, err := codec.EncodeRecord(inbox.Record{Kind: inbox.KindNotify, Origin: origin, Notification: belfry.Notification{ID: id, Title: belfry.PlainText("x")}})
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
	at := func(offset int64) inbox.Origin { return inbox.Origin{TopicID: [16]byte{1}, Rule: 1, Offset: offset} }
	// The watermark is past the one that was set aside.
	produce(t, r.cfg, keyed(prefix.Journal(), "a", record("later", at(9))))
	r.awaitCount(t, "a", 1)
	row, err := r.unread.Row("a")
	if err != nil {
		t.Fatal(err)
	}
	item, err := codec.EncodeItem(&inbox.Item{Seq: row.Items[0].Seq, Notification: belfry.Notification{ID: "later", Title: belfry.PlainText("replayed")}})
	if err != nil {
		t.Fatal(err)
	}
	key := inbox.ItemKey("a", row.Items[0].Seq)
	dead := enginetest.OpenDead(t, r.cfg, prefix.DeadLetters())
	why := func(group string, reason deadletter.Reason) deadletter.Envelope {
		return deadletter.Envelope{Group: group, Reason: reason, Error: "x", TopicID: [16]byte{1}}
	}
	journal := why(prefix.UnreadGroup(), deadletter.ReasonPanic)
	cut := journal
	big := make([]byte, 3<<20)
	enginetest.SetAside(t, dead, journal, raw(prefix.Journal(), 100, "a", record("earlier", at(3))), raw(prefix.Journal(), 101, "a", []byte{0x0a, 100}), raw(prefix.Journal(), 102, "a/b", record("x", at(1))))
	enginetest.SetAside(t, dead, cut, raw(prefix.Journal(), 103, "a", big))
	enginetest.SetAside(t, dead, why(prefix.FormerInboxGroup(), deadletter.ReasonUndecodable), raw(prefix.FormerItems(), 104, key, item), raw(prefix.FormerItems(), 105, "nobody", item), raw(prefix.FormerItems(), 106, key, []byte("x")))
	enginetest.SetAside(t, dead, why("other-unread", deadletter.ReasonPanic), raw("other.journal", 107, "a", record("other", inbox.Origin{})))
	enginetest.SetAside(t, dead, why(prefix.RouterGroup("gone"), deadletter.ReasonInvalid), raw("gone", 108, "a", []byte("x")))
	withoutID := why(prefix.RouterGroup("orders"), deadletter.ReasonInvalid)
	withoutID.TopicID = [16]byte{}
	enginetest.SetAside(t, dead, withoutID, raw("orders", 109, "a", []byte("to:a")))
	produce(t, r.cfg, &sarama.ProducerMessage{Topic: prefix.DeadLetters(), Value: sarama.StringEncoder("somebody's")})

	want := []string{"0 refused", "100 replayed", "101 failed", "102 refused", "103 refused", "104 replayed", "105 refused", "106 failed", "107 refused", "108 failed", "109 refused"}
	if got := r.matching(t, deadletter.Filter{}, deadletter.ReplayOptions{Apply: true}); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	r.awaitCount(t, "a", 2)
	await.Eventually(t, patience, func() string { return "the content is not replayed" }, func() bool {
		got, ok, err := r.inbox.Item("a", row.Items[0].Seq)
		return err == nil && ok && got.Title[""] == "replayed"
	})
	// Refusals say why, and nothing of them is marked.
	says := map[int64]string{101: "", 102: "nobody's", 103: "cut", 105: "recipient/seq", 107: "prefix", 108: "no source", 109: "incarnation"}
	var ids []deadletter.ID
	for _, l := range enginetest.LettersOf(t, r.letters, deadletter.Filter{Pending: true}, 100) {
		ids = append(ids, l.ID)
	}
	told := 0
	err = r.replay.Named(t.Context(), ids, deadletter.ReplayOptions{}, func(o deadletter.ReplayOutcome) error {
		told++
		if !strings.Contains(o.Problem, says[o.Letter.Offset]) || o.Problem == "" {
			t.Errorf("%d: %q, want %q", o.Letter.Offset, o.Problem, says[o.Letter.Offset])
		}
		return nil
	})
	if err != nil || len(ids) != 9 || told != 9 {
		t.Errorf("%d letters are pending, %d outcomes, %v", len(ids), told, err)
	}
	err = r.replay.Named(t.Context(), []deadletter.ID{{Partition: 0, Offset: 1 << 40}}, deadletter.ReplayOptions{}, nil)
	if !errors.Is(err, deadletter.ErrNoLetter) {
		t.Errorf("an id of no letter: %v", err)
	}
}

// A replayed record that fails again is the next attempt; a source topic's record
// with our header is not.
func TestAttemptsAreCounted(t *testing.T) {
	t.Parallel()
	r := startReplaying(t)
	value, err := codec.EncodeRecord(inbox.Record{Kind: inbox.KindErase})
	if err != nil {
		t.Fatal(err)
	}
	why := deadletter.Envelope{Group: prefix.UnreadGroup(), Reason: deadletter.ReasonPanic, TopicID: [16]byte{1}, Attempt: 4}
	enginetest.SetAside(t, enginetest.OpenDead(t, r.cfg, prefix.DeadLetters()), why, raw(prefix.Journal(), 5, "a", value, "trace", "1", "belfry-replay-of-attempt", "3"))
	if got := r.matching(t, deadletter.Filter{}, deadletter.ReplayOptions{Apply: true}); !slices.Equal(got, []string{"5 replayed"}) {
		t.Fatal(got)
	}
	written := kafkatest.Consume(t, r.cfg.Brokers, prefix.Journal(), 1, 0, 1, 2, 3)[0]
	got := ""
	for _, h := range written.Headers {
		got += string(h.Key) + "=" + string(h.Value) + " "
	}
	if want := "trace=1 belfry-replay-of-attempt=4 "; got != want {
		t.Errorf("replayed with headers %s, want %s", got, want)
	}
	// As if such a record could not be folded.
	again := keyed(prefix.Journal(), "a", []byte{0x0a, 100})
	again.Headers = []sarama.RecordHeader{{Key: []byte("belfry-replay-of-attempt"), Value: []byte("4")}}
	produce(t, r.cfg, again, event("bad", "belfry-replay-of-attempt", "4"))
	for _, l := range r.awaitLetters(t, deadletter.Filter{Reasons: []deadletter.Reason{deadletter.ReasonUndecodable, deadletter.ReasonInvalid}}, 2) {
		if want := map[string]int{prefix.Journal(): 5, prefix.Notifications(): 1}[l.Topic]; l.Attempt != want {
			t.Errorf("of %s: attempt %d, want %d", l.Topic, l.Attempt, want)
		}
	}
}

// TestReplayOfALetterAboutSomeRecipients holds that a letter which is about some of a
// record's recipients gives nobody anything twice, and says why it cannot be replayed
// as long as they are nobody's.
func TestReplayOfALetterAboutSomeRecipients(t *testing.T) {
	t.Parallel()
	r := startReplaying(t)
	produce(t, r.cfg, event(`{"id":"n","recipients":["kim","a/b","lee"],"title":"x"}`), event(`{"recipient":"last","title":"x"}`))
	r.awaitCount(t, "kim", 1)
	r.awaitCount(t, "lee", 1)
	r.awaitCount(t, "last", 1)
	letters := r.awaitLetters(t, deadletter.Filter{}, 1)
	if !letters[0].Part {
		t.Fatalf("the letter is about all: %+v", letters[0])
	}
	before := journalEnd(t, r.cfg)
	if got := r.matching(t, deadletter.Filter{}, deadletter.ReplayOptions{}); len(got) != 1 || got[0] != fmt.Sprintf("%d %s", letters[0].Offset, deadletter.ReplayFailed) {
		t.Errorf("got %q, want that it fails", got)
	}
	if after := journalEnd(t, r.cfg); after != before {
		t.Errorf("%d records were written for those who had theirs", after-before)
	}
	if left := enginetest.LettersOf(t, r.letters, deadletter.Filter{}, 100); len(left) != 1 || left[0].Replayed {
		t.Errorf("the letter is no longer pending: %+v", left)
	}
}
