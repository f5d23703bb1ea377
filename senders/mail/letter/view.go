package letter

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/languages"
	"github.com/belfry/belfry/links"
	"github.com/belfry/belfry/senders"
)

// view is what templates see: all texts are cut and free of control characters, and all
// links are http(s).
type view struct {
	Language  string // BCP 47
	Direction string // ltr or rtl
	Start     string // the side at which lines begin: left or right
	Subject   string
	Sender    string // who the letter is from, or empty
	Summary   string // what waits, without a full stop
	Total     int    // how many items it is of
	Groups    []group
	More      string // how many items are not shown, or empty
	Home      string // where all are, or empty
	Leave     []leave
	Words     *Words
}

// group is what is shown of a category.
type group struct {
	Category string // its id
	Name     string
	Count    int // of all its items
	Items    []item
}

// item is one item.
type item struct {
	Title    string
	Language string // BCP 47, or empty
	Body     []string
	Line     string // who it is from, and when
	Actor    string
	Time     string
	URL      string // or empty
	Read     string // the link that marks it as read, or empty
	Urgent   bool
}

// leave is a link to receive less.
type leave struct{ URL, Text string }

// maker makes the view of one message.
type maker struct {
	*Writer
	m      *senders.Message
	words  *Words
	prefer []language.Tag
	chosen map[string]string // by the languages that there are: choosing takes longer than the rest
	zone   *time.Location
}

func (w *Writer) maker(m *senders.Message) *maker {
	k := &maker{Writer: w, m: m, zone: time.UTC, chosen: map[string]string{}}
	for _, name := range []string{m.Prefs.Language, w.Language} {
		if tag, err := language.Parse(name); err == nil {
			k.prefer = append(k.prefer, tag)
		}
	}
	k.words = w.templates.words[languages.Choose(k.prefer, w.templates.Languages())]
	if w.Policy != nil {
		k.zone = w.Policy().ZoneOf(&m.Prefs)
	}
	return k
}

// size is how many items a letter shows, and how many characters of the text of each.
type size struct{ items, body int }

// sizes are those of letters, the largest first: the first that fits counts.
func (k *maker) sizes() []size {
	n := min(len(k.m.Items), Newest)
	var out []size
	switch {
	case k.Content == Full && len(k.m.Entries) == 1:
		out = []size{{n, 4000}, {n, 1000}}
	case k.Content == Full:
		out = []size{{n, 400}, {n, 150}}
	}
	for ; n > 1; n /= 2 {
		out = append(out, size{n, 0})
	}
	return append(out, size{n, 0})
}

// view returns what a letter of that size shows.
func (k *maker) view(shown size) *view {
	w, m := k.words, k.m
	groups := k.groups()
	v := &view{
		Language: k.language(), Direction: w.Direction, Start: "left", Sender: line(k.Name, maxName), Words: w,
		Summary: w.summary(groups, len(m.Entries)), Total: len(m.Entries), Leave: k.leave(groups),
	}
	if w.Direction == "rtl" {
		v.Start = "right"
	}
	if k.PublicURL != "" {
		v.Home = k.PublicURL + "/"
	}
	for _, g := range groups {
		v.Groups = append(v.Groups, group{Category: g.category, Name: w.name(g.category), Count: g.n})
	}
	v.Subject = v.Summary
	if k.Content == None {
		return v
	}
	for i := range shown.items {
		e := m.Entries[i]
		_, at := find(groups, e.Category)
		one := k.item(e, &m.Items[i], shown.body)
		v.Groups[at].Items = append(v.Groups[at].Items, one)
	}
	v.Groups = slices.DeleteFunc(v.Groups, func(g group) bool { return len(g.Items) == 0 })
	if more := len(m.Entries) - shown.items; more > 0 {
		v.More = w.say(w.more, more, "")
	}
	if len(m.Entries) == 1 && shown.items == 1 {
		v.Subject = shorten(v.Groups[0].Items[0].Title, maxSubject)
	}
	return v
}

