package main

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/internal/vendorfake"
)

// synced starts a sync and waits until it has ended.
func (w *towards) synced(dry bool) object {
	w.t.Helper()
	return w.untilSynced(w.ada.do(202, "POST", w.path+"/sync", object{"dry_run": dry}).text("sync_id"))
}

func (w *towards) untilSynced(id string) (shown object) {
	w.t.Helper()
	w.until(func() bool {
		shown = w.ada.get(w.path + "/syncs/" + id).object()
		return shown["status"] != "running"
	})
	return shown
}

// outcomes answers what came of each ticket: its outcome, code and reason.
func outcomes(report object) map[string][3]any {
	all := map[string][3]any{}
	for _, item := range report["items"].([]any) {
		i := item.(object)
		all[i["ticket_id"].(string)] = [3]any{i["outcome"], i["code"], i["reason"]}
	}
	return all
}

// Both sides have changed, and nobody was told: a dry run says what a sync would do and does nothing, the sync does it.
func TestASyncBringsBothSidesTogether(t *testing.T) {
	t.Parallel()
	program := onDemand(t, hasty)
	for _, platform := range integration.Platforms {
		t.Run(string(platform), func(t *testing.T) {
			t.Parallel()
			ada := program().founder("ada").on(t)
			w := ada.connects(begins(t, platform)).usable()
			made, there := map[string]string{}, map[string]string{}
			for _, name := range []string{"equal", "moved", "said", "parked", "disabled"} {
				made[name] = ada.ticket(object{"title": name, "integration_id": w.id}).id()
				there[name], _ = w.arrived(made[name])["external_ticket_id"].(string)
			}
			made["named"] = ada.ticket(object{"title": "named", "integration_id": w.id, "create_externally": false}).id()
			w.settled()
			parks := func(change func()) { // it is refused, and waits for a person
				before := len(ada.get(w.path + "/deliveries?status=failed").list())
				for _, writing := range []string{"POST *", "PUT *", "PATCH *"} {
					w.Base().Next(writing, vendorfake.Fault{Times: 1, Status: 422, Body: `{"message":"Not today."}`})
				}
				change()
				w.until(func() bool { return len(ada.get(w.path+"/deliveries?status=failed").list()) == before+1 })
				w.Base().Heal()
			}
			parks(func() { ada.post("/api/v1/tickets/"+made["parked"]+"/comments", object{"content": "They must know."}) })
			parks(func() { made["missing"] = ada.ticket(object{"title": "missing", "integration_id": w.id}).id() })
			w.Move(there["moved"], w.Account().Mapping.Status["resolved"])
			w.Say(there["said"], "Zoe", "We are on it.")
			ada.patch(w.path+"/status", object{"enabled": false})
			ada.patch("/api/v1/tickets/"+made["disabled"], object{"title": "changed meanwhile"})
			require.Equal(t, "urn:ticketd:problem:integration_unusable", ada.do(409, "POST", w.path+"/sync", nil).text("type"))
			ada.patch(w.path+"/status", object{"enabled": true})
			w.until(func() bool { return w.there(there["disabled"]).Title != "disabled" })
			w.usable()

			s := ada.connect()
			s.send("subscribe_all", nil)
			s.await("subscription_response")
			asked, before := len(w.Base().Requests()), w.Tickets()
			would := w.synced(true)
			require.Equal(t, []any{"completed", true, 7.0, 7.0, 1.0, 3.0, 3.0, 0.0}, []any{
				would["status"], would["dry_run"], would["total"], would["done"], would["created"], would["updated"], would["skipped"], would["failed"],
			}, would)
			require.Equal(t, before, w.Tickets())
			for _, r := range w.Base().Requests()[asked:] {
				require.NotContains(t, []string{"PUT", "PATCH", "DELETE"}, r.Method, r.Path)
			}
			require.Equal(t, "open", ada.get("/api/v1/tickets/"+made["moved"]).text("status"))
			require.Nil(t, w.shown()["last_synced_at"])
			var told object
			for told = s.await("integration_sync_progress").Data; told["status"] == "running"; told = s.await("integration_sync_progress").Data {
				require.LessOrEqual(t, told["done"], told["total"])
			}
			require.Equal(t, []any{would["sync_id"], w.id, 7.0, 1.0}, []any{told["sync_id"], told["integration_id"], told["done"], told["created"]})

			did := w.synced(false)
			require.Equal(t, []any{"completed", false, 7.0, 7.0, 1.0, 3.0, 3.0, 0.0}, []any{
				did["status"], did["dry_run"], did["total"], did["done"], did["created"], did["updated"], did["skipped"], did["failed"],
			}, did)
			said := outcomes(would)
			for id, came := range outcomes(did) {
				expected := said[id]
				expected[0] = map[any]any{"would_create": "created", "would_update": "updated", "skipped": "skipped"}[expected[0]]
				require.Equal(t, expected, came)
			}
			for name, want := range map[string][3]any{
				"equal": {"skipped", "equal", "Both sides are equal."}, "moved": {"updated", nil, "From there: its status."}, "said": {"updated", nil, "From there: 1 comment."},
				"parked": {"updated", nil, "To there: 1 comment."}, "missing": {"created", nil, "To there: the ticket."}, "disabled": {"skipped", "equal", "Both sides are equal."},
				"named": {"skipped", "named_only", "The ticket names the integration, and was not asked to be made there."},
			} {
				require.Equal(t, want, outcomes(did)[made[name]], name)
			}
			require.NotNil(t, w.shown()["last_synced_at"])
			require.Equal(t, "resolved", ada.get("/api/v1/tickets/"+made["moved"]).text("status"))
			heard := ada.get("/api/v1/tickets/" + made["said"] + "/comments").list()
			require.Len(t, heard, 1)
			require.Contains(t, heard[0]["content"], "We are on it.")
			require.Equal(t, 1, mentions(w.there(there["parked"]).Comments, "They must know."))
			require.Contains(t, w.there(there["disabled"]).Title, "changed meanwhile")
			require.Len(t, w.Tickets(), 6)
			require.Equal(t, 7.0, w.synced(false)["skipped"], "now they are equal")

			list := ada.get(w.path + "/syncs").list()
			require.Equal(t, []any{3.0, 2.0, 1.0}, []any{list[0]["number"], list[1]["number"], list[2]["number"]})
			page := ada.get(fmt.Sprintf("%s/syncs/%s?outcome=updated&limit=1&offset=2", w.path, did["sync_id"])).object()
			require.Len(t, page["items"], 1)
			require.NotNil(t, page["items"].([]any)[0].(object)["number"])
			ada.do(404, "GET", w.path+"/syncs/"+nobodyID, nil)
			ada.do(404, "GET", allIntegrations+"/"+nobodyID+"/syncs", nil)
			ada.do(404, "POST", allIntegrations+"/"+nobodyID+"/sync", nil)
			ada.do(422, "POST", w.path+"/sync", object{"dry_run": "x"})
		})
	}
}

