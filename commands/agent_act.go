package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/agentrun"
	"ticketd/domain/ticket"
)

// actTime is how long it may take to make of an answer what the run is for.
const actTime = 20 * time.Second

// act makes of the answer what the run is for. The time that the configuration allows is for finding the answer: who has
// found it late shall not have found it for nothing.
func (w *agentWork) act(ctx context.Context, out Outcome) (_ Outcome, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), actTime)
	defer cancel()
	switch w.ask.Purpose {
	case agentrun.CreateTicket:
		if out.Ticket, err = w.createTicket(ctx, out.Result); err == nil {
			err = w.categorize(ctx, out.Ticket, out)
		}
		if err == nil {
			err = w.send(ctx, out.Ticket)
		}
	case agentrun.CategorizeTicket:
		err = w.categorize(ctx, w.ask.Ticket, out)
	case agentrun.Reply:
		err = w.reply(ctx, out.Result.Text)
	case agentrun.Title:
		err = w.title(ctx, out.Result)
	case agentrun.CategorizeText, agentrun.AnalyzeFiles, agentrun.Shadow, agentrun.Test: // the answer is all
	}
	return out, err
}

// createTicket has the ticket made by the tool, unless the model has done so already.
func (w *agentWork) createTicket(ctx context.Context, from Result) (uuid.UUID, error) {
	if made, ok := w.made(); ok {
		return made, w.attach(ctx, made)
	}
	fields := map[string]any{"title": from.Title, "description": from.Description, "category": from.Category, "priority": from.Priority}
	var attachments []map[string]any
	for _, id := range w.ask.Files {
		attachments = append(attachments, map[string]any{"file_id": id.String()})
	}
	if len(attachments) > 0 {
		fields["attachments"] = attachments
	}
	if len(from.Tags) > 0 {
		fields["tags"] = from.Tags
	}
	if from.Department != "" {
		fields["department"] = from.Department
	}
	arguments, err := json.Marshal(fields)
	if err != nil { // texts are written
		return uuid.Nil, fmt.Errorf("write the ticket: %w", err)
	}
	if _, err := w.open(ctx); err != nil {
		return uuid.Nil, err
	}
	call := ToolCall{ID: createTicket, Name: createTicket, Arguments: string(arguments)}
	said := w.callOnce(ctx, call)
	if said.err == nil {
		said.err = w.noteCall(ctx, 0, call, said)
	}
	switch {
	case said.err != nil:
		return uuid.Nil, said.err
	case said.result.Failed:
		return uuid.Nil, ErrAgentFailed.With("The ticket could not be made: " + beginning(said.result.Content, 300))
	}
	made, ok := ticketIn(said.result.Content)
	if !ok {
		return uuid.Nil, ErrAgentFailed.With("The tool did not say which ticket it made.")
	}
	return made, nil
}

// attach sees to it that the ticket has the files that came with the request, which a model may forget. A file that was
// deleted meanwhile does not undo the ticket.
func (w *agentWork) attach(ctx context.Context, id uuid.UUID) error {
	if len(w.ask.Files) == 0 {
		return nil
	}
	var attachments []ticket.Attachment
	for _, file := range w.ask.Files {
		attachments = append(attachments, ticket.Attachment{FileID: file})
	}
	_, err := w.tickets.Handle(ctx, w.request, ticket.ID{UUID: id}, ticket.Attach{Attachments: attachments, By: w.caller.Actor})
	if domain.KindOf(err) == domain.BadReference {
		return nil
	}
	return err
}

// made answers the ticket that a call of the model's has made.
func (w *agentWork) made() (uuid.UUID, bool) {
	for _, r := range w.stream.Events {
		if call, ok := r.Event.(agentrun.ToolCalled); ok && slices.Contains(makers, call.Tool) && !call.Failed {
			return ticketIn(call.Result)
		}
	}
	return uuid.Nil, false
}

// ticketIn reads which ticket a tool has made. It does not mind that the end of what the tool said is missing.
func ticketIn(content string) (uuid.UUID, bool) {
	decoder := json.NewDecoder(strings.NewReader(content))
	if brace, err := decoder.Token(); err != nil || brace != json.Delim('{') {
		return uuid.Nil, false
	}
	for decoder.More() {
		name, err := decoder.Token()
		var value json.RawMessage
		if err != nil || decoder.Decode(&value) != nil {
			return uuid.Nil, false
		}
		if name == "ticket_id" {
			var id uuid.UUID
			return id, json.Unmarshal(value, &id) == nil && id != uuid.Nil
		}
	}
	return uuid.Nil, false
}

// categorize notes on a ticket what the agent takes it for.
func (w *agentWork) categorize(ctx context.Context, id uuid.UUID, out Outcome) error {
	r := w.request
	r.By = domain.System
	_, err := w.tickets.Handle(ctx, r, ticket.ID{UUID: id}, ticket.Categorize{
		Run: w.stream.ID, Agent: w.ask.Agent, ConfigVersion: w.state().Started.ConfigVersion, Provider: out.Provider, Model: out.Model,
		Category: out.Result.Category, Priority: out.Result.Priority, Confidence: *out.Result.Confidence, Reasoning: out.Result.Reasoning, By: r.By,
	})
	return err
}
