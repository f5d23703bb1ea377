package chaos_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/internal/buildtest"
	"github.com/belfry/belfry/internal/chaos"
	"github.com/belfry/belfry/internal/kafkatest"
)

// The long form of TestChaos: which seeds, separated by commas, and how long
// each has events and faults, such as 3m.
const (
	chaosSeedsEnv    = "BELFRY_TEST_CHAOS_SEEDS"
	chaosDurationEnv = "BELFRY_TEST_CHAOS_DURATION"
)

// chaosRuns are the seeds to run and how long each.
func chaosRuns(t *testing.T) (seeds []uint64, duration time.Duration) {
	t.Helper()
	list, long := "1,2,3", 25*time.Second
	if env := os.Getenv(chaosSeedsEnv); env != "" {
		list = env
	}
	for text := range strings.SplitSeq(list, ",") {
		seed, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", chaosSeedsEnv, err)
		}
		seeds = append(seeds, seed)
	}
	if env := os.Getenv(chaosDurationEnv); env != "" {
		var err error
		if long, err = time.ParseDuration(env); err != nil {
			t.Fatalf("%s: %v", chaosDurationEnv, err)
		}
	}
	return seeds, long
}

func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three nodes of Apache Kafka and five processes")
	}
	seeds, duration := chaosRuns(t)
	cluster := kafkatest.Start(t, kafkatest.Config{Nodes: 3})
	binary := buildtest.Program(t, "cmd/belfry")
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			cfg := chaos.Config{
				Binary: binary, Dir: t.TempDir(), Prefix: belfry.Prefix(fmt.Sprintf("chaos-%d-%d", seed, time.Now().Unix())),
				Kafka:     kafka.Config{Brokers: cluster.Brokers()},
				KafkaArgs: []string{"--brokers", strings.Join(cluster.Brokers(), ",")},
				Brokers:   cluster.Nodes(),
				Seed:      seed, Duration: duration, Users: 120, Rate: 200, Partitions: 6, Cap: 50,
				Progress: t.Output(),
			}
			verdict, err := chaos.RunAndCheck(t.Context(), cfg, t.Output())
			if err != nil {
				t.Fatal(err)
			}
			if !verdict.Ok() {
				t.Errorf("repeat it with: %s=%d %s=%s go test -run %s ./internal/chaos", chaosSeedsEnv, seed, chaosDurationEnv, duration, t.Name())
			}
		})
	}
}
