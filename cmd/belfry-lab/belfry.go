package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/belfry/belfry/internal/cli"
)

// belfryPackage is the program that is measured, as the go command names it.
const belfryPackage = "github.com/belfry/belfry/cmd/belfry"

// belfryOptions say which program is measured.
type belfryOptions struct{ belfry string }

// AddFlags adds the flags to fs.
func (o *belfryOptions) AddFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.belfry, "belfry", "", "`path` of the belfry to run; the one beside this program if absent, or else one built from the module around the current folder")
}

// find returns the path of the program. A program that it has to build goes into dir.
func (o *belfryOptions) find(ctx context.Context, dir string) (string, error) {
	if o.belfry != "" {
		return programAt("belfry", o.belfry)
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	beside := filepath.Join(filepath.Dir(self), "belfry")
	if _, err := os.Stat(beside); err == nil {
		return programAt("belfry", beside)
	}
	path := filepath.Join(dir, "belfry")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, belfryPackage).CombinedOutput(); err != nil {
		return "", cli.FlagErrorf("belfry", "none is beside %s, and go build %s failed: %w; name the path of one\n%s", self, belfryPackage, err, out)
	}
	return path, nil
}

// programAt returns the absolute path of the program that a flag names.
func programAt(flag, path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", cli.FlagErrorf(flag, "%w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", cli.FlagErrorf(flag, "%w", errors.Unwrap(err))
	}
	if info.IsDir() || info.Mode()&0o111 == 0 {
		return "", cli.FlagErrorf(flag, "%s is not a program", path)
	}
	return path, nil
}
