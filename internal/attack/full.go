package attack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry/belfry/internal/bench/client"
	"github.com/belfry/belfry/internal/bench/figures"
)

// Honest clients do so much at full speed.
const (
	fullPollers = 32 // connections
	fullPosters = 16
	fullStreams = 300
	fullWaves   = 5   // of them
	fullFrames  = 100 // events a second to them
	fullEvents  = 10_000
	fullUsers   = 100 // that these are for
)

// figure is one of what [Full] measures.
type figure struct {
	name string
	less bool // is better
}

// figuresOf are the figures, in the order in which full returns them.
func figuresOf() []figure {
	return []figure{
		{"polls a second", false}, {"CPU-us a poll", true}, {"posts a second", false}, {"CPU-us a post", true},
		{"streams opened a second", false}, {"CPU-us a stream opened", true}, {"frame p50 in us", true}, {"frame p99 in us", true},
		{"rules, events a second", false}, {"CPU-us an event", true},
	}
}

// Full measures what honest clients get at full speed of each program, which take turns,
// and writes the medians of the rounds to out; a ratio is the median of those of each round,
// of the last program to the first. A first round, which does not count, warms them up.
func Full(ctx context.Context, c *Config, out io.Writer) (err error) {
	var targets []*target
	defer func() {
		for _, t := range targets {
			err = errors.Join(err, t.stop())
		}
	}()
	for _, p := range c.Programs {
		t, err := start(ctx, c, "full-"+p.Name, p.Path, "--poll-interval", "1ms")
		if err != nil {
			return fmt.Errorf("start %s: %w", p.Name, err)
		}
		targets = append(targets, t)
	}
	results := make([][][]float64, len(targets)) // by program, round, figure
	for round := range c.Rounds + 1 {
		for i := range targets {
			i = (i + round) % len(targets)
			got, err := targets[i].full(ctx, c.Duration, round)
			if err != nil {
				return fmt.Errorf("%s: %w", c.Programs[i].Name, err)
			}
			if round > 0 {
				results[i] = append(results[i], got)
			}
		}
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(t, "honest clients")
	for _, p := range c.Programs {
		fmt.Fprintf(t, "\t%s", p.Name)
	}
	fmt.Fprintln(t, "\tratio\trounds")
	for n, f := range figuresOf() {
		fmt.Fprint(t, f.name)
		var ratios []float64
		for i := range targets {
			var of []float64
			for round, got := range results[i] {
				of = append(of, got[n])
				if i == len(targets)-1 {
					ratios = append(ratios, got[n]/results[0][round][n])
				}
			}
			fmt.Fprintf(t, "\t%.0f", figures.Median(of))
		}
		note := "more is better"
		if f.less {
			note = "less is better"
		}
		fmt.Fprintf(t, "\t%.2f\t%.2f %s\n", figures.Median(ratios), ratios, note)
	}
	return t.Flush()
}

// full measures all figures once. The round is part of names that must be new.
func (t *target) full(ctx context.Context, d time.Duration, round int) (got []float64, err error) {
	for _, measure := range []func(context.Context, time.Duration, int) ([]float64, error){t.fullPolls, t.fullPosts, t.fullStreams, t.fullRules} {
		some, err := measure(ctx, d, round)
		if err != nil {
			return nil, err
		}
		got = append(got, some...)
	}
	return got, nil
}

// perSecond returns the rate of n things since began, and the microseconds of processor
// time that the processes took for each.
func (t *target) perSecond(n int, began time.Time, before time.Duration) ([]float64, error) {
	took := time.Since(began)
	after, err := t.cpu()
	if err != nil {
		return nil, err
	}
	return []float64{float64(n) / took.Seconds(), float64((after - before).Microseconds()) / float64(max(n, 1))}, nil
}

// exchanges has n connections repeat requests until d is over, and counts the answers; each
// must have that status. request returns the next one of a connection.
func (t *target) exchanges(ctx context.Context, d time.Duration, n, status int, request func(conn, turn int) []byte) ([]float64, error) {
	before, err := t.cpu()
	if err != nil {
		return nil, err
	}
	var done atomic.Int64
	problems := make([]error, n)
	began := time.Now()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			conn, err := client.DialPoll(ctx, t.addr)
			if err != nil {
				problems[i] = err
				return
			}
			defer conn.Close()
			for turn := 0; time.Since(began) < d && ctx.Err() == nil; turn++ {
				answer, err := conn.Exchange(request(i, turn))
				if err == nil && answer.Status != status {
					err = fmt.Errorf("%w: status %d, want %d", client.ErrAnswer, answer.Status, status)
				}
				if err != nil {
					problems[i] = err
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	if err := errors.Join(append(problems, ctx.Err())...); err != nil {
		return nil, err
	}
	return t.perSecond(int(done.Load()), began, before)
}

// fullPolls polls badges that do not change.
func (t *target) fullPolls(ctx context.Context, d time.Duration, _ int) ([]float64, error) {
	var requests [honestUsers][]byte
	for i := range requests {
		user := fmt.Sprintf("honest-%d", i)
		head := fmt.Sprintf("GET /v1/users/%s/unread HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n", user, t.token(user))
		conn, err := client.DialPoll(ctx, t.addr)
		if err != nil {
			return nil, err
		}
		answer, err := conn.Exchange([]byte(head + "\r\n"))
		if err := errors.Join(err, conn.Close()); err != nil {
			return nil, err
		}
		requests[i] = []byte(head + "If-None-Match: " + answer.Tag + "\r\n\r\n")
	}
	return t.exchanges(ctx, d, fullPollers, http.StatusNotModified, func(conn, turn int) []byte { return requests[(conn+turn)%honestUsers] })
}

// fullPosts sends notifications, one a call, by services enough that none is slowed down.
func (t *target) fullPosts(ctx context.Context, d time.Duration, round int) ([]float64, error) {
	return t.exchanges(ctx, d, fullPosters, http.StatusAccepted, func(conn, turn int) []byte {
		body := fmt.Sprintf(`{"recipient":"posted-%d","id":"%d-%d-%d","title":"a title","body":"some words"}`, turn%1000, round, conn, turn)
		return fmt.Appendf(nil, "POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			t.token(fmt.Sprintf("service-%d", conn)), len(body), body)
	})
}

// fullStreams opens streams, all of a wave at once, and sends events to the users
// of the last wave.
func (t *target) fullStreams(ctx context.Context, d time.Duration, round int) (got []float64, err error) {
	web := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: fullStreams}}
	defer web.CloseIdleConnections()
	var took, cpu time.Duration
	for wave := range fullWaves {
		before, err := t.cpu()
		if err != nil {
			return nil, err
		}
		began := time.Now()
		s, err := t.openStreams(ctx, web, fmt.Sprint(round, "-", wave))
		took += time.Since(began)
		after, cpuErr := t.cpu()
		if err := errors.Join(err, cpuErr); err != nil {
			s.close()
			return nil, err
		}
		cpu += after - before
		if wave == fullWaves-1 {
			got, err = t.frames(ctx, s, d)
		}
		s.close()
		if err != nil {
			return nil, err
		}
	}
	const opened = fullWaves * fullStreams
	return append([]float64{opened / took.Seconds(), float64(cpu.Microseconds()) / opened}, got...), nil
}

// streams are those of many users, one each. Who opens them closes them.
type streams struct {
	name     string             // of their users, who are numbered
	arrived  chan time.Duration // since each event was sent
	problems chan error
	close    func() // waits until all have ended
}

// user returns the user of a stream.
func (s *streams) user(i int) string { return fmt.Sprint("stream-", s.name, "-", i) }

// openStreams opens streams and returns when all have begun. They are to be closed after
// an error as well.
func (t *target) openStreams(ctx context.Context, web *http.Client, name string) (*streams, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &streams{name: name, arrived: make(chan time.Duration, 1<<16), problems: make(chan error, fullStreams)}
	var open, over sync.WaitGroup
	sent := func(at int64) { s.arrived <- time.Since(time.Unix(0, at)) }
	for i := range fullStreams {
		open.Add(1)
		begun := sync.OnceFunc(open.Done)
		over.Go(func() {
			defer begun()
			if err := t.follow(ctx, web, s.user(i), begun, sent); ctx.Err() == nil {
				s.problems <- fmt.Errorf("a stream ended: %w", err)
			}
		})
	}
	open.Wait()
	s.close = func() {
		cancel()
		over.Wait()
	}
	select {
	case err := <-s.problems:
		return s, err
	default:
		return s, nil
	}
}

// frames sends events to the users of s for d and returns the median and the p99 of how
// long they took to their streams, in microseconds.
func (t *target) frames(ctx context.Context, s *streams, d time.Duration) (got []float64, err error) {
	n := 0
	tick := time.NewTicker(time.Second / fullFrames)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end) && ctx.Err() == nil; n++ {
		<-tick.C
		// The title says when the event was sent.
		event := map[string]any{"recipient": s.user(n % fullStreams), "id": fmt.Sprint(s.name, "-", n), "title": fmt.Sprint("sent ", time.Now().UnixNano(), " end")}
		if status, err := t.post(ctx, event); err != nil || status != http.StatusAccepted {
			return nil, errors.Join(err, fmt.Errorf("an event: status %d", status))
		}
	}
	var took []time.Duration
	for patience := time.After(givenUp); len(took) < n; {
		select {
		case d := <-s.arrived:
			took = append(took, d)
		case err := <-s.problems:
			return nil, err
		case <-patience:
			return nil, fmt.Errorf("%d of %d events came to their streams", len(took), n)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	slices.Sort(took)
	for _, q := range []float64{.5, .99} {
		got = append(got, float64(figures.Quantile(took, q).Microseconds()))
	}
	return got, nil
}

// follow reads a stream until ctx ends. It calls begun at its first line, and sent for each
// event with what its title says.
func (t *target) follow(ctx context.Context, web *http.Client, user string, begun func(), sent func(int64)) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.addr+"/v1/users/"+user+"/stream", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+t.token(user))
	res, err := web.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		begun()
		_, title, ok := strings.Cut(lines.Text(), `"title":"sent `)
		var at int64
		if _, err := fmt.Sscan(title, &at); ok && err == nil {
			sent(at)
		}
	}
	return fmt.Errorf("status %d", res.StatusCode)
}

