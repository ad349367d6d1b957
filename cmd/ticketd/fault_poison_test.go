//go:build linux

package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/eventstore"
)

// An event that a projection cannot apply stops that projection, and /ready names it. Everything else goes on, and so
// does the projection, from where it was, once the program is started with the fault mended.
func TestAPoisonEventStopsOneProjection(t *testing.T) {
	t.Parallel()
	database := faultDatabase(t)
	p := begin(t, database)
	w := observeDatabase(t, database)
	ann := p.founder("ann")
	bob := ann.colleague("support")
	s := attend(t, func() *client { return p.here(ann) }, 0)
	w.exec(`ALTER TABLE ticket_search ADD CONSTRAINT no_poison CHECK (NOT words @@ 'poison')`)
	p.requireReady()
	ann.ticket(object{"title": "harmless"})
	w.awaitSearch()
	ann.ticket(object{"title": "poison"})
	p.awaitMissing("ticket_search")
	_, missing := p.readiness()
	require.Equal(t, map[string]string{"ticket_search": "has stopped"}, missing, "nothing else, and no reason for everybody to read")
	require.Contains(t, p.log.String(), "no_poison", "the reason is in the log")

	stopped := w.count(`SELECT position FROM checkpoints WHERE name = 'ticket_search'`)
	given := ann.ticket(object{"title": "afterwards", "assigned_to_id": bob.user})
	require.Equal(t, "open", ann.get("/api/v1/tickets/"+given.id()).text("status"))
	ann.do(204, "DELETE", "/api/v1/members/"+bob.user, nil)
	eventually(t, func() bool { return ann.get("/api/v1/tickets/" + given.id()).object()["assigned_to_id"] == nil }, "reactions go on")
	s.requireEverything(w, ann.org)
	require.Equal(t, stopped, w.count(`SELECT position FROM checkpoints WHERE name = 'ticket_search'`), "it stands before the event")

	p.stop()
	w.exec(`ALTER TABLE ticket_search DROP CONSTRAINT no_poison`)
	p.start()
	w.awaitSearch()
	p.requireReady()
	p.log.requireHealthy(t)
}

// plant appends an event of a type that this program does not know, as a newer one would.
func (w bystander) plant(stream eventstore.Stream) {
	w.t.Helper()
	r := eventstore.Raw{
		Org: stream.Org, Stream: stream.ID, Version: stream.Version() + 1, Type: "ticket.teleported", At: time.Now().UTC().Truncate(time.Microsecond),
		Data: []byte(`{"to":"mars"}`), Metadata: []byte(`{"v":1,"actor":{"type":"system"},"command":"ticket.Teleport"}`),
		Prev: stream.Events[stream.Version()-1].Hash,
	}
	hash := r.Link()
	w.exec(`
		WITH e AS (
			INSERT INTO events (org_id, stream_id, version, type, recorded_at, data, metadata, prev_hash, hash)
			VALUES ($1, $2, $3, $4, $5, $6::text::json, $7::text::json, $8, $9)
		)
		UPDATE tickets SET version = $3 WHERE id = $2`,
		[16]byte(r.Org), [16]byte(r.Stream), r.Version, r.Type, r.At, string(r.Data), string(r.Metadata), r.Prev[:], hash[:])
}

// A newer program has written an event that this one cannot read, as happens while instances are replaced. This one
// answers on, hears on who is locked out, tells its sockets to come back elsewhere, and asks to be replaced.
func TestAnEventOfANewerProgramEndsNoInstance(t *testing.T) {
	t.Parallel()
	database := faultDatabase(t)
	p := begin(t, database)
	w := observeDatabase(t, database)
	ann := p.founder("ann")
	bob := ann.colleague("support")
	cai := ann.colleague("support")
	made := ann.ticket(object{"title": "here"})
	other := ann.ticket(object{"title": "there"})
	line := ann.connect()
	line.send("subscribe_all", nil)
	line.await("subscription_response")
	bob.get("/api/v1/users/me") // who they are is remembered now
	cai.get("/api/v1/users/me")
	stream, err := w.Load(t.Context(), uuidOf(t, ann.org), uuidOf(t, made.id()))
	require.NoError(t, err)
	w.plant(stream)

	p.awaitMissing("caches", "sockets", "ticket_search", "release_tickets")
	require.Equal(t, 1012, line.closed(), "sockets are told to come back")
	_, err = ann.dial()
	require.Error(t, err, "but not here")

	require.Equal(t, "there", ann.get("/api/v1/tickets/"+other.id()).text("title"))
	ann.patch("/api/v1/tickets/"+other.id(), object{"title": "changed"})
	ann.ticket(object{"title": "new"})
	require.Len(t, ann.get("/api/v1/tickets").list(), 3)
	for _, a := range []answer{
		ann.do(500, "PATCH", "/api/v1/tickets/"+made.id(), object{"title": "lost"}),
		ann.do(500, "GET", "/api/v1/tickets/"+made.id()+"/history", nil),
	} {
		require.NotContains(t, string(a.raw), "teleported", "an answer tells nothing of what is inside")
	}
	require.Equal(t, "here", ann.get("/api/v1/tickets/"+made.id()).text("title"))

	// Whoever is locked out or signs out from now on, is out.
	ann.patch("/api/v1/members/"+bob.user, object{"is_active": false})
	soon(t, func() bool { return bob.status("GET", "/api/v1/users/me", nil) == 401 })
	cai.do(200, "POST", "/api/v1/auth/logout", nil)
	soon(t, func() bool { return cai.status("GET", "/api/v1/users/me", nil) == 401 })

	w.requireWhole()
	p.stop()
	p.start() // an orchestrator's first idea; it must not become a loop
	p.awaitMissing("ticket_search", "release_tickets")
	require.Equal(t, "changed", p.here(ann).get("/api/v1/tickets/"+other.id()).text("title"))
	again := p.here(ann).connect()
	again.send("subscribe_all", nil)
	again.await("subscription_response")
	p.here(ann).ticket(object{"title": "live"})
	require.Equal(t, "live", again.await("ticket_created").Data["title"], "what comes is pushed again")
	p.stop()
}
