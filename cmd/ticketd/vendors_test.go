package main

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain/integration"
	"ticketd/internal/vendorfake"
)

// For each vendor: a ticket with two files is made and sent, commented on and resolved, somebody answers there, and both sides
// are equal in the end. Every request was valid by the vendor's own description.
func TestATicketLivesWithEachVendorBothWays(t *testing.T) {
	t.Parallel()
	program := onDemand(t, hasty)
	for _, platform := range integration.Platforms {
		t.Run(string(platform), func(t *testing.T) {
			t.Parallel()
			ada := program().founder("ada").on(t)
			w := ada.connects(begins(t, platform)).usable()
			tested := ada.do(200, "POST", w.path+"/test", nil).object()
			require.Equal(t, true, tested["ok"])

			picture, notes := pngOf(t, 3, 2), []byte("one\ntwo\n")
			first, second := ada.upload("shot.png", picture).id(), ada.upload("notes.txt", notes).id()
			s := ada.connect()
			s.send("subscribe_all", nil)
			s.await("subscription_response")
			made := ada.ticket(object{
				"title": "VPN is down", "description": "Since <noon>.\nNo *route* & no name.", "priority": "high", "category": "bug", "tags": []string{"vpn"}, "integration_id": w.id,
				"attachments": []object{{"file_id": first}, {"file_id": second}},
			})
			require.Equal(t, "pending", made.object()["integration_result"].(object)["status"])
			require.Equal(t, w.id, made.text("integration_id"))
			shown := w.arrived(made.id())
			external, _ := shown["external_ticket_id"].(string)
			require.NotEmpty(t, external)
			for changed := s.await("ticket_updated").Data["changed"]; !slices.Contains(changed.([]any), "integration_result"); {
				changed = s.await("ticket_updated").Data["changed"]
			}
			for sent := map[any]bool{}; len(sent) < 2; { // each file tells how it gets there, as it told how it was read
				told := s.await("file_processing_progress").Data
				if told["stage"] == "integration_upload" && told["progress"] == 100.0 {
					sent[told["job_id"]] = true
				}
			}
			w.settled()

			there := w.there(external)
			require.Contains(t, there.Title, "VPN is down")
			require.Contains(t, there.Description, "Since <noon>.")
			require.Len(t, there.Files, 2)
			require.Equal(t, []string{sha256Of(picture), sha256Of(notes)}, []string{there.Files[0].SHA256, there.Files[1].SHA256})

			here := "/api/v1/tickets/" + made.id()
			ada.post(here+"/comments", object{"content": "Is anybody there?"})
			ada.post(here+"/comments", object{"content": "They must not know.", "internal": true})
			w.until(func() bool { return mentions(w.there(external).Comments, "Is anybody there?") == 1 })

			said := w.Say(external, "Zoe", "We are on it.")
			require.NotEmpty(t, said)
			require.Less(t, w.hooked(external), 300)
			var heard []object
			w.until(func() bool { heard = ada.get(here + "/comments").list(); return len(heard) == 3 })
			require.Contains(t, heard[2]["content"], "We are on it.")
			require.Equal(t, w.id, heard[2]["integration_id"])
			require.Equal(t, "Zoe", heard[2]["author"].(object)["full_name"])

			ada.patch(here, object{"status": "resolved"})
			w.until(func() bool { return w.there(external).Status == w.Account().Mapping.Status["resolved"] })
			ada.patch(here, object{"title": "VPN was down"})
			w.until(func() bool { return strings.Contains(w.there(external).Title, "VPN was down") })
			w.settled()

			require.Less(t, w.hooked(external), 300)
			w.settled()
			there = w.there(external)
			require.Len(t, w.Tickets(), 1)
			require.Len(t, there.Files, 2)
			require.Zero(t, mentions(there.Comments, "They must not know."))
			require.Equal(t, 1, mentions(there.Comments, "We are on it."))
			require.Equal(t, 1, mentions(there.Comments, "Is anybody there?"))
			require.Equal(t, "resolved", ada.get(here).text("status"))
			require.Len(t, ada.get(here+"/comments").list(), 3)
			listed := ada.get("/api/v1/tickets?integration_id=" + w.id).list()
			require.Len(t, listed, 1)
		})
	}
}

