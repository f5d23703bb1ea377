package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/belfry/belfry/internal/bench/client"
)

// clients keep a server busy with streams and polls.
type clients struct {
	server string
	users  int

	items, polls, refused atomic.Int64
}

// run returns when ctx has ended and all clients with it.
func (c *clients) run(ctx context.Context, streams, pollers int) {
	web := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: streams + pollers, DisableCompression: true}}
	defer web.CloseIdleConnections()
	var running sync.WaitGroup
	defer running.Wait()
	for i := range streams {
		running.Go(func() { c.stream(ctx, web, Recipient(i, c.users)) })
	}
	for i := range pollers {
		running.Go(func() { c.poll(ctx, web, Recipient(streams+i, c.users)) })
	}
}

// stream reads a user's stream and opens it again whenever it ends.
func (c *clients) stream(ctx context.Context, web *http.Client, user string) {
	for {
		// It counts, however it ended.
		_ = client.ReadStream(ctx, web, c.server, user, func() {}, func(string, time.Time) { c.items.Add(1) })
		if ctx.Err() != nil {
			return
		}
		c.refused.Add(1)
		if Pause(ctx, time.Second) != nil {
			return
		}
	}
}

// poll asks for a user's badge once a second, as a page does.
func (c *clients) poll(ctx context.Context, web *http.Client, user string) {
	etag := ""
	for {
		tag, err := c.badge(ctx, web, user, etag)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			c.refused.Add(1)
		default:
			etag = tag
			c.polls.Add(1)
		}
		if Pause(ctx, time.Second) != nil {
			return
		}
	}
}

func (c *clients) badge(ctx context.Context, web *http.Client, user, etag string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/v1/users/%s/unread", c.server, user), nil)
	if err != nil {
		return "", err
	}
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	response, err := web.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNotModified {
		return "", errors.New(response.Status)
	}
	return response.Header.Get("ETag"), nil
}
