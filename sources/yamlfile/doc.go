// Package yamlfile reads a YAML file that people write: strictly, and with the place and
// the fix of everything that is wrong with it, so that one look is enough. Rules and
// channels are such files.
//
// The package imports the YAML parser, sources/rules/advice and the root package. Begin
// reading with [File].
package yamlfile
