package upkeep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/breath"
)

// DefaultAuditRate is how many users a second an audit looks at.
const DefaultAuditRate = 50

const (
	// auditInterval is between two passes, give or take a quarter.
	auditInterval = 10 * time.Minute
	// auditAgain is how often those are looked at again who lacked something.
	auditAgain = 5 * time.Second
	// maxSuspects bounds whom an audit remembers.
	maxSuspects = 10_000
)

// Finding is something an audit found to be wrong.
type Finding string

// The findings.
const (
	FindingBadge      Finding = "badge"      // the badge is not what the row counts
	FindingMissing    Finding = "missing"    // the row holds an item or endpoint that has no content
	FindingDiffers    Finding = "differs"    // row and content say different things
	FindingUnreadable Finding = "unreadable" // row or content cannot be decoded
)

// Findings are all of them.
func Findings() []Finding {
	return []Finding{FindingBadge, FindingMissing, FindingDiffers, FindingUnreadable}
}

// AuditRows is the unread table as an audit reads it, as views.Unread does.
type AuditRows interface {
	Row(recipient string) (inbox.State, error)
	Badge(recipient string, now time.Time) (inbox.Badge, error)
	// EachUser calls visit for each recipient who has a row; see views.Unread.
	EachUser(ctx context.Context, visit func(recipient string) error) error
}

// AuditItems reads contents, as views.Inbox does.
type AuditItems interface {
	Item(recipient string, seq uint64) (inbox.Item, bool, error)
	Endpoint(recipient string, seq uint64) (inbox.Address, bool, error)
}

// AuditConfig says what to audit and how fast. The zero values of the last
// fields stand for DefaultAuditRate and slog.Default.
type AuditConfig struct {
	Rows  AuditRows
	Items AuditItems
	// Settled reports whether all that was written to the journal and to items
	// before a time has got to the tables, and the tables to Rows and Items.
	Settled func(since time.Time) bool

	Rate   int // users a second, at the most
	Logger *slog.Logger
}

// Audit recounts users, one after the other, from their rows and contents, and
// compares that with the badge that they are shown.
//
// A content that is not there may be on its way, or its item on its way out:
// it counts as missing once everything has settled that was under way when it
// was first missed.
type Audit struct {
	cfg AuditConfig
	log *slog.Logger

	mu       sync.Mutex
	stats    AuditStats
	suspects map[string]*suspect
}

// AuditStats is what an audit has found.
type AuditStats struct {
	Users    int64             // looked at so far, again and again
	Findings map[Finding]int64 // so far
	// Drift is by how many items the badges are wrong of those users of whom
	// that is known now.
	Drift   int
	Waiting int // users with contents that are on their way
	// LastPass is when a pass last came to its end, the zero Time if none did.
	LastPass time.Time
}

// suspect is a user of whom something is or may be wrong.
type suspect struct {
	missed map[uint64]time.Time // seqs without content, and since when
	found  map[Finding]bool     // told already
	drift  int
}

// NewAudit returns an audit that does nothing until Run.
func NewAudit(cfg AuditConfig) *Audit {
	if cfg.Rate <= 0 {
		cfg.Rate = DefaultAuditRate
	}
	return &Audit{
		cfg: cfg, log: cmp.Or(cfg.Logger, slog.Default()).With("component", "audit"),
		stats: AuditStats{Findings: map[Finding]int64{}}, suspects: map[string]*suspect{},
	}
}

// Stats returns what was found so far. It may be called at any time.
func (a *Audit) Stats() AuditStats {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.stats
	s.Findings = map[Finding]int64{}
	for _, f := range Findings() {
		s.Findings[f] = a.stats.Findings[f]
	}
	for _, one := range a.suspects {
		s.Drift += one.drift
		if len(one.missed) > 0 && !one.found[FindingMissing] {
			s.Waiting++
		}
	}
	return s
}

// Run makes a pass at each interval until ctx ends, the first one at once. It
// returns nil.
func (a *Audit) Run(ctx context.Context) error {
	var again sync.WaitGroup
	defer again.Wait()
	again.Go(func() {
		for sleep(ctx, auditAgain) {
			a.Again()
		}
	})
	for pause := time.Duration(0); sleep(ctx, pause); {
		pause = auditInterval*3/4 + rand.N(auditInterval/2)
		if err := a.Pass(ctx); err != nil && ctx.Err() == nil {
			pause = min(pause, auditAgain)
			a.log.Debug("audit not finished", "err", err)
		}
	}
	return nil
}

