package attack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/belfry/belfry/internal/bench/figures"
)

// Program is a belfry to attack.
type Program struct{ Name, Path string }

// Config says what to run. All fields but Only are required.
type Config struct {
	Programs []Program
	Attacker []string // command line that calls [Apart]
	Broker   string   // program whose embedded broker is used
	Dir      string   // for logs and state; the caller removes it
	Only     []string // names of attacks; empty: all
	Duration time.Duration
	Rounds   int   // of each attack, or of [Full]; medians of them are printed
	Memory   int64 // bytes that each process may take before it is killed, as a container is
	Files    int   // descriptors that it may have (ulimit -n)
	// OneProcess attacks belfry run in place of a server and a processor.
	OneProcess bool
	// Elsewhere measures the users of Belfry once more while each attack is aimed at
	// something else, which stands aside: by requests at a plain net/http server, which
	// refuses all, by records at a program of its own.
	Elsewhere bool
}

// attack is one scenario. It returns what else there is to say, in a few words.
type attack struct {
	name, what string
	run        func(ctx context.Context, t *target) (note string, err error)
	// prepare, if not nil, makes what run finds as the target's hostile bytes: an attacker
	// has that ready, and this process, whose users are measured, has nothing to do with it.
	prepare func() ([]byte, error)
	// record is that a record comes behind the hostile ones, in their partition;
	// otherwise the slowest answer to an honest user is what comes behind.
	record bool
	// hint is that it aims at how often others are told to ask.
	hint bool
}

// attacks are all there are, in the order in which they are run.
func attacks() []attack {
	return slices.Concat(requestAttacks(), callAttacks(), frameAttacks(), recordAttacks())
}

// Names are those of all attacks.
func Names() (names []string) {
	for _, a := range attacks() {
		names = append(names, a.name)
	}
	return names
}

// Described are the names and what each attack is, a line each.
func Described() string {
	var b strings.Builder
	for _, a := range attacks() {
		fmt.Fprintf(&b, "  %-11s %s\n", a.name, a.what)
	}
	return b.String()
}

// outcome is what an attack came to.
type outcome struct {
	alone, beside delays
	behind        time.Duration // 0: nothing came
	note          string
	usages        []usage // of the server and the processor
}

// elsewhere is the name of what is attacked in place of a program.
const elsewhere = "none"

// Run runs each attack against each program in turn and writes a line for each to out.
func Run(ctx context.Context, c *Config, out io.Writer) error {
	of := "the server and of the processor"
	if c.OneProcess {
		of = "the process"
	}
	fmt.Fprintf(out, "medians of %d rounds; memory, cores, files and behind at their highest, of %s\n", c.Rounds, of)
	fmt.Fprintf(out, "%-11s %-7s %9s %9s %6s %12s %10s %9s %9s  %s\n",
		"attack", "program", "p99 alone", "p99 then", "ratio", "memory", "cores", "files", "behind", "")
	for _, a := range attacks() {
		if len(c.Only) > 0 && !slices.Contains(c.Only, a.name) {
			continue
		}
		programs := c.Programs
		if c.Elsewhere {
			programs = append(slices.Clone(programs), Program{elsewhere, programs[len(programs)-1].Path})
		}
		for _, p := range programs {
			var rounds []outcome
			for round := range c.Rounds {
				o, err := one(ctx, c, a, p, round)
				if err != nil {
					return fmt.Errorf("attack %s against %s: %w", a.name, p.Name, err)
				}
				rounds = append(rounds, o)
			}
			printOutcomes(out, rounds, a, p)
		}
	}
	return nil
}

// printOutcomes writes what rounds of an attack came to: medians of p99 and of its ratios, and
// the highest of all else. Its note is that of the last round, or of one in which a process ended.
func printOutcomes(out io.Writer, rounds []outcome, a attack, p Program) {
	var alone, beside []time.Duration
	var ratios []float64
	worst := rounds[len(rounds)-1]
	usages := slices.Clone(worst.usages)
	note, ended := worst.note, false
	for _, o := range rounds {
		alone, beside = append(alone, o.alone.p99()), append(beside, o.beside.p99())
		ratios = append(ratios, float64(o.beside.p99())/float64(max(o.alone.p99(), 1)))
		if o.behind == 0 || worst.behind > 0 && o.behind > worst.behind {
			worst.behind = o.behind
		}
		for i, u := range o.usages {
			usages[i].peak, usages[i].cores, usages[i].files = max(usages[i].peak, u.peak), max(usages[i].cores, u.cores), max(usages[i].files, u.files)
			if u.ended != "" {
				note, ended = fmt.Sprintf("ENDED: %s, %s", u.name, u.ended), true
			}
		}
	}
	var memory, cores, files []string
	for _, u := range usages {
		memory, cores, files = append(memory, fmt.Sprint(u.peak>>20)), append(cores, fmt.Sprintf("%.2f", u.cores)), append(files, fmt.Sprint(u.files))
	}
	ratio, behind := fmt.Sprintf("%.1f", figures.Median(ratios)), "never"
	if ended {
		ratio = "-"
	}
	if worst.behind > 0 {
		behind = worst.behind.Round(time.Millisecond).String()
	}
	fmt.Fprintf(out, "%-11s %-7s %9s %9s %6s %12s %10s %9s %9s  %s\n", a.name, p.Name,
		figures.Median(alone).Round(10*time.Microsecond), figures.Median(beside).Round(10*time.Microsecond), ratio,
		strings.Join(memory, "+")+" MiB", strings.Join(cores, "+"), strings.Join(files, "+"), behind, note)
}

// one runs an attack against a program that is started for it.
func one(ctx context.Context, c *Config, a attack, p Program, round int) (o outcome, err error) {
	name := fmt.Sprint(a.name, "-", p.Name, "-", round)
	t, err := start(ctx, c, name, p.Path)
	if err != nil {
		return o, err
	}
	// Kafka and processors have machines of their own, as the attacker.
	t.standAside(ctx, 1)
	defer func() { err = errors.Join(err, t.stop()) }()
	aim := t
	if p.Name == elsewhere {
		if aim, err = t.elsewhere(ctx, c, a, name, p.Path); err != nil {
			return o, err
		}
		defer func() { err = errors.Join(err, aim.stop()) }()
	}
	if a.prepare != nil {
		if aim.hostile, err = a.prepare(); err != nil {
			return o, err
		}
		runtime.GC()
	}
	if o.alone, err = t.honest(ctx, c.Duration); err != nil {
		return o, err
	}
	for _, w := range t.processes {
		w.begin()
	}
	notes, failed := make(chan string, 1), make(chan error, 1)
	go func() {
		var note string
		var err error
		if a.record {
			note, err = a.run(ctx, aim)
		} else {
			note, err = a.launch(ctx, c, aim)
		}
		notes <- note
		failed <- err
	}()
	if o.beside, err = t.honest(ctx, c.Duration); err != nil {
		return o, err
	}
	o.note = <-notes
	if err := <-failed; err != nil {
		return o, err
	}
	if o.behind = aim.behindTook; !a.record {
		o.behind = o.beside.worst()
	}
	if a.hint {
		o.note += "; X-Poll-Interval of others " + t.interval
	}
	if t.failed > 0 {
		o.note += fmt.Sprintf("; %d honest requests failed, the last with %s", t.failed, t.failure)
	}
	for _, w := range t.processes {
		o.usages = append(o.usages, w.end())
	}
	return o, nil
}
