package outreach

import (
	_ "embed"
	"html/template"
	"net/http"

	"golang.org/x/text/language"

	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/server/wire"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// page is what a browser shows of a link: a question with a button, or how it went.
type page struct {
	Link  links.Link
	Done  bool
	Ended bool

	Lang, Title, Button string
}

// words are those of the page in one language.
type words struct{ read, readIt, stop, stopIt, stopped, done, ended string }

var pageWords = []struct {
	tag language.Tag
	words
}{
	{language.English, words{
		"Mark this notification as read?", "Mark as read", "Stop these messages?", "Unsubscribe",
		"You get no more of these messages.", "The notification is marked as read.", "This link has ended.",
	}},
	{language.Korean, words{
		"이 알림을 읽음으로 표시할까요?", "읽음으로 표시", "이 메시지를 그만 받으시겠습니까?", "수신 거부",
		"더 이상 이 메시지를 보내지 않습니다.", "알림을 읽음으로 표시했습니다.", "만료된 링크입니다.",
	}},
}

var pageLanguages = language.NewMatcher([]language.Tag{pageWords[0].tag, pageWords[1].tag})

func respondPage(w http.ResponseWriter, r *http.Request, status int, p page) {
	_, i, _ := pageLanguages.Match(wire.ParseLanguages(r.Header.Get("Accept-Language"))...)
	t := &pageWords[i]
	p.Lang = t.tag.String()
	unsubscribes := p.Link.Action == links.Unsubscribe
	switch {
	case p.Ended:
		p.Title = t.ended
	case p.Done && unsubscribes:
		p.Title = t.stopped
	case p.Done:
		p.Title = t.done
	case unsubscribes:
		p.Title, p.Button = t.stop, t.stopIt
	default:
		p.Title, p.Button = t.read, t.readIt
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
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
