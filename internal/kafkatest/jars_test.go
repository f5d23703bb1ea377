package kafkatest_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/belfry/belfry/internal/kafkatest"
	"github.com/belfry/belfry/internal/parts"
)

// standIn puts an mvn that runs the script before the real one, with an empty
// cache folder, which it gives.
func standIn(t *testing.T, script string) string {
	t.Helper()
	bin, home := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"mvn": script, "java": "exit 1", "javac": "exit 1"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\nPATH=$PATH:/bin:/usr/bin\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", filepath.Join(home, "cache"))
	t.Setenv("MVN_RUNS", filepath.Join(home, "runs"))
	t.Setenv(parts.RequireEnv, "kafka")
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(cache, "belfry", "kafka-"+kafkatest.Version)
}

// fetch stands for a download: it notes the run and fills the output folder.
const fetch = `echo run >>"$MVN_RUNS"
for a; do case $a in -DoutputDirectory=*) lib=${a#*=};; esac; done
mkdir "$lib" && echo jar >"$lib/kafka.jar"`

func TestJarsAreFetchedOnce(t *testing.T) {
	home := standIn(t, fetch)
	if err := os.MkdirAll(filepath.Join(home, "download-killed", "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if got, want := kafkatest.Jars(t), filepath.Join(home, "lib", "*"); got != want {
				t.Errorf("class path %s, want %s", got, want)
			}
		})
	}
	wg.Wait()
	runs, err := os.ReadFile(os.Getenv("MVN_RUNS"))
	if err != nil || string(runs) != "run\n" {
		t.Errorf("mvn ran %q (%v), want once", runs, err)
	}
	if _, err := os.Stat(filepath.Join(home, "lib", "kafka.jar")); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(home, "download-*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestJarsOfFailedDownload(t *testing.T) {
	home := standIn(t, fetch+"\necho no network; exit 1")
	p := &parts.Probe{TB: t}
	p.Run(func() { kafkatest.Jars(p) })
	if !strings.Contains(p.Failing, "no network") {
		t.Errorf("failure %q doesn't say what mvn said", p.Failing)
	}
	if _, err := os.Stat(filepath.Join(home, "lib")); err == nil {
		t.Error("half a download is in place")
	}
}
