package inspect

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/inbox/board"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/internal/userdata"
	"github.com/belfry/belfry/views"
)

// maxInspectSteps bounds what inspect --journal prints, and holds in memory.
const maxInspectSteps = 10_000

// journalOptions are those of inspect --journal.
type journalOptions struct {
	show  bool
	since time.Duration
	fold  options.Fold
}

func (o *journalOptions) AddFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.show, "journal", false, "show instead what each record of the user's journal changed, folded again")
	fs.DurationVar(&o.since, "since", 0, "with --journal, show records of this long back only; 0 for all there are")
	o.fold.AddFlags(fs)
}

func (o *journalOptions) Validate() error {
	if o.since < 0 {
		return cli.FlagErrorf("since", "must not be negative, is %s", o.since)
	}
	return o.fold.Validate()
}

// inspectJournal folds the user's journal again and prints each step.
func inspectJournal(ctx context.Context, p *cli.Program, cfg kafka.Config, user string, o journalOptions, contents, asJSON bool) error {
	infos, err := options.LookUp(cfg, cfg.Prefix.UnreadTable())
	if err != nil {
		return err
	}
	held, err := userdata.ReadPartition(ctx, cfg, kafka.Partition(user, infos[cfg.Prefix.UnreadTable()].Partitions), user)
	if err != nil {
		return err
	}
	row, err := held.Stored(user)
	if err != nil {
		return err
	}
	var since time.Time
	if o.since > 0 {
		since = time.Now().Add(-o.since)
	}
	journals := &views.Journals{Config: cfg, Prefix: cfg.Prefix, Cap: o.fold.InboxCap, Members: o.fold.Features.Members(), BroadcastCap: o.fold.BroadcastCap,
		Board: func(int32) (*board.Board, error) { return held.Board, nil }}
	told := time.Now()
	journals.Progress = func(read, total int64) {
		// A short one needs no word.
		if now := time.Now(); now.Sub(told) >= time.Second {
			told = now
			fmt.Fprintf(p.Stderr, "read %d of %d records (%d%%)\n", read, total, 100*read/max(total, 1))
		}
	}
	refold, err := journals.Refold(ctx, user, row, inbox.RefoldQuery{Since: since, Most: maxInspectSteps, Texts: contents})
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(p.Stdout).Encode(refold)
	}
	return printRefold(p.Stdout, cfg.Prefix, refold, o.fold)
}

func printRefold(w io.Writer, prefix belfry.Prefix, r *inbox.Refold, by options.Fold) error {
	t := cli.NewTable(w)
	fmt.Fprintf(t, "user\t%s\njournal\t%s/%d, offsets %d to %d, epoch %d\n", r.User, prefix.Journal(), r.Partition, r.Oldest, r.End, r.Epoch)
	before := "nothing: it is all here"
	if !r.Complete {
		before = fmt.Sprintf("what made version %d is not retained: items of that time are in no count below", r.From)
	}
	fmt.Fprintf(t, "before\t%s\nrecords\t%d", before, r.Records)
	if r.Notices > 0 {
		fmt.Fprintf(t, ", and %d of the notice board", r.Notices)
	}
	if r.Omitted > 0 {
		fmt.Fprintf(t, ", the first %d not shown", r.Omitted)
	}
	fmt.Fprint(t, "\n\n")
	if len(r.Steps) > 0 {
		fmt.Fprintln(t, "OFFSET\tTIME\tVERSION\tKIND\tFROM\tOUTCOME\tCHANGED\tUNREAD\tUNSEEN\tURGENT\tTITLE")
	}
	for i := range r.Steps {
		s := &r.Steps[i]
		fmt.Fprintf(t, "%d\t%s\t%d\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n", s.Offset, s.Time.Format(time.RFC3339), s.Version,
			cli.OrDash(s.Kind), cli.OrDash(cli.Printable(stepOrigin(s))), cli.Printable(stepOutcome(s)), cli.OrDash(stepChanges(s)), s.Counts.Unread, s.Counts.Unseen, s.Counts.Urgent, cli.Printable(s.Title))
	}
	fmt.Fprintln(t)
	for _, line := range append(whys(r.Steps, time.Now()), verdict(&r.Result)...) {
		fmt.Fprintln(t, line)
	}
	if !r.Result.Agrees {
		fmt.Fprintf(t, "it was folded with --inbox-cap %d and --broadcast-cap %d, which must be those of the processors\n", by.InboxCap, by.BroadcastCap)
	}
	return t.Flush()
}

