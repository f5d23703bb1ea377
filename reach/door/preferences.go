package door

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/exactjson"
	"github.com/belfry/belfry/inbox"
	"github.com/belfry/belfry/reach"
)

// MaxPatchBytes is the largest body of a patch: what it makes has at most
// [inbox.MaxPrefsBytes], and blanks or nulls may be more than that.
const MaxPatchBytes = 4 * inbox.MaxPrefsBytes

// ErrPreferences says that a user's preferences have no room for more.
var ErrPreferences = errors.New("preferences have at most 4096 bytes in all, as JSON: take something away first")

// fieldNames are the names of fields.
var fieldNames = []string{"language", "zone", "quiet", "urgent_passes", "channels"}

// CheckPatch returns a [*belfry.FieldError] for a patch that says what preferences cannot.
// A field that it takes away needs no other check than that of its name.
func CheckPatch(body []byte, policy *reach.Policy) error {
	var names map[string]json.RawMessage
	if err := exactjson.Parse(body, &names, `an object such as {"language":"ko"}`); err != nil {
		return err
	}
	if names == nil {
		return belfry.Invalid("", `must be an object such as {"language":"ko"}, not null`)
	}
	for name := range names {
		if !slices.Contains(fieldNames, name) {
			return belfry.Invalid(fmt.Sprintf("%.40s", name), "is none of language, zone, quiet, urgent_passes and channels")
		}
	}
	set, err := inbox.MergePrefs(nil, body)
	if err != nil {
		return belfry.Invalid("", "must be an object: %v", err)
	}
	return reach.CheckPrefs(set, policy)
}

// Fits returns ErrPreferences where a row has no room for what a patch adds.
func Fits(row *inbox.State, patch []byte) error {
	var before []byte
	if row.Reach != nil {
		before = row.Reach.Prefs
	}
	after, err := inbox.MergePrefs(before, patch)
	if err != nil {
		return fmt.Errorf("merge preferences: %w", err)
	}
	if len(after) > inbox.MaxPrefsBytes {
		return ErrPreferences
	}
	return nil
}
