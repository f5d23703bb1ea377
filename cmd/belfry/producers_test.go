package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/internal/snippets"
)

// A producer of docs/producers.md does what happened to a customer's order, one
// after the other: "shipped" or "withdrawn".
type documented struct {
	name    string
	without []string // what it does not show, or has shown already
	// prepare makes it ready in a folder that has the document's programs, or
	// ends the test if it can't run here.
	prepare func(t *testing.T, dir string) (do func(customer string, happened ...string) *exec.Cmd)
}

func documentedProducers() []documented {
	return []documented{
		{name: "Spring Boot with Jackson 3", prepare: springProducer()},
		{name: "Spring Boot with Jackson 2", without: []string{"withdrawn"}, prepare: springProducer("--spring.kafka.producer.value-serializer=org.springframework.kafka.support.serializer.JsonSerializer")},
		{name: "Go with emitters", prepare: goProducer("emit")},
		{name: "Go with any client", prepare: goProducer("produce")},
		{name: "Node", prepare: func(t *testing.T, dir string) func(string, ...string) *exec.Cmd {
			if err := os.Symlink(kafkatest.NodeModules(t), filepath.Join(dir, "node_modules")); err != nil {
				t.Fatal(err)
			}
			return func(customer string, happened ...string) *exec.Cmd {
				return exec.Command("node", append([]string{"notify.mjs", customer}, happened...)...)
			}
		}},
		{name: "Python", prepare: func(t *testing.T, _ string) func(string, ...string) *exec.Cmd {
			path := kafkatest.PythonPath(t)
			return func(customer string, happened ...string) *exec.Cmd {
				cmd := exec.Command("python3", append([]string{"notify.py", customer}, happened...)...)
				cmd.Env = append(os.Environ(), "PYTHONPATH="+path, "PYTHONDONTWRITEBYTECODE=1")
				return cmd
			}
		}},
		{name: "kcat", prepare: shellProducer("kcat", "kcat-%s.sh")},
		{name: "kcat with CloudEvents", without: []string{"withdrawn"}, prepare: func(t *testing.T, _ string) func(string, ...string) *exec.Cmd {
			parts.Need(t, "kcat")
			return func(customer string, happened ...string) *exec.Cmd {
				return exec.Command("sh", "-c", strings.Repeat("sh kcat-event.sh "+customer+" && ", len(happened))+"true")
			}
		}},
		{name: "curl", prepare: shellProducer("curl", "curl-%s.sh")},
	}
}

func springProducer(args ...string) func(*testing.T, string) func(string, ...string) *exec.Cmd {
	return func(t *testing.T, dir string) func(string, ...string) *exec.Cmd {
		classpath := kafkatest.SpringJars(t)
		sources, err := filepath.Glob(filepath.Join(dir, "shop", "*.java"))
		if err != nil || len(sources) == 0 {
			t.Fatalf("no sources: %v", err)
		}
		programtest.Heavily(t, "javac", append([]string{"-encoding", "UTF-8", "-parameters", "-cp", classpath, "-d", dir}, sources...)...)
		return func(customer string, happened ...string) *exec.Cmd {
			// Small and quick to start rather than fast.
			java := []string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx128m", "-Dfile.encoding=UTF-8", "-cp", dir + string(os.PathListSeparator) + classpath, "shop.Shop"}
			return exec.Command("java", append(append(java, customer, strings.Join(happened, ",")), args...)...)
		}
	}
}

func goProducer(program string) func(*testing.T, string) func(string, ...string) *exec.Cmd {
	return func(t *testing.T, dir string) func(string, ...string) *exec.Cmd {
		binary := filepath.Join(dir, program, "program")
		// Built from here, so that this module's requirements count.
		programtest.Heavily(t, "go", "build", "-o", binary, filepath.Join(dir, program, "main.go"))
		return func(customer string, happened ...string) *exec.Cmd {
			return exec.Command(binary, append([]string{customer}, happened...)...)
		}
	}
}

func shellProducer(tool, file string) func(*testing.T, string) func(string, ...string) *exec.Cmd {
	return func(t *testing.T, _ string) func(string, ...string) *exec.Cmd {
		parts.Need(t, tool)
		return func(customer string, happened ...string) *exec.Cmd {
			script := "set -e\n"
			for _, h := range happened {
				script += fmt.Sprintf("sh "+file+" %s\n", h, customer)
			}
			return exec.Command("sh", "-c", script)
		}
	}
}

