package reach

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
)

// maxLanguageBytes is the longest language tag that RFC 5646 asks programs to take.
const maxLanguageBytes = 35

// CheckPrefs returns a *belfry.FieldError for preferences, a JSON object as
// [inbox.MergePrefs] returns it, that p does not take. Its field is the path in the
// object, such as "quiet[0].from". A nil policy has no channels.
func CheckPrefs(prefs []byte, p *Policy) error {
	if len(prefs) > inbox.MaxPrefsBytes {
		return &belfry.FieldError{Problem: fmt.Sprintf("preferences of %d bytes, at most %d", len(prefs), inbox.MaxPrefsBytes), TooLarge: true}
	}
	if len(prefs) == 0 {
		return nil
	}
	var fields map[string]any
	if err := json.Unmarshal(prefs, &fields); err != nil || fields == nil {
		return belfry.Invalid("", "preferences must be a JSON object")
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if err := checkPref(name, fields[name], p); err != nil {
			return err
		}
	}
	return nil
}

func checkPref(name string, value any, p *Policy) error {
	switch name {
	case "language":
		if text, ok := value.(string); !ok || !isLanguage(text) {
			return belfry.Invalid(name, "must be a language tag (BCP 47), such as ko or pt-BR")
		}
	case "zone":
		text, ok := value.(string)
		if !ok {
			return belfry.Invalid(name, "must be a text, the IANA name of a time zone, such as Asia/Seoul")
		}
		return CheckZone(text)
	case "urgent_passes":
		if _, ok := value.(bool); !ok {
			return belfry.Invalid(name, "must be true or false")
		}
	case "quiet":
		hours, ok := value.([]any)
		if !ok || len(hours) > MaxQuiet {
			return belfry.Invalid(name, "must be a list of at most %d objects with from, to and days", MaxQuiet)
		}
		for i, one := range hours {
			if _, err := readQuiet(fmt.Sprintf("%s[%d]", name, i), one); err != nil {
				return err
			}
		}
	case "channels":
		channels, ok := value.(map[string]any)
		if !ok {
			return belfry.Invalid(name, "must be an object of the names of channels")
		}
		for _, channel := range slices.Sorted(maps.Keys(channels)) {
			if err := checkChannelPrefs(name+"."+channel, channel, channels[channel], p); err != nil {
				return err
			}
		}
	default:
		return belfry.Invalid(name, "is unknown; preferences have language, zone, quiet, urgent_passes and channels")
	}
	return nil
}

func checkChannelPrefs(path, name string, value any, p *Policy) error {
	channel, ok := p.Channel(name)
	if !ok {
		return belfry.Invalid(path, "is no channel here; there is %s", strings.Join(p.names(), ", "))
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return belfry.Invalid(path, "must be an object with on and categories")
	}
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		switch field {
		case "on":
			if _, ok := fields[field].(bool); !ok {
				return belfry.Invalid(path+".on", "must be true or false")
			}
		case "categories":
			categories, ok := fields[field].(map[string]any)
			if !ok {
				return belfry.Invalid(path+".categories", "must be an object of the names of categories with true or false")
			}
			for _, category := range slices.Sorted(maps.Keys(categories)) {
				at := path + ".categories." + category
				if !channel.knows(category) {
					return belfry.Invalid(at, "is no category that this channel tells of")
				}
				if _, ok := categories[category].(bool); !ok {
					return belfry.Invalid(at, "must be true or false")
				}
			}
		default:
			return belfry.Invalid(path+"."+field, "is unknown; a channel has on and categories")
		}
	}
	return nil
}

// readQuiet reads one of the quiet hours. An error is a *belfry.FieldError.
func readQuiet(path string, value any) (q Quiet, err error) {
	fields, ok := value.(map[string]any)
	if !ok {
		return q, belfry.Invalid(path, "must be an object with from, to and days")
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains([]string{"days", "from", "to"}, name) {
			return q, belfry.Invalid(path+"."+name, "is unknown; quiet hours have from, to and days")
		}
	}
	from, _ := fields["from"].(string)
	if q.From, err = ParseClock(path+".from", from); err != nil || q.From == midnight {
		return q, belfry.Invalid(path+".from", `must be a time of day, "00:00" to "23:59", not %.20q; a day that ends at "24:00" starts at "00:00"`, from)
	}
	to, _ := fields["to"].(string)
	if q.To, err = ParseClock(path+".to", to); err != nil {
		return q, err
	}
	if q.From == q.To {
		return q, belfry.Invalid(path+".to", `must differ from "from"; a whole day is "00:00" to "24:00"`)
	}
	days, ok := fields["days"]
	if !ok {
		return q, nil
	}
	list, ok := days.([]any)
	if !ok || len(list) == 0 {
		return q, belfry.Invalid(path+".days", "must be a list of mon, tue, wed, thu, fri, sat, sun; leave it out for all")
	}
	names := make([]string, len(list))
	for i := range list {
		names[i], _ = list[i].(string)
	}
	q.Days, err = ParseWeekdays(path+".days", names)
	return q, err
}

// Normal returns a patch of preferences that [CheckPrefs] lets pass with the days of quiet
// hours each once, Monday first.
func Normal(patch []byte) []byte {
	var fields map[string]json.RawMessage
	var hours []map[string]any
	if json.Unmarshal(patch, &fields) != nil || json.Unmarshal(fields["quiet"], &hours) != nil {
		return patch
	}
	for i := range hours {
		if q, err := readQuiet("", hours[i]); err == nil && q.Days != 0 {
			hours[i]["days"] = q.Days.Names()
		}
	}
	quiet, err := json.Marshal(hours)
	if err != nil || hours == nil {
		return patch
	}
	fields["quiet"] = quiet
	if out, err := json.Marshal(fields); err == nil {
		return out
	}
	return patch
}

func isLanguage(text string) bool {
	if len(text) > maxLanguageBytes {
		return false
	}
	for i, part := range strings.Split(text, "-") {
		if len(part) == 0 || len(part) > 8 || i == 0 && len(part) < 2 {
			return false
		}
		for _, r := range part {
			if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
				return false
			}
		}
	}
	return true
}
