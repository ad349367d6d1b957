package jira

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"ticketd/commands"
)

// refusal is what Jira, its gateway and its login say is wrong.
type refusal struct {
	Messages    []string          `json:"errorMessages"`
	Fields      map[string]string `json:"errors"`
	Message     string            `json:"message"`
	Error       string            `json:"error"`
	Description string            `json:"error_description"`
}

// words answers a refusal as a sentence.
func words(_ int, body []byte) string {
	var r refusal
	// what is no JSON, or another, says as much as was read of it
	_ = json.Unmarshal(body, &r)
	said := slices.Clone(r.Messages)
	for _, field := range slices.Sorted(maps.Keys(r.Fields)) {
		said = append(said, field+": "+r.Fields[field])
	}
	for _, other := range []string{r.Message, r.Description, r.Error} {
		if len(said) == 0 && other != "" {
			said = append(said, other)
		}
	}
	return strings.Join(said, " ")
}

// judge knows an account that Jira does not: it goes on as if nobody in particular asked, and finds nothing.
func judge(status int, header http.Header, body []byte) *commands.VendorError {
	if status < http.StatusBadRequest || !strings.Contains(header.Get("X-Seraph-Loginreason"), "AUTHENTICATED_FAILED") {
		return nil
	}
	message := words(status, body)
	if message == "" {
		message = "Jira does not take the API token."
	}
	return &commands.VendorError{Kind: commands.Unauthorized, Message: message}
}

func rejected(message string) error {
	return &commands.VendorError{Kind: commands.Rejected, Message: message}
}

func unnamed() error {
	return &commands.VendorError{Kind: commands.Down, Message: "Jira did not say what it made.", Unsure: true}
}