// One of three cannot be asked for: the report says why, in the vendor's words, and the others are looked at.
func TestASyncSaysWhatFailed(t *testing.T) {
	t.Parallel()
	i := boot(t, hasty, func(c *config) { c.deliveryPauses.Later = []time.Duration{time.Hour} })
	ada := i.founder("ada")
	w := ada.connects(begins(t, integration.Zendesk)).usable()
	for n := range 3 {
		w.arrived(ada.ticket(object{"title": fmt.Sprint("Ticket ", n), "integration_id": w.id}).id())
	}
	w.settled()
	wrong := troubles[integration.Zendesk].forbidden
	w.Base().Next("GET *", wrong.fault())
	report := w.synced(false)
	require.Equal(t, []any{"completed", 3.0, 2.0, 1.0}, []any{report["status"], report["done"], report["skipped"], report["failed"]}, report)
	var reasons []string
	for _, came := range outcomes(report) {
		if came[0] == "failed" {
			reasons = append(reasons, str(came[2]))
		}
	}
	require.Len(t, reasons, 1)
	require.Contains(t, reasons[0], wrong.says)
	unheard := ada.get(w.path + "/deliveries?status=unheard").list()
	require.Len(t, unheard, 1)
	require.Equal(t, "forbidden", unheard[0]["code"])
	require.Contains(t, unheard[0]["last_error"], wrong.says)
	require.Equal(t, 3.0, w.synced(false)["skipped"], "it was only then")
	require.Empty(t, ada.get(w.path+"/deliveries?status=unheard").list())
}

