package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/emitters"
)

func (p *program) emitCommand() *cobra.Command {
	var (
		kafka kafkaOptions
		log   logOptions
	)
	c := &cobra.Command{
		Use:     "emit",
		GroupID: groupOperate,
		Short:   "Write notifications from stdin to Kafka, one JSON object a line",
		Long: `Write notifications or retractions from stdin to the notifications topic, one
JSON object a line. Every line is checked before it is written; a line that is
wrong is reported with its number and left out, and the exit code is 1 in the
end. Progress goes to stderr.`,
		Example: `  echo '{"recipient":"user-7","title":"Hello"}' | belfry emit --brokers 127.0.0.1:9092
  belfry emit --brokers 127.0.0.1:9092 < notifications.ndjson`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := kafka.validate(); err != nil {
				return err
			}
			logger, err := log.logger(p.stderr)
			if err != nil {
				return err
			}
			cfg, prefix := kafka.engineConfig("", logger), belfry.Prefix(kafka.prefix)
			if err := verifyTopics(cfg, prefix); err != nil {
				return err
			}
			out, err := emitters.OpenNotifications(cfg, prefix)
			if err != nil {
				return err
			}
			e := emission{out: out, progress: p.stderr}
			return e.run(cmd.Context(), p.stdin)
		},
	}
	kafka.addFlags(c.Flags())
	log.addFlags(c.Flags())
	return c
}

// maxLineBytes bounds a line: an item and a thousand recipients fit.
const maxLineBytes = 1 << 20

// emission is one run of emit.
type emission struct {
	out      *emitters.Notifications
	progress io.Writer

	written atomic.Int64
	refused int
	mu      sync.Mutex
	failed  error // the first write that failed
}

func (e *emission) run(ctx context.Context, in io.Reader) error {
	began := time.Now()
	stop := e.report(ctx, began)
	err := e.copy(ctx, in)
	err = errors.Join(err, e.out.Close())
	stop()
	e.line(began, "\n")
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case err != nil || e.failed != nil:
		return errors.Join(err, e.failed)
	case e.refused > 0:
		return fmt.Errorf("%d lines were left out", e.refused)
	}
	return nil
}

func (e *emission) copy(ctx context.Context, in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 64<<10), maxLineBytes)
	number := 0
	for lines.Scan() {
		number++
		if err := ctx.Err(); err != nil {
			return err
		}
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		key, err := checkLine(line)
		if err != nil {
			e.refused++
			fmt.Fprintf(e.progress, "\rline %d: %v\n", number, err)
			continue
		}
		if err := e.out.EmitRaw(key, bytes.Clone(line), e.done); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than %d bytes", number+1, maxLineBytes)
	}
	return lines.Err()
}

// checkLine returns the key to write a line under: its first recipient, so that
// what is sent to one person stays in order.
func checkLine(line []byte) (string, error) {
	m, err := belfry.ParseMessage(line, belfry.Notification{})
	switch {
	case err != nil:
		return "", err
	case len(m.Notifications) > 0:
		return m.Notifications[0].Recipient, nil
	}
	return m.Retractions[0].Recipient, nil
}

func (e *emission) done(err error) {
	if err == nil {
		e.written.Add(1)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed == nil {
		e.failed = fmt.Errorf("write notification: %w", err)
	}
}

// report prints the progress once a second until stop is called.
func (e *emission) report(ctx context.Context, began time.Time) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				e.line(began, "")
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

func (e *emission) line(began time.Time, end string) {
	n, took := e.written.Load(), time.Since(began)
	fmt.Fprintf(e.progress, "\r%d written in %s, %.0f/s%s", n, took.Round(time.Millisecond), float64(n)/took.Seconds(), end)
}
