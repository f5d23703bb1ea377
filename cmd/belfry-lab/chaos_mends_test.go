package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/chaos"
	"github.com/belfry/belfry/internal/chaos/check"
	"github.com/belfry/belfry/internal/kafkatest"
)

// chaosMendsEnv names the mends to switch off, separated by commas, or says
// "all".
const chaosMendsEnv = "BELFRY_TEST_CHAOS_MENDS"

// chaosScene is a run that provokes holes: faults at fixed times, and a load
// under which they show.
type chaosScene struct {
	faults           []chaos.Planned
	duration         time.Duration
	users, rate, cap int
}

const seconds = time.Second

// mendsSeed is that of the clients of all scenes.
const mendsSeed = 1

// at is a fault of a scene.
func at(s float64, family chaos.Family, target int, length float64) chaos.Planned {
	return chaos.Planned{
		At: time.Duration(s * float64(seconds)), Family: family, Target: target,
		For: time.Duration(length * float64(seconds)),
	}
}

// allProcessors is a fault of all three at once.
func allProcessors(s float64, family chaos.Family, length float64) []chaos.Planned {
	return []chaos.Planned{at(s, family, 0, length), at(s, family, 1, length), at(s, family, 2, length)}
}

func chaosScenes() map[string]chaosScene {
	// A broker hangs: what it leads waits, the rest goes on once it is fenced.
	// In the midst of that all processors are killed.
	stalled := slices.Concat(
		[]chaos.Planned{at(4, chaos.PauseBroker, 0, 12)}, allProcessors(11, chaos.KillProcessor, 0.5),
		[]chaos.Planned{at(28, chaos.PauseBroker, 1, 12)}, allProcessors(35, chaos.KillProcessor, 0.5))
	return map[string]chaosScene{
		"no faults": {faults: []chaos.Planned{}, duration: 12 * seconds, users: 120, rate: 200, cap: 50},
		"stalled writes": {
			faults:   stalled,
			duration: 42 * seconds, users: 120, rate: 200, cap: 50,
		},
		// One processor has all partitions, and is told to stop while writes
		// hang: its stores are then ahead of the table. Few users have another
		// record after that.
		"ended while writes stall": {
			faults: []chaos.Planned{
				at(1, chaos.TermProcessor, 1, 19), at(1, chaos.TermProcessor, 2, 19),
				at(8, chaos.PauseBroker, 0, 9), at(12, chaos.TermProcessor, 0, 0.2),
			},
			duration: 20 * seconds, users: 1500, rate: 200, cap: 50,
		},
		// The router writes records again that are seconds old: small inboxes have
		// forgotten them by then.
		"stalled writes, small inboxes": {
			faults:   stalled,
			duration: 42 * seconds, users: 20, rate: 300, cap: 2,
		},
		// Two processors are paused in the midst of work, which the pause of all
		// heaps up, until another has their partitions. When they go on they
		// write as if these were still their own; few users have another record
		// after that.
		"late rows": {
			faults: slices.Concat(allProcessors(3, chaos.PauseProcessor, 4),
				[]chaos.Planned{at(7.15, chaos.PauseProcessor, 0, 11), at(7.25, chaos.PauseProcessor, 1, 11)}),
			duration: 18500 * time.Millisecond, users: 400, rate: 300, cap: 3,
		},
		// The same, and then those who have the partitions go, so that they
		// come back to the one who was paused.
		"zombies": {
			faults: []chaos.Planned{
				at(3, chaos.PauseProcessor, 0, 10), at(13.5, chaos.TermProcessor, 1, 4), at(13.5, chaos.TermProcessor, 2, 4),
				at(22, chaos.PauseProcessor, 1, 10), at(32.5, chaos.TermProcessor, 0, 4), at(32.5, chaos.TermProcessor, 2, 4),
			},
			duration: 40 * seconds, users: 300, rate: 200, cap: 3,
		},
		// For as long as it takes until a store is written to disk. It needs a
		// file system of its own.
		"full disk": {
			faults:   []chaos.Planned{at(2, chaos.FillDisk, 0, 38)},
			duration: 42 * seconds, users: 120, rate: 200, cap: 50,
		},
		// A server that goes on answers what waited for it from old tables.
		"servers paused": {
			faults: []chaos.Planned{
				at(3, chaos.PauseServer, 0, 4), at(9, chaos.PauseServer, 1, 4),
				at(15, chaos.PauseServer, 0, 4), at(21, chaos.PauseServer, 1, 4),
			},
			duration: 27 * seconds, users: 40, rate: 200, cap: 50,
		},
		// As long as nobody joins, the partitions of a process that is gone
		// stand still, of each group other ones: rows come without contents.
		"processors away": {
			faults: []chaos.Planned{
				at(3, chaos.KillProcessor, 0, 5.5), at(17, chaos.KillProcessor, 1, 5.5), at(31, chaos.KillProcessor, 2, 5.5),
			},
			duration: 37 * seconds, users: 120, rate: 100, cap: 50,
		},
	}
}

