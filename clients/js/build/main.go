// Command build bundles the browser's client with esbuild, which go.mod names as a
// tool, into the folder dist, and writes the names and hashes of the bundles into
// docs/frontend.md. It runs in clients/js, where go generate begins, and takes no
// arguments.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/tdewolff/minify/v2"
	minifyjs "github.com/tdewolff/minify/v2/js"

	"github.com/belfry/belfry/clients/js"
)

// A bundle is a file that a page loads, and what it begins with.
type bundle struct {
	name, entry, format string
	borrows             bool // dom.js, from the element that loads it
}

// internal are the names by which the modules of the client call each other. They are
// made short, alike in all bundles: nobody else has them, be it a page, the API or a
// message between tabs, whose page may be of another version.
const internal = "answer|base|batch|dirty|ensure|generation|hear|judge|lead|leaving|loaded|low|params|poll|post|prepare|proven|queries|reach|reached|receive|reset|select|slept|stampOf|store|sync|take|took|unless|wake"

// later are what others load when it is needed, by those names, and served under names
// that never change their content: a page has them of the version that it is of, or not at
// all. One that loads others is after them.
var later = []struct {
	bundle
	as string
}{
	{bundle{"belfry-device.js", "src/device.js", "esm", false}, "./device.js"},
	{bundle{"belfry-acting.js", "src/acting.js", "esm", false}, "./acting.js"},
	{bundle{"belfry-ko.js", "src/ko.js", "esm", false}, "./ko.js"},
	{bundle{"belfry-outside.js", "src/outside.js", "esm", false}, "./outside.js"},
	{bundle{"belfry-asides.js", "src/inbox/asides.js", "esm", true}, "./asides.js"},
	{bundle{"belfry-settings.js", "src/inbox/settings.js", "esm", true}, "./settings.js"},
	{bundle{"belfry-controls.js", "src/inbox/controls.js", "esm", true}, "./controls.js"},
	{bundle{"belfry-view.js", "src/inbox/view.js", "esm", true}, "./inbox/view.js"},
}

// whole has in one file what belfry-bell.js loads later, too: one to copy, or one hash
// that covers all.
var whole = bundle{"belfry-all.js", "src/elements.js", "esm", false}

// bundles are what pages name.
var bundles = []bundle{
	{"belfry.js", "src/index.js", "esm", false},
	{"belfry-bell.js", "src/elements.js", "esm", false},
	{"belfry-sw.js", "src/worker.js", "iife", false}, // importScripts takes no module
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
	stale, err := filepath.Glob("dist/*")
	if err != nil {
		return err
	}
	for _, name := range stale {
		if err := os.Remove(name); err != nil {
			return err
		}
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
	temp, err := os.MkdirTemp("", "belfry-names-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	names := filepath.Join(temp, "names.json")
	all, err := whole.build(folder, names, nil) // it has all names, and makes them short
	if err != nil {
		return nil, err
	}
	var files []js.File
	pinned := map[string]string{} // what a bundle loads later, by how its source names it
	for _, b := range later {
		f, err := b.build(folder, names, pinned)
		if err != nil {
			return nil, err
		}
		f.Name = f.Pinned()
		pinned[b.as] = "./" + f.Name
		files = append(files, f)
	}
	for _, b := range bundles {
		f, err := b.build(folder, names, pinned)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return append(files, all), nil
}

// build bundles b; what is internal has the same short names in all that are built with
// the file of names.
func (b bundle) build(folder, names string, pinned map[string]string) (js.File, error) {
	args := []string{"tool", "esbuild", b.entry, "--bundle", "--minify", "--format=" + b.format, "--target=es2022", "--charset=utf8", "--legal-comments=none", "--log-level=warning"}
	args = append(args, "--mangle-props=^("+internal+")$", "--mangle-cache="+names)
	for name := range pinned {
		args = append(args, "--external:"+name)
	}
	if b.borrows {
		args = append(args, "--conditions=belfry-later")
	}
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Stderr = folder, os.Stderr
	body, err := cmd.Output()
	if err != nil {
		return js.File{}, fmt.Errorf("bundle %s: %w", b.entry, err)
	}
	for name, to := range pinned {
		body = bytes.ReplaceAll(body, []byte(`import("`+name+`")`), []byte(`import("`+to+`")`))
	}
	// esbuild gives a variable within a function no name that one around it has, used there
	// or not; with those that can be had twice, what is alike is written alike.
	var out bytes.Buffer
	if err := (&minifyjs.Minifier{Version: 2022}).Minify(minify.New(), &out, bytes.NewReader(body), nil); err != nil {
		return js.File{}, fmt.Errorf("minify %s: %w", b.entry, err)
	}
	return js.File{Name: b.name, Body: out.Bytes()}, nil
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
		name := "`/" + f.Name + "`"
		switch {
		case f.IsWorker():
			continue // its address is what a browser asks for news
		case f.Name == f.Pinned():
			name = "loaded by " + strings.Join(loaders(f, files), " and ") + " when it is needed"
		}
		fmt.Fprintf(&table, "| %s | `/%s` | `%s` |\n", name, f.Pinned(), f.Integrity())
	}
	return bytes.Join([][]byte{before, []byte(begin), []byte(table.String()), []byte(end), after}, nil), nil
}

// loaders returns the names of the files that load f when it is needed.
func loaders(f js.File, files []js.File) []string {
	var names []string
	for _, by := range files {
		if bytes.Contains(by.Body, []byte(`import("./`+f.Name+`")`)) {
			names = append(names, "`/"+by.Name+"`")
		}
	}
	return names
}
