package projections_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres/postgrestest"
	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// desk is an event store with the tables of tickets, on a database of its own.
type desk struct {
	*testing.T
	pool     *pgxpool.Pool
	store    *eventstore.Postgres
	tickets  *projections.Tickets
	comments *projections.Comments
	org      domain.OrgID
	ann, bob domain.UserID
}

func newDesk(t *testing.T) desk {
	t.Helper()
	pool := postgrestest.Pool(t)
	d := desk{
		T: t, pool: pool, tickets: projections.NewTickets(pool), comments: projections.NewComments(pool), org: newOrg(), ann: newUser(), bob: newUser(),
	}
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: pool})
	require.NoError(t, err)
	d.store = eventstore.Open(t.Context(), pool, catalog.Codec, keys, eventstore.Options{Inline: []eventstore.Inline{d.tickets, projections.NewTicketTags(pool), d.comments}})
	t.Cleanup(d.store.Close)
	return d
}

// happen appends events to a ticket and answers its stream.
func (d desk) happen(id ticket.ID, events ...any) eventstore.Stream {
	d.Helper()
	stream, err := d.store.Load(d.Context(), d.org.UUID, id.UUID)
	require.NoError(d, err)
	streams, err := d.store.Append(d.Context(), eventstore.Metadata{Actor: eventstore.Actor{Type: "user", ID: d.ann.UUID}}, eventstore.Write{Stream: stream, Events: events})
	require.NoError(d, err)
	return streams[0]
}

// opened makes a ticket of Ann's, about which nothing is said.
func (d desk) opened(change ...func(*ticket.Opened)) ticket.ID {
	d.Helper()
	id := newTicket()
	o := ticket.Opened{
		Number: 1, Title: "Printer", Description: "It burns.", Priority: ticket.Medium, Urgency: ticket.Medium, Category: ticket.General,
		SourceChannel: "api", CreatedBy: d.ann,
	}
	for _, f := range change {
		f(&o)
	}
	d.happen(id, o)
	return id
}

func newTicket() ticket.ID { return ticket.ID{UUID: uuid.Must(uuid.NewV7())} }

func (d desk) commented(author domain.UserID, content string, internal bool) ticket.Commented {
	return ticket.Commented{CommentID: uuid.Must(uuid.NewV7()), Author: author, Content: content, Internal: internal}
}

func (d desk) find(id ticket.ID) projections.TicketRow {
	d.Helper()
	row, err := d.tickets.Find(d.Context(), d.org, id)
	require.NoError(d, err)
	return row
}

// list answers the numbers of the tickets that a filter selects, as they come.
func (d desk) list(p projections.TicketPage) []int64 {
	d.Helper()
	if p.Limit == 0 {
		p.Limit = 100
	}
	rows, err := d.tickets.List(d.Context(), d.org, p)
	require.NoError(d, err)
	if p.Offset == 0 && p.After == nil && len(rows) < p.Limit {
		count, err := d.tickets.Count(d.Context(), d.org, p.Filter)
		require.NoError(d, err)
		require.Len(d, rows, count)
	}
	numbers := []int64{}
	for _, row := range rows {
		numbers = append(numbers, row.Number)
	}
	return numbers
}

// index brings the full-text index up to date, as its feed does.
func (d desk) index() {
	d.Helper()
	events, err := d.store.Read(d.Context(), eventstore.Query{})
	require.NoError(d, err)
	b := &pgx.Batch{}
	require.NoError(d, projections.Search(d.Context(), b, events))
	require.NoError(d, d.pool.SendBatch(d.Context(), b).Close())
}

func (d desk) queue(streams ...eventstore.Stream) {
	d.Helper()
	b := &pgx.Batch{}
	d.tickets.Queue(b, streams)
	d.comments.Queue(b, streams)
	require.NoError(d, d.pool.SendBatch(d.Context(), b).Close())
}

func (d desk) dump() []string {
	d.Helper()
	rows, err := d.pool.Query(d.Context(), `SELECT t::text FROM tickets t UNION ALL SELECT c::text FROM comments c UNION ALL SELECT s::text FROM ticket_search s`)
	require.NoError(d, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(d, err)
	slices.Sort(list)
	return list
}

// streams answers the whole log, stream by stream.
func (d desk) streams() []eventstore.Stream {
	d.Helper()
	events, err := d.store.Read(d.Context(), eventstore.Query{})
	require.NoError(d, err)
	byID := map[uuid.UUID]eventstore.Stream{}
	for _, r := range events {
		s := byID[r.Stream]
		s.Org, s.ID, s.Events = r.Org, r.Stream, append(s.Events, r)
		byID[r.Stream] = s
	}
	var all []eventstore.Stream
	for _, s := range byID {
		all = append(all, s)
	}
	return all
}

func utc(t projections.TicketRow) projections.TicketRow {
	for _, at := range []*time.Time{&t.CreatedAt, &t.UpdatedAt, &t.LastActivityAt} {
		*at = at.UTC()
	}
	for _, at := range []**time.Time{&t.FirstResponseAt, &t.ResolvedAt, &t.ClosedAt} {
		if *at != nil {
			moment := (*at).UTC()
			*at = &moment
		}
	}
	return t
}
