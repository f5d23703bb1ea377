package cli

import (
	"cmp"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand(text string) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), text)
			return err
		},
	}
}

// VersionText is what --version prints: what the linker was told, or else what
// Go recorded in the binary.
func VersionText(program, linked string) string {
	return formatVersion(program, linked, buildInfo())
}

// VersionName is the version alone: what dead letters name.
func VersionName(linked string) string {
	return nameOf(linked, buildInfo())
}

// buildInfo is what Go recorded, empty if that is nothing.
func buildInfo() *debug.BuildInfo {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info
	}
	return &debug.BuildInfo{}
}

func nameOf(linked string, info *debug.BuildInfo) string {
	if name := cmp.Or(linked, info.Main.Version); name != "(devel)" {
		return cmp.Or(name, "devel")
	}
	return "devel"
}

func formatVersion(program, linked string, info *debug.BuildInfo) string {
	text := program + " " + nameOf(linked, info)
	var revision, modified string
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value
		case "vcs.modified":
			if s.Value == "true" {
				modified = ", modified"
			}
		}
	}
	if revision != "" {
		text += fmt.Sprintf(" (commit %.12s%s)", revision, modified)
	}
	if info.GoVersion != "" {
		text += " " + info.GoVersion
	}
	return text
}
