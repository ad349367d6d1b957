//go:build linux

package main

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres/postgrestest"
	"ticketd/domain/integration"
)

// turns knows which process serves an account.
type turns struct {
	conn *pgx.Conn
	id   string
}

func (w *towards) turns(database string) turns {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), database)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = conn.Close(w.t.Context()) })
	return turns{conn, w.id}
}

// holder is who serves the account; empty: nobody does.
func (s turns) holder(t *testing.T) (who string) {
	t.Helper()
	require.NoError(t, s.conn.QueryRow(t.Context(), `SELECT coalesce(min(holder::text), '') FROM integration_turns WHERE integration_id = $1`, s.id).Scan(&who))
	return who
}

// names counts the titles of what is there.
func (w *towards) names() map[string]int {
	names := map[string]int{}
	for _, there := range w.Tickets() {
		names[there.Title]++
	}
	return names
}

// fills makes tickets by the clients in turns, at the same time.
func (w *towards) fills(tickets int, clients ...*client) {
	w.t.Helper()
	var work sync.WaitGroup
	for n, c := range clients {
		work.Go(func() {
			for number := n; number < tickets; number += len(clients) {
				answer, err := c.try("POST", "/api/v1/tickets", object{"title": "Ticket " + strconv.Itoa(number), "description": "It burns.", "category": "general", "priority": "medium", "integration_id": w.id})
				if err != nil || answer.status != 201 {
					w.t.Errorf("%v: %d %s", err, answer.status, answer.raw)
				}
			}
		})
	}
	work.Wait()
}

// requireAllOnce fails unless each of the tickets is there, once.
func (w *towards) requireAllOnce(tickets int) {
	w.t.Helper()
	names := w.names()
	require.Len(w.t, names, tickets)
	for name, times := range names {
		require.Equal(w.t, 1, times, name)
	}
}

const (
	shared     = 60
	sharedRate = 40 // requests a second that the vendor takes
)

// Two instances that count the vendor's limit each for itself would go over it together all the time.
func TestTwoInstancesServeAnAccountOneAtATime(t *testing.T) {
	t.Parallel()
	c := quiet(t)
	hasty(&c)
	a, b := launch(t, c), launch(t, c)
	a.noisy, b.noisy = true, true
	v := begins(t, integration.Jira)
	v.Base().Limit(sharedRate, time.Second)
	w := a.founder("ada").connects(v).usable()
	w.fills(shared, w.ada, w.ada.at(b))
	w.until(func() bool { return len(w.Tickets()) >= shared })
	w.settled()
	w.requireAllOnce(shared)
	require.LessOrEqual(t, v.Base().Refused(), 2, "each learns it once")
}

// Whoever serves an account is killed: another goes on with what is left, and looks first at what was under way.
func TestAnotherInstanceGoesOnForOneThatIsKilled(t *testing.T) {
	t.Parallel()
	database := postgrestest.Database(t)
	start := func() *child { return begin(t, database, "OUTBOUND_ALLOW=127.0.0.0/8", "JOB_LEASE=1s") }
	one := start()
	v := begins(t, integration.Jira)
	v.Base().Limit(4, time.Second) // so slow that much is left when the other has started
	w := one.founder("ada").connects(v).usable()
	turns := w.turns(database)
	w.fills(shared, w.ada)
	w.until(func() bool { return len(w.Tickets()) > 0 })
	first := turns.holder(t)
	require.NotEmpty(t, first)

	other := start()
	w.ada = other.here(w.ada)
	require.Contains(t, []string{first, ""}, turns.holder(t), "the other leaves it alone; for a moment there may be nothing to do")
	require.Less(t, len(w.Tickets()), shared)
	one.kill()
	v.Base().Limit(sharedRate, time.Second)
	w.until(func() bool { second := turns.holder(t); return second != first && second != "" })
	w.until(func() bool { return len(w.Tickets()) >= shared })
	w.settled()
	w.requireAllOnce(shared)
}