// shippedItem is what a customer has of each of them, in two languages.
func shippedItem(title string) map[string]any {
	return map[string]any{
		"id": "order-1042-shipped", "source": "/orders", "type": "order.shipped", "category": "orders",
		"priority": "high", "title": title, "url": "/orders/1042", "collapse_key": "order-1042",
		"count": 1.0, "time": "2026-01-31T09:00:00Z", "data": map[string]any{"order": 1042.0},
	}
}

// TestDocumentedProducers runs the programs of docs/producers.md as they stand
// there: what they send twice counts once, and they can take it back.
func TestDocumentedProducers(t *testing.T) {
	if testing.Short() {
		t.Skip("runs Java, Node and Python")
	}
	t.Parallel()
	programs, err := snippets.Read(filepath.Join("..", "..", "docs", "producers.md"))
	if err != nil {
		t.Fatal(err)
	}
	d := startDemo(t, "--rate", "0")
	t.Run("all", func(t *testing.T) { // ends with the last of the parallel tests
		for i, p := range documentedProducers() {
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				if err := snippets.Write(dir, programs); err != nil {
					t.Fatal(err)
				}
				do := p.prepare(t, dir)
				customer := fmt.Sprintf("고객-%d", i)
				d.producing(t, dir, do(customer, "shipped", "shipped"))
				d.awaitRecords(t, customer, 2)
				for language, title := range map[string]string{"en": "Order 1042 shipped", "ko": "주문 1042 발송"} {
					if got, want := d.itemsOf(t, customer, language), []map[string]any{shippedItem(title)}; !reflect.DeepEqual(got, want) {
						t.Errorf("in %s: got %v\nwant %v", language, got, want)
					}
				}
				if len(p.without) > 0 {
					return
				}
				d.producing(t, dir, do(customer, "withdrawn"))
				d.awaitRecords(t, customer, 3)
				if got := d.itemsOf(t, customer, "en"); len(got) != 0 {
					t.Errorf("withdrawn, but there is %v", got)
				}
			})
		}
	})
}

func (d *demoRun) producing(t *testing.T, dir string, cmd *exec.Cmd) {
	t.Helper()
	end, err := parts.Heavy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	ctx, cancel := context.WithTimeout(t.Context(), await.Patience)
	defer cancel()
	bounded := exec.CommandContext(ctx, cmd.Path, cmd.Args[1:]...)
	bounded.Dir, bounded.Env = dir, cmd.Env
	if bounded.Env == nil {
		bounded.Env = os.Environ()
	}
	bounded.Env = append(bounded.Env, "KAFKA="+d.kafka, "BELFRY="+d.url, "TOKEN=none", "LC_ALL=C.UTF-8")
	bounded.WaitDelay = time.Second
	if out, err := bounded.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
}

// awaitRecords waits until a customer's journal has so many records and all of
// them have been processed.
func (d *demoRun) awaitRecords(t *testing.T, customer string, want int) {
	t.Helper()
	var got int
	var version, processed uint64
	await.Eventually(t, await.Patience, func() string {
		return fmt.Sprintf("%s has %d records, want %d; version %d, want %d", customer, got, want, processed, version)
	}, func() bool {
		got = 0
		for _, m := range programtest.RecordsOf(t, []string{d.kafka}, "belfry.journal") {
			if string(m.Key) == customer {
				got++
				version = uint64(m.Offset) + 1
			}
		}
		processed = d.badge(customer).Version
		return got >= want && processed >= version
	})
	if got != want {
		t.Errorf("%s has %d records, want %d", customer, got, want)
	}
}

// itemsOf lists a customer's items in a language, without what Belfry adds.
func (d *demoRun) itemsOf(t *testing.T, customer, language string) []map[string]any {
	t.Helper()
	var page struct {
		Items []map[string]any `json:"items"`
	}
	await.Eventually(t, await.Patience, func() string { return fmt.Sprintf("contents of %s are pending: %v", customer, page.Items) }, func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.url+"/v1/users/"+url.PathEscape(customer)+"/inbox", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept-Language", language)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		page.Items = nil
		if err := json.NewDecoder(response.Body).Decode(&page); err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("list %s: %s, %v", customer, response.Status, err)
		}
		for _, item := range page.Items {
			if item["pending"] == true {
				return false
			}
		}
		return true
	})
	for _, item := range page.Items {
		maps.DeleteFunc(item, func(name string, _ any) bool {
			switch name {
			case "seq", "version", "read", "seen", "archived":
				return true
			}
			return false
		})
	}
	return page.Items
}
