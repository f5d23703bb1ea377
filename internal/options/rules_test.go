package options

import (
	"testing"

	"github.com/spf13/pflag"
)

// TestSchemaRegistries holds that the servers of one registry may be named
// together, as the reader of schemas takes them.
func TestSchemaRegistries(t *testing.T) {
	for urls, ok := range map[string]bool{
		"http://a:8081":                    true,
		"http://a:8081,https://b":          true,
		"http://a:8081, https://b:8081/sr": true,
		"http://a:8081,":                   false,
		"http://a:8081,b:8081":             false,
		"http://a,http://user:secret@b":    false,
		"http://:8081":                     false,
	} {
		var o Rules
		fs := pflag.NewFlagSet(t.Name(), pflag.ContinueOnError)
		o.AddFlags(fs)
		if err := fs.Parse([]string{"--schema-registry", urls}); err != nil {
			t.Fatal(err)
		}
		if err := o.Validate(); (err == nil) != ok {
			t.Errorf("%s: got %v, want it taken: %t", urls, err, ok)
		}
	}
}