// maxWhys bounds for how many items it is told why they show or hide.
const maxWhys = 20

// whys tell of the items that were hidden, shown again or muted which record did so
// last, the newest item last, and of each notice why it shows or not at now.
func whys(steps []inbox.Step, now time.Time) []string {
	last := map[uint64]string{}
	notices := map[uint64]time.Time{} // when they expire
	for i := range steps {
		s := &steps[i]
		by := fmt.Sprintf("by %s at version %d, %s", s.Kind, s.Version, s.Time.Format(time.RFC3339))
		note := func(how string, seqs ...uint64) {
			for _, seq := range seqs {
				if _, notice := notices[seq]; notice {
					last[seq] = how + " " + by
				}
			}
		}
		if s.Added != 0 && s.Audience != "" {
			notices[s.Added] = s.ExpiresAt
			note("came to "+cli.Printable(audience(s.Audience)), s.Added)
		}
		note("seen", s.Seen...)
		note("read", s.Read...)
		note("unread again", s.Unread...)
		note("archived", s.Archived...)
		note("taken out of the archive", s.Unarchived...)
		for _, h := range s.Hidden {
			last[h.Seq] = fmt.Sprintf("hidden until %s %s", h.Until.Format(time.RFC3339), by)
		}
		for _, seq := range s.Shown {
			last[seq] = "shown again " + by
		}
		for _, seq := range s.Muted {
			last[seq] = "muted " + by
		}
		for _, g := range s.Gone {
			if _, notice := notices[g.Seq]; !notice {
				delete(last, g.Seq)
				continue
			}
			if g.How == "expired" {
				last[g.Seq] = expired(notices[g.Seq], last[g.Seq]) // whatever record dropped it
			} else {
				note("gone: "+g.How, g.Seq)
			}
			notices[g.Seq] = time.Time{}
		}
	}
	for seq, expires := range notices {
		if !expires.IsZero() && !expires.After(now) {
			last[seq] = expired(expires, last[seq])
		}
	}
	seqs := slices.Sorted(maps.Keys(last))
	var lines []string
	if omitted := len(seqs) - maxWhys; omitted > 0 {
		lines = append(lines, fmt.Sprintf("of %d more items it is not told here why they show or hide", omitted))
		seqs = seqs[omitted:]
	}
	for _, seq := range seqs {
		what := "item"
		if _, notice := notices[seq]; notice {
			what = "notice"
		}
		lines = append(lines, fmt.Sprintf("%s %d: %s", what, seq, last[seq]))
	}
	return lines
}

func expired(at time.Time, before string) string {
	return fmt.Sprintf("gone: expired at %s by the clock; before, %s", at.Format(time.RFC3339), before)
}

// audience is whom an item is for, for people.
func audience(of string) string {
	switch of {
	case "":
		return "the user"
	case belfry.AudienceAll:
		return "everyone"
	}
	return of
}

// stepOrigin says where a record comes from: source and id, and the rule that made
// it with the place it was read.
func stepOrigin(s *inbox.Step) string {
	var parts []string
	if s.Source != "" || s.ID != "" {
		parts = append(parts, s.Source+"/"+s.ID)
	}
	if s.Audience != "" {
		parts = append(parts, "to "+audience(s.Audience))
	}
	if s.Rule != "" {
		parts = append(parts, "rule "+s.Rule)
	}
	if o := s.Origin; o != nil {
		parts = append(parts, fmt.Sprintf("%s/%d@%d", o.TopicID[:8], o.Partition, o.Offset))
	}
	return strings.Join(parts, ", ")
}

