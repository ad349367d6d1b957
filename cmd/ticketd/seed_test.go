package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/projections"
)

// seeded answers the configuration of a database that was seeded, with what the command printed.
func seeded(t *testing.T, o seedOptions) (c config, token, said string) {
	t.Helper()
	c = quiet(t)
	token, said, err := seedInto(t, c, o)
	require.NoError(t, err)
	return c, token, said
}

func seedInto(t *testing.T, c config, o seedOptions) (token, said string, err error) {
	t.Helper()
	p, err := wire(t.Context(), c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer p.close(context.WithoutCancel(t.Context()))
	var out, stderr bytes.Buffer
	err = p.seed(t.Context(), o, &out, &stderr)
	return strings.TrimSpace(out.String()), stderr.String(), err
}

// A seeded database is one that was used: every stream decodes and verifies, every list works, and life goes on in it.
func TestASeededDatabaseWasUsed(t *testing.T) {
	t.Parallel()
	c, token, said := seeded(t, seedOptions{tickets: 400, organizations: 4, perTicket: 4, seed: 7})
	i := launch(t, c)
	admin := i.nobody().as(token)
	all := admin.get("/api/v1/tickets?limit=100")
	total := fmt.Sprint(int(admin.get("/api/v1/tickets/stats/overview").object()["total"].(float64)))
	require.Equal(t, total, all.header.Get("X-Total-Count"))
	require.Len(t, all.list(), 100)
	first := all.list()[0]
	words := strings.Fields(strings.TrimSuffix(str(first["description"]), "."))
	found := admin.get("/api/v1/tickets?q=" + words[len(words)-1] + "+" + words[len(words)-2])
	require.NotEmpty(t, found.list())
	history := admin.get("/api/v1/tickets/" + str(first["id"]) + "/history")
	require.Equal(t, str(first["title"]), str(history.list()[0]["data"].(object)["title"]))
	verified := admin.get("/api/v1/audit/verify").object()
	require.Equal(t, true, verified["valid"], "%v", verified)

	// The next ticket has the next number, and the admin can sign in.
	var last int64
	require.NoError(t, i.pool.QueryRow(t.Context(), `SELECT max(number) FROM tickets WHERE org_id = (SELECT org_id FROM tickets WHERE id = $1)`, str(first["id"])).Scan(&last))
	require.EqualValues(t, last+1, admin.ticket().object()["number"])
	var name, password string
	_, err := fmt.Sscanf(said[strings.Index(said, "sign in as"):], "sign in as %s with the password %s", &name, &password)
	require.NoError(t, err)
	i.nobody().do(200, "POST", "/api/v1/auth/login", object{"username": name, "password": password})

	// What follows the log began behind what was seeded.
	var behind int
	require.NoError(t, i.pool.QueryRow(t.Context(), `SELECT count(*) FROM checkpoints c WHERE position < $1`, 400).Scan(&behind))
	require.Zero(t, behind)
}

func TestTheSameSeedMakesTheSameTickets(t *testing.T) {
	t.Parallel()
	titles := func(o seedOptions) (titles []string) {
		c, _, _ := seeded(t, o)
		p := &program{config: c, log: slog.New(slog.DiscardHandler)}
		require.NoError(t, p.connect(t.Context()))
		defer p.close(t.Context())
		require.NoError(t, p.pool.QueryRow(t.Context(), `SELECT array_agg(title || status || version ORDER BY id) FROM tickets`).Scan(&titles))
		return titles
	}
	one := titles(seedOptions{tickets: 50, organizations: 2, perTicket: 3, seed: 1})
	require.Len(t, one, 50)
	require.Equal(t, one, titles(seedOptions{tickets: 50, organizations: 2, perTicket: 3, seed: 1}))
	require.NotEqual(t, one, titles(seedOptions{tickets: 50, organizations: 2, perTicket: 3, seed: 2}))
}

func TestSeedingIsRefusedWhereItWouldHarm(t *testing.T) {
	t.Parallel()
	o := seedOptions{tickets: 3, organizations: 3, perTicket: 1, seed: 1}
	c, _, _ := seeded(t, o)
	_, _, err := seedInto(t, c, o)
	require.ErrorIs(t, err, errSeedNotEmpty)
	o.add = true
	_, _, err = seedInto(t, c, o)
	require.NoError(t, err, "names are others")
	for _, bad := range []seedOptions{{}, {tickets: 1, organizations: 2, perTicket: 1}, {tickets: 1, organizations: 1}} {
		_, _, err = seedInto(t, c, bad)
		require.ErrorIs(t, err, errSeedCounts)
	}
	c.Environment = "staging"
	_, _, err = seedInto(t, c, o)
	require.Error(t, err)
}

func TestFewOrganizationsHaveManyTickets(t *testing.T) {
	t.Parallel()
	for _, all := range [][2]int{{1, 1}, {2, 2}, {10, 2}, {1000, 7}, {1_000_000, 200}} {
		sum, got := 0, sizes(all[0], all[1])
		for i, n := range got {
			require.Positive(t, n)
			require.LessOrEqual(t, n, got[max(0, i-1)])
			sum += n
		}
		require.Equal(t, all[0], sum)
	}
	require.InDelta(t, 200_000, sizes(1_000_000, 200)[0], 2000)
}

// Whoever follows must not jump over what others wrote meanwhile.
func TestNobodyIsSentPastForeignEvents(t *testing.T) {
	t.Parallel()
	i := boot(t)
	i.founder("ada").ticket()
	_, err := i.pool.Exec(t.Context(), `INSERT INTO checkpoints (name, position) VALUES ('watched', 0)`)
	require.NoError(t, err)
	i.projections = []projections.Projection{{Name: "watched", Handle: projections.Search}}
	require.NoError(t, i.passOver(t.Context(), 0, 1))
	var at int64
	watched := func() int64 {
		require.NoError(t, i.pool.QueryRow(t.Context(), `SELECT position FROM checkpoints WHERE name = 'watched'`).Scan(&at))
		return at
	}
	require.Zero(t, watched(), "not all of these are ours")
	head, err := i.store.Head(t.Context())
	require.NoError(t, err)
	var all int64
	require.NoError(t, i.pool.QueryRow(t.Context(), `SELECT count(*) FROM events`).Scan(&all))
	require.NoError(t, i.passOver(t.Context(), 0, all))
	require.Equal(t, head, watched())
	require.ErrorContains(t, i.moveNumbers(expired(t), inMemory{domain.OrgID{}: 1}), "ticket numbers")
	require.Error(t, i.passOver(expired(t), 0, 0))
}

func expired(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
