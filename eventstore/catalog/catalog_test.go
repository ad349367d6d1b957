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
		name = strings.Replace(name, "sync.", "syncing.", 1) // whose package is not named as the standard library's
		require.Equal(t, strings.ToLower(typ.String()), strings.ReplaceAll(name, "_", ""))
	}
}

// readable lists the texts that are stored readable, and why nobody minds. Enums, hashes and ids need no entry.
// Everything else that a person may have written carries the tag personal:"<whose words>".
var readable = map[string]string{
	"agent_config.adopted.config.model":             "the name of a model",
	"agent_config.adopted.config.system_prompt":     "the organization's instruction, which outlives whoever wrote it",
	"agent_config.adopted.config.tools_enabled":     "names of the program's tools",
	"agent_config.changed.model":                    "the name of a model",
	"agent_config.changed.system_prompt":            "as in agent_config.adopted",
	"agent_config.changed.tools_enabled":            "names of the program's tools",
	"agent_config.rolled_back.config.model":         "the name of a model",
	"agent_config.rolled_back.config.system_prompt": "as in agent_config.adopted",
	"agent_config.rolled_back.config.tools_enabled": "names of the program's tools",
	"agent_config.shadow_set.config.model":          "the name of a model",
	"agent_config.shadow_set.config.system_prompt":  "as in agent_config.adopted",
	"agent_config.shadow_set.config.tools_enabled":  "names of the program's tools",
	"backtest.started.candidate.model":              "the name of a model",
	"backtest.started.candidate.system_prompt":      "as in agent_config.adopted",
	"backtest.started.candidate.tools_enabled":      "names of the program's tools",
	"backtest.judged.then.category":                 "one of the categories",
	"backtest.judged.then.priority":                 "one of the priorities",
	"backtest.judged.said.category":                 "one of the categories",
	"backtest.judged.said.priority":                 "one of the priorities",
	"backtest.judged.right.category":                "one of the categories",
	"backtest.judged.right.priority":                "one of the priorities",
	"backtest.judged.unjudged":                      "a constant of the program",
	"backtest.judged.provider":                      "the name of a provider",
	"backtest.judged.model":                         "the name of a model",
	"backtest.stopped.code":                         "a constant of the program",
	"backtest.stopped.reason":                       "a sentence of the program",
	"agent_run.model_asked.provider":                "the name of a provider",
	"agent_run.model_asked.model":                   "the name of a model",
	"agent_run.model_asked.stop":                    "a constant of the program",
	"agent_run.model_asked.replaced":                "kinds of what was replaced, and how many",
	"agent_run.provider_failed.provider":            "the name of a provider",
	"agent_run.provider_failed.code":                "a constant of the program",
	"agent_run.provider_failed.replaced":            "as in agent_run.model_asked",
	"agent_run.tool_called.call_id":                 "an id that a model made",
	"agent_run.tool_called.tool":                    "the name of a tool, or what a model took for one",
	"agent_run.completed.provider":                  "the name of a provider",
	"agent_run.completed.model":                     "the name of a model",
	"agent_run.failed.code":                         "a constant of the program",
	"article.written.title":                         "the organization's page, which outlives whoever wrote it",
	"article.written.body":                          "as its title",
	"article.written.tags":                          "as its title",
	"article.revised.title":                         "as in article.written",
	"article.revised.body":                          "as in article.written",
	"article.revised.tags":                          "as in article.written",
	"integration.connected.config.name":             "what the organization calls its connection, which outlives whoever wrote it",
	"integration.connected.config.description":      "as its name",
	"integration.connected.config.base_url":         "the address of the organization's account",
	"integration.connected.config.settings":         "where in its account the organization's tickets go",
	"integration.connected.config.mapping.priority": "words of the vendor",
	"integration.connected.config.mapping.category": "words of the vendor",
	"integration.connected.config.mapping.status":   "words of the vendor",
	"integration.connected.credentials":             "names of fields, never what they hold",
	"integration.changed.name":                      "as in integration.connected",
	"integration.changed.description":               "as in integration.connected",
	"integration.changed.base_url":                  "as in integration.connected",
	"integration.changed.settings":                  "as in integration.connected",
	"integration.changed.mapping.priority":          "as in integration.connected",
	"integration.changed.mapping.category":          "as in integration.connected",
	"integration.changed.mapping.status":            "as in integration.connected",
	"integration.credentials_set.fields":            "names of fields, never what they hold",
	"integration.credentials_set.removed":           "names of fields",
	"integration.checked.code":                      "a constant of the program",
	"integration.checked.why":                       "why a vendor does not take the connection, which is about the account",
	"integration.enabled.reason":                    "why the organization uses its connection, which outlives whoever wrote it",
	"integration.disabled.reason":                   "as in integration.enabled",
	"integration.suspended.code":                    "a constant of the program",
	"integration.suspended.why":                     "a sentence of the program",
	"integration.expired.code":                      "a constant of the program",
	"integration.expired.why":                       "as in integration.checked",
	"delivery.attempted.step.status":                "a status, as the vendor calls it",
	"delivery.done.step.status":                     "a status, as the vendor calls it",
	"delivery.done.external":                        "what the vendor calls a ticket or a comment: an id",
	"delivery.done.place":                           "where the ticket is: a project, a channel",
	"delivery.done.url":                             "the address of the ticket, made of its id",
	"delivery.failed.step.status":                   "a status, as the vendor calls it",
	"delivery.failed.code":                          "a constant of the program",
	"delivery.parked.step.status":                   "a status, as the vendor calls it",
	"delivery.parked.code":                          "a constant of the program",
	"delivery.held.code":                            "a constant of the program",
	"delivery.dropped.step.status":                  "a status, as the vendor calls it",
	"delivery.status_heard.status":                  "a status, as the vendor calls it",
	"delivery.comment_heard.external":               "what the vendor calls a comment: an id",
	"delivery.unheard.code":                         "a constant of the program",
	"delivery.ended.code":                           "a constant of the program",
	"ticket.routed.platform":                        "the name of a vendor",
	"ticket.delivery_noted.code":                    "a constant of the program",
	"ticket.delivery_noted.external_id":             "as in delivery.done",
	"ticket.delivery_noted.external_url":            "as in delivery.done",
	"webhook.subscribed.url":                        "where the organization has its events sent, which outlives whoever wrote it",
	"webhook.subscribed.events":                     "names of events, or of their kinds",
	"webhook.subscribed.description":                "what the organization says of its webhook",
	"webhook.changed.url":                           "as in webhook.subscribed",
	"webhook.changed.events":                        "as in webhook.subscribed",
	"webhook.changed.description":                   "as in webhook.subscribed",
	"webhook.paused.reason":                         "why the organization, or the program, has paused its webhook",
	"sync.looked.code":                              "a constant of the program, or the code of a vendor's trouble",
	"sync.looked.did":                               "kinds of what was done, and how often",
	"sync.failed.code":                              "a constant of the program",
	"sync.failed.why":                               "a sentence of the program",
	"thread.reply_failed.code":                      "a constant of the program",
	"file.uploaded.mime_type":                       "a media type, which the program found",
	"file.uploaded.scan.reason":                     "a sentence of the program",
	"file.upload_refused.code":                      "a constant of the program",
	"file.quarantined.mime_type":                    "as in file.uploaded",
	"file.quarantined.signature":                    "what a scanner calls a piece of malware",
	"file.stage_progressed.doing":                   "a sentence of the program: page 3 of 12",
	"file.stage_completed.engine":                   "the name of a program",
	"file.stage_completed.language":                 "the code of a language",
	"ticket.categorized.provider":                   "the name of a provider",
	"ticket.categorized.model":                      "the name of a model",
	"ticket.opened.subcategory":                     "a label that reports group by",
	"ticket.opened.department":                      "a label that reports group by",
	"ticket.opened.tags":                            "labels that search and reports need without a key",
	"ticket.opened.source_channel":                  "where it came from: web, api, email",
	"ticket.edited.subcategory":                     "as in ticket.opened",
	"ticket.edited.department":                      "as in ticket.opened",
	"ticket.edited.tags":                            "as in ticket.opened",
	"organization.budget_reached.month":             "a month of the calendar",
	"session.revoked.reason":                        "a constant of the program",
	"user.erased.tables":                            "names of the program's tables",
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
