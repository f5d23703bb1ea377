package inbox_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

func subscribe(topic string) inbox.Record {
	return inbox.Record{Kind: inbox.KindSubscribe, Topic: topic}
}

func unsubscribe(topic string) inbox.Record {
	return inbox.Record{Kind: inbox.KindUnsubscribe, Topic: topic}
}

func join() inbox.Record { return inbox.Record{Kind: inbox.KindJoin} }

func fromSource(r inbox.Record, offset int64) inbox.Record {
	return with(r, routed(0, offset, 0))
}

func topics(s inbox.State) (names []string) {
	for _, t := range s.Topics {
		if t != inbox.TopicOf(t.Name) {
			names = append(names, "?")
		}
		names = append(names, t.Name)
	}
	slices.Sort(names)
	return names
}

func TestTopics(t *testing.T) {
	h := newHistory(t)
	for _, c := range []struct {
		record  inbox.Record
		outcome inbox.Outcome
		topics  string
	}{
		{subscribe("a"), inbox.Applied, "[a]"},
		{subscribe("b"), inbox.Applied, "[a b]"},
		{subscribe("a"), inbox.Unchanged, "[a b]"},
		{subscribe(""), inbox.Unchanged, "[a b]"},
		{unsubscribe("c"), inbox.Unchanged, "[a b]"},
		{unsubscribe("a"), inbox.Applied, "[b]"},
		{fromSource(subscribe("c"), 5), inbox.Applied, "[b c]"},
		{fromSource(unsubscribe("c"), 6), inbox.Applied, "[b]"},
		{fromSource(subscribe("c"), 5), inbox.Duplicate, "[b]"}, // a router that wrote it again
		{erase(), inbox.Applied, "[]"},
	} {
		h.do(c.record)
		if got := fmt.Sprint(topics(h.state)); h.effects.Outcome != c.outcome || got != c.topics {
			t.Errorf("%s %s: %s, topics %s; want %s, %s", c.record.Kind, c.record.Topic, h.effects.Outcome, got, c.outcome, c.topics)
		}
	}
	for i := range inbox.MaxTopics {
		h.do(subscribe(fmt.Sprint("topic-", i)))
	}
	if !h.state.TopicsFull() || len(h.state.Topics) != inbox.MaxTopics {
		t.Fatalf("got %d topics", len(h.state.Topics))
	}
	if h.do(subscribe("one-more")); h.effects.Outcome != inbox.Full || len(h.state.Topics) != inbox.MaxTopics {
		t.Errorf("one more: %s, %d topics", h.effects.Outcome, len(h.state.Topics))
	}
	if !slices.IsSortedFunc(h.state.Topics, func(a, b inbox.Topic) int { return int(int64(a.Hash>>1) - int64(b.Hash>>1)) }) {
		t.Error("topics are not by hash")
	}
}

// withNotices has a row hold notices of those seqs besides, as Advance adds them.
func withNotices(h *history, seqs ...uint64) {
	h.in.Keep = 100
	for _, seq := range seqs {
		e := inbox.Entry{Seq: seq, Version: seq, Count: 1, Category: "news", Shared: &inbox.Shared{Audience: inbox.Everybody, Place: seq}}
		at, _ := h.state.Find(seq)
		h.state.Items = slices.Insert(slices.Clone(h.state.Items), at, e)
	}
}

func TestJoin(t *testing.T) {
	h := newHistory(t)
	h.do(notify("a"), touch(), touch())
	withNotices(h, 2, 3)
	if h.do(join()); h.effects.Outcome != inbox.Applied || items(h.state) != "1" || removals(h.state) != "2@4 3@4" || !h.state.Joined {
		t.Fatalf("first join: %s, items %s, removals %s, joined %t", h.effects.Outcome, items(h.state), removals(h.state), h.state.Joined)
	}
	if len(h.effects.Removed) > 0 {
		t.Errorf("notices have no content of the user's, and %v go", h.effects.Removed)
	}
	if again := h.again(join(), 3); len(again.Removed) > 0 {
		t.Errorf("redelivered: %v go", again.Removed)
	}
	h.do(touch())
	withNotices(h, 5)
	if h.do(join()); h.effects.Outcome != inbox.Unchanged || items(h.state) != "1 5" {
		t.Errorf("second join: %s, items %s", h.effects.Outcome, items(h.state))
	}
	if h.do(fromSource(join(), 1), fromSource(join(), 1)); h.effects.Outcome != inbox.Duplicate {
		t.Errorf("routed twice: %s", h.effects.Outcome)
	}
}

