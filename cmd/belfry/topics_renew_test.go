package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

// apart is topics, processors and a server, each to be stopped by itself.
type apart struct {
	t         *testing.T
	brokers   []string
	state     string
	server    *served
	processor *served
}

func startApart(t *testing.T, brokers []string) *apart {
	t.Helper()
	makeTopics(t, brokers)
	in := &apart{t: t, brokers: brokers, state: t.TempDir()}
	in.server = serveAll(t, "server", "--brokers", brokers[0], "--addr", "127.0.0.1:0", "--auth", "none", "--state-dir", t.TempDir())
	in.startProcessor()
	return in
}

func (in *apart) startProcessor() {
	in.t.Helper()
	in.processor = serveAll(in.t, "processor", "--brokers", in.brokers[0], "--state-dir", in.state, "--metrics-addr", "127.0.0.1:0")
}

// post writes one notification a user over HTTP, repeating it until it is
// accepted.
func (in *apart) post(id string, users ...string) {
	in.t.Helper()
	for _, user := range users {
		body := fmt.Sprintf(`{"recipient":%q,"title":"t","id":%q}`, user, id)
		var answer string
		await.Eventually(in.t, programtest.Patience, func() string { return user + " is not accepted: " + answer }, func() bool {
			return callAPI(in.t, http.MethodPost, in.server.url+"/v1/notifications", "", body, &answer) == http.StatusAccepted
		})
	}
}

func (in *apart) await(user string, unread int) badge {
	in.t.Helper()
	return awaitBadge(in.t, in.server.url, "", user, hasUnread(unread))
}

// runTopics is the advice to run the command topics with that flag, as it must be
// typed here.
func (in *apart) runTopics(flag string) string {
	return fmt.Sprintf("run %q", "belfry topics --brokers "+in.brokers[0]+" --prefix belfry "+flag)
}

// awaitRefusal waits until the processor says what it refuses and how to mend
// that, by /readyz, the metrics and the log.
func (in *apart) awaitRefusal(group, partition, remedy string) {
	in.t.Helper()
	wantMetrics(in.t, in.processor.metrics+"/metrics", fmt.Sprintf(`belfry_processor_refused_partitions{processor="processor %s"} 1`, group),
		fmt.Sprintf(`belfry_processor_running{processor="processor %s"} 1`, group))
	// Quotes stand escaped in JSON and in the log.
	quoted := strings.ReplaceAll(remedy, `"`, `\"`)
	wantMetrics(in.t, in.processor.metrics+"/readyz", "running, refuses "+partition+": ", quoted)
	if !containsAll(in.processor.stderr.String(), "partition refused", quoted) {
		in.t.Errorf("the log does not tell of it:\n%s", in.processor.stderr)
	}
}

// usersApart returns three users whose records lie in the partitions 0, 1, 2.
func usersApart(t *testing.T) []string {
	t.Helper()
	users := make([]string, 3)
	for i := 0; ; i++ {
		user := fmt.Sprint("user-", i)
		users[kafka.Partition(user, len(users))] = user
		if users[0] != "" && users[1] != "" && users[2] != "" {
			return users
		}
	}
}

