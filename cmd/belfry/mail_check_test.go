package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// templatesFolder is a folder with one file.
func templatesFolder(t *testing.T, name, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMailCheck(t *testing.T) {
	t.Parallel()
	call(t, nil, "mail", "check", templatesFolder(t, "en.yaml", "urgent: Now\n")).WantOutput(t, "the templates are right; mails are in en, ko\n")
	bad := templatesFolder(t, "letter.txt", "{{.Subject}}\n{{.Subjet}}\n")
	for _, more := range [][]string{nil, {"--json"}} {
		r := call(t, nil, append([]string{"mail", "check", bad}, more...)...)
		r.WantFailureIn(t, bad+": 1 problem in the templates")
		for _, want := range []string{"letter.txt", "Subjet", "2"} {
			if !strings.Contains(r.Stdout, want) {
				t.Errorf("%v says %s, want %s in it", more, r.Stdout, want)
			}
		}
	}
	call(t, nil, "mail", "check", filepath.Join(bad, "none")).WantError(t, 2, "none")
	call(t, nil, "mail", "check").WantError(t, 2, "belfry mail check FOLDER")
}
