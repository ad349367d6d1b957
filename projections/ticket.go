package projections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/internal/cache"
)

// TicketRow is a ticket as lists and details show it.
type TicketRow struct {
	ID                ticket.ID
	Org               domain.OrgID
	Version           int
	Number            int64
	Title             string
	Description       string
	Status            ticket.Status
	Priority          ticket.Level
	Urgency           ticket.Level
	Category          ticket.Category
	Subcategory       string
	Department        string
	Tags              []string
	CustomFields      map[string]any
	SourceChannel     string
	CreatedBy         domain.UserID
	Assignee          domain.UserID // zero: nobody
	Attachments       []ticket.Attachment
	ResolutionSummary string
	FirstResponseAt   *time.Time // the first public comment by somebody else than the creator
	ResolvedAt        *time.Time
	ClosedAt          *time.Time
	LastActivityAt    time.Time
	Comments          int // those everybody sees
	InternalComments  int
	Deleted           bool
	WordsErased       bool      // everybody's; a person's alone leave no mark
	AI                *TicketAI // what an agent took it for; nil: none was asked
	Routes            []TicketRoute
	CreatedAt         time.Time
	UpdatedAt         time.Time
}

// TicketAI is what an agent took a ticket for.
type TicketAI struct {
	Run           uuid.UUID       `json:"run"`
	Agent         domain.Agent    `json:"agent"`
	ConfigVersion int             `json:"config_version"`
	Provider      string          `json:"provider"`
	Model         string          `json:"model"`
	Category      ticket.Category `json:"category"`
	Priority      ticket.Level    `json:"priority"`
	Confidence    float64         `json:"confidence"`
	Reasoning     string          `json:"reasoning"`
	Corrected     bool            `json:"corrected,omitempty"` // somebody knew better
}

// TicketRoute is an integration that a ticket shall live with, and what has come of it.
type TicketRoute struct {
	Integration uuid.UUID            `json:"integration"`
	Platform    string               `json:"platform"`
	Status      ticket.DeliveryState `json:"status,omitempty"` // empty: it is only named
	Code        string               `json:"code,omitempty"`   // why it waits, or was given up
	ExternalID  string               `json:"external_id,omitempty"`
	ExternalURL string               `json:"external_url,omitempty"`
}

// Home answers the route that the ticket is shown with: the last one that led somewhere, else the last. nil: it lives only here.
func (t TicketRow) Home() *TicketRoute {
	for i := range slices.Backward(t.Routes) {
		if t.Routes[i].Status == ticket.DeliveryCreated {
			return &t.Routes[i]
		}
	}
	if len(t.Routes) == 0 {
		return nil
	}
	return &t.Routes[len(t.Routes)-1]
}

// routed answers the routes with one more, or with that one begun again.
func (t TicketRow) routed(e ticket.Routed) []TicketRoute {
	route := TicketRoute{Integration: e.Integration, Platform: e.Platform}
	if e.Send {
		route.Status = ticket.DeliveryPending
	}
	others := slices.DeleteFunc(slices.Clone(t.Routes), func(r TicketRoute) bool { return r.Integration == e.Integration })
	return append(others, route)
}

// noted answers the routes as they are known by now.
func (t TicketRow) noted(e ticket.DeliveryNoted) []TicketRoute {
	routes := slices.Clone(t.Routes)
	for i, r := range routes {
		if r.Integration == e.Integration {
			routes[i] = TicketRoute{Integration: r.Integration, Platform: r.Platform, Status: e.Status, Code: e.Code, ExternalID: e.ExternalID, ExternalURL: e.ExternalURL}
		}
	}
	return routes
}

// Exists reports whether there is a ticket to show.
func (t TicketRow) Exists() bool { return t.Version > 0 && !t.Deleted }

// VisibleTo reports whether the actor may see the ticket.
func (t TicketRow) VisibleTo(a domain.Actor) bool {
	return t.Exists() && a.May(domain.ReadTickets, t.CreatedBy, t.Assignee)
}

