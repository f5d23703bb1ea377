// Package letter writes the mail of a decision: subject, text, HTML and the headers that
// follow from what is told. It sends nothing, and the same message is the same letter.
//
// It imports senders, links, languages, reach, inbox, sources/yamlfile and the root
// package. Begin reading with [Writer.Write].
package letter
