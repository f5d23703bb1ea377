package envelope

import "testing"

func TestIsAggregate(t *testing.T) {
	for name, want := range map[string]bool{
		"aggregateType": true, "aggregate_id": true, "AGGREGATE-ID": true, "aggregateid": true, "__aggregate--type_": true,
		"": false, "_": false, "aggregate": false, "aggregateidx": false, "aggregatetypes": false, "aggregateı": false, "id": false, "aggregateTy": false,
	} {
		if got := isAggregate(name); got != want {
			t.Errorf("%q: got %v", name, got)
		}
	}
	is := false
	if n := testing.AllocsPerRun(10, func() { is = isAggregate("aggregate_type") }); n > 0 || !is {
		t.Errorf("%v allocations a name, want none", n)
	}
}
