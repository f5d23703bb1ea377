package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
	"github.com/belfry/belfry/internal/programtest"
	"github.com/belfry/belfry/internal/snippets"
	"github.com/belfry/belfry/webpush/browser"
)

// TestDocumentedRequests runs the clients of docs/requests.md as they stand there: a stock
// ReplyingKafkaTemplate of Spring, and clients made by hand in Python and Node.
func TestDocumentedRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("runs Java, Node and Python")
	}
	t.Parallel()
	programs, err := snippets.Read(filepath.Join("..", "..", "docs", "requests.md"))
	if err != nil {
		t.Fatal(err)
	}
	d := startDemo(t, "--rate", "0")
	t.Run("all", func(t *testing.T) { // ends with the last of the parallel tests
		for name, prepare := range map[string]func(*testing.T, string) func(user string) *exec.Cmd{
			"Spring": func(t *testing.T, dir string) func(string) *exec.Cmd {
				classpath := kafkatest.SpringJars(t)
				programtest.Heavily(t, "javac", "-encoding", "UTF-8", "-parameters", "-cp", classpath, "-d", dir, filepath.Join(dir, "ask", "Asking.java"))
				return func(user string) *exec.Cmd {
					return exec.Command("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx128m", "-Dfile.encoding=UTF-8",
						"-cp", dir+string(os.PathListSeparator)+classpath, "ask.Asking", user, "--spring.kafka.bootstrap-servers="+d.kafka)
				}
			},
			"Python": func(t *testing.T, _ string) func(string) *exec.Cmd {
				path := kafkatest.PythonPath(t)
				return func(user string) *exec.Cmd {
					cmd := exec.Command("python3", "ask.py", user)
					cmd.Env = append(os.Environ(), "PYTHONPATH="+path, "PYTHONDONTWRITEBYTECODE=1")
					return cmd
				}
			},
			"Node": func(t *testing.T, dir string) func(string) *exec.Cmd {
				if err := os.Symlink(kafkatest.NodeModules(t), filepath.Join(dir, "node_modules")); err != nil {
					t.Fatal(err)
				}
				return func(user string) *exec.Cmd { return exec.Command("node", "ask.mjs", user) }
			},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				if err := snippets.Write(dir, programs); err != nil {
					t.Fatal(err)
				}
				asks := prepare(t, dir)
				user := "고객-" + name
				ask := func(request string) string { return d.asking(t, dir, asks(user), request) }
				subscribe := `{"recipient":"` + user + `","action":"subscribe","subscription":` + subscriptionOf(browser.New(pushEndpoint+name)) + `}`
				said := ask(subscribe)
				number := regexp.MustCompile(`^{"ok":true,"recipient":"` + user + `","endpoint":(\d+)}$`).FindStringSubmatch(said)
				if number == nil {
					t.Fatalf("subscribe: %s", said)
				}
				want := fmt.Sprintf(`{"ok":true,"recipient":"%s","endpoints":[{"endpoint":%s,"host":"fcm.googleapis.com","kind":"webpush"}]}`, user, number[1])
				if got := ask(`{"recipient":"` + user + `","action":"list"}`); got != want {
					t.Errorf("list: %s, want %s", got, want)
				}
				if got := ask(`{"recipient":"` + user + `","action":"shout"}`); !strings.HasPrefix(got, `{"ok":false,"error":{"field":"action","detail":`) {
					t.Errorf("an action that there is not: %s", got)
				}
			})
		}
	})
}

// asking returns what a client prints of the answer to a request.
func (d *demoRun) asking(t *testing.T, dir string, cmd *exec.Cmd, request string) string {
	t.Helper()
	end, err := parts.Heavy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(request)
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "KAFKA="+d.kafka, "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if answer, ok := strings.CutPrefix(line, "answer: "); ok && err == nil {
			return strings.TrimSpace(answer)
		}
	}
	t.Fatalf("%s: %v\n%s", cmd, err, out)
	return ""
}
