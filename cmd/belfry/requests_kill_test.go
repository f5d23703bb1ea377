package main

import (
	"bufio"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/codec"
	"github.com/belfry/belfry/engine/kafka"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/webpush/browser"
)

// answered is what a client saw of one request.
type answered struct {
	id, user, words string
	took            time.Duration
}

// requestsEnv is how many requests TestRequestsSurviveKills asks by Spring's template, of
// Kafka on three nodes that are killed as well; without it a few are asked by hand. With
// the same and _QUIET nobody is killed, and each client has that many requests under way:
// for figures.
const requestsEnv = "BELFRY_TEST_REQUESTS"

// TestRequestsSurviveKills kills those who answer, again and again: whatever a client saw
// answered is in the log, and none is answered twice with different words.
func TestRequestsSurviveKills(t *testing.T) {
	if testing.Short() {
		t.Skip("runs and kills processes")
	}
	t.Parallel()
	n, _ := strconv.Atoi(os.Getenv(requestsEnv))
	window := os.Getenv(requestsEnv + "_QUIET")
	quiet := window != ""
	var brokers []string
	var cluster *kafkatest.Cluster
	load := func(brokers, lines []string, answers chan<- struct{}) ([]answered, error) {
		return askByHand(t, brokers, lines, answers), nil
	}
	if n > 0 {
		cluster = kafkatest.Start(t, kafkatest.Config{Nodes: 3})
		brokers = cluster.Brokers()
		load = springLoad(t, cmp.Or(window, "30"))
	} else {
		n, brokers = 240, kafkatest.Embedded(t)
	}
	binary, dir := buildBinary(t), t.TempDir()
	all := strings.Join(brokers, ",")
	programtest.Run(t, binary, "topics", "--brokers", all, "--partitions", "6", "--reply-topics", belfry.DefaultReplyTopic)
	var responders []*programtest.Process
	for i := range 2 {
		name, metrics := fmt.Sprint("responder-", i), parts.FreeAddr(t)
		p := programtest.Start(t, name, binary, "processor", "--brokers", all, "--reply-topics", belfry.DefaultReplyTopic,
			"--state-dir", filepath.Join(dir, name), "--metrics-addr", metrics)
		p.URL = "http://" + metrics
		responders = append(responders, p)
	}
	for _, p := range responders {
		p.AwaitReady()
	}
	lines := requestLines(n)
	var seen []answered
	var work errgroup.Group
	answers, loaded := make(chan struct{}, n), make(chan struct{})
	cpu := cpuSeconds(t, responders)
	began := time.Now()
	work.Go(func() (err error) {
		defer close(loaded)
		seen, err = load(brokers, lines, answers)
		return err
	})
	// One is killed as requests begin, and the next after some more answers: without them,
	// a slow machine would do nothing but start.
	kills, pause := 0, max(n/16, 60)
	for done := quiet; !done; {
		p := responders[kills%2]
		p.Kill()
		p.Restart()
		if broker := 1 + kills/2%3; cluster != nil && kills%2 == 1 {
			cluster.Kill(broker)
			cluster.Up(broker)
		}
		kills++
		for range pause {
			select {
			case <-answers:
			case <-loaded:
				done = true
			}
		}
	}
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	if quiet {
		cpu = cpuSeconds(t, responders) - cpu
		t.Logf("%.1f CPU-seconds of those who answer, route and fold: %.0f requests a second on one core", cpu, float64(len(seen))/cpu)
	}
	wantAnswersInTheLog(t, brokers, lines, seen)
	t.Logf("%d requests answered in %s, %.0f a second, %d kills", len(seen), took.Round(time.Millisecond), float64(len(seen))/took.Seconds(), kills)
	if cluster == nil {
		return // those that ask by hand have no clock
	}
	latencies := make([]time.Duration, len(seen))
	for i := range seen {
		latencies[i] = seen[i].took
	}
	slices.Sort(latencies)
	t.Logf("p50 %s, p99 %s, most %s", latencies[len(latencies)/2], latencies[len(latencies)*99/100], latencies[len(latencies)-1])
}

// requestLines returns n requests: each of so many users subscribes, does it again, leaves
// and comes back. Of what is under way at once, nearly all are of different users, as a
// service has them.
func requestLines(n int) (lines []string) {
	const together = 100
	devices := make([]string, n/4)
	for i := range devices {
		devices[i] = subscriptionOf(browser.New(pushEndpoint + strconv.Itoa(i)))
	}
	for first := 0; first < n/4; first += together {
		for _, action := range []string{"subscribe", "subscribe", "unsubscribe", "subscribe"} {
			for i := first; i < min(first+together, n/4); i++ {
				user := fmt.Sprint("사용자-", i%500)
				lines = append(lines, user+"\t"+`{"recipient":"`+user+`","action":"`+action+`","subscription":`+devices[i]+`}`)
			}
		}
	}
	return lines
}

