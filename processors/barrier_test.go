package processors_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/enginetest"
)

// refuseRows has a broker refuse one write of rows for good, after so many others: the store
// of their owner has the rows then, and the table has not.
func refuseRows(cluster *kfake.Cluster) (after *atomic.Int32) {
	after = new(atomic.Int32)
	enginetest.RefuseWrites(cluster, prefix.UnreadTable(), kerr.InvalidRecord, func() bool { return after.Add(-1) == 0 })
	return after
}

// mixed returns a record of a user, or of a board.
func mixed(r *rand.Rand, n int, version uint64) (forBoard bool, record inbox.Record) {
	id := fmt.Sprint("id-", r.IntN(60))
	audience := []string{belfry.AudienceAll, belfry.TopicAudience("t"), belfry.TopicAudience("u")}[r.IntN(3)]
	category := []string{"", "order", "board"}[r.IntN(3)]
	notify := belfry.Notification{Source: "s", ID: id, Title: belfry.PlainText(fmt.Sprint("n", n)), Category: category, Time: time.Now()}
	if r.IntN(3) == 0 {
		notify.CollapseKey = fmt.Sprint("c", r.IntN(3))
	}
	switch r.IntN(4) {
	case 0:
		notify.ExpiresAt = time.Now().Add(time.Duration(r.IntN(2000)) * time.Millisecond)
	case 1:
		notify.DeliverAt = time.Now().Add(time.Duration(r.IntN(2000)) * time.Millisecond)
	}
	upTo := uint64(r.Int64N(int64(version) + 1))
	switch k := r.IntN(20); k {
	case 0, 1, 2, 3:
		notify.Audience = audience
		return true, inbox.Record{Kind: inbox.KindNotify, Notification: notify}
	case 4, 5:
		return true, inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{Source: "s", ID: id, Audience: audience}}
	case 6:
		return true, inbox.Record{Kind: inbox.KindTouch}
	case 7:
		return true, inbox.Record{Kind: inbox.KindRead, UpTo: upTo} // a dead letter
	case 8, 9, 10:
		return false, inbox.Record{Kind: []inbox.Kind{inbox.KindRead, inbox.KindArchive, inbox.KindDelete, inbox.KindSeen}[r.IntN(4)], UpTo: upTo, Category: category}
	case 11:
		return false, inbox.Record{Kind: inbox.KindSubscribe, Topic: []string{"t", "u"}[r.IntN(2)]}
	case 12:
		return false, inbox.Record{Kind: inbox.KindUnsubscribe, Topic: []string{"t", "u"}[r.IntN(2)]}
	case 13:
		return false, inbox.Record{Kind: []inbox.Kind{inbox.KindMute, inbox.KindUnmute}[r.IntN(2)], Category: "board"}
	case 14:
		return false, inbox.Record{Kind: []inbox.Kind{inbox.KindJoin, inbox.KindErase, inbox.KindTouch}[r.IntN(3)]}
	case 15:
		return false, inbox.Record{Kind: []inbox.Kind{inbox.KindSnooze, inbox.KindUnarchive}[r.IntN(2)], Seqs: []uint64{upTo}, Until: time.Now().Add(time.Second).UnixMilli()}
	}
	return false, inbox.Record{Kind: inbox.KindNotify, Notification: notify}
}

// sequence is a partition's journal folded record after record by the domain alone.
type sequence struct {
	board    *board.Board
	rows     map[string]*inbox.State
	boards   []uint64            // versions of the board's records
	versions map[string][]uint64 // of the records of each user
}

