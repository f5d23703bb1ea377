package views_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/views"
)

// owner writes rows, boards and contents of one partition as their owner does: a board
// when all rows of before are written.
type owner struct {
	t         testing.TB
	partition int32
	offset    int64
	board     *board.Board
	rows      map[string]inbox.State
}

// newOwner is of the partition of a user.
func newOwner(t testing.TB, user string) *owner {
	return &owner{
		t: t, partition: kafka.Partition(user, partitions), board: new(board.Board).Begin(7, 0), rows: map[string]inbox.State{},
	}
}

func (o *owner) at() inbox.Input {
	o.offset++
	return inbox.Input{Position: inbox.Position{Epoch: 7, Offset: o.offset - 1}, Time: time.Now().Add(-time.Minute), Keep: 100, Members: 1}
}

// notice returns the board after a record, and under which key the content of what that
// brought stands.
func (o *owner) notice(r inbox.Record) (row []byte, key string, content []byte) {
	o.t.Helper()
	var effects inbox.Effects
	o.board, effects = board.Fold(o.board, r, o.at())
	row, err := codec.EncodeBoard(&o.board.Row)
	if err == nil && effects.Item != nil {
		key = inbox.ItemKey(belfry.PartitionKey(o.partition), effects.Item.Seq)
		content, err = codec.EncodeItem(effects.Item)
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return row, key, content
}

// user returns a user's row after a record.
func (o *owner) user(user string, r inbox.Record) []byte {
	o.t.Helper()
	in := o.at()
	in.Keep = o.board.Keep
	o.rows[user], _ = inbox.Fold(board.Advance(o.rows[user], o.board, uint64(in.Offset)+1), r, in)
	row := o.rows[user]
	b, err := codec.EncodeState(&row)
	if err != nil {
		o.t.Fatal(err)
	}
	return b
}

func announce(audience, id string) inbox.Record {
	return inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{
		Audience: audience, ID: id, Title: belfry.PlainText(id), Category: "news", Priority: belfry.PriorityHigh,
	}}
}

// same holds that row, badge and stamp of a user are one.
func same(t testing.TB, u *views.Unread, user string, want inbox.State) {
	t.Helper()
	now := time.Now()
	row, err := u.Row(user)
	badge, err2 := u.Badge(user, now)
	stamp, err3 := u.Stamp(user, now)
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	if shown := row.Badge(now); stamp != shown.Stamp || fmt.Sprint(badge) != fmt.Sprint(shown) || fmt.Sprint(shown) != fmt.Sprint(want.Badge(now)) {
		t.Errorf("%s: row %v, badge %v, stamp %v, want %v", user, shown, badge, stamp, want.Badge(now))
	}
}

