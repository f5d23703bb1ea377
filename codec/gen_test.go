package codec_test

import (
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// newField is a field, as encoded, of a number that no message has yet.
func newField(content string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, 1000, protowire.BytesType), content)
}

func drawExtra(t *rapid.T) []byte {
	if rapid.Bool().Draw(t, "has extra") {
		return newField(rapid.String().Draw(t, "extra"))
	}
	return nil
}

// drawTime gives the zero time or one that RFC 3339 can write.
func drawTime(t *rapid.T, label string) time.Time {
	if rapid.Bool().Draw(t, label+" zero") {
		return time.Time{}
	}
	first := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	last := time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC).UnixMilli()
	return time.UnixMilli(rapid.Int64Range(first, last).Draw(t, label)).UTC()
}

func drawText(t *rapid.T, label string) belfry.Text {
	text := belfry.Text(rapid.MapOfN(rapid.String(), rapid.String(), 0, 4).Draw(t, label))
	if len(text) == 0 {
		return nil
	}
	return text
}

func drawPriority(t *rapid.T) belfry.Priority {
	return belfry.Priority(rapid.IntRange(int(belfry.PriorityLow), int(belfry.PriorityUrgent)).Draw(t, "priority"))
}

func drawNotification(t *rapid.T) belfry.Notification {
	name := rapid.String()
	n := belfry.Notification{
		ID:          name.Draw(t, "id"),
		Source:      name.Draw(t, "source"),
		Type:        name.Draw(t, "type"),
		Category:    name.Draw(t, "category"),
		Priority:    drawPriority(t),
		Title:       drawText(t, "title"),
		Body:        drawText(t, "body"),
		URL:         name.Draw(t, "url"),
		CollapseKey: name.Draw(t, "collapse key"),
		Audience:    rapid.SampledFrom([]string{"", "", "all", "topic:공지"}).Draw(t, "audience"),
		Time:        drawTime(t, "time"),
		ExpiresAt:   drawTime(t, "expires at"),
		DeliverAt:   drawTime(t, "deliver at"),
		Extra:       drawExtra(t),
	}
	n.Actor = belfry.Actor{
		ID:     name.Draw(t, "actor id"),
		Name:   name.Draw(t, "actor name"),
		Avatar: name.Draw(t, "actor avatar"),
	}
	if data := rapid.SliceOf(rapid.Byte()).Draw(t, "data"); len(data) > 0 {
		n.Data = json.RawMessage(data)
	}
	return n
}

func drawOrigin(t *rapid.T) inbox.Origin {
	if rapid.Bool().Draw(t, "no origin") {
		return inbox.Origin{}
	}
	o := inbox.Origin{
		Partition: rapid.Int32().Draw(t, "partition"),
		Rule:      rapid.Uint64().Draw(t, "rule hash"),
		Offset:    rapid.Int64().Draw(t, "offset"),
		Index:     rapid.Int32().Draw(t, "index"),
	}
	copy(o.TopicID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "topic"))
	return o
}

// drawRecord fills what counts for the kind it draws, and nothing else.
func drawRecord(t *rapid.T) inbox.Record {
	r := inbox.Record{Kind: inbox.Kind(rapid.IntRange(int(inbox.KindNotify), int(inbox.KindUnsubscribe)).Draw(t, "kind"))}
	switch r.Kind {
	case inbox.KindNotify:
		r.Notification = drawNotification(t)
		r.Rule, r.Origin = rapid.String().Draw(t, "rule"), drawOrigin(t)
		r.Silent = rapid.Bool().Draw(t, "silent")
	case inbox.KindRetract:
		r.Retraction = belfry.Retraction{
			Source:      rapid.String().Draw(t, "source"),
			ID:          rapid.String().Draw(t, "id"),
			CollapseKey: rapid.String().Draw(t, "collapse key"),
			Audience:    rapid.SampledFrom([]string{"", "all", "topic:공지"}).Draw(t, "audience"),
		}
		r.Rule, r.Origin = rapid.String().Draw(t, "rule"), drawOrigin(t)
	case inbox.KindErase, inbox.KindTouch:
	case inbox.KindMute, inbox.KindUnmute:
		r.Category = rapid.String().Draw(t, "category")
	case inbox.KindSnooze:
		if seqs := rapid.SliceOf(rapid.Uint64()).Draw(t, "seqs"); len(seqs) > 0 {
			r.Seqs = seqs
		}
		r.Until = rapid.Int64Range(0, 1<<45).Draw(t, "until")
	case inbox.KindPrefs, inbox.KindEndpoint, inbox.KindEndpointGone, inbox.KindTell, inbox.KindUntell:
		drawReachRecord(t, &r)
	case inbox.KindJoin, inbox.KindSubscribe, inbox.KindUnsubscribe:
		r.Rule, r.Origin = rapid.String().Draw(t, "rule"), drawOrigin(t)
		if r.Kind != inbox.KindJoin {
			r.Topic = rapid.SampledFrom([]string{"", "a", "공지"}).Draw(t, "topic")
		}
	default:
		if seqs := rapid.SliceOf(rapid.Uint64()).Draw(t, "seqs"); len(seqs) > 0 {
			r.Seqs = seqs
		}
		r.UpTo, r.Category = rapid.Uint64().Draw(t, "up to"), rapid.String().Draw(t, "category")
	}
	return r
}

