package reach_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
)

func policy() *reach.Policy {
	return &reach.Policy{Channels: []reach.Channel{
		{Name: "browser", Kind: inbox.EndpointWebPush, Tell: []reach.Rule{{After: time.Minute}}, DailyCap: 2},
		{Name: "mail", Kind: inbox.EndpointMail, Tell: []reach.Rule{{Categories: []string{"approval"}, After: time.Hour}}},
	}}
}

func TestPrefsRefused(t *testing.T) {
	for text, want := range map[string]string{
		`[]`:                                                  "",
		`{"lang":"ko"}`:                                       "lang",
		`{"language":7}`:                                      "language",
		`{"language":"k"}`:                                    "language",
		`{"language":"ko--KR"}`:                               "language",
		`{"zone":"Seoul"}`:                                    "zone",
		`{"zone":"Local"}`:                                    "zone",
		`{"zone":"localtime"}`:                                "zone",
		`{"zone":"right/Asia/Seoul"}`:                         "zone",
		`{"zone":"Asia/Seoul\nUTC"}`:                          "zone",
		`{"zone":"../etc/passwd"}`:                            "zone",
		`{"zone":9}`:                                          "zone",
		`{"urgent_passes":"yes"}`:                             "urgent_passes",
		`{"quiet":{}}`:                                        "quiet",
		`{"quiet":[null]}`:                                    "quiet[0]",
		`{"quiet":[{"from":"22:00"}]}`:                        "quiet[0].to",
		`{"quiet":[{"from":"7:00","to":"08:00"}]}`:            "quiet[0].from",
		`{"quiet":[{"from":"24:00","to":"08:00"}]}`:           "quiet[0].from",
		`{"quiet":[{"from":"24:00","to":"24:00"}]}`:           "quiet[0].from",
		`{"quiet":[{"from":"07:60","to":"08:00"}]}`:           "quiet[0].from",
		`{"quiet":[{"from":"07:00","to":"07:00"}]}`:           "quiet[0].to",
		`{"quiet":[{"from":"07:00","to":"08:00","days":[]}]}`: "quiet[0].days",
		`{"quiet":[{"from":"07:00","to":"08:00","days":["mon","monday"]}]}`:                                     "quiet[0].days[1]",
		`{"quiet":[{"from":"07:00","to":"08:00","zone":"UTC"}]}`:                                                "quiet[0].zone",
		`{"quiet":[` + strings.Repeat(`{"from":"07:00","to":"08:00"},`, 16) + `{"from":"07:00","to":"08:00"}]}`: "quiet",
		`{"channels":[]}`:                                     "channels",
		`{"channels":{"sms":{"on":true}}}`:                    "channels.sms",
		`{"channels":{"mail":true}}`:                          "channels.mail",
		`{"channels":{"mail":{"on":1}}}`:                      "channels.mail.on",
		`{"channels":{"mail":{"off":true}}}`:                  "channels.mail.off",
		`{"channels":{"mail":{"categories":[]}}}`:             "channels.mail.categories",
		`{"channels":{"mail":{"categories":{"board":true}}}}`: "channels.mail.categories.board",
		`{"channels":{"mail":{"categories":{"approval":2}}}}`: "channels.mail.categories.approval",
		`{"channels":{"browser":{"categories":{"":false}}}}`:  "channels.browser.categories.",
	} {
		var fe *belfry.FieldError
		if err := reach.CheckPrefs([]byte(text), policy()); !errors.As(err, &fe) || fe.Field != want {
			t.Errorf("%s: got %v, want an error about %q", text, err, want)
		}
	}
	if err := reach.CheckPrefs([]byte(fmt.Sprintf(`{"language":%q}`, strings.Repeat("a", inbox.MaxPrefsBytes))), policy()); !errors.Is(err, belfry.ErrTooLarge) {
		t.Errorf("too large: got %v", err)
	}
}

