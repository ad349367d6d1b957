package projections_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres/postgrestest"
	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/domain/syncing"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// countingRoom is an event store with the tables that syncs are made of and read from, on a database of its own.
type countingRoom struct {
	trialRoom

	syncs *projections.Syncs
	there uuid.UUID
}

func newCountingRoom(t *testing.T) countingRoom {
	t.Helper()
	r := countingRoom{trialRoom: trialRoom{council: council{T: t, pool: postgrestest.Pool(t), org: newOrg(), ann: newUser()}}, there: newUser().UUID}
	r.syncs = projections.NewSyncs(r.pool)
	keys, err := r.keys(r.pool)
	require.NoError(t, err)
	r.store = eventstore.Open(t.Context(), r.pool, catalog.Codec, keys, eventstore.Options{Inline: []eventstore.Inline{
		r.syncs, projections.NewTickets(r.pool), projections.NewDeliveries(r.pool),
	}})
	t.Cleanup(r.store.Close)
	return r
}

func (r countingRoom) started(number int) syncing.Started {
	return syncing.Started{Integration: r.there, Number: number, DryRun: number == 2, Tickets: 9, By: r.ann, Request: r.there}
}

func TestASyncIsFoundAsItsEventsSay(t *testing.T) {
	t.Parallel()
	r := newCountingRoom(t)
	counts := syncing.Counts{Created: 1, Updated: 2, Skipped: 3, Failed: 4}
	first, second := syncing.IDOf(r.there, 1), syncing.IDOf(r.there, 2)
	stream := r.happen(r.org, first, r.started(1), syncing.Looked{Ticket: first, Outcome: syncing.WasCreated}, syncing.Progressed{Integration: r.there, Tickets: 12, Counts: counts},
		syncing.Ended{Integration: r.there, Counts: counts})
	row, err := r.syncs.Find(t.Context(), r.org, r.there, first)
	require.NoError(t, err)
	ended := stream.Events[3].At
	require.WithinDuration(t, ended, *row.EndedAt, 0)
	row.StartedAt, row.EndedAt = row.StartedAt.UTC(), &ended
	require.Equal(t, projections.Fold(projections.ApplySync, stream.Events), row)
	require.Equal(t, projections.SyncRow{
		ID: first, Org: r.org, Version: 4, Integration: r.there, Number: 1, Status: projections.SyncCompleted, Tickets: 10, Counts: counts, StartedBy: r.ann,
		StartedAt: stream.Events[0].At, EndedAt: &ended,
	}, row)

	r.happen(r.org, second, r.started(2), syncing.Failed{Integration: r.there, Tickets: 9, Code: "given_up", Why: "Enough."})
	list, err := r.syncs.List(t.Context(), r.org, r.there, 5, 0)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, []any{second, projections.SyncFailed, "given_up", "Enough.", true, 9}, []any{list[0].ID, list[0].Status, list[0].Code, list[0].Reason, list[0].DryRun, list[0].Tickets})
	list, err = r.syncs.List(t.Context(), r.org, r.there, 5, 1)
	require.NoError(t, err)
	require.Len(t, list, 1)

	third := syncing.IDOf(r.there, 3)
	r.happen(r.org, third, r.started(3))
	last, err := r.syncs.Last(t.Context(), r.org, r.there)
	require.NoError(t, err)
	require.Equal(t, 3, last)
	unfinished, err := r.syncs.Unfinished(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, []projections.UnfinishedSync{{Org: r.org, ID: third}}, unfinished)
	unfinished, err = r.syncs.Unfinished(t.Context(), time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Empty(t, unfinished)

	for _, where := range []struct {
		org domain.OrgID
		of  uuid.UUID
	}{{newOrg(), r.there}, {r.org, newUser().UUID}} {
		_, err = r.syncs.Find(t.Context(), where.org, where.of, first)
		require.ErrorIs(t, err, syncing.ErrNotFound)
		list, err = r.syncs.List(t.Context(), where.org, where.of, 5, 0)
		require.NoError(t, err)
		require.Empty(t, list)
		last, err = r.syncs.Last(t.Context(), where.org, where.of)
		require.NoError(t, err)
		require.Zero(t, last)
	}
}

