package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/belfry/belfry/internal/bench/figures"
	"github.com/belfry/belfry/internal/child"
)

// The installation of [Config.Rollout].
const (
	rolloutProcessors = 3
	rolloutServers    = 2
)

// Rollout is a rolling restart under load.
type Rollout struct {
	// Rate is how many events a second are written to the notifications topic.
	Rate int
	// Steady is how long all is left alone at first.
	Steady time.Duration
	// Settle is the pause between two restarts.
	Settle time.Duration
	// Static has processors keep their partitions over a restart (KIP-345).
	Static bool
}

// Stage is a part of a rollout with what it did to the events that were due in
// it.
type Stage struct {
	Name   string
	Began  time.Time
	Took   time.Duration   // until the next one
	Delays []time.Duration // from due to the frame, sorted
	Came   []time.Time     // when streams that had ended began again, sorted
}

// Crowded is the largest part of those that came which came within one second,
// 0 to 1; 0 if none did.
func (s *Stage) Crowded() float64 {
	most := 0
	for i, at := range s.Came {
		n, _ := slices.BinarySearchFunc(s.Came, at.Add(time.Second), time.Time.Compare)
		most = max(most, n-i)
	}
	return float64(most) / float64(max(len(s.Came), 1))
}

// Rolled is what a rollout found.
type Rolled struct {
	Stages []Stage
	Sent   int // events, all acknowledged
	Lost   int // of them, that came out of no stream
	Again  int // items that came more than once: a batch that was cut short is sent again
	Wrong  int // users whose badge, at some server, is not what was sent to them
	Resync int // clients that were told to read their inbox anew
	// Worst is the 99th percentile of the worst five seconds.
	Worst   time.Duration
	States  []string // of servers, as the load balancer saw them
	Endings int      // how often a process ended by itself
}

// worstSpan is what Rolled.Worst looks at at a time.
const worstSpan = 5 * time.Second

// Rollout restarts three processors and two servers, one after the other by
// SIGTERM, while events are written and every user has a stream open.
func (c *Config) Rollout(ctx context.Context, name string, o Rollout) (rolled *Rolled, err error) {
	in, err := c.install(ctx, name)
	defer func() { err = errors.Join(err, in.close(ctx)) }()
	if err != nil {
		return nil, err
	}
	var servers []string
	for i := range rolloutProcessors {
		process, more := fmt.Sprintf("processor-%d", i+1), []string{"--inbox-cap", "1000"}
		if o.Static {
			more = append(more, "--instance-id", process, "--session-timeout", "30s")
		}
		if _, err := in.processor(ctx, c.BelfryProcessor("router,unread"), process, more...); err != nil {
			return nil, err
		}
	}
	for i := range rolloutServers {
		m, err := in.server(ctx, fmt.Sprintf("server-%d", i+1))
		if err != nil {
			return nil, err
		}
		servers = append(servers, m.url)
	}
	for _, m := range in.members {
		if err := m.awaitReady(ctx); err != nil {
			return nil, err
		}
	}
	r := &rollout{installation: in, Rollout: o, log: newRolloutLog(), balancer: newBalancer(servers...)}
	return r.run(ctx)
}

type rollout struct {
	*installation
	Rollout
	log      *rolloutLog
	balancer *balancer
}

func (r *rollout) run(ctx context.Context) (*Rolled, error) {
	beside, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() { r.balancer.run(beside) })
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
	for i := range r.Users {
		s := &eventSource{
			user: Recipient(i, r.Users), balancer: r.balancer, client: client,
			came: r.log.came, item: r.log.arrive, resync: r.log.resync,
		}
		running.Go(func() { s.run(beside) })
	}
	if err := r.await(ctx, "the streams open", func() bool { return r.log.begun() == r.Users }); err != nil {
		return nil, err
	}
	feeding, stopFeed := context.WithCancel(ctx)
	defer stopFeed()
	fed := make(chan error, 1)
	sent := 0
	go func() { // is waited for below
		feed := Feed{Kafka: r.Kafka, Prefix: r.Prefix, Users: r.Users, Rate: r.Rate, Due: r.log.due}
		var err error
		sent, err = feed.Run(feeding, 0)
		fed <- err
	}()
	err := r.restarts(ctx)
	stopFeed()
	if err := errors.Join(err, <-fed); err != nil {
		return nil, err
	}
	// A lost event does not come however long it is waited for.
	_ = r.await(ctx, "", func() bool { return r.log.missing() == 0 })
	rolled := r.log.rolled()
	rolled.Sent, rolled.Lost, rolled.States, rolled.Endings = sent, r.log.missing(), r.balancer.states(), r.endings()
	rolled.Wrong, err = r.wrong(ctx, sent)
	return rolled, err
}

