package js

import (
	"embed"
	"io/fs"
)

//go:embed dist
var dist embed.FS

// Files returns what the build made: each file under its plain name, and once more
// under a name with a hash of its content.
func Files() fs.FS {
	files, _ := fs.Sub(dist, "dist") // the path is well-formed
	return files
}
