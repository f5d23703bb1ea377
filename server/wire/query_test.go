package wire

import (
	"errors"
	"net/http/httptest"
	"testing"

	"github.com/belfry/belfry"
)

func TestParametersStandOnce(t *testing.T) {
	for query, field := range map[string]string{
		"limit=5&before=x":          "",
		"user=a&user=b":             "",
		"limit=5&limit=x":           "limit",
		"user=a&user=b&order&order": "order",
	} {
		_, err := ParseQuery(httptest.NewRequestWithContext(t.Context(), "GET", "/?"+query, nil), "user")
		fe, ok := errors.AsType[*belfry.FieldError](err)
		if (field != "") != (err != nil) || ok && fe.Field != field {
			t.Errorf("%s: got %v, want an error of %q", query, err, field)
		}
	}
}
