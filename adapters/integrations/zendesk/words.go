package zendesk

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// words answers what Zendesk says is wrong, as a sentence; empty when it says nothing. The word for it may be an object, and the
// details may be anything, by who answers there.
func words(_ int, body []byte) string {
	var said struct {
		Error       json.RawMessage `json:"error"`
		Description string          `json:"description"`
		OAuth       string          `json:"error_description"`
		Details     json.RawMessage `json:"details"`
	}
	if json.Unmarshal(body, &said) != nil {
		return ""
	}
	var code string
	var object struct {
		Title   string `json:"title"`
		Message string `json:"message"`
	}
	if json.Unmarshal(said.Error, &code) != nil && json.Unmarshal(said.Error, &object) == nil {
		code = object.Title
		said.Description = object.Message
	}
	parts := []string{code, said.Description, said.OAuth, details(said.Details)}
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	if len(parts) == 0 {
		return ""
	}
	return "Zendesk says: " + strings.Join(parts, ": ")
}

// details answers what is wrong with each field.
func details(raw json.RawMessage) string {
	var fields map[string][]struct {
		Description string `json:"description"`
	}
	if json.Unmarshal(raw, &fields) != nil {
		return ""
	}
	var said []string
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		for _, wrong := range fields[field] {
			said = append(said, field+": "+wrong.Description)
		}
	}
	return strings.Join(said, "; ")
}

// code answers the word by which Zendesk names what is wrong.
func code(body []byte) string {
	var said struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(body, &said) // anything else has no such word
	return said.Error
}
