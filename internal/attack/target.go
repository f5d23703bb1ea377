package attack

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/belfry/belfry/internal/child"
)

const (
	ready = 90 * time.Second // for a process to start
	// attacker is the address that attacks come from; honest users have another one.
	attacker = "127.0.0.2"
	mallory  = "mallory"
)

// target is a belfry that runs, with its broker, and what attackers and users need.
type target struct {
	addr, metrics, brokers string
	secret                 []byte
	process, broker        *child.Process
	registry               *registry
	watch                  *watch
	hostile                []byte        // of what the attack has made ready; nil without
	behindTook             time.Duration // until the record behind was there; 0: it never was
	failed                 int           // answers that honest users did not get
	failure                string        // the last of them

	mu       sync.Mutex
	tokens   map[string]string
	interval string // the last X-Poll-Interval of an honest user
}

// start starts a program, with more flags, and inboxes to ask for.
func start(ctx context.Context, c *Config, name, path string, more ...string) (t *target, err error) {
	dir := filepath.Join(c.Dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	t = &target{tokens: map[string]string{}, secret: []byte(hex.EncodeToString(random()))}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.stop())
		}
	}()
	if t.broker, t.brokers, err = child.StartBroker(ctx, filepath.Join(dir, "broker.log"), c.Broker); err != nil {
		return t, err
	}
	if t.registry, err = newRegistry(); err != nil {
		return t, err
	}
	secret, rules := filepath.Join(dir, "jwt.secret"), filepath.Join(dir, "rules.yaml")
	if err := errors.Join(os.WriteFile(secret, t.secret, 0o600), os.WriteFile(rules, []byte(hostileRules), 0o600), t.createTopics(ctx)); err != nil {
		return t, err
	}
	for _, to := range []*string{&t.addr, &t.metrics} {
		if *to, err = child.FreeAddr(); err != nil {
			return t, err
		}
	}
	line := []string{"-c", `ulimit -n "$1" && shift && exec "$@"`, "sh", fmt.Sprint(c.Files),
		"env", fmt.Sprintf("GOMEMLIMIT=%d", c.Memory*9/10), path, "run", "--brokers", t.brokers, "--partitions", "2", "--state-dir", filepath.Join(dir, "state"),
		"--addr", t.addr, "--metrics-addr", t.metrics, "--jwt-secret-file", secret, "--rules", rules, "--schema-registry", t.registry.url, "--log-level", "error"}
	if t.process, err = child.Start(filepath.Join(dir, "belfry.log"), "sh", append(line, more...)...); err != nil {
		return t, err
	}
	t.watch = newWatch(t.process, c.Memory)
	if err := t.await(ctx, "http://"+t.metrics+"/readyz"); err != nil {
		return t, fmt.Errorf("%w: %s", err, child.LogTail(filepath.Join(dir, "belfry.log"), 8))
	}
	return t, t.fill(ctx)
}

func random() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it never fails
	return b
}

func (t *target) await(ctx context.Context, url string) error {
	client := &http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	return t.until(ctx, func() bool { return child.Answers(ctx, client, url) })
}

// until looks until it is so, as long as the process runs and for a while.
func (t *target) until(ctx context.Context, so func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, ready, fmt.Errorf("it is not ready after %s", ready))
	defer cancel()
	return t.process.Await(ctx, 20*time.Millisecond, so)
}

// stop ends all that was started.
func (t *target) stop() (err error) {
	if t.watch != nil {
		t.watch.stop()
	}
	for _, p := range []*child.Process{t.process, t.broker} {
		if p != nil {
			err = errors.Join(err, p.Kill())
		}
	}
	if t.registry != nil {
		err = errors.Join(err, t.registry.close())
	}
	return err
}

// token is that of a user; of a service if the name begins with "service".
func (t *target) token(user string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tokens[user] == "" {
		claims := jwt.MapClaims{"sub": user, "exp": time.Now().Add(time.Hour).Unix()}
		if strings.HasPrefix(user, "service") {
			claims["scope"] = "belfry:notify belfry:admin"
		}
		t.tokens[user], _ = jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(t.secret) // the key is one
	}
	return t.tokens[user]
}

// fill gives the honest an inbox each, and mallory a full one: 100 items of 40 KiB in 64
// languages.
func (t *target) fill(ctx context.Context) error {
	long := map[string]string{}
	for i := range 64 {
		long[fmt.Sprintf("%c%c", 'a'+i/26, 'a'+i%26)] = strings.Repeat("x", 600)
	}
	for n := range 10 {
		var items []map[string]any
		for i := range 10 {
			items = append(items, map[string]any{"recipient": mallory, "id": fmt.Sprint(n, "-", i), "title": long})
		}
		if _, err := t.post(ctx, "/v1/notifications", items); err != nil {
			return err
		}
	}
	for i := range honestUsers {
		var items []map[string]any
		for n := range 20 {
			items = append(items, map[string]any{"recipient": fmt.Sprintf("honest-%d", i), "id": fmt.Sprint(n), "title": "a title", "body": strings.Repeat("y", 200)})
		}
		if _, err := t.post(ctx, "/v1/notifications", items); err != nil {
			return err
		}
	}
	return t.until(ctx, func() bool {
		return t.unread(ctx, mallory) == 100 && t.unread(ctx, fmt.Sprintf("honest-%d", honestUsers-1)) == 20
	})
}

// post sends a body as the service and returns the status.
func (t *target) post(ctx context.Context, path string, body any) (int, error) {
	raw, ok := body.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return 0, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+t.addr+path, bytes.NewReader(raw))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+t.token("service"))
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	res.Body.Close()
	return res.StatusCode, nil
}

// unread is how many unread items somebody has, -1 if that is not answered.
func (t *target) unread(ctx context.Context, user string) int {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+t.addr+"/v1/users/"+user+"/unread", nil)
	if err != nil {
		return -1
	}
	r.Header.Set("Authorization", "Bearer "+t.token("service"))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return -1
	}
	defer res.Body.Close()
	badge := struct {
		Unread int `json:"unread"`
	}{-1}
	if json.NewDecoder(res.Body).Decode(&badge) != nil {
		return -1
	}
	return badge.Unread
}
