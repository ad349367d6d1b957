package commands_test

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/domain/syncing"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// audit is a post whose tickets are compared with those at the vendor's.
type audit struct {
	*post
	line      *line
	syncs     commands.Syncs
	catalogue *catalogue
}

// audits runs a test of syncs in a time of its own, with a dispatcher that runs.
func audits(t *testing.T, test func(a audit)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p, l, _ := running(t)
		a := audit{post: p, line: l, catalogue: &catalogue{post: p}}
		a.syncs = a.syncing(p.log)
		test(a)
	})
}

func (a audit) syncing(log eventstore.Log) commands.Syncs {
	return commands.NewSyncs(log, a.deliveries, commands.SyncParts{
		Tickets: a.catalogue, Waits: a.line, Patience: 2 * time.Minute, Look: 100 * time.Millisecond, Tell: time.Second,
	})
}

// Waits implements commands.DeliveryWaits.
func (l *line) Waits(_ context.Context, _ domain.OrgID, ids []uuid.UUID) (map[uuid.UUID]time.Time, error) {
	waits := map[uuid.UUID]time.Time{}
	return waits, l.locked(func() {
		for _, j := range l.jobs {
			if slices.Contains(ids, j.Delivery) {
				waits[j.Delivery] = j.due
			}
		}
	})
}

// catalogue finds tickets in the log.
type catalogue struct {
	*post
	broken error
}

// Routed implements commands.SyncedTickets.
func (s *catalogue) Routed(ctx context.Context, org domain.OrgID, to uuid.UUID, by time.Time, behind uuid.UUID, limit int) (ids []uuid.UUID, err error) {
	events, err := s.log.Read(ctx, eventstore.Query{Org: org.UUID, Types: []string{"ticket.routed"}, Until: by})
	for _, r := range events {
		if e, ok := r.Event.(ticket.Routed); ok && e.Integration == to && bytes.Compare(r.Stream[:], behind[:]) > 0 {
			ids = append(ids, r.Stream)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	ids = slices.Compact(ids)
	if s.broken != nil {
		return nil, s.broken
	}
	return ids[:min(len(ids), limit)], err
}

// CountRouted implements commands.SyncedTickets.
func (s *catalogue) CountRouted(ctx context.Context, org domain.OrgID, to uuid.UUID, by time.Time) (int, error) {
	ids, err := s.Routed(ctx, org, to, by, uuid.Nil, 1_000_000)
	return len(ids), err
}

// Last implements commands.SyncedTickets.
func (s *catalogue) Last(ctx context.Context, org domain.OrgID, to uuid.UUID) (last int, err error) {
	events, err := s.log.Read(ctx, eventstore.Query{Org: org.UUID, Types: []string{"sync.started"}})
	for _, r := range events {
		if e, ok := r.Event.(syncing.Started); ok && e.Integration == to {
			last = max(last, e.Number)
		}
	}
	return last, err
}

// settled has everything delivered that there is to deliver.
func (a audit) settled() {
	a.Helper()
	pass(time.Minute)
	require.Zero(a, a.line.length())
}

// begin starts a sync and answers its job.
func (a audit) begin(to uuid.UUID, dry bool) commands.SyncJob {
	a.Helper()
	stream, err := a.syncs.Start(a.Context(), a.by(a.ann), commands.NewID(), to, dry)
	require.NoError(a, err)
	return commands.SyncJob{Org: a.org, Sync: stream.ID, Correlation: "req-1", Causation: "7"}
}

// sync does a whole sync and answers what came of each ticket, and the last event of it.
func (a audit) sync(to uuid.UUID, dry bool) (map[uuid.UUID]syncing.Looked, any) {
	a.Helper()
	job := a.begin(to, dry)
	require.NoError(a, a.syncs.Run(a.Context(), job))
	return a.report(job.Sync)
}

func (a audit) report(id uuid.UUID) (map[uuid.UUID]syncing.Looked, any) {
	a.Helper()
	stream, err := a.log.Load(a.Context(), a.org.UUID, id)
	require.NoError(a, err)
	facts := map[uuid.UUID]syncing.Looked{}
	for _, r := range stream.Events {
		if e, ok := r.Event.(syncing.Looked); ok {
			require.NotContains(a, facts, e.Ticket, "each ticket is told of once")
			facts[e.Ticket] = e
		}
	}
	return facts, stream.Events[stream.Version()-1].Event
}

// elsewhere is how the log stands without syncs.
func (a audit) elsewhere() (positions []int64) {
	a.Helper()
	events, err := a.log.Read(a.Context(), eventstore.Query{Org: a.org.UUID})
	require.NoError(a, err)
	for _, r := range events {
		if r.Category() != "sync" {
			positions = append(positions, r.Position)
		}
	}
	return positions
}

func (a audit) calls(status ticket.Status) string {
	return integration.Jira.Over(integration.Mapping{}).Status[string(status)]
}

// at is the ticket at the vendor's.
func (a audit) at(id uuid.UUID) *vendorTicket {
	for _, t := range a.vendor.tickets {
		if t.mark == id {
			return t
		}
	}
	require.Fail(a, "it is not there")
	return nil
}

// mess is one ticket of each kind that a sync may find.
type mess struct {
	to                                                          uuid.UUID
	equal, moved, said, edited, parked, lost, named, both, gone ticket.ID
}

// mess makes one of each.
func (a audit) mess() mess {
	a.Helper()
	m := mess{to: a.connected(both)}
	for _, id := range []*ticket.ID{&m.equal, &m.moved, &m.said, &m.edited, &m.parked, &m.both, &m.gone} {
		*id, _ = a.opened(m.to)
	}
	a.settled()
	a.vendor.always(trouble(commands.Rejected))
	a.do(m.parked, ticket.AddComment{CommentID: commands.NewID(), Content: "They must know.", By: a.ann})
	a.react()
	pass(time.Minute)
	a.vendor.always(nil)

	a.at(m.moved.UUID).status = a.calls(ticket.Resolved)
	a.at(m.said.UUID).comments = append(a.at(m.said.UUID).comments, commands.RemoteComment{ID: "x1", Author: "Zoe", Text: "We are on it."}, commands.RemoteComment{ID: "x2"})
	a.do(m.edited, ticket.Edit{Changes: ticket.Changes{Title: new("VPN was down")}, By: a.ann})
	a.do(m.edited, ticket.AddComment{CommentID: commands.NewID(), Content: "It works.", By: a.ann})
	a.at(m.both.UUID).status = a.calls(ticket.Pending)
	a.do(m.both, ticket.ChangeStatus{To: ticket.Closed, By: a.ann})
	a.do(m.gone, ticket.Delete{By: a.ann})
	m.lost, m.named = ticket.ID{UUID: commands.NewID()}, ticket.ID{UUID: commands.NewID()}
	for _, id := range []ticket.ID{m.lost, m.named} {
		open := ticket.OpenTicket{Content: ticket.Content{Title: "VPN", Description: "It is down.", Priority: ticket.High}, Integration: m.to, Send: id == m.lost, By: a.ann}
		_, err := a.tickets.Handle(a.Context(), a.by(a.ann), id, open)
		require.NoError(a, err)
	}
	return m
}
