package wire

import (
	"testing"

	"github.com/belfry/belfry"
)

func TestChoose(t *testing.T) {
	british := belfry.Text{"de": "de", "en-GB": "en-GB"}
	for _, tt := range []struct {
		accept string
		text   belfry.Text
		want   string
	}{
		{"en", british, "en-GB"},
		{"en-US", british, "en-GB"},
		{"de", british, "de"},
		{"fr", british, "en-GB"},
		{"", british, "en-GB"},
		{"nonsense;q=x", british, "en-GB"},
		{"fr", belfry.Text{"de": "de", "en": "en", "en-GB": "en-GB"}, "en"},
		{"fr", belfry.Text{"de": "de", "en-US": "en-US", "en-GB": "en-GB"}, "en-GB"},
		{"fr", belfry.Text{"ko": "ko", "de": "de"}, "de"},
		{"fr", belfry.PlainText("plain"), "plain"},
		{"zh_TW", belfry.Text{"en": "en", "zh-CN": "zh-CN", "zh-TW": "zh-TW"}, "zh-TW"},
	} {
		if got := ParseLanguages(tt.accept).choose(tt.text); got != tt.want {
			t.Errorf("%q of %v: got %q, want %q", tt.accept, tt.text, got, tt.want)
		}
	}
}
