package envelope

import (
	"strings"
	"testing"

	"github.com/belfry/belfry/internal/breath/breathtest"
)

// TestDecodingLetsOthersIn holds that a large document is decoded in stretches.
func TestDecodingLetsOthersIn(t *testing.T) {
	document := []byte("[" + strings.Repeat("0,", 400_000) + "0]")
	woken := breathtest.Woken(func() {
		if _, err := ParseJSON(document); err != nil {
			t.Error(err)
		}
	})
	if woken < breathtest.Often {
		t.Errorf("another goroutine ran %d times while 400,000 values were decoded", woken)
	}
}
