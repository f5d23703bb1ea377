// Package languages chooses among the languages of a text for a reader (BCP 47). It
// imports the standard library and golang.org/x/text, so that it is the same for what is
// served and what is sent. Begin reading with [Choose].
package languages

import (
	"slices"

	"golang.org/x/text/language"
)

// Choose returns the language that a reader likes best of names, those of a belfry.Text,
// which are in order and not empty. Prefer has the best first. Without a match it is the text without a language, else English, else
// the first region of English by name, else the first by name, so that the answer does
// not change from call to call.
func Choose(prefer []language.Tag, names []string) string {
	var offered []language.Tag
	var offers []string
	offer := func(tag language.Tag, name string) {
		offered, offers = append(offered, tag), append(offers, name)
	}
	// The matcher falls back to the first tag offered.
	plain := names[0] == ""
	if plain {
		offer(language.Und, "")
	} else if slices.Contains(names, "en") {
		offer(language.English, "en")
	}
	english := -1
	for _, name := range names {
		tag, err := language.Parse(name)
		if err != nil {
			continue
		}
		offer(tag, name)
		if base, _ := tag.Base(); english < 0 && !plain && base.String() == "en" {
			english = len(offered) - 1
		}
	}
	if len(offered) == 0 {
		return names[0]
	}
	if _, i, confidence := language.NewMatcher(offered).Match(prefer...); confidence > language.No || english < 0 {
		return offers[i]
	}
	return offers[english]
}