// A status that changes there changes here.
func TestAStatusComesBackFromThere(t *testing.T) {
	t.Parallel()
	program := onDemand(t, hasty)
	for _, platform := range integration.Platforms {
		t.Run(string(platform), func(t *testing.T) {
			t.Parallel()
			ada := program().founder("ada").on(t)
			w := ada.connects(begins(t, platform)).usable()
			made := ada.ticket(object{"integration_id": w.id})
			external, _ := w.arrived(made.id())["external_ticket_id"].(string)
			w.settled()
			w.Move(external, w.Account().Mapping.Status["resolved"])
			hook := w.Webhook(external)
			body, err := io.ReadAll(hook.Body)
			require.NoError(t, err)
			for range 2 { // it comes twice
				hook.Body = io.NopCloser(bytes.NewReader(body))
				require.Less(t, w.sendHook(hook), 300)
			}
			w.until(func() bool { return ada.get("/api/v1/tickets/"+made.id()).text("status") == "resolved" })
			w.settled()
			require.Equal(t, w.Account().Mapping.Status["resolved"], w.there(external).Status)

			ada.patch(w.path+"/status", object{"enabled": false, "reason": "Holidays."})
			w.Move(external, w.Account().Mapping.Status["in_progress"])
			require.Less(t, w.hooked(external), 300)
			w.until(func() bool { return len(ada.get(w.path+"/deliveries?status=held").list()) == 1 })
			require.Equal(t, "resolved", ada.get("/api/v1/tickets/"+made.id()).text("status"), "it is kept back")
			ada.patch(w.path+"/status", object{"enabled": true})
			w.until(func() bool { return ada.get("/api/v1/tickets/"+made.id()).text("status") != "resolved" })
			w.settled()
		})
	}
}

// The same with each fault: nothing is lost, and nothing is doubled.
func TestNothingIsLostOrDoubledWhateverTheVendorDoes(t *testing.T) {
	t.Parallel()
	program := noisyOnDemand(t, hasty)
	for _, platform := range integration.Platforms {
		for name, fault := range map[string]vendorfake.Fault{
			"500":            {Times: 2, Status: 500, Body: `{"message":"Something broke."}`},
			"broken JSON":    {Times: 1, Garbage: true},
			"null":           {Times: 1, Status: 200, Body: "null"},
			"dropped before": {Times: 1, DropBefore: true},
			"dropped after":  {Times: 1, DropAfter: true},
		} {
			t.Run(string(platform)+" "+name, func(t *testing.T) {
				t.Parallel()
				ada := program().founder("ada").on(t)
				w := ada.connects(begins(t, platform)).usable()
				file := ada.upload("notes.txt", []byte("one\ntwo\n")).id()
				w.Base().Next(troubles[platform].create, fault)
				w.Base().Next(troubles[platform].attach, fault)
				made := ada.ticket(object{"integration_id": w.id, "attachments": []object{{"file_id": file}}})
				external, _ := w.arrived(made.id())["external_ticket_id"].(string)
				w.settled()
				require.Len(t, w.Tickets(), 1)
				require.Len(t, w.there(external).Files, 1)
				require.Zero(t, w.Base().Planned(), "all that was planned went wrong")

				w.Base().Next("POST *", fault)
				w.Base().Next("PUT *", fault)
				ada.post("/api/v1/tickets/"+made.id()+"/comments", object{"content": "Once only."})
				w.until(func() bool { return mentions(w.there(external).Comments, "Once only.") > 0 })
				w.settled()
				require.Equal(t, 1, mentions(w.there(external).Comments, "Once only."))
				require.LessOrEqual(t, w.Base().Planned(), max(1, fault.Times), "one of the two went wrong")
				require.False(t, strings.Contains(program().log.String(), "panic"))
			})
		}
	}
}