// ApplyTicket folds one event into the row.
func ApplyTicket(t TicketRow, r eventstore.Recorded) TicketRow {
	event, ok := r.Event.(ticket.Event)
	if !ok {
		return t
	}
	at := r.At
	switch e := event.(type) {
	case ticket.Opened:
		t = TicketRow{
			ID: ticket.ID{UUID: r.Stream}, Org: domain.OrgID{UUID: r.Org}, Number: e.Number, Title: e.Title, Description: e.Description,
			Status: ticket.Open, Priority: e.Priority, Urgency: e.Urgency, Category: e.Category, Subcategory: e.Subcategory,
			Department: e.Department, Tags: e.Tags, CustomFields: e.CustomFields, SourceChannel: e.SourceChannel,
			CreatedBy: e.CreatedBy, CreatedAt: at,
		}
	case ticket.Categorized:
		t.Category, t.Priority = e.Over(t.Category, t.Priority)
		t.AI = &TicketAI{
			Run: e.Run, Agent: e.Agent, ConfigVersion: e.ConfigVersion, Provider: e.Provider, Model: e.Model, Category: e.Category, Priority: e.Priority,
			Confidence: e.Confidence, Reasoning: e.Reasoning,
		}
	case ticket.Corrected:
		if t.AI != nil {
			said := *t.AI
			said.Corrected = true
			t.AI = &said
		}
	case ticket.Edited:
		t = t.edited(e)
	case ticket.StatusChanged:
		t = t.moved(e, at)
	case ticket.Summarized:
		t.ResolutionSummary = e.ResolutionSummary
	case ticket.Assigned:
		t.Assignee = e.Assignee
	case ticket.Unassigned:
		t.Assignee = domain.UserID{}
	case ticket.Commented:
		t = t.commented(e, at)
	case ticket.Attached:
		t.Attachments = append(slices.Clip(t.Attachments), e.Attachments...)
	case ticket.Detached:
		t.Attachments = ticket.Without(t.Attachments, e.FileID)
	case ticket.Routed:
		t.Routes = t.routed(e)
	case ticket.DeliveryNoted:
		t.Routes = t.noted(e)
	case ticket.Deleted:
		t.Deleted = true
	case ticket.WordsErased: // the words before it read as erased already
		t.WordsErased = t.WordsErased || e.Of.IsZero()
	}
	t.Version, t.UpdatedAt, t.LastActivityAt = r.Version, at, at
	return t
}

func (t TicketRow) edited(e ticket.Edited) TicketRow {
	set(&t.Title, e.Title)
	set(&t.Description, e.Description)
	set(&t.Priority, e.Priority)
	set(&t.Urgency, e.Urgency)
	set(&t.Category, e.Category)
	set(&t.Subcategory, e.Subcategory)
	set(&t.Department, e.Department)
	set(&t.Tags, e.Tags)
	set(&t.CustomFields, e.CustomFields)
	return t
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}

func (t TicketRow) moved(e ticket.StatusChanged, at time.Time) TicketRow {
	t.Status = e.To
	set(&t.ResolutionSummary, e.ResolutionSummary)
	switch e.To {
	case ticket.Resolved:
		t.ResolvedAt = &at
	case ticket.Closed, ticket.Cancelled:
		t.ClosedAt = &at
	case ticket.New, ticket.Open, ticket.InProgress, ticket.Pending:
		t.ResolvedAt, t.ClosedAt = nil, nil
	}
	return t
}

func (t TicketRow) commented(e ticket.Commented, at time.Time) TicketRow {
	if e.Internal {
		t.InternalComments++
		return t
	}
	t.Comments++
	if t.FirstResponseAt == nil && e.Author != t.CreatedBy {
		t.FirstResponseAt = &at
	}
	return t
}

// Tickets is the tickets table. It implements eventstore.Inline.
type Tickets struct {
	pool   *pgxpool.Pool
	counts *counts
	stats  *cache.Cache[statsKey, TicketStats]
}

// NewTickets answers the table in this database.
func NewTickets(pool *pgxpool.Pool) *Tickets {
	return &Tickets{pool: pool, counts: newCounts(time.Now), stats: newStats()}
}

// writeTicket has a statement for every row: they travel together, and unnesting thirty arrays would cost more.
const writeTicket = `
INSERT INTO tickets (` + ticketColumns + `)
SELECT $1::uuid, $2::uuid, $3::int, $4::bigint, $5::text, $6::text, $7::text, $8::text, $9::text, $10::text, $11::text, $12::text,
	$13::json, $14::json, $15::text, $16::uuid, $17::uuid, $18::json, $19::text, $20::timestamptz, $21::timestamptz, $22::timestamptz,
	$23::timestamptz, $24::int, $25::int, $26::bool, $27::timestamptz, $28::timestamptz, $29::bool, $30::json, $31::json,
	$32::uuid[]
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = $1 AND e.version = $3 AND e.hash = $33)
ON CONFLICT (id) DO UPDATE SET
	version = excluded.version, title = excluded.title, description = excluded.description, status = excluded.status,
	priority = excluded.priority, urgency = excluded.urgency, category = excluded.category, subcategory = excluded.subcategory,
	department = excluded.department, tags = excluded.tags, custom_fields = excluded.custom_fields, assignee = excluded.assignee,
	attachments = excluded.attachments, resolution_summary = excluded.resolution_summary,
	first_response_at = excluded.first_response_at, resolved_at = excluded.resolved_at, closed_at = excluded.closed_at,
	last_activity_at = excluded.last_activity_at, comments = excluded.comments, internal_comments = excluded.internal_comments,
	deleted = excluded.deleted, updated_at = excluded.updated_at, words_erased = excluded.words_erased, ai = excluded.ai,
	routes = excluded.routes, integrations = excluded.integrations`

