package wire

import (
	"github.com/belfry/belfry"
	"golang.org/x/text/language"
)

// Languages is a client's preference, the best first.
type Languages []language.Tag

// ParseLanguages reads an Accept-Language header (RFC 9110 section 12.5.4). A
// malformed one is no preference.
func ParseLanguages(header string) Languages {
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		return nil
	}
	return tags
}

// choose returns the text in the language that the client likes best. Without
// a match it is the text without a language, else English, else that of the first
// region of English by name, else the first by name, so that the answer does not
// change from call to call.
func (l Languages) choose(t belfry.Text) string {
	if s, ok := t[""]; ok && len(t) == 1 || len(t) == 0 {
		return s
	}
	names := t.Languages()
	var offered []language.Tag
	var texts []string
	offer := func(tag language.Tag, s string) {
		offered, texts = append(offered, tag), append(texts, s)
	}
	// The matcher falls back to the first tag offered.
	s, plain := t[""]
	if plain {
		offer(language.Und, s)
	} else if s, ok := t["en"]; ok {
		offer(language.English, s)
	}
	english := -1
	for _, name := range names {
		tag, err := language.Parse(name)
		if err != nil {
			continue
		}
		offer(tag, t[name])
		if base, _ := tag.Base(); english < 0 && !plain && base.String() == "en" {
			english = len(offered) - 1
		}
	}
	if len(offered) == 0 {
		return t[names[0]]
	}
	if _, i, confidence := language.NewMatcher(offered).Match(l...); confidence > language.No || english < 0 {
		return texts[i]
	}
	return texts[english]
}
