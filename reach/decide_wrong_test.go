package reach_test

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/belfry/belfry/inbox"
)

// mutation is which rule of a world is wrong, 0 for none.
type mutation int

// mutations are the rules that one could get wrong. The oracle tells each of them but 18,
// which is not to be seen: what the fold lets pass the senders do not.
var mutations = []string{
	1: "senders pass over good_until", 2: "a change of preferences is ignored by fold and senders", 3: "untell clears what any decision took",
	4: "senders commit before the answer", 5: "the first endpoint marks nothing", 6: "the wheel forgets after an append", 7: "endpoint-gone goes by hash",
	8: "redelivery decides anew", 9: "senders have no last look", 10: "senders take the items of the record, not those of the row",
	11: "a decision or untell after evaluated does not count", 12: "the cap counts what was returned", 13: "attempts are never reset", 14: "archived items count",
	15: "senders pass over preferences that changed after the decision", 16: "a collapse starts the delay anew", 17: "the wheel is built from an index of the former policy",
	18: "the fold passes over good_until", 19: "senders return what the own view does not know for 30 s", 20: "no answer counts as failed",
	21: "the first endpoint marks hidden ones too", 22: "untell though an endpoint was reached", 23: "an endpoint after evaluated does not count",
}

// editable is a row that may be changed.
func editable(row inbox.State) inbox.State {
	if row.Reach == nil {
		return row
	}
	reach := *row.Reach
	reach.From, reach.Items, reach.Channels = slices.Clone(reach.From), slices.Clone(reach.Items), slices.Clone(reach.Channels)
	for i := range reach.Items {
		reach.Items[i].Told = slices.Clone(reach.Items[i].Told)
	}
	row.Reach, row.Items = &reach, slices.Clone(row.Items)
	return row
}

func unarchived(row inbox.State) inbox.State {
	row = editable(row)
	for i := range row.Items {
		row.Items[i].Archived = false
	}
	return row
}

func channelOf(row *inbox.State, name string) *inbox.ChannelState {
	for i := range row.Reach.Channels {
		if row.Reach.Channels[i].Name == name {
			return &row.Reach.Channels[i]
		}
	}
	return &inbox.ChannelState{}
}

// wrongBefore is what a wrong fold takes the row and the record for.
func wrongBefore(mut mutation, row inbox.State, r inbox.Record, in inbox.Input, redelivered bool) (inbox.State, inbox.Record) {
	row = editable(row)
	switch {
	case r.Kind == inbox.KindUntell && mut == 3 && !redelivered:
		for i := range row.Reach.Items {
			for j := range row.Reach.Items[i].Told {
				if t := &row.Reach.Items[i].Told[j]; t.Channel == r.Untell.Channel {
					t.Decision = r.Untell.Decision
				}
			}
		}
	case r.Kind != inbox.KindTell:
	case mut == 8 && redelivered:
		for i := range row.Items {
			e := &row.Items[i]
			if !r.Tell.Kind.Counts(e, in.Time) || row.Reach.Channel(r.Tell.Channel).Changed == 0 {
				continue
			}
			at := slices.IndexFunc(row.Reach.Items, func(it inbox.ItemReach) bool { return it.Seq == e.Seq })
			if at < 0 {
				continue
			}
			if item := &row.Reach.Items[at]; item.By(r.Tell.Channel) == 0 {
				item.Told = append(item.Told, inbox.Told{Channel: r.Tell.Channel, Decision: uint64(in.Offset) + 1})
			}
		}
	case redelivered:
	case mut == 2:
		row.Reach.PrefsVersion = 0
	case mut == 11:
		channelOf(&row, r.Tell.Channel).Changed = 0
	case mut == 14:
		row = unarchived(row)
	case mut == 18:
		t := *r.Tell
		t.GoodUntil = in.Time.UnixMilli()
		r.Tell = &t
	case mut == 23:
		row.Reach.EndpointsVersion = 0
	}
	return row, r
}

// wrongAfter undoes in what a fold returned what wrongBefore did, and does what is wrong.
func wrongAfter(mut mutation, before, after inbox.State, e *event, in inbox.Input, redelivered, told bool) inbox.State {
	after = editable(after)
	was := before.Reach
	if was == nil {
		was = &inbox.Reach{}
	}
	if redelivered {
		return after
	}
	switch {
	case mut == 2 && e.kind == "tell":
		after.Reach.PrefsVersion = was.PrefsVersion
	case mut == 23 && e.kind == "tell":
		after.Reach.EndpointsVersion = was.EndpointsVersion
	case mut == 11 && e.kind == "tell" && !told:
		if c := channelOf(&after, e.tell.Channel); c.Changed == 0 {
			c.Changed = was.Channel(e.tell.Channel).Changed
		}
	case mut == 13 && told:
		channelOf(&after, e.tell.Channel).Attempt = was.Channel(e.tell.Channel).Attempt
	case mut == 14 && e.kind == "tell":
		for i := range after.Items {
			if old, ok := before.Entry(after.Items[i].Seq); ok {
				after.Items[i].Archived = old.Archived
			}
		}
	case mut == 12 && e.kind == "untell":
		channelOf(&after, e.untell.Channel).Decisions = was.Channel(e.untell.Channel).Decisions
	case mut == 16 && e.kind == "notify":
		for i := range after.Reach.Items {
			if it := &after.Reach.Items[i]; it.Seq == after.Version {
				it.Since = in.Time.UnixMilli()
			}
		}
	case e.kind == "endpoint" && after.Reach.FromOf(kindOf(e.hash)) == after.Version && (mut == 5 || mut == 21):
		kind := kindOf(e.hash)
		if mut == 5 {
			after.Reach.From = slices.Clone(was.From)
			return after
		}
		name := ways[0].name
		if kind == inbox.EndpointMail {
			name = ways[1].name
		}
		for i := range after.Items {
			seq := after.Items[i].Seq
			at, ok := slices.BinarySearchFunc(after.Reach.Items, seq, func(it inbox.ItemReach, seq uint64) int { return int(int64(it.Seq) - int64(seq)) })
			if !ok {
				after.Reach.Items = slices.Insert(after.Reach.Items, at, inbox.ItemReach{Seq: seq})
			}
			if it := &after.Reach.Items[at]; it.By(name) == 0 {
				it.Told = append(it.Told, inbox.Told{Channel: name, Decision: after.Version})
			}
		}
	}
	return after
}

// patch is the merge patch of an event.
func (e *event) patch() []byte {
	fields := map[string]any{}
	if e.on != nil {
		channels := map[string]any{}
		for name, on := range e.on {
			channels[name] = map[string]any{"on": on}
		}
		fields["channels"] = channels
	}
	if e.urgent != nil {
		fields["urgent_passes"] = *e.urgent
	}
	if q := e.quiet; q != nil {
		fields["quiet"] = nil
		if *q != ([2]float64{}) {
			at := func(h float64) string { return fmt.Sprintf("%02d:00", int(h/hour)) }
			fields["quiet"] = []any{map[string]any{"from": at(q[0]), "to": at(q[1])}}
		}
	}
	text, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return text
}
