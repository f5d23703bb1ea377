package schema

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/belfry/belfry"
	"github.com/belfry/belfry/internal/recent"
	"github.com/belfry/belfry/sources"
	"github.com/belfry/belfry/sources/envelope"
)

const (
	registryTimeout  = 3 * time.Second // of one request
	registryAttempts = 3
	registryPause    = 100 * time.Millisecond // before the second attempt; then four times that
	maxRegistryBytes = 8 << 20                // of one answer
	maxSchemas       = 1000                   // that are kept; the last half of them for sure
	maxReferences    = 200                    // of one schema
	// A schema that is not there may be one that a producer is about to
	// register; asking again for each record would be a storm.
	unknownSchemaFor = time.Minute
	// failingFor is how long a schema may fail while the registry answers otherwise
	// before its records become dead letters: an operator replays them when
	// it is there.
	failingFor = 5 * time.Minute
)

// Config says how to reach a Confluent schema registry.
type Config struct {
	// URL is that of the registry, or those of several servers of one,
	// separated by commas.
	URL string
	// User and Password are for basic authentication; without them those in the
	// URL serve.
	User, Password string
	// Transport carries the requests; nil: that of net/http.
	Transport http.RoundTripper
}

// client returns what asks the registry; it connects to nothing yet. No error has
// a secret.
func (c Config) client() (*sr.Client, error) {
	user, password := c.User, c.Password
	var urls []string
	for text := range strings.SplitSeq(c.URL, ",") {
		u, err := url.Parse(strings.TrimSpace(text))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			// Neither err nor the URL: they may have the password.
			return nil, errors.New("the schema registry's URL must be one such as https://registry.example:8081")
		}
		if user == "" && u.User != nil {
			user = u.User.Username()
			password, _ = u.User.Password()
		}
		u.User = nil
		urls = append(urls, u.String())
	}
	transport := c.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	options := []sr.ClientOpt{
		sr.URLs(urls...),
		sr.UserAgent("belfry"),
		sr.HTTPClient(&http.Client{Timeout: registryTimeout, Transport: shortAnswers{transport}, CheckRedirect: sameOrigin}),
	}
	if user != "" {
		options = append(options, sr.BasicAuth(user, password))
	}
	return sr.NewClient(options...)
}

// sameOrigin refuses redirects to another origin (RFC 6454), which would be sent the
// password where only the port differs, and could name any schema.
func sameOrigin(r *http.Request, via []*http.Request) error {
	from := via[0].URL
	if r.URL.Scheme != from.Scheme || r.URL.Host != from.Host {
		return fmt.Errorf("it redirects to %s://%s: configure that URL if it is the registry", r.URL.Scheme, r.URL.Host)
	}
	if len(via) > 3 {
		return errors.New("it redirects again and again")
	}
	return nil
}

// shortAnswers cuts answers off that would fill memory.
type shortAnswers struct{ http.RoundTripper }

func (s shortAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := s.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxRegistryBytes), res.Body}
	}
	return res, err
}

// Registry reads values by the schemas of a registry, which it fetches when a
// record needs them and keeps. It is safe for concurrent use.
type Registry struct {
	client *sr.Client // nil: broken says why
	broken error

	mu      sync.Mutex
	known   *recent.Map[schemaKey, schema]
	refused *recent.Map[schemaKey, refusal] // apart: what does not exist must not displace what does
	unknown unknown
	failing *recent.Map[string, failure] // paths, and partitions that ask for them
}

// failure is the time for which something has been answered by errors.
type failure struct{ since, last time.Time }

type schemaKey struct {
	id   uint32
	guid string
}

// refusal is a permanent error that counts for a time.
type refusal struct {
	err   error
	until time.Time
}

// schema reads what was written with it. It may be used concurrently.
type schema interface {
	// decode returns the value and the full name of its type, if it has one.
	decode(room *envelope.Room, ref envelope.SchemaID, body []byte) (v any, typeName string, err error)
}

// NewRegistry connects to nothing yet. If the configuration is wrong, all that
// needs the registry is unavailable.
func NewRegistry(c Config) *Registry {
	client, err := c.client()
	return &Registry{
		client: client, broken: err, known: recent.New[schemaKey, schema](maxSchemas / 2),
		refused: recent.New[schemaKey, refusal](maxSchemas / 2), unknown: newUnknown(), failing: recent.New[string, failure](maxSchemas / 2),
	}
}

// Decode implements [envelope.Schemas].
func (s *Registry) Decode(ctx context.Context, at envelope.Place, ref envelope.SchemaID, body []byte) (any, string, error) {
	schema, err := s.get(ctx, at, ref)
	if err != nil {
		return nil, "", err
	}
	// Not before: who holds a turn does not wait for a registry.
	if err := sources.TurnOf(ctx).Take(len(body)); err != nil {
		return nil, "", err
	}
	v, typeName, err := schema.decode(envelope.NewRoom(sources.TurnOf(ctx)), ref, body)
	if err != nil && !errors.Is(err, belfry.ErrTooLarge) && !errors.Is(err, sources.ErrUnavailable) {
		return nil, "", belfry.Invalid("", "must be what schema %s of the registry says: %s", ref, short(err))
	}
	return v, typeName, err
}

// get returns a schema, from the registry if it is not known yet. Several may
// ask for the same one at once; that does no harm. A partition whose records name many
// schemas that do not exist waits with its questions.
func (s *Registry) get(ctx context.Context, at envelope.Place, ref envelope.SchemaID) (schema, error) {
	if s.client == nil {
		return nil, fmt.Errorf("%w: %w", sources.ErrUnavailable, s.broken)
	}
	// Ids are Java's int. Beyond it registries disagree about the answer.
	if ref.ID > math.MaxInt32 {
		return nil, belfry.Invalid("", "must have a schema's id below %d before the payload, has %d", math.MaxInt32, ref.ID)
	}
	key := schemaKey{ref.ID, ref.GUID}
	if schema, err := s.remembered(at, key, ref); schema != nil || err != nil {
		return schema, err
	}
	asked := time.Now()
	schema, err := s.fetch(ctx, at, ref)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.known.Put(key, schema)
		s.refused.Take(key)
	case errors.Is(err, belfry.ErrInvalid):
		s.refused.Put(key, refusal{err, time.Now().Add(unknownSchemaFor)})
		s.unknown.add(at, time.Now(), time.Since(asked))
	}
	return schema, err
}

// remembered returns a schema, its refusal, or why it is not asked for now; neither if
// it is to be asked for.
func (s *Registry) remembered(at envelope.Place, key schemaKey, ref envelope.SchemaID) (schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if schema, ok := s.known.Use(key); ok {
		return schema, nil
	}
	now := time.Now()
	if r, ok := s.refused.Use(key); ok && !now.After(r.until) {
		return nil, r.err
	}
	return nil, s.unknown.spent(at, ref, now)
}

// short cuts a library's error, which may quote a whole schema.
func short(err error) string {
	text := []rune(err.Error())
	if len(text) > 300 {
		return string(text[:300]) + "…"
	}
	return string(text)
}
