package cli

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// yamlFiles are the endings of files of rules and settings.
func yamlFiles() []string { return []string{"yaml", "yml"} }

// completeFlags has shells complete the values of a command's flags: files where a
// file is wanted, folders where a folder is, the words of a choice, else nothing.
func completeFlags(fs *pflag.FlagSet, c *cobra.Command) {
	fs.VisitAll(func(f *pflag.Flag) {
		if _, has := c.GetFlagCompletionFunc(f.Name); has {
			return
		}
		complete := cobra.NoFileCompletions
		value, _ := pflag.UnquoteUsage(f)
		choice, chooses := f.Value.(*Choice)
		switch {
		case chooses:
			complete = cobra.FixedCompletions(choice.allowed, cobra.ShellCompDirectiveNoFileComp)
		case value == "file" && slices.Contains([]string{"config", "rules"}, f.Name):
			complete = cobra.FixedCompletions(yamlFiles(), cobra.ShellCompDirectiveFilterFileExt)
		case value == "file":
			complete = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault)
		case value == "folder":
			complete = cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
		}
		// The error is for a flag that does not exist or is complete already.
		_ = c.RegisterFlagCompletionFunc(f.Name, complete)
	})
}

// CompleteYAML has shells complete a command's arguments with files of rules.
func CompleteYAML(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return yamlFiles(), cobra.ShellCompDirectiveFilterFileExt
}