func TestNoticesAreShown(t *testing.T) {
	t.Parallel()
	cfg := tables(t)
	u, i := views.NewUnread(cfg, prefix), views.NewInbox(cfg, prefix)
	table, contents := prefix.UnreadTable(), prefix.InboxTable()
	o := newOwner(t, "kim")
	nobody := neighbour("kim")
	own := belfry.PartitionKey(o.partition)
	put(t, cfg, table, "kim", o.user("kim", inbox.Record{Kind: inbox.KindSubscribe, Topic: "ops"}))
	row, key, content := o.notice(announce("all", "before"))
	put(t, cfg, contents, key, content)
	put(t, cfg, table, own, row)
	await.Running(t, u.Run)
	await.Running(t, i.Run)
	await.Eventually(t, patience, func() string { return u.Status().String() }, func() bool { return u.Recovered() && i.Recovered() })
	same(t, u, "kim", o.board.Show(o.rows["kim"]))
	same(t, u, nobody, o.board.Show(inbox.State{}))
	if stored, err := u.Stored("kim"); stored.Version != 1 || err != nil {
		t.Errorf("stored version %d, %v, want 1", stored.Version, err)
	}
	if stored, err := u.Stored(nobody); stored.Version != 0 || err != nil {
		t.Errorf("stored version %d, %v of who has no row", stored.Version, err)
	}
	for _, user := range []string{"kim", nobody} {
		if item, ok, err := i.Item(user, 2); item.Title[""] != "before" || item.Audience != "all" || !ok || err != nil {
			t.Errorf("%s: content %+v, %t, %v", user, item, ok, err)
		}
	}

	// A watcher of a user is told of a notice's content and of its board, and so are those
	// of all boards and contents. A watcher of rows is not.
	var told calls
	defer u.Watch("kim", told.of("kim"))()
	defer u.Watch(nobody, told.of("nobody"))()
	defer u.WatchRows(func(user string) { told.of("row of " + user)() })()
	defer u.WatchBoards(func(p int32) { told.of(fmt.Sprint("board ", p))() })()
	defer i.Watch("kim", told.of("content"))()
	anybody := func(string) bool { return true }
	defer i.WatchContents(anybody, func(user string, _ uint64) { told.of("content of " + user)() })()
	defer i.WatchNotices(func(p int32) { told.of(fmt.Sprint("notice ", p))() })()
	row, key, content = o.notice(announce("topic:ops", "ops"))
	put(t, cfg, contents, key, content)
	put(t, cfg, table, own, row)
	want := []string{fmt.Sprint("board ", o.partition), "content", "kim", "nobody", fmt.Sprint("notice ", o.partition)}
	await.Eventually(t, patience, func() string { return fmt.Sprintf("told %q, want %q", told.sorted(), want) },
		func() bool { return slices.Equal(told.sorted(), want) })
	same(t, u, "kim", o.board.Show(o.rows["kim"]))
	same(t, u, nobody, o.board.Show(inbox.State{}))
	if b, err := u.Board(o.partition); b.State.Version != 3 || err != nil {
		t.Errorf("board of version %d, %v, want 3", b.State.Version, err)
	}
	if b, err := u.Board((o.partition + 1) % partitions); b != nil || err != nil {
		t.Errorf("board %v, %v, want none", b, err)
	}
	if b, err := u.Board(partitions); err == nil {
		t.Errorf("board %v of no partition", b)
	}
	// The sweep judges contents of notices by the board.
	if stored, err := u.Stored(own); err != nil || !stored.Holds(inbox.ContentKey{Recipient: own, Seq: 3}) || stored.Held(7) || stored.Version != 3 {
		t.Errorf("stored %+v, %v, want the board", stored, err)
	}
	var keys []string
	if err := i.Each(t.Context(), func(key inbox.ContentKey, _ time.Time) error {
		keys = append(keys, key.String())
		return nil
	}); err != nil || !slices.Equal(keys, []string{own + "/2", own + "/3"}) {
		t.Errorf("contents of %q, %v", keys, err)
	}
	var visited []string
	err := u.EachRow(t.Context(), func(p int32, row *inbox.State) error {
		visited = append(visited, fmt.Sprint(p == o.partition, row.Version, len(row.Items)))
		return nil
	})
	if want := []string{"true 3 2"}; err != nil || !slices.Equal(visited, want) {
		t.Errorf("visited %q, %v, want %q", visited, err, want)
	}

	// The row has all that its user did to them.
	put(t, cfg, table, "kim", o.user("kim", inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{2}}))
	awaitVersion(t, u, "kim", 4)
	same(t, u, "kim", o.board.Show(o.rows["kim"]))
	// One row is read into the memory of another, but never into the board's.
	lee := neighbour(nobody)
	put(t, cfg, table, lee, o.user(lee, inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{2}}))
	awaitVersion(t, u, lee, 5)
	var memory inbox.State
	for _, user := range []string{nobody, lee, nobody, "kim", nobody, lee} {
		row, err := u.RowInto(&memory, user)
		if want := o.board.Show(o.rows[user]); err != nil || !reflect.DeepEqual(row.Items, want.Items) {
			t.Errorf("%s: items %+v, %v, want %+v", user, row.Items, err, want.Items)
		}
	}

	// A board that cannot be read is an error for all rows of its partition.
	put(t, cfg, table, own, []byte{0x08, 0x63})
	await.Eventually(t, patience, func() string { return "an unreadable board is not told" }, func() bool {
		_, err := u.Row("kim")
		_, err2 := u.Badge(nobody, time.Now())
		_, err3 := u.Stamp("kim", time.Now())
		_, err4 := u.Stored("kim")
		return errors.Is(err, belfry.ErrNewerFormat) && errors.Is(err2, belfry.ErrNewerFormat) && errors.Is(err3, belfry.ErrNewerFormat) && errors.Is(err4, belfry.ErrNewerFormat)
	})
}

// A reader never has a row with a board that the table did not have with it. After each
// notice its user has read all, so that one at most is unread, and none is lost.
func TestRowAndBoardAreOfOneTime(t *testing.T) {
	t.Parallel()
	const rounds = 300
	cfg := tables(t)
	u := views.NewUnread(cfg, prefix)
	await.Running(t, u.Run)
	await.Eventually(t, patience, func() string { return u.Status().String() }, u.Recovered)
	o := newOwner(t, "kim")
	var all []record
	for n := range rounds {
		row, _, _ := o.notice(announce("all", fmt.Sprint(n)))
		all = append(all, record{belfry.PartitionKey(o.partition), row})
		all = append(all, record{"kim", o.user("kim", inbox.Record{Kind: inbox.KindRead, UpTo: uint64(o.offset)})})
	}
	last := o.rows["kim"].Version
	var reading sync.WaitGroup
	for n := range 4 {
		reading.Go(func() {
			for version := uint64(0); version < last; {
				now := time.Now()
				var badge inbox.Badge
				var err error
				held := -1
				switch n % 3 {
				case 0:
					badge, err = u.Badge("kim", now)
				case 1:
					badge.Stamp, err = u.Stamp("kim", now)
				default:
					var row inbox.State
					row, err = u.Row("kim")
					badge, held = row.Badge(now), len(row.Items)
				}
				// Of the versions those of notices are odd.
				if got := badge.Cursor.Version; err != nil || got < version || n%3 != 1 && uint64(badge.Unread) != got%2 ||
					held >= 0 && held != int(min((got+1)/2, board.DefaultLimit)) {
					t.Errorf("version %d after %d, %d unread of %d, %v", got, version, badge.Unread, held, err)
					return
				}
				version = badge.Cursor.Version
			}
		})
	}
	putAll(t, cfg, prefix.UnreadTable(), all)
	reading.Wait()
	same(t, u, "kim", o.board.Show(o.rows["kim"]))
}

type record struct {
	key   string
	value []byte
}
