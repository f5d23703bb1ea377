package main

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"testing"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
)

const peersRow = `(\| [\d.]+ \([\d.]+–[\d.]+\) ){7}\|`

func TestBenchPeers(t *testing.T) {
	plot := filepath.Join(t.TempDir(), "peers.svg")
	got := measured(t, cli.ExitOK, "peers", "--events", "3000", "--users", "50,200", "--partitions", "2", "--rounds", "2",
		"--only", "belfry|goka|bare", "--goka", buildPeer(t), "--plot", plot)
	wantLines(t, got,
		`brokers of --brokers; load of the machine before: .*`,
		`3000 events for 50 users, 2 partitions, Zipf 1\.1, median of 2 rounds \(lowest–highest\)`,
		`3000 events for 200 users, .*`,
		`round 2, belfry, from the journal: steady .*`,
		`\| belfry, from the journal `+peersRow, `\| belfry, from notifications `+peersRow, `\| plain goka `+peersRow, `\| bare loop `+peersRow)
	for _, name := range []string{"peers-50.svg", "peers-200.svg"} {
		if svg, err := os.ReadFile(filepath.Join(filepath.Dir(plot), name)); err != nil || xml.Unmarshal(svg, new(any)) != nil {
			t.Errorf("plot %s: %v", name, err)
		}
	}
}

// Kafka Streams needs transactions and log dirs of a real broker.
func TestBenchPeersOnKafkaStreams(t *testing.T) {
	cluster := kafkatest.Start(t, kafkatest.Config{})
	got := measuredOn(t, cluster.Brokers(), cli.ExitOK, "peers", "--events", "3000", "--users", "50", "--partitions", "2", "--rounds", "1",
		"--only", "streams, (at least once, RocksDB, one hop|exactly once, in memory, cache)$")
	wantLines(t, got,
		`\| streams, at least once, RocksDB, one hop `+peersRow, `\| streams, exactly once, in memory, cache `+peersRow)
}

func TestBenchPeersRefuses(t *testing.T) {
	const brokers = "--brokers=127.0.0.1:9092"
	for name, tt := range map[string]struct{ args, want []string }{
		"no brokers": {nil, []string{"--brokers", "required"}},
		"none":       {[]string{brokers, "--only", "storm"}, []string{"--only", "bare loop"}},
		"pattern":    {[]string{brokers, "--only", "("}, []string{"--only", "regular expression"}},
		"zipf":       {[]string{brokers, "--zipf", "1"}, []string{"--zipf", "above 1"}},
		"users":      {[]string{brokers, "--users", "1"}, []string{"--users", "at least 2"}},
		"few events": {[]string{brokers, "--events", "10"}, []string{"--events", "at least 1000"}},
	} {
		t.Run(name, func(t *testing.T) {
			call(t, append([]string{"bench", "peers"}, tt.args...)...).WantError(t, cli.ExitUsage, tt.want...)
		})
	}
}

func TestBenchRestore(t *testing.T) {
	got := measured(t, cli.ExitOK, "restore", "--users", "300", "--items", "3", "--partitions", "2", "--rounds", "2")
	wantLines(t, got,
		`brokers of --brokers; load.*; 300 users with 3 items each, 2 partitions`,
		`bare consumer, unread table: 302 records in .*`,
		`processor, unread table: 302 records in \d+\.\d\d s, \d+/s, \d+\.\d CPU-s a million, peak [1-9]\d* MiB`,
		`median of 2, bare consumer, both tables: [1-9]\d* records/s, .*`,
		`server, both tables: 1202 records in .*`,
		`median of 2, server, both tables: [1-9]\d* records/s, \d+\.\d CPU-s a million, peak [1-9]\d* MiB; \d+ % of the bare consumer's rate`)
}

func TestBenchGrowth(t *testing.T) {
	got := measured(t, cli.ExitOK, "growth", "--events", "2000", "--user-steps", "20,200", "--cap-steps", "10", "--partition-steps", "1,2", "--recipient-steps", "1,50", "--users", "50", "--partitions", "2", "--rounds", "1")
	const step = ` +steady +\d+/s, +\d+\.\d CPU-s a million, peak +[1-9]\d* MiB.*`
	wantLines(t, got, `brokers of --brokers; load.*; 2000 events in the journal, medians of 1 rounds`,
		` +20 users`+step, ` +200 users`+step, ` +10 items an inbox`+step, ` +1 partitions`+step, ` +2 partitions`+step, ` +1 recipients +too short for a steady part: more --events`, ` +50 recipients +too short for a steady part: more --events`)
}

func TestBenchTime(t *testing.T) {
	got := measured(t, cli.ExitOK, "time", "--rate", "100", "--sample-for", "3s", "--pending", "500", "--over", "3s", "--lead", "40s", "--live-rate", "20", "--streams", "10", "--users", "100",
		"--partitions", "2", "--events", "1000", "--rounds", "1", "--duration", "2s")
	const delays = `p50 .* ms, p90 .* ms, p99 .* ms, max .* ms \(\d+\)`
	wantLines(t, got,
		`300 scheduled events at 100/s for 10 users: [1-9]\d* samples of badge and list \(\d+ due while all readers were busy\), [1-9]\d* of them of one version and x, apart: 0`,
		`due to stream: `+delays,
		`500 pending: heap .* MiB, .* without their times: .* B each; start \d+\.\d\d s, without \d+\.\d\d s; all armed .* s after exec`,
		`live events at 20/s while all wait: +`+delays, `live events at 20/s as all come due in 3s: `+delays,
		`rows were settled \d+\.\d s after the first was due, [1-9]\d* touches and \d+ again, the latest timer .* s overdue`)
}

func TestBenchBroadcast(t *testing.T) {
	got := measured(t, cli.ExitOK, "broadcast", "--users", "200", "--samples", "20", "--copies", "100", "--partitions", "2")
	wantLines(t, got,
		`brokers of --brokers; load.*; 200 users, 2 partitions`,
		`a notice to everybody: +2 journal records, 2 rows, 2 contents; answered after \d+\.\d{3} s, shown in every partition after \d+\.\d{3} s; .* CPU-s of processor and server`,
		` +20 lists read then in \d+\.\d\d s, 0 without it`,
		`copies to 100 users: +100 journal records, 100 rows, 100 contents; .*`)
}
