package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres/postgrestest"
)

// renewed waits until the program has made anew what a migration left behind, as each does at its start: only one may rebuild
// at a time.
func (i *instance) renewed() *instance {
	i.t.Helper()
	for _, p := range i.projections {
		code := `SELECT code FROM projections WHERE name = '` + p.Name + `'`
		eventually(i.t, func() bool { return i.numberOf(i.t, code) == p.Code })
	}
	return i
}

// aside wires a second program on the same database, as `ticketd rebuild` does beside the one that serves.
func (i *instance) aside() *program {
	i.t.Helper()
	p, err := wire(i.t.Context(), i.config, slog.New(slog.DiscardHandler))
	require.NoError(i.t, err)
	i.t.Cleanup(func() { p.close(context.WithoutCancel(i.t.Context())) })
	return p
}

// rebuildAll makes all tables anew and answers what is told of it, a line a table.
func (p *program) rebuildAll(t *testing.T) []string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, p.rebuild(t.Context(), p.projections, &out, io.Discard), "%s", &out)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, len(p.projections)+1)
	for n, projection := range p.projections {
		require.Contains(t, out.String(), projection.Name)
		require.Contains(t, lines[n], "equal")
	}
	return lines
}

func (p *program) numberOf(t *testing.T, sql string) (n int) {
	t.Helper()
	require.NoError(t, p.pool.QueryRow(t.Context(), sql).Scan(&n))
	return n
}

// caughtUp waits until the async projections have come to the end of the log.
func (i *instance) caughtUp() {
	i.t.Helper()
	eventually(i.t, func() bool {
		return i.numberOf(i.t, `SELECT count(*) FROM checkpoints WHERE name = 'ticket_search' AND position >= (SELECT max(position) FROM events)`) == 1
	})
}

// Everything that people do over REST, and then every table of the program made anew: the same rows.
func TestReplayEqualsLiveForEveryProjection(t *testing.T) {
	t.Parallel()
	i := boot(t)
	for range 3 {
		ann := i.founder("ann")
		bob := ann.colleague("support")
		ann.patch("/api/v1/organization", object{"name": "Renamed", "retention_days": 30})
		for n := range 4 {
			made := ann.ticket(object{"title": fmt.Sprint("Printer ", n), "tags": []string{"a", "ü"}, "custom_fields": object{"floor": n}})
			path := "/api/v1/tickets/" + made.id()
			bob.post(path+"/comments", object{"content": "Have you tried…"})
			bob.post(path+"/comments", object{"content": "Again!", "internal": true})
			ann.read(ann.upload("notes.txt", fmt.Append(nil, "notes of ", n), [2]string{"ticket_id", made.id()}).id())
			ann.patch(path, object{"priority": "critical", "description": "It \"burns\" <still>"})
		}
		token := ann.post("/api/v1/api-tokens", object{"name": "CI"})
		ann.post("/api/v1/api-tokens", object{"name": "nightly"})
		ann.do(204, "DELETE", "/api/v1/api-tokens/"+token.id(), nil)
		ann.do(204, "DELETE", "/api/v1/members/"+bob.user, nil)
	}
	eve := i.founder("eve")
	eve.do(200, "PUT", "/api/v1/ai-config/summary_agent", object{"max_tokens": 300, "system_prompt": "Be brief."})
	article := eve.post("/api/v1/knowledge/articles", object{"title": "Printers", "body": "Turn them off…", "tags": []string{"ü"}})
	eve.patch("/api/v1/knowledge/articles/"+article.id(), object{"tags": []string{}})
	connected := allIntegrations + "/" + eve.post(allIntegrations, jiraBody(object{"base_url": "http://127.0.0.1:1"})).id()
	eve.do(200, "PUT", connected, object{"mapping": object{"status": object{"open": "ü"}}})
	eve.ticket(object{"integration_id": strings.TrimPrefix(connected, allIntegrations+"/")})
	eventually(t, func() bool { return len(eve.get(connected+"/deliveries").list()) == 1 })
	compared := connected + "/syncs/" + eve.do(202, "POST", connected+"/sync", object{"dry_run": true}).text("sync_id")
	eventually(t, func() bool { return eve.get(compared).text("status") != "running" })
	eve.patch(connected+"/status", object{"enabled": false, "reason": "Holidays…"})
	hook := "/api/v1/webhooks/" + eve.post("/api/v1/webhooks", object{"url": "https://example.org", "events": []string{"ticket.deleted"}}).id()
	eve.do(200, "POST", hook+"/rotate", nil)
	eve.patch(hook, object{"status": "paused", "reason": "Holidays…"})
	talk := eve.talk()
	eve.do(200, "POST", talk+"/messages?wait=reply", object{"content": "It \"burns\".", "message_metadata": object{"page": 1.5}})
	eve.patch(talk, object{"title": "Fire"})
	eve.do(200, "DELETE", eve.talk(), nil)
	eve.do(201, "POST", makeTicket, object{"user_input": "My printer burns."})
	trial := aConfig + "/backtests/" + eve.do(202, "POST", aConfig+"/backtest", object{"version": 1, "sample": 1}).id()
	eventually(t, func() bool { return eve.get(trial).text("state") != "running" })
	i.caughtUp()
	for _, p := range i.projections {
		require.Positive(t, i.numberOf(t, `SELECT count(*) FROM `+p.Name), "make some history for %s", p.Name)
	}
	i.renewed().aside().rebuildAll(t)
}

