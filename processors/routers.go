package processors

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/belfry/belfry/engine"
	"github.com/belfry/belfry/engine/kafka"
)

// DefaultTopicsInterval is the time between two looks at the cluster's topics.
const DefaultTopicsInterval = 2 * time.Second

// MaxTopics is how many source topics one process routes. A pattern that
// matches more is most likely a slip; the first by name are routed.
const MaxTopics = 500

// Routers has a [Router] for each topic of a changing set of sources: of those
// named, once they exist, and of those that a pattern matches, never one of
// ours or of Kafka's own. It creates no topic.
type Routers struct {
	cfg      kafka.Config
	deps     Deps
	interval time.Duration
	log      *slog.Logger
	changed  chan struct{}
	failed   chan error
	missing  map[string]bool // topics that sources name and that do not exist; Run's own

	mu      sync.Mutex
	all     []Source
	routed  map[string]*routed // by topic
	looked  bool               // the topics were looked at, for the present sources
	settled bool
	over    int // topics over MaxTopics
}

// routed is the running router of one topic.
type routed struct {
	router    *Router
	processor *engine.Processor
	stop      context.CancelFunc
	ended     chan struct{}
}

// NewRouters returns a set without sources. Interval 0 is DefaultTopicsInterval.
func NewRouters(cfg kafka.Config, d Deps, interval time.Duration) *Routers {
	if interval <= 0 {
		interval = DefaultTopicsInterval
	}
	return &Routers{
		cfg: cfg, deps: d, interval: interval, log: cfg.Log().With("component", "routers"),
		changed: make(chan struct{}, 1), failed: make(chan error, 1), routed: map[string]*routed{},
	}
}

// Set replaces the sources. Routers that run go on with their topic's new rules
// from the next record on; others are started or stopped soon. The caller may
// not modify sources afterwards.
func (r *Routers) Set(sources []Source) {
	r.mu.Lock()
	r.all, r.looked = sources, false
	for topic, one := range r.routed {
		if s := sourceOf(sources, r.deps.Prefix, topic); s != nil {
			one.router.SetRules(s.Rules)
		}
	}
	r.mu.Unlock()
	r.kick()
}

// kick has Run look again at once.
func (r *Routers) kick() {
	engine.Wake(r.changed)
}

