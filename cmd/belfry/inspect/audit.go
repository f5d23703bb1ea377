package inspect

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/engine/lagwatch"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/node"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/internal/userdata"
	"github.com/belfry/belfry/lag"
	"github.com/belfry/belfry/upkeep"
)

// auditPatience is how long an audit waits for contents that may be on their
// way.
const auditPatience = 30 * time.Second

// AuditReport is what a recount from the tables has found.
type AuditReport struct {
	Users   int          `json:"users"`   // recounted
	Waiting int          `json:"waiting"` // of those, with contents on their way
	Wrong   []auditWrong `json:"wrong"`
}

// auditWrong is a user of whom something is wrong.
type auditWrong struct {
	User     string           `json:"user"`
	Findings []upkeep.Finding `json:"findings"`
	Version  uint64           `json:"version"`
	Drift    int              `json:"drift"`
	Badge    inbox.Counts     `json:"badge"`
	Recount  inbox.Counts     `json:"recount"`
	Missing  []uint64         `json:"missing,omitempty"`
	Differs  []uint64         `json:"differs,omitempty"`
}

// auditor recounts users from the tables, a partition at a time: a user's row and contents,
// and the notices that the row shows, are in partitions of the same number.
type auditor struct {
	kafka.Config
	user string // "": all
}

// tables is what one partition of both tables holds.
type tables struct {
	*userdata.Partition
	own      string // key of the partition, under which notices have their contents
	contents map[inbox.ContentKey]content
}

// content is the part of an item that counts, or why it cannot be read; of an endpoint it is
// empty.
type content struct {
	category  string
	priority  belfry.Priority
	expiresAt time.Time
	seq       uint64
	err       error
}

// audit recounts, and tells of what may be on its way only once that has had
// time to arrive.
func (a *auditor) audit(ctx context.Context) (*AuditReport, error) {
	infos, err := options.LookUp(a.Config, a.Prefix.UnreadTable(), a.Prefix.InboxTable())
	if err != nil {
		return nil, err
	}
	n := infos[a.Prefix.UnreadTable()].Partitions
	if other := infos[a.Prefix.InboxTable()].Partitions; other != n {
		return nil, fmt.Errorf("%w: %s has %d partitions and %s has %d", kafka.ErrTopic, a.Prefix.UnreadTable(), n, a.Prefix.InboxTable(), other)
	}
	var partitions []int32
	for p := range int32(n) {
		if a.user == "" || p == kafka.Partition(a.user, n) {
			partitions = append(partitions, p)
		}
	}
	report := &AuditReport{Wrong: []auditWrong{}}
	missed := map[int32]map[string][]uint64{} // by partition and user
	began := time.Now()
	for _, p := range partitions {
		held, err := a.read(ctx, p)
		if err != nil {
			return nil, err
		}
		report.Users += len(held.Rows)
		for _, user := range slices.Sorted(maps.Keys(held.Rows)) {
			w := held.recount(user, nil, time.Now())
			if len(w.Missing) == 0 {
				report.add(w)
				continue
			}
			if missed[p] == nil {
				missed[p] = map[string][]uint64{}
			}
			missed[p][user] = w.Missing
		}
	}
	if len(missed) == 0 {
		return report, nil
	}
	arrived, err := a.await(ctx, began)
	if err != nil {
		return nil, err
	}
	for _, p := range slices.Sorted(maps.Keys(missed)) {
		held, err := a.read(ctx, p)
		if err != nil {
			return nil, err
		}
		for _, user := range slices.Sorted(maps.Keys(missed[p])) {
			// A content that was not missed before may be on its way now.
			late := missed[p][user]
			if !arrived {
				late = []uint64{}
			}
			w := held.recount(user, late, time.Now())
			if w.waiting > 0 {
				report.Waiting++
			}
			report.add(w)
		}
	}
	return report, nil
}

func (r *AuditReport) add(w recounted) {
	if len(w.Findings) > 0 {
		r.Wrong = append(r.Wrong, w.auditWrong)
	}
}

// read reads one partition of both tables: the rows first, since contents are
// written before what counts them.
func (a *auditor) read(ctx context.Context, partition int32) (*tables, error) {
	held, err := userdata.ReadPartition(ctx, a.Config, partition, a.user)
	if err != nil {
		return nil, err
	}
	t := &tables{Partition: held, own: belfry.PartitionKey(partition), contents: map[inbox.ContentKey]content{}}
	err = userdata.ScanContents(ctx, a.Config, partition, func(key inbox.ContentKey, value []byte) error {
		switch {
		case key.Recipient != t.own && t.Rows[key.Recipient] == nil:
		case value == nil:
			delete(t.contents, key)
		case key.Endpoint:
			t.contents[key] = content{}
		default:
			item, err := codec.DecodeItem(value)
			t.contents[key] = content{item.Category, item.Priority, item.ExpiresAt, item.Seq, err}
		}
		return nil
	})
	return t, err
}

