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

func TestIsUUID(t *testing.T) {
	for text, want := range map[string]bool{
		"06f8a7b5-0f2c-4c1d-9ddc-6a4f2dbd1d8a": true, "06F8A7B5-0F2C-4C1D-9DDC-6A4F2DBD1D8A": true,
		"06f8a7b5-0f2c-4c1d-9ddc-6a4f2dbd1d8": false, "06f8a7b5-0f2c-4c1d-9ddc-6a4f2dbd1d8g": false,
		"06f8a7b5x0f2c-4c1d-9ddc-6a4f2dbd1d8a": false, "06f8a7b5-0f2c-4c1d-9ddc-6a4f2dbd-d8a": false,
		"customer order number four thousand 7": false, "order-000000000000000000000000000007": false,
	} {
		if got := isUUID(text); got != want {
			t.Errorf("%s: got %v", text, got)
		}
	}
}