// Run routes until ctx ends and every router has stopped. It may be called
// once. Its error is nil, or matches engine.ErrFenced.
func (r *Routers) Run(ctx context.Context) (err error) {
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	look := &topicLook{cfg: r.cfg}
	defer look.close()
	active := &activations{prefix: r.deps.Prefix, noted: map[string]time.Time{}}
	tick := time.NewTicker(r.interval)
	defer tick.Stop()
	told := ""
	for {
		err := r.sync(ctx, look, active, &running)
		if err != nil {
			look.close()
			// Once for each error.
			if err.Error() != told && ctx.Err() == nil {
				r.log.Warn("source topics not looked up", "err", err)
			}
			told = err.Error()
		} else {
			told = ""
		}
		select {
		case <-tick.C:
		case <-r.changed:
		case err := <-r.failed:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// sync starts and stops what must be.
func (r *Routers) sync(ctx context.Context, look *topicLook, active *activations, running *sync.WaitGroup) error {
	r.mu.Lock()
	all := r.all
	r.mu.Unlock()
	found, err := look.topics(all)
	if err != nil {
		return err
	}
	existing := map[string]map[string]kafka.TopicInfo{}
	wanted := map[string]*Source{}
	over := 0
	for _, topic := range slices.Sorted(maps.Keys(found)) {
		s := sourceOf(all, r.deps.Prefix, topic)
		if s == nil {
			continue
		}
		if len(wanted) == MaxTopics {
			over++
			continue
		}
		wanted[topic] = s
		if existing[s.key()] == nil {
			existing[s.key()] = map[string]kafka.TopicInfo{}
		}
		existing[s.key()][topic] = found[topic]
	}
	r.apply(ctx, wanted, over, running)
	r.noteMissing(all, found)
	if len(all) == 0 {
		return nil
	}
	return active.note(look.open, all, existing)
}

// noteMissing tells of sources whose topic does not exist.
func (r *Routers) noteMissing(all []Source, found map[string]kafka.TopicInfo) {
	missing := map[string]bool{}
	for i := range all {
		if _, ok := found[all[i].Topic]; !ok && all[i].Topic != "" {
			missing[all[i].Topic] = true
		}
	}
	for topic := range r.missing {
		if !missing[topic] {
			r.deps.Metrics.missing.DeleteLabelValues(topic)
		}
	}
	r.missing = missing
	for topic := range missing {
		r.deps.Metrics.missing.WithLabelValues(topic).Set(1)
		if log, _ := r.deps.sometimes("missing", topic); log != nil {
			log.Warn("source topic does not exist; it is read as soon as somebody creates it", "topic", topic)
		}
	}
}

func (r *Routers) apply(ctx context.Context, wanted map[string]*Source, over int, running *sync.WaitGroup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if over > 0 && over != r.over {
		r.log.Error("too many source topics, the rest is not routed", "limit", MaxTopics, "over", over)
	}
	r.over, r.looked = over, true
	for topic, one := range r.routed {
		select {
		case <-one.ended:
			delete(r.routed, topic)
			continue
		default:
		}
		if wanted[topic] == nil {
			one.stop()
		}
	}
	for topic, s := range wanted {
		if r.routed[topic] == nil {
			r.routed[topic] = r.run(ctx, topic, s, running)
		}
	}
}

func (r *Routers) run(ctx context.Context, topic string, s *Source, running *sync.WaitGroup) *routed {
	ctx, stop := context.WithCancel(ctx)
	router := NewRouter(r.deps, topic, s.Rules)
	router.named = s.Topic != ""
	router.start = func(topics *kafka.Topics) (engine.Start, error) { return r.start(topic, topics) }
	one := &routed{
		router: router, processor: engine.NewProcessor(r.cfg, router.Group()),
		stop: stop, ended: make(chan struct{}),
	}
	running.Go(func() {
		defer r.kick() // it may have to be started again
		defer close(one.ended)
		defer stop()
		r.log.Info("topic is routed", "topic", topic, "source", s.key())
		if err := one.processor.Run(ctx); err != nil {
			select {
			case r.failed <- err:
			default: // one is enough
			}
			return
		}
		r.log.Info("topic is not routed any more", "topic", topic)
	})
	return one
}

// start asks the topic's source of this time where the topic begins.
func (r *Routers) start(topic string, topics *kafka.Topics) (engine.Start, error) {
	r.mu.Lock()
	s := sourceOf(r.all, r.deps.Prefix, topic)
	r.mu.Unlock()
	if s == nil {
		return engine.Start{}, fmt.Errorf("no source has topic %s any more", topic)
	}
	return s.start(r.deps.Prefix, topics)
}

// topicLook looks at topics over one connection that it makes when needed.
type topicLook struct {
	cfg  kafka.Config
	open *kafka.Topics
}

// topics returns those that the sources name, and all there are if one has a
// pattern.
func (l *topicLook) topics(all []Source) (map[string]kafka.TopicInfo, error) {
	if len(all) == 0 {
		return nil, nil
	}
	if l.open == nil {
		var err error
		if l.open, err = kafka.OpenTopics(l.cfg); err != nil {
			return nil, err
		}
	}
	var names []string
	for _, s := range all {
		if s.Topic == "" {
			names = nil
			break
		}
		names = append(names, s.Topic)
	}
	found, err := l.open.Existing(names...)
	if err != nil {
		return nil, fmt.Errorf("look up source topics: %w", err)
	}
	return found, nil
}

func (l *topicLook) close() {
	if l.open != nil {
		// It only reads: there is nothing an error could tell.
		_ = l.open.Close()
		l.open = nil
	}
}