func TestPrefsRead(t *testing.T) {
	text := `{"channels":{"browser":{"categories":{"board":false},"on":true},"mail":{"on":false}},"language":"pt-BR","quiet":[{"days":["mon","tue"],"from":"22:00","to":"07:00"}],"urgent_passes":true,"zone":"Asia/Seoul"}`
	if err := reach.CheckPrefs([]byte(text), policy()); err != nil {
		t.Fatal(err)
	}
	p := reach.ReadPrefs(&inbox.State{Reach: &inbox.Reach{Prefs: []byte(text)}})
	if p.Language != "pt-BR" || p.Zone != "Asia/Seoul" || !p.UrgentPasses || len(p.Quiet) != 1 || p.Quiet[0] != (reach.Quiet{Days: 1<<time.Monday | 1<<time.Tuesday, From: 22 * 60, To: 7 * 60}) {
		t.Errorf("got %+v", p)
	}
	for _, on := range []struct {
		channel, category string
		want              bool
	}{{"browser", "", true}, {"browser", "board", false}, {"browser", "approval", true}, {"mail", "approval", false}, {"later", "", true}} {
		if got := p.On(on.channel, on.category); got != on.want {
			t.Errorf("%s on %s: got %t", on.category, on.channel, got)
		}
	}
	// Text that no door lets pass harms nothing.
	p = reach.ReadPrefs(&inbox.State{Reach: &inbox.Reach{Prefs: []byte(`{"zone":7,"quiet":[{"from":"x"},{"from":"22:00","to":"07:00"}],"channels":{"mail":[]}}`)}})
	if p.Zone != "" || len(p.Quiet) != 1 || !p.On("mail", "") {
		t.Errorf("got %+v", p)
	}
}

func TestPolicyRefused(t *testing.T) {
	for want, change := range map[string]func(*reach.Policy){
		"zone":                              func(p *reach.Policy) { p.Zone = "KST" },
		"channels":                          func(p *reach.Policy) { p.Channels = nil },
		"channels.mail":                     func(p *reach.Policy) { p.Channels[0].Name = "mail" },
		"channels.E-Mail":                   func(p *reach.Policy) { p.Channels[1].Name = "E-Mail" },
		"channels.mail.kind":                func(p *reach.Policy) { p.Channels[1].Kind = 0 },
		"channels.mail.daily_cap":           func(p *reach.Policy) { p.Channels[1].DailyCap = 33 },
		"channels.mail.tell":                func(p *reach.Policy) { p.Channels[1].Tell = nil },
		"channels.mail.tell[0]":             func(p *reach.Policy) { p.Channels[1].Tell[0].After = -1 },
		"channels.mail.tell[0].category[0]": func(p *reach.Policy) { p.Channels[1].Tell[0].Categories[0] = "" },
		"channels.mail.tell[0].digest":      func(p *reach.Policy) { p.Channels[1].Tell[0].Digest = &reach.Digest{} },
		"channels.mail.tell[0].digest.at": func(p *reach.Policy) {
			p.Channels[1].Tell[0].After, p.Channels[1].Tell[0].Digest = 0, &reach.Digest{At: 1440}
		},
	} {
		p := policy()
		change(p)
		var fe *belfry.FieldError
		if err := p.Check(); !errors.As(err, &fe) || fe.Field != want {
			t.Errorf("got %v, want an error about %s", err, want)
		}
	}
	if err := policy().Check(); err != nil {
		t.Errorf("the policy to break is broken: %v", err)
	}
}

// Each limit of a policy is the last that is taken.
func TestPolicyLimits(t *testing.T) {
	channels := func(n int) func(*reach.Policy) {
		return func(p *reach.Policy) {
			for i := len(p.Channels); i < n; i++ {
				p.Channels = append(p.Channels, reach.Channel{Name: fmt.Sprint("chat-", i), Kind: inbox.EndpointText, Tell: []reach.Rule{{}}})
			}
		}
	}
	mail := func(change func(*reach.Channel)) func(*reach.Policy) {
		return func(p *reach.Policy) { change(&p.Channels[1]) }
	}
	first := func(change func(*reach.Rule)) func(*reach.Policy) {
		return mail(func(c *reach.Channel) { change(&c.Tell[0]) })
	}
	digest := func(at reach.Clock) func(*reach.Policy) {
		return first(func(r *reach.Rule) { r.After, r.Digest = 0, &reach.Digest{At: at} })
	}
	for what, tt := range map[string]struct{ good, bad func(*reach.Policy) }{
		"channels": {channels(reach.MaxChannels), channels(reach.MaxChannels + 1)},
		"name": {
			mail(func(c *reach.Channel) { c.Name = strings.Repeat("a", 64) }),
			mail(func(c *reach.Channel) { c.Name = strings.Repeat("a", 65) }),
		},
		"cap":          {mail(func(c *reach.Channel) { c.DailyCap = inbox.MaxDecisions }), mail(func(c *reach.Channel) { c.DailyCap = inbox.MaxDecisions + 1 })},
		"no cap":       {mail(func(c *reach.Channel) { c.DailyCap = 0 }), mail(func(c *reach.Channel) { c.DailyCap = -1 })},
		"category":     {first(func(r *reach.Rule) { r.Categories[0] = strings.Repeat("c", 64) }), first(func(r *reach.Rule) { r.Categories[0] = strings.Repeat("c", 65) })},
		"UTF-8":        {first(func(r *reach.Rule) { r.Categories[0] = "결재" }), first(func(r *reach.Rule) { r.Categories[0] = "\xff" })},
		"longest wait": {first(func(r *reach.Rule) { r.After = 30 * 24 * time.Hour }), first(func(r *reach.Rule) { r.After = 30*24*time.Hour + 1 })},
		"first minute": {digest(0), digest(-1)},
		"last minute":  {digest(24*60 - 1), digest(24 * 60)},
	} {
		good, bad := policy(), policy()
		tt.good(good)
		tt.bad(bad)
		if err := good.Check(); err != nil {
			t.Errorf("%s: the limit is refused: %v", what, err)
		}
		if err := bad.Check(); !errors.Is(err, belfry.ErrInvalid) {
			t.Errorf("%s: beyond the limit: %v", what, err)
		}
	}
}

