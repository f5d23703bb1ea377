package engine

import (
	"context"
	"errors"
	"testing"

	"github.com/IBM/sarama"
)

// sessions is a consumer group whose sessions end by themselves, as after a
// rebalance, until the last.
type sessions struct {
	sarama.ConsumerGroup
	left int
	last func() error
}

func (s *sessions) Consume(context.Context, []string, sarama.ConsumerGroupHandler) error {
	s.left--
	if s.left > 0 {
		return nil
	}
	return s.last()
}

// goka would sleep for five seconds between two calls of Consume.
func TestGroupRejoinsWithinOneConsume(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &sessions{left: 4, last: func() error {
		cancel()
		return nil
	}}
	if err := (&group{ConsumerGroup: s}).Consume(ctx, nil, nil); err != nil || s.left != 0 {
		t.Errorf("Consume returned %v with %d sessions left", err, s.left)
	}
	broken := errors.New("broken")
	s = &sessions{left: 3, last: func() error { return broken }}
	if err := (&group{ConsumerGroup: s}).Consume(t.Context(), nil, nil); !errors.Is(err, broken) {
		t.Errorf("Consume returned %v, want %v", err, broken)
	}
}
