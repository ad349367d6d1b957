package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain/integration"
	"ticketd/internal/vendorfake"
)

// What an agent sends is there when it is told so, once, however often it asks; and nobody sends for another organization.
func TestAToolSendsATicketToItsVendor(t *testing.T) {
	t.Parallel()
	i := boot(t, hasty)
	ada := i.founder("ada")
	bob, aud := ada.colleague("member"), ada.colleague("auditor")
	u := bob.tools(i)
	alone := u.ask("create_ticket", object{"title": "Before", "description": "Nothing is connected.", "integration": "jira"})
	require.Equal(t, object{"status": "skipped", "reason": "No Jira integration is connected, so nothing was sent there."}, alone["integration_result"])
	require.Nil(t, ada.get("/api/v1/tickets/" + str(alone["ticket_id"])).object()["integration_result"])

	w := ada.connects(begins(t, integration.Jira)).usable()
	made := u.ask("create_ticket", object{"title": "VPN is down", "description": "Since noon.", "priority": "high", "integration": "jira"}, "run-1/call-1")
	result := made["integration_result"].(object)
	require.Equal(t, []any{"created", "", w.id, "jira"}, []any{result["status"], result["reason"], result["integration_id"], result["platform"]})
	external := str(made["external_id"])
	require.Contains(t, w.there(external).Title, "VPN is down")
	shown := ada.get("/api/v1/tickets/" + str(made["ticket_id"])).object()
	require.Equal(t, []any{external, result["external_url"]}, []any{shown["external_ticket_id"], shown["external_ticket_url"]})
	again := u.ask("create_ticket", object{"title": "VPN is down", "description": "Since noon.", "priority": "high", "integration": "jira"}, "run-1/call-1")
	require.Equal(t, []any{made["ticket_id"], external}, []any{again["ticket_id"], again["external_id"]})

	later := u.ask("create_jira_ticket", object{"ticket_id": alone["ticket_id"]})
	require.Equal(t, []any{"created", "jira", alone["ticket_id"]}, []any{later["status"], later["integration"], later["ticket_id"]})
	require.Contains(t, w.there(str(later["external_id"])).Description, "Nothing is connected.")
	require.Equal(t, later, u.ask("create_jira_ticket", object{"ticket_id": alone["ticket_id"], "integration_id": w.id}))
	both := u.ask("create_integration_ticket", object{"integration_type": "jira", "ticket_data": object{"title": "Printer", "description": "It burns."}})
	require.Equal(t, "created", both["status"])
	w.settled()
	require.Len(t, w.Tickets(), 3)

	eve := i.founder("eve")
	stranger := eve.tools(i)
	theirs := stranger.ask("create_ticket", object{"title": "a", "description": "b", "integration": "jira", "integration_id": w.id})
	require.Equal(t, object{"status": "skipped", "reason": "There is no such Jira integration, so nothing was sent there."}, theirs["integration_result"])
	require.Equal(t, "ticket_not_found", stranger.refused("create_jira_ticket", object{"ticket_id": made["ticket_id"]}))
	require.Equal(t, "ticket_not_found", ada.colleague("member").tools(i).refused("create_jira_ticket", object{"ticket_id": made["ticket_id"]}))
	require.NotContains(t, aud.tools(i).offered, "create_jira_ticket")
	require.Len(t, w.Tickets(), 3)

	ada.patch(w.path+"/status", object{"enabled": false})
	off := u.ask("create_integration_ticket", object{"integration_type": "jira", "ticket_data": object{"title": "a", "description": "b"}})
	require.Equal(t, []any{"skipped", "No Jira integration can be used (inactive), so nothing was sent there."}, []any{off["status"], off["reason"]})
}

// Each tool that is named after a vendor sends what is here already.
func TestEachVendorsToolSendsThere(t *testing.T) {
	t.Parallel()
	i := boot(t, hasty)
	ada := i.founder("ada")
	u := ada.tools(i)
	for tool, platform := range map[string]integration.Platform{
		"create_jira_ticket": integration.Jira, "create_salesforce_case": integration.Salesforce, "create_github_issue": integration.GitHub,
	} {
		w := ada.connects(begins(t, platform)).usable()
		id := ada.ticket().id()
		sent := u.ask(tool, object{"ticket_id": id})
		require.Equal(t, []any{"created", string(platform), w.id}, []any{sent["status"], sent["integration"], sent["integration_id"]}, tool)
		require.Equal(t, str(sent["external_id"]), w.arrived(id)["external_ticket_id"])
		w.settled()
		require.Len(t, w.Tickets(), 1)
	}
}

// A vendor that does not answer is no reason to wait: the ticket is on its way, and is there once the vendor is back.
func TestATicketForAVendorThatIsDownIsSentLater(t *testing.T) {
	t.Parallel()
	i := boot(t, hasty)
	i.noisy = true
	ada := i.founder("ada")
	w := ada.connects(begins(t, integration.GitHub)).usable()
	w.Base().Next("POST *", vendorfake.Fault{Times: 1000, Status: 503, Body: `{"message":"Down for maintenance."}`})
	u := ada.tools(i)
	sent := u.ask("create_integration_ticket", object{"integration_type": "github", "ticket_data": object{"title": "VPN is down", "description": "Since noon."}})
	require.Equal(t, []any{"pending", "The vendor does not answer. The ticket is tried again by itself."}, []any{sent["status"], sent["reason"]})
	require.Nil(t, sent["external_id"])
	w.Base().Heal()
	shown := w.arrived(str(sent["ticket_id"]))
	again := u.ask("create_github_issue", object{"ticket_id": sent["ticket_id"]})
	require.Equal(t, []any{"created", shown["external_ticket_id"]}, []any{again["status"], again["external_id"]})
	w.settled()
	require.Len(t, w.Tickets(), 1)
}

// Who asks the agent for a ticket says where it shall live too.
func TestAnAgentsTicketIsSentWhereTheRequestWantsIt(t *testing.T) {
	t.Parallel()
	i := boot(t, hasty)
	ada := i.founder("ada")
	w := ada.connects(begins(t, integration.Jira)).usable()
	for _, wanted := range []string{"jira", w.id} {
		made := ada.post(makeTicket, object{"user_input": "The app crashes whenever I save the file, since yesterday.", "integration": wanted}).object()
		result := made["ticket"].(object)["integration_result"].(object)
		require.Contains(t, []any{"pending", "created"}, result["status"])
		require.Equal(t, w.id, result["integration_id"])
		external := str(w.arrived(str(made["ticket_id"]))["external_ticket_id"])
		require.Contains(t, w.there(external).Description, "crashes whenever")
	}
	w.settled()
	require.Len(t, w.Tickets(), 2)

	for wanted, why := range map[string]string{
		"slack":                 "No Slack integration is connected, so nothing was sent there.",
		"our good old helpdesk": "There is no such integration, so nothing was sent there.",
	} {
		made := ada.post(makeTicket, object{"user_input": "The app crashes.", "integration": wanted}).object()
		require.Equal(t, object{"status": "skipped", "reason": why}, made["ticket"].(object)["integration_result"])
		require.Nil(t, ada.get("/api/v1/tickets/" + str(made["ticket_id"])).object()["integration_id"])
	}
	require.Len(t, w.Tickets(), 2)
}
