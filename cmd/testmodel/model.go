package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// model answers chat completions by a script.
type model struct{ delay time.Duration }

// question is what of a request the script goes by.
type question struct {
	Model    string `json:"model"`
	Messages []struct {
		Role string `json:"role"`
	} `json:"messages"`
	Tools  []tool `json:"tools"`
	Format struct {
		Schema struct {
			Schema struct {
				Required []string `json:"required"`
			} `json:"schema"`
		} `json:"json_schema"`
	} `json:"response_format"`
}

type tool struct {
	Function function `json:"function"`
}

// answer and its parts have OpenAI's names.
type answer struct {
	ID      string   `json:"id"`
	Object  string   `json:"object"`
	Model   string   `json:"model"`
	Choices []choice `json:"choices"`
	Usage   usage    `json:"usage"`
}

type choice struct {
	Index   int     `json:"index"`
	Reason  string  `json:"finish_reason"`
	Message message `json:"message"`
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
	Calls   []call `json:"tool_calls,omitempty"`
}

type call struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"`
	Function function `json:"function"`
}

type function struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments,omitempty"`
}

type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
}

// script is what it says in each field that may be asked for.
var script = map[string]any{
	"title": "VPN connection drops every ten minutes", "description": "The VPN connection drops every ten minutes, on Wi-Fi and on cable.",
	"category": "technical", "priority": "high", "confidence": 0.9, "department": "IT", "tags": []string{"vpn"},
	"reasoning": "A script says so.", "file_analysis_summary": "A script has not looked at the files.", "recommended_integration": "",
	"next_actions": []string{"Ask for the log of the VPN client."}, "files": []any{},
}

const (
	// looksUp is the tool that it uses once, where it may.
	looksUp = "search_knowledge_base"
	words   = "This answer comes from a script: restart the VPN client, and send its log if it drops again."
)

// ServeHTTP answers POST /v1/chat/completions, and nothing else.
func (m model) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/chat/completions" {
		http.NotFound(w, r)
		return
	}
	var q question
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, `{"error":{"message":"The body is no question."}}`, http.StatusBadRequest)
		return
	}
	select {
	case <-r.Context().Done():
		return
	case <-time.After(m.delay):
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(q.answer(r.ContentLength)) // whoever asked may have gone
}

// answer says what the script says. It counts four bytes as a token.
func (q question) answer(size int64) answer {
	said := message{Role: "assistant"}
	reason := "stop"
	switch {
	case q.mayLookUp():
		said.Calls = []call{{ID: fmt.Sprintf("call_%d", len(q.Messages)), Type: "function", Function: function{Name: looksUp, Arguments: `{"query":"vpn"}`}}}
		reason = "tool_calls"
	case len(q.Format.Schema.Schema.Required) > 0:
		fields := map[string]any{}
		for _, name := range q.Format.Schema.Schema.Required {
			fields[name] = script[name]
		}
		text, err := json.Marshal(fields)
		if err != nil { // words and numbers marshal
			panic(err)
		}
		said.Content = string(text)
	default:
		said.Content = words
	}
	used := usage{Prompt: int(size / 4), Completion: len(said.Content) / 4}
	used.Total = used.Prompt + used.Completion
	return answer{
		ID: fmt.Sprintf("script-%d", len(q.Messages)), Object: "chat.completion", Model: q.Model, Usage: used,
		Choices: []choice{{Reason: reason, Message: said}},
	}
}

// mayLookUp reports a question whose tools can look something up, when nothing was looked up yet.
func (q question) mayLookUp() bool {
	for _, m := range q.Messages {
		if m.Role == "tool" {
			return false
		}
	}
	return slices.ContainsFunc(q.Tools, func(t tool) bool { return t.Function.Name == looksUp })
}
