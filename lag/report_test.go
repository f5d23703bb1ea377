package lag_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/belfry/belfry/lag"
)

func TestOffsetLag(t *testing.T) {
	at := func(offset int64) *int64 { return &offset }
	for _, tt := range []struct {
		name        string
		committed   *int64
		oldest, end int64
		next, lag   int64
		held        int64
	}{
		{name: "behind an open transaction", committed: at(7), oldest: 2, end: 10, held: 2, next: 7, lag: 1},
		{name: "at an open transaction", committed: at(8), oldest: 2, end: 10, held: 2, next: 8},
		{name: "beyond the begin of one", committed: at(9), oldest: 2, end: 10, held: 2, next: 9},
		{"behind", at(7), 2, 10, 7, 3, 0},
		{"caught up", at(10), 2, 10, 10, 0, 0},
		{"at the oldest", at(2), 2, 10, 2, 8, 0},
		{"never committed", nil, 2, 10, 2, 8, 0},
		{"never committed, empty", nil, 0, 0, 0, 0, 0},
		{"never committed, all deleted", nil, 10, 10, 10, 0, 0},
		{"committed 0", at(0), 0, 10, 0, 10, 0},
		{"overtaken by retention", at(1), 4, 10, 4, 6, 0},
		{"overtaken, all deleted", at(1), 10, 10, 10, 0, 0},
		{"log cut", at(11), 2, 10, 2, 8, 0},
		{"log made anew, empty", at(11), 0, 0, 0, 0, 0},
		{"end read before the oldest rose", at(9), 11, 10, 11, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			next, lag := lag.Of(tt.committed, tt.oldest, tt.end-tt.held, tt.end)
			if next != tt.next || lag != tt.lag {
				t.Errorf("got next %d, lag %d, want %d, %d", next, lag, tt.next, tt.lag)
			}
		})
	}
}

func TestLagReport(t *testing.T) {
	three := int64(3)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := lag.NewReport(at, []lag.Group{
		{Name: "b", State: "Dead"},
		{
			Name: "a", State: "Stable",
			Members: []lag.Member{{ID: "2"}, {ID: "1", ClientID: "c", Host: "h", Partitions: 2}},
			Partitions: []lag.Partition{
				{Topic: "t", Partition: 10, EndOffset: 4, Lag: 4, LagSeconds: 1},
				{Topic: "t", Partition: 9, CurrentOffset: &three, EndOffset: 9, OldestOffset: 1, Lag: 6, LagSeconds: 2.5},
				{Topic: "s"},
			},
		},
	})
	const want = `{"up":true,"collected_at":"2026-01-02T03:04:05Z","took_seconds":0,"requests":0,"skipped":0,"lag":10,"max_lag_seconds":2.5,"groups":[` +
		`{"name":"a","state":"Stable","protocol":"","coordinator":0,"members":[{"id":"1","client_id":"c","host":"h","partitions":2},{"id":"2","client_id":"","host":"","partitions":0}],` +
		`"lag":10,"max_lag_seconds":2.5,"catchup_seconds":null,"partitions":[` +
		`{"topic":"s","partition":0,"current_offset":null,"end_offset":0,"oldest_offset":0,"lag":0,"lag_seconds":0},` +
		`{"topic":"t","partition":9,"current_offset":3,"end_offset":9,"oldest_offset":1,"lag":6,"lag_seconds":2.5},` +
		`{"topic":"t","partition":10,"current_offset":null,"end_offset":4,"oldest_offset":0,"lag":4,"lag_seconds":1}]},` +
		`{"name":"b","state":"Dead","protocol":"","coordinator":0,"members":[],"lag":0,"max_lag_seconds":0,"catchup_seconds":null,"partitions":[]}]}`
	if got := encode(t, r); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	if again := lag.NewReport(at, r.Groups); !reflect.DeepEqual(again, r) {
		t.Errorf("collected again: %+v, want %+v", again, r)
	}
	const none = `{"up":true,"collected_at":"2026-01-02T03:04:05Z","took_seconds":0,"requests":0,"skipped":0,"lag":0,"max_lag_seconds":0,"groups":[]}`
	if got := encode(t, lag.NewReport(at, nil)); got != none {
		t.Errorf("got  %s\nwant %s", got, none)
	}

	before := encode(t, r)
	failed := r.Failed(errors.New("no broker"))
	if failed.Up || failed.Error != "no broker" || !failed.CollectedAt.Equal(at) || !reflect.DeepEqual(failed.Groups, r.Groups) {
		t.Errorf("failed report %+v does not keep what was found", failed)
	}
	if after := encode(t, r); after != before {
		t.Errorf("Failed changed what its receiver shares: %s, was %s", after, before)
	}
	const never = `{"up":false,"error":"no broker","took_seconds":0,"requests":0,"skipped":0,"lag":0,"max_lag_seconds":0,"groups":[]}`
	if got := encode(t, lag.Report{}.Failed(errors.New("no broker"))); got != never {
		t.Errorf("got  %s\nwant %s", got, never)
	}
}

func TestAssign(t *testing.T) {
	var m lag.Member
	m.Assign("idle", 0)
	m.Assign("t", 2)
	m.Assign("t", 1)
	m.Assign("s", 4)
	if want := (lag.Member{Partitions: 7, Topics: map[string]int{"t": 3, "s": 4}}); !reflect.DeepEqual(m, want) {
		t.Errorf("got %+v, want %+v", m, want)
	}
}

func TestHeld(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p := lag.Partition{Topic: "t", Partition: 3, EndOffset: 10, HeldBack: 4, HeldSince: now.Add(-90_400 * time.Millisecond)}
	if got, want := p.Held(now), "t/3: 4 offsets from 6 on are held back by a transaction that is open for 1m30s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	p.HeldBack = 0
	if got := p.Held(now); got != "" {
		t.Errorf("nothing is held back: got %q", got)
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
