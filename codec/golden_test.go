package codec_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/inbox"
)

var update = flag.Bool("update", false, "write testdata anew: what is stored changes with it")

// golden is a value whose stored form is held in testdata.
type golden struct {
	encode func(testing.TB) []byte
	decode func([]byte) error
	// check reports whether b decodes to the value.
	check func(b []byte) bool
}

func goldens(testing.TB) map[string]golden {
	n := belfry.Notification{
		ID: "doc-42", Source: "approvals", Type: "approval.requested", Category: "approval",
		Priority: belfry.PriorityUrgent,
		Title:    belfry.Text{"en": "Please approve", "ko": "결재 요청"},
		Body:     belfry.PlainText("Travel to Busan"),
		URL:      "/approvals/42",
		Actor:    belfry.Actor{ID: "user-3", Name: "김하나", Avatar: "/avatars/3.png"},

		CollapseKey: "doc-42",
		Time:        time.UnixMilli(1_772_442_000_123).UTC(),
		ExpiresAt:   time.UnixMilli(1_775_120_400_000).UTC(),
		Data:        []byte(`{"document":42}`),
		Extra:       newField("extra"),
	}
	low := belfry.Notification{Title: belfry.PlainText("hello"), Priority: belfry.PriorityLow}
	origin := inbox.Origin{
		TopicID:   [16]byte{0: 1, 15: 16},
		Partition: 11, Rule: inbox.RuleHash("rule"), Offset: 123_456_789, Index: 2,
	}
	return map[string]golden{
		"record_notify": goldenRecord(inbox.Record{Kind: inbox.KindNotify, Notification: n, Rule: "approvals", Origin: origin}),
		"record_silent": goldenRecord(inbox.Record{Kind: inbox.KindNotify, Notification: low, Silent: true}),
		"record_plain":  goldenRecord(inbox.Record{Kind: inbox.KindNotify, Notification: low}),
		"record_retract": goldenRecord(inbox.Record{
			Kind: inbox.KindRetract, Retraction: belfry.Retraction{Source: "approvals", ID: "doc-42"}, Rule: "approvals", Origin: origin,
		}),
		"record_retract_key": goldenRecord(inbox.Record{
			Kind: inbox.KindRetract, Retraction: belfry.Retraction{CollapseKey: "doc-42"},
		}),
		"record_read":    goldenRecord(inbox.Record{Kind: inbox.KindRead, Seqs: []uint64{1_000_000, 7, 300}}),
		"record_archive": goldenRecord(inbox.Record{Kind: inbox.KindArchive, UpTo: 1_000_000, Category: "approval"}),
		"record_erase":   goldenRecord(inbox.Record{Kind: inbox.KindErase}),
		"record_touch":   goldenRecord(inbox.Record{Kind: inbox.KindTouch}),
		"record_later": goldenRecord(inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{
			Title: belfry.PlainText("hello"), Actor: belfry.Actor{ID: "user-3"}, Time: time.UnixMilli(1_772_442_000_123).UTC(), DeliverAt: time.UnixMilli(1_775_120_400_000).UTC(),
		}}),
		"record_read_both": goldenRecord(inbox.Record{Kind: inbox.KindRead, UpTo: 1_000_000, Category: "approval", Seqs: []uint64{7}}),
		"record_snooze":    goldenRecord(inbox.Record{Kind: inbox.KindSnooze, Seqs: []uint64{1_000_000, 7}, Until: 1_775_120_400_000}),
		"record_unsnooze":  goldenRecord(inbox.Record{Kind: inbox.KindUnsnooze, Seqs: []uint64{1_000_000, 7}}),
		"record_mute":      goldenRecord(inbox.Record{Kind: inbox.KindMute, Category: "approval"}),
		"record_unmute":    goldenRecord(inbox.Record{Kind: inbox.KindUnmute, Category: "approval"}),
		"row_time":         goldenRow(goldenTimes()),
		"row_reach":        goldenRow(goldenReach(goldenState())),
		"row_time_reach":   goldenRow(goldenReach(goldenTimes())),
		"row_bounces":      goldenRow(goldenBounces()),

		"record_notice": goldenRecord(inbox.Record{Kind: inbox.KindNotify, Notification: belfry.Notification{
			ID: "news-1", Audience: "topic:공지", Title: belfry.PlainText("hello"), Time: time.UnixMilli(1_772_442_000_123).UTC(),
		}}),
		"record_retract_notice": goldenRecord(inbox.Record{Kind: inbox.KindRetract, Retraction: belfry.Retraction{ID: "news-1", Audience: "all"}}),
		"record_join":           goldenRecord(inbox.Record{Kind: inbox.KindJoin, Rule: "people", Origin: origin}),
		"record_subscribe":      goldenRecord(inbox.Record{Kind: inbox.KindSubscribe, Topic: "공지", Rule: "people", Origin: origin}),
		"record_unsubscribe":    goldenRecord(inbox.Record{Kind: inbox.KindUnsubscribe, Topic: "공지"}),
		"row_broadcast":         goldenRow(goldenBroadcast(goldenState())),
		"row_all":               goldenRow(goldenReach(goldenBroadcast(goldenTimes()))),
		"board":                 goldenBoardRow(goldenBoard()),

		"record_prefs":         goldenRecord(inbox.Record{Kind: inbox.KindPrefs, Prefs: []byte(`{"zone":"Asia/Seoul"}`), Rule: "people", Origin: origin}),
		"record_endpoint":      goldenRecord(inbox.Record{Kind: inbox.KindEndpoint, Endpoint: goldenAddress()}),
		"record_endpoint_gone": goldenRecord(inbox.Record{Kind: inbox.KindEndpointGone, Seqs: []uint64{4711}, EndpointHash: 9}),
		"record_bounce":        goldenRecord(inbox.Record{Kind: inbox.KindEndpointGone, Seqs: []uint64{4711}, Reason: "452 4.2.2 mailbox full", Soft: true}),
		"record_tell": goldenRecord(inbox.Record{Kind: inbox.KindTell, Seqs: []uint64{1_000_000, 7}, Tell: &inbox.Tell{
			Channel: "browser", Kind: inbox.EndpointWebPush, Evaluated: 1_000_001, Attempt: 2, GoodUntil: 1_775_120_400_000, Digest: true,
		}}),
		"record_untell": goldenRecord(inbox.Record{Kind: inbox.KindUntell, Untell: &inbox.Untell{
			Channel: "browser", Decision: 1_000_002, Attempt: 3, NotBefore: 1_775_120_400_000,
		}}),
		"outbound": goldenOutbound(inbox.Outbound{
			Channel: "browser", Kind: inbox.EndpointWebPush, Decision: 1_000_002, Attempt: 2, GoodUntil: 1_775_120_400_000,
		}),
		"endpoint": goldenEndpoint(goldenAddress()),

		"item":     goldenItem(inbox.Item{Seq: 1_000_000, Notification: n}),
		"row_zero": goldenRow(inbox.State{}),
		"row":      goldenRow(goldenState()),
	}
}

