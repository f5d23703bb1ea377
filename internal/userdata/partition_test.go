package userdata_test

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/userdata"
)

func TestMain(m *testing.M) { parts.Main(m) }

const prefix = belfry.Prefix("belfry")

// A partition of the tables is read as a view of them shows it: no late write of a
// paused owner takes a row back, and rows are shown with the partition's notice board.
func TestReadPartition(t *testing.T) {
	cfg := kafka.Config{Brokers: kafkatest.Embedded(t), Prefix: prefix, StateDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)}
	topics, err := kafka.OpenTopics(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	if _, err := topics.Ensure(t.Context(), prefix.Topics(1), 0); err != nil {
		t.Fatal(err)
	}
	put := func(topic, key string, value []byte, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		m := &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(key)}
		if value != nil {
			m.Value = sarama.ByteEncoder(value)
		}
		kafkatest.Produce(t, cfg.Brokers, m)
	}
	row := func(version uint64) []byte {
		t.Helper()
		b, err := codec.EncodeState(&inbox.State{Epoch: 7, Version: version, Items: []inbox.Entry{{Seq: 1, Version: version, Count: 1, Read: version > 1, Seen: version > 1}}})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	on, effects := board.Fold(new(board.Board).Begin(7, 0), inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{
		Audience: "all", ID: "n", Title: belfry.PlainText("n"),
	}}, inbox.Input{Position: inbox.Position{Epoch: 7, Offset: 4}, Time: time.Now(), Keep: 100})
	value, err := codec.EncodeBoard(&on.Row)
	rows, contents := prefix.UnreadTable(), prefix.InboxTable()
	put(rows, "kim", row(3), nil)
	put(rows, "kim", row(1), nil) // late
	put(rows, "lee", row(1), nil)
	put(rows, "lee", nil, nil)
	put(rows, "__0", value, err)
	put(rows, "__1", value, nil) // of another partition
	value, err = codec.EncodeItem(effects.Item)
	put(contents, "__0/5", value, err)
	put(contents, "kim/1", value, nil)
	put(contents, "choi/2", value, nil)

	p, err := userdata.ReadPartition(t.Context(), cfg, 0, "")
	if err != nil || len(p.Rows) != 1 || p.Board.State.Version != 5 {
		t.Fatalf("got %d rows, %v, want kim's and the board", len(p.Rows), err)
	}
	stored, err := p.Stored("kim")
	badge, err2 := p.Badge("kim", time.Now())
	if shown := p.Show(stored); err != nil || err2 != nil || stored.Version != 3 || shown.Version != 5 || len(shown.Items) != 2 || badge.Unread != 1 {
		t.Errorf("stored version %d, shown %d with %d items, badge %+v, %v, %v", stored.Version, shown.Version, len(shown.Items), badge, err, err2)
	}
	if nobody, err := p.Stored("lee"); err != nil || nobody.Version != 0 {
		t.Errorf("of who has no row: %+v, %v", nobody, err)
	}
	if p, err := userdata.ReadPartition(t.Context(), cfg, 0, "lee"); err != nil || len(p.Rows) != 0 || p.Board == nil {
		t.Errorf("of lee alone: %d rows, %v", len(p.Rows), err)
	}
	var keys []string
	err = userdata.ScanContents(t.Context(), cfg, 0, func(key inbox.ContentKey, value []byte) error {
		keys = append(keys, key.String())
		return nil
	})
	if want := []string{"__0/5", "kim/1", "choi/2"}; err != nil || !slices.Equal(keys, want) {
		t.Errorf("contents %q, %v, want %q", keys, err, want)
	}
	data, err := userdata.Read(t.Context(), cfg, "kim")
	if err != nil || data.Row.Version != 5 || data.Stored.Version != 3 || len(data.Items) != 2 || data.Items[5].Audience != "all" {
		t.Errorf("got %+v, %v", data, err)
	}
}
