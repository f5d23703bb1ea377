package exactjson

import (
	"errors"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/belfry/belfry"
)

// Parse decodes the whole of data into v, names exactly as they are written and none
// twice. Want says what it must be. The error is a [*belfry.FieldError], whose field is
// named as clients write it: "letters[0].offset".
func Parse(data []byte, v any, want string) error {
	err := json.Unmarshal(data, v)
	var syntax *jsontext.SyntacticError
	var unfit *json.SemanticError
	switch {
	case err == nil:
		return nil
	case len(data) == 0:
		return belfry.Invalid("", "the body is empty; it must be %s", want)
	case errors.Is(err, jsontext.ErrDuplicateName) && errors.As(err, &syntax):
		return belfry.Invalid(fieldAt(syntax.JSONPointer), "must stand once")
	case errors.As(err, &syntax):
		return belfry.Invalid("", "not JSON: %v at byte %d", syntax.Err, syntax.ByteOffset)
	case errors.As(err, &unfit) && fieldAt(unfit.JSONPointer) != "":
		return belfry.Invalid(fieldAt(unfit.JSONPointer), "cannot be %s; the body must be %s", unfit.JSONKind, want)
	}
	return belfry.Invalid("", "must be %s", want)
}

// fieldAt names the place of a pointer (RFC 6901) as errors name fields.
func fieldAt(at jsontext.Pointer) string {
	field := ""
	for token := range at.Tokens() {
		switch {
		case isIndex(token):
			field += "[" + token + "]"
		case field == "":
			field = token
		default:
			field += "." + token
		}
	}
	return field
}

// isIndex reports whether a token of a pointer is that of an element of a list.
func isIndex(token string) bool {
	_, err := strconv.ParseUint(token, 10, 64)
	return err == nil
}