// goldenState has every field, and each sparse one set, unset and set again.
func goldenState() inbox.State {
	return inbox.State{
		Epoch: 0xfedcba98, Base: 1000, Version: 500_000, Horizon: 1200,
		Items: []inbox.Entry{
			{
				Seq: 2000, Version: 400_000, Unarchived: 300_000, Hash: 1 << 63, Collapse: 0xabcdef, Replaces: 1500, Count: 3,
				ExpiresAt: 1_775_120_400_000, Category: "approval", Priority: belfry.PriorityUrgent, Read: true, Seen: true,
			},
			{Seq: 3000, Version: 3000, Hash: 2, Count: 1},
			{Seq: 3001, Version: 400_000, Hash: 3, Count: 1, Category: "결재", Seen: true, Archived: true, Priority: belfry.PriorityLow},
			{
				Seq: 450_000, Version: 460_000, Unarchived: 460_000, Hash: 4, Collapse: 5, Replaces: 449_999, Count: 300,
				ExpiresAt: 1_775_120_300_000, Category: "approval", Priority: belfry.PriorityHigh, Seen: true,
			},
		},
		Removals: []inbox.Removal{
			{Seq: 1500, Version: 2000, Hash: 7},
			{Version: 2500, Hash: 8},
			{Seq: 100, Version: 450_000, Hash: 9},
			{Seq: 449_999, Version: 450_000, Hash: 10},
		},
		Watermarks: []inbox.Watermark{{Key: 1 << 62, Offset: 123_456_789, Index: 2}, {Key: 1}},
		Extra:      newField("extra"),
	}
}

// goldenTimes is a row of format 2 with all that the capability time has.
func goldenTimes() inbox.State {
	s := goldenState()
	s.Items[0].Group = &inbox.Group{
		Cut: 350_000, Actor: inbox.Actor{Hash: 11, ID: "kim", Name: "김하나"},
		Earlier: []inbox.Member{
			{Seq: 1400, Hash: 12, Category: "board", Priority: belfry.PriorityHigh, ExpiresAt: 1_775_120_500_000, Actor: inbox.Actor{Hash: 13}},
			{Seq: 1500, Hash: 14, Category: "approval", Actor: inbox.Actor{Hash: 11, ID: "kim", Name: "김하나"}},
			{Seq: 2100, Hash: 15, ExpiresAt: 1_775_120_200_000},
		},
	}
	s.Items[1].Until, s.Items[1].Born = 1_775_120_600_000, true
	s.Items[2].Until, s.Items[2].Shown, s.Items[2].Muted = 1_775_120_100_000, 390_000, true
	s.Items[3].Group = &inbox.Group{Actor: inbox.Actor{Hash: 13, Name: "lee"}}
	s.Mutes = []inbox.Mute{{Category: "결재", Version: 2000, At: 1_775_000_000_000}, {Category: "board", Version: 450_000, At: 1_774_000_000_000}}
	return s
}