// cpuSeconds is what processes have used.
func cpuSeconds(t *testing.T, all []*programtest.Process) (sum float64) {
	t.Helper()
	for _, p := range all {
		response, err := http.Get(p.URL + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		m := regexp.MustCompile(`(?m)^process_cpu_seconds_total (\S+)$`).FindSubmatch(text)
		if err != nil || m == nil {
			t.Fatalf("no CPU-seconds: %v", err)
		}
		seconds, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += seconds
	}
	return sum
}

// wantAnswersInTheLog holds what clients saw against the journal and the reply topic.
func wantAnswersInTheLog(t *testing.T, brokers, lines []string, seen []answered) {
	t.Helper()
	if len(seen) != len(lines) {
		t.Errorf("%d requests, %d answers", len(lines), len(seen))
	}
	endpoints, gone := map[string]bool{}, map[string]int{}
	for _, m := range programtest.RecordsOf(t, brokers, "belfry.journal") {
		record, err := codec.DecodeJournal(m.Value)
		if err != nil {
			t.Fatal(err)
		}
		switch record.Kind {
		case inbox.KindEndpoint:
			endpoints[fmt.Sprint(string(m.Key), " ", m.Offset+1)] = true
		case inbox.KindEndpointGone:
			gone[string(m.Key)]++
		}
	}
	for _, a := range seen {
		var said struct {
			OK       bool
			Endpoint uint64
		}
		if err := json.Unmarshal([]byte(a.words), &said); err != nil || !said.OK {
			t.Errorf("%s: %s", a.user, a.words)
		}
		if said.Endpoint != 0 && !endpoints[fmt.Sprint(a.user, " ", said.Endpoint)] || said.Endpoint == 0 && gone[a.user] == 0 {
			t.Errorf("%s was told %s, of which nothing is in the journal", a.user, a.words)
		}
	}
	words, twice := map[string]string{}, 0
	for _, m := range programtest.RecordsOf(t, brokers, belfry.DefaultReplyTopic) {
		id := ""
		for _, h := range kafka.Headers(m) {
			if h.Key == "kafka_correlationId" {
				id = string(h.Value)
			}
		}
		if before, again := words[id]; !again {
			words[id] = string(m.Value)
		} else if twice++; before != string(m.Value) {
			t.Errorf("answered twice: %s, then %s", before, m.Value)
		}
	}
	t.Logf("%d requests answered, %d answers came again with the same words", len(words), twice)
}

// askByHand asks all at once, and waits for all answers, of each of which it tells.
func askByHand(t *testing.T, brokers, lines []string, answers chan<- struct{}) []answered {
	x := newExchange(t, brokers, belfry.DefaultReplyTopic)
	var out []answered
	for _, line := range lines {
		user, request, _ := strings.Cut(line, "\t")
		id := x.correlate()
		x.send([]byte(user), []byte(request), map[string][]byte{"kafka_correlationId": id})
		out = append(out, answered{id: string(id), user: user})
	}
	for i := range out {
		out[i].words = string(x.await([]byte(out[i].id), 1).Value)
		answers <- struct{}{}
	}
	return out
}

// springLoad returns what asks by testdata/requests/Load.java, of which each client has that
// many requests under way.
func springLoad(t *testing.T, window string) func(brokers, lines []string, answers chan<- struct{}) ([]answered, error) {
	classpath, dir := kafkatest.SpringJars(t), t.TempDir()
	programtest.Heavily(t, "javac", "-encoding", "UTF-8", "-cp", classpath, "-d", dir, filepath.Join("testdata", "requests", "Load.java"))
	return func(brokers, lines []string, answers chan<- struct{}) ([]answered, error) {
		cmd := exec.CommandContext(t.Context(), "java", "-Xmx256m", "-Dfile.encoding=UTF-8", "-cp", dir+string(os.PathListSeparator)+classpath, "Load", strings.Join(brokers, ","), window, "20")
		cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
		log := &programtest.Tail{}
		cmd.Stderr = log
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		var out []answered
		for scan := bufio.NewScanner(stdout); scan.Scan(); {
			parts := strings.SplitN(scan.Text(), "\t", 4)
			if len(parts) < 4 {
				t.Logf("client: %s", scan.Text())
				continue
			}
			id, err := base64.StdEncoding.DecodeString(parts[0])
			ms, err2 := strconv.Atoi(parts[2])
			if err != nil || err2 != nil {
				continue // another line of a logger
			}
			out = append(out, answered{string(id), parts[1], parts[3], time.Duration(ms) * time.Millisecond})
			answers <- struct{}{}
		}
		if err := cmd.Wait(); err != nil {
			return nil, fmt.Errorf("client: %w\n%s", err, log)
		}
		return out, nil
	}
}
