package renew_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/deadletter"
	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/renew"
	"github.com/belfry/belfry/engine/table"
	"github.com/belfry/belfry/internal/enginetest"
)

// renewing is the renewal of topic "in" for group "g", with what it reports.
type renewing struct {
	cfg  kafka.Config
	file string
	spec belfry.TopicSpec
	// cancelAt is the word of a report at which the context ends.
	cancelAt string
	reports  []string
}

func newRenewing(t *testing.T, cfg kafka.Config) *renewing {
	t.Helper()
	return &renewing{
		cfg: cfg, file: filepath.Join(t.TempDir(), "in.ndjson"),
		spec: belfry.TopicSpec{Name: "in", Partitions: 1},
	}
}

func (r *renewing) Run(t *testing.T) error {
	t.Helper()
	topics, err := kafka.OpenTopics(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer topics.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	return renew.Run(ctx, topics, r.cfg, renew.Renewal{
		Spec: r.spec, Group: "g", Stopped: func(g string) bool { return g == "g" }, File: r.file,
		Report: func(c kafka.Change) {
			r.reports = append(r.reports, string(c))
			if r.cancelAt != "" && strings.HasPrefix(string(c), r.cancelAt) {
				cancel()
			}
		},
	})
}

func (r *renewing) mustRun(t *testing.T) {
	t.Helper()
	if err := r.Run(t); err != nil {
		t.Fatalf("renew: %v", err)
	}
}

// at gives a record a partition and a time.
func at(partition int32, when time.Time, key string) *sarama.ProducerMessage {
	m := enginetest.On(partition, enginetest.Text("in", key, "x"))
	m.Timestamp = when
	return m
}

// keysOf gives the keys in each partition of "in".
func keysOf(t *testing.T, cfg kafka.Config, partitions int32) []string {
	t.Helper()
	var out []string
	for p := range partitions {
		var keys []string
		err := table.Scan(t.Context(), cfg, "in", p, func(m *sarama.ConsumerMessage) error {
			keys = append(keys, string(m.Key))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, strings.Join(keys, " "))
	}
	return out
}

// resealed gives a copy that was changed the checksum that belongs to it.
func resealed(t *testing.T, content string) string {
	t.Helper()
	lines := strings.SplitAfter(strings.TrimSuffix(content, "\n"), "\n")
	body := strings.Join(lines[:len(lines)-1], "")
	return fmt.Sprintf("%s{\"records\":%d,\"sha256\":\"%x\"}\n", body, len(lines)-2, sha256.Sum256([]byte(body)))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestRenewKeepsWhatWasNotProcessed(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	own := "3600000"
	err := enginetest.Admin(t, cfg).CreateTopic("in", &sarama.TopicDetail{
		NumPartitions: 6, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.bytes": &own},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	enginetest.CreateTopics(t, cfg, 6, "g-table")
	enginetest.Form(t, cfg)
	epoch := enginetest.EpochOf(t, cfg, "in")
	cut := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	for p := range int32(6) {
		enginetest.Produce(t, cfg,
			at(p, cut.Add(-10*time.Minute), "old"), at(p, cut.Add(-5*time.Minute), "last"),
			at(p, cut.Add(-time.Minute), "repeated"), at(p, cut.Add(time.Minute), "new"), at(p, cut.Add(-time.Hour), "backfill"))
	}
	mark := func(epoch uint32) string { return fmt.Sprintf("%08x.%d", epoch, cut.UnixMilli()) }
	enginetest.Commit(t, cfg, 0, 3, "")             // ordinary
	enginetest.Commit(t, cfg, 2, 3, mark(epoch+1))  // of another incarnation
	enginetest.Commit(t, cfg, 3, 9, mark(epoch))    // beyond the end
	enginetest.Commit(t, cfg, 4, 2, mark(epoch))    // after another record
	enginetest.Commit(t, cfg, 5, 9, "by some tool") // beyond the end, and nothing known
	wantFrom := func(n int) string {
		return strings.Join([]string{"old", "last", "repeated", "new", "backfill"}[n:], " ")
	}
	r := newRenewing(t, cfg)
	r.mustRun(t)
	want := []string{wantFrom(3), wantFrom(0), wantFrom(0), wantFrom(2), wantFrom(2), wantFrom(0)}
	if got := keysOf(t, cfg, 6); !slices.Equal(got, want) {
		t.Errorf("the new topic holds\n%q, want\n%q\n%s", got, want, strings.Join(r.reports, "\n"))
	}
	if enginetest.EpochOf(t, cfg, "in") == epoch {
		t.Error("the epoch is the same")
	}
	offsets, err := enginetest.Admin(t, cfg).ListConsumerGroupOffsets("g", map[string][]int32{"in": {0, 1, 2, 3, 4, 5}})
	if err != nil {
		t.Fatal(err)
	}
	for p, block := range offsets.Blocks["in"] {
		if block.Offset >= 0 {
			t.Errorf("partition %d still has the commit %d", p, block.Offset)
		}
	}
	described, err := enginetest.Admin(t, cfg).DescribeConfigs([]*sarama.ConfigResource{{Type: sarama.TopicResource, Name: "in"}}, sarama.DescribeConfigsOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range described[0].Configs {
		if s.Name == "retention.bytes" && s.Value != own || s.Name == "max.message.bytes" && s.Source == sarama.SourceTopic {
			t.Errorf("the new topic has %s=%s", s.Name, s.Value)
		}
	}
	if info, err := os.Stat(r.file + ".restored"); err != nil || info.Mode().Perm() != 0o600 || exists(r.file) || exists(r.file+".part") {
		t.Errorf("copy: %v, %v", info, err)
	}
}

// A record comes back byte for byte, with one header more.
func TestRenewKeepsRecordsAsTheyAre(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in")
	when := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	first := &sarama.ProducerMessage{Topic: "in", Value: sarama.StringEncoder("no key"), Timestamp: when, Headers: []sarama.RecordHeader{
		{Key: []byte("a"), Value: []byte("1")}, {Key: []byte("a"), Value: []byte("2")}, {Key: []byte("\xff"), Value: nil},
	}}
	second := &sarama.ProducerMessage{Topic: "in", Key: sarama.ByteEncoder("\xff\x00"), Timestamp: when}
	third := &sarama.ProducerMessage{Topic: "in", Key: sarama.ByteEncoder{}, Value: sarama.ByteEncoder{}, Timestamp: when}
	// As large as a broker takes it by default.
	largest := &sarama.ProducerMessage{Topic: "in", Value: sarama.StringEncoder(strings.Repeat("x", 1048588-70-12)), Timestamp: when}
	enginetest.Produce(t, cfg, first, second, third)
	enginetest.Produce(t, cfg, largest)
	before := enginetest.Consume(t, cfg, "in", 4)
	newRenewing(t, cfg).mustRun(t)
	for i, got := range enginetest.Consume(t, cfg, "in", 4) {
		want := before[i]
		if (got.Key == nil) != (want.Key == nil) || string(got.Key) != string(want.Key) ||
			(got.Value == nil) != (want.Value == nil) || string(got.Value) != string(want.Value) || !got.Timestamp.Equal(want.Timestamp) {
			t.Errorf("record %d is %q %.20q %v, was %q %.20q %v", i, got.Key, got.Value, got.Timestamp, want.Key, want.Value, want.Timestamp)
		}
		if len(got.Headers) != len(want.Headers)+1 || string(got.Headers[len(want.Headers)].Key) != deadletter.HeaderCopied {
			t.Fatalf("record %d has headers %v, had %v", i, got.Headers, want.Headers)
		}
		for j, h := range want.Headers {
			if string(h.Key) != string(got.Headers[j].Key) || string(h.Value) != string(got.Headers[j].Value) {
				t.Errorf("record %d has header %q, had %q", i, got.Headers[j], h)
			}
		}
	}
}

func TestRenewWantsProcessorsStopped(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in", "g-table")
	p := engine.NewProcessor(cfg, enginetest.Group(func(*engine.Context, []byte) {}))
	stop := enginetest.Run(t, p.Run)
	enginetest.AwaitPhase(t, p, engine.Running)
	epoch := enginetest.EpochOf(t, cfg, "in")
	r := newRenewing(t, cfg)
	if err := r.Run(t); err == nil || !strings.Contains(err.Error(), "stop all processors first") || !strings.Contains(err.Error(), "group g has 1 members") {
		t.Errorf("renew: %v", err)
	}
	if enginetest.EpochOf(t, cfg, "in") != epoch || len(r.reports) > 0 {
		t.Errorf("something was done: %v", r.reports)
	}
	stop()
	r.mustRun(t)
}

// A renewal that ends before the deletion leaves the topic as it was, and no copy that
// could be taken for that of a topic deleted later.
func TestRenewInterruptedBeforeTheDeletion(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in")
	enginetest.Produce(t, cfg, enginetest.Text("in", "a", "x"))
	epoch := enginetest.EpochOf(t, cfg, "in")
	wantUntouched := func(t *testing.T, r *renewing, err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "nothing was deleted, run it again") {
			t.Errorf("renew: %v, want %s", err, want)
		}
		if enginetest.EpochOf(t, cfg, "in") != epoch {
			t.Fatal("the topic is another one")
		}
		enginetest.Produce(t, cfg, enginetest.Text("in", "b", "x")) // no fence is left
		if exists(r.file) || exists(r.file+".part") {
			t.Error("a copy is left")
		}
	}
	t.Run("no place for the copy", func(t *testing.T) {
		r := newRenewing(t, cfg)
		r.file = filepath.Join(r.file, "not", "there")
		wantUntouched(t, r, r.Run(t), "create copy")
	})
	t.Run("while it copies", func(t *testing.T) {
		r := newRenewing(t, cfg)
		r.cancelAt = "in/0: "
		wantUntouched(t, r, r.Run(t), "context canceled")
	})
	t.Run("when the copy is complete", func(t *testing.T) {
		r := newRenewing(t, cfg)
		r.cancelAt = "copied"
		wantUntouched(t, r, r.Run(t), "context canceled")
	})
	t.Run("killed while writes are refused", func(t *testing.T) {
		none := "0"
		err := enginetest.Admin(t, cfg).IncrementalAlterConfig(sarama.TopicResource, "in", map[string]sarama.IncrementalAlterConfigsEntry{
			"max.message.bytes": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &none},
		}, false)
		if err != nil {
			t.Fatal(err)
		}
		r := newRenewing(t, cfg)
		r.cancelAt = "copied"
		wantUntouched(t, r, r.Run(t), "context canceled")
	})
}

func TestRenewGoesOnAfterTheDeletion(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		cancelAt string
		between  func(t *testing.T, cfg kafka.Config)
	}{
		{"deleted", "deleted", nil},
		{"created", "created", nil},
		{"created by somebody else", "deleted", func(t *testing.T, cfg kafka.Config) {
			enginetest.CreateTopics(t, cfg, 2, "in")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := enginetest.Config(t)
			enginetest.CreateTopics(t, cfg, 2, "in")
			enginetest.Produce(t, cfg, enginetest.Text("in", "a", "x"), enginetest.Text("in", "b", "x"), enginetest.On(1, enginetest.Text("in", "c", "x")))
			r := newRenewing(t, cfg)
			r.cancelAt = tt.cancelAt
			err := r.Run(t)
			if err == nil || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "what was not processed is in "+r.file) || !strings.Contains(err.Error(), "run it again") {
				t.Fatalf("renew: %v", err)
			}
			if tt.between != nil {
				tt.between(t, cfg)
			}
			r.cancelAt = ""
			r.mustRun(t)
			if got := keysOf(t, cfg, 2); !slices.Equal(got, []string{"a b", "c"}) {
				t.Errorf("the new topic holds %q\n%s", got, strings.Join(r.reports, "\n"))
			}
			if exists(r.file) || !exists(r.file+".restored") {
				t.Error("the copy still looks as if it had to be written")
			}
		})
	}
}

// A run that was killed while it wrote has written some of the records.
func TestRenewWritesNoRecordTwice(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in")
	enginetest.Produce(t, cfg, enginetest.Text("in", "a", "x"), enginetest.Text("in", "b", "x"), enginetest.Text("in", "c", "x"))
	r := newRenewing(t, cfg)
	r.mustRun(t)
	if err := os.Rename(r.file+".restored", r.file); err != nil {
		t.Fatal(err)
	}
	written := enginetest.Consume(t, cfg, "in", 1)[0]
	enginetest.Recreate(t, cfg, 1, "in")
	again := enginetest.Text("in", "a", "x")
	for _, h := range written.Headers {
		again.Headers = append(again.Headers, *h)
	}
	enginetest.Produce(t, cfg, again, enginetest.Text("in", "of a server", "x"))
	r.mustRun(t)
	if got := keysOf(t, cfg, 1); got[0] != "a of a server b c" {
		t.Errorf("the topic holds %q", got)
	}
}

func TestRenewRefusesForeignCopies(t *testing.T) {
	t.Parallel()
	cfg := enginetest.Config(t)
	enginetest.CreateTopics(t, cfg, 1, "in")
	enginetest.Produce(t, cfg, enginetest.Text("in", "a", "x"), enginetest.Text("in", "b", "x"))
	r := newRenewing(t, cfg)
	r.cancelAt = "deleted"
	if err := r.Run(t); err == nil {
		t.Fatal("it was not interrupted")
	}
	r.cancelAt = ""
	sound, err := os.ReadFile(r.file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(sound), "\n")
	tests := []struct {
		name, content, want string
	}{
		{"cut short", strings.Join(lines[:2], ""), "it ends early"},
		{"a record is missing", lines[0] + lines[2] + lines[3], "not those that were written"},
		{"a record is another", strings.Replace(string(sound), `"offset":1`, `"offset":2`, 1), "not those that were written"},
		{"another file", "{}\n", "not the first line of one"},
		{"of another topic", "", "is of out on cluster"},
		{"of another cluster", "", `on cluster "elsewhere"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			content := tt.content
			switch tt.name {
			case "of another topic":
				content = resealed(t, strings.Replace(string(sound), `"topic":"in"`, `"topic":"out"`, 1))
			case "of another cluster":
				head, rest, _ := strings.Cut(string(sound), `"cluster":"`)
				_, rest, _ = strings.Cut(rest, `"`)
				content = resealed(t, head+`"cluster":"elsewhere"`+rest)
			}
			if err := os.WriteFile(r.file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := r.Run(t); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("renew: %v, want %q", err, tt.want)
			}
			if infos, err := enginetest.Admin(t, cfg).ListTopics(); err != nil || len(infos) != 0 {
				t.Errorf("the topic was created: %v, %v", infos, err)
			}
		})
	}
	if err := os.Remove(r.file); err != nil {
		t.Fatal(err)
	}
	if err := r.Run(t); !errors.Is(err, kafka.ErrTopic) || !strings.Contains(err.Error(), "no copy") {
		t.Errorf("renew without topic and copy: %v", err)
	}
	if err := os.WriteFile(r.file, sound, 0o600); err != nil {
		t.Fatal(err)
	}
	r.mustRun(t)
	if got := keysOf(t, cfg, 1); got[0] != "a b" {
		t.Errorf("the topic holds %q", got)
	}
}
