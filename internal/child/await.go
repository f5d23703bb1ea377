package child

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"time"
)

// Await looks every so often until it is so. It returns why it gave up before: the
// cause of ctx's end.
func Await(ctx context.Context, every time.Duration, so func() bool) error {
	return await(ctx, nil, every, so)
}

// Await is [Await] for as long as the child runs: [ErrGone] otherwise.
func (p *Process) Await(ctx context.Context, every time.Duration, so func() bool) error {
	return await(ctx, p.done, every, so)
}

func await(ctx context.Context, gone <-chan struct{}, every time.Duration, so func() bool) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-gone:
			return ErrGone
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Answers reports whether a client gets 200 at the URL. Any other answer, and none, is false.
func Answers(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// brokerPatience is how long an embedded broker may take to start.
const brokerPatience = 90 * time.Second

var brokerReady = regexp.MustCompile(`(?m)^embedded broker ready at (\S+)$`)

// StartBroker starts the embedded broker of a program belfry on a free port and returns
// its address once clients can connect. With an error there is no child.
func StartBroker(ctx context.Context, log, belfry string) (p *Process, addr string, err error) {
	if p, err = Start(log, belfry, "broker", "--addr", "127.0.0.1:0", "--log-level", "error"); err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, brokerPatience)
	defer cancel()
	err = p.Await(ctx, 10*time.Millisecond, func() bool {
		text, _ := os.ReadFile(log)
		if found := brokerReady.FindSubmatch(text); found != nil {
			addr = string(found[1])
		}
		return addr != ""
	})
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("the embedded broker is not ready: %w: %s", err, LogTail(log, 8)), p.Kill())
	}
	return p, addr, nil
}