func TestNoticesCountInNoCap(t *testing.T) {
	h := newHistory(t)
	h.in.Cap = 2
	h.do(notify("a"), touch(), touch(), notify("b"))
	withNotices(h, 2, 3)
	if h.do(notify("c")); items(h.state) != "2 3 4 5" || removals(h.state) != "1@5" {
		t.Errorf("items %s, removals %s; want 2 3 4 5 and 1@5", items(h.state), removals(h.state))
	}
	if got := slices.Collect(h.state.Contents()); !slices.Equal(got, []uint64{4, 5}) {
		t.Errorf("holds the contents %v, want those of the user alone", got)
	}
	if h.state.Held(2) || !h.state.Held(4) {
		t.Errorf("holds 2: %t, 4: %t", h.state.Held(2), h.state.Held(4))
	}
	h.do(seqs(remove, 2, 4))
	if got := removals(h.state); got != "1@5 2@6 4@6" || !slices.Equal(h.effects.Removed, []uint64{4}) {
		t.Errorf("removals %s, contents removed %v", got, h.effects.Removed)
	}
	if again := h.again(seqs(remove, 2, 4), 5); !slices.Equal(again.Removed, []uint64{4}) {
		t.Errorf("redelivered: contents removed %v", again.Removed)
	}
}

// A notice that was hidden on the board stands where it woke.
func TestNoticeHasThePlaceOfTheBoard(t *testing.T) {
	h := newHistory(t)
	h.do(notify("a"), touch(), notify("b"), touch())
	withNotices(h, 2)
	e, _ := h.state.Entry(2)
	e.Version, e.Shared = 4, &inbox.Shared{Audience: 9, Place: 4}
	entries, _ := h.state.Page(inbox.PageQuery{Limit: 9}, h.in.Time)
	var got []uint64
	for _, e := range entries {
		got = append(got, e.Seq)
	}
	if !slices.Equal(got, []uint64{2, 3, 1}) {
		t.Errorf("page %v, want 2 3 1", got)
	}
	if c, ok := h.state.Since(3, h.in.Time); !ok || len(c.Items) != 1 || c.Items[0].Seq != 2 {
		t.Errorf("since 3: %+v, want item 2", c)
	}
	if h.do(upTo(read, 3, "")); items(h.state) != "1r 2 3r" {
		t.Errorf("items %s: up_to is below the place of 2", items(h.state))
	}
	if h.do(inbox.Record{Kind: inbox.KindSnooze, Seqs: []uint64{2}, Until: h.in.Time.UnixMilli()}); h.state.Items[1].Place() != h.state.Version {
		t.Errorf("after its own wake it stands at %d, want %d", h.state.Items[1].Place(), h.state.Version)
	}
}

func TestAudiencesHaveIdentitiesOfTheirOwn(t *testing.T) {
	at := func(audience string) func(*inbox.Record) {
		return func(r *inbox.Record) { r.Notification.Audience, r.Retraction.Audience = audience, audience }
	}
	k := collapse("k")
	runFoldCases(t, []foldCase{
		{name: "same id for another audience", records: records{notify("a", at("all")), notify("a", at("topic:t"))}, outcome: inbox.Applied, items: "1 2", item: 2},
		{name: "same id", records: records{notify("a", at("all")), notify("a", at("all"))}, outcome: inbox.Duplicate, items: "1"},
		{name: "without an id", records: records{notify("", at("all")), notify("", at("all"))}, outcome: inbox.Applied, items: "1 2", item: 2},
		{name: "same key for another audience", records: records{notify("a", at("all"), k), notify("b", at("topic:t"), k)}, outcome: inbox.Applied, items: "1 2", item: 2},
		{name: "same key", records: records{notify("a", at("all"), k), notify("b", at("all"), k)}, outcome: inbox.Applied, items: "2x2<1", removals: "1@2", item: 2, removed: []uint64{1}},
		{name: "retraction", records: records{notify("a", at("all")), with(retract("a"), at("all"))}, outcome: inbox.Applied, removals: "1@2", removed: []uint64{1}},
		{name: "retraction for another audience", records: records{notify("a", at("all")), with(retract("a"), at("topic:t"))}, outcome: inbox.Applied, items: "1", removals: "0@2"},
		{name: "retraction by key for another audience", records: records{notify("a", at("all"), k), with(retractKey("k"), at("topic:t"))}, outcome: inbox.Unchanged, items: "1"},
		{name: "routed for two audiences", records: records{fromSource(notify("a", at("all")), 3), fromSource(notify("b", at("topic:t")), 3)}, outcome: inbox.Applied, items: "1 2", item: 2},
		{name: "routed twice", records: records{fromSource(notify("a", at("all")), 3), fromSource(notify("b", at("all")), 3)}, outcome: inbox.Duplicate, items: "1"},
	})
	if inbox.AudienceHash(belfry.AudienceAll) != inbox.Everybody || inbox.AudienceHash("topic:all") == inbox.Everybody {
		t.Error("everybody is a topic")
	}
}
