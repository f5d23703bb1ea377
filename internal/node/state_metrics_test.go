package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestStateMetrics(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, size int) {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a", 10)
	write("unread/0/log", 100)
	now := time.Now()
	m := newStateMetrics(dir)
	m.now = func() time.Time { return now }
	m.room = func(string) (uint64, uint64, error) { return 30, 50, nil }
	want := func(bytes, room string) {
		t.Helper()
		text := ""
		if bytes != "" {
			text += "# HELP belfry_state_bytes What the files of the state folder take, looked at once a minute at the most.\n# TYPE belfry_state_bytes gauge\nbelfry_state_bytes " + bytes + "\n"
		}
		if room != "" {
			text += "# HELP belfry_state_free_bytes Room that the file system of the state folder has left for this process.\n# TYPE belfry_state_free_bytes gauge\nbelfry_state_free_bytes " + room + "\n"
		}
		if err := testutil.CollectAndCompare(told(m.tell), strings.NewReader(text), "belfry_state_bytes", "belfry_state_free_bytes"); err != nil {
			t.Error(err)
		}
	}
	want("110", "30")
	write("b", 5)
	want("110", "30") // within the minute nobody walks
	now = now.Add(stateWalkInterval)
	want("115", "30")

	m.room = func(string) (uint64, uint64, error) { return 0, 0, errors.New("gone") }
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	now = now.Add(stateWalkInterval)
	want("", "")
}

func TestRoomOf(t *testing.T) {
	free, size, err := roomOf(t.TempDir())
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("not asked on this system")
	}
	if err != nil || size == 0 || free > size {
		t.Errorf("got %d free of %d, %v", free, size, err)
	}
	if _, _, err := roomOf(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("no error for a folder that is not there")
	}
}
