package reach_test

import (
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
)

func TestWhy(t *testing.T) {
	now := time.Date(2026, 3, 4, 14, 0, 0, 0, time.UTC) // 23:00 in Seoul
	ms := func(d time.Duration) int64 { return now.Add(d).UnixMilli() }
	row := func(change func(*inbox.State)) *inbox.State {
		s := &inbox.State{Version: 100, Items: []inbox.Entry{{Seq: 50, Version: 50, Category: "comment", Count: 1}}, Reach: &inbox.Reach{
			Endpoints: []inbox.Endpoint{{Seq: 10, Kind: inbox.EndpointText}},
			From:      []inbox.From{{Kind: inbox.EndpointText, Version: 10}},
			Items:     []inbox.ItemReach{{Seq: 50, Since: ms(-time.Minute)}},
		}}
		if change != nil {
			change(s)
		}
		return s
	}
	policy := &reach.Policy{Channels: []reach.Channel{{Name: "chat", Kind: inbox.EndpointText, Tell: []reach.Rule{{Categories: []string{"comment"}, After: 5 * time.Minute}}, DailyCap: 1}}}
	quiet := []byte(`{"zone":"Asia/Seoul","quiet":[{"from":"22:00","to":"07:00"}]}`)
	for _, tt := range []struct {
		want   string
		change func(*inbox.State)
	}{
		{"due at 2026-03-04 14:04:00 UTC", nil},
		{"due since 2026-03-04 13:55:00 UTC", func(s *inbox.State) { s.Reach.Items[0].Since = ms(-10 * time.Minute) }},
		{"quiet until 07:00 Asia/Seoul", func(s *inbox.State) { s.Reach.Prefs = quiet }},
		{"daily cap until 2026-03-05 13:00:00 UTC", func(s *inbox.State) {
			s.Reach.Channels = []inbox.ChannelState{{Name: "chat", Decisions: []inbox.Decision{{Version: 40, At: ms(-time.Hour)}}}}
		}},
		{"nobody was reached, again at 2026-03-04 15:00:00 UTC", func(s *inbox.State) {
			s.Reach.Channels = []inbox.ChannelState{{Name: "chat", NotBefore: ms(time.Hour)}}
		}},
		{"told 2026-03-04 13:00:00 UTC", func(s *inbox.State) {
			s.Reach.Items[0].Told = []inbox.Told{{Channel: "chat", Decision: 60}}
			s.Reach.Channels = []inbox.ChannelState{{Name: "chat", Decisions: []inbox.Decision{{Version: 60, At: ms(-time.Hour)}}}}
		}},
		{"seen", func(s *inbox.State) { s.Items[0].Seen = true }},
		{"read", func(s *inbox.State) { s.Items[0].Seen, s.Items[0].Read = true, true }},
		{"archived", func(s *inbox.State) { s.Items[0].Archived = true }},
		{"expired", func(s *inbox.State) { s.Items[0].ExpiresAt = ms(-time.Second) }},
		{"expires before it is due", func(s *inbox.State) { s.Items[0].ExpiresAt = ms(time.Second) }},
		{"no endpoint", func(s *inbox.State) { s.Reach.Endpoints = nil }},
		{"channel off", func(s *inbox.State) { s.Reach.Prefs = []byte(`{"channels":{"chat":{"on":false}}}`) }},
		{"category off", func(s *inbox.State) { s.Reach.Prefs = []byte(`{"channels":{"chat":{"categories":{"comment":false}}}}`) }},
		{"older than the first endpoint", func(s *inbox.State) { s.Reach.From[0].Version = 50 }},
		{"no rule tells of it", func(s *inbox.State) { s.Items[0].Category = "board" }},
		{"no rule tells of it", func(s *inbox.State) { s.Items[0].Category, s.Reach.Endpoints = "board", nil }},
	} {
		s := row(tt.change)
		got := reach.Why("kim", s, policy, now)
		if len(got) != 1 || got[0].Channel != "chat" || got[0].Seq != 50 || got[0].Text != tt.want {
			t.Errorf("got %+v, want %s", got, tt.want)
			continue
		}
		// It is done as it says.
		due := reach.Due("kim", s, policy, now)
		if told := strings.HasPrefix(tt.want, "told"); !told && (len(due) == 1) != !got[0].At.IsZero() || len(due) == 1 && !due[0].At.Equal(got[0].At) {
			t.Errorf("%s: due is %+v, and why says %+v", tt.want, due, got[0])
		}
	}
	if got := reach.Why("kim", &inbox.State{}, policy, now); got != nil {
		t.Errorf("got %v for who cannot be reached", got)
	}
}
