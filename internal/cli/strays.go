package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/belfry/belfry/sources/rules/advice"
)

// envPrefix begins the name of every environment variable of a flag.
const envPrefix = "BELFRY_"

// testPrefix begins the names of variables that steer the tests.
const testPrefix = envPrefix + "TEST_"

// serviceLink matches what Kubernetes puts into every container for a service whose
// name begins with belfry: no flag is named so.
var serviceLink = regexp.MustCompile(`^[A-Z0-9_]*_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// Stray is an environment variable that looks like a setting and is none.
type Stray struct {
	Name    string
	Nearest string // the setting whose name is nearest
}

// String says it in a line. The value may be a secret and is not shown.
func (s Stray) String() string {
	return fmt.Sprintf("the environment variable %.80s is no setting and has no effect; the nearest one is %s", Printable(s.Name), s.Nearest)
}

// strays returns those of an environment of name=value.
func strays(environ []string, root *cobra.Command) []Stray {
	known := []string{EnvName("config")}
	for _, name := range SettingNames(root) {
		known = append(known, EnvName(name))
	}
	var out []Stray
	for _, one := range environ {
		name, value, _ := strings.Cut(one, "=")
		if value == "" || !strings.HasPrefix(name, envPrefix) || strings.HasPrefix(name, testPrefix) ||
			serviceLink.MatchString(name) || slices.Contains(known, name) {
			continue
		}
		near, _ := advice.Nearest(name, known)
		out = append(out, Stray{name, near})
	}
	slices.SortFunc(out, func(a, b Stray) int { return strings.Compare(a.Name, b.Name) })
	return out
}
