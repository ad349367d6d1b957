package http

import (
	"encoding/json"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
)

type echoContext = echo.Context

// publicOperations need no token. Everything else does: a route that is not in this list and asks for none fails.
var publicOperations = []string{
	"health", "health-db", "ready", "websocket-health", "websocket", "register", "login", "refresh", "accept-invitation", "audit-key", "integration-consented", "take-webhook", "answer-handshake",
}

func TestTheDocumentDescribesEveryOperation(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(bare(slog.New(slog.DiscardHandler)).OpenAPI())
	require.NoError(t, err)
	var document map[string]any
	require.NoError(t, json.Unmarshal(text, &document))
	at := func(o any, path ...string) map[string]any {
		for _, name := range path {
			m, _ := o.(map[string]any)
			o = m[name]
		}
		m, _ := o.(map[string]any)
		return m
	}
	require.Regexp(t, `^3\.1\.`, document["openapi"])
	require.NotEmpty(t, at(document, "info")["title"])
	require.NotEmpty(t, at(document, "info")["version"])
	require.Contains(t, at(document, "components", "securitySchemes"), "bearer")
	require.NotContains(t, string(text), "unpkg")

	tags := map[any]bool{}
	list, _ := document["tags"].([]any)
	for _, tag := range list {
		tags[at(tag)["name"]] = true
	}
	ids, public := map[any]bool{}, []string{}
	parameter := regexp.MustCompile(`\{(\w+)\}`)
	for path, item := range at(document, "paths") {
		for method := range at(item) {
			o := at(item, method)
			name := method + " " + path
			id, _ := o["operationId"].(string)
			require.NotEmpty(t, id, name)
			require.False(t, ids[id], "%s is there twice", id)
			ids[id] = true
			require.NotEmpty(t, o["summary"], name)
			require.False(t, strings.HasSuffix(o["summary"].(string), "."), "a summary is no sentence: %s", name)
			used, _ := o["tags"].([]any)
			require.Len(t, used, 1, name)
			require.True(t, tags[used[0]], "%s has a tag that nobody describes", name)
			if security, _ := o["security"].([]any); len(security) == 0 {
				public = append(public, id)
			}

			described := map[string]bool{}
			parameters, _ := o["parameters"].([]any)
			for _, p := range parameters {
				if at(p)["in"] == "path" {
					described[at(p)["name"].(string)] = true
					require.Equal(t, true, at(p)["required"], name)
				}
			}
			for _, found := range parameter.FindAllStringSubmatch(path, -1) {
				require.True(t, described[found[1]], "%s does not describe {%s}", name, found[1])
			}
			responses := at(o, "responses")
			require.NotEmpty(t, responses, name)
			for status, response := range responses {
				code, err := strconv.Atoi(status)
				if err != nil || code >= 400 {
					require.Equal(t, "#/components/schemas/Problem", at(response, "content", "application/problem+json", "schema")["$ref"], "%s %s", name, status)
				}
			}
			if body := at(o, "requestBody"); body != nil {
				media := "application/json"
				if id == "upload-file" {
					media = "multipart/form-data"
				}
				require.Contains(t, at(body, "content"), media, name)
				require.Contains(t, responses, "422", name)
			}
		}
	}
	require.ElementsMatch(t, publicOperations, public)

	// Every reference leads somewhere.
	for _, found := range regexp.MustCompile(`"\$ref":"#/components/schemas/(\w+)"`).FindAllStringSubmatch(string(text), -1) {
		require.Contains(t, at(document, "components", "schemas"), found[1])
	}
}
