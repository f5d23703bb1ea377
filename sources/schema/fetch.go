package schema

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
)

// fetch asks the registry for a schema and all that it refers to.
func (s *Registry) fetch(ctx context.Context, at envelope.Place, ref envelope.SchemaID) (schema, error) {
	path := fmt.Sprintf("/schemas/ids/%d", ref.ID)
	if ref.GUID != "" {
		path = "/schemas/guids/" + ref.GUID
	}
	found, err := s.ask(ctx, at, path, "schema "+ref.String())
	if err != nil {
		return nil, err
	}
	var references []reference
	if err := s.references(ctx, at, found.References, map[string]bool{}, &references); err != nil {
		return nil, err
	}
	if err := checkText(found.Schema, references); err != nil {
		return nil, belfry.Invalid("", "schema %s of the registry cannot be used: %v", ref, err)
	}
	var compiled schema
	switch found.Type {
	case "", "AVRO":
		compiled, err = compileAvro(found.Schema, references)
	case "PROTOBUF":
		compiled, err = compileProtobuf(ctx, found.Schema, references)
	case "JSON":
		compiled = jsonSchema{}
	default:
		err = fmt.Errorf("its type %.40q is unknown", found.Type)
	}
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("read schema %s: %w", ref, context.Cause(ctx))
	case err != nil:
		return nil, belfry.Invalid("", "schema %s of the registry cannot be used: %s", ref, short(err))
	}
	return compiled, nil
}

// Limits of a schema's text with all that it refers to: compilers take a hundred times as much
// memory, and for brackets within each other their number squared.
const (
	maxTextBytes = 2 << 20
	maxBrackets  = 256
)

// checkText refuses a text that would take too much to compile.
func checkText(text string, references []reference) error {
	size := 0
	for _, r := range append(slices.Clip(references), reference{text: text}) {
		if size += len(r.text); size > maxTextBytes {
			return fmt.Errorf("it has more than %d bytes with what it refers to", maxTextBytes)
		}
		depth := 0
		for i := range len(r.text) {
			switch r.text[i] {
			case '{', '[', '(', '<':
				if depth++; depth > maxBrackets {
					return fmt.Errorf("it has more than %d brackets within each other", maxBrackets)
				}
			case '}', ']', ')', '>':
				depth = max(depth-1, 0)
			}
		}
	}
	return nil
}

// registered is a schema as the registry answers.
type registered struct {
	Schema     string               `json:"schema"`
	Type       string               `json:"schemaType"`
	References []sr.SchemaReference `json:"references"`
}

// reference is another schema that one refers to by a name: that of a type in
// Avro, the path of an import in Protobuf.
type reference struct{ name, text string }

// references collects those of a schema, each after what it refers to itself.
func (s *Registry) references(ctx context.Context, at envelope.Place, refs []sr.SchemaReference, seen map[string]bool, to *[]reference) error {
	for _, r := range refs {
		// One text may be imported by several names.
		key := fmt.Sprintf("%q %q %d", r.Name, r.Subject, r.Version)
		if seen[key] {
			continue
		}
		seen[key] = true
		if len(seen) > maxReferences {
			return belfry.Invalid("", "must be written with a schema that refers to at most %d others", maxReferences)
		}
		path := fmt.Sprintf("/subjects/%s/versions/%d", url.PathEscape(r.Subject), r.Version)
		found, err := s.ask(ctx, at, path, fmt.Sprintf("version %d of the schema %.100q", r.Version, r.Subject))
		if err != nil {
			return err
		}
		if err := s.references(ctx, at, found.References, seen, to); err != nil {
			return err
		}
		*to = append(*to, reference{r.Name, found.Schema})
	}
	return nil
}

// ask asks until there is an answer or no more attempt. The client's own types
// would refuse a type of schema that they don't know.
func (s *Registry) ask(ctx context.Context, at envelope.Place, path, what string) (registered, error) {
	pause := registryPause
	for attempt := 1; ; attempt++ {
		var answer registered
		err := s.client.Do(ctx, http.MethodGet, path, nil, &answer)
		switch {
		case err == nil:
			s.answered(path)
			return answer, nil
		case ctx.Err() != nil:
			return answer, fmt.Errorf("ask the schema registry for %s: %w", what, context.Cause(ctx))
		case permanent(err):
			return answer, belfry.Invalid("", "must be written with a schema that the registry has; of %s it says: %s", what, short(err))
		case attempt == registryAttempts || isMissing(err):
			return answer, s.giveUp(ctx, at, path, what, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return answer, fmt.Errorf("ask the schema registry for %s: %w", what, context.Cause(ctx))
		}
		pause *= 4
	}
}

// giveUp returns the error of a path that could not be had. It is one of the record
// if the registry is well otherwise and either says that it has no such thing, in
// whatever words, or has failed at it for failingFor, or for as long at one thing after
// another that the partition's records named.
func (s *Registry) giveUp(ctx context.Context, at envelope.Place, path, what string, err error) error {
	unavailable := fmt.Errorf("ask the schema registry for %s: %w: %s", what, sources.ErrUnavailable, short(err))
	var answer *sr.ResponseError
	answered := errors.As(err, &answer)
	missing := isMissing(err)
	// A request that is never answered, or in a way that cannot be read, has failed as well.
	failed := (!answered || answer.StatusCode >= http.StatusInternalServerError) && s.failedFor(at, path) >= failingFor
	if !missing && !failed || !s.well(ctx) {
		return unavailable
	}
	if missing {
		return belfry.Invalid("", "must be written with a schema that the registry has; of %s it says: %s", what, short(err))
	}
	return belfry.Invalid("", "must be written with a schema that the registry can give; for %s it has failed at %s and answered else, now with: %s; replay the record when it can",
		failingFor, what, short(err))
}

// well reports whether the registry answers what every one can (Confluent's API since
// 5.5, Karapace, Redpanda, Apicurio).
func (s *Registry) well(ctx context.Context) bool {
	var types []string
	return s.client.Do(ctx, http.MethodGet, "/schemas/types", nil, &types) == nil
}

// isMissing reports whether err is a 404, in whatever words: a proxy's too.
func isMissing(err error) bool {
	var answer *sr.ResponseError
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound
}

// failedFor returns how long path has been answered by errors, or all that the
// partition named, whichever is longer. A partition that was spared for twice
// failingFor begins anew.
func (s *Registry) failedFor(at envelope.Place, path string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	longest := time.Duration(0)
	for i, key := range []string{path, fmt.Sprintf("%d of %s", at.Partition, at.Topic)} {
		f, ok := s.failing.Use(key)
		if !ok || i > 0 && now.Sub(f.last) > 2*failingFor {
			f.since = now
		}
		f.last = now
		s.failing.Put(key, f)
		longest = max(longest, now.Sub(f.since))
	}
	return longest
}

// answered forgets that path was answered by errors.
func (s *Registry) answered(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing.Take(path)
}

// permanent reports that the registry knows the answer, and that it is no. A
// 404 that is not the registry's own (a wrong path, a proxy), or a password
// that it refuses, is about us and not about the record.
func permanent(err error) bool {
	var answer *sr.ResponseError
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.StatusCode {
	case http.StatusNotFound:
		// Subject, version or schema not found.
		return answer.ErrorCode >= 40401 && answer.ErrorCode <= 40403
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return answer.ErrorCode != 0
	}
	return false
}

// jsonSchema is one that says nothing about how to read a value.
type jsonSchema struct{}

func (jsonSchema) decode(room *envelope.Room, _ envelope.SchemaID, body []byte) (any, string, error) {
	v, err := envelope.ParseWithin(room, body)
	return v, "", err
}
