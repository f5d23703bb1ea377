package attack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// callAttacks are those of services that write.
func callAttacks() []attack {
	return []attack{
		{name: "posts", what: "a service writes full calls of 1 MiB as fast as it can", run: fullPosts},
		{name: "values", what: "a service writes events with 250,000 numbers that nobody reads", run: manyValues},
		{name: "services", what: "50 services of one address do that at once", run: manyServices},
		{name: "keyed", what: "a service writes calls just under 16 KiB that are refused at their end, with an Idempotency-Key", run: keyedCalls},
		{name: "unended", what: "a service begins 370 calls of 1 MiB and ends none", run: bodiesWithoutEnd},
	}
}

// fullPosts has ten clients of a service write 25 items in 64 languages a call.
func fullPosts(ctx context.Context, t *target) (string, error) {
	var calls atomic.Int64
	return send(ctx, 10, func() (*http.Request, error) {
		call := calls.Add(1)
		var items []map[string]any
		for i := range 25 {
			items = append(items, map[string]any{"recipient": fmt.Sprint("posted-", call%100), "id": fmt.Sprint(call, "-", i), "title": inLanguages(64, 600)})
		}
		return t.notification(ctx, "service", items)
	})
}

// numbers is an event of a list of numbers, which no field is.
func numbers(n int, rest string) []byte {
	return []byte(`{"recipient":"posted","title":"x","other":[` + strings.Repeat("0,", n-1) + "0]" + rest + "}")
}

func manyValues(ctx context.Context, t *target) (string, error) {
	body := numbers(250_000, "")
	return send(ctx, 10, func() (*http.Request, error) { return t.notification(ctx, "service", body) })
}

func manyServices(ctx context.Context, t *target) (string, error) {
	body := numbers(250_000, "")
	var calls atomic.Int64
	return send(ctx, 50, func() (*http.Request, error) {
		return t.notification(ctx, fmt.Sprint("service-", calls.Add(1)%50), body)
	})
}

func keyedCalls(ctx context.Context, t *target) (string, error) {
	body := numbers(8100, `,"type":1`)
	return send(ctx, 20, func() (*http.Request, error) {
		r, err := t.notification(ctx, "service", body)
		if err == nil {
			r.Header.Set("Idempotency-Key", "key")
		}
		return r, err
	})
}

func bodiesWithoutEnd(ctx context.Context, t *target) (string, error) {
	const size = 1 << 20
	var open, refused atomic.Int64
	var all sync.WaitGroup
	for range 370 {
		conn := dial(ctx, t.addr)
		if conn == nil {
			continue
		}
		defer conn.Close()
		all.Go(func() {
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			head := fmt.Sprintf("POST /v1/notifications HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", t.token("service"), size)
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			open.Add(1)
			if _, err := io.WriteString(conn, head+strings.Repeat(" ", size-1)); err != nil {
				refused.Add(1)
				return
			}
			if n, err := conn.Read(make([]byte, 512)); err == nil && n > 0 {
				refused.Add(1)
			}
		})
	}
	all.Wait()
	<-ctx.Done()
	return fmt.Sprintf("%d open, %d refused", open.Load(), refused.Load()), nil
}
