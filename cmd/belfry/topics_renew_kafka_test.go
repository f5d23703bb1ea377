package main

import (
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

// A real broker whose log lost its end on the disk.
func TestNewEpochOfAJournalCutOnDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Kafka")
	}
	cluster := kafkatest.Start(t, kafkatest.Config{})
	in := startApart(t, cluster.Brokers())
	users := usersApart(t)
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		in.post(id, users...)
	}
	before := map[string]badge{}
	for _, user := range users {
		before[user] = in.await(user, 5)
	}
	in.processor.wantCleanStop()
	cluster.Kill(1)
	cluster.CutLog(1, "belfry.journal", 1, 2)
	cluster.Up(1)
	// Records that are written now lie at offsets that the row of that user has seen.
	in.post("6", users...)
	if records := programtest.RecordsOf(t, in.brokers, "belfry.journal"); len(records) != 6+3+6 {
		t.Fatalf("the journal holds %d records, want 15: it was not cut", len(records))
	}
	in.startProcessor()
	in.awaitRefusal("belfry-unread", "belfry.journal/1", in.runTopics("--new-epoch"))
	in.await(users[0], 6)
	in.await(users[2], 6)
	in.processor.wantCleanStop()

	t.Chdir(t.TempDir())
	r := callWith(t.Context(), nil, "topics", "--brokers", in.brokers[0], "--new-epoch")
	r.WantOutput(t, "belfry.journal/1: it ends at offset 3, but records up to 4 were processed", "copied 1 records of 3 partitions",
		"deleted belfry.journal", "holds the 1 records that were not processed")
	in.startProcessor()
	for _, user := range users {
		got := in.await(user, 6)
		if got.Version < before[user].Version || strings.HasPrefix(got.Cursor, epochOf(t, before[user])) != (user != users[1]) {
			t.Errorf("%s is %+v, was %+v", user, got, before[user])
		}
		wantAsAPI(t, in.server.url, user, in.brokers)
	}
	in.post("7", users...)
	for _, user := range users {
		got := in.await(user, 7)
		if got.Version <= before[user].Version || epochOf(t, got) == epochOf(t, before[user]) {
			t.Errorf("%s is %+v, was %+v: want a higher version of another epoch", user, got, before[user])
		}
	}
	in.processor.wantCleanStop()
	in.server.wantCleanStop()
}
