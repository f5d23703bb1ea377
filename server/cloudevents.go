package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/server/wire"
	"github.com/belfry/belfry/sources/envelope"
)

func one(m belfry.Message, err error) ([]belfry.Message, error) {
	return []belfry.Message{m}, err
}

// structuredEvent reads an event in the JSON event format.
func structuredEvent(raw []byte) (belfry.Message, error) {
	// For the same words about a body that is not JSON as elsewhere: a scan,
	// the fields are read once, below.
	var scanned json.RawMessage
	if err := wire.ParseJSON(raw, &scanned, "a CloudEvent as a JSON object"); err != nil {
		return belfry.Message{}, err
	}
	e, err := envelope.StructuredEvent(raw)
	if err != nil {
		return belfry.Message{}, err
	}
	return envelope.FromEvent(e, belfry.Notification{}, belfry.ParseNotification)
}

// binaryEvent reads an event whose attributes are headers.
func binaryEvent(h http.Header, body []byte) (belfry.Message, error) {
	attributes := map[string]string{}
	for _, name := range []string{"specversion", "id", "source", "type", "subject", "time"} {
		value := h.Get("Ce-" + name)
		if value == "" {
			continue
		}
		decoded, err := headerValue(value)
		if err != nil {
			return belfry.Message{}, belfry.Invalid("ce-"+name, "must be percent-encoded UTF-8")
		}
		attributes[name] = decoded
	}
	e, err := envelope.BinaryEvent(attributes, h.Get("Content-Type"), body)
	var fe *belfry.FieldError
	if errors.As(err, &fe) {
		fe.Field = "ce-" + fe.Field
	}
	if err != nil {
		return belfry.Message{}, err
	}
	return envelope.FromEvent(e, belfry.Notification{}, belfry.ParseNotification)
}

// headerValue undoes what section 3.1.3.2 of the binding does to a value:
// quotes, then percent-encoding.
func headerValue(s string) (string, error) {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		var b strings.Builder
		for i := 1; i < len(s)-1; i++ {
			if s[i] == '\\' && i+1 < len(s)-1 {
				i++
			}
			b.WriteByte(s[i])
		}
		s = b.String()
	}
	return url.PathUnescape(s)
}
