package outreach

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"maps"
	"net/http"
	"slices"

	"golang.org/x/text/language"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/server/wire"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// maxChoices is how many categories a page names.
const maxChoices = 100

// page is what a browser shows of a link: a question with a button, or how it went, and
// what else there is to choose.
type page struct {
	Link  links.Link
	Done  bool
	Ended bool

	// off says that what the link is for is switched off, and beyond that it is by more than
	// the link is for. categories are those of the channel, if the link is for all.
	off, beyond bool
	categories  []category

	Lang, Title, About, Choose string
	Main                       *button
	Choices                    []button
	Style                      template.CSS
}

type category struct {
	name string
	on   bool
}

// button switches something on, or off.
type button struct {
	Category, Text string
	On             bool
}

// choose has the page show what is on by a row.
func (p *page) choose(row *inbox.State, policy *reach.Policy) {
	prefs := reach.ReadPrefs(row)
	p.off = !prefs.On(p.Link.Channel, p.Link.Category)
	own := prefs.Channels[p.Link.Channel]
	p.beyond = own.Off && p.Link.Category != ""
	if p.Link.Category != "" || own.Off {
		return
	}
	names := map[string]bool{}
	for name := range own.Categories {
		names[name] = true
	}
	if channel, ok := policy.Channel(p.Link.Channel); ok {
		known := categories(channel)
		for _, name := range known {
			names[name] = true
		}
		for i := range row.Items {
			if name := row.Items[i].Category; known == nil && name != "" {
				names[name] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if len(p.categories) < maxChoices {
			p.categories = append(p.categories, category{name, prefs.On(p.Link.Channel, name)})
		}
	}
}

// words are those of the page in one language.
type words struct{ read, readIt, stop, stopIt, stopAll, stopped, back, choose, done, ended string }

var pageWords = []struct {
	tag language.Tag
	words
}{
	{language.English, words{
		"Mark this notification as read?", "Mark as read", "Stop these messages?", "Unsubscribe", "Unsubscribe from all",
		"You get no more of these messages.", "Get them again", "Or choose what you get", "The notification is marked as read.", "This link has ended.",
	}},
	{language.Korean, words{
		"이 알림을 읽음으로 표시할까요?", "읽음으로 표시", "이 메시지를 그만 받으시겠습니까?", "수신 거부", "모두 수신 거부",
		"더 이상 이 메시지를 보내지 않습니다.", "다시 받기", "또는 받을 항목 선택", "알림을 읽음으로 표시했습니다.", "만료된 링크입니다.",
	}},
}

var pageLanguages = language.NewMatcher([]language.Tag{pageWords[0].tag, pageWords[1].tag})

// say fills in what the page says in a language.
func (p *page) say(t *words) {
	switch {
	case p.Ended:
		p.Title = t.ended
	case p.Link.Action != links.Unsubscribe && p.Done:
		p.Title = t.done
	case p.Link.Action != links.Unsubscribe:
		p.Title, p.Main = t.read, &button{Text: t.readIt}
	case p.off:
		p.Title, p.About = t.stopped, p.Link.Category
		if !p.beyond {
			p.Main = &button{Text: t.back, On: true}
		}
	default:
		p.Title, p.About, p.Main, p.Choose = t.stop, p.Link.Category, &button{Text: t.stopIt}, t.choose
		if len(p.categories) > 0 {
			p.Main.Text = t.stopAll
		}
		for _, c := range p.categories {
			b := button{Category: c.name, Text: t.stopIt}
			if !c.on {
				b.Text, b.On = t.back, true
			}
			p.Choices = append(p.Choices, b)
		}
	}
}

func respondPage(w http.ResponseWriter, r *http.Request, status int, p page) {
	_, i, _ := pageLanguages.Match(wire.ParseLanguages(r.Header.Get("Accept-Language"))...)
	p.Lang, p.Style = pageWords[i].tag.String(), template.CSS(pageStyle) //nolint:gosec // it is ours
	p.say(&pageWords[i].words)
	sum := sha256.Sum256([]byte(pageStyle))
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", wire.NoSniff)
	h.Set("Cache-Control", "no-store")
	// The address is the link.
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Vary", "Accept, Accept-Language")
	w.WriteHeader(status)
	// The error is that of a client that has gone.
	_ = pageTemplate.Execute(w, p)
}
