package command

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

func TestParse(t *testing.T) {
	now := time.Date(2026, 11, 29, 9, 0, 0, 500, time.UTC)
	until := func(at time.Time) inbox.Record {
		return inbox.Record{Kind: inbox.KindSnooze, Seqs: []uint64{3}, Until: at.UnixMilli()}
	}
	tests := []struct {
		kind  inbox.Kind
		body  string
		want  inbox.Record
		field string // of the error, "" for none
	}{
		{inbox.KindRead, `{"seqs":[3],"up_to":4}`, inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{3}, UpTo: 4}, ""},
		{inbox.KindRead, `{"seqs":[3],"up_to":4,"category":"c"}`, inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{3}, UpTo: 4, Category: "c"}, ""},
		{inbox.KindRead, `{"seqs":null,"up_to":4}`, inbox.Record{Kind: inbox.KindRead, UpTo: 4}, ""},
		{inbox.KindRead, `{"seqs":[3],"category":"c"}`, inbox.Record{}, "category"},
		{inbox.KindSnooze, `{"seqs":[3],"until":"2026-11-29T09:00:01Z"}`, until(now.Truncate(time.Second).Add(time.Second)), ""},
		{inbox.KindSnooze, `{"seqs":[3],"until":"2026-11-29T18:00:00.001+09:00"}`, until(now.Truncate(time.Second).Add(time.Millisecond)), ""},
		{inbox.KindSnooze, `{"seqs":[3],"until":"2026-11-29T09:00:00Z"}`, inbox.Record{}, "until"},
		{inbox.KindSnooze, `{"seqs":[3],"until":"2027-11-29T09:00:00Z"}`, until(now.Truncate(time.Second).AddDate(1, 0, 0)), ""},
		{inbox.KindSnooze, `{"seqs":[3],"until":"2027-11-29T09:00:01Z"}`, inbox.Record{}, "until"},
		{inbox.KindSnooze, `{"seqs":[3],"until":"2026-11-30T09:00:00"}`, inbox.Record{}, "until"}, // no zone
		{inbox.KindSnooze, `{"seqs":[3],"until":"2026-11-30T09:00:00 Asia/Nowhere"}`, inbox.Record{}, "until"},
		{inbox.KindSnooze, `{"seqs":[3],"until":1795938400}`, inbox.Record{}, "until"},
		{inbox.KindSnooze, `{"seqs":[3],"until":null}`, inbox.Record{}, "until"},
		{inbox.KindSnooze, `{"seqs":[3]}`, inbox.Record{}, "until"},
		{inbox.KindSnooze, `{"until":"2026-11-30T09:00:00Z"}`, inbox.Record{}, "seqs"},
		{inbox.KindSnooze, `{"up_to":3,"until":"2026-11-30T09:00:00Z"}`, inbox.Record{}, "up_to"},
		{inbox.KindUnsnooze, `{"seqs":[3]}`, inbox.Record{Kind: inbox.KindUnsnooze, Seqs: []uint64{3}}, ""},
		{inbox.KindUnsnooze, `{"up_to":3}`, inbox.Record{}, "up_to"},
		{inbox.KindMute, `{"category":"board"}`, inbox.Record{Kind: inbox.KindMute, Category: "board"}, ""},
		{inbox.KindUnmute, `{"category":"board"}`, inbox.Record{Kind: inbox.KindUnmute, Category: "board"}, ""},
		{inbox.KindMute, `{}`, inbox.Record{}, "category"},
		{inbox.KindMute, `{"category":null}`, inbox.Record{}, "category"},
		{inbox.KindMute, `{"category":""}`, inbox.Record{}, "category"},
		{inbox.KindMute, `{"category":["board"]}`, inbox.Record{}, "category"},
		{inbox.KindMute, `{"category":"board","until":"2026-11-30T09:00:00Z"}`, inbox.Record{}, "until"},
		{inbox.KindUnmute, `{"category":"board","seqs":[1]}`, inbox.Record{}, "seqs"},
	}
	for _, tt := range tests {
		got, err := Parse(tt.kind, []byte(tt.body), now)
		var fe *belfry.FieldError
		switch {
		case tt.field != "":
			if !errors.As(err, &fe) || fe.Field != tt.field {
				t.Errorf("%s %s: got error %v, want one about %s", tt.kind, tt.body, err, tt.field)
			}
		case err != nil || !reflect.DeepEqual(got, tt.want):
			t.Errorf("%s %s: got %+v, %v, want %+v", tt.kind, tt.body, got, err, tt.want)
		}
	}
}