// drawState gives any state that keeps the rules, however far from what a
// history leads to: what counts is that no value is lost.
func drawState(t *rapid.T) inbox.State {
	s := inbox.State{
		Epoch:   rapid.Uint32().Draw(t, "epoch"),
		Version: rapid.Uint64().Draw(t, "version"),
		Extra:   drawExtra(t),
	}
	if ms := rapid.Int64Range(0, 1<<45).Draw(t, "changed at"); ms > 0 {
		s.ChangedAt = time.UnixMilli(ms).UTC()
	}
	upTo := func(limit uint64, label string) uint64 { return rapid.Uint64Range(0, limit).Draw(t, label) }
	s.Base, s.Horizon = upTo(s.Version, "base"), upTo(s.Version, "horizon")
	timed := rapid.Bool().Draw(t, "uses time")
	if timed {
		s.Mutes = drawMutes(t, s.Version)
	}
	for seq := upTo(s.Version, "first seq"); len(s.Items) < 12 && seq > 0; {
		e := inbox.Entry{
			Seq:       seq,
			Version:   rapid.Uint64Range(seq, s.Version).Draw(t, "item version"),
			Hash:      rapid.Uint64().Draw(t, "hash"),
			Collapse:  rapid.Uint64().Draw(t, "collapse"),
			Replaces:  upTo(seq-1, "replaces"),
			Count:     rapid.Uint32Min(1).Draw(t, "count"),
			ExpiresAt: rapid.Int64().Draw(t, "expires at"),
			Category:  rapid.SampledFrom([]string{"", "a", "b", "결재"}).Draw(t, "category"),
			Priority:  drawPriority(t),
			Seen:      rapid.Bool().Draw(t, "seen"),
			Archived:  rapid.Bool().Draw(t, "archived"),
		}
		e.Read = e.Seen && rapid.Bool().Draw(t, "read")
		e.Unarchived = upTo(e.Version, "unarchived")
		if timed {
			drawTimes(t, &e, s.Version)
		}
		s.Items = append(s.Items, e)
		if seq == s.Version || rapid.IntRange(0, 5).Draw(t, "last item") == 0 {
			break
		}
		seq = rapid.Uint64Range(seq+1, s.Version).Draw(t, "seq")
	}
	for version := uint64(0); rapid.IntRange(0, 4).Draw(t, "last removal") > 0; {
		version = rapid.Uint64Range(version, s.Version).Draw(t, "removal version")
		s.Removals = append(s.Removals, inbox.Removal{
			Seq: upTo(version, "removal seq"), Version: version, Hash: rapid.Uint64().Draw(t, "removal hash"),
		})
	}
	for rapid.IntRange(0, 4).Draw(t, "last watermark") > 0 {
		s.Watermarks = append(s.Watermarks, inbox.Watermark{
			Key:    rapid.Uint64().Draw(t, "key"),
			Offset: rapid.Int64().Draw(t, "offset"),
			Index:  rapid.Int32().Draw(t, "index"),
		})
	}
	if rapid.Bool().Draw(t, "uses broadcast") {
		drawBroadcast(t, &s)
	}
	if rapid.Bool().Draw(t, "uses reach") {
		drawReach(t, &s)
	}
	return s
}

// drawTimes gives e what only rows of the capability time have.
func drawTimes(t *rapid.T, e *inbox.Entry, version uint64) {
	e.Until = rapid.SampledFrom([]int64{0, 0, 1_790_000_000_000, 1_790_000_060_000, -1, 1 << 62}).Draw(t, "until")
	e.Shown = rapid.SampledFrom([]uint64{0, 0, 1, e.Version}).Draw(t, "shown")
	e.Born, e.Muted = rapid.Bool().Draw(t, "born"), rapid.Bool().Draw(t, "muted")
	if !rapid.Bool().Draw(t, "has group") {
		return
	}
	actor := func() inbox.Actor {
		return rapid.SampledFrom([]inbox.Actor{{}, {Hash: 1}, {Hash: 1, ID: "kim"}, {Hash: 1, ID: "kim", Name: "김"}, {Name: "lee"}}).Draw(t, "actor")
	}
	e.Group = &inbox.Group{Cut: rapid.Uint64Range(0, e.Version).Draw(t, "cut"), Actor: actor()}
	for range rapid.IntRange(0, 3).Draw(t, "earlier") {
		m := inbox.Member{
			Seq:       rapid.Uint64Range(1, version).Draw(t, "member seq"),
			Hash:      rapid.Uint64().Draw(t, "member hash"),
			ExpiresAt: rapid.SampledFrom([]int64{0, 1, 1_790_000_000_000, -1 << 63}).Draw(t, "member expires at"),
			Category:  rapid.SampledFrom([]string{"", "a", "c"}).Draw(t, "member category"),
			Priority:  drawPriority(t), Actor: actor(),
		}
		if m.Seq != e.Seq {
			e.Group.Earlier = append(e.Group.Earlier, m)
		}
	}
}

