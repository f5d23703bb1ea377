package wire

import (
	"strings"

	"golang.org/x/text/language"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/languages"
)

const (
	// maxLanguageHeader is how many bytes of an Accept-Language header are read.
	// Browsers send less than 200.
	maxLanguageHeader = 1 << 10
	// maxLanguages is how many languages of a client are looked at.
	maxLanguages = 16
)

// Languages is a client's preference, the best first. It keeps nothing of the header
// that it was read from.
type Languages []language.Tag

// ParseLanguages reads an Accept-Language header (RFC 9110 section 12.5.4). A
// malformed one is no preference. Of a long one the first 1 KiB counts, and of many
// languages the best 16: each of them is matched with each text of a list, and a
// stream keeps them for as long as it is open.
func ParseLanguages(header string) Languages {
	if len(header) > maxLanguageHeader {
		header = header[:max(strings.LastIndexByte(header[:maxLanguageHeader], ','), 0)]
	}
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil || len(tags) == 0 {
		return nil
	}
	// The array that the tags came in may be larger.
	return append(make(Languages, 0, min(len(tags), maxLanguages)), tags[:min(len(tags), maxLanguages)]...)
}

// Translator finds the texts of one answer in the languages of its client. Most items
// of a list are in the same languages, among which is chosen once. The zero Translator
// is that of a client without a preference. It is for one goroutine.
type Translator struct {
	prefer Languages
	chosen map[string]string // by the names of the languages to choose from
}

// NewTranslator returns the Translator of an answer to a client with that preference.
func NewTranslator(prefer Languages) *Translator { return &Translator{prefer: prefer} }

// text returns t in the language that the client likes best.
func (tr *Translator) text(t belfry.Text) string {
	if s, ok := t[""]; ok && len(t) == 1 || len(t) == 0 {
		return s
	}
	names := t.Languages()
	key := strings.Join(names, ",")
	name, known := tr.chosen[key]
	if !known {
		name = languages.Choose(tr.prefer, names)
		if tr.chosen == nil {
			tr.chosen = map[string]string{}
		}
		tr.chosen[key] = name
	}
	return t[name]
}
