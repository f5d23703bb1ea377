package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/IBM/sarama"

	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

// announceTo announces to all, and returns the answer and its status.
func announceTo(t *testing.T, base, id string) (answer string, status int) {
	t.Helper()
	status = callAPI(t, http.MethodPost, base+"/v1/notifications", "", fmt.Sprintf(`{"audience":"all","id":%q,"source":"portal","title":%[1]q}`, id), &answer)
	return answer, status
}

func announce(t *testing.T, base string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if answer, status := announceTo(t, base, id); status != http.StatusAccepted {
			t.Fatalf("announce %s: %d %s", id, status, answer)
		}
	}
}

func takeBackAll(t *testing.T, base string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if status := callAPI(t, http.MethodPost, base+"/v1/retractions", "", fmt.Sprintf(`{"audience":"all","id":%q,"source":"portal"}`, id), nil); status != http.StatusAccepted {
			t.Fatalf("take %s back: %d", id, status)
		}
	}
}

// titlesOf is what a user's list has, the newest first, each with "*" if it is unread.
func titlesOf(t *testing.T, base, user string) string {
	t.Helper()
	var list struct{ Items []announced }
	if status := callAPI(t, http.MethodGet, userURL(base, user, "inbox"), "", "", &list); status != http.StatusOK {
		t.Fatalf("list of %s: %d", user, status)
	}
	var all []string
	for _, item := range list.Items {
		if !item.Read {
			item.Title += "*"
		}
		all = append(all, item.Title)
	}
	return strings.Join(all, " ")
}

func awaitTitles(t *testing.T, base, user, want string) {
	t.Helper()
	got := ""
	await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("%s has %q, want %q", user, got, want) }, func() bool {
		got = titlesOf(t, base, user)
		return got == want
	})
}

// TestGrowWithNotices moves an installation with notices on its boards to a multiple of its
// partitions, where all is as it was, and to any number once there is none any more: what
// users had of those is gone, and ids of before are known.
func TestGrowWithNotices(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	grow := func(from, to, partitions string) []string {
		return []string{"topics", "--brokers", brokers[0], "--prefix", to, "--partitions", partitions, "--grow-from", from}
	}
	serve := func(prefix, partitions string) *served {
		t.Helper()
		return serveAll(t, append(runArgs(t, brokers, "--auth", "none", "--prefix", prefix), "--partitions", partitions)...)
	}
	old := serve("belfry", "3")
	for user := range growUsers / 2 { // of the others nothing is known
		notifyOne(t, old.url, user, "own", "")
	}
	announce(t, old.url, "one", "two")
	for user := range growUsers {
		awaitBadge(t, old.url, "", fmt.Sprint("user-", user), func(b badge) bool { return b.Unread >= 2 })
	}
	for user := range 4 {
		act(t, old.url, user, []string{"seen", "read", "archive", "delete"}[user], fmt.Sprintf(`{"seqs":[%d]}`, firstSeq(t, old.url, user)))
	}
	before := shownState(t, old.url)
	old.wantCleanStop()

	call(t, nil, grow("belfry", "belfry7", "7")...).WantFailureIn(t, "7 partitions are not a multiple of the old number of partitions, 3",
		"take 6, 9 or another multiple", "those of belfry7 can be deleted", "belfry broadcast list")
	if got := len(programtest.RecordsOf(t, brokers, "belfry7-unread-table")); got != 0 {
		t.Errorf("%d rows are copied where that was refused", got)
	}
	call(t, nil, grow("belfry", "belfry6", "6")...).WantOutput(t, "to belfry6-unread-table (6 partitions)")
	six := serve("belfry6", "6")
	// The journal is another one, and rows of a board's partition say so at once.
	cursor := regexp.MustCompile(`"cursor":"\d+\.`)
	after := shownState(t, six.url)
	for what, want := range before {
		if got := after[what]; cursor.ReplaceAllString(got, "") != cursor.ReplaceAllString(want, "") {
			t.Fatalf("%s: got %s, want %s", what, got, want)
		}
	}
	takeBackAll(t, six.url, "one", "two")
	awaitTitles(t, six.url, "user-24", "")
	awaitTitles(t, six.url, "user-5", "title own*")
	six.wantCleanStop()

	call(t, nil, grow("belfry6", "belfry4", "4")...).WantOutput(t, "to belfry4-unread-table (4 partitions)")
	four := serve("belfry4", "4")
	for user := range growUsers {
		want := ""
		if user < growUsers/2 {
			want = "title own*"
		}
		if got := titlesOf(t, four.url, fmt.Sprint("user-", user)); got != want {
			t.Errorf("user-%d has %q, want %q", user, got, want)
		}
	}
	announce(t, four.url, "one", "three") // the first is known
	for user := range growUsers {
		want := "three*"
		if user < growUsers/2 {
			want += " title own*"
		}
		awaitTitles(t, four.url, fmt.Sprint("user-", user), want)
	}
	four.wantCleanStop()
}

