package inbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

var errNoObject = errors.New("preferences are not one JSON object")

// prefs merges a patch into the preferences. One that is no JSON object, or would make
// them larger than MaxPrefsBytes, changes nothing.
func (f *folder) prefs(r *Record) Outcome {
	var before []byte
	if f.s.Reach != nil {
		before = f.s.Reach.Prefs
	}
	after, err := MergePrefs(before, r.Prefs)
	switch {
	case err != nil || bytes.Equal(before, after):
		return Unchanged
	case len(after) > MaxPrefsBytes:
		return Full
	}
	reach := f.reach()
	reach.Prefs, reach.PrefsVersion = after, f.s.Version
	return Applied
}

// MergePrefs returns preferences after a merge patch (RFC 7396), in canonical form: the
// names of each object sorted, no space, and nil for an empty object. It does not look at
// MaxPrefsBytes. The error is that of a patch, or of preferences, that are no JSON object.
func MergePrefs(prefs, patch []byte) ([]byte, error) {
	target, err := object(prefs)
	if err != nil {
		return nil, err
	}
	changes, err := object(patch)
	if err != nil {
		return nil, err
	}
	merged := merge(target, changes)
	if len(merged) == 0 {
		return nil, nil
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(merged); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

func object(text []byte) (map[string]any, error) {
	if len(text) == 0 {
		return map[string]any{}, nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var out map[string]any
	if err := dec.Decode(&out); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF || out == nil {
		return nil, errNoObject
	}
	return out, nil
}

// merge is MergePatch of RFC 7396, in place.
func merge(target, patch map[string]any) map[string]any {
	if target == nil {
		target = map[string]any{}
	}
	for name, value := range patch {
		switch v := value.(type) {
		case nil:
			delete(target, name)
		case map[string]any:
			own, _ := target[name].(map[string]any)
			target[name] = merge(own, v)
		default:
			target[name] = v
		}
	}
	return target
}
