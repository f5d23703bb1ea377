package renew_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/renew"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/enginetest"
	"github.com/belfry/belfry/internal/kafkatest"
)

// grown creates the topics of two installations and a source topic, and grows
// the one of them into the other.
func grown(t *testing.T, prepare func(*kadm.Client, kafka.Config)) (*kadm.Client, kafka.Config, []string, error) {
	t.Helper()
	cfg := enginetest.Config(t)
	topics := enginetest.OpenTopicsOn(t, cfg)
	for prefix, partitions := range map[belfry.Prefix]int{"old": 2, "new": 5} {
		if _, err := topics.Ensure(t.Context(), prefix.Topics(partitions), 1); err != nil {
			t.Fatal(err)
		}
	}
	enginetest.CreateTopics(t, cfg, 1, "orders")
	client, err := kgo.NewClient(cfg.ClientOptions("test")...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	admin := kadm.NewClient(client)
	prepare(admin, cfg)
	var steps []string
	err = renew.Grow(t.Context(), cfg, renew.Growth{From: "old", To: "new", Report: func(c kafka.Change) { steps = append(steps, string(c)) }})
	return admin, cfg, steps, err
}

func commitOf(t *testing.T, admin *kadm.Client, group, topic string, at int64, metadata string) {
	t.Helper()
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: at, LeaderEpoch: -1, Metadata: metadata})
	if err := admin.CommitAllOffsets(t.Context(), group, offsets); err != nil {
		t.Fatal(err)
	}
}

