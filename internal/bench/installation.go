package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/child"
)

// Config says where to measure.
type Config struct {
	Kafka kafka.Config
	// KafkaArgs are the flags by which a measured process reaches the same
	// brokers.
	KafkaArgs []string
	// Prefix begins the names of all topics and groups. Nobody else's may begin
	// with it: they are deleted in the end.
	Prefix     belfry.Prefix
	Partitions int
	Users      int
	// Dir is an existing folder for state and logs.
	Dir string
	// Belfry is the path of the program, a peer's is in its Program.
	Belfry string
	// Lab is the path of the program that measures, which is the plain server too.
	Lab string
	// Print tells results as they come, one line each. It must not be nil.
	Print func(format string, args ...any)
}

// Program is what fills the two tables: Belfry's processors or a peer.
type Program struct {
	Name string
	Path string
	// Args come before the flags that every program takes.
	Args []string
}

// BelfryProcessor runs those groups, a comma-separated list.
func (c *Config) BelfryProcessor(groups string) Program {
	return Program{Name: "belfry", Path: c.Belfry, Args: []string{"processor", "--groups", groups}}
}

// installation is one set of topics and the processes that work on it.
type installation struct {
	Config
	admin   *admin
	members []*member
}

// install makes the topics of an installation of its own: the name becomes part
// of the prefix. The caller must close it, also after an error.
func (c *Config) install(ctx context.Context, name string) (*installation, error) {
	in := &installation{Config: *c}
	in.Prefix += belfry.Prefix("-" + name)
	in.Dir = filepath.Join(c.Dir, name)
	if err := os.MkdirAll(in.Dir, 0o700); err != nil {
		return in, fmt.Errorf("make a folder for state and logs: %w", err)
	}
	var err error
	if in.admin, err = openAdmin(c.Kafka, in.Prefix); err != nil {
		return in, err
	}
	topics, err := kafka.OpenTopics(c.Kafka)
	if err != nil {
		return in, err
	}
	_, err = topics.Ensure(ctx, in.Prefix.Topics(c.Partitions), 0)
	return in, errors.Join(err, topics.Close())
}

// close ends the processes and deletes topics, groups, state and logs.
func (in *installation) close(ctx context.Context) error {
	var errs []error
	for _, m := range in.members {
		errs = append(errs, m.end())
	}
	if in.admin != nil {
		errs = append(errs, in.admin.delete(ctx))
		in.admin.close()
	}
	return errors.Join(append(errs, os.RemoveAll(in.Dir))...)
}

// processor starts a process of the program with a state folder of its own,
// which is called like it.
func (in *installation) processor(ctx context.Context, p Program, name string, more ...string) (*member, error) {
	addr, err := child.FreeAddr()
	if err != nil {
		return nil, err
	}
	return in.add(p.Path, name, addr, append(append(append([]string{}, p.Args...), "--metrics-addr", addr), more...))
}

// programOf returns the path of the program that these arguments are for:
// belfry's server, or the plain one.
func (c *Config) programOf(args []string) string {
	if args[0] == "server" {
		return c.Belfry
	}
	return c.Lab
}

// server starts a server of Belfry, with more flags.
func (in *installation) server(ctx context.Context, name string, more ...string) (*member, error) {
	addr, err := child.FreeAddr()
	if err != nil {
		return nil, err
	}
	return in.add(in.Belfry, name, addr, append([]string{"server", "--auth", "none", "--addr", addr}, more...))
}

func (in *installation) add(path, name, addr string, args []string) (*member, error) {
	m := &member{
		name: name, path: path, url: "http://" + addr,
		dir: filepath.Join(in.Dir, name), log: filepath.Join(in.Dir, name+".log"),
	}
	m.args = append(append(args, in.KafkaArgs...), "--prefix", string(in.Prefix), "--state-dir", m.dir)
	in.members = append(in.members, m)
	return m, m.start()
}

// endings is how often processes ended by themselves.
func (in *installation) endings() int {
	n := 0
	for _, m := range in.members {
		n += m.endings()
	}
	return n
}

// rest waits until the groups have committed all of their inputs, or for the
// limit. It reports how many records they are still behind.
func (in *installation) rest(ctx context.Context, inputs map[string][]string, limit time.Duration) (behind int64, err error) {
	deadline := time.Now().Add(limit)
	for {
		// A question that fails is asked again: brokers may be busy.
		behind, err = in.admin.behind(ctx, inputs)
		if err == nil && behind == 0 || time.Now().After(deadline) {
			return behind, err
		}
		if err := Pause(ctx, 100*time.Millisecond); err != nil {
			return behind, err
		}
	}
}

// folding are the groups that fill the tables from the journal.
func (in *installation) folding() map[string][]string {
	inputs := in.Prefix.GroupInputs()
	delete(inputs, in.Prefix.RouterGroup(in.Prefix.Notifications()))
	return inputs
}

// Pause waits, or returns why ctx ended.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Site is an installation for what another room measures.
type Site struct{ *installation }

// Open makes the topics of a site. The caller must close it, also after an error.
func (c *Config) Open(ctx context.Context, name string) (Site, error) {
	in, err := c.install(ctx, name)
	return Site{in}, err
}

// Close ends the site's processes and deletes its topics, groups, state and logs.
func (s Site) Close(ctx context.Context) error { return s.close(ctx) }

// Processor starts the processor that folds the journal, with more flags, and waits until
// it is ready.
func (s Site) Processor(ctx context.Context, name string, more ...string) (Process, error) {
	m, err := s.processor(ctx, s.BelfryProcessor("unread"), name, more...)
	if err != nil {
		return Process{m}, err
	}
	return Process{m}, m.awaitReady(ctx)
}

// Server starts a server, with more flags, and waits until it is ready.
func (s Site) Server(ctx context.Context, name string, more ...string) (Process, error) {
	m, err := s.server(ctx, name, more...)
	if err != nil {
		return Process{m}, err
	}
	return Process{m}, m.awaitReady(ctx)
}

// Rest waits until the journal is folded, or for the limit.
func (s Site) Rest(ctx context.Context, limit time.Duration) error {
	behind, err := s.rest(ctx, s.folding(), limit)
	if err == nil && behind > 0 {
		err = fmt.Errorf("%d records of the journal are not folded after %s", behind, limit)
	}
	return err
}

// Ends returns the sum of the ends of each topic's partitions: how many records it was
// written, here where nothing is compacted yet or aborted.
func (s Site) Ends(ctx context.Context, topics ...string) ([]int64, error) {
	ends, err := endsOf(ctx, s.admin.kadm, topics...)
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(topics))
	for i, topic := range topics {
		for _, end := range ends[topic] {
			out[i] += end.Offset
		}
	}
	return out, nil
}

// Process is a process of a site.
type Process struct{ m *member }

// URL is where its metrics are, and a server's API.
func (p Process) URL() string { return p.m.url }

// CPU is the processor time that it has used since its start.
func (p Process) CPU() (time.Duration, error) {
	used, err := p.m.footprint()
	return used.CPU, err
}

// Restart ends it by SIGTERM and starts it again with the state it has; it returns the
// time from exec until it was ready.
func (p Process) Restart(ctx context.Context) (time.Duration, error) {
	if err := p.m.terminate(); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := p.m.start(); err != nil {
		return 0, err
	}
	err := p.m.awaitReady(ctx)
	return time.Since(began), err
}
