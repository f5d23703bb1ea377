package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

// TestBroadcast announces to users with and without a row, over HTTP, on the topic and by
// the command, in several partitions.
func TestBroadcast(t *testing.T) {
	t.Parallel()
	testBroadcast(t, kafkatest.Embedded(t))
}

// TestBroadcastOnKafka does the same with Apache Kafka.
func TestBroadcastOnKafka(t *testing.T) {
	t.Parallel()
	testBroadcast(t, kafkatest.Start(t, kafkatest.Config{}).Brokers())
}

// announced is an item of a list, as far as a notice shows there.
type announced struct {
	Seq      uint64 `json:"seq"`
	Title    string `json:"title"`
	Audience string `json:"audience"`
	Read     bool   `json:"read"`
	Pending  bool   `json:"pending"`
}

func testBroadcast(t *testing.T, brokers []string) {
	r := serveAll(t, runArgs(t, brokers, "--auth", "none", "--features", "time,reach,broadcast", "--user-topics", "canteen")...)
	post := func(path, body string) (answer string) {
		t.Helper()
		if status := callAPI(t, http.MethodPost, r.url+path, "", body, &answer); status != http.StatusAccepted {
			t.Fatalf("%s %s: %d %s", path, body, status, answer)
		}
		return answer
	}
	users := []string{"kim", "lee", "stranger", "someone", "사용자-7"} // in all three partitions
	unread := func(want ...int) {
		t.Helper()
		for i, user := range users {
			awaitBadge(t, r.url, "", user, hasUnread(want[i]))
		}
	}
	list := func(user string) []announced {
		t.Helper()
		var out struct {
			Items []announced `json:"items"`
		}
		if status := callAPI(t, http.MethodGet, userURL(r.url, user, "inbox"), "", "", &out); status != http.StatusOK {
			t.Fatalf("list of %s: %d", user, status)
		}
		return out.Items
	}
	titles := func(user string) string {
		t.Helper()
		var all []string
		for _, item := range list(user) {
			all = append(all, item.Title+" for "+item.Audience)
		}
		return strings.Join(all, ", ")
	}

	post("/v1/notifications", `{"recipients":["kim","lee"],"id":"p1","title":"Own"}`)
	unread(1, 1, 0, 0, 0)
	kim, stranger := openStream(t, r.url, "", "kim"), openStream(t, r.url, "", "stranger")
	awaitFrame(t, kim, "unread", `"unread":1`)
	awaitFrame(t, stranger, "unread", `"unread":0`)
	if got := post("/v1/notifications", `{"audience":"all","id":"n1","source":"portal","title":"Maintenance"}`); got != `{"accepted":1,"ids":["n1"]}`+"\n" {
		t.Errorf("answer %s", got)
	}
	for _, frames := range []<-chan frame{kim, stranger} {
		awaitFrame(t, frames, "item", `"title":"Maintenance"`)
		awaitFrame(t, frames, "unread", `"unread":`)
	}
	unread(2, 2, 1, 1, 1)
	if got := titles("kim"); got != "Maintenance for all, Own for " {
		t.Errorf("kim has %s", got)
	}
	if got := list("stranger"); len(got) != 1 || got[0].Audience != "all" || got[0].Read || got[0].Pending {
		t.Errorf("the stranger has %+v", got)
	}

	// A notice that one has read is unread for others; and a second sending of it is nothing new.
	seq := list("kim")[0].Seq
	if status := callAPI(t, http.MethodPost, userURL(r.url, "kim", "inbox/read"), "", fmt.Sprintf(`{"seqs":[%d]}`, seq), nil); status != http.StatusOK {
		t.Fatalf("read: %d", status)
	}
	post("/v1/notifications", `{"audience":"all","id":"n1","source":"portal","title":"Maintenance"}`)
	unread(1, 2, 1, 1, 1)
	var live struct {
		Off        []int
		Users      int
		Broadcasts []struct {
			ID    string
			Seqs  map[string]uint64
			Reach struct{ Held, Seen, Read int }
		}
	}
	if status := callAPI(t, http.MethodGet, r.url+"/v1/broadcasts?reach=1", "", "", &live); status != http.StatusOK || len(live.Broadcasts) != 1 || len(live.Off) != 0 || live.Users != 2 ||
		live.Broadcasts[0].ID != "n1" || len(live.Broadcasts[0].Seqs) != 3 || live.Broadcasts[0].Reach.Held != 2 || live.Broadcasts[0].Reach.Read != 1 {
		t.Errorf("broadcasts: %d %+v", status, live)
	}

	// A topic is for who has subscribed, and who joins begins without what was before.
	for _, call := range []struct{ method, user, path string }{{http.MethodPut, "lee", "topics/canteen"}, {http.MethodPut, "newcomer", ""}} {
		if status := callAPI(t, call.method, strings.TrimSuffix(userURL(r.url, call.user, call.path), "/"), "", "", nil); status != http.StatusOK {
			t.Fatalf("%+v: %d", call, status)
		}
	}
	awaitBadge(t, r.url, "", "newcomer", hasUnread(0))
	post("/v1/notifications", `{"audience":"topic:canteen","id":"menu","source":"portal","title":"The menu"}`)
	unread(1, 3, 1, 1, 1)

	// One that expires goes by the clock alone.
	post("/v1/notifications", fmt.Sprintf(`{"audience":"all","id":"brief","source":"portal","title":"Brief","expires_at":%q}`, time.Now().Add(3*time.Second).UTC().Format(time.RFC3339Nano)))
	unread(2, 4, 2, 2, 2)
	unread(1, 3, 1, 1, 1)

	// Taken back it is nowhere, and streams say so.
	post("/v1/retractions", `{"audience":"all","source":"portal","id":"n1"}`)
	unread(1, 2, 0, 0, 0)
	awaitFrame(t, stranger, "state", `"removed":[`)
	awaitFrame(t, stranger, "unread", `"unread":0`)

	wantCommandToBroadcast(t, brokers, unread)
	if in := callInput(t.Context(), strings.NewReader(`{"audience":"all","id":"n3","title":"By topic"}`+"\n"), "emit", "--brokers", brokers[0]); in.Code != 0 {
		t.Fatalf("emit: %+v", in)
	}
	unread(2, 3, 1, 1, 1)
	awaitBadge(t, r.url, "", "newcomer", hasUnread(1))
	wantToolsToKnowNotices(t, r.url, brokers)
	r.wantCleanStop()
}

