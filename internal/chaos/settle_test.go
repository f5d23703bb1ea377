package chaos

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/chaos/history"
	"github.com/belfry/belfry/internal/kafkatest"
)

func TestWhatIsNotAtRestIsNamed(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	body := `{"users":[{"user":"a","version":4,"cursor":"1.4"},{"user":"b","version":9,"cursor":"1.9"}]}`
	c := &calls{answers: []func(http.ResponseWriter){status(200, "", body)}}
	a, tr := serve(t, c)
	r := &run{api: a, admin: administered(t, brokers, 2), scan: &scanner{kafka: kafka.Config{Brokers: brokers}, prefix: "chaos-1", partitions: 2}}
	if got := r.outdated(t.Context(), 0, map[string]inbox.State{"a": {Version: 5}, "b": {Version: 9}}); !slices.Equal(got, []string{"server-1 is at version 4 of 5 of a"}) {
		t.Errorf("outdated: %q", got)
	}
	// Nothing was written, and the groups stand beyond it: nobody has lag.
	if _, behind, err := r.behind(t.Context()); err != nil || len(behind) != 0 {
		t.Errorf("behind: %q, %v", behind, err)
	}
	if left := r.settle(t.Context()); len(left) != 0 {
		t.Errorf("left %q", left)
	}
	p, err := openProducer(r.scan.kafka, "chaos-1", tr.tell)
	if err != nil {
		t.Fatal(err)
	}
	for range 40 {
		p.write(p.prefix.Journal(), "key", []byte("x"), func(err error) {
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if left := r.settle(ctx); !strings.Contains(strings.Join(left, "\n"), "group chaos-1-unread is at 5 of 40 in chaos-1.journal/") {
		t.Errorf("left %q", left)
	}
	if got := tr.all(); len(got) != 0 {
		t.Errorf("told %q", got)
	}
}

func TestWhatIsToBeMendedIsNamed(t *testing.T) {
	truth := &history.Truth{
		Rows: map[string]inbox.State{
			"a": {Version: 9, Items: []inbox.Entry{{Seq: 3}}},
			"b": {Version: 5},
		},
		Boards:  map[string]board.Row{"__0": {State: inbox.State{Version: 8, Items: []inbox.Entry{{Seq: 8}}}}},
		Items:   map[string]inbox.Item{"a/3": {}, "a/4": {}, "a/10": {}, "b/6": {}, "__0/7": {}, "__0/8": {}}, // a/10 and b/6 are ahead of their rows
		Journal: []history.Journaled{{Recipient: "a", Offset: 8}, {Recipient: "b", Offset: 5}, {Recipient: "c"}, {Recipient: "__0", Offset: 7}},
	}
	want := []string{
		"the content of __0/7 is in the table, and its row does not hold it",
		"the content of a/4 is in the table, and its row does not hold it",
		"the last row of b in the table is of version 5 of 6",
		"the last row of c in the table is of version 0 of 1",
	}
	if got := unmended(truth); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	delete(truth.Items, "a/4")
	delete(truth.Items, "__0/7")
	truth.Journal = []history.Journaled{{Recipient: "a", Offset: 8}, {Recipient: "b", Offset: 4}}
	if got := unmended(truth); len(got) != 0 {
		t.Errorf("got %q", got)
	}
}

func TestNoticesThatPassAreNamed(t *testing.T) {
	now := time.UnixMilli(1_800_000_000_000)
	at := func(d time.Duration) int64 { return now.Add(d).UnixMilli() }
	truth := &history.Truth{Boards: map[string]board.Row{"__0": {State: inbox.State{Items: []inbox.Entry{
		{Seq: 1}, {Seq: 2, ExpiresAt: at(-time.Minute)}, {Seq: 3, ExpiresAt: at(time.Hour)},
		{Seq: 4, Born: true, ExpiresAt: at(time.Hour)}, {Seq: 5, ExpiresAt: at(time.Second)}, {Seq: 6, ExpiresAt: at(-time.Second)},
	}}}}}
	want := []string{"notice 4 of __0 is still scheduled", "notice 5 of __0 is about to expire", "notice 6 of __0 is about to expire"}
	if got := passing(truth, now); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTroublesAreToldOnceAndCounted(t *testing.T) {
	var text strings.Builder
	r := &run{cfg: Config{Progress: io.Writer(&text)}, began: time.Now(), troubles: map[string]int{}}
	for range 3 {
		r.trouble("server-%d answered with %d", 1, 500)
	}
	r.note(history.Fault{At: time.Now(), What: "kill it"})
	if got := r.told(); !slices.Equal(got, []string{"server-1 answered with 500 (3 times)"}) {
		t.Errorf("told %q", got)
	}
	if got := text.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "kill it") || len(r.history.Faults) != 1 {
		t.Errorf("progress %q", got)
	}
}