func drawMutes(t *rapid.T, version uint64) (mutes []inbox.Mute) {
	for at := uint64(0); rapid.IntRange(0, 3).Draw(t, "last mute") > 0; {
		at = rapid.Uint64Range(at, version).Draw(t, "muted at")
		mutes = append(mutes, inbox.Mute{Category: rapid.String().Draw(t, "muted"), Version: at, At: rapid.Int64().Draw(t, "mute time")})
	}
	return mutes
}

// drawStep gives a record that has a good chance to meet what is in s.
func drawStep(t *rapid.T, s *inbox.State, now time.Time) inbox.Record {
	r := drawRecord(t)
	id := func() string { return fmt.Sprint(rapid.IntRange(0, 12).Draw(t, "id")) }
	category := func() string { return rapid.SampledFrom([]string{"", "a", "b", "결재"}).Draw(t, "category") }
	switch r.Kind {
	case inbox.KindNotify:
		r.Notification.Source, r.Notification.ID, r.Rule = "s", id(), ""
		r.Notification.Category = category()
		r.Notification.CollapseKey = rapid.SampledFrom([]string{"", "", "k", "l"}).Draw(t, "collapse key")
		if rapid.Bool().Draw(t, "expires soon") {
			r.Notification.ExpiresAt = now.Add(time.Duration(rapid.IntRange(-1, 20).Draw(t, "in")) * time.Minute)
		}
		r.Notification.DeliverAt = time.Time{}
		r.Notification.Actor.ID = rapid.SampledFrom([]string{"", "x", "y", "z"}).Draw(t, "actor")
		if rapid.IntRange(0, 3).Draw(t, "delivered later") == 0 {
			r.Notification.DeliverAt = now.Add(time.Duration(rapid.IntRange(-1, 20).Draw(t, "in")) * time.Minute)
		}
	case inbox.KindRetract:
		r.Retraction.Source, r.Retraction.ID, r.Rule = "s", id(), ""
	case inbox.KindErase, inbox.KindTouch:
	case inbox.KindMute, inbox.KindUnmute:
		r.Category = category()
	case inbox.KindPrefs, inbox.KindEndpoint, inbox.KindEndpointGone, inbox.KindTell, inbox.KindUntell:
		drawReachStep(t, s, &r, now)
	case inbox.KindJoin, inbox.KindSubscribe, inbox.KindUnsubscribe:
	default:
		r.Until = 0
		if r.Kind == inbox.KindSnooze {
			r.Until = now.Add(time.Duration(rapid.IntRange(-1, 20).Draw(t, "until in")) * time.Minute).UnixMilli()
		} else {
			r.Category = category()
		}
		if r.Seqs = nil; len(s.Items) > 0 && rapid.Bool().Draw(t, "by seq") {
			r.Seqs = []uint64{s.Items[rapid.IntRange(0, len(s.Items)-1).Draw(t, "item")].Seq}
		}
	}
	return r
}

// drawHistory folds a random history and hands each state on the way to visit.
func drawHistory(t *rapid.T, visit func(inbox.State)) {
	var s inbox.State
	in := inbox.Input{
		Position: inbox.Position{Epoch: rapid.Uint32().Draw(t, "epoch"), Offset: rapid.Int64Range(0, 1<<40).Draw(t, "offset")},
		Time:     time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
		Cap:      rapid.IntRange(1, 8).Draw(t, "cap"),
		Members:  rapid.SampledFrom([]int{0, 1, 3, inbox.MaxMembers}).Draw(t, "members"),
	}
	for range rapid.IntRange(0, 40).Draw(t, "records") {
		s, _ = inbox.Fold(s, drawStep(t, &s, in.Time), in)
		visit(s)
		in.Time = in.Time.Add(time.Minute)
		in.Offset += rapid.Int64Range(0, 1<<20).Draw(t, "gap")
		if rapid.IntRange(0, 15).Draw(t, "new journal") == 0 {
			in.Epoch, in.Offset = in.Epoch+1, 0
		}
	}
}
