package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry/internal/bench/figures"
)

// SoakConfig is what a soak does beside its events.
type SoakConfig struct {
	Rate     int           // events per second, by way of the notifications topic
	Duration time.Duration // of the load
	Every    time.Duration // between two samples
	Streams  int           // open streams, each a user's
	Pollers  int           // clients that poll a user's badge once a second
}

// Soaked is what came of it.
type Soaked struct {
	Samples []figures.Sample
	Sent    int
	Items   int64 // read from streams
	Polls   int64
	Refused int64 // polls that were neither 200 nor 304, and streams that ended
	Endings int   // processes that ended by themselves
	Behind  int64 // records that were not processed a minute after the load
}

// Soak runs two processors and a server under load and samples them.
func (c *Config) Soak(ctx context.Context, s SoakConfig) (out Soaked, err error) {
	in, err := c.install(ctx, "soak")
	defer func() { err = errors.Join(err, in.close(ctx)) }()
	if err != nil {
		return out, err
	}
	for _, name := range []string{"processor 1", "processor 2"} {
		if _, err := in.processor(ctx, c.BelfryProcessor("router,unread"), name); err != nil {
			return out, err
		}
	}
	server, err := in.server(ctx, "server")
	if err != nil {
		return out, err
	}
	for _, m := range in.members {
		if err := m.awaitReady(ctx); err != nil {
			return out, err
		}
	}
	clients := &clients{server: server.url, users: c.Users}
	began := time.Now()
	beside, stop := context.WithCancel(ctx)
	defer stop()
	g, loaded := errgroup.WithContext(beside)
	g.Go(func() error {
		clients.run(loaded, s.Streams, s.Pollers)
		return nil
	})
	g.Go(func() error {
		return in.sampleEvery(loaded, s.Every, began, &out)
	})
	g.Go(func() (err error) {
		defer stop()
		feed := Feed{Kafka: in.Kafka, Prefix: in.Prefix, Users: in.Users, Rate: s.Rate}
		out.Sent, err = feed.Run(loaded, int(s.Duration.Seconds()*float64(s.Rate)))
		return err
	})
	if err := g.Wait(); err != nil {
		return out, err
	}
	out.Items, out.Polls, out.Refused = clients.items.Load(), clients.polls.Load(), clients.refused.Load()
	out.Endings = in.endings()
	out.Behind, err = in.rest(ctx, in.Prefix.GroupInputs(), time.Minute)
	return out, err
}

// sampleEvery samples all processes until ctx ends. One that just ended by
// itself is left out.
func (in *installation) sampleEvery(ctx context.Context, every time.Duration, began time.Time, out *Soaked) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 1; ; n++ {
		for _, m := range in.members {
			values, err := m.usage(ctx)
			if err == nil {
				out.Samples = append(out.Samples, figures.Sample{Process: m.name, At: time.Since(began), Values: values})
			}
		}
		if n%6 == 0 {
			in.Print("%s: %s", time.Since(began).Round(time.Second), in.latest(out.Samples))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// latest is the last sample of each process as a line.
func (in *installation) latest(samples []figures.Sample) string {
	text := ""
	for _, s := range samples[max(len(samples)-len(in.members), 0):] {
		text += fmt.Sprintf("%s %.0f MiB %.0f goroutines %.0f files %.0f MiB on disk; ", s.Process, s.Values[figures.Memory], s.Values[figures.Goroutines], s.Values[figures.Files], s.Values[figures.Disk])
	}
	return text
}
