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
	Memory   int64 // bytes that a process may take before it is killed, as a container is
	Files    int   // descriptors that it may have (ulimit -n)
	// Apart gives the attacker the last processor and all else the others: what it
	// burns is nobody's here. It needs two processors and taskset.
	Apart bool
	// Elsewhere aims each attack by requests at a plain net/http server once more, which
	// refuses all, and measures the users of Belfry beside that.
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
	return slices.Concat(requestAttacks(), frameAttacks(), recordAttacks())
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
	peak          int64
	cpu           float64 // cores
	files         int
	behind        time.Duration // 0: nothing came
	note, ended   string
}

// elsewhere is the name of what is attacked in place of a program.
const elsewhere = "none"

// Run runs each attack against each program in turn and writes a line for each to out.
func Run(ctx context.Context, c *Config, out io.Writer) error {
	if err := c.part(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, "%-11s %-7s %9s %9s %6s %9s %7s %6s %9s  %s\n",
		"attack", "program", "p99 alone", "p99 then", "ratio", "memory", "cores", "files", "behind", "")
	for _, a := range attacks() {
		if len(c.Only) > 0 && !slices.Contains(c.Only, a.name) {
			continue
		}
		programs := c.Programs
		if c.Elsewhere && !a.record {
			programs = append(slices.Clone(programs), Program{elsewhere, programs[len(programs)-1].Path})
		}
		for _, p := range programs {
			o, err := one(ctx, c, a, p)
			if err != nil {
				return fmt.Errorf("attack %s against %s: %w", a.name, p.Name, err)
			}
			o.print(out, a, p)
		}
	}
	return nil
}

func (o *outcome) print(out io.Writer, a attack, p Program) {
	ratio, behind := "-", "never"
	if alone := o.alone.p99(); alone > 0 && o.ended == "" {
		ratio = fmt.Sprintf("%.1f", float64(o.beside.p99())/float64(alone))
	}
	if o.behind > 0 {
		behind = o.behind.Round(time.Millisecond).String()
	}
	note := o.note
	if o.ended != "" {
		note = "ENDED: " + o.ended
	}
	fmt.Fprintf(out, "%-11s %-7s %9s %9s %6s %5d MiB %7.2f %6d %9s  %s\n", a.name, p.Name,
		o.alone.p99().Round(100*time.Microsecond), o.beside.p99().Round(100*time.Microsecond), ratio, o.peak>>20, o.cpu, o.files, behind, note)
}

// one runs an attack against a program that is started for it.
func one(ctx context.Context, c *Config, a attack, p Program) (o outcome, err error) {
	t, err := start(ctx, c, a.name+"-"+p.Name, p.Path)
	if err != nil {
		return o, err
	}
	defer func() {
		if stopped := t.stop(); err == nil {
			err = stopped
		}
	}()
	aim := t
	if p.Name == elsewhere {
		plain, err := startPlain(ctx, c)
		if err != nil {
			return o, err
		}
		defer func() { err = errors.Join(err, plain.stop()) }()
		plain.secret = t.secret
		aim = plain
	}
	if a.prepare != nil {
		if t.hostile, err = a.prepare(); err != nil {
			return o, err
		}
		runtime.GC()
	}
	if o.alone, err = t.honest(ctx, c.Duration); err != nil {
		return o, err
	}
	t.watch.begin()
	notes, failed := make(chan string, 1), make(chan error, 1)
	go func() {
		var note string
		var err error
		if a.record {
			note, err = a.run(ctx, t)
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
	if o.behind = t.behindTook; !a.record {
		o.behind = o.beside.worst()
	}
	if a.hint {
		o.note += "; X-Poll-Interval of others " + t.interval
	}
	if t.failed > 0 {
		o.note += fmt.Sprintf("; %d honest requests failed, the last with %s", t.failed, t.failure)
	}
	o.peak, o.cpu, o.files, o.ended = t.watch.end()
	return o, nil
}
