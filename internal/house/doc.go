// Package house has the tests of what holds for the whole tree: which package may link
// which, how large folders and files are, how log lines are written, and that documents
// name what is there.
//
// It imports the standard library alone and is imported by nobody. Its tests run in the
// root of the module. Begin reading with imports_test.go.
package house