// Rows go where their keys belong, in their order, deletions too, with their
// times; routers of foreign topics go on where they were, behind or not.
func TestGrow(t *testing.T) {
	t.Parallel()
	admin, cfg, steps, err := grown(t, func(admin *kadm.Client, cfg kafka.Config) {
		var rows []*sarama.ProducerMessage
		for _, row := range []string{"a=1", "b=1", "a=2", "c=1", "d=1", "e=1", "b=", "__0=own", "__1=own"} {
			key, value, _ := strings.Cut(row, "=")
			m := &sarama.ProducerMessage{Topic: "old-unread-table", Key: sarama.StringEncoder(key), Headers: []sarama.RecordHeader{{Key: []byte("h"), Value: []byte("v")}}}
			m.Partition = kafka.Partition(key, 2)
			if value != "" {
				m.Value = sarama.StringEncoder(value)
			}
			rows = append(rows, m)
		}
		enginetest.Produce(t, cfg, rows...)
		enginetest.Produce(t, cfg, enginetest.Text("orders", "k", "1"), enginetest.Text("orders", "k", "2"), enginetest.Text("orders", "k", "3"))
		commitOf(t, admin, "old-router-orders", "orders", 2, "0a1b2c3d.17")
	})
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]string{}
	for p := range int32(5) {
		err := table.Scan(context.Background(), cfg, "new-unread-table", p, func(m *sarama.ConsumerMessage) error {
			if want := kafka.Partition(string(m.Key), 5); p != want {
				t.Errorf("%s is in partition %d, want %d", m.Key, p, want)
			}
			if len(m.Headers) != 1 || m.Timestamp.IsZero() {
				t.Errorf("%s has headers %v and time %v", m.Key, m.Headers, m.Timestamp)
			}
			if m.Value == nil {
				delete(last, string(m.Key))
			} else {
				last[string(m.Key)] = string(m.Value)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(last) != 4 || last["a"] != "2" || last["c"] != "1" || last["d"] != "1" || last["e"] != "1" {
		t.Errorf("got rows %v", last)
	}
	committed, err := admin.FetchOffsets(t.Context(), "new-router-orders")
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := committed.Lookup("orders", 0); !ok || o.At != 2 || o.Metadata != "0a1b2c3d.17" {
		t.Errorf("got commit %+v, want that of the old router", o)
	}
	if got := strings.Join(steps, "\n"); !strings.Contains(got, "copied 7 records of old-unread-table (2 partitions) to new-unread-table (5 partitions)") ||
		!strings.Contains(got, "new-router-orders goes on where old-router-orders has ended") {
		t.Errorf("got steps\n%s", got)
	}
}

// Boards go, with their contents, to all partitions that their users go to, and so do later
// rows of them and contents that are gone.
func TestGrowCopiesBoards(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	topics := enginetest.OpenTopicsOn(t, cfg)
	for prefix, partitions := range map[belfry.Prefix]int{"old": 2, "new": 6, "other": 5} {
		if _, err := topics.Ensure(t.Context(), prefix.Topics(partitions), 1); err != nil {
			t.Fatal(err)
		}
	}
	write := func(topic string, rows ...string) {
		for _, row := range rows {
			key, value, _ := strings.Cut(row, "=")
			m := &sarama.ProducerMessage{Topic: topic, Key: sarama.StringEncoder(key), Partition: kafka.Partition(key, 2)}
			if value != "" {
				m.Value = sarama.StringEncoder(value)
			}
			enginetest.Produce(t, cfg, m)
		}
	}
	write("old-unread-table", "__0=nothing", "__1=was", "__1=notices", "kim=1")
	write("old-inbox-table", "__1/4=notice", "__1/5=gone", "__1/5=", "kim/3=own")
	growth := renew.Growth{From: "old", To: "other", Report: func(kafka.Change) {}, Boards: &renew.Boards{
		Holds: func(row []byte) (ever, now bool, err error) {
			return string(row) != "nothing", string(row) == "notices", nil
		},
		Version: func(row []byte) (uint64, error) { return uint64(len(row)), nil },
		Forget: func(rows [][]byte, version uint64) ([]byte, error) {
			return fmt.Appendf(nil, "%s of before %d", bytes.Join(rows, []byte("+")), version), nil
		},
	}}
	err := renew.Grow(t.Context(), cfg, growth)
	if !errors.Is(err, renew.ErrMultiple) || !strings.Contains(err.Error(), "take 4, 6 or another multiple") || !strings.Contains(err.Error(), "belfry broadcast list") {
		t.Errorf("got %v", err)
	}
	growth.To = "new"
	if err := renew.Grow(t.Context(), cfg, growth); err != nil {
		t.Fatal(err)
	}
	wantTables(t, cfg, 6, map[string]string{
		"new-unread-table": "0 __0=nothing, 1 __1=notices, 2 __2=nothing, 3 __3=notices, 4 __4=nothing, 5 __5=notices, kim=1",
		"new-inbox-table":  "1 __1/4=notice, 3 __3/4=notice, 5 __5/4=notice, kim/3=own",
	})

	// Once there is no notice any more any number will do.
	write("old-unread-table", "__1=gone")
	growth.To = "other"
	if err := renew.Grow(t.Context(), cfg, growth); err != nil {
		t.Fatal(err)
	}
	const own = "nothing+gone of before 8" // "notices" is the longest
	wantTables(t, cfg, 5, map[string]string{
		"other-unread-table": fmt.Sprintf("0 __0=%[1]s, 1 __1=%[1]s, 2 __2=%[1]s, 3 __3=%[1]s, 4 __4=%[1]s, kim=1", own),
		"other-inbox-table":  "kim/3=own",
	})

	// A row that cannot be read may have anything of a notice.
	growth.Boards.Version = func([]byte) (uint64, error) { return 0, belfry.ErrCorrupt }
	if err := renew.Grow(t.Context(), cfg, growth); !errors.Is(err, renew.ErrMultiple) || !errors.Is(err, belfry.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	growth.To = "new"
	if err := renew.Grow(t.Context(), cfg, growth); err != nil {
		t.Error(err)
	}
}

// wantTables checks what tables of so many partitions hold, own rows after their partition.
func wantTables(t *testing.T, cfg kafka.Config, partitions int32, want map[string]string) {
	t.Helper()
	for topic, want := range want {
		last := map[string]string{}
		for p := range partitions {
			err := table.Scan(t.Context(), cfg, topic, p, func(m *sarama.ConsumerMessage) error {
				name := string(m.Key)
				if strings.HasPrefix(name, "__") {
					name = fmt.Sprint(p, " ", name)
				}
				last[name] = string(m.Value)
				if m.Value == nil {
					delete(last, name)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for _, key := range slices.Sorted(maps.Keys(last)) {
			got = append(got, key+"="+last[key])
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s has %q, want %q", topic, got, want)
		}
	}
}

func TestGrowRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		prepare func(*kadm.Client, kafka.Config)
		want    string
	}{
		{"a notification that was not routed", func(_ *kadm.Client, cfg kafka.Config) {
			enginetest.Produce(t, cfg, enginetest.Text("old.notifications", "k", "1"))
		},
			"old-router-old.notifications has not processed 1 records"},
		{"a transaction that is open", func(_ *kadm.Client, cfg kafka.Config) {
			kafkatest.Begin(t, cfg.Brokers, "open").Write(&kgo.Record{Topic: "old.notifications", Key: []byte("k")})
		},
			"a transaction is open in old.notifications/0"},
		{"a record that was not folded", func(_ *kadm.Client, cfg kafka.Config) {
			enginetest.Produce(t, cfg, enginetest.Text("old.journal", "k", "1"))
		},
			"old-unread has not processed 1 records"},
		{"contents of an earlier release on their way", func(_ *kadm.Client, cfg kafka.Config) {
			enginetest.CreateTopics(t, cfg, 2, "old.items")
		},
			"old.items takes writes"},
		{"a new one in use", func(admin *kadm.Client, _ kafka.Config) { commitOf(t, admin, "new-unread", "new.journal", 3, "") },
			"new-unread has processed records already"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, _, steps, err := grown(t, tt.prepare)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if len(steps) > 0 {
				t.Errorf("got steps %v, want none", steps)
			}
		})
	}
}
