package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/mux"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	validation "github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"

	"github.com/belfry/belfry/internal/servertest"
	"github.com/belfry/belfry/lag"
	"github.com/belfry/belfry/server/wire"
)

const (
	// contractEpoch is the journal's epoch in the cursors of the document.
	contractEpoch = 2871404327
	// contractStream is how long the streams of the examples are read: long
	// enough for a ping.
	contractStream = 25 * time.Second
)

// contract is docs/openapi.yaml.
type contract struct {
	doc       *v3.Document
	validator validator.Validator
	schemas   schema_validation.SchemaValidator
}

// loadContract returns the document, which all tests share: they must not be parallel.
func loadContract(t *testing.T) *contract {
	t.Helper()
	c, err := loadedContract()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var loadedContract = sync.OnceValues(func() (*contract, error) {
	raw, err := os.ReadFile("../docs/openapi.yaml")
	if err != nil {
		return nil, err
	}
	document, err := libopenapi.NewDocument(raw)
	if err != nil {
		return nil, err
	}
	model, err := document.BuildV3Model()
	if err != nil {
		return nil, err
	}
	v, errs := validator.NewValidator(document)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &contract{doc: &model.Model, validator: v, schemas: schema_validation.NewSchemaValidator()}, nil
})

// operations calls f for each operation, with the parameters of its path too.
func (c *contract) operations(f func(operation)) {
	for path, item := range c.doc.Paths.PathItems.FromOldest() {
		for method, op := range item.GetOperations().FromOldest() {
			f(operation{
				Operation: op, method: strings.ToUpper(method), path: path,
				parameters: slices.Concat(item.Parameters, op.Parameters), security: c.scopes(op),
			})
		}
	}
}

// scopes returns the scopes that an operation asks for, those of all its requirements, and
// nil if it is open.
func (c *contract) scopes(op *v3.Operation) (out []string) {
	requirements := op.Security
	if requirements == nil {
		requirements = c.doc.Security
	}
	for _, r := range requirements {
		if scopes, ok := r.Requirements.Get("bearer"); ok {
			out = append(append([]string{}, out...), scopes...)
		}
	}
	return out
}

func TestOpenAPIDocument(t *testing.T) {
	if ok, errs := loadContract(t).validator.ValidateDocument(); !ok {
		t.Error(explain(errs))
	}
}

// TestOpenAPIRoutes has every route in the document and the other way round.
func TestOpenAPIRoutes(t *testing.T) {
	a := contractAPI(t)
	router := mux.NewRouter()
	a.routes(router)
	routes := map[string]bool{}
	err := router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		template, err := route.GetPathTemplate()
		if err != nil {
			return nil // the pages
		}
		methods, err := route.GetMethods()
		for _, m := range methods {
			if m != http.MethodHead { // every GET has it
				routes[m+" "+routeName(template)] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	loadContract(t).operations(func(op operation) { documented[op.method+" "+op.path] = true })
	for _, name := range slices.Sorted(maps.Keys(routes)) {
		if !documented[name] {
			t.Errorf("%s is a route and not in the document", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(documented)) {
		if !routes[name] {
			t.Errorf("%s is in the document and no route", name)
		}
	}
}

// TestOpenAPISchemas holds the fields of what is sent against the document.
func TestOpenAPISchemas(t *testing.T) {
	servertest.CheckSchemas(t, "../docs/openapi.yaml", map[string]any{
		"Unread": wire.Badge{}, "Snoozed": snoozed{}, "ExportHead": exportHead{}, "ExportItem": exportItem{}, "Item": wire.Item{},
		"Mutes": mutes{}, "Ready": readyBody{}, "Lag": lag.Report{}, "Inbox": struct {
			inboxHead
			Items []wire.Item `json:"items"`
			Next  string      `json:"next"`
		}{},
	})
}

// TestOpenAPIResponseExamples holds every answer in the document against its
// schema.
func TestOpenAPIResponseExamples(t *testing.T) {
	c := loadContract(t)
	c.operations(func(op operation) {
		for status, response := range op.Responses.Codes.FromOldest() {
			for mediaType, m := range response.Content.FromOldest() {
				at := fmt.Sprintf("%s %s %s %s", op.method, op.path, status, mediaType)
				if m.Examples.Len() == 0 {
					t.Errorf("%s has no example", at)
				}
				for name, example := range m.Examples.FromOldest() {
					c.checkContent(t, at+" "+name, mediaType, m, decode[any](t, example))
				}
			}
		}
	})
}

// TestOpenAPIRequests sends every request that the document gives to a server,
// holds the answers against the document, and wants each status that the
// document names to have been among them.
func TestOpenAPIRequests(t *testing.T) {
	t.Parallel()
	c := loadContract(t)
	c.operations(func(op operation) {
		t.Run(op.OperationId, func(t *testing.T) {
			reached := map[int]bool{}
			for _, e := range op.exchanges(t) {
				t.Run(e.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { reached[c.try(t, op, e)] = true })
				})
			}
			for code := range op.Responses.Codes.KeysFromOldest() {
				status, err := strconv.Atoi(code)
				if err != nil || !reached[status] {
					t.Errorf("status %s is in the document, but no request got it", code)
				}
			}
		})
	})
}

// try makes one exchange on a server of its own and returns the status.
func (c *contract) try(t *testing.T, op operation, e exchange) int {
	a := contractAPI(t)
	if e.prepare != nil {
		e.prepare(a)
	}
	ctx, cancel := context.WithTimeout(t.Context(), contractStream)
	defer cancel()
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, e.request(ctx, t))
	if w.Code != e.status {
		t.Errorf("got status %d, want %d; body: %.500s", w.Code, e.status, w.Body)
	}
	if e.valid() {
		if ok, errs := c.validator.ValidateHttpRequest(e.request(ctx, t)); !ok {
			t.Errorf("request: %s", explain(errs))
		}
	}
	response, ok := op.Responses.Codes.Get(strconv.Itoa(w.Code))
	if !ok {
		t.Fatalf("status %d is not in the document", w.Code)
	}
	c.checkHeaders(t, response, w.Header())
	mediaType, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
	m, ok := media(response, mediaType)
	switch body := w.Body.String(); {
	case !ok && body != "":
		t.Errorf("content type %q is not in the document for status %d", mediaType, w.Code)
	case !ok:
	case mediaType == "application/json" || mediaType == "application/problem+json":
		if ok, errs := c.validator.ValidateHttpResponse(e.request(ctx, t), w.Result()); !ok {
			t.Errorf("response: %s\nbody: %.500s", explain(errs), body)
		}
	default: // the validator knows only JSON
		c.checkContent(t, "response", mediaType, m, body)
	}
	return w.Code
}

func media(response *v3.Response, name string) (*v3.MediaType, bool) {
	if response.Content == nil {
		return nil, false
	}
	return response.Content.Get(name)
}

func (c *contract) checkHeaders(t *testing.T, response *v3.Response, got http.Header) {
	for name, header := range response.Headers.FromOldest() {
		value := got.Get(name)
		if value == "" {
			if header.Required {
				t.Errorf("header %s is missing", name)
			}
			continue
		}
		schema := header.Schema.Schema()
		if !slices.Contains(schema.Type, "integer") {
			value = strconv.Quote(value)
		}
		if ok, errs := c.schemas.ValidateSchemaString(schema, value); !ok {
			t.Errorf("header %s: %s", name, explain(errs))
		}
	}
}

// checkContent holds a body against its schema: for a stream each event's data,
// for NDJSON each line, as x-events and x-lines say.
func (c *contract) checkContent(t *testing.T, at, mediaType string, m *v3.MediaType, body any) {
	t.Helper()
	text, _ := body.(string)
	switch mediaType {
	case "text/event-stream":
		events := map[string]string{}
		decodeExtension(t, m.Extensions, "x-events", &events)
		for _, block := range strings.Split(strings.TrimSuffix(text, "\n\n"), "\n\n") {
			event, data := eventOf(block)
			switch name, ok := events[event]; {
			case ok:
				c.checkSchema(t, at+" event "+event, c.schema(t, name), data)
			case !strings.HasPrefix(block, "retry: "):
				t.Errorf("%s: event %q is not in x-events; it is %q", at, event, block)
			}
		}
	case "application/x-ndjson":
		var names []string
		decodeExtension(t, m.Extensions, "x-lines", &names)
		lines := bufio.NewScanner(strings.NewReader(text))
		for i := 0; lines.Scan(); i++ {
			c.checkSchema(t, fmt.Sprintf("%s line %d", at, i+1), c.schema(t, names[min(i, len(names)-1)]), lines.Text())
		}
	case "text/plain":
	default:
		if ok, errs := c.schemas.ValidateSchemaObject(m.Schema.Schema(), body); !ok {
			t.Errorf("%s: %s", at, explain(errs))
		}
	}
}

func (c *contract) checkSchema(t *testing.T, at string, schema *base.Schema, value string) {
	t.Helper()
	if ok, errs := c.schemas.ValidateSchemaString(schema, value); !ok {
		t.Errorf("%s: %s\n%s", at, explain(errs), value)
	}
}

func (c *contract) schema(t *testing.T, name string) *base.Schema {
	t.Helper()
	proxy, ok := c.doc.Components.Schemas.Get(name)
	if !ok {
		t.Fatalf("no schema %s", name)
	}
	return proxy.Schema()
}

// eventOf returns the name and the data of one event of a stream.
func eventOf(block string) (event, data string) {
	for line := range strings.Lines(block) {
		line = strings.TrimSuffix(line, "\n")
		if v, ok := strings.CutPrefix(line, "event: "); ok {
			event = v
		}
		if v, ok := strings.CutPrefix(line, "data: "); ok {
			data = v
		}
	}
	return event, data
}

func explain(errs []*validation.ValidationError) string {
	var b strings.Builder
	for _, err := range errs {
		fmt.Fprintf(&b, "\n%s: %s", err.Message, err.Reason)
		for _, failure := range err.SchemaValidationErrors {
			fmt.Fprintf(&b, "\n  %s at %s", failure.Reason, failure.FieldPath)
		}
	}
	return b.String()
}