// fullRules has events of a topic go through a rule into inboxes.
func (t *target) fullRules(ctx context.Context, _ time.Duration, round int) ([]float64, error) {
	producer, err := kgo.NewClient(kgo.SeedBrokers(t.brokers), kgo.DefaultProduceTopic("joined"))
	if err != nil {
		return nil, fmt.Errorf("open a producer: %w", err)
	}
	defer producer.Close()
	query := url.Values{}
	for i := range fullUsers {
		query.Add("user", fmt.Sprintf("ruled-%d-%d", round, i))
	}
	before, err := t.cpu()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	var records []*kgo.Record
	for i := range fullEvents {
		user := query["user"][i%fullUsers]
		records = append(records, &kgo.Record{Key: []byte(user), Value: fmt.Appendf(nil, `{"to":%q,"l":["event","%d"],"sep":" "}`, user, i)})
	}
	if err := producer.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return nil, fmt.Errorf("write events: %w", err)
	}
	want := fmt.Sprintf(`"unread":%d,`, fullEvents/fullUsers)
	err = hold(ctx, t.answering(), func() bool { return strings.Count(t.badges(ctx, query), want) == fullUsers })
	if err != nil {
		return nil, fmt.Errorf("events are not in the inboxes: %w", err)
	}
	return t.perSecond(fullEvents, began, before)
}

// badges returns the badges of those users, "" if they are not told.
func (t *target) badges(ctx context.Context, query url.Values) string {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.addr+"/v1/unread?"+query.Encode(), nil)
	if err != nil {
		return ""
	}
	r.Header.Set("Authorization", "Bearer "+t.token("service"))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return ""
	}
	return string(text)
}
