package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/belfry/belfry"
)

// connection is one open stream.
type connection struct {
	streams *streams
	w       http.ResponseWriter
	control *http.ResponseController
	user    string
	prefer  languages
	at      progress
	dirty   chan struct{} // of capacity 1: the tables changed
	ending  chan struct{} // of capacity 1: say bye, the server drains
}

func (s *streams) newConnection(w http.ResponseWriter, r *http.Request, user string) *connection {
	return &connection{
		streams: s,
		w:       w,
		control: http.NewResponseController(w),
		// A part of the request would keep all of its buffer.
		user:   strings.Clone(user),
		prefer: parseLanguages(r.Header.Get("Accept-Language")),
		at:     newProgress(cursorOf(r)),
		dirty:  make(chan struct{}, 1),
		ending: make(chan struct{}, 1),
	}
}

// mark is called for each change of the tables. It never blocks.
func (c *connection) mark() {
	select {
	case c.dirty <- struct{}{}:
	default:
		c.streams.metrics.conflated.Inc()
	}
}

// end has the connection say bye for a drain. It never blocks.
func (c *connection) end() {
	select {
	case c.ending <- struct{}{}:
	default:
	}
}

// run streams until the end and returns the reason of that.
func (c *connection) run(ctx context.Context, until time.Time) string {
	s := c.streams
	if err := c.start(soon()); err != nil {
		return broken(ctx)
	}
	// Before the tables are read for the first time, or a change between the
	// two would go unnoticed.
	defer s.rows.Watch(c.user, c.mark)()
	defer s.items.Watch(c.user, c.mark)()

	ping := time.NewTicker(s.pingEvery)
	defer ping.Stop()
	wake := time.NewTimer(time.Hour)
	defer wake.Stop()
	var expired <-chan time.Time // nil for a token without end
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		expired = timer.C
	}
	for {
		at, err := c.tell()
		switch {
		case errors.Is(err, errWrite):
			return broken(ctx)
		case errors.Is(err, belfry.ErrNotReady):
			return c.bye(ctx, byeDrain, endNotReady)
		case err != nil:
			s.log.Error("stream ended", "err", err)
			return c.bye(ctx, byeDrain, endError)
		case at.IsZero():
			wake.Stop()
		default:
			wake.Reset(time.Until(at))
		}
		select {
		case <-ctx.Done():
			return endGone
		case <-c.ending:
			return c.bye(ctx, byeDrain, byeDrain)
		case <-expired:
			return c.bye(ctx, byeExpired, byeExpired)
		case <-ping.C:
			if c.write(c.at.ping()) != nil {
				return broken(ctx)
			}
		case <-c.dirty:
		case <-wake.C:
		}
	}
}

// tell reads the tables and sends what the client does not know. It returns
// when to look again although nothing changed, zero for never.
func (c *connection) tell() (wake time.Time, err error) {
	row, err := c.streams.rows.Row(c.user)
	if err != nil {
		return time.Time{}, fmt.Errorf("read row: %w", err)
	}
	out, next := c.at.step(view{user: c.user, row: &row, now: time.Now(), content: c.content, prefer: c.prefer})
	if len(out.frames) > 0 {
		if err := c.write(out.frames...); err != nil {
			return time.Time{}, err
		}
	}
	if out.took != "" {
		c.streams.metrics.catchups.WithLabelValues(out.took).Inc()
	}
	c.at = next
	return out.wake, nil
}

// content is the [source] of the connection. Content that cannot be read is
// late content: its item is shown as pending.
func (c *connection) content(seq uint64) *belfry.Item {
	item, ok, err := c.streams.items.Item(c.user, seq)
	if err != nil && !errors.Is(err, belfry.ErrNotReady) {
		c.streams.log.Warn("item not read", "seq", seq, "err", err)
	}
	if err != nil || !ok {
		return nil
	}
	return &item
}

// bye says so, and returns end, the reason for the metrics.
func (c *connection) bye(ctx context.Context, reason, end string) string {
	if c.write(c.at.bye(reason)) != nil {
		return broken(ctx)
	}
	return end
}

// broken is the reason of an end after a failed write.
func broken(ctx context.Context) string {
	if ctx.Err() != nil {
		return endGone
	}
	return endWrite
}

// errWrite is matched by errors of the client's side of a connection.
var errWrite = errors.New("write to stream")

// start sends the header and the retry field at once: a page learns that it is
// connected although there may be nothing to tell for a while.
func (c *connection) start(retry time.Duration) error {
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would keep events back
	c.w.WriteHeader(http.StatusOK)
	return c.send(func() error { return c.put(appendRetry(nil, retry)) })
}

// write sends the frames together.
func (c *connection) write(frames ...frame) error {
	return c.send(func() error {
		var buf []byte
		for _, f := range frames {
			var err error
			if buf, err = f.append(buf[:0]); err != nil {
				return err
			}
			if err := c.put(buf); err != nil {
				return err
			}
			c.streams.metrics.events.WithLabelValues(f.event).Inc()
		}
		return nil
	})
}

// send has put write and then flushes.
func (c *connection) send(put func() error) error {
	if err := put(); err != nil {
		return err
	}
	if err := c.control.Flush(); err != nil {
		return fmt.Errorf("%w: %w", errWrite, err)
	}
	// A deadline that passes between two writes ends an HTTP/2 stream, and on
	// HTTP/1.1 would break what the connection is used for next.
	return c.deadline(time.Time{})
}

// put writes one piece, for which the client has the whole write timeout.
func (c *connection) put(b []byte) error {
	if err := c.deadline(time.Now().Add(c.streams.writeTimeout)); err != nil {
		return err
	}
	if _, err := c.w.Write(b); err != nil {
		return fmt.Errorf("%w: %w", errWrite, err)
	}
	return nil
}

func (c *connection) deadline(t time.Time) error {
	if err := c.control.SetWriteDeadline(t); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("%w: %w", errWrite, err)
	}
	return nil
}
