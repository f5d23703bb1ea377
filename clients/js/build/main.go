// Command build bundles the browser's client with esbuild, which go.mod names as a
// tool, into the folder dist, and writes the names and hashes of the bundles into
// docs/frontend.md. It imports [js] and the standard library, runs in clients/js,
// where go generate begins, and takes no arguments.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/belfry/belfry/clients/js"
)

// bundles are the files that a page loads, and what each begins with.
var bundles = []struct{ name, entry string }{
	{"belfry.js", "src/index.js"},
	{"belfry-bell.js", "src/elements.js"},
}

const page = "../../docs/frontend.md"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run() error {
	files, err := build(".")
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join("dist", f.Name), f.Body, 0o644); err != nil { //nolint:gosec // it is source
			return err
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	if text, err = pin(text, files); err != nil {
		return err
	}
	return os.WriteFile(page, text, 0o644) //nolint:gosec // it is source
}

// build returns the bundles of the client in a folder.
func build(folder string) ([]js.File, error) {
	var files []js.File
	for _, b := range bundles {
		cmd := exec.Command("go", "tool", "esbuild", b.entry, "--bundle", "--minify", "--format=esm", "--target=es2022",
			"--legal-comments=none", "--log-level=warning")
		cmd.Dir, cmd.Stderr = folder, os.Stderr
		body, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("bundle %s: %w", b.entry, err)
		}
		files = append(files, js.File{Name: b.name, Body: body})
	}
	return files, nil
}

const begin, end = "<!-- pins: written by go generate ./clients/js -->\n", "<!-- end of pins -->"

// pin returns the page's text with the names and hashes of files in it.
func pin(text []byte, files []js.File) ([]byte, error) {
	before, rest, ok := bytes.Cut(text, []byte(begin))
	_, after, ended := bytes.Cut(rest, []byte(end))
	if !ok || !ended {
		return nil, errors.New("docs/frontend.md: there is no place for the pins")
	}
	var table strings.Builder
	table.WriteString("| file | pinned | `integrity` |\n|---|---|---|\n")
	for _, f := range files {
		fmt.Fprintf(&table, "| `/%s` | `/%s` | `%s` |\n", f.Name, f.Pinned(), f.Integrity())
	}
	return bytes.Join([][]byte{before, []byte(begin), []byte(table.String()), []byte(end), after}, nil), nil
}
