// Package channels reads channels.yaml: on which channels users are told of what they
// have not looked at, and when. It reads strictly: whatever the file has that it does not
// know is refused with its place and a fix, as in rules.
//
// The package imports reach, inbox, sources/yamlfile, the YAML parser and the root
// package. Begin reading with [Load].
package channels
