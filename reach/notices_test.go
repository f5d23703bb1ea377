package reach_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/reach"
)

// announced is a partition whose board has notices, and rows that know nothing of them but
// what they take in when a record of their user is folded.
type announced struct {
	t     *testing.T
	board *board.Board
	rows  map[string][]byte
	next  int64
	names map[uint64]string
}

func (a *announced) input(now time.Time) inbox.Input {
	a.next++
	return inbox.Input{Position: inbox.Position{Epoch: 7, Offset: a.next - 1}, Time: now, Keep: 100, Members: 1}
}

func (a *announced) notice(now time.Time, n belfry.Notification) {
	var effects inbox.Effects
	n.Audience, n.Source, n.Title = "all", "test", belfry.PlainText(n.ID)
	a.board, effects = board.Fold(a.board, inbox.Record{Kind: inbox.KindNotify, Notification: n}, a.input(now))
	a.names[effects.Seq] = n.ID
}

// stored is a user's row as it stands in the table.
func (a *announced) stored(user string) inbox.State {
	if a.rows[user] == nil {
		return inbox.State{}
	}
	row, err := codec.DecodeState(a.rows[user])
	if err != nil {
		a.t.Fatal(err)
	}
	return row
}

func (a *announced) user(now time.Time, user string, r inbox.Record) (inbox.State, inbox.Effects) {
	row := a.stored(user)
	effects := a.board.Apply(&row, &r, a.input(now))
	var err error
	if a.rows[user], err = codec.EncodeState(&row); err != nil {
		a.t.Fatal(err)
	}
	return row, effects
}

// TestNoticesKeepCapAndQuietHours has users told of notices, whom nothing is written for,
// minute by minute: no more a day than the channel's cap, nothing in their quiet hours but
// what they let pass, nothing that they have seen or that is over, and all else once.
func TestNoticesKeepCapAndQuietHours(t *testing.T) {
	a := &announced{t: t, board: new(board.Board).Begin(7, 0), rows: map[string][]byte{}, names: map[uint64]string{}}
	policy := &reach.Policy{Channels: []reach.Channel{{
		Name: "chat", Kind: inbox.EndpointText, DailyCap: 3,
		Tell: []reach.Rule{{Priorities: []belfry.Priority{belfry.PriorityUrgent}}, {After: 10 * time.Minute}},
	}}}
	noon := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC) // 21:00 in Seoul
	const quiet = `"zone":"Asia/Seoul","quiet":[{"from":"22:00","to":"07:00"}]`
	prefs := map[string]string{
		"day":    ``,
		"passes": `{` + quiet + `,"urgent_passes":true}`,
		"quiet":  `{` + quiet + `}`,
		"saw":    ``,
		"off":    `{"channels":{"chat":{"categories":{"news":false}}}}`,
	}
	at := func(hour, minute int) time.Time {
		return noon.Add(time.Duration(hour-12)*time.Hour + time.Duration(minute)*time.Minute)
	}
	for user, text := range prefs {
		a.user(at(11, 0), user, inbox.Record{Kind: inbox.KindEndpoint, Endpoint: &inbox.Address{Kind: inbox.EndpointText, Target: "room"}})
		if text != "" {
			a.user(at(11, 0), user, inbox.Record{Kind: inbox.KindPrefs, Prefs: []byte(text)})
		}
	}
	events := map[time.Time]func(now time.Time){
		at(12, 0): func(now time.Time) { a.notice(now, belfry.Notification{ID: "first", Category: "news"}) },
		at(12, 5): func(now time.Time) {
			a.user(now, "saw", inbox.Record{Kind: inbox.KindSeen, UpTo: a.board.State.Version})
		},
		at(12, 30): func(now time.Time) { a.notice(now, belfry.Notification{ID: "second"}) },
		at(13, 30): func(now time.Time) { a.notice(now, belfry.Notification{ID: "third"}) }, // 22:30 in Seoul
		at(14, 0):  func(now time.Time) { a.notice(now, belfry.Notification{ID: "urgent", Priority: belfry.PriorityUrgent}) },
		at(14, 30): func(now time.Time) { a.notice(now, belfry.Notification{ID: "brief", ExpiresAt: at(20, 0)}) },
	}
	told := map[string][]string{}
	for now := noon; now.Before(noon.Add(36 * time.Hour)); now = now.Add(time.Minute) {
		if event := events[now]; event != nil {
			event(now)
		}
		for user := range prefs {
			shown := a.board.Show(a.stored(user))
			for _, r := range reach.Tells(user, &shown, policy, now) {
				row, effects := a.user(now, user, r)
				if effects.Outbound == nil {
					t.Errorf("%v: %s is told of nothing: %s", now, user, effects.Outcome)
					continue
				}
				var of []string
				for _, e := range reach.Left(&row, "chat", inbox.EndpointText, effects.Outbound.Decision, now) {
					of = append(of, a.names[e.Seq])
				}
				slices.Sort(of)
				told[user] = append(told[user], fmt.Sprintf("%s %s", now.Format("2 15:04"), strings.Join(of, "+")))
			}
		}
	}
	for user, want := range map[string]string{
		"day":    "4 12:10 first, 4 12:40 second, 4 13:40 third, 5 12:10 urgent",
		"passes": "4 12:10 first, 4 12:40 second, 4 14:00 urgent, 5 12:10 third", // 21:10 in Seoul
		"quiet":  "4 12:10 first, 4 12:40 second, 4 22:00 third+urgent",          // 07:00
		"saw":    "4 12:40 second, 4 13:40 third, 4 14:00 urgent",
		"off":    "4 12:40 second, 4 13:40 third, 4 14:00 urgent",
	} {
		if got := strings.Join(told[user], ", "); got != want {
			t.Errorf("%s is told\n%s, want\n%s", user, got, want)
		}
	}
}
