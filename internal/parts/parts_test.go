package parts_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/parts"
)

// named is a probe whose name a pattern has to quote.
type named struct{ *parts.Probe }

func (named) Name() string { return "TestX/a+b" }

// need calls Need as a test of its own would.
func need(t *testing.T, names ...string) *parts.Probe {
	p := &parts.Probe{TB: t}
	p.Run(func() { parts.Need(named{p}, names...) })
	return p
}

func TestNeed(t *testing.T) {
	bin := t.TempDir()
	for _, program := range []string{"java", "javac", "google-chrome"} {
		if err := os.WriteFile(filepath.Join(bin, program), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	line := func(names string) string {
		return parts.RequireEnv + "=" + names + ` go test -run '^TestX$/^a\+b$' ./internal/parts`
	}
	for _, tt := range []struct {
		require    string
		names      []string
		skip, fail string
	}{
		{"", []string{"kafka"}, "needs kafka: " + line("kafka"), ""},
		{"", []string{"kafka", "chromium"}, "needs kafka and chromium: " + line("chromium,kafka"), ""},
		{"chromium", []string{"kafka"}, "needs kafka: " + line("chromium,kafka"), ""},
		{"chromium,kafka", []string{"kafka", "nginx"}, "needs kafka and nginx: " + line("chromium,kafka,nginx"), ""},
		{"kafkaesque", []string{"kafka"}, "needs kafka: " + line("kafka,kafkaesque"), ""},
		{"kafka", []string{"kafka"}, "", ""},
		{"chromium, kafka", []string{"kafka", "chromium"}, "", ""},
		{"kafka,nginx", []string{"kafka", "nginx"}, "", `nginx is named by BELFRY_TEST_REQUIRE: exec: "nginx": executable file not found in $PATH`},
		{"", []string{"kakfa"}, "", "no part is called kakfa"},
	} {
		t.Run(tt.require+" for "+strings.Join(tt.names, " and "), func(t *testing.T) {
			t.Setenv(parts.RequireEnv, tt.require)
			if p := need(t, tt.names...); p.Skipping != tt.skip || p.Failing != tt.fail {
				t.Errorf("skipped %q, failed %q, want %q, %q", p.Skipping, p.Failing, tt.skip, tt.fail)
			}
		})
	}
}

// TestCINamesAllParts has no part be skipped everywhere.
func TestCINamesAllParts(t *testing.T) {
	script, err := os.ReadFile("../../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^export ` + parts.RequireEnv + `=(.*)$`).FindSubmatch(script)
	if line == nil {
		t.Fatalf(".ci/run does not export %s", parts.RequireEnv)
	}
	named := strings.Split(string(line[1]), ",")
	slices.Sort(named)
	if all := parts.Names(); !slices.Equal(named, all) {
		t.Errorf(".ci/run names %v, want %v", named, all)
	}
}
