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
	"os/exec"
	"path/filepath"
	"slices"
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
	processes              []*watch // the one that answers first
	broker                 *child.Process
	registry               *registry
	hostile                []byte        // of what the attack has made ready; nil without
	behindTook             time.Duration // until the record behind was there; 0: it never was
	failed                 int           // answers that honest users did not get
	failure                string        // the last of them

	mu       sync.Mutex
	tokens   map[string]string
	interval string // the last X-Poll-Interval of an honest user
}

// partitions are those of the topics that belfry writes.
const partitions = "2"

// start starts a program, with more flags of what answers, and inboxes to ask for.
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
	if t.addr, err = child.FreeAddr(); err != nil {
		return t, err
	}
	answers := append([]string{"--addr", t.addr, "--jwt-secret-file", secret}, more...)
	reads := []string{"--rules", rules, "--schema-registry", t.registry.url}
	if c.OneProcess {
		err = t.run(ctx, c, dir, path, "run", slices.Concat([]string{"--partitions", partitions}, answers, reads))
	} else {
		if out, err := exec.CommandContext(ctx, path, "topics", "--brokers", t.brokers, "--partitions", partitions).CombinedOutput(); err != nil {
			return t, fmt.Errorf("create belfry's topics: %w: %s", err, bytes.TrimSpace(out))
		}
		// The server's metrics are those that attackers reach for.
		if err = t.run(ctx, c, dir, path, "server", answers); err == nil {
			err = t.run(ctx, c, dir, path, "processor", reads)
		}
	}
	if err != nil {
		return t, err
	}
	return t, t.fill(ctx)
}

// run starts a process of belfry within the limits, and waits until it is ready.
func (t *target) run(ctx context.Context, c *Config, dir, path, command string, flags []string) error {
	metrics, err := child.FreeAddr()
	if err != nil {
		return err
	}
	if len(t.processes) == 0 {
		t.metrics = metrics
	}
	log := filepath.Join(dir, command+".log")
	line := append([]string{"-c", `ulimit -n "$1" && shift && exec "$@"`, "sh", fmt.Sprint(c.Files),
		"env", fmt.Sprintf("GOMEMLIMIT=%d", c.Memory*9/10), path, command, "--brokers", t.brokers,
		"--state-dir", filepath.Join(dir, command), "--metrics-addr", metrics, "--log-level", "error"}, flags...)
	p, err := child.Start(log, "sh", line...)
	if err != nil {
		return err
	}
	t.processes = append(t.processes, newWatch(command, p, c.Memory))
	if err := await(ctx, p, "http://"+metrics+"/readyz"); err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, child.LogTail(log, 8))
	}
	return nil
}

func random() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it never fails
	return b
}

// await waits until a process answers.
func await(ctx context.Context, p *child.Process, url string) error {
	client := &http.Client{Timeout: time.Second}
	defer client.CloseIdleConnections()
	return hold(ctx, p, func() bool { return child.Answers(ctx, client, url) })
}

// hold waits until it is so, as long as the process runs and for a while.
func hold(ctx context.Context, p *child.Process, so func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, ready, fmt.Errorf("it is not ready after %s", ready))
	defer cancel()
	return p.Await(ctx, 20*time.Millisecond, so)
}

// answering is the process that answers.
func (t *target) answering() *child.Process { return t.processes[0].process }

// cpu is what all processes have taken of processors.
func (t *target) cpu() (sum time.Duration, err error) {
	for _, w := range t.processes {
		of, err := child.FootprintOf(w.process.PID())
		if err != nil {
			return 0, err
		}
		sum += of.CPU
	}
	return sum, nil
}

// stop ends all that was started.
func (t *target) stop() (err error) {
	for _, w := range t.processes {
		w.stop()
		err = errors.Join(err, w.process.Kill())
	}
	if t.broker != nil {
		err = errors.Join(err, t.broker.Kill())
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

// inLanguages is a text of so many bytes in so many languages.
func inLanguages(n, size int) map[string]string {
	text := map[string]string{}
	for i := range n {
		text[fmt.Sprintf("%c%c", 'a'+i/26, 'a'+i%26)] = strings.Repeat("x", size)
	}
	return text
}

// fill gives the honest an inbox each, and mallory a full one: 100 items of 40 KiB in 64
// languages.
func (t *target) fill(ctx context.Context) error {
	long := inLanguages(64, 600)
	for n := range 10 {
		var items []map[string]any
		for i := range 10 {
			items = append(items, map[string]any{"recipient": mallory, "id": fmt.Sprint(n, "-", i), "title": long})
		}
		if _, err := t.post(ctx, items); err != nil {
			return err
		}
	}
	for i := range honestUsers {
		var items []map[string]any
		for n := range 20 {
			items = append(items, map[string]any{"recipient": fmt.Sprintf("honest-%d", i), "id": fmt.Sprint(n), "title": "a title", "body": strings.Repeat("y", 200)})
		}
		if _, err := t.post(ctx, items); err != nil {
			return err
		}
	}
	return hold(ctx, t.answering(), func() bool {
		return t.unread(ctx, mallory) == 100 && t.unread(ctx, fmt.Sprintf("honest-%d", honestUsers-1)) == 20
	})
}

// notification is a call of a service with that body.
func (t *target) notification(ctx context.Context, service string, body any) (*http.Request, error) {
	raw, ok := body.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+t.addr+"/v1/notifications", bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+t.token(service))
	r.Header.Set("Content-Type", "application/json")
	return r, nil
}

// post makes a call of the service with that body and returns the status.
func (t *target) post(ctx context.Context, body any) (int, error) {
	r, err := t.notification(ctx, "service", body)
	if err != nil {
		return 0, err
	}
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
