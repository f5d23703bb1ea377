package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
)

// stateOptions say where a process keeps its local stores.
type stateOptions struct {
	env func(string) (string, bool) // set before addFlags: the default depends on it
	dir string
}

func (o *stateOptions) addFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.dir, "state-dir", defaultStateDir(o.env), "`folder` for local stores, kept over restarts; one processor and one server each")
	// The help text is the same on every machine.
	fs.Lookup("state-dir").DefValue = "~/.local/state/belfry"
}

func (o *stateOptions) validate() error {
	if o.dir == "" {
		return flagErrorf("state-dir", "required, since no home folder outside the temporary one is known; name a folder that outlives restarts")
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return flagErrorf("state-dir", "%w", err)
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return flagErrorf("state-dir", "%s is a file; name a folder", dir)
	}
	o.dir = dir
	return nil
}

// defaultStateDir follows the XDG Base Directory Specification 0.8, by which a
// relative XDG_STATE_HOME does not count. It returns "" rather than a folder
// that a cleaner of temporary files may empty: a lost store costs a recovery.
func defaultStateDir(env func(string) (string, bool)) string {
	dir, _ := env("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home, _ := env("HOME")
		if !filepath.IsAbs(home) {
			return ""
		}
		dir = filepath.Join(home, ".local", "state")
	}
	dir = filepath.Join(dir, "belfry")
	if rel, err := filepath.Rel(os.TempDir(), dir); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return ""
	}
	return dir
}
