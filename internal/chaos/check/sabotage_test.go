package check_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/check"
	"github.com/belfry/belfry/internal/chaos/history"
)

// sabotage breaks one thing of a run that was right.
type sabotage struct {
	name string
	do   func(s *scene)
	kind check.Kind // of a finding that must come of it,
	text string     // with this in it
}

// scene is what a sabotage may change, and tools to find what to change.
type scene struct {
	t *testing.T
	h *history.History
	*history.Truth
}

// pick returns a pointer to the first element for which is holds.
func pick[T any](s *scene, all []T, is func(T) bool) *T {
	s.t.Helper()
	i := slices.IndexFunc(all, is)
	if i < 0 {
		s.t.Fatal("the run has nothing to sabotage")
	}
	return &all[i]
}

func (s *scene) poll() *history.Polled {
	return pick(s, s.h.Polled, func(a history.Polled) bool { return a.Counts.Unread > 1 && len(a.Counts.Categories) > 0 })
}

func (s *scene) page() *history.Listed {
	return pick(s, s.h.Listed, func(l history.Listed) bool { return len(l.Items) > 1 && l.Next != 0 && !l.Archived })
}

func (s *scene) final() *history.Listed {
	return pick(s, s.Lists, func(l history.Listed) bool { return len(l.Items) > 1 && l.Next == 0 && !l.Archived })
}

func (s *scene) held() *history.Held {
	return pick(s, s.Held, func(h history.Held) bool { return len(h.Items) > 1 })
}

func (s *scene) act() *history.Acted {
	return pick(s, s.h.Acted, func(a history.Acted) bool { return a.Version > 0 })
}

// reached changes the row of somebody with endpoints and preferences.
func (s *scene) reached(change func(*inbox.State)) {
	name := *pick(s, slices.Sorted(maps.Keys(s.Rows)), func(n string) bool {
		reach := s.Rows[n].Reach
		return reach != nil && len(reach.Endpoints) > 0 && len(reach.Prefs) > 0
	})
	row := s.Rows[name]
	reach := *row.Reach
	row.Reach = &reach
	change(&row)
	s.Rows[name] = row
}

// user is one with items of his own; key is that of the oldest of these.
func (s *scene) user() (name, key string) {
	name = *pick(s, slices.Sorted(maps.Keys(s.Rows)), func(n string) bool {
		return len(s.Rows[n].Items) > 1 && slices.ContainsFunc(s.Rows[n].Items, func(e inbox.Entry) bool { return e.Shared == nil })
	})
	items := s.Rows[name].Items
	own := slices.IndexFunc(items, func(e inbox.Entry) bool { return e.Shared == nil })
	return name, inbox.ItemKey(name, items[own].Seq)
}

// row changes the row of one user.
func (s *scene) row(change func(*inbox.State)) {
	name, _ := s.user()
	row := s.Rows[name]
	row.Items = slices.Clone(row.Items)
	change(&row)
	s.Rows[name] = row
}

// frame changes the first frame of that event whose data has text. The data is
// an object by names.
func (s *scene) frame(event, text string, change func(f *history.Frame, data map[string]any)) {
	f := pick(s, s.h.Frames, func(f history.Frame) bool { return f.Event == event && strings.Contains(string(f.Data), text) })
	var data map[string]any
	if err := json.Unmarshal(f.Data, &data); err != nil {
		s.t.Fatal(err)
	}
	change(f, data)
	f.Data = mustJSON(s.t, data)
}

// frames has the first frame of that event replaced by those that into makes of
// it.
func (s *scene) frames(event, text string, into func(f history.Frame) []history.Frame) {
	i := slices.IndexFunc(s.h.Frames, func(f history.Frame) bool { return f.Event == event && strings.Contains(string(f.Data), text) })
	if i < 0 {
		s.t.Fatal("the run has nothing to sabotage")
	}
	s.h.Frames = slices.Replace(s.h.Frames, i, i+1, into(s.h.Frames[i])...)
}

func drop(history.Frame) []history.Frame    { return nil }
func twice(f history.Frame) []history.Frame { return []history.Frame{f, f} }

// sent is a notification that is acknowledged and still listed.
func (s *scene) sent() *history.Sent {
	return pick(s, s.h.Sent, func(e history.Sent) bool {
		_, ok := s.listing(e.ID)
		return e.Acknowledged && ok
	})
}

// listing is the first final page that has id.
func (s *scene) listing(id string) (*history.Listed, bool) {
	i := slices.IndexFunc(s.Lists, func(l history.Listed) bool {
		return slices.ContainsFunc(l.Items, func(it history.Item) bool { return it.ID == id })
	})
	if i < 0 {
		return nil, false
	}
	return &s.Lists[i], true
}

func (s *scene) after() time.Time { return s.h.Faults[0].At.Add(-time.Microsecond) }

// run checks a run with the sabotage done.
func (c sabotage) run(t *testing.T) {
	h, truth := newWorld(t, 3)
	c.do(&scene{t, h, truth})
	v := check.Check(h, truth)
	if v.Ok() {
		t.Fatal("the check found nothing")
	}
	if !slices.ContainsFunc(v.Findings, func(f check.Finding) bool { return f.Kind == c.kind && strings.Contains(f.Text, c.text) }) {
		t.Errorf("no finding %s with %q in\n%s", c.kind, c.text, v)
	}
	counts := map[check.Kind]int{check.Lost: v.Lost, check.Doubled: v.Doubled, check.Drift: v.Drift,
		check.Back: v.Back, check.Stuck: v.Stuck, check.Other: v.Other}
	if counts[c.kind] == 0 {
		t.Errorf("the verdict counts no %s:\n%s", c.kind, v)
	}
}
