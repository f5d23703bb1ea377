package lagpage

import (
	"os"
	"strings"
	"testing"
)

// Every metric of the lag page is explained.
func TestLagIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/lag.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families() {
		if !strings.Contains(string(text), "`"+f.name+"`") {
			t.Errorf("docs/lag.md does not tell of %s", f.name)
		}
	}
}
