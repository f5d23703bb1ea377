package main

import (
	"context"
	"encoding/json"

	"github.com/belfry/belfry/sources"
)

// decoder reads the records of source topics.
func (o *rulesOptions) decoder() sources.RecordDecoder { return jsonDecoder{} }

// jsonDecoder reads a record whose value is one event in JSON.
type jsonDecoder struct{}

func (jsonDecoder) Decode(_ context.Context, r sources.Record) ([]sources.Event, error) {
	var value any
	if err := json.Unmarshal(r.Value, &value); err != nil {
		return nil, err
	}
	return []sources.Event{{Value: value}}, nil
}