// A rebuild beside a program under load: nobody is refused, nothing is lost, and it ends the same.
func TestARebuildWhileTheProgramServes(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ann := i.founder("ann")
	var enough atomic.Bool
	var writers sync.WaitGroup
	var made atomic.Int64
	for range 16 {
		writers.Go(func() {
			for !enough.Load() {
				path := "/api/v1/tickets/" + ann.ticket(object{"title": "Rebuilt meanwhile"}).id()
				ann.post(path+"/comments", object{"content": "unbelievable"})
				ann.patch(path, object{"priority": "high"})
				ann.get(path)
				ann.get("/api/v1/tickets?limit=5")
				made.Add(1)
			}
		})
	}
	beside := i.renewed().aside()
	for range 3 {
		before := made.Load()
		beside.rebuildAll(t)
		eventually(t, func() bool { return made.Load() > before+16 })
		i.nobody().get("/ready")
	}
	enough.Store(true)
	writers.Wait()
	i.caughtUp()
	for _, table := range []string{"tickets", "comments", "ticket_search", "ticket_search WHERE words @@ 'unbeliev'"} {
		require.EqualValues(t, made.Load(), i.numberOf(t, `SELECT count(*) FROM `+table), table)
	}
	beside.rebuildAll(t)
}

func TestRebuildCommand(t *testing.T) { //nolint:paralleltest // the environment is the process'
	environment(t, "DATABASE_URL", postgrestest.Database(t), "DATA_DIR", t.TempDir())
	out, err := ticketd(t.Context(), "rebuild")
	require.NoError(t, err)
	require.Contains(t, out, "0 events in ")
	out, err = ticketd(t.Context(), "rebuild", "tickets")
	require.NoError(t, err)
	require.Contains(t, out, "tickets")
	require.NotContains(t, out, "comments")
	_, err = ticketd(t.Context(), "rebuild", "nothing")
	require.ErrorContains(t, err, "there are tickets, ")
}

func TestARebuildSaysWhatDiffered(t *testing.T) {
	t.Parallel()
	i := boot(t)
	beside := i.renewed().aside()
	made := i.founder("ann").ticket()
	_, err := i.pool.Exec(t.Context(), `UPDATE tickets SET title = 'forged'`)
	require.NoError(t, err)
	var out, waiting bytes.Buffer
	require.ErrorIs(t, beside.rebuild(t.Context(), i.projections[:1], &out, &waiting), errRowsDiffered)
	require.Contains(t, out.String(), "1 rows differ")
	require.Contains(t, out.String(), "1 events in")
	require.Contains(t, waiting.String(), "fold")
	require.Equal(t, 1, i.numberOf(t, `SELECT count(*) FROM tickets WHERE title = 'Printer'`), made.id())

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, beside.rebuild(ctx, i.projections, &out, &waiting))
}

// A program whose projections were changed serves at once, and makes their tables anew meanwhile.
func TestAChangedProjectionIsRenewedWhileTheProgramServes(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ann := i.founder("ann")
	ticket := ann.ticket()
	i.halt()
	for _, sql := range []string{`UPDATE projections SET code = 0 WHERE name = 'tickets'`, `UPDATE tickets SET title = 'as older code had it'`} {
		p := i.aside()
		_, err := p.pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	again := launch(t, i.config)
	again.nobody().get("/ready")
	ann.url = again.url
	eventually(t, func() bool { return ann.get("/api/v1/tickets/"+ticket.id()).text("title") == "Printer" })
	eventually(t, func() bool { return strings.Contains(again.log.String(), "the tables were made anew") })
}
