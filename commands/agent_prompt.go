package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"ticketd/domain/agentrun"
	"ticketd/domain/ticket"
)

const (
	// fileCharacters is how much of one file's text, or of a tool's result, a model is shown, and allCharacters of everything.
	fileCharacters = 20_000
	allCharacters  = 100_000
	// historyCharacters is about 8,000 tokens of what was said before.
	historyCharacters = 32_000
)

// prompt is what the model is asked at first.
func (w *agentWork) prompt(ctx context.Context) (Prompt, error) {
	asked, err := json.Marshal([]any{w.ask.input(), w.texts})
	if err != nil { // texts are written
		return Prompt{}, fmt.Errorf("write the prompt of run %s: %w", w.stream.ID, err)
	}
	w.veil = newVeil(w.secret, w.request.Org.String(), w.config.SystemPrompt, string(asked))
	p := Prompt{
		Org: w.request.Org, Model: w.config.Model, Temperature: w.config.Temperature, MaxTokens: w.config.MaxTokens,
		Timeout: time.Duration(w.config.Timeout) * time.Second, System: w.config.SystemPrompt + "\n\n" + w.veil.boundary.Rules(),
		Turns: append(w.history(), Turn{Role: UserTurn, Text: w.question()}), Answer: w.ask.form().schema(w.ask.Purpose), Check: w.makesSense,
	}
	if !usesTools(w.ask.Purpose) || len(w.config.Tools) == 0 {
		return p, nil
	}
	tools, err := w.open(ctx)
	if err != nil {
		return p, err
	}
	offered, err := tools.List(ctx)
	if err != nil {
		return p, err
	}
	p.Tools = slices.DeleteFunc(slices.Clone(offered), func(t Tool) bool { return !slices.Contains(w.config.Tools, t.Name) })
	return p, nil
}

func usesTools(p agentrun.Purpose) bool { return p == agentrun.CreateTicket || p == agentrun.Reply }

// question is what the person wants, with all that belongs to it, each in a fence of its own.
func (w *agentWork) question() string {
	var parts []string
	room := allCharacters
	add := func(kind, name, text string, most int) {
		if text = beginning(text, min(most, room)); strings.TrimSpace(text) != "" && room > 0 {
			room = max(0, room-len([]rune(text))) // what is cut is a mark longer than its room
			parts = append(parts, w.veil.fence(kind, name, text))
		}
	}
	add("person", "title", w.ask.Title, ticket.MaxTitle)
	add("person", "request", w.ask.Text, allCharacters)
	for i, c := range w.ask.Context {
		add("context", fmt.Sprintf("context %d", i+1), c, fileCharacters)
	}
	for _, f := range w.texts {
		if f.Text == "" {
			add("file", f.Filename, "No text was read from this file: "+f.Status, mostNoted)
			continue
		}
		add("file", f.Filename, f.Text, fileCharacters)
	}
	return strings.Join(parts, "\n\n")
}

// history is the end of the conversation before, as much as there is room for. It begins with the person.
func (w *agentWork) history() []Turn {
	var turns []Turn
	room := historyCharacters
	for _, t := range slices.Backward(w.ask.History) {
		if room -= len([]rune(t.Text)); room < 0 {
			break
		}
		turns = append(turns, t)
	}
	slices.Reverse(turns)
	for len(turns) > 0 && turns[0].Role != UserTurn {
		turns = turns[1:]
	}
	for i, t := range turns { // the first first, so that people are numbered as they come
		if t.Role == UserTurn {
			turns[i].Text = w.veil.fence("person", "earlier", t.Text)
		} else {
			turns[i].Text = w.veil.harmless(t.Text)
		}
	}
	return turns
}
