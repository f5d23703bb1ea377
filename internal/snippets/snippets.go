// Package snippets takes the programs out of a document, so that what a test
// runs is what the reader is shown.
//
// A program is a fenced code block whose info string has a second word, the
// name of its file: three backquotes, then "python notify.py". GitHub colours it
// by the first word and shows nothing of the second.
package snippets

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const fence = "```"

// Read returns the text of each named block of a Markdown file, by its name.
func Read(path string) (map[string]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read snippets: %w", err)
	}
	blocks := map[string]string{}
	var (
		open   bool
		name   string
		indent string
		block  strings.Builder
	)
	for i, line := range strings.Split(string(text), "\n") {
		content := strings.TrimLeft(line, " ")
		info, isFence := strings.CutPrefix(content, fence)
		switch {
		case isFence && !open:
			open, name, indent = true, "", line[:len(line)-len(content)]
			block.Reset()
			if words := strings.Fields(info); len(words) > 1 {
				name = words[1]
			}
		case isFence:
			if _, twice := blocks[name]; twice && name != "" {
				return nil, fmt.Errorf("%s:%d: a second block named %s", path, i+1, name)
			}
			if name != "" {
				blocks[name] = block.String()
			}
			open = false
		case open:
			block.WriteString(strings.TrimPrefix(line, indent) + "\n")
		}
	}
	if open {
		return nil, fmt.Errorf("%s: the last block has no end", path)
	}
	return blocks, nil
}

// Write puts blocks into files of a folder, which their names are relative to.
func Write(dir string, blocks map[string]string) error {
	for name, text := range blocks {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("write snippet %s: not a name within a folder", name)
		}
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return fmt.Errorf("write snippet: %w", err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return fmt.Errorf("write snippet: %w", err)
		}
	}
	return nil
}