// wantToolsToKnowNotices asks the tools for operators: each reads rows with the boards of
// their partitions.
func wantToolsToKnowNotices(t *testing.T, base string, brokers []string) {
	t.Helper()
	audiences := func(user string) string {
		t.Helper()
		var out []string
		for _, i := range inspectJSON(t, brokers, user, "--contents").Items {
			out = append(out, fmt.Sprint(i.Title, " ", i.State, " for ", i.Audience, " ", i.Content))
		}
		return strings.Join(out, ", ")
	}
	if got, want := audiences("stranger"), "By topic unread for all true"; got != want {
		t.Errorf("inspect: the stranger has %q, want %q", got, want)
	}
	if got, want := audiences("lee"), "Own unread for  true, The menu unread for topic:canteen true, By topic unread for all true"; got != want {
		t.Errorf("inspect: lee has %q, want %q", got, want)
	}
	call(t, nil, "inspect", "lee", "--brokers", brokers[0]).WantOutput(t, "AUDIENCE", "the user", "topic:canteen", "everyone")

	// A row that stores what its user did to a notice: its content is the board's.
	items := inspectJSON(t, brokers, "kim").Items
	seq := items[len(items)-1].Seq
	if status := callAPI(t, http.MethodPost, userURL(base, "kim", "inbox/read"), "", fmt.Sprintf(`{"seqs":[%d]}`, seq), nil); status != http.StatusOK {
		t.Fatalf("read: %d", status)
	}
	audit := []string{"inspect", "--audit", "--brokers", brokers[0]}
	call(t, nil, audit...).WantOutput(t, "3 users recounted, 0 wrong, 0 with contents on their way")
	journal := call(t, nil, "inspect", "kim", "--brokers", brokers[0], "--journal")
	journal.WantOutput(t, "portal/n1, to everyone", "for-others (not subscribed to topic:canteen)", "gone: retracted by retract", "gone: expired at", " by the clock; before, came to everyone by notify",
		fmt.Sprintf("notice %d: read by read", seq), "badge: 1 unread", "the row agrees with the journal")
	if strings.Contains(journal.Stdout, "unknown") {
		t.Errorf("a notice is unknown to the journal:\n%s", journal.Stdout)
	}
	call(t, nil, "inspect", "stranger", "--brokers", brokers[0], "--journal").WantOutput(t, "records  0, and", "came to everyone", "badge: 1 unread", "the row agrees with the journal")
}

