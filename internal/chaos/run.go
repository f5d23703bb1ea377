package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/chaos/check"
	"github.com/belfry/belfry/internal/chaos/history"
)

// Config is one run.
type Config struct {
	// Binary is the program whose commands are run as processes.
	Binary string
	// Dir keeps their state folders and logs. It must exist and be empty.
	Dir string
	// Kafka is how the runner reaches the brokers, and KafkaArgs are the flags
	// by which the processes do.
	Kafka     kafka.Config
	KafkaArgs []string
	// Prefix begins the names of the topics, which are created. RunAndCheck
	// deletes them unless Keep is set or something is wrong.
	Prefix belfry.Prefix
	Keep   bool
	// Brokers are the nodes of the cluster; nil if they are to be left alone.
	Brokers Brokers

	Seed     uint64
	Duration time.Duration // of the workload and the faults, at least MinDuration
	// Faults, by rising time, are what is done instead of the schedule of the
	// seed; nil: that schedule. Of those for which this machine has no ability
	// there may be none.
	Faults []Planned
	// Rest is how long the installation may take to come to rest after the
	// last fault; 0: DefaultRest.
	Rest       time.Duration
	Users      int // at least 1
	Rate       int // notifications per second, at least 1
	Partitions int // of each topic
	Cap        int // of an inbox

	// Progress gets a line for each thing that happens; io.Discard if nobody
	// wants to know.
	Progress io.Writer
}

// MinDuration is the shortest run that has room for faults.
const MinDuration = 10 * time.Second

// DefaultRest is ample on a busy machine.
const DefaultRest = 90 * time.Second

// Report is what is known after a run.
type Report struct {
	History *history.History
	Truth   *history.Truth
	Gaps    []Gap
	Logs    string // the ends of the processes' logs
}

// Abilities returns what can be done to an installation of this configuration
// on this machine. The reason is for people, empty if all can be.
func (c *Config) Abilities() (can Abilities, reason string) {
	err := CanMount(c.Dir)
	can = Abilities{Brokers: c.Brokers != nil, Disk: err == nil}
	if err != nil {
		reason = fmt.Sprintf("no full disk: %v", err)
	}
	return can, reason
}

// schedule is what is done in a run of this configuration.
func (c *Config) schedule(can Abilities) []Planned {
	if c.Faults != nil {
		return c.Faults
	}
	return Plan(c.Seed, c.Duration, can)
}

func (c *Config) rest() time.Duration {
	if c.Rest <= 0 {
		return DefaultRest
	}
	return c.Rest
}

// The clients of a run.
const (
	httpWriters = 2
	actors      = 8
	pollers     = 12
	listers     = 6
	streamers   = 30
)

// run is one run under way.
type run struct {
	cfg       Config
	history   history.History
	in        *installation
	api       *api
	admin     *admin
	scan      *scanner
	streamers []*streamer

	mu       sync.Mutex
	began    time.Time
	troubles map[string]int
}

// Run runs one installation under faults and under load, waits until it has
// come to rest, and returns what was seen; the caller checks it. An error means
// that there is nothing to check. All processes have ended when it returns.
func Run(ctx context.Context, cfg Config) (report *Report, err error) {
	r := &run{cfg: cfg, began: time.Now(), troubles: map[string]int{}}
	can, _ := cfg.Abilities()
	plan := cfg.schedule(can)
	withDisk := slices.ContainsFunc(plan, func(p Planned) bool { return p.Family == FillDisk })
	if r.cfg.Kafka.Logger == nil {
		r.cfg.Kafka.Logger = slog.New(slog.DiscardHandler)
	}
	if r.in, err = install(ctx, &r.cfg, withDisk, r.trouble); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.in.end()) }()
	if r.admin, err = openAdmin(r.cfg.Kafka, cfg.Prefix); err != nil {
		return nil, err
	}
	defer r.admin.close()
	r.api = newAPI(r.in, r.trouble)
	defer r.api.close()
	r.scan = &scanner{kafka: r.cfg.Kafka, prefix: cfg.Prefix, partitions: cfg.Partitions}
	if err := r.in.start(ctx); err != nil {
		return nil, fmt.Errorf("start the installation: %w\n%s", err, r.in.logs(10))
	}
	r.progress("all processes are ready")
	report = &Report{History: &r.history}
	if report.Truth, report.Gaps, err = r.observe(ctx, plan); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, r.in.logs(10))
	}
	for _, m := range r.in.members() {
		if err := m.terminate(); err != nil {
			return nil, err
		}
	}
	report.Truth.Stuck = append(report.Truth.Stuck, r.told()...)
	report.Logs = r.in.logs(40)
	return report, nil
}