// Pass looks at all users once, from a place that is another each time. It may
// take hours where there are many, and ends with an error when ctx does or the
// tables cannot be read.
func (a *Audit) Pass(ctx context.Context) error {
	pace := time.NewTicker(max(time.Second/time.Duration(a.cfg.Rate), 1))
	defer pace.Stop()
	err := a.cfg.Rows.EachUser(ctx, func(recipient string) error {
		select {
		case <-pace.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		return a.look(recipient)
	})
	if err != nil {
		return fmt.Errorf("go through users: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stats.LastPass = time.Now()
	return nil
}

// Again looks once more at those of whom something may be wrong.
func (a *Audit) Again() {
	a.mu.Lock()
	users := make([]string, 0, len(a.suspects))
	for user := range a.suspects {
		users = append(users, user)
	}
	a.mu.Unlock()
	for _, user := range users {
		if a.look(user) != nil {
			return
		}
	}
}

// look recounts one user. The error matches belfry.ErrNotReady.
func (a *Audit) look(user string) error {
	a.mu.Lock()
	var missed map[uint64]time.Time
	if s := a.suspects[user]; s != nil {
		missed = s.missed
	}
	a.mu.Unlock()
	seen := examine(a.cfg, user, missed)
	if seen.err != nil {
		return seen.err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stats.Users++
	if seen.moving {
		return nil
	}
	if len(seen.missed) == 0 && len(seen.findings) == 0 {
		delete(a.suspects, user)
		return nil
	}
	s := a.suspects[user]
	if s == nil {
		if len(a.suspects) >= maxSuspects {
			return nil
		}
		s = &suspect{found: map[Finding]bool{}}
		a.suspects[user] = s
	}
	s.missed, s.drift = seen.missed, seen.drift
	for _, f := range Findings() {
		found := slices.Contains(seen.findings, f)
		if found && !s.found[f] {
			a.stats.Findings[f]++
			a.log.Debug("drift", "user", user, "finding", string(f), "drift", seen.drift)
		}
		s.found[f] = found
	}
	return nil
}

// examined is what one look at a user saw.
type examined struct {
	err      error // not ready
	moving   bool  // the row would not stand still; another time
	findings []Finding
	missed   map[uint64]time.Time
	drift    int
}

// examine recounts a user; missed are the contents that were missed before.
func examine(cfg AuditConfig, user string, missed map[uint64]time.Time) (out examined) {
	out.moving = true
	for range 3 {
		now := time.Now()
		// Asked before the tables are read, so that what has settled shows.
		settled := make(map[uint64]bool, len(missed))
		for seq, since := range missed {
			settled[seq] = cfg.Settled(since)
		}
		badge, err := cfg.Rows.Badge(user, now)
		row, err2 := cfg.Rows.Row(user)
		if err = errors.Join(err, err2); err != nil {
			return out.unreadable(err)
		}
		if badge.Cursor != row.Cursor() {
			continue
		}
		out.moving = false
		out.missed = map[uint64]time.Time{}
		miss := func(seq uint64) (owed bool) {
			since, before := missed[seq]
			if !before {
				since = now
			}
			out.missed[seq] = since
			return !settled[seq]
		}
		// A full inbox takes some five milliseconds: others come in between.
		var stretches breath.Stretches
		r := Recount(&row, badge.Counts, now, func(seq uint64) (*inbox.Item, bool, error) {
			stretches.Next()
			item, ok, err := cfg.Items.Item(user, seq)
			if err != nil || ok {
				return &item, false, err
			}
			return nil, miss(seq), nil
		}, func(seq uint64) (there, owed bool, err error) {
			_, there, err = cfg.Items.Endpoint(user, seq)
			return there, err == nil && !there && miss(seq), err
		})
		if r.Err != nil {
			return out.unreadable(r.Err)
		}
		out.drift, out.findings = r.Drift, r.Findings
		return out
	}
	return out
}

func (e examined) unreadable(err error) examined {
	e.moving = false
	if errors.Is(err, belfry.ErrNotReady) {
		e.err = err
		return e
	}
	e.findings, e.drift = []Finding{FindingUnreadable}, 1
	return e
}

// Recounted is what a badge was found to be, compared with row and contents.
type Recounted struct {
	inbox.Recount
	Findings []Finding // in the order of their names
	Drift    int       // by how many items the badge is wrong, see [inbox.Recount.Drift]
	Err      error     // of contents that cannot be read
}

// Recount counts a row's items by their contents and compares that with the badge
// that is shown. Content is as [inbox.State.Recount] has it; with an error the
// item is counted as the row has it. Endpoint says whether the content of an endpoint is
// there, or on its way.
func Recount(row *inbox.State, badge inbox.Counts, now time.Time, content func(seq uint64) (item *inbox.Item, owed bool, err error), endpoint func(seq uint64) (there, owed bool, err error)) (r Recounted) {
	r.Recount = row.Recount(now, func(seq uint64) (*inbox.Item, bool) {
		item, owed, err := content(seq)
		if err != nil {
			r.Err = errors.Join(r.Err, err)
			return nil, true
		}
		return item, owed
	})
	if row.Reach != nil {
		for i := range row.Reach.Endpoints {
			seq := row.Reach.Endpoints[i].Seq
			switch there, owed, err := endpoint(seq); {
			case err != nil:
				r.Err = errors.Join(r.Err, err)
			case !there && !owed:
				r.Missing = append(r.Missing, seq)
			}
		}
	}
	r.Drift = r.Recount.Drift(badge)
	own := inbox.Recount{Counts: row.Counts(now)}
	for _, f := range []struct {
		finding Finding
		found   bool
	}{
		{FindingBadge, own.Drift(badge) > 0},
		{FindingDiffers, len(r.Differing) > 0},
		{FindingMissing, len(r.Missing) > 0},
		{FindingUnreadable, r.Err != nil},
	} {
		if f.found {
			r.Findings = append(r.Findings, f.finding)
		}
	}
	return r
}
