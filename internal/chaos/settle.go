package chaos

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/check"
	"github.com/belfry/belfry/internal/chaos/history"
	"github.com/belfry/belfry/reach"
	"github.com/belfry/belfry/reach/channels"
)

// restInterval is the time between two looks at whether all is at rest.
const restInterval = 300 * time.Millisecond

// settle waits until every group has processed everything, every server shows
// every user's final version, every stream has been told of it, and the tables
// hold nothing that has to be mended. It returns what has not come to rest in
// time.
func (r *run) settle(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, r.cfg.rest())
	defer cancel()
	var last []string
	for {
		moving, err := r.moving(ctx)
		switch {
		case err == nil && len(moving) == 0:
			return nil
		case err == nil:
			last = moving
		case len(last) == 0 || ctx.Err() == nil: // else it says that time is over
			last = []string{err.Error()}
		}
		if !pause(ctx, restInterval) {
			return last
		}
	}
}

// moving says what is not at rest.
func (r *run) moving(ctx context.Context) ([]string, error) {
	before, behind, err := r.behind(ctx)
	if err != nil || len(behind) > 0 {
		return behind, err
	}
	truth, err := r.scan.truth(ctx)
	if err != nil {
		return nil, err
	}
	truth.Cap, truth.BoardCap = r.cfg.Cap, boardCap
	shown := check.Finals(truth, users(r.cfg.Users))
	var late []string
	for i := range r.api.servers {
		late = append(late, r.outdated(ctx, i, shown)...)
	}
	for _, s := range r.streamers {
		if text := s.settled(shown[s.user].Version); text != "" {
			late = append(late, text)
		}
	}
	if len(late) > 0 {
		return late, nil
	}
	if broken := unmended(truth); len(broken) > 0 {
		return broken, nil
	}
	if waiting := passing(truth, time.Now()); len(waiting) > 0 {
		return waiting, nil
	}
	if untold, err := untold(shown); err != nil || len(untold) > 0 {
		return untold, err
	}
	// Records written meanwhile, by the repair of a row too, are processed.
	after, behind, err := r.behind(ctx)
	if err == nil && len(behind) == 0 && !maps.Equal(before, after) {
		behind = []string{"the topics still grow"}
	}
	return behind, err
}

// passing says which notices change what is shown by the clock, or have a moment ago: they
// come, or they expire.
func passing(t *history.Truth, now time.Time) []string {
	const (
		moment = 2 * time.Second // for streams to tell
		soon   = time.Minute     // before which all that the announcer lets expire does
	)
	var all []string
	for _, key := range slices.Sorted(maps.Keys(t.Boards)) {
		items := t.Boards[key].State.Items
		for i := range items {
			e := &items[i]
			switch expires := time.UnixMilli(e.ExpiresAt); {
			case e.Born:
				all = append(all, fmt.Sprintf("notice %d of %s is still scheduled", e.Seq, key))
			case e.ExpiresAt != 0 && expires.After(now.Add(-moment)) && expires.Before(now.Add(soon)):
				all = append(all, fmt.Sprintf("notice %d of %s is about to expire", e.Seq, key))
			}
		}
	}
	return all
}

// untold says who is still to be told of something: the journal grows by that.
func untold(rows map[string]inbox.State) ([]string, error) {
	policy, err := channels.Parse("channels.yaml", channelsFile)
	if err != nil {
		return nil, err
	}
	var late []string
	for user, row := range rows {
		if pending := reach.Due(user, &row, policy, time.Now()); len(pending) > 0 {
			late = append(late, fmt.Sprintf("%s is still to be told of %d", user, pending[0].Seq))
		}
	}
	slices.Sort(late)
	return late, nil
}