func (k *maker) language() string {
	for _, name := range k.templates.Languages() {
		if k.templates.words[name] == k.words {
			return name
		}
	}
	return ""
}

// groups are the categories of all items, the one with the most pressing item first, then
// that with the newest.
func (k *maker) groups() []counted {
	var out []counted
	for _, e := range k.m.Entries {
		var i int
		out, i = find(out, e.Category)
		out[i].n++
		out[i].pressing = max(out[i].pressing, int(e.Priority))
	}
	slices.SortStableFunc(out, func(a, b counted) int { return cmp.Compare(b.pressing, a.pressing) })
	return out
}

// leave are the links to receive less: of the one category that a letter is of, and of the
// channel, whose page has all categories.
func (k *maker) leave(groups []counted) []leave {
	if k.Links == nil || k.PublicURL == "" {
		return nil
	}
	var out []leave
	if len(groups) == 1 && groups[0].category != "" {
		text := strings.ReplaceAll(k.words.leaveCategory, "{what}", k.words.name(groups[0].category))
		out = append(out, leave{k.leaveURL(groups[0].category), text})
	}
	return append(out, leave{k.leaveURL(""), k.words.Leave})
}

func (k *maker) leaveURL(category string) string {
	return k.Links.URL(links.Link{
		Action: links.Unsubscribe, User: k.m.User, Channel: k.m.Channel, Category: category, Until: k.m.Now.Add(links.UnsubscribeLife),
	})
}

func (k *maker) item(e *inbox.Entry, content *inbox.Item, body int) item {
	title, name := k.text(content.Title)
	one := item{
		Title: cmp.Or(line(title, maxTitle), k.words.name(e.Category)), Language: name, // one of blanks alone has a name
		Urgent: e.Priority == belfry.PriorityUrgent, URL: link(content.URL, k.PublicURL),
	}
	if body > 0 {
		text, _ := k.text(content.Body)
		one.Body = lines(text, body)
	}
	one.Actor = line(content.Actor.Name, maxName)
	one.Time = k.words.at(content.Time.In(k.zone), k.m.Now.In(k.zone))
	one.Line = one.Time
	if one.Actor != "" {
		one.Line = one.Actor + " · " + one.Time
	}
	if k.Links != nil && k.PublicURL != "" {
		one.Read = k.Links.URL(links.Link{Action: links.Read, User: k.m.User, Seq: e.Seq, Until: k.m.Now.Add(links.ReadLife)})
	}
	return one
}

// text is a text in the user's language, and which that is.
func (k *maker) text(t belfry.Text) (text, name string) {
	if len(t) == 0 {
		return "", ""
	}
	names := t.Languages()
	key := strings.Join(names, " ")
	name, ok := k.chosen[key]
	if !ok {
		name = languages.Choose(k.prefer, names)
		k.chosen[key] = name
	}
	return t[name], name
}

// samples are views with each part there and not there, of the shapes that letters have.
func samples(name string, w *Words) []*view {
	url := "https://inbox.example/v1/links/x?a=1&b=2"
	base := view{
		Language: name, Direction: w.Direction, Start: "left", Subject: "Subject", Summary: "Summary", Total: 1, Words: w,
		Leave: []leave{{url, "Leave"}}, Home: "https://inbox.example/",
	}
	bare, single, full := base, base, base
	bare.Leave, bare.Home, bare.Total = nil, "", 3
	bare.Groups = []group{{Category: "approval", Name: "Approvals", Count: 3}}
	single.Groups = []group{{"approval", "Approvals", 1, []item{{Title: "Title"}}}}
	full.Total = 26
	full.Sender, full.More = "Sender", "More"
	one := item{Title: "Title"}
	all := item{"Title", "en", []string{"Body", "", "more"}, "Kim · 15:04", "Kim", "15:04", url, url, true}
	full.Groups = []group{{"approval", "Approvals", 2, []item{one, all}}, {"", w.Uncategorized, 1, []item{one}}}
	return []*view{&bare, &single, &full}
}
