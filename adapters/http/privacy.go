package http

import (
	"context"
	nethttp "net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/user"
	"ticketd/eventstore"
	"ticketd/projections"
)

func (s *Server) privacyRoutes() {
	register(s, op("erase-person", nethttp.MethodPost, "/api/v1/privacy/erasure", "Erase whatever is known of a person", tagPrivacy, described(erasureManual), status202, errs(404, 409, 415)), s.erasePerson)
	register(s, op("get-erasure", nethttp.MethodGet, "/api/v1/privacy/erasure/{user_id}", "How far an erasure has come", tagPrivacy, errs(404)), s.getErasure)
	register(s, op("export-person", nethttp.MethodGet, "/api/v1/privacy/export/{user_id}", "Everything about a person, as one document", tagPrivacy, described(exportManual), errs(404), answersAs(map[string]*huma.MediaType{
		"application/json": {Schema: s.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[PersonExport](), true, "PersonExport")},
	})), s.exportPerson)
}

const erasureManual = "Ends the membership, deletes the key that the person's words are sealed with, and rewrites every table, search entry and " +
	"kept answer that held them: tickets, uploads, conversations with agents, what agents did for the person, and the runs of agents that were shown the person's " +
	"tickets or uploads while they worked for others. The log keeps its events, which read `" + eventstore.Erased + "` and still verify. It cannot be taken back. " +
	"Articles of the knowledge base and instructions to agents are the organization's: they stay, without their author's name. " +
	"Whoever runs an organization with others must hand it over first (409); its name, if they gave it, is to be given anew."

// Erasure is how far the erasure of a person has come.
type Erasure struct {
	UserID      uuid.UUID    `json:"user_id" format:"uuid"`
	Status      string       `json:"status" enum:"requested,complete"`
	RequestedAt Timestamp    `json:"requested_at"`
	RequestedBy *uuid.UUID   `json:"requested_by" format:"uuid"`
	CompletedAt *Timestamp   `json:"completed_at" doc:"null while words are left."`
	Erased      ErasureCount `json:"erased" doc:"So far, while it goes on."`
}

// ErasureCount is where words were.
type ErasureCount struct {
	Tickets       int      `json:"tickets" doc:"With words of the person: titles, descriptions, comments, reasons."`
	Files         int      `json:"files" doc:"Which the person uploaded. Their bytes go within half an hour."`
	Threads       int      `json:"threads" doc:"Conversations of the person with agents."`
	Runs          int      `json:"runs" doc:"Of agents: made for the person, or holding what they wrote."`
	Organizations int      `json:"organizations" doc:"Whose name they gave."`
	Answers       int      `json:"answers" doc:"Kept for repeated requests, which may have quoted them."`
	Tables        []string `json:"tables" doc:"Swept of old versions of their rows and of the planner's samples, when all was done."`
}

type erasureAnswer struct {
	Status        int
	EventPosition Position `header:"X-Event-Position"`
	Body          Erasure
}

func (s *Server) erasePerson(ctx context.Context, in *struct {
	Body struct {
		UserID uuid.UUID `json:"user_id" format:"uuid"`
	}
},
) (*erasureAnswer, error) {
	caller, id := callerOf(ctx), domain.UserID{UUID: in.Body.UserID}
	if !caller.Can(domain.ErasePeople) {
		return nil, domain.ErrForbidden
	}
	alone, err := s.Users.Alone(ctx, caller.Org, id)
	if err != nil {
		return nil, err
	}
	stream, err := s.Erasures.Request(ctx, request(ctx), id, alone)
	if err != nil {
		return nil, err
	}
	return &erasureAnswer{Status: nethttp.StatusAccepted, EventPosition: positionOf(stream), Body: renderErasure(stream)}, nil
}

func renderErasure(stream eventstore.Stream) Erasure {
	shown := Erasure{UserID: stream.ID, Erased: ErasureCount{Tables: []string{}}}
	for _, r := range stream.Events {
		switch e := r.Event.(type) {
		case user.ErasureRequested:
			shown.Status, shown.RequestedAt = string(user.ErasurePending), Timestamp(r.At)
			if !e.By.IsZero() {
				shown.RequestedBy = &e.By.UUID
			}
		case user.Erased:
			shown.Status, shown.CompletedAt, shown.Erased = string(user.ErasureComplete), new(Timestamp(r.At)), ErasureCount(e)
		}
	}
	return shown
}

// errNoErasure answers who asks after an erasure that nobody asked for.
var errNoErasure = &domain.Error{Kind: domain.NotFound, Code: "erasure_not_found", Message: "Nobody asked for the erasure of such a person."}

func (s *Server) getErasure(ctx context.Context, in *MemberID) (*erasureAnswer, error) {
	caller := callerOf(ctx)
	if !caller.Can(domain.ErasePeople) {
		return nil, domain.ErrForbidden
	}
	stream, err := s.Log.Load(ctx, caller.Org.UUID, in.ID)
	if err != nil {
		return nil, err
	}
	shown := renderErasure(stream)
	if shown.Status == "" {
		return nil, errNoErasure
	}
	if shown.CompletedAt == nil {
		if shown.Erased, err = s.erasedSoFar(ctx, stream); err != nil {
			return nil, err
		}
	}
	return &erasureAnswer{Status: nethttp.StatusOK, EventPosition: positionOf(stream), Body: shown}, nil
}

// erasedSoFar counts the streams that were told: what they recorded came of the same request.
func (s *Server) erasedSoFar(ctx context.Context, stream eventstore.Stream) (ErasureCount, error) {
	count := ErasureCount{Tables: []string{}}
	requested := stream.Events[stream.Version()-1]
	told, err := s.Events.Read(ctx, domain.OrgID{UUID: stream.Org}, eventstore.Query{
		After: requested.Position, Types: []string{"ticket.words_erased", "file.words_erased", "thread.words_erased", "agent_run.words_erased", "organization.words_erased"},
		Correlation: requested.Metadata.CorrelationID,
	})
	for _, r := range told {
		switch r.Category() {
		case "ticket":
			count.Tickets++
		case "file":
			count.Files++
		case "thread":
			count.Threads++
		case "agent_run":
			count.Runs++
		default:
			count.Organizations++
		}
	}
	return count, err
}

// findPerson answers somebody whom the caller may export; those who have left too.
func (s *Server) findPerson(ctx context.Context, id domain.UserID) (projections.UserRow, error) {
	caller := callerOf(ctx)
	if !caller.May(domain.ExportPerson, id) {
		return projections.UserRow{}, domain.ErrForbidden
	}
	stream, err := s.Log.Load(ctx, caller.Org.UUID, id.UUID)
	if err != nil {
		return projections.UserRow{}, err
	}
	row := projections.Fold(projections.ApplyUser, stream.Events)
	if row.ID.IsZero() {
		return row, user.ErrNotFound
	}
	return row, nil
}
