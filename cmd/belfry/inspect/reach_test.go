package inspect

import (
	"bytes"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
)

// Of an endpoint the host is shown and nothing else; of an item what was told, what is due
// and what holds it.
func TestReachOfUsers(t *testing.T) {
	now := time.UnixMilli(1_790_000_000_000).UTC()
	row := inbox.State{Epoch: 1, Version: 20, Items: []inbox.Entry{{Seq: 5, Version: 5, Count: 1}, {Seq: 7, Version: 7, Count: 1}}, Reach: &inbox.Reach{
		Prefs:     []byte(`{"zone":"Asia/Seoul","quiet":[{"from":"00:00","to":"23:59"}]}`),
		Endpoints: []inbox.Endpoint{{Seq: 2, Kind: inbox.EndpointWebPush}, {Seq: 3, Kind: inbox.EndpointMail, Bounces: 2, BouncedAt: now.UnixMilli(), Bounce: "soft: full"}, {Seq: 4, Kind: inbox.EndpointText}},
		Gone:      []inbox.GoneEndpoint{{Seq: 1, Version: 9, Reason: "hard: 550 5.1.1"}, {Seq: 2, Version: 9}},
		From:      []inbox.From{{Kind: inbox.EndpointWebPush, Version: 2}, {Kind: inbox.EndpointMail, Version: 3}},
		Channels:  []inbox.ChannelState{{Name: "browser", Attempt: 2, NotBefore: now.UnixMilli() + 1000, Decisions: []inbox.Decision{{Version: 10, At: now.UnixMilli() - 60_000}}}},
		Items:     []inbox.ItemReach{{Seq: 5, Since: now.UnixMilli(), Told: []inbox.Told{{Channel: "browser", Decision: 10}}}, {Seq: 7, Since: now.UnixMilli()}},
	}}
	endpoints := map[uint64]inbox.Address{
		2: {Seq: 2, Kind: inbox.EndpointWebPush, Target: "https://push.example:8443/v1/SECRET", Label: "Chrome", AddedAt: now},
		3: {Seq: 3, Kind: inbox.EndpointMail, Target: "SECRET@mail.example", AddedAt: now},
	}
	policy := &reach.Policy{Channels: []reach.Channel{{Name: "browser", Kind: inbox.EndpointWebPush, Tell: []reach.Rule{{}}}}}
	for _, p := range []*reach.Policy{policy, nil} {
		report := newUserReport("kim", 0, &row, map[uint64]inbox.Item{5: {}, 7: {}}, now)
		report.Reach, report.policy = newReach(&row, endpoints), p != nil
		told := tells("kim", &row, p, now)
		for i := range report.Items {
			report.Items[i].Tells = told[report.Items[i].Seq]
		}
		report.hideTexts()
		var out bytes.Buffer
		if err := report.Print(&out); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(out.String()), " ")
		want := []string{
			"endpoint 2 webpush push.example since 2026", "endpoint 3 mail mail.example", "endpoint 4 text - since", "content missing",
			"bounced 3 on 2 of 5 days, the last 2026-09-21T14:13:20Z: soft: full", "gone 1 at version 9: hard: 550 5.1.1 channel",
			`preferences {"zone":"Asia/Seoul"`, "channel browser 1 decisions remembered", "failed 2 times since", "(decision 10)",
		}
		if p != nil {
			want = append(want, "7 browser quiet until 23:59 Asia/Seoul", "5 browser told 2026-09-21")
		} else {
			want = append(want, "name the file with --channels")
		}
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("got %s, want %q in it", out.String(), w)
			}
		}
		if strings.Contains(text, "SECRET") || strings.Contains(text, "Chrome") {
			t.Errorf("more than the host is shown: %s", out.String())
		}
	}
	var nothing bytes.Buffer
	w := tabwriter.NewWriter(&nothing, 0, 0, 2, ' ', 0)
	newReach(&inbox.State{}, nil).print(w)
	if err := w.Flush(); err != nil || nothing.Len() > 0 {
		t.Errorf("of a user without endpoints: %q, %v", nothing.String(), err)
	}
}