// Its program ends in the middle of a sync; another takes it up, and looks at nothing again that was told.
func TestASyncIsTakenUpByAnotherProgram(t *testing.T) {
	t.Parallel()
	one := boot(t, hasty)
	ada := one.founder("ada")
	w := ada.connects(begins(t, integration.Zendesk)).usable()
	for n := range 5 {
		w.arrived(ada.ticket(object{"title": fmt.Sprint("Ticket ", n), "integration_id": w.id}).id())
	}
	w.settled()
	w.Base().Next("GET *", vendorfake.Fault{Times: 1, Silence: true})
	began := ada.with("Idempotency-Key", "k").do(202, "POST", w.path+"/sync", nil)
	id := began.text("sync_id")
	require.Equal(t, id, ada.with("Idempotency-Key", "k").do(202, "POST", w.path+"/sync", nil).text("sync_id"))
	require.Contains(t, ada.do(409, "POST", w.path+"/sync", nil).text("detail"), id)
	w.until(func() bool { return ada.get(w.path + "/syncs/" + id).object()["done"] == 4.0 })
	one.halt()
	two := launch(t, one.config)
	ada = ada.at(two)
	w.ada = ada
	done := w.untilSynced(id)
	require.Equal(t, []any{"completed", 5.0, 5.0}, []any{done["status"], done["done"], done["skipped"]})
	require.Len(t, outcomes(done), 5)
	require.Len(t, w.Tickets(), 5)
	require.NoError(t, two.syncs.run(t.Context(), commands.SyncJob{Org: domain.OrgID{UUID: uuidOf(t, ada.org)}, Sync: uuid.MustParse(id)}), "what has ended is left alone")
}

// A sync whose job was lost gets another one.
func TestASyncWithoutAJobGetsOne(t *testing.T) {
	t.Parallel()
	i := boot(t, hasty, func(c *config) { c.AgentWorkers = 0 })
	ada := i.founder("ada")
	w := ada.connects(begins(t, integration.Zendesk)).usable()
	id := ada.do(202, "POST", w.path+"/sync", nil).text("sync_id")
	jobs := func() []any {
		return ada.get("/api/v1/admin/jobs?state=all").object()["jobs"].([]any)
	}
	eventually(t, func() bool { return len(jobs()) == 1 })
	job := jobs()[0].(object)
	require.Equal(t, []any{"sync_integration", "aside", id}, []any{job["kind"], job["queue"], job["sync_id"]})
	_, err := i.pool.Exec(t.Context(), `DELETE FROM jobs.river_job`)
	require.NoError(t, err)
	require.NoError(t, i.takeUp(t.Context(), time.Hour))
	require.Empty(t, jobs(), "it has only just begun")
	require.NoError(t, i.takeUp(t.Context(), -time.Hour))
	require.Len(t, jobs(), 1)
	ada.do(204, "POST", fmt.Sprintf("/api/v1/admin/jobs/%v/discard", jobs()[0].(object)["id"]), nil)
	failed := ada.get(w.path + "/syncs/" + id).object()
	require.Equal(t, []any{"failed", "given_up"}, []any{failed["status"], failed["code"]})
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, i.takeUpSyncs(cut, time.Now()))
}