// TestNewEpochKeepsNotices: over a journal that is made anew a notice stays what it was to
// each user, its id is known, and it can be taken back; one that was not processed comes.
func TestNewEpochKeepsNotices(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	state := t.TempDir()
	serve := func() *served {
		t.Helper()
		return serveAll(t, runArgs(t, brokers, "--auth", "none", "--state-dir", state)...)
	}
	r := serve()
	users := append(usersApart(t), "stranger")
	for _, user := range users[:3] {
		announceOwn := fmt.Sprintf(`{"recipient":%q,"title":"own","id":"own","source":"s"}`, user)
		if status := callAPI(t, http.MethodPost, r.url+"/v1/notifications", "", announceOwn, nil); status != http.StatusAccepted {
			t.Fatal(status)
		}
		awaitTitles(t, r.url, user, "own*")
	}
	announce(t, r.url, "one", "two")
	awaitTitles(t, r.url, users[0], "two* one* own*")
	awaitTitles(t, r.url, users[3], "two* one*")
	act := func(user, body string) {
		t.Helper()
		if status := callAPI(t, http.MethodPost, userURL(r.url, user, "inbox/read"), "", body, nil); status != http.StatusOK {
			t.Fatal(status)
		}
	}
	var list struct{ Items []announced }
	callAPI(t, http.MethodGet, userURL(r.url, users[0], "inbox"), "", "", &list)
	act(users[0], fmt.Sprintf(`{"seqs":[%d]}`, list.Items[0].Seq))
	was := awaitBadge(t, r.url, "", users[1], hasUnread(3))
	r.wantCleanStop()
	// One that nobody has processed is copied.
	call(t, nil, "broadcast", "send", "--brokers", brokers[0], "--audience", "all", "--id", "late", "--title", "late", "--yes").WantOutput(t, "announced in 3 partitions")
	call(t, nil, "topics", "--brokers", brokers[0], "--copy-file", state+"/copy", "--new-epoch").WantOutput(t, "copied 3 records of 3 partitions")

	r = serve()
	for user, want := range map[string]string{users[0]: "late* two one* own*", users[1]: "late* two* one* own*", users[3]: "late* two* one*"} {
		awaitTitles(t, r.url, user, want)
	}
	if now := awaitBadge(t, r.url, "", users[1], hasUnread(4)); now.Version <= was.Version {
		t.Errorf("version %d after %d", now.Version, was.Version)
	}
	announce(t, r.url, "one", "three")
	takeBackAll(t, r.url, "two")
	for user, want := range map[string]string{users[0]: "three* late* one* own*", users[1]: "three* late* one* own*", users[2]: "three* late* one* own*", users[3]: "three* late* one*"} {
		awaitTitles(t, r.url, user, want)
	}
	r.wantCleanStop()
}

