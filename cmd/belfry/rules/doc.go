// Package rules is the command "belfry rules": check a file of them, and show
// what they make of records (dryrun.go, explain.go).
//
// It prints what package sources/rules says, and imports no command. Begin
// reading with [Command].
package rules
