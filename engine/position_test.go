package engine

import "testing"

func TestMarksSurviveACommit(t *testing.T) {
	for _, m := range []mark{{epoch: 0x0a1b2c3d, time: 1790000000123}, {epoch: 1}, {epoch: 0xffffffff, time: -62135596800000},
		{epoch: 1, time: 1790000000123, silent: 512}, {epoch: 1, time: noTime, silent: 1}} {
		if got := parseMark(m.String()); got != m {
			t.Errorf("parseMark(%q) = %v", m, got)
		}
	}
	for _, s := range []string{"", "x", "0a1b2c3d", "0a1b2c3d.", ".5", "123456789.5", "0a1b2c3d.x", "goka", "0a1b2c3d.5.", "0a1b2c3d.5.x", "0a1b2c3d.5.0", "0a1b2c3d.5.-1", "0a1b2c3d.5.6.7"} {
		if got := parseMark(s); got != (mark{}) {
			t.Errorf("parseMark(%q) = %v, want none", s, got)
		}
	}
}

func TestPositionsAreJudged(t *testing.T) {
	ours := mark{epoch: 7, time: 1000}
	tests := []struct {
		name string
		p    position
		want verdict
		told bool
	}{
		{"never committed", position{committed: -1, epoch: 7, end: 9, last: -1}, proceed, false},
		{"ordinary", position{committed: 5, mark: ours, epoch: 7, end: 9, last: 1000}, proceed, false},
		{"at the end", position{committed: 9, mark: ours, epoch: 7, end: 9, last: 1000}, proceed, false},
		{"committed by another program", position{committed: 5, epoch: 7, end: 9, last: -1}, proceed, false},
		{"activated behind what was no record", position{committed: 5, mark: mark{epoch: 7, time: noTime}, epoch: 7, end: 9, last: 1000}, proceed, false},
		{"last one gone by retention", position{committed: 5, mark: ours, epoch: 7, oldest: 5, end: 9, last: -1}, proceed, false},
		{"unprocessed ones gone by retention", position{committed: 5, mark: ours, epoch: 7, oldest: 8, end: 9, last: -1}, proceed, true},
		{"another incarnation", position{committed: 5, mark: ours, epoch: 8, end: 9, last: 1000}, rewind, true},
		{"another incarnation that is shorter", position{committed: 5, mark: ours, epoch: 8, end: 2, last: -1}, rewind, true},
		{"shorter", position{committed: 5, mark: ours, epoch: 7, end: 4, last: -1}, refuse, true},
		{"shorter, committed by another program", position{committed: 5, epoch: 7, end: 4, last: -1}, refuse, true},
		{"cut short and grown again", position{committed: 5, mark: ours, epoch: 7, end: 9, last: 1001}, refuse, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, why := tt.p.judge()
			if got != tt.want || (why != "") != tt.told {
				t.Errorf("judge = %v, %q", got, why)
			}
		})
	}
}
