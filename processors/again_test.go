package processors_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
)

// fill gives some users a history with all that can be done twice.
func fill(t *testing.T, p *path) (users []string) {
	t.Helper()
	var records []*sarama.ProducerMessage
	for u := range 6 {
		user := fmt.Sprintf("사용자-%d", u)
		users = append(users, user)
		for i := range 6 {
			m := event(fmt.Sprintf(`{"recipient":%q,"title":"item %d"}`, user, i))
			m.Partition = int32((u + i) % partitions)
			records = append(records, m)
		}
		records = append(records,
			event(fmt.Sprintf(`{"recipient":%q,"title":"first","collapse_key":"c"}`, user)),
			event(fmt.Sprintf(`{"recipient":%q,"title":"second","collapse_key":"c"}`, user)),
			event(fmt.Sprintf(`{"recipient":%q,"title":"taken back","id":"1","source":"s"}`, user)),
			event(fmt.Sprintf(`{"retract":true,"recipient":%q,"id":"1","source":"s"}`, user)))
	}
	produce(t, p.cfg, append(records, event("poison"))...)
	awaitDone(t, p.cfg) // a count can be right for a moment on the way
	for _, user := range users {
		p.awaitCount(t, user, 7)
		row, err := p.unread.Row(user)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.journal.Append(t.Context(),
			inbox.Addressed{Recipients: []string{user}, Record: inbox.Record{Kind: inbox.KindRead, UpTo: row.Items[1].Seq}},
			inbox.Addressed{Recipients: []string{user}, Record: inbox.Record{Kind: inbox.KindDelete, Seqs: []uint64{row.Items[2].Seq}}},
			inbox.Addressed{Recipients: []string{user}, Record: inbox.Record{Kind: inbox.KindArchive, Seqs: []uint64{row.Items[3].Seq}}},
		); err != nil {
			t.Fatal(err)
		}
	}
	for _, user := range users {
		p.awaitCount(t, user, 3)
	}
	awaitDone(t, p.cfg)
	return users
}

type snapshot struct {
	items    []inbox.Entry
	contents []string
	removed  []uint64
	version  uint64
	epoch    uint32
}

func (p *path) snapshot(t *testing.T, users []string) map[string]snapshot {
	t.Helper()
	out := map[string]snapshot{}
	for _, user := range users {
		row, err := p.unread.Row(user)
		if err != nil {
			t.Fatal(err)
		}
		one := snapshot{items: row.Items, version: row.Version, epoch: row.Epoch}
		for _, r := range row.Removals {
			one.removed = append(one.removed, r.Seq)
			if row.Held(r.Seq) {
				continue // an item keeps it among its members
			}
			await.Eventually(t, patience, func() string { return fmt.Sprintf("%s/%d was removed, its content is there", user, r.Seq) }, func() bool {
				_, there, err := p.inbox.Item(user, r.Seq)
				return err == nil && !there
			})
		}
		for seq := range row.Contents() {
			await.Eventually(t, patience, func() string { return fmt.Sprintf("%s/%d is held, its content is not there", user, seq) }, func() bool {
				_, there, err := p.inbox.Item(user, seq)
				return err == nil && there
			})
		}
		for _, item := range p.items(t, user) {
			one.contents = append(one.contents, fmt.Sprintf("%d %s", item.Seq, item.Title[""]))
		}
		out[user] = one
	}
	return out
}

// same checks that nothing was doubled, lost or changed, whatever was read again.
func same(t *testing.T, before, after map[string]snapshot) {
	t.Helper()
	for user, was := range before {
		is := after[user]
		if !reflect.DeepEqual(is.items, was.items) || !slices.Equal(is.contents, was.contents) || !slices.Equal(is.removed, was.removed) {
			t.Errorf("%s was\n%+v, is\n%+v", user, was, is)
		}
		if is.version < was.version {
			t.Errorf("%s fell from version %d to %d", user, was.version, is.version)
		}
	}
}

func TestWhatIsReadAgainIsNotDoubled(t *testing.T) {
	t.Parallel()
	for name, groups := range map[string][][2]string{
		"router": {{prefix.RouterGroup(prefix.Notifications()), prefix.Notifications()}},
		"unread": {{prefix.UnreadGroup(), prefix.Journal()}},
		"all": {{prefix.RouterGroup(prefix.Notifications()), prefix.Notifications()},
			{prefix.UnreadGroup(), prefix.Journal()}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := installed(t)
			p := start(t, cfg)
			users := fill(t, p)
			before := p.snapshot(t, users)
			p.stop()
			for _, g := range groups {
				rewind(t, cfg, g[0], g[1])
			}
			p = start(t, cfg)
			awaitDone(t, cfg)
			// The marks come after all that was read again.
			marks := mark(t, p, users)
			same(t, before, without(p.snapshot(t, users), marks))
		})
	}
}

// mark notifies every user once more and gives the seqs.
func mark(t *testing.T, p *path, users []string) map[string]uint64 {
	t.Helper()
	marks := map[string]uint64{}
	for _, user := range users {
		positions, err := p.journal.Append(t.Context(), inbox.Addressed{Recipients: []string{user}, Record: inbox.Record{
			Kind: inbox.KindNotify, Notification: belfry.Notification{ID: "mark", Source: "test", Title: belfry.PlainText("mark")}}})
		if err != nil {
			t.Fatal(err)
		}
		await.Eventually(t, patience, func() string { return user + " has no mark" }, func() bool {
			row, err := p.unread.Row(user)
			if err != nil || !row.Applied(positions[0]) {
				return false
			}
			marks[user] = row.Items[len(row.Items)-1].Seq
			return true
		})
	}
	awaitDone(t, p.cfg)
	return marks
}

func without(all map[string]snapshot, marks map[string]uint64) map[string]snapshot {
	for user, one := range all {
		last := len(one.items) - 1
		if one.items[last].Seq == marks[user] {
			one.items, one.contents = one.items[:last], one.contents[:last]
		}
		all[user] = one
	}
	return all
}

// A journal that was deleted and created again starts at offset 0; nobody's
// version does.
func TestJournalThatBeginsAnew(t *testing.T) {
	t.Parallel()
	cfg := installed(t)
	p := start(t, cfg)
	users := fill(t, p)
	before := p.snapshot(t, users)
	p.stop()
	if err := admin(t, cfg).DeleteTopic(prefix.Journal()); err != nil {
		t.Fatal(err)
	}
	makeTopics(t, cfg)
	p = start(t, cfg)
	same(t, before, p.snapshot(t, users))
	marks := mark(t, p, users)
	after := p.snapshot(t, users)
	for _, user := range users {
		was, is := before[user], after[user]
		if is.epoch == was.epoch || is.epoch == 0 {
			t.Errorf("%s: epoch %d after %d", user, is.epoch, was.epoch)
		}
		if is.version <= was.version || marks[user] <= was.version {
			t.Errorf("%s: version %d, new seq %d, after version %d", user, is.version, marks[user], was.version)
		}
		if got := p.count(user); got != 4 {
			t.Errorf("%s has %d unread, want the 3 of before and a new one", user, got)
		}
	}
	same(t, before, without(after, marks))
}
