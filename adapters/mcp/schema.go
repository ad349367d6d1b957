package mcp

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"ticketd/domain/file"
	"ticketd/domain/integration"
	"ticketd/domain/ticket"
)

// schema is as much of JSON Schema as the tools need.
//
// # Why
//
// The library makes schemas of Go types, too, but its tags hold no limits, its optional lists may be null, and what it
// finds wrong it says in its own terms. Here the tags are those of adapters/http, enums come from the domain, and the same
// schema is published and checked, with sentences that a model can act on.
type schema struct {
	Type        string             `json:"type,omitempty"`
	AnyOf       []*schema          `json:"anyOf,omitempty"` // instead of a type: a schema, or null
	Description string             `json:"description,omitempty"`
	Format      string             `json:"format,omitempty"`
	Enum        []string           `json:"enum,omitempty"`
	Default     any                `json:"default,omitempty"`
	MinLength   int                `json:"minLength,omitempty"`
	MaxLength   int                `json:"maxLength,omitempty"`
	Minimum     *float64           `json:"minimum,omitempty"`
	Maximum     *float64           `json:"maximum,omitempty"`
	MinItems    int                `json:"minItems,omitempty"`
	MaxItems    int                `json:"maxItems,omitempty"`
	Items       *schema            `json:"items,omitempty"`
	Properties  map[string]*schema `json:"properties,omitempty"`
	Required    []string           `json:"required,omitempty"`
	Additional  *bool              `json:"additionalProperties,omitempty"`

	order []string // of the properties, as they are declared
}

const (
	typeObject  = "object"
	typeArray   = "array"
	typeString  = "string"
	typeInteger = "integer"
	typeNumber  = "number"
	typeBoolean = "boolean"
	typeNull    = "null"
)

// enums are the values of the domain's types.
var enums = map[reflect.Type][]string{
	reflect.TypeFor[ticket.Status]():        values(ticket.Statuses),
	reflect.TypeFor[ticket.Level]():         values(ticket.Levels),
	reflect.TypeFor[ticket.Category]():      values(ticket.Categories),
	reflect.TypeFor[file.Category]():        values(file.Categories),
	reflect.TypeFor[integration.Platform](): values(integration.Platforms),
	reflect.TypeFor[analysis]():             values(analyses),
}

func values[S ~string](list []S) []string {
	texts := make([]string, len(list))
	for i, value := range list {
		texts[i] = string(value)
	}
	return texts
}

// schemaOf answers the schema of a Go type. It panics on a type that no tool has: the tests make every tool.
func schemaOf(t reflect.Type) *schema {
	switch t {
	case reflect.TypeFor[uuid.UUID]():
		return &schema{Type: typeString, Format: "uuid"}
	case reflect.TypeFor[time.Time](), reflect.TypeFor[Timestamp]():
		return &schema{Type: typeString, Format: "date-time"}
	}
	switch t.Kind() { //nolint:exhaustive // no tool has any other
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.String:
		return &schema{Type: typeString, Enum: enums[t]}
	case reflect.Bool:
		return &schema{Type: typeBoolean}
	case reflect.Int, reflect.Int64:
		return &schema{Type: typeInteger}
	case reflect.Float64:
		return &schema{Type: typeNumber}
	case reflect.Slice:
		return &schema{Type: typeArray, Items: schemaOf(t.Elem())}
	case reflect.Map:
		return &schema{Type: typeObject}
	case reflect.Struct:
		s := &schema{Type: typeObject, Properties: map[string]*schema{}}
		s.addFields(t)
		return s
	default:
		panic(fmt.Sprintf("mcp: no schema for %s", t))
	}
}

// closed answers the schema with no room for anything that it does not name, at any depth. What tools take is closed, so that
// a misspelt argument is found out; what they answer may grow.
func (s *schema) closed() *schema {
	if s.Properties != nil {
		s.Additional = new(false)
	}
	for _, property := range s.Properties {
		property.closed()
	}
	if s.Items != nil {
		s.Items.closed()
	}
	return s
}

// addFields adds the fields of a struct, and those of what it embeds.
func (s *schema) addFields(t reflect.Type) {
	for f := range t.Fields() {
		if f.Anonymous {
			s.addFields(f.Type)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		property := schemaOf(f.Type)
		property.describe(f.Tag)
		if options == "" {
			s.Required = append(s.Required, name)
			if f.Type.Kind() == reflect.Pointer {
				property = property.orNull()
			}
		}
		s.Properties[name] = property
		s.order = append(s.order, name)
	}
}

// orNull answers the schema of what the schema has, or null. Not every client reads a list of types.
func (s *schema) orNull() *schema {
	either := &schema{Description: s.Description, AnyOf: []*schema{s, {Type: typeNull}}}
	s.Description = ""
	return either
}

// describe adds what a field's tags say. Limits and enums of a list are of its elements, but for minItems and maxItems.
func (s *schema) describe(tag reflect.StructTag) {
	s.Description = tag.Get("doc")
	s.MinItems, s.MaxItems = number(tag, "minItems"), number(tag, "maxItems")
	of := s
	if s.Items != nil {
		of = s.Items
	}
	of.MinLength, of.MaxLength = number(tag, "minLength"), number(tag, "maxLength")
	if tag.Get("minimum") != "" {
		of.Minimum = new(float64(number(tag, "minimum")))
	}
	if tag.Get("maximum") != "" {
		of.Maximum = new(float64(number(tag, "maximum")))
	}
	if enum := tag.Get("enum"); enum != "" {
		of.Enum = strings.Split(enum, ",")
	}
	if value := tag.Get("default"); value != "" {
		s.Default = value
		if s.Type == typeInteger {
			s.Default = number(tag, "default")
		}
	}
}

// number reads a tag; 0 when there is none. The tests read every tag.
func number(tag reflect.StructTag, name string) int {
	n, err := strconv.Atoi(cmp.Or(tag.Get(name), "0"))
	if err != nil {
		panic(fmt.Sprintf("mcp: tag %s: %v", name, err))
	}
	return n
}

// json answers the schema as it is published.
func (s *schema) json() json.RawMessage {
	text, err := json.Marshal(s)
	if err != nil { // it holds nothing that cannot be marshalled
		panic(err)
	}
	return text
}

// needed reports a property that must be there.
func (s *schema) needed(name string) bool { return slices.Contains(s.Required, name) }
