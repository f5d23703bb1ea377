package attack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/belfry/belfry/internal/child"
)

// orders are what an attacker in a process of its own is told.
type orders struct {
	Attack        string
	Addr, Metrics string
	Secret        []byte // of tokens
	Duration      time.Duration
}

// Apart runs one attack by requests, as the orders on in say, and writes what there is
// to say of it to out. [Run] starts a program that calls it.
func Apart(ctx context.Context, in io.Reader, out io.Writer) error {
	var o orders
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return fmt.Errorf("read the orders: %w", err)
	}
	if o.Attack == "" {
		return servePlain(ctx, o.Addr)
	}
	for _, a := range attacks() {
		if a.name != o.Attack || a.record {
			continue
		}
		ctx, over := context.WithTimeout(ctx, o.Duration)
		defer over()
		note, err := a.run(ctx, &target{addr: o.Addr, metrics: o.Metrics, secret: o.Secret, tokens: map[string]string{}})
		if err != nil {
			return err
		}
		_, err = io.WriteString(out, note)
		return err
	}
	return fmt.Errorf("there is no attack %q by requests", o.Attack)
}

// elsewhere starts what an attack is aimed at in place of t, which knows the same tokens.
func (t *target) elsewhere(ctx context.Context, c *Config, a attack, name, path string) (aim *target, err error) {
	if a.record {
		if aim, err = start(ctx, c, name+"-"+elsewhere, path); err == nil {
			aim.standAside(ctx, 0)
		}
		return aim, err
	}
	if aim, err = startPlain(ctx, c); err == nil {
		aim.secret = t.secret
	}
	return aim, err
}

// startPlain starts a server that refuses all that it is asked, over HTTP/1.1 and HTTP/2, at
// the least cost that net/http has.
func startPlain(ctx context.Context, c *Config) (t *target, err error) {
	t = &target{}
	if t.addr, err = child.FreeAddr(); err != nil {
		return nil, err
	}
	t.metrics = t.addr
	told, err := json.Marshal(orders{Addr: t.addr})
	if err != nil {
		return nil, fmt.Errorf("write the orders: %w", err)
	}
	line := append([]string{"-c", `echo "$1" | { shift; exec "$@"; }`, "sh", string(told)}, c.Attacker...)
	p, err := child.Start(filepath.Join(c.Dir, "plain.log"), "sh", line...)
	if err != nil {
		return nil, err
	}
	t.processes = []*watch{newWatch("plain", p, math.MaxInt64)}
	if err := await(ctx, p, "http://"+t.addr+"/healthz"); err != nil {
		return nil, errors.Join(err, t.stop())
	}
	return t, nil
}

// servePlain is that server. It returns when ctx ends.
func servePlain(ctx context.Context, addr string) error {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	srv := &http.Server{Addr: addr, Protocols: &protocols, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})}
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// idle begins the command line of what runs when nobody else would: an attacker has a
// machine of its own, and what it burns there is nobody's here.
func idle() []string {
	if _, err := exec.LookPath("chrt"); err == nil {
		return []string{"chrt", "--idle", "0"}
	}
	return []string{"nice", "-n", "19"}
}

// standAside has the broker and the processes from the first on run when nobody else would,
// where that can be had.
func (t *target) standAside(ctx context.Context, first int) {
	all := []*child.Process{t.broker}
	for _, w := range t.processes[first:] {
		all = append(all, w.process)
	}
	for _, p := range all {
		_ = exec.CommandContext(ctx, "chrt", "--idle", "--all-tasks", "--pid", "0", strconv.Itoa(p.PID())).Run() // where it cannot, all have one class
	}
}

// launch runs an attack by requests in a process of its own.
func (a *attack) launch(ctx context.Context, c *Config, t *target) (string, error) {
	told, err := json.Marshal(orders{a.name, t.addr, t.metrics, t.secret, c.Duration})
	if err != nil {
		return "", fmt.Errorf("write the orders: %w", err)
	}
	line := append(idle(), c.Attacker...)
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	var out, problem bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(told), &out, &problem
	if err := cmd.Run(); err != nil {
		return "", errors.Join(fmt.Errorf("attacker: %w", err), errors.New(problem.String()))
	}
	return out.String(), nil
}
