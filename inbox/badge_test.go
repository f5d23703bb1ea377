package inbox_test

import (
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

func TestStamp(t *testing.T) {
	now := time.UnixMilli(1000)
	for want, s := range map[string]inbox.State{
		"0.0.0": {Epoch: 9},
		"9.4.0": {Epoch: 9, Version: 4, Items: []inbox.Entry{{Seq: 1}, {Seq: 2, ExpiresAt: 1001}}},
		"9.4.2": {Epoch: 9, Version: 4, Items: []inbox.Entry{{Seq: 1, ExpiresAt: 1000}, {Seq: 2, ExpiresAt: 1}, {Seq: 3}}},
	} {
		if got := s.Stamp(now).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestBadge(t *testing.T) {
	s := inbox.State{Epoch: 9, Version: 4, Items: []inbox.Entry{
		{Seq: 1, Category: "a", Priority: belfry.PriorityUrgent},
		{Seq: 2, Category: "a", ExpiresAt: 1000},
	}}
	got := s.Badge(time.UnixMilli(1000))
	if got.Stamp.String() != "9.4.1" || got.Unread != 1 || got.Urgent != 1 || got.Categories["a"] != (inbox.Tally{Unread: 1, Unseen: 1}) {
		t.Errorf("got %+v", got)
	}
}
