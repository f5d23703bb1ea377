package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

// mint returns a token made by the token command.
func mint(t *testing.T, secret, user string, scopes ...string) string {
	t.Helper()
	args := []string{"token", "--jwt-secret-file", secret, "--user", user}
	for _, s := range scopes {
		args = append(args, "--scope", s)
	}
	r := call(t, nil, args...)
	r.WantOutput(t)
	return strings.TrimSpace(r.Stdout)
}

func runArgs(t *testing.T, brokers []string, more ...string) []string {
	t.Helper()
	return append([]string{"run", "--brokers", brokers[0], "--partitions", "3", "--addr", "127.0.0.1:0", "--state-dir", filepath.Join(t.TempDir(), "state")}, more...)
}

// TestRun is the small team's deployment, from topics that do not exist to a
// clean end, with tokens.
func TestRun(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	secret := programtest.WriteFile(t, "jwt.secret", programtest.Secret)
	r := serveAll(t, runArgs(t, brokers, "--jwt-secret-file", secret, "--metrics-addr", "127.0.0.1:0")...)
	user, other := mint(t, secret, "사용자-7"), mint(t, secret, "user-8")
	service, ops := mint(t, secret, "billing", "belfry:notify"), mint(t, secret, "ops", "belfry:ops")
	frames := openStream(t, r.url, user, "사용자-7")
	awaitFrame(t, frames, "unread", `"unread":0`)

	post := r.url + "/v1/notifications"
	body := `{"recipient":"사용자-7","title":"Hello","priority":"urgent","id":"1"}`
	inbox := userURL(r.url, "사용자-7", "inbox")
	for _, tt := range []struct {
		name, method, url, token, body string
		want                           int
	}{
		{"no token", http.MethodPost, post, "", body, http.StatusUnauthorized},
		{"a wrong token", http.MethodPost, post, user + "x", body, http.StatusUnauthorized},
		{"a user posts", http.MethodPost, post, user, body, http.StatusForbidden},
		{"another user reads", http.MethodGet, inbox, other, "", http.StatusForbidden},
		{"a service reads an inbox", http.MethodGet, inbox, service, "", http.StatusForbidden},
		{"a service erases", http.MethodDelete, r.url + "/v1/users/user-8", service, "", http.StatusForbidden},
		{"lag without the scope", http.MethodGet, r.url + "/v1/lag", user, "", http.StatusForbidden},
		{"lag", http.MethodGet, r.url + "/v1/lag", ops, "", http.StatusOK},
		{"metrics beside the API", http.MethodGet, r.url + "/metrics", ops, "", http.StatusNotFound},
		{"live", http.MethodGet, r.url + "/healthz", "", "", http.StatusOK},
		{"ready", http.MethodGet, r.url + "/readyz", "", "", http.StatusOK},
		{"ready for operators", http.MethodGet, r.metrics + "/readyz", "", "", http.StatusOK},
		{"a service posts", http.MethodPost, post, service, body, http.StatusAccepted},
	} {
		if got := callAPI(t, tt.method, tt.url, tt.token, tt.body, nil); got != tt.want {
			t.Errorf("%s: status %d, want %d", tt.name, got, tt.want)
		}
	}
	awaitFrame(t, frames, "item", `"title":"Hello"`)
	awaitFrame(t, frames, "unread", `"unread":1`)
	awaitBadge(t, r.url, user, "사용자-7", func(b badge) bool { return b.Unread == 1 && b.Unseen == 1 && b.Urgent == 1 })
	var list struct {
		Items []struct {
			Seq    uint64 `json:"seq"`
			Title  string `json:"title"`
			Source string `json:"source"`
		} `json:"items"`
	}
	if status := callAPI(t, http.MethodGet, inbox, user, "", &list); status != http.StatusOK || len(list.Items) != 1 || list.Items[0].Source != "billing" {
		t.Fatalf("inbox: %d %+v, want the item of the token's subject", status, list)
	}
	var after badge
	status := callAPI(t, http.MethodPost, inbox+"/read", user, fmt.Sprintf(`{"seqs":[%d]}`, list.Items[0].Seq), &after)
	if status != http.StatusOK || after.Unread != 0 {
		t.Errorf("read: %d %+v", status, after)
	}
	awaitFrame(t, frames, "state", fmt.Sprintf(`"read":[%d]`, list.Items[0].Seq))

	wantMetrics(t, r.metrics+"/metrics", `belfry_records_total{`, `belfry_processor_running{processor="processor belfry-unread"} 1`,
		`belfry_view_recovered{view="view belfry-inbox-table"} 1`, "belfry_http_requests_total{", "go_goroutines")
	wantMetrics(t, r.metrics+"/metrics/lag", `kafka_consumergroup_lag{consumergroup="belfry-unread"`,
		`kafka_consumergroup_lag{consumergroup="belfry-router-belfry.notifications"`, "kafka_consumergroup_group_max_lag_seconds{")

	r.cancel()
	wantBye(t, frames)
	r.wantCleanStop()
	for _, secret := range []string{programtest.Secret, user, service} {
		if strings.Contains(r.stderr.String(), secret) {
			t.Errorf("a secret is in the log:\n%s", r.stderr)
		}
	}
	for _, address := range []string{r.url, r.metrics} {
		if status := callAPI(t, http.MethodGet, address+"/readyz", "", "", nil); status != 0 {
			t.Errorf("%s still answers with %d", address, status)
		}
	}
}