func foldAll(t *testing.T, cfg kafka.Config, partition int32, epoch uint32, cap int) *sequence {
	t.Helper()
	s := &sequence{board: board.New(board.Row{}).Begin(epoch, 0), rows: map[string]*inbox.State{}, versions: map[string][]uint64{}}
	err := table.Scan(t.Context(), cfg, prefix.Journal(), partition, func(m *sarama.ConsumerMessage) error {
		r, err := codec.DecodeJournal(m.Value)
		if err != nil {
			return nil // a dead letter
		}
		key, version := string(m.Key), uint64(m.Offset)+1
		in := inbox.Input{Position: inbox.Position{Epoch: epoch, Offset: m.Offset}, Time: m.Timestamp, Cap: cap, Members: inbox.DefaultFeatures.Members()}
		if _, own := belfry.ParsePartitionKey(key); own {
			if board.CheckRecord(&r) == nil {
				in.Cap, in.Keep = 3, cap
				s.board, _ = board.Fold(s.board, r, in)
				s.boards = append(s.boards, version)
			}
			return nil
		}
		if s.rows[key] == nil {
			s.rows[key] = &inbox.State{}
		}
		s.board.Apply(s.rows[key], &r, in)
		s.versions[key] = append(s.versions[key], version)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// prefixes checks that no beginning of the table has a row of a board's record without all
// rows of before, nor a row of a user's record without the boards of before.
func (s *sequence) prefixes(t *testing.T, o *owner, partition int32) (last map[string][]byte) {
	t.Helper()
	last = map[string][]byte{}
	reached := map[string]uint64{} // version, by key
	own := belfry.PartitionKey(partition)
	err := table.Scan(t.Context(), o.cfg, prefix.UnreadTable(), partition, func(m *sarama.ConsumerMessage) error {
		row, err := decodeRow(m)
		if err != nil {
			return err
		}
		key := string(m.Key)
		last[key] = m.Value
		if row.Version <= reached[key] {
			return nil // written again
		}
		reached[key] = row.Version
		if key != own {
			// The last board's record before this row's must be there.
			i, _ := slices.BinarySearch(s.boards, row.Version)
			if i > 0 && reached[own] < s.boards[i-1] {
				t.Errorf("partition %d, offset %d: %s is at %d, the board at %d, want %d", partition, m.Offset, key, row.Version, reached[own], s.boards[i-1])
			}
			return nil
		}
		for user, versions := range s.versions {
			i, _ := slices.BinarySearch(versions, row.Version)
			if i > 0 && reached[user] < versions[i-1] {
				t.Errorf("partition %d, offset %d: the board is at %d, %s at %d, want %d", partition, m.Offset, row.Version, user, reached[user], versions[i-1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// Boards and rows that are folded in batches, by owners whose writes fail between store and
// table, who end and begin without a store, are what the domain makes of the journal record
// after record, and so at each place of the table.
func TestBoardsAndRowsKeepTheirOrder(t *testing.T) {
	t.Parallel()
	cluster, cfg := enginetest.Cluster(t)
	o := ownerOf(t, cfg)
	const cap = 8
	o.inboxCap, o.broadcastCap = cap, 3
	refuse := refuseRows(cluster)
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	t.Log("seed", seed)
	var users [partitions][]string
	for n := 0; len(users[0]) < 4 || len(users[1]) < 4; n++ {
		user := fmt.Sprint("사용자-", n)
		p := kafka.Partition(user, partitions)
		users[p] = append(users[p], user)
	}
	const rounds, burst = 4, 150
	n := 0
	for round := range rounds {
		for range burst {
			n++
			p := int32(r.IntN(2))
			forBoard, record := mixed(r, n, uint64(n/2))
			key := users[p][r.IntN(4)]
			if forBoard {
				key = belfry.PartitionKey(p)
			}
			if r.IntN(40) == 0 {
				produce(t, o.cfg, keyed(prefix.Journal(), key, []byte("garbage")))
				continue
			}
			o.append(t, key, record)
		}
		o.start(t)
		refuse.Store(1 + r.Int32N(40))
		o.done(t)
		o.stop()
		if round == 1 {
			o.cfg.StateDir = t.TempDir()
		}
	}
	for p := range int32(2) {
		s := foldAll(t, o.cfg, p, o.epoch, cap)
		last := s.prefixes(t, o, p)
		for user, state := range s.rows {
			if want := row(t, *state); !bytes.Equal(want, last[user]) {
				got, err := codec.DecodeState(last[user])
				t.Errorf("%s is\n%+v (%v), want\n%+v", user, got, err, state)
			}
		}
		want, err := codec.EncodeBoard(&s.board.Row)
		if err != nil {
			t.Fatal(err)
		}
		if key := belfry.PartitionKey(p); !bytes.Equal(want, last[key]) {
			got, err := codec.DecodeBoard(last[key])
			t.Errorf("board %d is\n%+v (%v), want\n%+v", p, got, err, s.board.Row)
		}
		held := map[string]bool{}
		for seq := range s.board.State.Contents() {
			held[inbox.ItemKey(belfry.PartitionKey(p), seq)] = true
		}
		for user, state := range s.rows {
			for seq := range state.Contents() {
				if at, ok := state.Find(seq); ok && state.Items[at].Shared != nil {
					continue // the board's
				}
				held[inbox.ItemKey(user, seq)] = true
			}
		}
		o.contents(t, p, held)
		if len(s.board.Stays) == 0 || len(s.boards) < 20 {
			t.Errorf("partition %d has %d records of its board, %d stays: the history shows little", p, len(s.boards), len(s.board.Stays))
		}
	}
}

// contents checks which contents the inbox table has in a partition.
func (o *owner) contents(t *testing.T, partition int32, want map[string]bool) {
	t.Helper()
	got := map[string]bool{}
	err := table.Scan(t.Context(), o.cfg, prefix.InboxTable(), partition, func(m *sarama.ConsumerMessage) error {
		if m.Value == nil {
			delete(got, string(m.Key))
		} else {
			got[string(m.Key)] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range got {
		if !want[key] {
			t.Errorf("content %s is there, and nobody holds it", key)
		}
	}
	for key := range want {
		if !got[key] {
			t.Errorf("content %s is not there", key)
		}
	}
}

// done waits until all of the journal is processed.
func (o *owner) done(t *testing.T) {
	t.Helper()
	var committed, ends [partitions]int64
	await.Eventually(t, patience, func() string { return fmt.Sprintf("committed %v of %v; %s", committed, ends, o.group.Status()) }, func() bool {
		if len(o.group.Partitions()) == 0 {
			return false
		}
		committed, ends = offsets(t, o.cfg, prefix.UnreadGroup(), prefix.Journal())
		return committed == ends
	})
}

// Notices that are at hand are folded together: with two acknowledgements for each a thousand
// of them held up everybody of their partition for five seconds.
func TestNoticesAtHandAreOneBatch(t *testing.T) {
	t.Parallel()
	o := newOwner(t)
	key := belfry.PartitionKey(1)
	const notices = 200
	for i := range notices {
		o.append(t, key, announcement(fmt.Sprint(i)))
	}
	o.start(t)
	o.done(t)
	own, _ := stored(t, o.cfg, 1)
	if own.State.Version != notices || own.Newest() != notices {
		t.Errorf("the board is at version %d, its newest notice %d, want %d", own.State.Version, own.Newest(), notices)
	}
	written, _ := o.rows(t, 1)
	if len(written) > notices/5 {
		t.Errorf("%d rows were written for %d notices", len(written), notices)
	}
}
