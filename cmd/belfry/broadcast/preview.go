package broadcast

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/text/language"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/languages"
)

// preview prints a notice as its readers will see it in each of its languages, when it is
// shown and whom it reaches.
func preview(to io.Writer, n *belfry.Notification, f *found, now time.Time) error {
	w := bufio.NewWriter(to)
	for _, name := range languagesOf(n) {
		fmt.Fprintf(w, "[%s]\n", cmp.Or(name, "any language"))
		fmt.Fprintf(w, "  %s\n", cli.Printable(in(name, n.Title)))
		if body := in(name, n.Body); body != "" {
			fmt.Fprintf(w, "  %s\n", cli.Printable(body))
		}
	}
	fmt.Fprintln(w)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-10s %s\n", name, cli.Printable(value))
		}
	}
	line("audience", n.Audience)
	line("id", n.ID)
	line("source", n.Source)
	line("category", n.Category)
	line("priority", n.Priority.String())
	line("url", n.URL)
	line("collapse", n.CollapseKey)
	from := "at once"
	if n.DeliverAt.After(now) {
		from = n.DeliverAt.UTC().Format(time.RFC3339)
	}
	line("shown", from+", until "+n.ExpiresAt.UTC().Format(time.RFC3339))
	if in := f.knows(n); in > 0 {
		line("announced", fmt.Sprintf("before, in %d of %s: there this changes nothing; a correction needs an id of its own", in, cli.Counted(f.partitions, "partition")))
	}
	if n.Audience == belfry.AudienceAll {
		line("reaches", cli.Counted(f.users, "user")+" of whom something is known, and everybody else who looks")
	} else {
		line("reaches", fmt.Sprintf("%d of %s of whom something is known", f.reached, cli.Counted(f.users, "user")))
	}
	return w.Flush()
}

// languagesOf are those of title and body, each once and in order; readers of others see
// one of these.
func languagesOf(n *belfry.Notification) []string {
	names := append(n.Title.Languages(), n.Body.Languages()...)
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > 1 && names[0] == "" {
		names = names[1:] // a plain text is read in all
	}
	return names
}

// in is a text as who prefers a language reads it.
func in(name string, t belfry.Text) string {
	if len(t) == 0 {
		return ""
	}
	var prefer []language.Tag
	if tag, err := language.Parse(name); err == nil && name != "" {
		prefer = append(prefer, tag)
	}
	return t[languages.Choose(prefer, t.Languages())]
}
