package timers

import (
	"context"
	"time"
)

// chunk is how many users are looked at between two looks at what else there is to do.
const chunk = 1000

// announce looks at all users who can be reached whenever something was announced, until
// ctx ends. What their rows do not have yet is in no index.
func (s *telling) announce(ctx context.Context) {
	for {
		select {
		case <-s.announced:
		case <-ctx.Done():
			return
		}
		err := s.lookAtAll(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			continue
		}
		s.queue.log.Warn("users cannot be looked up for what is announced, tried again", "partition", s.number, "err", err)
		signal(s.announced)
		if sleep(ctx, firstAgain) != nil {
			return
		}
	}
}

// lookAtAll goes through the users in the order of their names, behind what the partition
// has to process.
func (s *telling) lookAtAll(ctx context.Context) error {
	s.mu.Lock()
	s.policy++
	s.mu.Unlock()
	for after := ""; ; {
		users, err := s.rows.Reached(ctx, after, chunk)
		if err != nil || len(users) == 0 {
			return err
		}
		after = users[len(users)-1]
		if err := s.yield(ctx); err != nil {
			return err
		}
		if err := s.queue.wakes.wait(ctx, len(users)); err != nil {
			return err
		}
		for _, user := range users {
			next, err := s.rows.Next(user, time.Now())
			if err != nil {
				// The next fold of the row tells more.
				s.queue.log.Debug("row cannot be read for what is announced", "partition", s.number, "err", err)
				continue
			}
			s.found(user, next)
		}
	}
}