// wantMetrics waits until a page of metrics holds every part.
func wantMetrics(t *testing.T, address string, parts ...string) {
	t.Helper()
	var page, missing string
	await.Eventually(t, programtest.Patience, func() string { return address + " lacks " + missing + ":\n" + page }, func() bool {
		if status := callAPI(t, http.MethodGet, address, "", "", &page); status != http.StatusOK {
			missing = "an answer"
			return false
		}
		for _, part := range parts {
			if missing = part; !strings.Contains(page, part) {
				return false
			}
		}
		return true
	})
}

// TestMetricsWithoutTheirAddress are served beside the API, to operators.
func TestMetricsWithoutTheirAddress(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	secret := programtest.WriteFile(t, "jwt.secret", programtest.Secret)
	makeTopics(t, brokers)
	s := serveAll(t, "server", "--brokers", brokers[0], "--addr", "127.0.0.1:0", "--jwt-secret-file", secret, "--state-dir", t.TempDir())
	for token, want := range map[string]int{
		"": http.StatusUnauthorized, mint(t, secret, "user-7"): http.StatusForbidden, mint(t, secret, "ops", "belfry:ops"): http.StatusOK,
	} {
		for _, path := range []string{"/metrics", "/metrics/lag"} {
			if got := callAPI(t, http.MethodGet, s.url+path, token, "", nil); got != want {
				t.Errorf("%s: status %d, want %d", path, got, want)
			}
		}
	}
	s.wantCleanStop()
}

// TestTwoRuns share the work of one installation: each answers for every user,
// and when one stops the other does all of it.
func TestTwoRuns(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	a := serveAll(t, runArgs(t, brokers, "--auth", "none")...)
	b := serveAll(t, runArgs(t, brokers, "--auth", "none")...)
	const users = 12
	send := func(to *served, round int) {
		t.Helper()
		var all []string
		for i := range users {
			all = append(all, fmt.Sprintf(`{"recipient":"user-%d","title":"t","id":"%d"}`, i, round))
		}
		var status int
		await.Eventually(t, programtest.Patience, func() string { return fmt.Sprint("post: status ", status) }, func() bool {
			status = callAPI(t, http.MethodPost, to.url+"/v1/notifications", "", "["+strings.Join(all, ",")+"]", nil)
			return status == http.StatusAccepted
		})
	}
	verify := func(want int, all ...*served) {
		t.Helper()
		for i := range users {
			user := fmt.Sprint("user-", i)
			first := awaitBadge(t, all[0].url, "", user, hasUnread(want))
			for _, s := range all[1:] {
				if got := awaitBadge(t, s.url, "", user, hasUnread(want)); got != first {
					t.Errorf("%s is %+v at one and %+v at the other", user, first, got)
				}
			}
		}
	}
	frames := openStream(t, b.url, "", "user-3")
	send(a, 1)
	awaitFrame(t, frames, "item", `"title":"t"`)
	verify(1, a, b)
	send(b, 2)
	verify(2, a, b)
	a.wantCleanStop()
	send(b, 3)
	verify(3, b)
	again := serveAll(t, runArgs(t, brokers, "--auth", "none")...)
	send(again, 4)
	verify(4, b, again)
	if topics := topicIDs(t, brokers, belfry.DefaultPrefix); len(topics) != 6 {
		t.Errorf("%d topics", len(topics))
	}
	b.wantCleanStop()
	again.wantCleanStop()
}