// content returns what there is of an item or a notice of a user's: all records of a
// partition have different seqs.
func (t *tables) content(user string, seq uint64) (content, bool) {
	c, ok := t.contents[inbox.ContentKey{Recipient: user, Seq: seq}]
	if !ok {
		c, ok = t.contents[inbox.ContentKey{Recipient: t.own, Seq: seq}]
	}
	return c, ok
}

// recounted is what came of one user, wrong or not.
type recounted struct {
	auditWrong
	waiting int // contents that may be on their way
}

// recount recounts a user. An item without content counts as missing if it is among
// late, or late is nil.
func (t *tables) recount(user string, late []uint64, now time.Time) (w recounted) {
	w.User = user
	if t.Rows[user] == nil {
		return w // gone since
	}
	row, err := t.Stored(user)
	badge, badgeErr := t.Badge(user, now)
	if cmp.Or(err, badgeErr) != nil {
		w.Findings, w.Drift = []upkeep.Finding{upkeep.FindingUnreadable}, 1
		return w
	}
	row = t.Show(row)
	r := upkeep.Recount(&row, badge.Counts, now, func(seq uint64) (*inbox.Item, bool, error) {
		c, ok := t.content(user, seq)
		switch {
		case ok:
			return &inbox.Item{Seq: c.seq, Notification: belfry.Notification{Category: c.category, Priority: c.priority, ExpiresAt: c.expiresAt}}, false, c.err
		case late != nil && !slices.Contains(late, seq):
			w.waiting++
			return nil, true, nil
		}
		return nil, false, nil
	}, func(seq uint64) (there, owed bool, err error) {
		_, there = t.contents[inbox.ContentKey{Recipient: user, Seq: seq, Endpoint: true}]
		owed = !there && late != nil && !slices.Contains(late, seq)
		if owed {
			w.waiting++
		}
		return there, owed, nil
	})
	w.auditWrong = auditWrong{
		User: user, Findings: r.Findings, Version: row.Version, Drift: r.Drift,
		Badge: badge.Counts, Recount: r.Counts, Missing: r.Missing, Differs: r.Differing,
	}
	return w
}

// await waits until what was written before a time is in the tables, and reports
// whether it is.
func (a *auditor) await(ctx context.Context, before time.Time) (arrived bool, err error) {
	ctx, stop := context.WithTimeout(ctx, auditPatience)
	defer stop()
	lag := lagwatch.New(a.Config, lagwatch.Config{
		Groups: a.Prefix.GroupInputs, Interval: time.Second,
		Collected: func(r lag.Report) {
			if arrived = node.Processed(r, a.Prefix, before.Add(node.AuditMargin)); arrived {
				stop()
			}
		},
	})
	err = lag.Run(ctx)
	return arrived, err
}

// Print implements cli.Report.
func (r *AuditReport) Print(w io.Writer) error {
	fmt.Fprintf(w, "%d users recounted, %d wrong, %d with contents on their way\n", r.Users, len(r.Wrong), r.Waiting)
	if len(r.Wrong) == 0 {
		return nil
	}
	t := cli.NewTable(w)
	fmt.Fprintln(t, "USER\tVERSION\tFINDINGS\tBADGE\tRECOUNT\tMISSING\tDIFFERS")
	for _, wrong := range r.Wrong {
		fmt.Fprintf(t, "%s\t%d\t%v\t%d\t%d\t%v\t%v\n", cli.Printable(wrong.User), wrong.Version, wrong.Findings, wrong.Badge.Unread, wrong.Recount.Unread, wrong.Missing, wrong.Differs)
	}
	return t.Flush()
}

// runAudit prints what a recount has found; anything wrong is an error.
func runAudit(ctx context.Context, a *auditor, out io.Writer, asJSON bool) error {
	report, err := a.audit(ctx)
	if err == nil {
		err = cli.Print(out, asJSON, report)
	}
	if err == nil && len(report.Wrong) > 0 {
		err = fmt.Errorf("%d of %d users are wrong", len(report.Wrong), report.Users)
	}
	return err
}
