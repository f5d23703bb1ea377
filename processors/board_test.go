package processors_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/deadletter/replay"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/timers"
)

func announcement(id string) inbox.Record {
	return inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{
		Audience: belfry.AudienceAll, Source: "it", ID: id, Title: belfry.PlainText(id), Time: time.Now(),
	}}
}

// stored are the rows of a partition of the unread table, and its board.
func stored(t *testing.T, cfg kafka.Config, partition int32) (*board.Board, map[string]inbox.State) {
	t.Helper()
	own, rows := board.New(board.Row{}), map[string]inbox.State{}
	err := table.Scan(t.Context(), cfg, prefix.UnreadTable(), partition, func(m *sarama.ConsumerMessage) (err error) {
		if _, ok := belfry.ParsePartitionKey(string(m.Key)); !ok {
			rows[string(m.Key)], err = codec.DecodeState(m.Value)
			return err
		}
		row, err := codec.DecodeBoard(m.Value)
		own = board.New(row)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return own, rows
}

// letters are the reasons and errors of the first n dead letters.
func letters(t *testing.T, cfg kafka.Config, n int) (all []string) {
	t.Helper()
	for _, m := range consume(t, cfg, prefix.DeadLetters(), n) {
		letter, _, err := deadletter.ParseEnvelope(kafka.Headers(m))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s: %s", letter.Reason, letter.Error))
	}
	return all
}

// A record for the board that is none of its kinds is set aside, and nothing else is lost by
// that.
func TestBadRecordsOfABoard(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	o.start(t)
	key := belfry.PartitionKey(1)
	without, topic := announcement("a"), announcement("b")
	without.Notification.Audience, topic.Notification.Audience = "", "topic:a/b"
	bad := []inbox.Record{
		without, topic,
		{Kind: inbox.KindRetract, Retraction: belfry.Retraction{Source: "it", ID: "a"}},
		{Kind: inbox.KindRead, UpTo: 1},
		{Kind: inbox.KindErase},
		{Kind: inbox.KindJoin},
		{Kind: inbox.KindSubscribe, Topic: "t"},
	}
	for _, r := range bad {
		o.append(t, key, r)
	}
	produce(t, o.cfg, keyed(prefix.Journal(), key, []byte("garbage")), keyed(prefix.Journal(), key, nil))
	other := keyed(prefix.Journal(), key, nil)
	value, err := codec.EncodeRecord(announcement("c"))
	if err != nil {
		t.Fatal(err)
	}
	other.Value, other.Partition = sarama.ByteEncoder(value), 2
	produce(t, o.cfg, other)
	o.append(t, key, announcement("good"))
	got := letters(t, o.cfg, 10)
	slices.Sort(got)
	want := []string{
		`empty: the value has no bytes`,
		`undecodable: journal key: recipient: must not start with "__"`,
		`undecodable: record for the board of partition 1: a board takes no erase`,
		`undecodable: record for the board of partition 1: a board takes no join`,
		`undecodable: record for the board of partition 1: a board takes no read`,
		`undecodable: record for the board of partition 1: a board takes no subscribe`,
		`undecodable: record for the board of partition 1: audience: must be all or topic:<name>, not ""`,
		`undecodable: record for the board of partition 1: audience: must be all or topic:<name>, not ""`,
		`undecodable: record for the board of partition 1: audience: the name of a topic must not contain "/"`,
		`undecodable: record: proto:`,
	}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	o.done(t)
	own, _ := stored(t, o.cfg, 1)
	if own.State.Version != 10 || len(own.Notices) != 1 || own.Keep != inbox.DefaultCap {
		t.Errorf("the board is %+v", own.Row)
	}
	o.contents(t, 1, map[string]bool{"__1/10": true})
}

// Nothing is announced where rows of a journal count from different bases: the letter says
// what to do, and a touch changes nothing.
func TestNothingIsAnnouncedFromUnevenBases(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	p := kafka.Partition("a", partitions)
	key := belfry.PartitionKey(p)
	b := neighbour("a")
	produce(t, o.cfg,
		keyed(prefix.UnreadTable(), "a", row(t, inbox.State{Epoch: o.epoch, Base: 7, Version: 7})),
		keyed(prefix.UnreadTable(), b, row(t, inbox.State{Epoch: o.epoch, Base: 3, Version: 3})))
	o.append(t, key, announcement("a"))
	o.append(t, key, inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{Audience: "all", Source: "it", ID: "a"}})
	o.append(t, key, inbox.Record{Kind: inbox.KindTouch})
	o.notify(t, "a")
	o.start(t)
	got := letters(t, o.cfg, 2)
	for _, line := range got {
		if !strings.HasPrefix(line, fmt.Sprintf("invalid: audience: nothing can be announced in partition %d, since its rows of this journal count from different bases", p)) ||
			!strings.HasSuffix(line, ": the remedy, and replay this letter then") {
			t.Errorf("got letter %q", line)
		}
	}
	o.await(t, p, "a 7+0", b+" 3+0", "a 7+4")

	// The remedy, and the letter of the notice replayed.
	o.done(t)
	o.stop()
	if err := admin(t, o.cfg).DeleteTopic(prefix.Journal()); err != nil {
		t.Fatal(err)
	}
	o = ownerOf(t, o.cfg)
	again, err := replay.Open(replay.Config{Engine: o.cfg, Prefix: prefix, Rules: func(string) (replay.Rules, bool) { return nil, false }})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	err = again.Matching(t.Context(), deadletter.Filter{}, 1, deadletter.ReplayOptions{Apply: true}, func(out deadletter.ReplayOutcome) error {
		if out.Result != deadletter.ReplayDone {
			t.Errorf("got %+v", out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	o.start(t)
	o.done(t)
	if own, _ := stored(t, o.cfg, p); own.Newest() != inbox.BaseStep+1 || len(o.group.Status().Lacks) > 0 {
		t.Errorf("the board is %+v; %s", own.Row, o.group.Status())
	}
}

// The same once a row of another base is met beside a board that has notices: those stay.
func TestNothingMoreIsAnnouncedOnceABaseDiffers(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	p := kafka.Partition("a", partitions)
	key := belfry.PartitionKey(p)
	b := neighbour("a")
	produce(t, o.cfg,
		keyed(prefix.UnreadTable(), key, row(t, inbox.State{Epoch: o.epoch, Base: 20, Version: 20})),
		keyed(prefix.UnreadTable(), "a", row(t, inbox.State{Epoch: o.epoch, Base: 30, Version: 30})))
	o.append(t, key, announcement("first"))
	o.notify(t, b)
	o.notify(t, "a")
	o.append(t, key, announcement("second"))
	o.notify(t, b)
	o.start(t)
	if got := letters(t, o.cfg, 1); !strings.Contains(got[0], "different bases") {
		t.Errorf("got %q", got)
	}
	o.done(t)
	own, rows := stored(t, o.cfg, p)
	if len(own.Notices) != 1 || len(rows["a"].Items) != 1 || rows["a"].Version != 33 || len(rows[b].Items) != 3 || rows[b].Version != 25 {
		t.Errorf("got %d notices, rows %+v", len(own.Notices), rows)
	}
}

// A board of an earlier journal in such a partition is not touched for what is hidden on it,
// since no touch would settle that.
func TestABoardWithoutABaseIsLeftAlone(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	p := kafka.Partition("a", partitions)
	hidden := announcement("a")
	hidden.Notification.DeliverAt = time.Now()
	before, _ := board.Fold(board.New(board.Row{}).Begin(o.epoch+1, 0), hidden, inbox.Input{
		Position: inbox.Position{Epoch: o.epoch + 1}, Time: hidden.Notification.DeliverAt.Add(-time.Minute),
	})
	value, err := codec.EncodeBoard(&before.Row)
	if err != nil {
		t.Fatal(err)
	}
	if codec.DecodeDue(value) == 0 {
		t.Fatal("nothing is hidden on the board")
	}
	produce(t, o.cfg,
		keyed(prefix.UnreadTable(), belfry.PartitionKey(p), value),
		keyed(prefix.UnreadTable(), "a", row(t, inbox.State{Epoch: o.epoch, Base: 7, Version: 7})),
		keyed(prefix.UnreadTable(), neighbour("a"), row(t, inbox.State{Epoch: o.epoch, Base: 3, Version: 3})))
	path := start(t, o.cfg)
	// One that comes late, on a slow machine, has no timer: another is given more time.
	for items, soon := 1, time.Second; path.timers.Stats().Fired == 0 && soon < patience; items, soon = items+1, 2*soon {
		path.later(t, "a", fmt.Sprint("in ", soon), soon)
		path.awaitSettled(t, items, "a") // its timer comes after that of the board
	}
	if s := path.timers.Stats(); s.Fired != 1 {
		t.Errorf("got %+v, want one timer fired", s)
	}
	path.stop()
	if on, _ := stored(t, o.cfg, p); on.State.Version != before.State.Version {
		t.Errorf("the board is %+v", on.Row)
	}
}

// neighbour is another user of the partition of a user.
func neighbour(user string) string {
	for n := 0; ; n++ {
		if other := fmt.Sprint("neighbour-", n); kafka.Partition(other, partitions) == kafka.Partition(user, partitions) {
			return other
		}
	}
}

// A board stays over a new journal, and users get what is on it with their next record;
// without a notice there is nothing in a board that an earlier release would not read.
func TestABoardStaysOverANewJournal(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	p := kafka.Partition("a", partitions)
	key := belfry.PartitionKey(p)
	o.start(t)
	o.append(t, belfry.PartitionKey((p+1)%partitions), inbox.Record{Kind: inbox.KindTouch})
	o.append(t, key, announcement("a"))
	o.append(t, key, announcement("b"))
	o.append(t, key, inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{Audience: "all", Source: "it", ID: "a"}})
	o.notify(t, "a")
	o.done(t)
	o.stop()
	if own, _ := stored(t, o.cfg, (p+1)%partitions); own.Keep != 0 || own.State.Version == 0 {
		t.Errorf("a board that was touched is %+v", own.Row)
	}
	if err := admin(t, o.cfg).DeleteTopic(prefix.Journal()); err != nil {
		t.Fatal(err)
	}
	o = ownerOf(t, o.cfg)
	o.start(t)
	o.append(t, key, announcement("c"))
	o.append(t, key, inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{Audience: "all", Source: "it", ID: "b"}})
	o.notify(t, "a")
	o.notify(t, neighbour("a"))
	o.done(t)
	own, rows := stored(t, o.cfg, p)
	const base = inbox.BaseStep
	if own.State.Base != base || len(own.Notices) != 1 || own.State.Items[0].Seq != base+1 || len(own.Stays) != 2 {
		t.Errorf("the board is %+v", own.Row)
	}
	var seqs []uint64
	for _, e := range rows["a"].Items {
		seqs = append(seqs, e.Seq)
	}
	if want := []uint64{4, base + 1, base + 3}; !slices.Equal(seqs, want) || rows["a"].Base != base {
		t.Errorf("a has %d, base %d, want %d", seqs, rows["a"].Base, want)
	}
	if n := len(rows[neighbour("a")].Items); n != 2 {
		t.Errorf("a new user has %d items, want the notice and his own", n)
	}
	o.contents(t, p, map[string]bool{"a/4": true, inbox.ItemKey(key, base+1): true, inbox.ItemKey("a", base+3): true, inbox.ItemKey(neighbour("a"), base+4): true})
}

// A board that a paused owner writes late is refused by who recovers, as rows are.
func TestALateBoardIsRefused(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	key := belfry.PartitionKey(1)
	o.start(t)
	o.append(t, key, announcement("a"))
	o.done(t)
	o.append(t, key, announcement("b"))
	o.done(t)
	o.stop()
	var late []byte
	err := table.Scan(t.Context(), o.cfg, prefix.UnreadTable(), 1, func(m *sarama.ConsumerMessage) error {
		if late == nil || m.Offset == 1 {
			late = slices.Clone(m.Value)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	produce(t, o.cfg, keyed(prefix.UnreadTable(), key, late))
	for range 2 { // with the store of before, and without one
		o.start(t)
		o.append(t, key, inbox.Record{Kind: inbox.KindTouch})
		o.done(t)
		o.stop()
		if own, _ := stored(t, o.cfg, 1); len(own.Notices) != 2 {
			t.Errorf("the board is %+v", own.Row)
		}
		o.cfg.StateDir = t.TempDir()
	}
}

// A notice that is hidden until its time comes into the lists by nothing but the time.
func TestTimersSettleBoards(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	makeTopics(t, cfg)
	p := start(t, cfg)
	var records [partitions]uint64
	for n := range int32(partitions) {
		// A record that was written after its time is shown at once, and settled by nothing.
		for late := true; late; records[n]++ {
			r := announcement(fmt.Sprint("soon-", records[n]))
			r.Notification.DeliverAt = time.Now().Add(time.Second)
			p.appended(t, belfry.PartitionKey(n), r)
			late = !time.Now().Before(r.Notification.DeliverAt)
		}
	}
	for n := range int32(partitions) {
		var own *board.Board
		await.Eventually(t, patience, func() string { return fmt.Sprintf("board %d is %+v; timers %+v", n, own.Row, p.timers.Stats()) }, func() bool {
			own, _ = stored(t, cfg, n)
			return own.Newest() == records[n]+1
		})
	}
}

// A decision on a notice is by the rule of its category, is not made of what has expired on
// the board, and is the same one when its record is read again.
func TestDecisionOnANoticeIsWrittenAgain(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	makeTopics(t, cfg)
	policy := &reach.Policy{Channels: []reach.Channel{{Name: "chat", Kind: inbox.EndpointText, Tell: []reach.Rule{{Categories: []string{"news"}}}}}}
	p := startBy(t, cfg, policy)
	p.reachable(t, "kim")
	key := belfry.PartitionKey(kafka.Partition("kim", partitions))
	other, expired, news := announcement("other"), announcement("expired"), announcement("news")
	expired.Notification.Category, news.Notification.Category = "news", "news"
	expired.Notification.ExpiresAt = time.Now().Add(-time.Second)
	for _, r := range []inbox.Record{other, expired, news} {
		p.appended(t, key, r)
	}
	all := p.awaitOutbound(t, "kim is told", func(all map[string][]inbox.Outbound) bool { return len(all["kim"]) > 0 })
	awaitDone(t, cfg)
	own, rows := stored(t, cfg, kafka.Partition("kim", partitions))
	first := all["kim"][0]
	shown := own.Show(rows["kim"])
	if left := reach.Left(&shown, "chat", inbox.EndpointText, first.Decision, time.Now()); len(left) != 1 || left[0].Category != "news" {
		t.Errorf("decision %d is of %+v", first.Decision, left)
	}
	p.stop()
	rewind(t, cfg, prefix.UnreadGroup(), prefix.Journal())
	p = startBy(t, cfg, policy)
	all = p.awaitOutbound(t, "the decision is written again", func(all map[string][]inbox.Outbound) bool { return len(all["kim"]) > 1 })
	awaitDone(t, cfg)
	if all["kim"][1] != first || len(decisions(p.outbound(t)["kim"])) != 1 {
		t.Errorf("got %+v, want %+v once more", all["kim"], first)
	}
}

// A notice is told to those who can be reached and have not seen it, although their rows are
// not written for it; also by an owner who begins after it came.
func TestTellsOfANotice(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	makeTopics(t, cfg)
	p := startBy(t, cfg, afterA(0, "chat"))
	users := []string{"kim", "lee", "han", "사용자"}
	for _, user := range users {
		p.reachable(t, user)
	}
	p.appended(t, "nobody", notify("own"))
	announce := func(id string) {
		for n := range int32(partitions) {
			p.appended(t, belfry.PartitionKey(n), announcement(id))
		}
	}
	awaitDone(t, cfg)
	announce("first")
	all := p.awaitOutbound(t, "all are told", func(all map[string][]inbox.Outbound) bool { return len(all) == len(users) })
	check := func(user string, notices int) {
		t.Helper()
		own, rows := stored(t, cfg, kafka.Partition(user, partitions))
		shown := own.Show(rows[user])
		told := decisions(all[user])
		left := reach.Left(&shown, "chat", inbox.EndpointText, told[len(told)-1], time.Now())
		if len(told) != notices || len(left) != 1 || shown.Items[len(shown.Items)-1].Shared == nil {
			t.Errorf("%s is told by %d, the last of %v, of %+v", user, told, left, shown)
		}
	}
	for _, user := range users {
		check(user, 1)
	}
	if len(all["nobody"]) > 0 {
		t.Errorf("nobody is told by %v", all["nobody"])
	}

	// Nobody is told while it is folded; lee sees it before the next owner begins.
	p.policy.Store(afterA(24*time.Hour, "chat"))
	p.timers.Renew()
	announce("second")
	p.appended(t, "lee", inbox.Record{Kind: inbox.KindSeen, UpTo: 1 << 60})
	awaitDone(t, cfg)
	p.stop()
	p = startBy(t, cfg, afterA(0, "chat"))
	all = p.awaitOutbound(t, "all but lee are told again", func(all map[string][]inbox.Outbound) bool {
		return len(decisions(all["kim"])) == 2 && len(decisions(all["han"])) == 2 && len(decisions(all["사용자"])) == 2
	})
	for _, user := range []string{"kim", "han", "사용자"} {
		check(user, 2)
	}
	if n := len(decisions(all["lee"])); n != 1 {
		t.Errorf("lee, who saw the second, is told by %d decisions", n)
	}
	// An owner who begins by the same policy believes the index of the store, which has no
	// notice.
	p.stop()
	p = startBy(t, cfg, afterA(2*time.Second, "chat"))
	announce("third")
	awaitDone(t, cfg)
	p.stop()
	p = startBy(t, cfg, afterA(2*time.Second, "chat"))
	p.awaitOutbound(t, "all are told of the third", func(all map[string][]inbox.Outbound) bool {
		return len(decisions(all["kim"])) == 3 && len(decisions(all["lee"])) == 2
	})
}

// The daily cap of a channel and quiet hours hold notices, of which rows know nothing: what
// they wait for is told, also by an owner who begins meanwhile.
func TestCapAndQuietHoursHoldNotices(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	makeTopics(t, cfg)
	policy := &reach.Policy{Channels: []reach.Channel{{Name: "chat", Kind: inbox.EndpointText, DailyCap: 1, Tell: []reach.Rule{{}}}}}
	p := startBy(t, cfg, policy)
	now := time.Now().UTC()
	hours := fmt.Sprintf(`{"zone":"UTC","quiet":[{"from":%q,"to":%q}]}`, now.Add(-time.Hour).Format("15:04"), now.Add(3*time.Hour).Format("15:04"))
	p.reachable(t, "kim")
	p.reachable(t, "lee")
	p.appended(t, "lee", inbox.Record{Kind: inbox.KindPrefs, Prefs: []byte(hours)})
	awaitDone(t, cfg)
	announce := func(id string) {
		for n := range int32(partitions) {
			p.appended(t, belfry.PartitionKey(n), announcement(id))
		}
	}
	held := func(kim, lee int) {
		t.Helper()
		var pending map[timers.Wait]int
		await.Eventually(t, patience, func() string {
			return fmt.Sprintf("pending %v, want %d by the cap, %d by quiet hours", pending, kim, lee)
		}, func() bool {
			pending = p.timers.TellStats().Pending
			return pending[timers.Wait{Hold: timers.HoldOf("daily cap"), Channel: 1}] == kim && pending[timers.Wait{Hold: timers.HoldOf("quiet"), Channel: 1}] == lee
		})
	}
	announce("first")
	p.awaitOutbound(t, "kim is told", func(all map[string][]inbox.Outbound) bool { return len(all["kim"]) == 1 })
	held(0, 1)
	announce("second")
	held(1, 1)
	p.stop()
	p = startBy(t, cfg, policy)
	held(1, 1)
	p.appended(t, "lee", inbox.Record{Kind: inbox.KindPrefs, Prefs: []byte(`{"quiet":null}`)})
	all := p.awaitOutbound(t, "lee is told once it is not quiet", func(all map[string][]inbox.Outbound) bool { return len(all["lee"]) == 1 })
	own, rows := stored(t, cfg, kafka.Partition("lee", partitions))
	shown := own.Show(rows["lee"])
	if left := reach.Left(&shown, "chat", inbox.EndpointText, all["lee"][0].Decision, time.Now()); len(left) != 2 {
		t.Errorf("lee is told of %+v, want both notices", left)
	}
	held(1, 0)
	if all := p.outbound(t); len(decisions(all["kim"])) != 1 {
		t.Errorf("kim is told by %v in a day, want one", all["kim"])
	}
}
