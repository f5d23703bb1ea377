package check

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is what a finding is about.
type Kind string

// The kinds of findings.
const (
	Lost    Kind = "lost"    // something acknowledged, or its content, is nowhere
	Doubled Kind = "doubled" // something is there twice
	Drift   Kind = "drift"   // counts, lists or tables differ from what the journal says
	Back    Kind = "back"    // a version, an offset or a row went back
	Stuck   Kind = "stuck"   // something did not come to rest
	Other   Kind = "other"   // a broken contract, or nothing to check
)

// Finding is one thing that is not as it must be. User is empty if it concerns
// no single one. Subject, if not empty, names what is lost or doubled, so that
// what several checks find counts once.
type Finding struct {
	Kind    Kind
	User    string
	Subject string
	Text    string
}

// String returns one line.
func (f Finding) String() string {
	if f.User == "" {
		return fmt.Sprintf("%s: %s", f.Kind, f.Text)
	}
	return fmt.Sprintf("%s: user %s: %s", f.Kind, f.User, f.Text)
}

// Checked is how much was compared. Answers count only if they were about a
// user who has a version: those of strangers prove nothing.
type Checked struct {
	Users                  int // who have a journal
	Records                int // of the journal
	Sent                   int // attempts to send
	Acknowledged           int // distinct notifications that were acknowledged
	Repeated               int // attempts to send what had been sent before
	Poison                 int // acknowledged poison records
	Actions                int // acknowledged commands
	Polls                  int // answers with counts
	Pages                  int // of lists
	Notices                int // items of lists and streams that were notices
	Frames                 int // of streams
	Batches                int // of streams, whose end told what it must have told
	Tallies                int // batches whose counts were held against the client's items
	Connections            int // of streams
	Sightings              int // versions held against an earlier one of the same client
	Offsets                int // committed offsets held against an earlier one
	Rows, Items, Endpoints int // of the tables at the end
	Decisions              int // that journals make
	Outbound               int // records of the outbound topic
	Finals                 int // complete lists at the end, each of a server and a user
	Held                   int // stream clients at the end
	Dead                   int // dead letters
	Faults                 int
}

// Verdict is the outcome of a check. The numbers beside Checked count findings
// of that kind, those with the same user and subject once.
type Verdict struct {
	Checked                                  Checked
	Lost, Doubled, Drift, Back, Stuck, Other int
	Findings                                 []Finding // by user
}

// Ok reports whether nothing was found.
func (v Verdict) Ok() bool { return len(v.Findings) == 0 }

// FirstUser returns whose history to explain: the user of the first finding
// that has one, or "".
func (v Verdict) FirstUser() string {
	i := slices.IndexFunc(v.Findings, func(f Finding) bool { return f.User != "" })
	if i < 0 {
		return ""
	}
	return v.Findings[i].User
}

// shownFindings is how many findings of each kind String shows.
const shownFindings = 5

// String returns a few lines for people.
func (v Verdict) String() string {
	var b strings.Builder
	c := v.Checked
	word := "ok"
	if !v.Ok() {
		word = "BROKEN"
	}
	fmt.Fprintf(&b, "%s: %d lost, %d doubled, %d drift, %d back, %d stuck, %d other\n",
		word, v.Lost, v.Doubled, v.Drift, v.Back, v.Stuck, v.Other)
	fmt.Fprintf(&b, "sent: %d attempts, %d notifications acknowledged, %d repeats, %d poison; %d actions; %d faults\n",
		c.Sent, c.Acknowledged, c.Repeated, c.Poison, c.Actions, c.Faults)
	fmt.Fprintf(&b, "seen: %d polls, %d pages, %d notices, %d frames in %d batches (%d counted) on %d connections, %d versions in order\n",
		c.Polls, c.Pages, c.Notices, c.Frames, c.Batches, c.Tallies, c.Connections, c.Sightings)
	fmt.Fprintf(&b, "at rest: %d users, %d records, %d rows, %d items, %d endpoints, %d decisions (%d outbound), %d lists, %d stream clients, %d dead letters, %d committed offsets in order\n",
		c.Users, c.Records, c.Rows, c.Items, c.Endpoints, c.Decisions, c.Outbound, c.Finals, c.Held, c.Dead, c.Offsets)
	shown := map[Kind]int{}
	for _, f := range v.Findings {
		if shown[f.Kind]++; shown[f.Kind] <= shownFindings {
			fmt.Fprintf(&b, "  %s\n", f)
		}
	}
	for _, k := range []Kind{Lost, Doubled, Drift, Back, Stuck, Other} {
		if more := shown[k] - shownFindings; more > 0 {
			fmt.Fprintf(&b, "  %s: %d findings more\n", k, more)
		}
	}
	return b.String()
}

// report collects what checks find.
type report struct {
	checked  Checked
	findings []Finding
}

func (r *report) find(k Kind, user, format string, args ...any) {
	r.findings = append(r.findings, Finding{Kind: k, User: user, Text: fmt.Sprintf(format, args...)})
}

// about is find with a subject.
func (r *report) about(k Kind, user, subject, format string, args ...any) {
	r.findings = append(r.findings, Finding{k, user, subject, fmt.Sprintf("%s %s", subject, fmt.Sprintf(format, args...))})
}

// nothing finds each kind of check that had nothing to compare.
func (r *report) nothing() {
	c := r.checked
	for _, kind := range []struct {
		n    int
		what string
	}{
		{c.Users, "users"}, {c.Acknowledged, "acknowledged notifications"}, {c.Poison, "poison"},
		{c.Actions, "actions"}, {c.Polls, "polls"}, {c.Pages, "pages"}, {c.Notices, "notices"}, {c.Batches, "batches of streams"},
		{c.Tallies, "counts of streams"}, {c.Sightings, "versions"}, {c.Offsets, "offsets"}, {c.Rows, "rows"},
		{c.Items, "items"}, {c.Decisions, "decisions"}, {c.Finals, "final lists"}, {c.Held, "stream clients"},
	} {
		if kind.n == 0 {
			r.find(Other, "", "nothing checked: no %s", kind.what)
		}
	}
}

func (r *report) verdict() Verdict {
	v := Verdict{Checked: r.checked, Findings: r.findings}
	slices.SortStableFunc(v.Findings, func(a, b Finding) int { return strings.Compare(a.User, b.User) })
	counted := map[Finding]bool{}
	for _, f := range v.Findings {
		if f.Subject != "" {
			f.Text = ""
			if counted[f] {
				continue
			}
			counted[f] = true
		}
		switch f.Kind {
		case Lost:
			v.Lost++
		case Doubled:
			v.Doubled++
		case Drift:
			v.Drift++
		case Back:
			v.Back++
		case Stuck:
			v.Stuck++
		default:
			v.Other++
		}
	}
	return v
}
