package sources

import "context"

type schemas struct{}

func newSchemas(DecoderConfig) *schemas { return &schemas{} }

func (*schemas) decode(context.Context, schemaRef, []byte) (any, error) { return nil, ErrUnavailable }