// unmended says what processes that were paused or killed left in the tables,
// and that the others mend: old rows as the last of their key, and orphans.
func unmended(t *history.Truth) []string {
	rows := maps.Clone(t.Rows)
	for key, b := range t.Boards {
		rows[key] = b.State
	}
	final := map[string]uint64{}
	for _, j := range t.Journal {
		if !j.Unreadable {
			final[j.Recipient] = uint64(j.Offset) + 1
		}
	}
	var broken []string
	for key, version := range final {
		if row := rows[key]; row.Version < version {
			broken = append(broken, fmt.Sprintf("the last row of %s in the table is of version %d of %d", key, row.Version, version))
		}
	}
	for key := range t.Items {
		name, seq, _ := history.ParseItemKey(key)
		row := rows[name]
		if !row.Held(seq) && row.Version >= seq {
			broken = append(broken, fmt.Sprintf("the content of %s is in the table, and its row does not hold it", key))
		}
	}
	slices.Sort(broken)
	return broken
}

// behind says which groups have lag, and returns the ends of their topics.
func (r *run) behind(ctx context.Context) (map[topicPartition]int64, []string, error) {
	all := map[topicPartition]int64{}
	var behind []string
	inputs := r.admin.inputs()
	for _, group := range slices.Sorted(maps.Keys(inputs)) {
		// The offsets first: they only rise.
		committed, err := r.admin.committed(ctx, group)
		if err != nil {
			return nil, nil, err
		}
		ends, err := r.admin.ends(ctx, inputs[group]...)
		if err != nil {
			return nil, nil, err
		}
		for tp, end := range ends {
			all[tp] = end
			if at := committed[tp]; at < end {
				behind = append(behind, fmt.Sprintf("group %s is at %d of %d in %s/%d", group, at, end, tp.topic, tp.partition))
			}
		}
	}
	slices.Sort(behind)
	return all, behind, nil
}

// outdated says for which users a server does not show the final version.
func (r *run) outdated(ctx context.Context, server int, final map[string]inbox.State) []string {
	const most = 100
	var late []string
	for group := range slices.Chunk(slices.Sorted(maps.Keys(final)), most) {
		query := url.Values{"user": group}
		got := r.api.do(ctx, call{server: server, method: http.MethodGet, path: "/v1/unread?" + query.Encode(), token: r.api.service})
		var body struct{ Users []badgeBody }
		if got.status != http.StatusOK || !r.api.decode(got, &body) {
			return append(late, fmt.Sprintf("%s answered with %d", r.api.servers[server].name, got.status))
		}
		for _, u := range body.Users {
			if want := final[u.User].Version; u.Version < want {
				late = append(late, fmt.Sprintf("%s is at version %d of %d of %s", r.api.servers[server].name, u.Version, want, u.User))
			}
		}
	}
	return late
}

// listedAtOnce is how many lists are read at a time: a server waits 2 s for
// contents, and a run that lost some has many such lists.
const listedAtOnce = 16

// lists reads all pages of both lists of every user on every server.
func (r *run) lists(ctx context.Context, users []string) ([]history.Listed, error) {
	var mu sync.Mutex
	var all []history.Listed
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(listedAtOnce)
	for i, server := range r.api.servers {
		for _, user := range users {
			for _, archived := range []bool{false, true} {
				g.Go(func() error {
					pages, err := r.finalList(ctx, i, user, archived)
					mu.Lock()
					defer mu.Unlock()
					all = append(all, pages...)
					if err != nil {
						return fmt.Errorf("list %s on %s: %w", user, server.name, err)
					}
					return nil
				})
			}
		}
	}
	err := g.Wait()
	return all, err
}

// finalList reads all pages of one list.
func (r *run) finalList(ctx context.Context, server int, user string, archived bool) (pages []history.Listed, err error) {
	for before := uint64(0); ; {
		l, err := r.finalPage(ctx, server, user, archived, before)
		if err != nil {
			return pages, err
		}
		pages = append(pages, l)
		if before = l.Next; before == 0 {
			return pages, nil
		}
	}
}

// finalPage asks for a page until it comes.
func (r *run) finalPage(ctx context.Context, server int, user string, archived bool, before uint64) (history.Listed, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		if l, ok := r.api.page(ctx, "final", user, server, archived, before, 0); ok {
			return l, nil
		}
		if !pause(ctx, restInterval) {
			return history.Listed{}, fmt.Errorf("no answer: %w", ctx.Err())
		}
	}
}
