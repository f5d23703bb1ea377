package rules

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/server/wire"
)

// shownBytes is how much of an event a line shows.
const shownBytes = 400

// print writes the report for people; inDepth with all fields and values.
func (r *RecordReport) print(to io.Writer, inDepth bool) error {
	w := bufio.NewWriter(to)
	fmt.Fprintf(w, "%s/%d offset %d, %s", r.Topic, r.Partition, r.Offset, r.Timestamp.Format(time.RFC3339Nano))
	if r.Key != "" {
		fmt.Fprintf(w, ", key %s", cut(r.Key))
	}
	fmt.Fprintln(w)
	if inDepth {
		for _, h := range r.Headers {
			fmt.Fprintf(w, "  header %s: %s\n", cli.Printable(h.Key), cut(h.Value))
		}
	}
	for i := range r.Events {
		r.Events[i].print(w, inDepth)
	}
	if r.Nothing != "" {
		fmt.Fprintf(w, "  nothing: %s\n", r.Nothing)
	}
	if r.Error != "" {
		fmt.Fprintf(w, "  dead letter, nothing of it is delivered: %s\n", cli.Printable(r.Error))
	}
	fmt.Fprintln(w)
	return w.Flush()
}

func (e *eventReport) print(w io.Writer, inDepth bool) {
	fmt.Fprintf(w, "  event %d", e.Index)
	for _, f := range []struct{ name, value string }{{"type", e.Type}, {"id", e.ID}, {"source", e.Source}, {"subject", e.Subject}} {
		if f.value != "" {
			fmt.Fprintf(w, ", %s %s", f.name, cut(f.value))
		}
	}
	if !e.Time.IsZero() {
		fmt.Fprintf(w, ", time %s", e.Time.Format(time.RFC3339Nano))
	}
	if inDepth {
		fmt.Fprintf(w, "\n    %s\n", cli.Printable(string(e.Value)))
		printFields(w, "    ", "let ", e.Let)
	} else {
		fmt.Fprintf(w, "\n    %s\n", cut(string(e.Value)))
	}
	for i := range e.Rules {
		e.Rules[i].print(w, inDepth)
	}
}

func (o *outcomeReport) print(w io.Writer, inDepth bool) {
	fmt.Fprintf(w, "    %s", o.Rule)
	if o.Item != nil {
		fmt.Fprintf(w, ", item %d", *o.Item)
	}
	fmt.Fprint(w, ": ")
	switch {
	case o.Error != "":
		fmt.Fprintf(w, "error: %s\n", cli.Printable(o.Error))
	case len(o.Recipients) == 0 && o.Audience == "":
		fmt.Fprintf(w, "nothing: %s\n", cli.Printable(o.Why))
	case o.Does != "":
		fmt.Fprintf(w, "%s: %s\n", strings.TrimSuffix(o.Does+" "+cli.Printable(o.Topic), " "), o.people())
	case o.Retraction != nil:
		fmt.Fprintf(w, "retracts for %s: %s\n", o.people(), cut(string(wire.Shown(o.Retraction))))
	case inDepth:
		fmt.Fprintf(w, "for %s: %s\n", o.people(), cli.Printable(string(wire.Shown(o.Notification))))
	default:
		fmt.Fprintf(w, "for %s: %s (id %s)\n", o.people(), cut(string(wire.Shown(o.Notification.Title))), cut(o.Notification.ID))
	}
	for _, left := range o.Omitted {
		if left.Error != "" {
			fmt.Fprintf(w, "      without %s: %s\n", left.Field, cli.Printable(left.Error))
		}
	}
	if o.Refused != "" {
		fmt.Fprintf(w, "      dead letter about a recipient: %s\n", cli.Printable(o.Refused))
	}
	if inDepth {
		printFields(w, "      ", "", o.Fields)
	}
}

func (o *outcomeReport) people() string {
	if o.Audience != "" {
		return "audience " + cli.Printable(o.Audience)
	}
	text := cli.FirstOf(o.Recipients)
	if len(o.Excluded) > 0 {
		text += fmt.Sprintf(" (without %s)", cut(strings.Join(o.Excluded, ", ")))
	}
	return text
}

func printFields(w io.Writer, indent, before string, fields []fieldReport) {
	for _, f := range fields {
		value := cli.Printable(string(f.Value))
		if f.Error != "" {
			value = "error: " + cli.Printable(f.Error)
		}
		text := ""
		if f.Text != "" {
			text = "  <- " + cli.Printable(f.Text)
		}
		fmt.Fprintf(w, "%s%s%s = %s%s\n", indent, before, f.Name, value, text)
	}
}

// cut is a text in one line, shortened between two characters.
func cut(s string) string {
	if len(s) > shownBytes {
		n := shownBytes
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + "..."
	}
	return cli.Printable(s)
}
