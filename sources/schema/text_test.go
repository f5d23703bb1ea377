package schema_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
)

// TestSchemasThatAreMuchToCompileAreLetters holds that no text of a registry keeps a compiler
// for seconds: 900 KB of brackets within each other took 5 s and 2 GiB.
func TestSchemasThatAreMuchToCompileAreLetters(t *testing.T) {
	r := newRegistry(t)
	nested := `syntax = "proto3"; message M { option (x) = ` + strings.Repeat("{a:", 2000) + strings.Repeat("}", 2000) + `; }`
	r.put(t, "/schemas/ids/1", "PROTOBUF", nested)
	r.put(t, "/schemas/ids/2", "PROTOBUF", `syntax = "proto3"; message M { string id = 1; } `+strings.Repeat("// x\n", 500_000))
	r.put(t, "/schemas/ids/3", "PROTOBUF", `syntax = "proto3"; import "big"; message M { string id = 1; }`, reference("big", "big", 1))
	r.put(t, "/subjects/big/versions/1", "PROTOBUF", `syntax = "proto3"; `+strings.Repeat("// x\n", 500_000))
	d := r.decoder()
	for id, want := range map[uint32]string{1: "brackets within each other", 2: "bytes with what it refers to", 3: "bytes with what it refers to"} {
		_, err := d.Decode(t.Context(), sources.Record{Value: frame(id, "\x00"+message(1, "x"))})
		if !errors.Is(err, belfry.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("schema %d: got %v, want %q", id, err, want)
		}
	}
}
