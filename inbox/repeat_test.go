package inbox_test

import (
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

func TestRepeats(t *testing.T) {
	urgent := func(r *inbox.Record) { r.Notification.Priority = belfry.PriorityUrgent }
	retracted := inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{Source: notify("a").Notification.Source, ID: "a"}}
	for name, tt := range map[string]struct {
		before records
		record inbox.Record
		want   inbox.Repeat
	}{
		"first":                       {nil, notify("a"), inbox.NoRepeat},
		"another id":                  {records{notify("a")}, notify("b"), inbox.NoRepeat},
		"no id":                       {records{notify("")}, notify(""), inbox.NoRepeat},
		"the same id":                 {records{notify("a")}, notify("a"), inbox.SameID},
		"the same id, otherwise":      {records{notify("a")}, notify("a", urgent), inbox.OtherContent},
		"another key of collapse":     {records{notify("a", collapse("k"))}, notify("a", collapse("l")), inbox.OtherContent},
		"the same id, after another":  {records{notify("b", urgent), notify("a")}, notify("a"), inbox.SameID},
		"another category":            {records{notify("a")}, notify("a", category("board")), inbox.OtherContent},
		"retracted, another deleted":  {records{retracted, notify("b"), seqs(remove, 2)}, notify("a"), inbox.NoRepeat},
		"after it was deleted":        {records{notify("a"), seqs(remove, 1)}, notify("a", urgent), inbox.SameID},
		"retracted before it came":    {records{retracted}, notify("a"), inbox.NoRepeat},
		"routed again":                {records{notify("a", routed(0, 5, 0))}, notify("a", routed(0, 5, 0)), inbox.NoRepeat},
		"routed from a later record":  {records{notify("a", routed(0, 5, 0))}, notify("a", routed(0, 6, 0)), inbox.SameID},
		"routed from another element": {records{notify("a", routed(0, 5, 0))}, notify("a", routed(0, 5, 1)), inbox.SameID},
	} {
		var s inbox.State
		for i, r := range tt.before {
			s, _ = inbox.Fold(s, r, inbox.Input{Position: inbox.Position{Epoch: 1, Offset: int64(i)}, Time: time.Unix(1, 0)})
		}
		_, effects := inbox.Fold(s, tt.record, inbox.Input{Position: inbox.Position{Epoch: 1, Offset: int64(len(tt.before))}, Time: time.Unix(1, 0)})
		if got := effects.Repeat; got != tt.want {
			t.Errorf("%s: got %d, want %d", name, got, tt.want)
		}
	}
}
