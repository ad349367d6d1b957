package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/eventstore"
)

func TestWhoIsRemovedGivesTheirTicketsBack(t *testing.T) {
	t.Parallel()
	i := boot(t)
	admin := i.founder("ann")
	bob := admin.colleague("support")
	me := bob.get("/api/v1/users/me")
	open := admin.ticket(object{"assigned_to_id": me.id()})
	done := admin.ticket(object{"assigned_to_id": me.id()})
	admin.do(200, "POST", "/api/v1/tickets/"+done.id()+"/status", object{"status": "resolved"})

	removed := admin.with("X-Request-ID", "leaving-1").do(204, "DELETE", "/api/v1/members/"+me.id(), nil)
	eventually(t, func() bool { return admin.get("/api/v1/tickets/" + open.id()).object()["assigned_to_id"] == nil }, "released")
	require.Equal(t, me.id(), admin.get("/api/v1/tickets/"+done.id()).text("assigned_to_id"), "a finished ticket keeps who finished it")

	history := admin.get("/api/v1/tickets/" + open.id() + "/history").list()
	last := history[len(history)-1]
	require.Equal(t, "ticket.unassigned", last["type"])
	require.Equal(t, object{"type": "system", "id": nil, "name": "system"}, last["actor"])
	require.Equal(t, "leaving-1", last["correlation_id"])
	require.Equal(t, removed.header.Get("X-Event-Position"), last["causation_id"])
}

func TestAReactionThatKeepsFailingIsSetAside(t *testing.T) {
	t.Parallel()
	i := boot(t)
	broken := commands.Reaction{
		Name: "broken", Facts: []string{"ticket.opened"},
		React: func(context.Context, eventstore.Recorded) error { return errors.New("cannot be done") },
	}
	feed := &eventstore.Feed{Store: i.store, Pool: i.pool, Log: slog.New(slog.DiscardHandler)}
	var health reactionHealth
	var log logbook
	router, err := newRouter(i.pool, feed, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})), &health, broken)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- router.Run(ctx) }()

	ann := i.founder("ann")
	made := ann.ticket()
	require.Eventually(t, func() bool {
		var aside string
		err := i.pool.QueryRow(ctx, `SELECT payload::text FROM watermill_reactions_poison LIMIT 1`).Scan(&aside)
		return err == nil && len(aside) > 0
	}, 30*time.Second, 50*time.Millisecond, "set aside")
	stop()
	require.NoError(t, <-ended)
	require.Positive(t, health.aside.Load())
	require.Contains(t, log.String(), "a reaction was given up")

	var payload string
	require.NoError(t, i.pool.QueryRow(t.Context(), `SELECT payload::text FROM watermill_reactions_poison`).Scan(&payload))
	require.Contains(t, payload, made.id())
	require.NotContains(t, payload, made.text("title"))
}

// An event that nobody can read stops a reaction, and whoever looks after the program is told: by name, for everybody may ask.
func TestAReactionThatHasStopped(t *testing.T) {
	t.Parallel()
	var log logbook
	p, err := wire(t.Context(), quiet(t), slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	defer p.close(context.WithoutCancel(t.Context()))
	require.Empty(t, p.Ready(t.Context()))
	_, err = p.pool.Exec(t.Context(), `
		INSERT INTO events (stream_id, version, org_id, type, data, metadata, recorded_at, prev_hash, hash)
		VALUES (gen_random_uuid(), 1, gen_random_uuid(), 'nobody.knows', '{}', '{}', now(), decode(repeat('00', 32), 'hex'), decode(repeat('01', 32), 'hex'))`)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.reactions.Run(ctx) }()
	eventually(t, func() bool { return p.Ready(t.Context())["release_tickets"] == "has stopped" })
	require.Contains(t, log.String(), "nobody.knows", "the reason is in the log")
	stop()
	require.NoError(t, <-ended)
}

func TestTheOrganizationHasAName(t *testing.T) {
	t.Parallel()
	i := boot(t)
	admin := i.founder("ann")
	org := admin.get("/api/v1/organization")
	require.NotEmpty(t, org.text("name"))
	require.Equal(t, admin.get("/api/v1/users/me").id(), org.text("founded_by"))

	renamed := admin.with("If-Match", org.etag()).patch("/api/v1/organization", object{"name": "Acme"})
	require.Equal(t, "Acme", renamed.text("name"))
	require.NotEqual(t, org.etag(), renamed.etag())
	require.Equal(t, renamed.etag(), admin.patch("/api/v1/organization", object{"name": "Acme"}).etag(), "a repeat changes nothing")
	admin.with("If-Match", org.etag()).do(412, "PATCH", "/api/v1/organization", object{"name": "Other"}).requireProblem()
	admin.with("If-Match", "nonsense").do(412, "PATCH", "/api/v1/organization", object{"name": "Other"}).requireProblem()
	admin.do(422, "PATCH", "/api/v1/organization", object{"name": ""}).requireProblem()
	member := admin.colleague("member")
	require.Equal(t, "Acme", member.get("/api/v1/organization").text("name"))
	member.do(403, "PATCH", "/api/v1/organization", object{"name": "Mine"}).requireProblem()
}