// TestUnevenBases takes over an installation of an earlier release whose rows of one journal
// count from different bases in one partition: broadcasts are off there, which is said by
// the state, the metric that the alert goes by, the ops page, the answer to who announces,
// the letter of what comes by topic, and the command; all else goes on; and the way out is
// the one that they name.
func TestUnevenBases(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	makeTopics(t, brokers)
	epoch := topicIDs(t, brokers, "belfry")["belfry.journal"].ID.Epoch()
	users, neighbour := usersApart(t), ""
	for n := 0; neighbour == "" || kafka.Partition(neighbour, 3) != 1; n++ {
		neighbour = fmt.Sprint("neighbour-", n)
	}
	for user, base := range map[string]uint64{users[1]: 7, neighbour: 3} {
		value, err := codec.EncodeState(&inbox.State{Epoch: epoch, Base: base, Version: base})
		if err != nil {
			t.Fatal(err)
		}
		produceTo(t, brokers, &sarama.ProducerMessage{Topic: "belfry-unread-table", Partition: 1, Key: sarama.StringEncoder(user), Value: sarama.ByteEncoder(value)})
	}
	state := t.TempDir()
	serve := func() *served {
		t.Helper()
		return serveAll(t, runArgs(t, brokers, "--auth", "none", "--state-dir", state, "--metrics-addr", "127.0.0.1:0")...)
	}
	r := serve()
	remedy := fmt.Sprintf(`run "belfry topics --brokers %s --prefix belfry --new-epoch"`, brokers[0])
	escaped := strings.ReplaceAll(remedy, `"`, `\"`)
	wantMetrics(t, r.metrics+"/metrics", `belfry_processor_uneven_partitions{processor="processor belfry-unread"} 1`, `belfry_processor_running{processor="processor belfry-unread"} 1`)
	wantMetrics(t, r.metrics+"/readyz", "belfry.journal/1", "count from different bases", escaped)
	wantMetrics(t, r.url+"/v1/ops/overview", `"lacks":["belfry.journal/1`, "count from different bases", escaped)
	if !containsAll(r.stderr.String(), "count from different bases", escaped) {
		t.Errorf("the log does not tell of it:\n%s", r.stderr)
	}
	answer, status := announceTo(t, r.url, "one")
	if status != http.StatusConflict || !containsAll(answer, "have no notice board yet, or never: [1]", "different bases", "belfry topics --new-epoch") {
		t.Errorf("announced: %d %s", status, answer)
	}
	if records := programtest.RecordsOf(t, brokers, "belfry.journal"); len(records) != 0 {
		t.Errorf("%d records were written", len(records))
	}
	call(t, nil, "broadcast", "send", "--brokers", brokers[0], "--audience", "all", "--id", "one", "--title", "one", "--yes").WantFailureIn(t, "nothing can be announced", "[1]", "--new-epoch")

	// By topic nobody can be asked: it is a letter of that partition, and others have it.
	if in := callInput(t.Context(), strings.NewReader(`{"audience":"all","id":"topic","source":"portal","title":"by topic"}`+"\n"), "emit", "--brokers", brokers[0]); in.Code != 0 {
		t.Fatalf("emit: %+v", in)
	}
	awaitTitles(t, r.url, users[0], "by topic*")
	var letters []*sarama.ConsumerMessage
	await.Eventually(t, programtest.Patience, func() string { return fmt.Sprintf("%d letters", len(letters)) }, func() bool {
		letters = programtest.RecordsOf(t, brokers, "belfry.dead-letters")
		return len(letters) == 1
	})
	if status := callAPI(t, http.MethodPost, r.url+"/v1/notifications", "", fmt.Sprintf(`{"recipients":[%q,%q],"title":"own","id":"own","source":"s"}`, users[1], neighbour), nil); status != http.StatusAccepted {
		t.Fatal(status)
	}
	awaitTitles(t, r.url, users[1], "own*")
	awaitTitles(t, r.url, neighbour, "own*")
	r.wantCleanStop()

	call(t, nil, "topics", "--brokers", brokers[0], "--copy-file", state+"/copy", "--new-epoch").WantOutput(t, "belfry.journal")
	r = serve()
	wantMetrics(t, r.metrics+"/metrics", `belfry_processor_uneven_partitions{processor="processor belfry-unread"} 0`)
	var overview struct{ Groups []map[string]json.RawMessage }
	if callAPI(t, http.MethodGet, r.url+"/v1/ops/overview", "", "", &overview); len(overview.Groups) == 0 || overview.Groups[0]["lacks"] != nil {
		t.Errorf("overview %s", toJSON(t, overview))
	}
	call(t, nil, "dead-letters", "replay", "--brokers", brokers[0], "--all", "--yes")
	awaitTitles(t, r.url, neighbour, "by topic* own*")
	await.Eventually(t, programtest.Patience, func() string { return fmt.Sprint(status, answer) }, func() bool {
		answer, status = announceTo(t, r.url, "one")
		return status == http.StatusAccepted
	})
	for user, want := range map[string]string{users[0]: "one* by topic*", users[1]: "one* by topic* own*", neighbour: "one* by topic* own*", users[2]: "one* by topic*"} {
		awaitTitles(t, r.url, user, want)
	}
	r.wantCleanStop()
}