func TestParseClock(t *testing.T) {
	for text, want := range map[string]reach.Clock{"00:00": 0, "00:59": 59, "08:30": 8*60 + 30, "23:59": 24*60 - 1, "24:00": 24 * 60} {
		if got, err := reach.ParseClock("at", text); got != want || err != nil {
			t.Errorf("%s is %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "8:30", "08:60", "24:01", "-1:00", "00:-1", "08:30 ", "0830", "+8:30"} {
		var fe *belfry.FieldError
		if got, err := reach.ParseClock("at", text); !errors.As(err, &fe) || fe.Field != "at" {
			t.Errorf("%q is %s, %v", text, got, err)
		}
	}
}

// A change of what is due is one of the hash, which names what was computed with it.
func TestPolicyHash(t *testing.T) {
	seen := map[uint64]string{}
	for name, change := range map[string]func(*reach.Policy){
		"as it is": func(*reach.Policy) {},
		"zone":     func(p *reach.Policy) { p.Zone = "Asia/Seoul" },
		"name":     func(p *reach.Policy) { p.Channels[0].Name = "push" },
		"kind":     func(p *reach.Policy) { p.Channels[0].Kind = inbox.EndpointText },
		"cap":      func(p *reach.Policy) { p.Channels[0].DailyCap++ },
		"after":    func(p *reach.Policy) { p.Channels[0].Tell[0].After++ },
		"category": func(p *reach.Policy) { p.Channels[0].Tell[0].Categories = []string{"a"} },
		"priority": func(p *reach.Policy) { p.Channels[0].Tell[0].Priorities = []belfry.Priority{belfry.PriorityHigh} },
		"digest":   func(p *reach.Policy) { p.Channels[0].Tell[0].Digest = &reach.Digest{At: 5} },
		"days":     func(p *reach.Policy) { p.Channels[0].Tell[0].Digest = &reach.Digest{At: 5, Days: 3} },
	} {
		p := policy()
		change(p)
		h := p.Hash()
		if other, ok := seen[h]; ok || h == 0 || h != p.Hash() {
			t.Errorf("%s has the hash of %q", name, other)
		}
		seen[h] = name
	}
	if h := (*reach.Policy)(nil).Hash(); h != 0 {
		t.Errorf("no policy has hash %d", h)
	}
}

// The end of a day is named as an end alone, and what is named says so.
func TestEndOfDay(t *testing.T) {
	for text, want := range map[string]string{
		`{"quiet":[{"from":"00:00","to":"24:00"}]}`: "",
		`{"quiet":[{"from":"24:00","to":"08:00"}]}`: `starts at "00:00"`,
		`{"quiet":[{"from":"8:00","to":"09:00"}]}`:  `"00:00" to "23:59"`,
		`{"quiet":[{"from":"08:00","to":"25:00"}]}`: `"00:00" to "24:00"`,
	} {
		if err := reach.CheckPrefs([]byte(text), nil); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestNormal(t *testing.T) {
	for patch, want := range map[string]string{
		`{"language":"ko"}`: `{"language":"ko"}`,
		`{"quiet":null}`:    `{"quiet":null}`,
		`{"quiet":[]}`:      `{"quiet":[]}`,
		`{"quiet":[{"days":["sun","mon","sun","mon"],"from":"22:00","to":"07:00"},{"from":"12:00","to":"13:00"}],"zone":null}`: `{"quiet":[{"days":["mon","sun"],"from":"22:00","to":"07:00"},{"from":"12:00","to":"13:00"}],"zone":null}`,
	} {
		if got := string(reach.Normal([]byte(patch))); got != want {
			t.Errorf("%s is %s, want %s", patch, got, want)
		}
	}
}
