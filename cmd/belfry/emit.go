package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/emitters"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/options"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
)

func emitCommand(p *cli.Program) *cobra.Command {
	var kafka options.Kafka
	return options.Command(p, &cobra.Command{
		Use:     "emit",
		GroupID: cli.GroupOperate,
		Short:   "Write notifications from stdin to Kafka, one JSON object a line",
		Long: `Write notifications or retractions from stdin to the notifications topic, one
JSON object a line. Every line is checked before it is written; a line that is
wrong is reported with its number and left out, and the exit code is 1 in the
end. Progress goes to stderr.`,
		Example: `  echo '{"recipient":"user-7","title":"Hello"}' | belfry emit --brokers 127.0.0.1:9092
  belfry emit --brokers 127.0.0.1:9092 < notifications.ndjson`,
	}, []options.Group{&kafka}, func(cmd *cobra.Command, _ []string, log *slog.Logger) error {
		cfg := kafka.Config("", log)
		if err := verifyTopics(cmd.Context(), cfg, false, 0); err != nil {
			return err
		}
		out, err := emitters.OpenNotifications(cfg, cfg.Prefix)
		if err != nil {
			return err
		}
		e := emission{out: out, progress: p.Stderr}
		return e.Run(cmd.Context(), p.Stdin)
	})
}

// maxLineBytes bounds a line: a thousand recipients and an item of the largest
// size fit, and a broker takes it by default (1 MB with what Kafka adds).
const maxLineBytes = 990_000

// emission is one run of emit.
type emission struct {
	out *emitters.Notifications

	written atomic.Int64
	lines   int // that are not empty
	refused int

	mu       sync.Mutex
	progress io.Writer
	failed   error // the first write that failed
}

func (e *emission) Run(ctx context.Context, in io.Reader) error {
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
		return fmt.Errorf("%d of %d lines left out", e.refused, e.lines)
	}
	return nil
}

func (e *emission) copy(ctx context.Context, in io.Reader) error {
	lines := make(chan inputLine)
	// Nothing interrupts a read from a terminal: then this ends with the process.
	go readLines(ctx, in, lines)
	for {
		select {
		case l, more := <-lines:
			if !more {
				return nil
			}
			if err := e.emit(l); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// inputLine is one line of the input.
type inputLine struct {
	number int
	data   []byte // without blanks around it
	long   bool   // longer than maxLineBytes: data is not all of it
	err    error  // why there is no more
}

// readLines sends the lines of in, and closes out after the last one.
func readLines(ctx context.Context, in io.Reader, out chan<- inputLine) {
	defer close(out)
	r := bufio.NewReaderSize(in, maxLineBytes+1)
	for number := 1; ; number++ {
		data, err := r.ReadSlice('\n')
		l := inputLine{number: number, data: bytes.Clone(bytes.TrimSpace(data))}
		for errors.Is(err, bufio.ErrBufferFull) {
			l.long = true
			_, err = r.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			l.err = err
		}
		select {
		case out <- l:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// emit writes one line without waiting, or tells what is wrong with it.
func (e *emission) emit(l inputLine) error {
	if l.err != nil {
		return fmt.Errorf("read line %d: %w", l.number, l.err)
	}
	if len(l.data) == 0 {
		return nil
	}
	e.lines++
	key, err := checkLine(l)
	if err != nil {
		e.refused++
		e.print("\rline %d: %s\n", l.number, cli.OneLine(err))
		return nil
	}
	e.out.EmitRaw(key, l.data, func(err error) { e.done(l.number, err) })
	return nil
}

// checkLine returns the key to write a line under: its first recipient or audience, so
// that what is sent to one person, or to one audience, stays in order.
func checkLine(l inputLine) (string, error) {
	if l.long {
		return "", fmt.Errorf("is longer than %d bytes", maxLineBytes)
	}
	sent, err := envelope.NewDecoder(envelope.Config{}).Messages(context.Background(), sources.Record{Value: l.data}, belfry.Notification{}, belfry.ParseMessage)
	switch {
	case err != nil:
		return "", err
	case len(sent) == 0:
		return "", errors.New("is an empty list")
	}
	if audience := sent[0].Audience(); audience != "" {
		return audience, nil
	}
	return sent[0].Recipients[0], nil
}

// done takes the outcome of a write.
func (e *emission) done(number int, err error) {
	if err == nil {
		e.written.Add(1)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed == nil {
		e.failed = fmt.Errorf("line %d: write notification: %w", number, err)
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
	e.print("\r%d written in %s, %.0f/s%s", n, took.Round(time.Millisecond), float64(n)/took.Seconds(), end)
}

// print is for progress, which two goroutines tell.
func (e *emission) print(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fmt.Fprintf(e.progress, format, args...)
}
