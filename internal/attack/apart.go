package attack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
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

// launch runs an attack by requests in a process of its own, at the lowest priority: an
// attacker has a machine of its own, and what it burns there is nobody's here.
func (a *attack) launch(ctx context.Context, c *Config, t *target) (string, error) {
	told, err := json.Marshal(orders{a.name, t.addr, t.metrics, t.secret, c.Duration})
	if err != nil {
		return "", fmt.Errorf("write the orders: %w", err)
	}
	cmd := exec.CommandContext(ctx, "nice", append([]string{"-n", "19"}, c.Attacker...)...)
	var out, problem bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(told), &out, &problem
	if err := cmd.Run(); err != nil {
		return "", errors.Join(fmt.Errorf("attacker: %w", err), errors.New(problem.String()))
	}
	return out.String(), nil
}