const ticketColumns = `id, org_id, version, number, title, description, status, priority, urgency, category, subcategory, department,
	tags, custom_fields, source_channel, created_by, assignee, attachments, resolution_summary, first_response_at, resolved_at, closed_at,
	last_activity_at, comments, internal_comments, deleted, created_at, updated_at, words_erased, ai, routes, integrations`

// Queue implements eventstore.Inline.
func (t *Tickets) Queue(b *pgx.Batch, streams []eventstore.Stream) {
	for _, s := range streams {
		if s.Category() == "ticket" {
			b.Queue(writeTicket, append(Fold(ApplyTicket, s.Events).columns(), s.Events[s.Version()-1].Hash[:])...)
		}
	}
}

// Projection tells how the table is made.
func (t *Tickets) Projection() Projection {
	return Projection{Name: "tickets", Key: "id", Nouns: []string{"ticket"}, Code: 3, Inline: t}
}

// Columns implements Table.
func (*Tickets) Columns() string { return ticketColumns }

// Rows implements Table.
func (*Tickets) Rows(s eventstore.Stream) [][]any {
	if s.Category() != "ticket" {
		return nil
	}
	return [][]any{Fold(ApplyTicket, s.Events).columns()}
}

// columns are the values of ticketColumns.
func (t TicketRow) columns() []any {
	return []any{
		[16]byte(t.ID.UUID), [16]byte(t.Org.UUID), t.Version, t.Number, t.Title, t.Description, string(t.Status), string(t.Priority),
		string(t.Urgency), string(t.Category), t.Subcategory, t.Department,
		jsonText(t.Tags, "[]"), jsonText(t.CustomFields, "{}"), t.SourceChannel, [16]byte(t.CreatedBy.UUID), optional(t.Assignee),
		jsonText(t.Attachments, "[]"), t.ResolutionSummary, t.FirstResponseAt, t.ResolvedAt, t.ClosedAt,
		t.LastActivityAt, t.Comments, t.InternalComments, t.Deleted, t.CreatedAt, t.UpdatedAt, t.WordsErased, t.ai(),
		jsonText(t.Routes, "[]"), t.integrations(),
	}
}

// integrations answers the ids that the routes lead to, by which lists are filtered.
func (t TicketRow) integrations() [][16]byte {
	ids := make([][16]byte, len(t.Routes))
	for i, r := range t.Routes {
		ids[i] = r.Integration
	}
	return ids
}

// ai answers the JSON of what an agent took the ticket for; nil: NULL.
func (t TicketRow) ai() *string {
	if t.AI == nil {
		return nil
	}
	return new(jsonText(t.AI, "{}"))
}

func optional(id domain.UserID) *[16]byte { return unlessNil(id.UUID) }

// unlessNil answers NULL for no id.
func unlessNil(id uuid.UUID) *[16]byte {
	if id == uuid.Nil {
		return nil
	}
	return (*[16]byte)(&id)
}

// jsonText answers the JSON of what came from JSON, which always marshals; empty for nil.
func jsonText(value any, empty string) string {
	text, err := json.Marshal(value)
	if err != nil || string(text) == "null" {
		return empty
	}
	return string(text)
}

// ErrNoTicket reports that the organization has no such ticket.
var ErrNoTicket = ticket.ErrNotFound

// Find answers one ticket by its id. ErrNoTicket when there is none in the organization.
func (t *Tickets) Find(ctx context.Context, org domain.OrgID, id ticket.ID) (TicketRow, error) {
	return t.one(ctx, `SELECT `+ticketColumns+` FROM tickets WHERE org_id = $1 AND id = $2 AND NOT deleted`, org, [16]byte(id.UUID))
}

// FindByNumber answers one ticket by its number. ErrNoTicket when there is none in the organization.
func (t *Tickets) FindByNumber(ctx context.Context, org domain.OrgID, number int64) (TicketRow, error) {
	return t.one(ctx, `SELECT `+ticketColumns+` FROM tickets WHERE org_id = $1 AND number = $2 AND NOT deleted`, org, number)
}