// commitBeyond does to a group what cutting a partition's log does: its offset
// is beyond the end, and its mark that of the last record.
func commitBeyond(t *testing.T, brokers []string, group, topic string, partition int32) {
	t.Helper()
	epoch := topicIDs(t, brokers, "belfry")[topic].ID.Epoch()
	var last *sarama.ConsumerMessage
	for _, m := range programtest.RecordsOf(t, brokers, topic) {
		if m.Partition == partition {
			last = m
		}
	}
	client, err := sarama.NewClient(brokers, kafkatest.ClientConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	offsets, err := sarama.NewOffsetManagerFromClient(group, client)
	if err != nil {
		t.Fatal(err)
	}
	managed, err := offsets.ManagePartition(topic, partition)
	if err != nil {
		t.Fatal(err)
	}
	managed.MarkOffset(last.Offset+100, fmt.Sprintf("%08x.%d", epoch, last.Timestamp.UnixMilli()))
	managed.AsyncClose()
	if err := offsets.Close(); err != nil {
		t.Fatal(err)
	}
}

// A journal whose commit is beyond its end: its partition is refused and the rest goes on,
// the command mends it while the server still runs, and nobody loses anything.
func TestNewEpochOfTheJournal(t *testing.T) {
	t.Parallel()
	in := startApart(t, kafkatest.Embedded(t))
	users := usersApart(t)
	in.post("1", users...)
	in.post("2", users...)
	before := map[string]badge{}
	for _, user := range users {
		before[user] = in.await(user, 2)
	}
	in.processor.wantCleanStop()
	commitBeyond(t, in.brokers, "belfry-unread", "belfry.journal", 1)
	in.startProcessor()
	in.awaitRefusal("belfry-unread", "belfry.journal/1", in.runTopics("--new-epoch"))
	in.post("3", users...)
	in.await(users[0], 3)
	in.await(users[2], 3)
	if got := in.await(users[1], 2); got != before[users[1]] {
		t.Errorf("%s is %+v, was %+v: the partition is not refused", users[1], got, before[users[1]])
	}

	file := filepath.Join(t.TempDir(), "copy")
	command := []string{"topics", "--brokers", in.brokers[0], "--copy-file", file, "--new-epoch"}
	call(t, nil, command...).WantFailure(t, "stop all processors first", "group belfry-unread has 1 members", "group belfry-router-belfry.notifications has 1 members")
	in.processor.wantCleanStop()
	in.post("4", users...) // by the server, to nobody yet
	callWith(t.Context(), nil, command...).WantOutput(t,
		"belfry.journal/0: copying from offset 3 to 4", "belfry.journal/1: it ends at offset 4, but",
		"copied 4 records of 3 partitions to "+file, "deleted belfry.journal", "created belfry.journal with 3 partitions, replication 1",
		"holds the 4 records that were not processed", file+".restored")
	in.post("5", users...)
	in.startProcessor()
	for _, user := range users {
		got := in.await(user, 5)
		if got.Version <= before[user].Version || epochOf(t, got) == epochOf(t, before[user]) {
			t.Errorf("%s is %+v, was %+v: want a higher version of another epoch", user, got, before[user])
		}
		wantAsAPI(t, in.server.url, user, in.brokers)
	}
	wantMetrics(t, in.processor.metrics+"/metrics", `belfry_processor_refused_partitions{processor="processor belfry-unread"} 0`)
	in.post("6", users...)
	for _, user := range users {
		in.await(user, 6)
	}
	in.processor.wantCleanStop()
	in.server.wantCleanStop()
}

// The built-in source topic can be cut short too.
func TestNewEpochOfTheNotifications(t *testing.T) {
	t.Parallel()
	in := startApart(t, kafkatest.Embedded(t))
	now := time.Now().Truncate(time.Millisecond)
	send := func(id string, at time.Time) {
		t.Helper()
		kafkatest.Produce(t, in.brokers, &sarama.ProducerMessage{
			Topic: "belfry.notifications", Partition: 1, Timestamp: at,
			Value: sarama.StringEncoder(fmt.Sprintf(`{"recipient":"user-7","title":"t","id":%q}`, id)),
		})
	}
	send("1", now.Add(-20*time.Minute))
	send("2", now.Add(-10*time.Minute))
	before := in.await("user-7", 2)
	in.processor.wantCleanStop()
	const group = "belfry-router-belfry.notifications"
	commitBeyond(t, in.brokers, group, "belfry.notifications", 1)
	in.startProcessor()
	in.awaitRefusal(group, "belfry.notifications/1", in.runTopics("--new-epoch=notifications"))
	send("3", now)
	in.processor.wantCleanStop()
	file := filepath.Join(t.TempDir(), "copy")
	call(t, nil, "topics", "--brokers", in.brokers[0], "--copy-file", file, "--new-epoch=notifications").
		WantOutput(t, "copied 2 records", "deleted belfry.notifications", "holds the 2 records")
	in.startProcessor()
	// Producers' clocks decide here, so that the last processed record is copied
	// too; its id tells that it is known.
	if got := in.await("user-7", 3); got.Version != before.Version+2 {
		t.Errorf("version %d, was %d: want two records more", got.Version, before.Version)
	}
	send("4", now)
	in.await("user-7", 4)
}

// The copy is made in the working directory and found there again.
func TestNewEpochWithoutAFile(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	makeTopics(t, brokers)
	t.Chdir(t.TempDir())
	kafkatest.Produce(t, brokers, &sarama.ProducerMessage{Topic: "belfry.journal", Partition: 2, Key: sarama.StringEncoder("a"), Value: sarama.StringEncoder("x")})
	name := fmt.Sprintf("belfry.journal-%08x.ndjson", topicIDs(t, brokers, "belfry")["belfry.journal"].ID.Epoch())
	call(t, nil, "topics", "--brokers", brokers[0], "--new-epoch").WantOutput(t, "copied 1 records of 3 partitions to "+name)
	// As if it had been interrupted after the deletion, and the topic been
	// created by a node that was started too early.
	if err := os.Rename(name+".restored", name); err != nil {
		t.Fatal(err)
	}
	if err := kafkatest.Admin(t, brokers).DeleteTopic("belfry.journal"); err != nil {
		t.Fatal(err)
	}
	makeTopics(t, brokers)
	call(t, nil, "topics", "--brokers", brokers[0], "--new-epoch").WantOutput(t, "going on with "+name, "holds the 1 records")
	if got := programtest.RecordsOf(t, brokers, "belfry.journal"); len(got) != 1 || string(got[0].Key) != "a" || got[0].Partition != 2 {
		t.Errorf("the journal holds %v", got)
	}
	second := name + "2"
	call(t, nil, "topics", "--brokers", brokers[0], "--new-epoch", "--copy-file", second).WantOutput(t, "to "+second)
}

func TestNewEpochIsNoSetting(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	makeTopics(t, brokers)
	before := topicIDs(t, brokers, "belfry")
	call(t, map[string]string{"BELFRY_NEW_EPOCH": "journal"}, "topics", "--brokers", brokers[0], "--partitions", "3").
		WantOutput(t, "6 topics are as they must be")
	if after := topicIDs(t, brokers, "belfry"); toJSON(t, after) != toJSON(t, before) {
		t.Error("the environment had a topic deleted")
	}
	call(t, nil, "topics", "--brokers", brokers[0], "--config", programtest.WriteFile(t, "belfry.yaml", "new-epoch: journal\n")).
		WantError(t, cli.ExitUsage, "unknown key", "new-epoch")
	call(t, nil, "topics", "--brokers", brokers[0], "--new-epoch=items").
		WantError(t, cli.ExitUsage, "--new-epoch", "journal or notifications")
}