// wantCommandToBroadcast announces something by "belfry broadcast", and takes it back.
func wantCommandToBroadcast(t *testing.T, brokers []string, unread func(...int)) {
	t.Helper()
	features := []string{"--brokers", brokers[0], "--features", "time,reach,broadcast"}
	notice := append([]string{"broadcast", "send", "--audience", "all", "--id", "n2", "--title", "en=Closed", "--title", "ko=휴무"}, features...)
	call(t, nil, notice...).WantOutput(t, "[en]\n  Closed\n[ko]\n  휴무\n", "audience   all", "reaches    3 users", "nothing is written; --yes does it")
	unread(1, 2, 0, 0, 0)
	call(t, nil, append(notice, "--yes")...).WantOutput(t, "announced in 3 partitions")
	unread(2, 3, 1, 1, 1)
	file := programtest.WriteFile(t, "notice.json", `{"audience":"all","id":"n2","title":{"en":"Closed","ko":"휴무"},"body":"Until Monday"}`)
	call(t, nil, append([]string{"broadcast", "send", "--file", file, "--yes"}, features...)...).WantOutput(t, "[ko]\n  휴무\n  Until Monday\n", "announced  before, in 3 of 3 partitions: there this changes nothing", "announced in 3 partitions")
	unread(2, 3, 1, 1, 1) // it is the same one
	topic := append([]string{"broadcast", "send", "--audience", "topic:canteen", "--id", "x", "--title", "x"}, features...)
	call(t, nil, topic...).WantOutput(t, "reaches    1 of 3 users")
	call(t, nil, "broadcast", "list", "--brokers", brokers[0]).WantOutput(t, "n2", "operator", "3 of 3", "Closed", "menu", "topic:canteen")
	nothing := []string{"broadcast", "retract", "--audience", "topic:canteen", "--id", "nothing"}
	call(t, nil, append(nothing, features...)...).WantOutput(t, "no such notice to topic:canteen is live or scheduled; these are:", "menu", "nothing is written")
	back := append([]string{"broadcast", "retract", "--audience", "all", "--id", "n2"}, features...)
	call(t, nil, back...).WantOutput(t, "n2", "nothing is written")
	call(t, nil, append(back, "--yes")...).WantOutput(t, "taken back in 3 partitions")
	call(t, nil, notice...).WantOutput(t, "announced  before, in 3 of 3 partitions")
	unread(1, 2, 0, 0, 0)
}

