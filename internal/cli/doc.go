// Package cli is what every program of this module is on the command line:
// commands whose flags may also come from the environment or a YAML file, one
// line for an error, and its exit codes.
//
// It imports the root package and no service. Begin reading with [Program.Run];
// config.go says where a flag's value comes from.
package cli