// chosenMends are those to run.
func chosenMends(t *testing.T) []mend {
	t.Helper()
	env := os.Getenv(chaosMendsEnv)
	if env == "" {
		t.Skipf("set %s to all, or to a list of mends", chaosMendsEnv)
	}
	all := mends()
	if env == "all" {
		return all
	}
	var chosen []mend
	for name := range strings.SplitSeq(env, ",") {
		i := slices.IndexFunc(all, func(m mend) bool { return m.name == strings.TrimSpace(name) })
		if i < 0 {
			t.Fatalf("%s: no mend %q", chaosMendsEnv, name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen
}

// With a mend switched off the checker finds the hole, and with all of them in
// place the same run is well.
func TestChaosMends(t *testing.T) {
	chosen := chosenMends(t)
	cluster := kafkatest.Start(t, kafkatest.Config{Nodes: 3})
	controlled := map[string]bool{}
	for _, m := range chosen {
		if !controlled[m.scene] {
			controlled[m.scene] = true
			t.Run("control/"+m.scene, func(t *testing.T) { m.control(t, cluster) })
		}
		t.Run(m.name, func(t *testing.T) { m.prove(t, cluster) })
	}
}

// control runs the scene of a mend with that in place.
func (m mend) control(t *testing.T, cluster *kafkatest.Cluster) {
	report, verdict := m.run(t, cluster, buildBelfry(t))
	fmt.Fprintf(t.Output(), "control | %s, seed %d | %s\n", m.scene, mendsSeed, firstLine(verdict.String()))
	if verdict.Ok() {
		return
	}
	t.Errorf("%s%s", verdict, report.Logs)
	if user := verdict.FirstUser(); user != "" {
		if err := check.Explain(t.Output(), report.History, report.Truth, user); err != nil {
			t.Error(err)
		}
	}
}

// prove runs the scene of a mend with that switched off.
func (m mend) prove(t *testing.T, cluster *kafkatest.Cluster) {
	_, verdict := m.run(t, cluster, buildWithout(t, m.off()...))
	i := slices.IndexFunc(verdict.Findings, func(f check.Finding) bool { return f.Kind == m.kind && strings.Contains(f.Text, m.text) })
	if i < 0 {
		t.Errorf("without %s %s, but there is no finding %s with %q in\n%s", m.name, m.hole, m.kind, m.text, verdict)
		return
	}
	fmt.Fprintf(t.Output(), "%s: %s | %s: %s -> %s | %s, seed %d | %s | %s\n", m.name, m.hole, m.file, inOneLine(m.old), inOneLine(m.new),
		m.scene, mendsSeed, firstLine(verdict.String()), inOneLine(verdict.Findings[i].String()))
}

func (m mend) run(t *testing.T, cluster *kafkatest.Cluster, binary string) (*chaos.Report, check.Verdict) {
	t.Helper()
	scene := chaosScenes()[m.scene]
	if slices.ContainsFunc(scene.faults, func(p chaos.Planned) bool { return p.Family == chaos.FillDisk }) {
		if err := chaos.CanMount(t.TempDir()); err != nil {
			t.Skip(err)
		}
	}
	report, err := chaos.Run(t.Context(), chaos.Config{
		Binary: binary, Dir: t.TempDir(), Prefix: belfry.Prefix(fmt.Sprintf("mend-%d", time.Now().UnixNano())),
		Kafka:     kafka.Config{Brokers: cluster.Brokers()},
		KafkaArgs: []string{"--brokers", strings.Join(cluster.Brokers(), ",")},
		Brokers:   cluster.Nodes(),
		Seed:      mendsSeed, Duration: scene.duration, Faults: scene.faults, Rest: 40 * seconds,
		Users: scene.users, Rate: scene.rate, Partitions: 6, Cap: scene.cap,
		Progress: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return report, check.Check(report.History, report.Truth)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// inOneLine is a text in a few words.
func inOneLine(text string) string {
	const most = 200
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = text[:most] + "…"
	}
	return text
}