// A notice of which it is not known where it was written is finished by the same command.
func TestBroadcastFailsWhileItWrites(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	r := serveAll(t, runArgs(t, brokers, "--auth", "none")...)
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	largest := func(bytes string) {
		t.Helper()
		if _, err := kadm.NewClient(client).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: "max.message.bytes", Value: &bytes}}, "belfry.journal"); err != nil {
			t.Fatal(err)
		}
	}
	send := []string{"broadcast", "send", "--brokers", brokers[0], "--audience", "all", "--id", "n", "--title", strings.Repeat("x", 500), "--yes"}
	awaitBadge(t, r.url, "", "kim", hasUnread(0))
	await.Eventually(t, programtest.Patience, func() string { return "there are no boards" }, func() bool {
		return strings.Contains(call(t, nil, send[:len(send)-1]...).Stdout, "nothing is written")
	})
	largest("100")
	if got := call(t, nil, send...); got.Code != 1 || !strings.Contains(got.Stderr, "run the same command again, which finishes it and doubles nothing") {
		t.Errorf("exit code %d, %s", got.Code, got.Stderr)
	}
	largest("1000000")
	for range 2 {
		call(t, nil, send...).WantOutput(t, "announced in 3 partitions")
	}
	for _, user := range []string{"kim", "lee", "stranger"} {
		awaitBadge(t, r.url, "", user, hasUnread(1))
	}
}

// Nothing is announced or taken back while no processor has made the boards yet, and the
// error says so.
func TestBroadcastWithoutBoards(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	makeTopics(t, brokers)
	for _, args := range [][]string{{"send", "--title", "x"}, {"retract"}} {
		args = append([]string{"broadcast"}, append(args, "--brokers", brokers[0], "--audience", "all", "--id", "n", "--yes")...)
		call(t, nil, args...).WantFailureIn(t, "nothing can be announced: of 3 partitions of belfry.journal these have no notice board: [0 1 2]", "--new-epoch")
	}
	for _, m := range programtest.RecordsOf(t, brokers, "belfry.journal") {
		t.Errorf("a record of %s is in the journal", m.Key)
	}
}

// A notice on the command line that is wrong is refused by its flag.
func TestBroadcastUsage(t *testing.T) {
	t.Parallel()
	const features = "--features=time,reach,broadcast"
	file := programtest.WriteFile(t, "notice.json", `{"audience":"all","id":"1"}`)
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{features, "--id", "1", "--title", "x"}, []string{"--audience", "is required: all, or topic:NAME"}},
		{[]string{features, "--audience", "everybody", "--id", "1", "--title", "x"}, []string{"--audience", "must be all or topic:<name>"}},
		{[]string{features, "--audience", "all", "--title", "x"}, []string{"--id", "is required"}},
		{[]string{features, "--audience", "all", "--id", "1"}, []string{"--title", "is required"}},
		{[]string{features, "--audience", "all", "--id", "1", "--title", "x", "--title", "en=x"}, []string{"--title", "either one text"}},
		{[]string{features, "--audience", "all", "--id", "1", "--title", "en=x", "--title", "en=y"}, []string{"--title", "given twice"}},
		{[]string{features, "--audience", "all", "--id", "1", "--title", "x", "--expires-at", "2199-01-01T00:00:00Z"}, []string{"--expires-at", "a year at most"}},
		{[]string{features, "--audience", "all", "--id", "1", "--title", "x", "--expires-at", "2020-01-01T00:00:00Z"}, []string{"--expires-at", "must be ahead"}},
		{[]string{features, "--file", file}, []string{"--file", "title: is required"}},
		{[]string{features, "--file", file, "--id", "2"}, []string{"--id", "stands beside --file"}},
		{[]string{features, "--file", file + "x"}, []string{"--file", "no such file"}},
		{[]string{"--features=time", "--audience", "all", "--id", "1", "--title", "x"}, []string{"--features", "must have broadcast"}},
	} {
		call(t, nil, append([]string{"broadcast", "send", "--brokers", "127.0.0.1:1"}, c.args...)...).WantError(t, 2, c.want...)
	}
	call(t, nil, "broadcast", "retract", "--brokers", "127.0.0.1:1", features, "--audience", "all").WantError(t, 2, "--id", "needs either id")
	call(t, nil, "broadcast", "retract", "--brokers", "127.0.0.1:1", features, "--id", "1").WantError(t, 2, "--audience", "required")
}
