package catalog_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/eventstore/catalog"
)

// Every type that a domain package marks with isEvent must be in the catalog.
func TestEveryEventIsListed(t *testing.T) {
	t.Parallel()
	listed := map[string]bool{}
	for _, typ := range catalog.Codec.Types() {
		listed[typ.String()] = true
	}
	files, err := filepath.Glob("../../domain/*/*.go")
	require.NoError(t, err)
	var missing []string
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != "isEvent" {
				continue
			}
			receiver, ok := f.Recv.List[0].Type.(*ast.Ident)
			require.True(t, ok, "%s: an event is a value, not a pointer", path)
			if name := file.Name.Name + "." + receiver.Name; !listed[name] {
				missing = append(missing, name)
			}
		}
	}
	require.Empty(t, missing, "add them to eventstore/catalog")
}

// A stored name is the noun and what happened to it: "ticket.opened" of ticket.Opened.
func TestStoredNamesFollowTheTypes(t *testing.T) {
	t.Parallel()
	for _, typ := range catalog.Codec.Types() {
		name, _, err := catalog.Codec.Name(reflect.Zero(typ).Interface())
		require.NoError(t, err)
		require.Equal(t, strings.ToLower(typ.String()), strings.ReplaceAll(name, "_", ""))
	}
}

// readable lists the texts that are stored readable, and why nobody minds. Enums, hashes and ids need no entry.
// Everything else that a person may have written carries the tag personal:"<whose words>".
var readable = map[string]string{
	"file.uploaded.mime_type":       "a media type, which the program found",
	"file.uploaded.scan.reason":     "a sentence of the program",
	"file.upload_refused.code":      "a constant of the program",
	"file.quarantined.mime_type":    "as in file.uploaded",
	"file.quarantined.signature":    "what a scanner calls a piece of malware",
	"file.stage_progressed.doing":   "a sentence of the program: page 3 of 12",
	"file.stage_completed.engine":   "the name of a program",
	"file.stage_completed.language": "the code of a language",
	"ticket.opened.subcategory":     "a label that reports group by",
	"ticket.opened.department":      "a label that reports group by",
	"ticket.opened.tags":            "labels that search and reports need without a key",
	"ticket.opened.source_channel":  "where it came from: web, api, email",
	"ticket.edited.subcategory":     "as in ticket.opened",
	"ticket.edited.department":      "as in ticket.opened",
	"ticket.edited.tags":            "as in ticket.opened",
	"session.revoked.reason":        "a constant of the program",
	"user.erased.tables":            "names of the program's tables",
}

func TestEveryTextIsSealedOrKnownToBeHarmless(t *testing.T) {
	t.Parallel()
	var found []string
	for _, typ := range catalog.Codec.Types() {
		name, _, err := catalog.Codec.Name(reflect.Zero(typ).Interface())
		require.NoError(t, err)
		for field := range typ.Fields() {
			if _, sealed := field.Tag.Lookup("personal"); !sealed {
				found = append(found, texts(field, name)...)
			}
		}
	}
	var allowed []string
	for field := range readable {
		allowed = append(allowed, field)
	}
	require.ElementsMatch(t, allowed, found, "tag the field personal, or say in readable why it may be read")
}

// texts lists the paths of all free text at and below the field. A tag below the first level would seal nothing, so
// none counts there.
func texts(f reflect.StructField, path string) []string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	if !f.Anonymous {
		path += "." + name
	}
	typ := f.Type
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	switch typ.Kind() { //nolint:exhaustive // the other kinds hold no text
	case reflect.String:
		if typ == reflect.TypeFor[string]() && !strings.HasSuffix(name, "hash") {
			return []string{path}
		}
	case reflect.Map, reflect.Interface, reflect.Uint8:
		return []string{path}
	case reflect.Struct:
		if typ == reflect.TypeFor[time.Time]() {
			return nil
		}
		var list []string
		for field := range typ.Fields() {
			list = append(list, texts(field, path)...)
		}
		return list
	case reflect.Array:
		if typ != reflect.TypeFor[uuid.UUID]() {
			return []string{path}
		}
	}
	return nil
}
