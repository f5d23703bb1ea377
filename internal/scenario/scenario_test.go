package scenario_test

import (
	"reflect"
	"testing"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/scenario"
)

func topicIDs() map[string]string {
	return map[string]string{scenario.Orders: "0a", scenario.Board: "0b", scenario.Comments: "0c"}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	records := 30_000
	if testing.Short() {
		records = 6000
	}
	p := scenario.New(1, records, topicIDs())
	if len(p.Records) != records || len(p.Poison) != records/100 {
		t.Errorf("%d records with %d of poison, want %d and 1 %%", len(p.Records), len(p.Poison), records)
	}
	next := map[string]map[int32]int64{}
	for topic := range scenario.Topics() {
		next[topic] = map[int32]int64{}
	}
	for _, r := range p.Records {
		if r.Offset != next[r.Topic][r.Partition] {
			t.Fatalf("%+v stands at offset %d", r.At, next[r.Topic][r.Partition])
		}
		next[r.Topic][r.Partition]++
	}
	for topic, partitions := range scenario.Topics() {
		if len(next[topic]) != int(partitions) {
			t.Errorf("%s has records in %d partitions of %d", topic, len(next[topic]), partitions)
		}
	}
	mendable, poisoned := 0, map[string]int{}
	for at, mends := range p.Poison {
		poisoned[at.Topic]++
		if mends {
			mendable++
		}
	}
	if mendable != records/200 || len(poisoned) != 3 {
		t.Errorf("%d of the poison is mendable, it is in %v; want half of it, and all topics", mendable, poisoned)
	}
	// Nothing may go for want of room: that would hide what is lost.
	most := 0
	for _, items := range p.After {
		most = max(most, len(items))
	}
	if most > inbox.DefaultCap/2 {
		t.Errorf("somebody has %d items, want %d at most", most, inbox.DefaultCap/2)
	}
	if before, after := p.Before.Items(), p.After.Items(); before < records || after <= before+mendable/2 {
		t.Errorf("%d items before the rules are mended and %d after", before, after)
	}
}

func TestPlanIsTheSeeds(t *testing.T) {
	t.Parallel()
	p := scenario.New(1, 1000, topicIDs())
	if !reflect.DeepEqual(p, scenario.New(1, 1000, topicIDs())) {
		t.Error("the same seed gives another plan")
	}
	if reflect.DeepEqual(p.Before, scenario.New(2, 1000, topicIDs()).Before) {
		t.Error("another seed gives the same plan")
	}
}

func TestDifferences(t *testing.T) {
	want := scenario.Inboxes{"a": {"x": true, "y": true}, "b": {"x": true}}
	tests := []struct {
		name string
		got  scenario.Inboxes
		want []string
	}{
		{"none", scenario.Inboxes{"a": {"x": true, "y": true}, "b": {"x": true}}, nil},
		{"lacks", scenario.Inboxes{"a": {"y": true}}, []string{`a lacks ["x"], has [] beyond`, `b lacks ["x"], has [] beyond`}},
		{"has more", scenario.Inboxes{"a": {"x": true, "y": true, "z": true}, "b": {"x": true}, "c": {"x": true}}, []string{`a lacks [], has ["z"] beyond`, `c lacks [], has ["x"] beyond`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := want.Differences(tt.got); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
