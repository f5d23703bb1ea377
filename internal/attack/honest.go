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
	honestUsers = 50
	// honestEvery is how often one of them asks, for a badge and a list in turn.
	honestEvery = 5 * time.Millisecond
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
// one after the other. A question whose time has come while another waits counts from
// its time: what holds up one answer would hold up all that are asked for meanwhile.
func (t *target) honest(ctx context.Context, d time.Duration) (delays, error) {
	client := &http.Client{Timeout: givenUp, Transport: &http.Transport{MaxIdleConns: 10, MaxIdleConnsPerHost: 10}}
	defer client.CloseIdleConnections()
	var out delays
	first := time.Now()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for i := range int(d / honestEvery) {
		began := first.Add(time.Duration(i) * honestEvery)
		if wait := time.Until(began); wait > 0 {
			pause.Reset(wait)
			select {
			case <-pause.C:
				began = time.Now() // what the timer was late is no answer's
			case <-t.answering().Done():
				return out, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		user := fmt.Sprintf("honest-%d", i%honestUsers)
		path := "/v1/users/" + user + "/unread"
		if i/honestUsers%2 == 1 {
			path = "/v1/users/" + user + "/inbox"
		}
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
