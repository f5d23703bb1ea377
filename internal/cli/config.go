package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/belfry/belfry/sources/rules/advice"
)

// configure gives each flag that the command line left alone its value from
// the environment or else from the file that --config names. A flag set so
// counts as changed. Known holds the flags of all commands.
func configure(cmd *cobra.Command, env func(string) (string, bool), known []string) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if failed != nil || f.Changed || !IsSetting(f) && f.Name != "config" {
			return
		}
		name := EnvName(f.Name)
		if value, ok := env(name); ok && value != "" {
			if err := set(f, value); err != nil {
				failed = Usagef("environment variable %s: %w", name, err)
			}
		}
	})
	if failed != nil {
		return failed
	}
	path, err := cmd.Flags().GetString("config")
	if err != nil || path == "" {
		return err
	}
	entries, err := readConfig(path)
	if err != nil {
		return FlagErrorf("config", "%w", err)
	}
	for _, e := range entries {
		if !slices.Contains(known, e.key) {
			near, _ := advice.Nearest(e.key, known)
			return FlagErrorf("config", "%s:%d: unknown key %.80q; the nearest known one is %q", path, e.line, e.key, near)
		}
	}
	for _, e := range entries {
		f := cmd.Flags().Lookup(e.key)
		if f == nil || f.Changed {
			continue
		}
		if err := e.apply(f); err != nil {
			return FlagErrorf("config", "%s:%d: %s: %w", path, e.line, e.key, err)
		}
	}
	return nil
}

// SettingNames returns the flags of all commands that a file may set, in order.
func SettingNames(root *cobra.Command) []string {
	var names []string
	collect := func(f *pflag.Flag) {
		if IsSetting(f) {
			names = append(names, f.Name)
		}
	}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		c.LocalFlags().VisitAll(collect)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	// cobra's own commands, such as completion, have no settings.
	for _, c := range root.Commands() {
		if c.Name() != "completion" && c.Name() != "help" {
			walk(c)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// IsSetting reports whether an environment variable or a file may set a flag.
func IsSetting(f *pflag.Flag) bool {
	return f.Name != "help" && f.Name != "version" && f.Name != "config" && f.Annotations[onlyArgument] == nil
}

// onlyArgument marks a flag that is an action and no setting: the command line
// alone asks for it, or each start with the same environment or file would do
// it again.
const onlyArgument = "belfry_only_argument"

// MarkAction makes a flag one that only the command line sets.
func MarkAction(fs *pflag.FlagSet, name string) {
	// The error is for a flag that does not exist.
	_ = fs.SetAnnotation(name, onlyArgument, []string{})
}

// EnvName is the environment variable of a flag.
func EnvName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

func set(f *pflag.Flag, value string) error {
	if err := f.Value.Set(value); err != nil {
		return valueError(f, value, err)
	}
	f.Changed = true
	return nil
}

// valueError says what a flag takes, where Go's parsers only name themselves.
func valueError(f *pflag.Flag, value string, cause error) error {
	var want string
	switch f.Value.Type() {
	case "bool":
		want = "true or false"
	case "int", "int32", "int64", "uint", "uint32", "uint64":
		want = "a whole number"
	case "float64":
		want = "a number"
	case "duration":
		want = "a duration such as 10s or 5m"
	case "stringSlice":
		want = "a list such as a,b,c"
	default:
		return cause
	}
	return fmt.Errorf("must be %s, not %.80q", want, value)
}

// entry is one key of a config file.
type entry struct {
	key    string
	line   int
	values []string
	list   bool
}

func (e entry) apply(f *pflag.Flag) error {
	if !e.list {
		return set(f, e.values[0])
	}
	many, ok := f.Value.(pflag.SliceValue)
	if !ok {
		return errors.New("takes one value, not a list")
	}
	if err := many.Replace(e.values); err != nil {
		return valueError(f, strings.Join(e.values, ","), err)
	}
	f.Changed = true
	return nil
}

// readConfig reads a flat YAML mapping. An empty file has no entries.
func readConfig(path string) ([]entry, error) {
	raw, err := ReadSmallFile(path)
	if err != nil {
		return nil, err
	}
	return parseConfig(path, string(raw))
}

// parseConfig is readConfig for a text; path is for its errors.
func parseConfig(path, text string) ([]entry, error) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var document, second yaml.Node
	if err := decoder.Decode(&document); err == io.EOF {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("parse %s: %w", path, err)
	}
	if err := decoder.Decode(&second); err != io.EOF {
		return nil, fmt.Errorf("%s holds more than one YAML document", path)
	}
	root := document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: must be a mapping of flag names to values, such as \"addr: 127.0.0.1:8080\"", path, root.Line)
	}
	var entries []entry
	lines := map[string]int{}
	for i := 0; i < len(root.Content); i += 2 {
		e, err := newEntry(root.Content[i], root.Content[i+1])
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, root.Content[i].Line, err)
		}
		if first, ok := lines[e.key]; ok {
			return nil, fmt.Errorf("%s:%d: %s: given twice, first in line %d", path, e.line, e.key, first)
		}
		lines[e.key] = e.line
		entries = append(entries, e)
	}
	return entries, nil
}

func newEntry(key, value *yaml.Node) (entry, error) {
	name, err := scalar(key)
	if err != nil {
		return entry{}, fmt.Errorf("a key must be the name of a flag: %w", err)
	}
	e := entry{key: name, line: key.Line}
	value = resolve(value)
	nodes := []*yaml.Node{value}
	if value.Kind == yaml.SequenceNode {
		e.list, nodes = true, value.Content
	}
	for _, n := range nodes {
		v, err := scalar(n)
		if err != nil {
			return entry{}, fmt.Errorf("%s: %w", name, err)
		}
		e.values = append(e.values, v)
	}
	return e, nil
}

// scalar returns a single value as it is written in the file, for the flag to
// parse: 10s, 0.5 and true need no quotes.
func scalar(n *yaml.Node) (string, error) {
	n = resolve(n)
	switch {
	case n.Kind != yaml.ScalarNode:
		return "", errors.New("must be a value or a list of values")
	case n.Tag == "!!null":
		return "", errors.New("has no value; give one or remove the line")
	}
	return n.Value, nil
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