// restarts does the rollout.
func (r *rollout) restarts(ctx context.Context) error {
	r.log.stage("steady")
	if err := Pause(ctx, r.Steady); err != nil {
		return err
	}
	for _, m := range r.members {
		r.log.stage("restart " + m.name)
		err := m.terminate()
		if err == nil {
			err = m.start()
		}
		if err == nil {
			err = m.awaitReady(ctx)
		}
		if err == nil {
			err = Pause(ctx, r.Settle)
		}
		if err != nil {
			return fmt.Errorf("restart %s: %w", m.name, err)
		}
	}
	r.log.stage("after")
	return Pause(ctx, r.Settle)
}

func (r *rollout) await(ctx context.Context, what string, ok func() bool) error {
	within, cancel := context.WithTimeout(ctx, arriveTimeout)
	defer cancel()
	err := child.Await(within, 50*time.Millisecond, ok)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%s: not within %s; the end of the logs:\n%s", what, arriveTimeout, r.tails())
	}
	return err
}

// wrong counts users whose badge is not what was sent to them.
func (r *rollout) wrong(ctx context.Context, sent int) (wrong int, err error) {
	for i := range r.Users {
		want := sent / r.Users
		if i < sent%r.Users {
			want++
		}
		for url := range r.balancer.servers() {
			got, err := r.unread(ctx, url, Recipient(i, r.Users))
			if err != nil {
				return wrong, err
			}
			if got != want {
				wrong++
				break
			}
		}
	}
	return wrong, nil
}

func (r *rollout) unread(ctx context.Context, url, user string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/v1/users/%s/unread", url, user), nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("read badge: %w", err)
	}
	defer response.Body.Close()
	var badge struct {
		Unread int `json:"unread"`
	}
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("read badge: %s", response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(&badge); err != nil {
		return 0, fmt.Errorf("read badge: %w", err)
	}
	return badge.Unread, nil
}

// rolloutLog takes down what happens to events and streams. It is safe for
// concurrent use.
type rolloutLog struct {
	mu     sync.Mutex
	stages []Stage
	dues   map[string]time.Time
	took   map[string]time.Duration
	again  int
	resyn  int
	open   int
	back   []time.Time
}

func newRolloutLog() *rolloutLog {
	return &rolloutLog{dues: map[string]time.Time{}, took: map[string]time.Duration{}}
}

func (l *rolloutLog) stage(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stages = append(l.stages, Stage{Name: name, Began: time.Now()})
}

func (l *rolloutLog) due(id string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dues[id] = at
}

func (l *rolloutLog) arrive(id string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.took[id]; ok {
		l.again++
		return
	}
	l.took[id] = at.Sub(l.dues[id])
}

func (l *rolloutLog) came(n int, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n == 0 {
		l.open++
	} else {
		l.back = append(l.back, at)
	}
}

func (l *rolloutLog) resync(ids []string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.resyn++
	for _, id := range ids {
		if _, ok := l.took[id]; !ok && id != "" {
			l.took[id] = at.Sub(l.dues[id])
		}
	}
}

func (l *rolloutLog) begun() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

func (l *rolloutLog) missing() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.dues) - len(l.took)
}

// rolled sorts what was taken down into the stages. Events that did not arrive
// are in none.
func (l *rolloutLog) rolled() *Rolled {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := &Rolled{Stages: l.stages, Again: l.again, Resync: l.resyn}
	spans := map[int64][]time.Duration{}
	for id, took := range l.took {
		due := l.dues[id]
		if s := stageAt(out.Stages, due); s != nil {
			s.Delays = append(s.Delays, took)
		}
		span := due.UnixNano() / int64(worstSpan)
		spans[span] = append(spans[span], took)
	}
	for _, delays := range spans {
		slices.Sort(delays)
		out.Worst = max(out.Worst, figures.Quantile(delays, .99))
	}
	for _, at := range l.back {
		if s := stageAt(out.Stages, at); s != nil {
			s.Came = append(s.Came, at)
		}
	}
	for i := range out.Stages {
		s := &out.Stages[i]
		slices.Sort(s.Delays)
		slices.SortFunc(s.Came, time.Time.Compare)
		end := time.Now()
		if i+1 < len(out.Stages) {
			end = out.Stages[i+1].Began
		}
		s.Took = end.Sub(s.Began)
	}
	return out
}

// stageAt returns the last stage that had begun then, the first for what was
// before all.
func stageAt(stages []Stage, at time.Time) *Stage {
	if len(stages) == 0 {
		return nil
	}
	i, found := slices.BinarySearchFunc(stages, at, func(s Stage, at time.Time) int { return cmp.Compare(s.Began.UnixNano(), at.UnixNano()) })
	if !found {
		i--
	}
	return &stages[max(i, 0)]
}
