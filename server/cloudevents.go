package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/breath"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
)

// eventAttributes are those of a CloudEvent that are read of a request's headers; of
// extensions ours alone.
var eventAttributes = [...]string{"specversion", "id", "source", "type", "subject", "time", "audience"}

const attributePrefix = "ce-"

// parseMessages reads a body as a record's value is read: as one message, an array
// of them, or CloudEvents in all three modes of HTTP (CloudEvents HTTP protocol
// binding 1.0.2, section 3). All are checked, at least one and with at most
// [belfry.MaxRecipients] in all.
func parseMessages(h http.Header, body []byte, defaults belfry.Notification, parse envelope.Parse) ([]belfry.Message, error) {
	r, err := recordOf(h, body)
	if err != nil {
		return nil, err
	}
	var stretches breath.Stretches
	sent, err := envelope.NewDecoder(envelope.Config{}).Messages(context.Background(), r, defaults, func(data []byte, defaults belfry.Notification) (belfry.Message, error) {
		stretches.Next()
		return parse(data, defaults)
	})
	switch {
	case errors.Is(err, belfry.ErrEmpty):
		return nil, belfry.Invalid("", "the body is empty; it must be JSON")
	case errors.Is(err, belfry.ErrTombstone):
		return nil, belfry.Invalid("", "must be a JSON object, not null")
	case err != nil:
		return nil, asHeader(h, err)
	case len(sent) == 0:
		return nil, belfry.Invalid("", "the array is empty")
	}
	total := 0
	for i, each := range sent {
		if total += max(len(each.Recipients), 1); total > belfry.MaxRecipients {
			return nil, &belfry.FieldError{Field: fmt.Sprintf("[%d]", i), TooLarge: true,
				Problem: fmt.Sprintf("one call may have at most %d, counting each recipient", belfry.MaxRecipients)}
		}
	}
	return sent, nil
}

// recordOf returns the record that says what a request says. Its headers are those
// by which the Kafka binding of CloudEvents tells the modes apart.
func recordOf(h http.Header, body []byte) (sources.Record, error) {
	r := sources.Record{Value: body, Headers: []sources.Header{{Key: "content-type", Value: []byte(h.Get("Content-Type"))}}}
	for _, name := range eventAttributes {
		value := h.Get(attributePrefix + name)
		if value == "" {
			continue
		}
		if err := oneHeader(h, attributePrefix+name); err != nil {
			return r, err
		}
		decoded, err := headerValue(value)
		if err != nil {
			return r, belfry.Invalid(attributePrefix+name, "must be percent-encoded UTF-8")
		}
		r.Headers = append(r.Headers, sources.Header{Key: "ce_" + name, Value: []byte(decoded)})
	}
	return r, nil
}

// oneHeader refuses a header that stands twice: a proxy may have looked at the other one.
func oneHeader(h http.Header, name string) error {
	if len(h.Values(name)) > 1 {
		return belfry.Invalid(name, "must stand once")
	}
	return nil
}

// asHeader renames the field of an error to the header that it stood in, if it is
// an attribute of an event that came in binary mode.
func asHeader(h http.Header, err error) error {
	fe, ok := errors.AsType[*belfry.FieldError](err)
	if !ok || h.Get(attributePrefix+"specversion") == "" || !slices.Contains(eventAttributes[:], fe.Field) {
		return err
	}
	renamed := *fe
	renamed.Field = attributePrefix + fe.Field
	return &renamed
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
