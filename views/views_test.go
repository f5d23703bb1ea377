package views_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/views"
)

const (
	prefix     = belfry.Prefix("test")
	partitions = 3
	patience   = await.Patience
)

// tables gives a broker with our topics.
func tables(t testing.TB) kafka.Config {
	t.Helper()
	return kafkatest.Installation(t, prefix, partitions)
}

// put writes a value where its key belongs; nil is a tombstone.
func put(t testing.TB, cfg kafka.Config, topic, key string, value []byte) {
	t.Helper()
	putAll(t, cfg, topic, []record{{key, value}})
}

// putAll writes values in their order.
func putAll(t testing.TB, cfg kafka.Config, topic string, all []record) {
	t.Helper()
	var messages []*sarama.ProducerMessage
	for _, r := range all {
		m := &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(r.key), Partition: kafka.Partition(r.key, partitions)}
		if r.value != nil {
			m.Value = sarama.ByteEncoder(r.value)
		}
		messages = append(messages, m)
	}
	for some := range slices.Chunk(messages, 100) { // a batch is at most 1 MiB
		kafkatest.Produce(t, cfg.Brokers, some...)
	}
}

func row(t *testing.T, version uint64) []byte {
	t.Helper()
	b, err := codec.EncodeState(&inbox.State{Epoch: 7, Version: version})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func content(t *testing.T, title string) []byte {
	t.Helper()
	b, err := codec.EncodeItem(&inbox.Item{Notification: belfry.Notification{Title: belfry.PlainText(title)}, Seq: 7})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func awaitVersion(t testing.TB, u *views.Unread, recipient string, want uint64) {
	t.Helper()
	var got inbox.State
	var err error
	await.Eventually(t, patience, func() string {
		return fmt.Sprintf("%s has version %d (%v), want %d", recipient, got.Version, err, want)
	}, func() bool {
		got, err = u.Row(recipient)
		return err == nil && got.Version == want
	})
}

func TestUnreadRows(t *testing.T) {
	t.Parallel()
	cfg := tables(t)
	u := views.NewUnread(cfg, prefix)
	if _, err := u.Row("사용자-7"); !errors.Is(err, belfry.ErrNotReady) {
		t.Errorf("before Run: %v", err)
	}
	if _, err := u.Badge("사용자-7", time.Now()); !errors.Is(err, belfry.ErrNotReady) {
		t.Errorf("badge before Run: %v", err)
	}
	topic := prefix.UnreadTable()
	put(t, cfg, topic, "사용자-7", row(t, 5))
	await.Running(t, u.Run)
	awaitVersion(t, u, "사용자-7", 5)
	if got, err := u.Row("nobody"); got.Version != 0 || err != nil {
		t.Errorf("a recipient nobody has written to: %+v, %v", got, err)
	}
	for recipient, want := range map[string]string{"사용자-7": "7.5.0", "nobody": "0.0.0"} {
		if got, err := u.Stamp(recipient, time.Now()); got.String() != want || err != nil {
			t.Errorf("stamp of %s: %s, %v, want %s", recipient, got, err, want)
		}
		if got, err := u.Badge(recipient, time.Now()); got.Stamp.String() != want || got.Categories == nil || err != nil {
			t.Errorf("badge of %s: %+v, %v, want %s", recipient, got, err, want)
		}
	}
	// A late write of a paused owner is refused, one of equal version not.
	put(t, cfg, topic, "사용자-7", row(t, 4))
	put(t, cfg, topic, "사용자-7", row(t, 5))
	put(t, cfg, topic, "사용자-7", row(t, 9))
	awaitVersion(t, u, "사용자-7", 9)
	if got := u.Refused(); got != 1 {
		t.Errorf("%d refused, want 1", got)
	}
	// A row that cannot be read says so, until a readable one comes.
	for _, tt := range []struct {
		name  string
		value []byte
		want  error
	}{{"garbage", []byte("garbage"), belfry.ErrCorrupt}, {"newer format", []byte{0x08, 0x63}, belfry.ErrNewerFormat}} {
		put(t, cfg, topic, "broken", tt.value)
		await.Eventually(t, patience, func() string { return tt.name + " is not told" }, func() bool {
			_, err := u.Row("broken")
			_, stampErr := u.Stamp("broken", time.Now())
			_, badgeErr := u.Badge("broken", time.Now())
			return errors.Is(err, tt.want) && errors.Is(stampErr, tt.want) && errors.Is(badgeErr, tt.want)
		})
	}
	put(t, cfg, topic, "broken", row(t, 1))
	awaitVersion(t, u, "broken", 1)
}

func TestInboxItems(t *testing.T) {
	t.Parallel()
	cfg := tables(t)
	i := views.NewInbox(cfg, prefix)
	if _, _, err := i.Item("a", 7); !errors.Is(err, belfry.ErrNotReady) {
		t.Errorf("before Run: %v", err)
	}
	await.Running(t, i.Run)
	has := func(seq uint64, want string) {
		t.Helper()
		var got string
		await.Eventually(t, patience, func() string { return fmt.Sprintf("a/%d is %q, want %q", seq, got, want) }, func() bool {
			item, ok, err := i.Item("a", seq)
			got = item.Title[""]
			if errors.Is(err, belfry.ErrCorrupt) {
				got = "corrupt"
			}
			return ok == (want != "" && want != "corrupt") && got == want && (err == nil || got == "corrupt")
		})
	}
	topic := prefix.InboxTable()
	put(t, cfg, topic, "a/7", content(t, "first"))
	has(7, "first")
	has(8, "")
	put(t, cfg, topic, "a/7", content(t, "second"))
	has(7, "second")
	put(t, cfg, topic, "a/7", nil)
	has(7, "")
	put(t, cfg, topic, "a/7", []byte("garbage"))
	has(7, "corrupt")

	// An endpoint is no item, and its change wakes those who wait for it.
	value, err := codec.EncodeEndpoint(&inbox.Address{Seq: 9, Kind: inbox.EndpointMail, Target: "kim@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	changed := make(chan struct{}, 2)
	defer i.Watch("a", func() { changed <- struct{}{} })()
	put(t, cfg, topic, inbox.EndpointKey("a", 9), value)
	<-changed
	if got, ok, err := i.Endpoint("a", 9); got.Target != "kim@example.com" || !ok || err != nil {
		t.Errorf("got %+v, %v, %v, want the endpoint", got, ok, err)
	}
	has(9, "")
	put(t, cfg, topic, inbox.EndpointKey("a", 9), nil)
	<-changed
	if got, ok, err := i.Endpoint("a", 9); ok || err != nil {
		t.Errorf("got %+v, %v, want none", got, err)
	}
}

// calls counts what a watcher is told.
type calls struct {
	mu  sync.Mutex
	all []string
}

func (c *calls) of(name string) func() {
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all = append(c.all, name)
	}
}

func (c *calls) sorted() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(slices.Values(c.all))
}

func TestWatchersAreToldOfTheirRecipient(t *testing.T) {
	t.Parallel()
	cfg := tables(t)
	u, i := views.NewUnread(cfg, prefix), views.NewInbox(cfg, prefix)
	await.Running(t, u.Run)
	await.Running(t, i.Run)
	await.Eventually(t, patience, func() string { return u.Status().String() }, func() bool { return u.Recovered() && i.Recovered() })
	var told calls
	stop := u.Watch("a", told.of("a row"))
	u.Watch("a", told.of("a row, too"))
	i.Watch("a", told.of("a item"))
	u.Watch("b", told.of("b row"))
	comes := func(want ...string) {
		t.Helper()
		await.Eventually(t, patience, func() string { return fmt.Sprintf("told %q, want %q", told.sorted(), want) },
			func() bool { return slices.Equal(told.sorted(), want) })
	}
	put(t, cfg, prefix.UnreadTable(), "a", row(t, 5))
	comes("a row", "a row, too")
	put(t, cfg, prefix.InboxTable(), "a/7", content(t, "x"))
	comes("a item", "a row", "a row, too")
	// A row that is refused tells nobody, nor does one of somebody else.
	put(t, cfg, prefix.UnreadTable(), "a", row(t, 4))
	put(t, cfg, prefix.InboxTable(), "a/7", nil)
	comes("a item", "a item", "a row", "a row, too")
	stop()
	stop()
	put(t, cfg, prefix.UnreadTable(), "ab", row(t, 1))
	put(t, cfg, prefix.UnreadTable(), "a", row(t, 6))
	put(t, cfg, prefix.UnreadTable(), "b", row(t, 1))
	comes("a item", "a item", "a row", "a row, too", "a row, too", "b row")
}

// Those who watch for what is urgent hear of every content of their recipient, and of the
// seq of one that is urgent.
func TestWatchersAreToldOfWhatIsUrgent(t *testing.T) {
	t.Parallel()
	cfg := tables(t)
	i := views.NewInbox(cfg, prefix)
	await.Running(t, i.Run)
	await.Eventually(t, patience, func() string { return i.Status().String() }, i.Recovered)
	told := make(chan uint64, 100)
	i.WatchContents(func(user string) bool { return user == "a" }, func(_ string, urgent uint64) { told <- urgent })
	urgent, err := codec.EncodeItem(&inbox.Item{Notification: belfry.Notification{Title: belfry.PlainText("x"), Priority: belfry.PriorityUrgent}, Seq: 8})
	if err != nil {
		t.Fatal(err)
	}
	address, err := codec.EncodeEndpoint(&inbox.Address{Kind: inbox.EndpointText, Seq: 9, Target: "@a", AddedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		key     string
		content []byte
		want    uint64
	}{{"a/7", content(t, "x"), 0}, {"a/8", urgent, 8}, {inbox.EndpointKey("a", 9), address, 0}, {"a/8", nil, 0}} {
		put(t, cfg, prefix.InboxTable(), step.key, step.content)
		select {
		case got := <-told:
			if got != step.want {
				t.Errorf("%s: told that %d is urgent, want %d", step.key, got, step.want)
			}
		case <-time.After(patience):
			t.Fatal("nobody was told of", step.key)
		}
	}
}

// A watcher that came before the table could be read learns that it can.
func TestWatchersAreToldOfTheFirstRecovery(t *testing.T) {
	t.Parallel()
	cfg := tables(t)
	put(t, cfg, prefix.UnreadTable(), "a", row(t, 5))
	put(t, cfg, prefix.InboxTable(), "a/7", content(t, "x"))
	u, i := views.NewUnread(cfg, prefix), views.NewInbox(cfg, prefix)
	seen := make(chan string, 100)
	u.Watch("a", func() {
		row, err := u.Row("a")
		seen <- fmt.Sprintf("row %d %v", row.Version, err)
	})
	comes := func(want string) {
		t.Helper()
		select {
		case got := <-seen:
			if got != want {
				t.Errorf("told of %s, want %s", got, want)
			}
		case <-time.After(patience):
			t.Fatal("nobody was told")
		}
	}
	u.WatchRows(func(user string) { seen <- fmt.Sprintf("rows of %q", user) })
	await.Running(t, u.Run)
	comes("row 5 <nil>")
	comes(`rows of ""`)
	i.WatchContents(func(string) bool { return false }, func(user string, _ uint64) { seen <- fmt.Sprintf("contents of %q", user) })
	i.Watch("a", func() {
		item, ok, err := i.Item("a", 7)
		seen <- fmt.Sprintf("item %s %t %v", item.Title[""], ok, err)
	})
	await.Running(t, i.Run)
	comes("item x true <nil>")
	comes(`contents of ""`)
}

// A change is readable when its watcher hears of it.
func TestWatchersFindWhatTheyAreToldOf(t *testing.T) {
	t.Parallel()
	cfg := tables(t)
	u := views.NewUnread(cfg, prefix)
	await.Running(t, u.Run)
	await.Eventually(t, patience, func() string { return u.Status().String() }, u.Recovered)
	seen := make(chan uint64, 100)
	u.Watch("a", func() {
		row, err := u.Row("a")
		if err != nil {
			t.Error(err)
		}
		seen <- row.Version
	})
	for version := range uint64(5) {
		put(t, cfg, prefix.UnreadTable(), "a", row(t, version+1))
		select {
		case got := <-seen:
			if got != version+1 {
				t.Errorf("told of version %d, found %d", version+1, got)
			}
		case <-time.After(patience):
			t.Fatal("nobody was told")
		}
	}
}
