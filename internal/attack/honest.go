package attack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

const (
	honestUsers = 10
	// honestEvery is how often one of them asks, for a badge and a list in turn.
	honestEvery = 20 * time.Millisecond
	// givenUp is what an answer that never came counts as.
	givenUp = 5 * time.Second
)

// delays are how long answers took.
type delays []time.Duration

func (d delays) p99() time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[(len(sorted)-1)*99/100]
}

func (d delays) worst() time.Duration {
	if len(d) == 0 {
		return 0
	}
	return slices.Max(d)
}

// honest has honest users ask for d and returns how long their answers took. They ask
// one after the other, at their pace: what one waits for is not asked again by another.
func (t *target) honest(ctx context.Context, d time.Duration) (delays, error) {
	client := &http.Client{Timeout: givenUp, Transport: &http.Transport{MaxIdleConns: 10, MaxIdleConnsPerHost: 10}}
	defer client.CloseIdleConnections()
	var out delays
	end := time.Now().Add(d)
	tick := time.NewTicker(honestEvery)
	defer tick.Stop()
	for i := 0; time.Now().Before(end); i++ {
		user := fmt.Sprintf("honest-%d", i%honestUsers)
		path := "/v1/users/" + user + "/unread"
		if i/honestUsers%2 == 1 {
			path = "/v1/users/" + user + "/inbox"
		}
		began := time.Now()
		status, header, err := t.get(ctx, client, path, user)
		took := time.Since(began)
		if err != nil || status != http.StatusOK {
			took = givenUp
			t.failed++
			if t.failure = fmt.Sprint("status ", status); err != nil {
				t.failure = err.Error()
			}
		}
		if interval := header.Get("X-Poll-Interval"); interval != "" {
			t.mu.Lock()
			t.interval = interval
			t.mu.Unlock()
		}
		out = append(out, took)
		select {
		case <-tick.C:
		case <-t.process.Done():
			return out, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return out, nil
}

// get asks for path as that user and reads the whole answer.
func (t *target) get(ctx context.Context, client *http.Client, path, user string) (int, http.Header, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.addr+path, nil)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+t.token(user))
	res, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Header, err
}
