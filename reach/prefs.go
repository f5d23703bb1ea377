package reach

import (
	"encoding/json"

	"github.com/belfry/belfry/inbox"
)

// Prefs is what a user wants, as [inbox.Reach] holds it in JSON. The zero value is that of
// a user who has said nothing: all channels are on, and no hours are quiet.
type Prefs struct {
	Language     string  // BCP 47
	Zone         string  // IANA name
	Quiet        []Quiet // MaxQuiet at most
	UrgentPasses bool    // quiet hours hold nothing urgent
	Channels     map[string]ChannelPrefs
}

// ChannelPrefs is what a user wants of one channel. A category that is not named is on.
type ChannelPrefs struct {
	Off        bool
	Categories map[string]bool
}

// On reports whether the user wants items of a category on a channel.
func (p *Prefs) On(channel, category string) bool {
	c := p.Channels[channel]
	on, named := c.Categories[category]
	return !c.Off && (on || !named)
}

// ReadPrefs returns the preferences of a row. Text that [CheckPrefs] does not let pass counts
// as not said.
func ReadPrefs(row *inbox.State) (p Prefs) {
	if row.Reach == nil || len(row.Reach.Prefs) == 0 {
		return p
	}
	var text struct {
		Language, Zone any
		Quiet          any
		UrgentPasses   any `json:"urgent_passes"`
		Channels       any
	}
	if json.Unmarshal(row.Reach.Prefs, &text) != nil {
		return p
	}
	p.Language, _ = text.Language.(string)
	p.Zone, _ = text.Zone.(string)
	p.UrgentPasses, _ = text.UrgentPasses.(bool)
	hours, _ := text.Quiet.([]any)
	for _, one := range hours[:min(len(hours), MaxQuiet)] {
		if q, err := readQuiet("", one); err == nil {
			p.Quiet = append(p.Quiet, q)
		}
	}
	channels, _ := text.Channels.(map[string]any)
	for name, one := range channels {
		fields, _ := one.(map[string]any)
		on, named := fields["on"].(bool)
		c := ChannelPrefs{Off: named && !on}
		categories, _ := fields["categories"].(map[string]any)
		for category, on := range categories {
			if on, ok := on.(bool); ok {
				if c.Categories == nil {
					c.Categories = map[string]bool{}
				}
				c.Categories[category] = on
			}
		}
		if p.Channels == nil {
			p.Channels = map[string]ChannelPrefs{}
		}
		p.Channels[name] = c
	}
	return p
}
