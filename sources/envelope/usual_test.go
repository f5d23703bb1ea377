package envelope

import (
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
)

// A plain message is parsed at once, and not decoded before: both give the same, so that
// nothing else would tell.
func TestPlainMessagesAreParsedAtOnce(t *testing.T) {
	const message = `{"recipient":"kim","title":"x","data":{"no":1}}`
	for name, tt := range map[string]struct {
		value  string
		header string
		want   bool
	}{
		"plain":                  {message, "", true},
		"of another program":     {message, "traceparent", true},
		"with an id":             {message, "ce_id", false},
		"with a byte order mark": {"\ufeff" + message, "", false},
		"a list":                 {"[" + message + "]", "", false},
		"escaped":                {`{"recipient":"kim","title":"\u0061"}`, "", false},
	} {
		r := sources.Record{Value: []byte(tt.value)}
		if tt.header != "" {
			r.Headers = []sources.Header{{Key: tt.header, Value: []byte("1")}}
		}
		var atOnce, parsed bool
		_, err := NewDecoder(Config{}).Messages(t.Context(), r, belfry.Notification{}, func(text []byte, defaults belfry.Notification) (belfry.Message, error) {
			atOnce, parsed = !parsed && &text[0] == &r.Value[0], true
			return belfry.ParseRecord(text, defaults)
		})
		if err != nil && tt.want || atOnce != tt.want {
			t.Errorf("%s: parsed at once: %t, want %t; %v", name, atOnce, tt.want, err)
		}
	}
}
