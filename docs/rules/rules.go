// Package rules is the rules to start with, for those who run them as they stand here: the
// demo and tests.
//
// It imports nothing of Belfry. README.md tells the files.
package rules

import _ "embed"

// Social is social.yaml, a social network's.
//
//go:embed social.yaml
var Social []byte
