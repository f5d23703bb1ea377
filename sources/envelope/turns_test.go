package envelope_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
)

// registryOfTurns takes the turn that it is given before it decodes.
type registryOfTurns struct{}

func (registryOfTurns) Decode(ctx context.Context, _ envelope.Place, _ envelope.SchemaID, body []byte) (any, string, error) {
	return "x", "", sources.TurnOf(ctx).Take(len(body))
}

// Twelve partitions with a record of 4 MB each, which a batch of some KB decompresses to,
// took over 1 GiB: what is large takes turns before it is decoded, whatever it is.
func TestLargeValuesAreDecodedInTurn(t *testing.T) {
	long := `{"l":[` + strings.TrimSuffix(strings.Repeat("{},", 40_000), ",") + `]}`
	d := envelope.NewDecoder(envelope.Config{Schemas: registryOfTurns{}})
	for name, r := range map[string]sources.Record{
		"json":         {Value: []byte(long)},
		"cloud event":  {Value: []byte(long), Headers: []sources.Header{{Key: "content-type", Value: []byte("application/cloudevents+json")}}},
		"binary event": {Value: []byte(long), Headers: []sources.Header{{Key: "ce_specversion", Value: []byte("1.0")}, {Key: "ce_id", Value: []byte("1")}, {Key: "ce_source", Value: []byte("s")}, {Key: "ce_type", Value: []byte("t")}}},
		"framed json":  {Value: append([]byte{0, 0, 0, 0, 1}, long...)},
		"framed":       {Value: append([]byte{0, 0, 0, 0, 1}, strings.Repeat("\x02a", 60_000)...)},
		"headers":      {Value: []byte(`{}`), Headers: []sources.Header{{Key: "type", Value: []byte(`{"schema":null,"payload":` + long + `}`)}}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			r.Turn = sources.NewTurns().For(ctx) // which it does not get
			if _, err := d.Decode(t.Context(), r); !errors.Is(err, sources.ErrUnavailable) {
				t.Errorf("got %v, want it to wait for its turn", err)
			}
			r.Turn = sources.NewTurns().For(t.Context())
			if _, err := d.Decode(t.Context(), r); errors.Is(err, sources.ErrUnavailable) {
				t.Errorf("got %v with nobody before it", err)
			}
		})
	}
}