// goldenReach adds to a row all that the capability reach has.
func goldenReach(s inbox.State) inbox.State {
	s.Reach = &inbox.Reach{
		Prefs: []byte(`{"quiet":[{"from":"22:00","to":"07:00"}],"zone":"Asia/Seoul"}`), PrefsVersion: 1800, EndpointsVersion: 460_001,
		Endpoints: []inbox.Endpoint{{Seq: 1700, Kind: inbox.EndpointMail, Hash: 21}, {Seq: 460_001, Kind: inbox.EndpointWebPush, Hash: 1 << 63}},
		Gone:      []inbox.GoneEndpoint{{Seq: 1600, Version: 1700}, {Seq: 1500, Version: 460_001}},
		From:      []inbox.From{{Kind: inbox.EndpointMail, Version: 1600}, {Kind: inbox.EndpointWebPush, Version: 1500}},
		Channels: []inbox.ChannelState{
			{Name: "browser", Kind: inbox.EndpointWebPush, Changed: 455_000, Attempt: 3, NotBefore: 1_775_120_300_000, Decisions: []inbox.Decision{
				{Version: 4000, At: 1_775_110_000_000}, {Version: 455_000, At: 1_775_120_000_000, Digest: true},
			}},
			{Name: "메일", Kind: inbox.EndpointMail, Changed: 3900},
		},
		Items: []inbox.ItemReach{
			{Seq: 2000, Since: 1_775_000_000_000, Told: []inbox.Told{{Channel: "메일", Decision: 3900}, {Channel: "browser", Decision: 4000}}},
			{Seq: 450_000, Since: 1_775_119_000_000},
		},
	}
	return s
}

// goldenBounces is a row with an endpoint from which messages came back, and one that is
// gone for it.
func goldenBounces() inbox.State {
	s := goldenReach(goldenState())
	e := &s.Reach.Endpoints[0]
	e.Bounces, e.BouncedAt, e.Bounce = 2, 1_775_120_000_000, "452 4.2.2 사서함 용량 초과"
	s.Reach.Gone[1].Reason = "550 5.1.1 <…@example.com>: no such user"
	return s
}

func goldenAddress() *inbox.Address {
	return &inbox.Address{
		Kind: inbox.EndpointWebPush, Target: "https://push.example/kim", P256dh: []byte{4, 1, 2, 3}, Auth: []byte{5, 6}, Label: "Chrome · 회사",
		AddedAt: time.UnixMilli(1_772_442_000_123).UTC(), ExpiresAt: time.UnixMilli(1_775_120_400_000).UTC(),
	}
}

func goldenOutbound(o inbox.Outbound) golden {
	return golden{
		encode: func(t testing.TB) []byte { return must(t)(codec.EncodeOutbound(&o)) },
		decode: decoders()["outbound"],
		check: func(b []byte) bool {
			got, err := codec.DecodeOutbound(b)
			return err == nil && got == o
		},
	}
}

func goldenEndpoint(a *inbox.Address) golden {
	a.Seq = 4711
	return golden{
		encode: func(t testing.TB) []byte { return must(t)(codec.EncodeEndpoint(a)) },
		decode: decoders()["endpoint"],
		check: func(b []byte) bool {
			got, err := codec.DecodeEndpoint(b)
			return err == nil && reflect.DeepEqual(&got, a)
		},
	}
}

func goldenRecord(r inbox.Record) golden {
	return golden{
		encode: func(t testing.TB) []byte { return must(t)(codec.EncodeRecord(r)) },
		decode: decoders()["record"],
		check: func(b []byte) bool {
			got, err := codec.DecodeRecord(b)
			return err == nil && reflect.DeepEqual(got, r)
		},
	}
}

func goldenItem(it inbox.Item) golden {
	return golden{
		encode: func(t testing.TB) []byte { return must(t)(codec.EncodeItem(&it)) },
		decode: decoders()["item"],
		check: func(b []byte) bool {
			got, err := codec.DecodeItem(b)
			return err == nil && reflect.DeepEqual(got, it)
		},
	}
}

func goldenRow(s inbox.State) golden {
	return golden{
		encode: func(t testing.TB) []byte { return must(t)(codec.EncodeState(&s)) },
		decode: decoders()["row"],
		check: func(b []byte) bool {
			got, err := codec.DecodeState(b)
			return err == nil && equalStates(got, s)
		},
	}
}

func must(t testing.TB) func([]byte, error) []byte {
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

// Stored bytes outlive the program: a difference here is a migration, not a matter of
// -update.
func TestGolden(t *testing.T) {
	values := goldens(t)
	for name, g := range values {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name+".hex")
			got := g.encode(t)
			if *update {
				if err := os.WriteFile(path, []byte(lines(got)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("got\n%swant\n%s", lines(got), lines(want))
			}
			if !g.check(want) {
				t.Error("the stored bytes no longer decode to the value")
			}
		})
	}
	files, err := filepath.Glob(filepath.Join("testdata", "*.hex"))
	if err != nil || len(files) != len(values) {
		t.Errorf("got %d golden files, %v; want %d", len(files), err, len(values))
	}
}

// lines writes b as hex, 32 bytes a line.
func lines(b []byte) string {
	var out strings.Builder
	for len(b) > 0 {
		n := min(len(b), 32)
		out.WriteString(hex.EncodeToString(b[:n]) + "\n")
		b = b[n:]
	}
	return out.String()
}
