package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/belfry/belfry/internal/await"
	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/programtest"
)

func emitted(t *testing.T, brokers []string) []string {
	t.Helper()
	var values []string
	for _, r := range programtest.RecordsOf(t, brokers, "belfry.notifications") {
		values = append(values, string(r.Value))
	}
	slices.Sort(values)
	return values
}

func TestEmit(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Embedded(t)
	makeTopics(t, brokers)
	var want []string
	soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for _, tt := range []struct {
		name    string
		in      string
		written []string
		code    int
		stderr  []string
	}{
		{"nothing", "", nil, cli.ExitOK, []string{"0 written in"}},
		{"blank lines", "\n  \n\r\n", nil, cli.ExitOK, []string{"0 written in"}},
		{"one without a line break", `{"recipient":"user-7","title":"a"}`, []string{`{"recipient":"user-7","title":"a"}`}, cli.ExitOK, []string{"1 written in", "/s\n"}},
		{"blanks around", "  {\"recipient\":\"user-7\",\"title\":\"b\"}\t\r\n", []string{`{"recipient":"user-7","title":"b"}`}, cli.ExitOK, []string{"1 written in"}},
		{"recipients", `{"recipients":["user-8","사용자-7"],"title":"c"}` + "\n", []string{`{"recipients":["user-8","사용자-7"],"title":"c"}`}, cli.ExitOK, []string{"1 written in"}},
		{"retraction", `{"retract":true,"recipient":"user-7","source":"s","id":"1"}` + "\n", []string{`{"retract":true,"recipient":"user-7","source":"s","id":"1"}`}, cli.ExitOK, []string{"1 written in"}},
		{
			"bad lines among good ones",
			"{\"recipient\":\"user-7\",\"title\":\"d\"}\n\nnot JSON\n{\"recipient\":\"a/b\",\"title\":\"x\"}\n{\"recipient\":\"u\"}\n[]\n{\"retract\":true,\"recipient\":\"u\"}\n{\"recipient\":\"user-7\",\"title\":\"e\"}\n",
			[]string{`{"recipient":"user-7","title":"d"}`, `{"recipient":"user-7","title":"e"}`}, cli.ExitFailure,
			[]string{"line 3: ", "line 4: recipient", "line 5: title", "line 6: ", "line 7: ", "2 written in", "belfry: 5 of 7 lines left out\n"},
		},
		{
			"a line that is too long",
			"{\"recipient\":\"user-7\",\"title\":\"f\"}\n" + strings.Repeat("x", maxLineBytes+1) + "\n" + strings.Repeat("y", 3*maxLineBytes) + "\n{\"recipient\":\"user-7\",\"title\":\"g\"}\n",
			[]string{`{"recipient":"user-7","title":"f"}`, `{"recipient":"user-7","title":"g"}`}, cli.ExitFailure,
			[]string{fmt.Sprintf("line 2: is longer than %d bytes", maxLineBytes), "line 3: is longer", "belfry: 2 of 4 lines left out"},
		},
		{"an item that is too large", `{"recipient":"user-7","title":"t","data":{"x":"` + strings.Repeat("z", 70<<10) + `"}}`, nil, cli.ExitFailure, []string{"line 1: ", "1 of 1 lines left out"}},
		{"later", `{"recipient":"user-7","title":"h","deliver_at":"` + soon + `"}`, []string{`{"recipient":"user-7","title":"h","deliver_at":"` + soon + `"}`}, cli.ExitOK, []string{"1 written in"}},
		{"later than in a year", `{"recipient":"user-7","title":"t","deliver_at":"2200-01-01T00:00:00Z"}`, nil, cli.ExitFailure, []string{"line 1: deliver_at"}},
		{"control characters", "{\"recipient\":\"\\u001b[31m\",\"title\":\"t\"}", nil, cli.ExitFailure, []string{"line 1: recipient"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := callInput(t.Context(), strings.NewReader(tt.in), "emit", "--brokers", brokers[0])
			if r.Code != tt.code || r.Stdout != "" {
				t.Errorf("exit code %d and stdout %q, want %d and nothing; stderr %q", r.Code, r.Stdout, tt.code, r.Stderr)
			}
			for _, part := range tt.stderr {
				if !strings.Contains(r.Stderr, part) {
					t.Errorf("stderr %q lacks %q", r.Stderr, part)
				}
			}
			if strings.Contains(r.Stderr, "\x1b") {
				t.Errorf("stderr %q passes control characters on", r.Stderr)
			}
			programtest.WantNoTrace(t, r.Stderr)
			want = append(want, tt.written...)
			slices.Sort(want)
			if got := emitted(t, brokers); !slices.Equal(got, want) {
				t.Errorf("the topic holds %q, want %q", got, want)
			}
		})
	}
}

