// Package rules says what the events of source topics mean for whom, as a rules
// file in YAML with expressions in CEL has it. It alone links those languages; it
// imports sources, sources/envelope, sources/times and sources/yamlfile. Start with [Load], which reads
// a file, and [Source.Route], which applies it to a record.
package rules
