package servertest

import (
	"encoding/json"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// schemas are those of an OpenAPI document, by name.
type schemas map[string]schema

// schema is what names the fields of a value.
type schema struct {
	Ref        string            `yaml:"$ref"`
	AllOf      []schema          `yaml:"allOf"`
	Properties map[string]schema `yaml:"properties"`
	Items      *schema           `yaml:"items"`
}

// CheckSchemas holds that values, by the names of their schemas in the OpenAPI document
// of that path, have the fields that the schemas have and no others, at every depth. A
// test of answers alone finds only what its fixtures make the server send.
func CheckSchemas(t *testing.T, path string, values map[string]any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Components struct {
			Schemas schemas `yaml:"schemas"`
		} `yaml:"components"`
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		s, ok := doc.Components.Schemas[name]
		if !ok {
			t.Errorf("there is no schema %s", name)
			continue
		}
		doc.Components.Schemas.check(t, name, s, reflect.TypeOf(values[name]))
	}
}

// check compares the fields of a value with those of its schema.
func (all schemas) check(t *testing.T, at string, s schema, value reflect.Type) {
	t.Helper()
	for value.Kind() == reflect.Pointer || value.Kind() == reflect.Slice {
		value = value.Elem()
	}
	if value.Kind() != reflect.Struct || reflect.PointerTo(value).Implements(reflect.TypeFor[json.Marshaler]()) {
		return
	}
	documented, sent := map[string]schema{}, map[string]reflect.Type{}
	all.properties(s, documented)
	fields(value, sent)
	for _, name := range slices.Sorted(maps.Keys(documented)) {
		if _, ok := sent[name]; !ok {
			t.Errorf("%s.%s is in the document and not in %s", at, name, value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		p, ok := documented[name]
		if !ok {
			t.Errorf("%s.%s is in %s and not in the document", at, name, value)
			continue
		}
		all.check(t, at+"."+name, p, sent[name])
	}
}

// properties adds those of a schema, and of the items of a list.
func (all schemas) properties(s schema, to map[string]schema) {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		all.properties(all[name], to)
	}
	for _, part := range s.AllOf {
		all.properties(part, to)
	}
	maps.Copy(to, s.Properties)
	if s.Items != nil {
		all.properties(*s.Items, to)
	}
}

// fields adds the JSON fields of a struct, the outer before the embedded ones.
func fields(of reflect.Type, to map[string]reflect.Type) {
	var embedded []reflect.Type
	for i := range of.NumField() {
		f := of.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			embedded = append(embedded, f.Type)
		case name != "" && name != "-":
			if _, ok := to[name]; !ok {
				to[name] = f.Type
			}
		}
	}
	for _, e := range embedded {
		if e.Kind() == reflect.Pointer {
			e = e.Elem()
		}
		if e.Kind() == reflect.Struct {
			fields(e, to)
		}
	}
}
