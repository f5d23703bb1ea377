// Command build bundles the browser's client with esbuild, which go.mod names as a
// tool, into the folder dist. It imports the standard library alone, runs in
// clients/js, where go generate begins, and takes no arguments.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// bundles are the files that a page loads, by name, and what each begins with.
var bundles = map[string]string{
	"belfry.js":      "src/index.js",
	"belfry-bell.js": "src/elements.js",
}

func main() {
	if err := build("dist"); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

// build writes the bundles into a folder.
func build(folder string) error {
	for name, entry := range bundles {
		cmd := exec.Command("go", "tool", "esbuild", entry, "--bundle", "--minify", "--format=esm", "--target=es2022",
			"--legal-comments=none", "--log-level=warning", "--outfile="+filepath.Join(folder, name))
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("bundle %s: %w", entry, err)
		}
	}
	return nil
}
