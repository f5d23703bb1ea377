package js

import (
	"crypto/sha256"
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"strings"
)

//go:embed dist
var dist embed.FS

// File is one file that a page loads.
type File struct {
	Name string // "belfry.js"
	Body []byte
}

// Files returns what the build made, by name.
func Files() []File {
	var files []File
	entries, _ := fs.ReadDir(dist, "dist") // the folder is part of the program
	for _, e := range entries {
		body, _ := dist.ReadFile("dist/" + e.Name())
		files = append(files, File{e.Name(), body})
	}
	return files
}

// Pinned is the name under which these very bytes are served for ever:
// "belfry.<hash>.js". A file that others load has no other name.
func (f File) Pinned() string {
	sum := sha256.Sum256(f.Body)
	end := "." + hex.EncodeToString(sum[:4]) + ".js"
	if strings.HasSuffix(f.Name, end) {
		return f.Name
	}
	return strings.TrimSuffix(f.Name, ".js") + end
}

// IsWorker reports whether f is the service worker, which pages do not run.
func (f File) IsWorker() bool { return f.Name == "belfry-sw.js" }

// Integrity is the value of a script's integrity attribute (W3C Subresource
// Integrity).
func (f File) Integrity() string {
	sum := sha512.Sum384(f.Body)
	return "sha384-" + base64.StdEncoding.EncodeToString(sum[:])
}
