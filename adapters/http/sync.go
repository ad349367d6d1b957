package http

import (
	"context"
	"fmt"
	nethttp "net/http"
	"strings"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/domain/syncing"
	"ticketd/eventstore"
	"ticketd/projections"
)

// Syncs is what the routes of syncs work with.
type Syncs struct {
	Commands commands.Syncs
	Rows     *projections.Syncs
}

const howItIsSynced = "A job has every ticket looked at that is routed to the integration: what is missing there is made, what was said and done on one side comes to the other, and what was " +
	"parked is tried again. It answers at once; integration_sync_progress tells how far it is. With dry_run nothing is changed on either side, and each ticket says what would be. " +
	"One sync of an integration goes on at a time (409), and none of one that is inactive, expired or suspended (409)."

func (s *Server) syncRoutes(of Syncs) {
	const one = "/api/v1/integrations/{integration_id}"
	r := syncRoutes{s, of}
	start := op("sync-integration", nethttp.MethodPost, one+"/sync", "Bring both sides up to date", tagIntegrations, status202, described(howItIsSynced), errs(404, 409, 415))
	register(s, start, r.start)
	register(s, op("list-syncs", nethttp.MethodGet, one+"/syncs", "List the syncs of an integration, newest first", tagIntegrations, errs(404)), r.list)
	register(s, op("get-sync", nethttp.MethodGet, one+"/syncs/{sync_id}", "How far a sync is, and what came of each ticket", tagIntegrations, errs(404)), r.get)
}

// Sync is a look at every ticket that is routed to an integration.
type Sync struct {
	ID            uuid.UUID  `json:"sync_id" format:"uuid"`
	IntegrationID uuid.UUID  `json:"integration_id" format:"uuid"`
	Number        int        `json:"number" doc:"From 1, of the integration's."`
	Status        string     `json:"status" enum:"running,completed,failed"`
	DryRun        bool       `json:"dry_run"`
	Total         int        `json:"total" doc:"Tickets to look at."`
	Done          int        `json:"done"`
	Created       int        `json:"created" doc:"In a dry run: that would be."`
	Updated       int        `json:"updated" doc:"In a dry run: that would be."`
	Skipped       int        `json:"skipped"`
	Failed        int        `json:"failed"`
	Code          *string    `json:"code" doc:"Why it failed."`
	Error         *string    `json:"error" doc:"In words."`
	StartedBy     Person     `json:"started_by"`
	StartedAt     Timestamp  `json:"started_at"`
	EndedAt       *Timestamp `json:"ended_at"`
}

// SyncReport is a sync with what came of tickets.
type SyncReport struct {
	Sync

	Items []SyncItem `json:"items" doc:"In the order they were looked at."`
}

// SyncItem is what came of a ticket.
type SyncItem struct {
	TicketID   uuid.UUID      `json:"ticket_id" format:"uuid"`
	Number     *int64         `json:"number"`
	DeliveryID *uuid.UUID     `json:"delivery_id" format:"uuid"`
	Outcome    string         `json:"outcome" enum:"created,updated,skipped,failed,would_create,would_update"`
	Code       *string        `json:"code" doc:"Why it was skipped, or failed."`
	Reason     *string        `json:"reason" doc:"In words."`
	Changes    map[string]int `json:"changes" doc:"What was done, or would be, and how often: create, update, status, comment and file there, comment_heard and status_heard here."`
}

type syncRoutes struct {
	*Server
	of Syncs
}

type syncAnswer struct {
	Location      string   `header:"Location"`
	EventPosition Position `header:"X-Event-Position"`
	Body          SyncReport
}

func (r syncRoutes) start(ctx context.Context, in *struct {
	IntegrationPath
	Body *struct {
		DryRun bool `json:"dry_run,omitempty" doc:"Say what would be done, and do nothing."`
	}
},
) (*syncAnswer, error) {
	stream, err := r.of.Commands.Start(ctx, request(ctx), newID(ctx), in.IntegrationID, in.Body != nil && in.Body.DryRun)
	if err != nil {
		return nil, err
	}
	answer, err := r.answer(ctx, stream, SyncItemsPage{})
	if err == nil {
		answer.Location = "/api/v1/integrations/" + in.IntegrationID.String() + "/syncs/" + stream.ID.String()
	}
	return answer, err
}

func (r syncRoutes) list(ctx context.Context, in *struct {
	IntegrationPath
	Limit  int `query:"limit" minimum:"1" maximum:"100" default:"20"`
	Offset int `query:"offset" minimum:"0" maximum:"1000000" default:"0"`
},
) (*struct{ Body []Sync }, error) {
	caller := callerOf(ctx)
	if !caller.Can(domain.ReadDeliveries) {
		return nil, domain.ErrForbidden
	}
	if _, err := r.Integrations.Rows.Find(ctx, caller.Org, in.IntegrationID); err != nil {
		return nil, err
	}
	rows, err := r.of.Rows.List(ctx, caller.Org, in.IntegrationID, in.Limit, in.Offset)
	if err != nil {
		return nil, err
	}
	list, err := r.render(ctx, caller.Org, rows...)
	return &struct{ Body []Sync }{list}, err
}

// SyncItemsPage asks for a part of what came of tickets.
type SyncItemsPage struct {
	Outcome string `query:"outcome" enum:"created,updated,skipped,failed,would_create,would_update" doc:"Of the items to list; all without it."`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Of the items."`
	Offset  int    `query:"offset" minimum:"0" default:"0" doc:"Of the items."`
}

