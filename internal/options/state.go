package options

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/cli"
)

// State say where a process keeps its local stores.
type State struct {
	Env func(string) (string, bool) // set before addFlags: the default depends on it
	Dir string
}

// AddFlags adds the flags to fs.
func (o *State) AddFlags(fs *pflag.FlagSet) {
	defer cli.GroupFlags(fs, "Process")()
	fs.StringVar(&o.Dir, "state-dir", defaultStateDir(o.Env), "`folder` for local stores, kept over restarts; one processor and one server each")
	// The help text is the same on every machine.
	fs.Lookup("state-dir").DefValue = "~/.local/state/belfry"
}

// Validate checks what was given; the error is a usage error that names the flag.
func (o *State) Validate() error {
	if o.Dir == "" {
		return cli.FlagErrorf("state-dir", "required, since no home folder outside the temporary one is known; name a folder that outlives restarts")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return cli.FlagErrorf("state-dir", "%w", err)
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return cli.FlagErrorf("state-dir", "%s is a file; name a folder", dir)
	}
	o.Dir = dir
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