// FindVisible answers the ticket that an id or a number names. ErrNoTicket when there is none that the caller may see.
func (t *Tickets) FindVisible(ctx context.Context, caller domain.Caller, ref string) (TicketRow, error) {
	var row TicketRow
	var err error
	if id, notUUID := uuid.Parse(ref); notUUID == nil {
		row, err = t.Find(ctx, caller.Org, ticket.ID{UUID: id})
	} else if number, notNumber := strconv.ParseInt(ref, 10, 64); notNumber == nil {
		row, err = t.FindByNumber(ctx, caller.Org, number)
	} else {
		return row, ErrNoTicket
	}
	if err == nil && !row.VisibleTo(caller.Actor) {
		return TicketRow{}, ErrNoTicket
	}
	return row, err
}

func (t *Tickets) one(ctx context.Context, sql string, org domain.OrgID, key any) (TicketRow, error) {
	rows, err := t.pool.Query(ctx, sql, [16]byte(org.UUID), key)
	if err != nil {
		return TicketRow{}, fmt.Errorf("find ticket: %w", err)
	}
	row, err := pgx.CollectOneRow(rows, scanTicket)
	if errors.Is(err, pgx.ErrNoRows) {
		return TicketRow{}, ErrNoTicket
	}
	if err != nil {
		return TicketRow{}, fmt.Errorf("find ticket: %w", err)
	}
	return row, nil
}

// OpenOf answers the open tickets that a member has, the newest first, at most limit of them.
func (t *Tickets) OpenOf(ctx context.Context, org domain.OrgID, assignee domain.UserID, limit int) ([]ticket.ID, error) {
	rows, err := t.pool.Query(ctx, `
		SELECT id FROM tickets WHERE org_id = $1 AND assignee = $2 AND NOT deleted AND status NOT IN ('resolved', 'closed', 'cancelled')
		ORDER BY created_at DESC, id DESC LIMIT $3`, [16]byte(org.UUID), [16]byte(assignee.UUID), limit)
	if err != nil {
		return nil, fmt.Errorf("find a member's tickets: %w", err)
	}
	ids, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id ticket.ID, err error) {
		return id, row.Scan((*[16]byte)(&id.UUID))
	})
	if err != nil {
		return nil, fmt.Errorf("find a member's tickets: %w", err)
	}
	return ids, nil
}

// owners answers whose own each ticket is: its creator's and its assignee's.
func (t *Tickets) owners(ctx context.Context, orgs, ids []uuid.UUID) (map[uuid.UUID][]domain.UserID, error) {
	rows, err := t.pool.Query(ctx, `
		SELECT t.id, t.created_by, coalesce(t.assignee, t.created_by)
		FROM unnest($1::uuid[], $2::uuid[]) AS about (org, id) JOIN tickets t ON t.org_id = about.org AND t.id = about.id`, raw(orgs), raw(ids))
	if err != nil {
		return nil, fmt.Errorf("find owners: %w", err)
	}
	owners := make(map[uuid.UUID][]domain.UserID, len(ids))
	var id uuid.UUID
	var creator, assignee domain.UserID
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&id), (*[16]byte)(&creator.UUID), (*[16]byte)(&assignee.UUID)}, func() error {
		owners[id] = []domain.UserID{creator, assignee}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find owners: %w", err)
	}
	return owners, nil
}

func scanTicket(row pgx.CollectableRow) (TicketRow, error) {
	var t TicketRow
	var assignee *uuid.UUID
	var tags, fields, attachments, ai, routes []byte
	err := row.Scan(
		(*[16]byte)(&t.ID.UUID), (*[16]byte)(&t.Org.UUID), &t.Version, &t.Number, &t.Title, &t.Description, &t.Status, &t.Priority, &t.Urgency,
		&t.Category, &t.Subcategory, &t.Department, &tags, &fields, &t.SourceChannel, (*[16]byte)(&t.CreatedBy.UUID), &assignee, &attachments,
		&t.ResolutionSummary, &t.FirstResponseAt, &t.ResolvedAt, &t.ClosedAt, &t.LastActivityAt, &t.Comments, &t.InternalComments, &t.Deleted,
		&t.CreatedAt, &t.UpdatedAt, &t.WordsErased, &ai,
		&routes, nil,
	)
	if err != nil {
		return t, err
	}
	if assignee != nil {
		t.Assignee.UUID = *assignee
	}
	if ai != nil {
		t.AI = &TicketAI{}
		err = json.Unmarshal(ai, t.AI)
	}
	return t, errors.Join(err, unlessEmpty(tags, &t.Tags), unlessEmpty(fields, &t.CustomFields), unlessEmpty(attachments, &t.Attachments), unlessEmpty(routes, &t.Routes))
}

// unlessEmpty spares the decoder the two values that most tickets have.
func unlessEmpty(text []byte, into any) error {
	if string(text) == "[]" || string(text) == "{}" {
		return nil
	}
	return json.Unmarshal(text, into)
}
