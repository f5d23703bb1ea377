package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/internal/attack"
	"github.com/belfry/belfry/internal/cli"
)

// attackOptions say what is attacked, how, and within which limits.
type attackOptions struct {
	belfryOptions
	before    string
	only      []string
	duration  time.Duration
	memory    int
	files     int
	one       bool
	elsewhere bool
	honest    bool
	rounds    int
}

func attackCommand(p *cli.Program) *cobra.Command {
	var o attackOptions
	c := &cobra.Command{
		Use:   "attack",
		Short: "Attack Belfry and measure what that costs it and its users",
		Long: `Start a server and a processor, as docker/ does, with an embedded broker for each
attack, each within a limit of memory (GOMEMLIMIT, and killed beyond --memory as a
container is) and of files (ulimit -n). Measure honest users alone and then beside
the attack, and print for each: their p99, memory, processor time and files of the
attacked processes at their highest, and how long the request or record behind the
hostile one took. Attackers, Kafka and processors have machines of their own: here
they run when the server and its users leave a processor idle (SCHED_IDLE). With
--one-process server and processor are belfry run, of one machine.

Honest users ask for badges and lists, 200 a second in all. What is asked for while
another answer is late counts from when it was due.

What an attacker burns is not this program's work, nor what machines take of each other
that are one here. --elsewhere aims each attack at something else once more, requests at
a plain net/http server, which refuses all, records at a program of its own: what the
users of Belfry wait for beside that (program "none") is not Belfry's work.

With --honest nothing is attacked: honest clients poll badges, post notifications,
open streams and write events for a rule, at full speed, and the programs take turns.

With --before the program of another git revision is built and attacked as well.

Attacks:
` + strings.TrimSuffix(attack.Described(), "\n"),
		Example: `  belfry-lab attack
  belfry-lab attack --only slow-pages,bomb --before v1.0.0
  belfry-lab attack --only lists,control --elsewhere
  belfry-lab attack --honest --before v1.0.0 --duration 2s`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return err
			}
			return runAttacks(cmd.Context(), p, &o)
		},
	}
	fs := c.Flags()
	o.belfryOptions.AddFlags(fs)
	fs.StringVar(&o.before, "before", "", "git `revision` whose belfry is attacked too, for comparison")
	fs.StringSliceVar(&o.only, "only", nil, "`names` of the attacks to run; all if absent")
	fs.DurationVar(&o.duration, "duration", 6*time.Second, "how long each attack lasts, and how long users are measured without it")
	fs.IntVar(&o.memory, "memory", 1024, "MiB that each process may take")
	fs.IntVar(&o.files, "files", 1024, "files that it may have open")
	fs.BoolVar(&o.one, "one-process", false, "attack belfry run, which is server and processor in one")
	fs.BoolVar(&o.elsewhere, "elsewhere", false, "aim attacks at something else as well, for comparison")
	fs.BoolVar(&o.honest, "honest", false, "measure honest clients at full speed in place of attacks")
	fs.IntVar(&o.rounds, "rounds", 3, "how often each attack is run, or programs take turns with --honest")
	return c
}

// attackerName is the command that [runAttacks] runs for an attack by requests.
const attackerName = "attacker"

func attackerCommand(p *cli.Program) *cobra.Command {
	return &cobra.Command{
		Use: attackerName, Hidden: true, Short: "Be the attacker that attack has started",
		RunE: func(cmd *cobra.Command, _ []string) error {
			// It has as many connections as it takes.
			if _, err := allowConnections(4000); err != nil {
				return err
			}
			return attack.Apart(cmd.Context(), os.Stdin, p.Stdout)
		},
	}
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *attackOptions) Validate() error {
	for _, name := range o.only {
		if !slices.Contains(attack.Names(), name) {
			return cli.FlagErrorf("only", "there is no attack %q; there are %s", name, strings.Join(attack.Names(), ", "))
		}
	}
	if o.duration < time.Second || o.duration > time.Hour {
		return cli.FlagErrorf("duration", "must be 1s to 1h, is %s", o.duration)
	}
	if err := atLeast("rounds", o.rounds, 1); err != nil {
		return err
	}
	for name, n := range map[string]int{"memory": o.memory, "files": o.files} {
		if n < 256 {
			return cli.FlagErrorf(name, "must be at least 256, is %d", n)
		}
	}
	return nil
}

func runAttacks(ctx context.Context, p *cli.Program, o *attackOptions) (err error) {
	dir, err := os.MkdirTemp("", "belfry-attack-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	now, err := o.find(ctx, dir)
	if err != nil {
		return err
	}
	programs := []attack.Program{{Name: "now", Path: now}}
	if o.before != "" {
		before, err := buildRevision(ctx, o.before, dir)
		if err != nil {
			return err
		}
		programs = slices.Insert(programs, 0, attack.Program{Name: "before", Path: before})
	}
	where := "server and processor"
	if o.one {
		where = "one process"
	}
	if o.honest {
		// Streams that were opened before are open until their next ping.
		o.files = max(o.files, 16_384)
	}
	fmt.Fprintf(p.Stdout, "attack: %s; %s each, %d MiB, ulimit -n %d; %s; %s\n", machine(), o.duration, o.memory, o.files, where, load())
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	c := &attack.Config{
		Programs: programs, Attacker: []string{self, attackerName}, Broker: now, Dir: dir, Only: o.only, Duration: o.duration, Memory: int64(o.memory) << 20, Files: o.files,
		Rounds: o.rounds, OneProcess: o.one, Elsewhere: o.elsewhere,
	}
	if o.honest {
		return attack.Full(ctx, c, p.Stdout)
	}
	return attack.Run(ctx, c, p.Stdout)
}

// buildRevision builds the belfry of a git revision of the module around the current
// folder, and returns its path.
func buildRevision(ctx context.Context, revision, dir string) (string, error) {
	tree, path := filepath.Join(dir, "tree"), filepath.Join(dir, "belfry-before")
	run := func(in string, args ...string) error {
		c := exec.CommandContext(ctx, args[0], args[1:]...)
		c.Dir = in
		if out, err := c.CombinedOutput(); err != nil {
			return cli.FlagErrorf("before", "%s of %s failed: %w\n%s", strings.Join(args[:2], " "), revision, err, out)
		}
		return nil
	}
	if err := run("", "git", "worktree", "add", "--detach", tree, revision); err != nil {
		return "", err
	}
	err := run(tree, "go", "build", "-o", path, "./cmd/belfry")
	return path, errors.Join(err, run("", "git", "worktree", "remove", "--force", tree))
}

// load is how busy the machine is with other things.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "load unknown"
	}
	return "load " + strings.Join(strings.Fields(string(text))[:3], " ")
}
