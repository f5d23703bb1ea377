package cli_test

import (
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/cli"
)

func TestReadable(t *testing.T) {
	for name, tt := range map[string]struct{ value, want string }{
		"JSON":         {`{"a":[1]}`, "{\n  \"a\": [\n    1\n  ]\n}"},
		"text":         {"안녕\nthere", "안녕\nthere"},
		"bytes":        {"\x00\xffok", "00 ff 6f 6b"},
		"escapes":      {"a\x1b[31mb\u009bc\u202ed", "a [31mb c d"},
		"JSON escapes": {`"` + "\u009b" + `"`, `" "`},
	} {
		if got := cli.Readable([]byte(tt.value)); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}
