package servertest

import (
	"os"
	"testing"
)

// WantGolden checks a text against a file, which it writes anew if update says so.
func WantGolden(t *testing.T, file, got string, update bool) {
	t.Helper()
	if update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (-update-lag writes it anew); got:\n%s", file, got)
	}
}
