package kafka

import "testing"

func TestMarksSurviveACommit(t *testing.T) {
	for _, m := range []CommitMark{{Epoch: 0x0a1b2c3d, Time: 1790000000123}, {Epoch: 1}, {Epoch: 0xffffffff, Time: -62135596800000},
		{Epoch: 1, Time: 1790000000123, Silent: 512}, {Epoch: 1, Time: NoTime, Silent: 1}} {
		if got := ParseCommitMark(m.String()); got != m {
			t.Errorf("parseMark(%q) = %v", m, got)
		}
	}
	for _, s := range []string{"", "x", "0a1b2c3d", "0a1b2c3d.", ".5", "123456789.5", "0a1b2c3d.x", "goka", "0a1b2c3d.5.", "0a1b2c3d.5.x", "0a1b2c3d.5.0", "0a1b2c3d.5.-1", "0a1b2c3d.5.6.7"} {
		if got := ParseCommitMark(s); got != (CommitMark{}) {
			t.Errorf("parseMark(%q) = %v, want none", s, got)
		}
	}
}

func TestPositionsAreJudged(t *testing.T) {
	ours := CommitMark{Epoch: 7, Time: 1000}
	tests := []struct {
		name string
		p    StartPosition
		want verdict
		told bool
	}{
		{"never committed", StartPosition{Committed: -1, Epoch: 7, Log: LogRange{Start: 0, End: 9}, last: -1}, Proceed, false},
		{"ordinary", StartPosition{Committed: 5, Mark: ours, Epoch: 7, Log: LogRange{Start: 0, End: 9}, last: 1000}, Proceed, false},
		{"at the end", StartPosition{Committed: 9, Mark: ours, Epoch: 7, Log: LogRange{Start: 0, End: 9}, last: 1000}, Proceed, false},
		{"committed by another program", StartPosition{Committed: 5, Epoch: 7, Log: LogRange{Start: 0, End: 9}, last: -1}, Proceed, false},
		{"activated behind what was no record", StartPosition{Committed: 5, Mark: CommitMark{Epoch: 7, Time: NoTime}, Epoch: 7, Log: LogRange{Start: 0, End: 9}, last: 1000}, Proceed, false},
		{"last one gone by retention", StartPosition{Committed: 5, Mark: ours, Epoch: 7, Log: LogRange{Start: 5, End: 9}, last: -1}, Proceed, false},
		{"unprocessed ones gone by retention", StartPosition{Committed: 5, Mark: ours, Epoch: 7, Log: LogRange{Start: 8, End: 9}, last: -1}, Proceed, true},
		{"another incarnation", StartPosition{Committed: 5, Mark: ours, Epoch: 8, Log: LogRange{Start: 0, End: 9}, last: 1000}, Rewind, true},
		{"another incarnation that is shorter", StartPosition{Committed: 5, Mark: ours, Epoch: 8, Log: LogRange{Start: 0, End: 2}, last: -1}, Rewind, true},
		{"shorter", StartPosition{Committed: 5, Mark: ours, Epoch: 7, Log: LogRange{Start: 0, End: 4}, last: -1}, Refused, true},
		{"shorter, committed by another program", StartPosition{Committed: 5, Epoch: 7, Log: LogRange{Start: 0, End: 4}, last: -1}, Refused, true},
		{"cut short and grown again", StartPosition{Committed: 5, Mark: ours, Epoch: 7, Log: LogRange{Start: 0, End: 9}, last: 1001}, Refused, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, why := tt.p.Judge()
			if got != tt.want || (why != "") != tt.told {
				t.Errorf("judge = %v, %q", got, why)
			}
		})
	}
}