func (r syncRoutes) get(ctx context.Context, in *struct {
	IntegrationPath
	SyncID uuid.UUID `path:"sync_id" format:"uuid"`

	SyncItemsPage
},
) (*syncAnswer, error) {
	caller := callerOf(ctx)
	if !caller.Can(domain.ReadDeliveries) {
		return nil, domain.ErrForbidden
	}
	if _, err := r.of.Rows.Find(ctx, caller.Org, in.IntegrationID, in.SyncID); err != nil {
		return nil, err
	}
	stream, err := r.Log.Load(ctx, caller.Org.UUID, in.SyncID)
	if err != nil {
		return nil, err
	}
	return r.answer(ctx, stream, in.SyncItemsPage)
}

// answer shows a sync as its events tell it.
func (r syncRoutes) answer(ctx context.Context, stream eventstore.Stream, page SyncItemsPage) (*syncAnswer, error) {
	row := projections.Fold(projections.ApplySync, stream.Events)
	shown, err := r.render(ctx, row.Org, row)
	if err != nil {
		return nil, err
	}
	facts := page.of(stream)
	tickets := make([]uuid.UUID, len(facts))
	for i, f := range facts {
		tickets[i] = f.Ticket
	}
	numbers, err := r.of.Rows.Numbers(ctx, row.Org, tickets)
	if err != nil {
		return nil, err
	}
	report := SyncReport{Sync: shown[0], Items: make([]SyncItem, len(facts))}
	for i, f := range facts {
		report.Items[i] = renderLooked(f)
		if number, known := numbers[f.Ticket]; known {
			report.Items[i].Number = &number
		}
	}
	return &syncAnswer{EventPosition: positionOf(stream), Body: report}, nil
}

// of answers the part of what came of tickets that is asked for.
func (p SyncItemsPage) of(stream eventstore.Stream) []syncing.Looked {
	var facts []syncing.Looked
	skip := p.Offset
	for _, r := range stream.Events {
		e, ok := r.Event.(syncing.Looked)
		switch {
		case !ok, p.Outcome != "" && p.Outcome != string(e.Outcome):
		case skip > 0:
			skip--
		case len(facts) < p.Limit:
			facts = append(facts, e)
		}
	}
	return facts
}

func (r syncRoutes) render(ctx context.Context, org domain.OrgID, rows ...projections.SyncRow) ([]Sync, error) {
	authors := make([]domain.UserID, len(rows))
	for i, row := range rows {
		authors[i] = row.StartedBy
	}
	people, err := r.People.Names(ctx, org, authors)
	if err != nil {
		return nil, err
	}
	list := make([]Sync, len(rows))
	for i, row := range rows {
		list[i] = Sync{
			ID: row.ID, IntegrationID: row.Integration, Number: row.Number, Status: string(row.Status), DryRun: row.DryRun, Total: row.Tickets, Done: row.Counts.Done(),
			Created: row.Counts.Created, Updated: row.Counts.Updated, Skipped: row.Counts.Skipped, Failed: row.Counts.Failed, Code: unlessBlank(row.Code),
			Error: unlessBlank(row.Reason), StartedBy: renderPerson(row.StartedBy, people), StartedAt: Timestamp(row.StartedAt), EndedAt: optionalTime(row.EndedAt),
		}
	}
	return list, nil
}

func renderLooked(f syncing.Looked) SyncItem {
	shown := SyncItem{
		TicketID: f.Ticket, DeliveryID: unlessNil(f.Delivery), Outcome: string(f.Outcome), Code: unlessBlank(f.Code), Reason: unlessBlank(f.Reason), Changes: f.Did,
	}
	if shown.Changes == nil {
		shown.Changes = map[string]int{}
	}
	if shown.Reason == nil {
		shown.Reason = unlessBlank(whyLooked(f))
	}
	return shown
}

// whyLooked says in words what came of a ticket, where no vendor did.
func whyLooked(f syncing.Looked) string {
	switch f.Code {
	case "":
		return inWords(f.Did)
	case syncing.Equal:
		return "Both sides are equal."
	case syncing.NamedOnly:
		return "The ticket names the integration, and was not asked to be made there."
	case syncing.OutOfTime:
		return "It takes longer than a sync waits for a ticket; it goes on by itself."
	}
	return projections.Reason(f.Code)
}

// broughtKinds is what may be done with a ticket, in words.
var broughtKinds = []struct {
	kind, what string
	counted    bool
	here       bool // it comes from there
}{
	{kind: string(delivery.Create), what: "the ticket"},
	{kind: string(delivery.Update), what: "what it says"},
	{kind: string(delivery.Move), what: "its status"},
	{kind: string(delivery.Comment), what: "comment", counted: true},
	{kind: string(delivery.File), what: "file", counted: true},
	{kind: syncing.HeardComment, what: "comment", counted: true, here: true},
	{kind: syncing.HeardStatus, what: "its status", here: true},
}

// inWords tells what goes there and comes from there.
func inWords(did map[string]int) string {
	var there, here []string
	for _, c := range broughtKinds {
		n := did[c.kind]
		if n == 0 {
			continue
		}
		what := c.what
		if c.counted {
			what = fmt.Sprintf("%d %s%s", n, c.what, strings.Repeat("s", min(n-1, 1)))
		}
		if c.here {
			here = append(here, what)
		} else {
			there = append(there, what)
		}
	}
	var sentences []string
	if len(there) > 0 {
		sentences = append(sentences, "To there: "+strings.Join(there, ", ")+".")
	}
	if len(here) > 0 {
		sentences = append(sentences, "From there: "+strings.Join(here, ", ")+".")
	}
	return strings.Join(sentences, " ")
}