// observe runs the clients and the faults, and gathers the truth.
func (r *run) observe(ctx context.Context, plan []Planned) (*history.Truth, []Gap, error) {
	kafka, err := openProducer(r.cfg.Kafka, r.cfg.Prefix, r.trouble)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var reading, writing sync.WaitGroup
	defer reading.Wait()
	defer cancel()
	// A fault that has begun when writing stops may take as long as coming to rest.
	patience, giveUp := context.WithCancel(ctx)
	defer giveUp()
	stop, stopWriting := context.WithCancel(ctx)
	defer stopWriting()

	names := users(r.cfg.Users)
	began := time.Now()
	reading.Go(func() { sampleCommits(ctx, r.admin, &r.history) })
	r.read(ctx, &reading, names)
	r.write(patience, stop, &writing, kafka, names)

	j := &injector{
		in: r.in, brokers: r.cfg.Brokers, admin: r.admin, partitions: r.cfg.Partitions, record: r.note, trouble: r.trouble,
	}
	injected := make(chan struct{})
	go func() {
		defer close(injected)
		j.run(ctx, plan)
	}()
	pause(ctx, r.cfg.Duration)
	<-injected
	r.progress("the faults are over")
	// While events still come: a process that only starts when all is quiet
	// would not be noticed.
	if err := r.in.awaitReady(ctx); err != nil {
		r.trouble("after the faults: %v", err)
	}
	stopWriting()
	ended := time.Now()
	patient := time.AfterFunc(r.cfg.rest(), func() {
		r.trouble("what was sent is not acknowledged %v after the last fault", r.cfg.rest())
		giveUp()
	})
	writing.Wait()
	patient.Stop()
	if err := kafka.close(); err != nil {
		return nil, nil, fmt.Errorf("close the producers: %w", err)
	}
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	r.progress("nobody writes any more")
	stuck := r.settle(ctx)
	r.progress(fmt.Sprintf("at rest; %d things stuck", len(stuck)))
	cancel()
	reading.Wait()
	truth, err := r.gather(context.WithoutCancel(ctx), stuck)
	return truth, Gaps(r.history.Committed, began, ended), err
}

// gather reads what Kafka and the servers hold.
func (r *run) gather(ctx context.Context, stuck []string) (*history.Truth, error) {
	truth, err := r.scan.truth(ctx)
	if err != nil {
		return nil, err
	}
	truth.Cap, truth.BoardCap, truth.Stuck = r.cfg.Cap, boardCap, stuck
	names := users(r.cfg.Users) // also those who have notices alone
	if truth.Lists, err = r.lists(ctx, names); err != nil {
		truth.Stuck = append(truth.Stuck, err.Error())
	}
	for _, s := range r.streamers {
		truth.Held = append(truth.Held, s.held())
	}
	r.progress(fmt.Sprintf("%d records in the journal, %d rows, %d items, %d dead letters", len(truth.Journal), len(truth.Rows), len(truth.Items), len(truth.Dead)))
	return truth, nil
}

// dice returns the randomness of one client.
func (r *run) dice(client string) *rand.Rand {
	return rand.New(rand.NewPCG(r.cfg.Seed, inbox.RuleHash(client)))
}

// read starts the clients that only read. They end with ctx.
func (r *run) read(ctx context.Context, wg *sync.WaitGroup, users []string) {
	reader := func(kind string, i int) reader {
		name := fmt.Sprintf("%s-%d", kind, i+1)
		// The first users have the most.
		return reader{name: name, user: users[i%len(users)], history: &r.history, api: r.api, dice: r.dice(name)}
	}
	for i := range pollers {
		p := reader("poller", i)
		wg.Go(func() { p.poll(ctx) })
	}
	for i := range listers {
		l := reader("lister", i)
		wg.Go(func() { l.list(ctx) })
	}
	for i := range streamers {
		s := &streamer{reader: reader("stream", i/2)} // two for each user
		s.name = fmt.Sprintf("stream-%d", i+1)
		s.dice = r.dice(s.name)
		r.streamers = append(r.streamers, s)
		wg.Go(func() { s.run(ctx) })
	}
}