// The records of one recipient stay in order: emit writes them to one partition.
func TestEmitKeysByRecipient(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	makeTopics(t, brokers)
	var in strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&in, `{"recipient":"user-%d","title":"%d"}`+"\n", i%7, i)
	}
	if r := callInput(t.Context(), strings.NewReader(in.String()), "emit", "--brokers", brokers[0]); r.Code != cli.ExitOK || !strings.Contains(r.Stderr, "3000 written in") {
		t.Fatalf("exit code %d: %s", r.Code, r.Stderr)
	}
	last := map[string]int{}
	records := programtest.RecordsOf(t, brokers, "belfry.notifications")
	for _, r := range records {
		var user, i int
		if _, err := fmt.Sscanf(string(r.Value), `{"recipient":"user-%d","title":"%d"}`, &user, &i); err != nil {
			t.Fatal(err)
		}
		if key := fmt.Sprint("user-", user); string(r.Key) != key || i < last[key] {
			t.Fatalf("%s under key %s after %d", r.Value, r.Key, last[key])
		}
		last[string(r.Key)] = i
	}
	if len(records) != 3000 {
		t.Errorf("%d records, want 3000", len(records))
	}
}

func TestEmitInputThatFails(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	makeTopics(t, brokers)
	in := io.MultiReader(strings.NewReader("{\"recipient\":\"user-7\",\"title\":\"a\"}\n{\"reci"), iotest.ErrReader(errors.New("disk on fire")))
	r := callInput(t.Context(), in, "emit", "--brokers", brokers[0])
	if r.Code != cli.ExitFailure || !strings.Contains(r.Stderr, "belfry: read line 2: disk on fire\n") {
		t.Errorf("exit code %d, stderr %q", r.Code, r.Stderr)
	}
	if got := emitted(t, brokers); len(got) != 1 {
		t.Errorf("the topic holds %q, want the first line", got)
	}
}

// Ctrl-C ends emit although its input, such as a terminal, says nothing; what
// was read before is written.
func TestEmitInterrupted(t *testing.T) {
	brokers := kafkatest.Embedded(t)
	makeTopics(t, brokers)
	in, out := io.Pipe()
	defer out.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan programtest.Result, 1)
	go func() { ended <- callInput(ctx, in, "emit", "--brokers", brokers[0]) }()
	if _, err := io.Copy(out, bytes.NewReader([]byte("{\"recipient\":\"user-7\",\"title\":\"a\"}\n"))); err != nil {
		t.Fatal(err)
	}
	await.Eventually(t, programtest.Patience, func() string { return "nothing written" }, func() bool { return len(emitted(t, brokers)) == 1 })
	cancel()
	select {
	case r := <-ended:
		if r.Code != cli.ExitFailure || !strings.Contains(r.Stderr, "1 written in") || !strings.HasSuffix(r.Stderr, "belfry: interrupted\n") {
			t.Errorf("exit code %d, stderr %q", r.Code, r.Stderr)
		}
	case <-time.After(programtest.Patience):
		t.Fatal("waits for its input for ever")
	}
}
