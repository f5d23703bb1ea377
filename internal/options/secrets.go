package options

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/belfry/belfry/internal/cli"
	"github.com/belfry/belfry/server/auth"
)

// warnings are what an operator is told at the start: settings that work and that
// an attacker would like.
type warnings []string

func (w *warnings) add(format string, args ...any) { *w = append(*w, fmt.Sprintf(format, args...)) }

// Warnings are those of the last Validate.
func (w *warnings) Warnings() []string { return *w }

// leastDistinct is how many different bytes a secret of MinSecretBytes has at least
// that somebody has not typed: 32 random hexadecimal digits have 10 to 16, all but
// once in some millions.
const leastDistinct = 8

// readSecret returns the secret in the file that a flag names.
func readSecret(flag, file string, told *warnings) ([]byte, error) {
	raw, err := readSecretFile(flag, file, told)
	if err != nil {
		return nil, err
	}
	secret := bytes.TrimSpace(raw)
	if len(secret) < auth.MinSecretBytes {
		return nil, cli.FlagErrorf(flag, "%s holds %d bytes, at least %d are needed; make one with: openssl rand -hex 32 > %[1]s", file, len(secret), auth.MinSecretBytes)
	}
	distinct := map[byte]bool{}
	for _, b := range secret {
		distinct[b] = true
	}
	if len(distinct) < leastDistinct {
		told.add("--%s: the secret can be guessed, it is made of %d different bytes: make one with openssl rand -hex 32", flag, len(distinct))
	}
	return secret, nil
}

// readPassword returns the password in the file that a flag names.
func readPassword(flag, file string, told *warnings) (string, error) {
	raw, err := readSecretFile(flag, file, told)
	if err != nil {
		return "", err
	}
	// Editors and echo end a file with a line break; blanks may be meant.
	password := strings.TrimRight(string(raw), "\r\n")
	if password == "" {
		return "", cli.FlagErrorf(flag, "%s is empty", file)
	}
	return password, nil
}

// readSecretFile never says which file does not exist: what was given may be the
// secret, and errors end up in logs.
func readSecretFile(flag, file string, told *warnings) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		if why, ok := errors.AsType[*fs.PathError](err); ok {
			err = why.Err
		}
		return nil, cli.FlagErrorf(flag, "%w: it takes the path of a file that holds the secret, not the secret", err)
	}
	if info.Mode().Perm()&0o007 != 0 && !mounted(file) {
		told.add("--%s: everybody on this machine can use %s: chmod o= it", flag, file)
	}
	raw, err := cli.ReadSmallFile(file)
	if err != nil {
		return nil, cli.FlagErrorf(flag, "%w", err)
	}
	return raw, nil
}

// mounted reports whether a file is where Docker and Kubernetes mount secrets, into a
// container that nobody else is in: its mode is what the mount gives.
func mounted(file string) bool {
	dir := filepath.ToSlash(filepath.Dir(file)) + "/"
	return strings.HasPrefix(dir, "/run/secrets/") || strings.HasPrefix(dir, "/var/run/secrets/")
}
