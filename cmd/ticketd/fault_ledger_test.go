//go:build linux

package main

import (
	"context"
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
)

// bystander reads a program's database past the program.
type bystander struct {
	*eventstore.Postgres
	t    *testing.T
	pool *pgxpool.Pool
}

func observeDatabase(t *testing.T, database string) bystander {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	pool, err := pgxpool.New(ctx, database)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	master, err := hex.DecodeString(faultKey)
	require.NoError(t, err)
	keys, err := eventstore.NewKeyring(master, eventstore.PostgresKeys{Pool: pool})
	require.NoError(t, err)
	store := eventstore.Open(ctx, pool, catalog.Codec, keys, eventstore.Options{})
	t.Cleanup(store.Close)
	return bystander{store, t, pool}
}

func (w bystander) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.pool.Exec(w.t.Context(), sql, args...)
	require.NoError(w.t, err)
}

func (w bystander) count(sql string, args ...any) (n int) {
	w.t.Helper()
	require.NoError(w.t, w.pool.QueryRow(w.t.Context(), sql, args...).Scan(&n))
	return n
}

// requireKept compares what the crowd was told with the log and with the rows.
func (w bystander) requireKept(c *crowd, org string) {
	w.t.Helper()
	events, err := w.Read(w.t.Context(), eventstore.Query{Org: uuidOf(w.t, org)})
	require.NoError(w.t, err)
	type word struct{ kind, text string }
	at, times := map[int64]eventstore.Recorded{}, map[word]int{}
	titles := map[uuid.UUID]string{}
	for _, e := range events {
		at[e.Position] = e
		if text, ok := textOf(e); ok {
			times[word{e.Type, text}]++
			if e.Type != "ticket.commented" {
				titles[e.Stream] = text
			}
		}
	}
	require.NotEmpty(w.t, c.ledger)
	for _, a := range c.ledger {
		e, kept := at[a.position]
		require.True(w.t, kept, "%+v was acknowledged and is lost", a)
		text, _ := textOf(e)
		require.Equal(w.t, a, acknowledged{e.Type, e.Stream.String(), text, e.Position})
		require.Equal(w.t, 1, times[word{a.kind, a.text}], "%+v", a)
	}
	for what, n := range times {
		require.Equal(w.t, 1, n, "%+v", what)
	}
	require.GreaterOrEqual(w.t, len(c.ledger)+len(c.asked)+1, len(times), "whatever is there was asked for")
	w.requireWhole()
	rows, err := w.pool.Query(w.t.Context(), `SELECT id, title FROM tickets`)
	require.NoError(w.t, err)
	var id [16]byte
	var title string
	_, err = pgx.ForEachRow(rows, []any{&id, &title}, func() error {
		require.Equal(w.t, titles[id], title, "the row says what the log says")
		return nil
	})
	require.NoError(w.t, err)
}

// textOf is what a writer wrote in an event.
func textOf(e eventstore.Recorded) (string, bool) {
	switch e := e.Event.(type) {
	case ticket.Opened:
		return e.Title, true
	case ticket.Edited:
		if e.Title != nil {
			return *e.Title, true
		}
	case ticket.Commented:
		return e.Content, true
	}
	return "", false
}

// requireWhole checks that nothing is half-written: every stream without a gap and chained as it was hashed, every row
// at its stream's version.
func (w bystander) requireWhole() {
	w.t.Helper()
	heads := map[uuid.UUID]eventstore.Raw{}
	require.NoError(w.t, w.Raw(w.t.Context(), eventstore.Query{}, func(r eventstore.Raw) error {
		before := heads[r.Stream]
		require.Equal(w.t, before.Version+1, r.Version, "position %d", r.Position)
		require.Equal(w.t, before.Hash, r.Prev, "position %d", r.Position)
		require.Equal(w.t, r.Link(), r.Hash, "position %d", r.Position)
		require.False(w.t, r.At.Before(before.At), "position %d", r.Position)
		heads[r.Stream] = r
		return nil
	}))
	for _, noun := range []string{"ticket", "user"} {
		require.Zero(w.t, w.count(`
			SELECT count(*) FROM `+noun+`s AS r FULL JOIN (
				SELECT stream_id, max(version) AS version FROM events WHERE type LIKE $1 GROUP BY stream_id
			) AS s ON s.stream_id = r.id WHERE r.version IS DISTINCT FROM s.version`, noun+".%"), "rows of %ss", noun)
	}
	require.Zero(w.t, w.count(`
		SELECT count(*) FROM comments AS c FULL JOIN (SELECT stream_id, version FROM events WHERE type = 'ticket.commented') AS e
			ON e.stream_id = c.ticket_id AND e.version = c.version
		WHERE c.version IS NULL OR e.version IS NULL`), "rows of comments")
}

// awaitSearch waits until the search knows every word of every ticket.
func (w bystander) awaitSearch() {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		return w.count(`
			SELECT count(*) FROM tickets AS t LEFT JOIN ticket_search AS s ON s.ticket_id = t.id
			WHERE s.words IS NULL OR NOT s.words @@ plainto_tsquery('english', t.title)
				OR EXISTS (SELECT FROM comments AS c WHERE c.ticket_id = t.id AND NOT s.words @@ plainto_tsquery('english', c.content))`) == 0
	}, startLimit, 50*time.Millisecond, "the search is complete")
}
