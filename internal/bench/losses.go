package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Schedule is how [Config.Losses] kills.
type Schedule struct {
	Rate     int           // events per second
	Duration time.Duration // of the load
	Kills    int           // SIGKILLs, at even distances, of the two processes in turn
	// Downtime is how long after its SIGKILL a process is started again, with
	// the state it had.
	Downtime time.Duration
	// Patience is how long the groups may take, after the load, to have
	// processed all.
	Patience time.Duration
}

// Loss is what one program made of its events.
type Loss struct {
	Sent    int // acknowledged, each with an id of its own
	Inbox   Tally
	Rows    Tally
	Wrong   int           // users whose count of unread items is not what they were sent
	Apart   int           // items that only one of the two tables has
	Behind  int64         // records that were not processed when patience ended
	Drained time.Duration // from the end of the load until all was processed
	Endings int           // how often a process ended by itself
}

// Losses loads two processes and kills them by the schedule. When all is
// processed, or patience ends, it compares both tables with what was sent.
func (c *Config) Losses(ctx context.Context, name string, p Program, s Schedule) (l Loss, err error) {
	in, err := c.install(ctx, name)
	defer func() { err = errors.Join(err, in.close(ctx)) }()
	if err != nil {
		return l, err
	}
	for _, process := range []string{"a", "b"} {
		if _, err := in.processor(ctx, p, process); err != nil {
			return l, err
		}
	}
	for _, m := range in.members {
		if err := m.awaitReady(ctx); err != nil {
			return l, err
		}
	}
	beside, stop := context.WithCancel(ctx)
	defer stop()
	type fed struct {
		written int
		err     error
	}
	feeding := make(chan fed, 1)
	go func() { // ends with the load, which is waited for below
		feed := Feed{Kafka: in.Kafka, Prefix: in.Prefix, Users: in.Users, Rate: s.Rate, Journal: true}
		written, err := feed.Run(beside, int(s.Duration.Seconds()*float64(s.Rate)))
		feeding <- fed{written, err}
	}()
	killed := in.killInTurn(ctx, s)
	if killed != nil {
		stop()
	}
	load := <-feeding
	if err := errors.Join(killed, load.err); err != nil {
		return l, err
	}
	began := time.Now()
	l.Sent = load.written
	if l.Behind, err = in.rest(ctx, in.folding(), s.Patience); err != nil {
		return l, err
	}
	l.Drained, l.Endings = time.Since(began), in.endings()
	return l, in.compare(ctx, &l)
}

// killInTurn goes through the schedule and returns when its last victim was
// started again.
func (in *installation) killInTurn(ctx context.Context, s Schedule) error {
	began := time.Now()
	for i := range s.Kills {
		at := began.Add(s.Duration * time.Duration(i+1) / time.Duration(s.Kills+1))
		victim := in.members[i%2]
		err := Pause(ctx, time.Until(at))
		if err == nil {
			err = victim.kill()
		}
		if err == nil {
			err = Pause(ctx, s.Downtime)
		}
		if err == nil {
			err = victim.start()
		}
		if err != nil {
			return fmt.Errorf("kill %s: %w", victim.name, err)
		}
	}
	return nil
}