func stepOutcome(s *inbox.Step) string {
	out := string(s.Outcome)
	if s.Why != "" {
		out += " (" + s.Why + ")"
	}
	if s.Pending {
		out += ", not in the row yet"
	}
	return out
}

func stepChanges(s *inbox.Step) string {
	var parts []string
	add := func(name string, seqs ...uint64) {
		if len(seqs) > 0 {
			parts = append(parts, name+" "+seqList(seqs))
		}
	}
	if s.Added != 0 {
		add("added", s.Added)
	}
	how := map[string][]uint64{}
	for _, g := range s.Gone {
		how[g.How] = append(how[g.How], g.Seq)
	}
	for _, name := range []string{"replaced", "evicted", "expired", "deleted", "retracted", "erased"} {
		add(name, how[name]...)
	}
	add("read", s.Read...)
	add("unread", s.Unread...)
	add("seen", s.Seen...)
	add("archived", s.Archived...)
	add("unarchived", s.Unarchived...)
	for _, h := range s.Hidden {
		parts = append(parts, fmt.Sprintf("hidden %d until %s", h.Seq, h.Until.Format(time.RFC3339)))
	}
	add("shown", s.Shown...)
	if s.Back != 0 {
		add("back", s.Back)
	}
	add("muted", s.Muted...)
	add("left", s.Left...)
	if s.Channel != "" && s.Decision != 0 {
		parts = append(parts, fmt.Sprintf("decision %d of %s", s.Decision, cli.Printable(s.Channel)))
	}
	if len(s.Told) > 0 {
		add("told on "+cli.Printable(s.Channel), s.Told...)
	}
	add("given back", s.Returned...)
	if s.Endpoint != 0 {
		add("endpoint", s.Endpoint)
	}
	add("endpoint gone", s.GoneEndpoints...)
	if s.Bounced != 0 {
		parts = append(parts, fmt.Sprintf("endpoint %d bounced, on day %d of %d", s.Bounced, s.Bounces, inbox.MaxBounceDays))
	}
	if s.Reason != "" {
		parts = append(parts, "because: "+cli.Printable(s.Reason))
	}
	add("unknown", s.Unknown...)
	return strings.Join(parts, "; ")
}

// seqList names at most ten.
func seqList(seqs []uint64) string {
	const most = 10
	var names []string
	for _, seq := range seqs[:min(len(seqs), most)] {
		names = append(names, strconv.FormatUint(seq, 10))
	}
	if more := len(seqs) - most; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, " ")
}

// verdict says why the badge is what it is, and whether the row agrees.
func verdict(c *inbox.Comparison) []string {
	lines := []string{fmt.Sprintf("badge: %d unread (%d unseen, %d urgent) at version %d", c.Row.Unread, c.Row.Unseen, c.Row.Urgent, c.Version)}
	if len(c.OlderItems) > 0 {
		lines = append(lines, fmt.Sprintf("of these %d from the records above, %d from items older than the journal: %s", c.Refolded.Unread, c.Older.Unread, seqList(c.OlderItems)))
	}
	if c.Pending > 0 {
		lines = append(lines, fmt.Sprintf("%d records are not in the row yet", c.Pending))
	}
	if c.Agrees {
		return append(lines, "the row agrees with the journal")
	}
	for _, d := range []struct {
		name string
		seqs []uint64
	}{{"missing in the row", c.Missing}, {"in the row alone", c.Surplus}, {"with other flags", c.Different}} {
		if len(d.seqs) > 0 {
			lines = append(lines, d.name+": "+seqList(d.seqs))
		}
	}
	return append(lines, "the row does not agree with the journal")
}