func TestASyncLooksAtWhatIsRoutedToItsIntegration(t *testing.T) {
	t.Parallel()
	r := newCountingRoom(t)
	open := func(number int64, more ...any) uuid.UUID {
		id := newUser().UUID
		r.happen(r.org, id, append([]any{ticket.Opened{Number: number, Title: "VPN", CreatedBy: r.ann}}, more...)...)
		return id
	}
	sent := ticket.Routed{Integration: r.there, Platform: "jira", Send: true}
	open(1)
	open(2, ticket.Routed{Integration: newUser().UUID, Platform: "jira"})
	live, named := open(3, sent), open(4, ticket.Routed{Integration: r.there, Platform: "jira"})
	leaving, left := open(5, sent, ticket.Deleted{}), open(6, sent, ticket.Deleted{})
	begun := func(id uuid.UUID) delivery.Begun {
		return delivery.Begun{Integration: r.there, Ticket: id, CreatedBy: r.ann}
	}
	r.happen(r.org, delivery.IDOf(r.there, leaving), begun(leaving))
	r.happen(r.org, delivery.IDOf(r.there, left), begun(left), delivery.Ended{Code: "ticket_deleted"})

	by := time.Now().Add(time.Hour)
	var found []uuid.UUID
	for behind := uuid.Nil; ; {
		page, err := r.syncs.Routed(t.Context(), r.org, r.there, by, behind, 2)
		require.NoError(t, err)
		found = append(found, page...)
		if len(page) < 2 {
			break
		}
		behind = page[1]
	}
	require.ElementsMatch(t, []uuid.UUID{live, named, leaving}, found)
	n, err := r.syncs.CountRouted(t.Context(), r.org, r.there, by)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	numbers, err := r.syncs.Numbers(t.Context(), r.org, append(found, newUser().UUID))
	require.NoError(t, err)
	require.Equal(t, map[uuid.UUID]int64{live: 3, named: 4, leaving: 5}, numbers)

	n, err = r.syncs.CountRouted(t.Context(), r.org, r.there, time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.Zero(t, n, "they were made after the sync had begun")
	n, err = r.syncs.CountRouted(t.Context(), newOrg(), r.there, by)
	require.NoError(t, err)
	require.Zero(t, n)
	numbers, err = r.syncs.Numbers(t.Context(), newOrg(), found)
	require.NoError(t, err)
	require.Empty(t, numbers)
}

func TestADatabaseThatIsAwayIsNoAnswerAboutSyncs(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t)
	syncs, org, id := projections.NewSyncs(pool), newOrg(), newUser().UUID
	pool.Close()
	for name, ask := range map[string]func() error{
		"find sync":          func() error { _, err := syncs.Find(t.Context(), org, id, id); return err },
		"list syncs":         func() error { _, err := syncs.List(t.Context(), org, id, 1, 0); return err },
		"find the last sync": func() error { _, err := syncs.Last(t.Context(), org, id); return err },
		"unfinished syncs":   func() error { _, err := syncs.Unfinished(t.Context(), time.Now()); return err },
		"find routed":        func() error { _, err := syncs.Routed(t.Context(), org, id, time.Now(), id, 1); return err },
		"count routed":       func() error { _, err := syncs.CountRouted(t.Context(), org, id, time.Now()); return err },
		"numbers":            func() error { _, err := syncs.Numbers(t.Context(), org, []uuid.UUID{id}); return err },
	} {
		require.ErrorContains(t, ask(), name)
	}
}

func TestASyncTellsHowFarItIs(t *testing.T) {
	t.Parallel()
	there, id, at := newUser().UUID, newUser().UUID, time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	counts := syncing.Counts{Created: 1, Updated: 2, Skipped: 3, Failed: 4}
	told := projections.SyncNotice{SyncID: id, IntegrationID: there, Status: "running", Total: 12, Timestamp: "2026-11-22T09:00:00.000Z"}
	under := told
	under.Done, under.Created, under.Updated, under.Skipped, under.Failed = 10, 1, 2, 3, 4
	ended, failed := under, under
	ended.Status, ended.Total = "completed", 10
	failed.Status, failed.Error = "failed", "Enough."
	for want, event := range map[projections.SyncNotice]syncing.Event{
		told:   syncing.Started{Integration: there, Tickets: 12},
		under:  syncing.Progressed{Integration: there, Tickets: 12, Counts: counts},
		ended:  syncing.Ended{Integration: there, Counts: counts},
		failed: syncing.Failed{Integration: there, Tickets: 12, Counts: counts, Code: "given_up", Why: "Enough."},
	} {
		notices, err := (&projections.Notices{}).From(t.Context(), []eventstore.Recorded{
			{Position: 4, At: at, Stream: id, Event: syncing.Looked{Ticket: id}}, {Position: 5, At: at, Stream: id, Event: event},
		})
		require.NoError(t, err)
		require.Len(t, notices, 1)
		require.Equal(t, want, notices[0].Data)
		require.Equal(t, []any{"integration_sync_progress", "system", there, domain.ReadDeliveries}, []any{notices[0].Type, notices[0].Protocol, notices[0].Topic, notices[0].Needs})
	}
}