// write starts the clients that write. They end when stop does and what they
// began is acknowledged, or with ctx.
func (r *run) write(ctx, stop context.Context, wg *sync.WaitGroup, kafka *producer, users []string) {
	w := &writers{
		history: &r.history, api: r.api, kafka: kafka, rate: r.cfg.Rate, partitions: r.cfg.Partitions, trouble: r.trouble,
		author: newAuthor(fmt.Sprintf("s%d", r.cfg.Seed), users, r.dice("author")),
	}
	for i := range httpWriters {
		dice := r.dice(fmt.Sprintf("http-%d", i+1))
		wg.Go(func() { w.overHTTP(ctx, stop, dice) })
	}
	wg.Go(func() { w.overKafka(stop, r.dice("kafka")) })
	wg.Go(func() { w.announce(ctx, stop, r.dice("notices")) })
	wg.Go(func() { w.poison(stop, r.dice("poison")) })
	for i := range actors {
		name := fmt.Sprintf("actor-%d", i+1)
		wg.Go(func() { act(ctx, stop, name, users, &r.history, r.api, r.dice(name)) })
	}
}

// note records a fault and tells of it.
func (r *run) note(f history.Fault) {
	r.history.Record(f)
	r.progress(f.What)
}

// trouble notes what must not happen, once for each text.
func (r *run) trouble(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.mu.Lock()
	r.troubles[text]++
	first := r.troubles[text] == 1
	r.mu.Unlock()
	if first {
		r.progress("trouble: " + text)
	}
}

// told returns all troubles.
func (r *run) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for text, n := range r.troubles {
		all = append(all, fmt.Sprintf("%s (%d times)", text, n))
	}
	slices.Sort(all)
	return all
}

func (r *run) progress(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	// Nobody to tell if it fails.
	_, _ = fmt.Fprintf(r.cfg.Progress, "%6.1fs  %s\n", time.Since(r.began).Seconds(), strings.TrimSpace(text))
}

// RunAndCheck makes a run and checks it. It tells w of the schedule before, and
// of the verdict after, and if that is bad also the history of a user who shows
// it and the ends of the logs. Topics are kept then.
func RunAndCheck(ctx context.Context, cfg Config, w io.Writer) (check.Verdict, error) {
	can, reason := cfg.Abilities()
	if reason != "" {
		fmt.Fprintln(w, reason)
	}
	fmt.Fprintf(w, "seed %d, %s, topics %s.*; faults:\n", cfg.Seed, cfg.Duration, cfg.Prefix)
	for _, p := range cfg.schedule(can) {
		fmt.Fprintf(w, "  %s\n", p)
	}
	report, err := Run(ctx, cfg)
	if err != nil {
		return check.Verdict{}, errors.Join(fmt.Errorf("seed %d: %w", cfg.Seed, err), cfg.clean(ctx))
	}
	verdict := check.Check(report.History, report.Truth)
	fmt.Fprintf(w, "seed %d: %s", cfg.Seed, verdict)
	for _, g := range report.Gaps {
		fmt.Fprintf(w, "longest time without a commit: %s\n", g)
	}
	if verdict.Ok() {
		return verdict, cfg.clean(ctx)
	}
	if user := verdict.FirstUser(); user != "" {
		err = check.Explain(w, report.History, report.Truth, user)
	}
	fmt.Fprint(w, report.Logs)
	return verdict, err
}

// clean deletes the topics and groups of a run, unless they are to be kept.
func (c *Config) clean(ctx context.Context) error {
	if c.Keep {
		return nil
	}
	a, err := openAdmin(c.Kafka, c.Prefix)
	if err != nil {
		return err
	}
	defer a.close()
	return a.clean(context.WithoutCancel(ctx))
}
