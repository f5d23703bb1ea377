package envelope_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
)

// asDecoded is a record that is decoded before it is parsed: a byte order mark changes
// nothing else.
func asDecoded(value string) string { return "\ufeff" + value }

// TestPlainMessagesAreReadAsDecodedOnes holds that what is parsed at once is what comes
// of decoding it first, and so are its errors.
func TestPlainMessagesAreReadAsDecodedOnes(t *testing.T) {
	const message = `{"recipient":"kim","title":"x"}`
	texts := []string{`"kim"`, `""`, `null`, `5`, `"a/b"`, `{"en":"x"}`, `["kim","lee"]`, `"\ud800"`, `"\u0041"`, `"\t"`, "\"\xff\"", `1e999`,
		`{"payload":1}`, `[[[[1]]]]`, `"specversion"`, `true`, `"1.0"`, `{"a":1,"a":2}`, message}
	names := []string{"recipient", "recipients", "title", "body", "id", "source", "data", "time", "expires_at", "retract", "op", "payload", "schema",
		"specversion", "extra", "actor", `\u0069d`, `\u0073pecversion`, `p\u0061yload`}
	defaults := belfry.Notification{ID: "made", Source: "orders", Time: time.Unix(1_800_000_000, 0).UTC()}
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SampledFrom([]string{message[:len(message)-1], `{"schema":null`}).Draw(t, "start")
		for range rapid.IntRange(0, 5).Draw(t, "members") {
			value += fmt.Sprintf(`,"%s":%s`, rapid.SampledFrom(names).Draw(t, "name"), rapid.SampledFrom(texts).Draw(t, "text"))
		}
		value += rapid.SampledFrom([]string{"}", "} ", "", "}}", "},"}).Draw(t, "end")
		read := func(value string) (string, string) {
			got, err := envelope.NewDecoder(envelope.Config{}).Messages(t.Context(), sources.Record{Value: []byte(value)}, defaults, belfry.ParseRecord)
			if err != nil {
				return "", err.Error()
			}
			text, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			return string(text), ""
		}
		plain, plainErr := read(value)
		decoded, decodedErr := read(asDecoded(value))
		if !reflect.DeepEqual(plain, decoded) || plainErr != decodedErr {
			t.Errorf("%q: got %s, %s; decoded first %s, %s", value, plain, plainErr, decoded, decodedErr)
		}
	})
}
