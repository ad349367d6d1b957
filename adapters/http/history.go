package http

import (
	"context"
	nethttp "net/http"
	"reflect"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/projections"
)

func (s *Server) historyRoutes() {
	register(s, op("ticket-history", nethttp.MethodGet, "/api/v1/tickets/{ticket_id}/history", "Everything that happened to a ticket, oldest first", tagTickets,
		described("That of a ticket which was deleted is for those who may read the audit log."), errs(404)), s.ticketHistory)
}

// HistoryEntry is one event of a ticket.
type HistoryEntry struct {
	Position      int64        `json:"position" doc:"In the whole log; rises with time."`
	Version       int          `json:"version" doc:"Of the ticket after this event."`
	Type          string       `json:"type" example:"ticket.status_changed"`
	OccurredAt    Timestamp    `json:"occurred_at"`
	Actor         HistoryActor `json:"actor"`
	Changes       []Change     `json:"changes"`
	Data          any          `json:"data" doc:"The event itself."`
	Command       string       `json:"command" doc:"What was asked for."`
	CorrelationID string       `json:"correlation_id" doc:"The X-Request-ID of the request everything started with."`
	CausationID   string       `json:"causation_id" doc:"The request, or the position of the event that was reacted to."`
	Hash          string       `json:"hash" doc:"SHA-256 over this event and, through the one before it, all earlier ones of the ticket."`
}

// HistoryActor is who caused an event.
type HistoryActor struct {
	Type string     `json:"type" enum:"user,api_token,agent,integration,system"`
	ID   *uuid.UUID `json:"id" format:"uuid" doc:"null: the system."`
	Name string     `json:"name"`
}

// Change is one field before and after.
type Change struct {
	Field string `json:"field"`
	Old   any    `json:"old"`
	New   any    `json:"new"`
}

func (s *Server) ticketHistory(ctx context.Context, in *struct {
	TicketID
	After int64 `query:"after" minimum:"0" doc:"Events after this position."`
	Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"200"`
},
) (*struct{ Body []HistoryEntry }, error) {
	caller := callerOf(ctx)
	row, err := s.TicketRows.FindEver(ctx, caller, in.Ref)
	if err != nil {
		return nil, err
	}
	stream, err := s.Log.Load(ctx, caller.Org.UUID, row.ID.UUID)
	if err != nil {
		return nil, err
	}
	people, err := s.People.Names(ctx, caller.Org, actorsOf(stream.Events))
	if err != nil {
		return nil, err
	}
	entries := []HistoryEntry{}
	var before projections.TicketRow
	for _, r := range stream.Events {
		after := projections.ApplyTicket(before, r)
		if r.Position > in.After && len(entries) < in.Limit && maySeeEvent(caller.Actor, r) {
			entries = append(entries, renderHistory(r, before, after, people))
		}
		before = after
	}
	return &struct{ Body []HistoryEntry }{entries}, nil
}

func maySeeEvent(a domain.Actor, r eventstore.Recorded) bool {
	comment, isComment := r.Event.(ticket.Commented)
	return !isComment || !comment.Internal || a.Can(domain.ReadInternal)
}

func actorsOf(events []eventstore.Recorded) []domain.UserID {
	ids := make([]domain.UserID, len(events))
	for i, r := range events {
		ids[i].UUID = r.Metadata.Actor.Person()
	}
	return ids
}

func renderHistory(r eventstore.Recorded, before, after projections.TicketRow, people map[domain.UserID]projections.Person) HistoryEntry {
	return HistoryEntry{
		Position: r.Position, Version: r.Version, Type: r.Type, OccurredAt: Timestamp(r.At),
		Actor: renderActor(r.Metadata.Actor, people), Changes: changes(r, before, after),
		Data: r.Event, Command: r.Metadata.Command, CorrelationID: r.Metadata.CorrelationID, CausationID: r.Metadata.CausationID, Hash: r.Hash.String(),
	}
}

func renderActor(a eventstore.Actor, people map[domain.UserID]projections.Person) HistoryActor {
	actor := HistoryActor{Type: a.Type, ID: &a.ID}
	if actor.Type == string(domain.BySystem) {
		actor.ID, actor.Name = nil, actor.Type
	}
	if person, known := people[domain.UserID{UUID: a.Person()}]; known {
		actor.Name = person.Username
	}
	return actor
}

// shownFields are the fields whose changes a history tells, under their names in a Ticket.
var shownFields = []struct {
	name string
	of   func(projections.TicketRow) any
}{
	{"title", func(t projections.TicketRow) any { return unlessZero(t.Title) }},
	{"description", func(t projections.TicketRow) any { return unlessZero(t.Description) }},
	{"status", func(t projections.TicketRow) any { return unlessZero(string(t.Status)) }},
	{"priority", func(t projections.TicketRow) any { return unlessZero(string(t.Priority)) }},
	{"urgency", func(t projections.TicketRow) any { return unlessZero(string(t.Urgency)) }},
	{"category", func(t projections.TicketRow) any { return unlessZero(string(t.Category)) }},
	{"subcategory", func(t projections.TicketRow) any { return unlessZero(t.Subcategory) }},
	{"department", func(t projections.TicketRow) any { return unlessZero(t.Department) }},
	{"tags", func(t projections.TicketRow) any { return orEmpty(t.Tags) }},
	{"custom_fields", func(t projections.TicketRow) any { return t.CustomFields }},
	{"assigned_to_id", func(t projections.TicketRow) any { return unlessZero(t.Assignee) }},
	{"attachments", func(t projections.TicketRow) any { return renderAttachments(t.Attachments) }},
	{"resolution_summary", func(t projections.TicketRow) any { return unlessZero(t.ResolutionSummary) }},
	{"deleted", func(t projections.TicketRow) any { return t.Deleted }},
}

func unlessZero[T comparable](value T) any {
	var zero T
	if value == zero {
		return nil
	}
	return value
}

func changes(r eventstore.Recorded, before, after projections.TicketRow) []Change {
	list := []Change{}
	for _, f := range shownFields {
		was, is := f.of(before), f.of(after)
		if !reflect.DeepEqual(was, is) {
			list = append(list, Change{Field: f.name, Old: was, New: is})
		}
	}
	if comment, ok := r.Event.(ticket.Commented); ok {
		list = append(list, Change{Field: "comment", New: comment.Content})
	}
	return list
}
