package mcp

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/projections"
)

// senders are the tools that send a ticket which is here already.
var senders = map[string]integration.Platform{
	"create_jira_ticket": integration.Jira, "create_salesforce_case": integration.Salesforce, "create_github_issue": integration.GitHub,
}

// connected is an integration of an organization, to which more happens.
func (d *desk) connected(token string, p integration.Platform, more ...any) uuid.UUID {
	d.Helper()
	id := commands.NewID()
	d.tell(d.callers[token].Org, id, append([]any{integration.Connected{Platform: p, Config: integration.Config{Name: "Board"}}}, more...)...)
	return id
}

// sending calls a tool that waits for a vendor, which then is heard of: each word is noted on the ticket's last way.
func (d *desk) sending(token, name string, arguments anyMap, words ...ticket.DeliveryNoted) anyMap {
	d.Helper()
	answered := make(chan anyMap, 1)
	go func() {
		shown, _ := d.use(token, name, arguments)
		answered <- shown
	}()
	var id uuid.UUID
	require.Eventually(d, func() bool {
		waited := d.tools.waiting.Awaited()
		if len(waited) > 0 {
			id = waited[0]
		}
		return len(waited) == 1
	}, 10*time.Second, time.Millisecond)
	for _, said := range words {
		routes := d.row(token, id.String()).Routes
		if said.Integration == uuid.Nil {
			said.Integration = routes[len(routes)-1].Integration
		}
		d.tell(d.callers[token].Org, id, said)
	}
	return <-answered
}

func newTicketOf(more anyMap) anyMap {
	all := anyMap{"title": "Printer", "description": "It burns."}
	maps.Copy(all, more)
	return all
}

// routed are the ways that a ticket was sent.
func (d *desk) routed(token, id string) (to []uuid.UUID) {
	d.Helper()
	stream, err := d.store.Load(d.Context(), d.callers[token].Org.UUID, uuid.MustParse(id))
	require.NoError(d, err)
	for _, r := range stream.Events {
		if e, ok := r.Event.(ticket.Routed); ok {
			require.True(d, e.Send)
			to = append(to, e.Integration)
		}
	}
	return to
}

func patient(c *Config, _ *Deps) { c.Wait = time.Minute }

func TestIntegrationsThatAreNotThereSaySo(t *testing.T) {
	t.Parallel()
	d := newDesk(t, patient)
	foreign := d.connected("eve", integration.Jira)
	for _, p := range integration.Platforms {
		sent := d.ok("bob", "create_integration_ticket", anyMap{"integration_type": p, "ticket_data": newTicketOf(anyMap{"priority": "high"})})
		require.Equal(t, "skipped", sent["status"])
		require.Equal(t, "No "+p.Name()+" integration is connected, so nothing was sent there.", sent["reason"])
		require.Nil(t, sent["external_id"])
		require.NotContains(t, sent, "integration_id")
		require.Equal(t, ticket.High, d.row("bob", sent["ticket_id"].(string)).Priority, "it is here first")
		require.Empty(t, d.row("bob", sent["ticket_id"].(string)).Routes)
	}
	made := d.ok("bob", "create_ticket", newTicketOf(anyMap{"integration": "slack"}))
	require.Equal(t, "slack", made["integration"])
	require.Equal(t, "skipped", made["integration_result"].(anyMap)["status"])
	id := made["ticket_id"].(string)
	for name, p := range senders {
		sent := d.ok("bob", name, anyMap{"ticket_id": id})
		require.Equal(t, []any{"skipped", string(p), id}, []any{sent["status"], sent["integration"], sent["ticket_id"]})
		require.Contains(t, sent["reason"], p.Name())
		require.Nil(t, sent["external_id"])
		d.refuses("ticket_not_found", "cyd", name, anyMap{"ticket_id": id})
		d.refuses("ticket_not_found", "eve", name, anyMap{"ticket_id": id})
		d.refuses("arguments_invalid", "bob", name, anyMap{})
	}
	d.refuses("unknown_files", "bob", "create_integration_ticket", anyMap{"integration_type": "jira", "ticket_data": newTicketOf(anyMap{"attachments": []anyMap{{"file_id": uuid.NewString()}}})})
	d.refuses("arguments_invalid", "bob", "create_integration_ticket", anyMap{"integration_type": "fax", "ticket_data": newTicketOf(nil)})

	named := d.ok("bob", "create_ticket", newTicketOf(anyMap{"integration_id": foreign}))
	require.Equal(t, anyMap{"status": "skipped", "reason": "There is no such integration, so nothing was sent there."}, named["integration_result"], "another organization's")
	require.Nil(t, named["integration"])
	d.connected("bob", integration.Jira, integration.Disabled{})
	d.connected("bob", integration.Jira, integration.Expired{Code: "revoked"})
	gone := d.connected("bob", integration.Jira, integration.Disconnected{})
	require.Equal(t, "No Jira integration can be used (inactive, expired), so nothing was sent there.", d.ok("bob", "create_jira_ticket", anyMap{"ticket_id": id})["reason"])
	require.Equal(t, "There is no such Jira integration, so nothing was sent there.", d.ok("bob", "create_jira_ticket", anyMap{"ticket_id": id, "integration_id": gone})["reason"])
	require.Empty(t, d.row("bob", id).Routes)
}

func TestATicketIsSentAndItsVendorAwaited(t *testing.T) {
	t.Parallel()
	d := newDesk(t, patient)
	d.connected("bob", integration.Jira, integration.Disabled{})
	board := d.connected("bob", integration.Jira)
	newer := d.connected("bob", integration.Jira, integration.Checked{OK: true})
	there := ticket.DeliveryNoted{Status: ticket.DeliveryCreated, ExternalID: "HELP-7", ExternalURL: "https://jira.example/HELP-7"}

	made := d.sending("bob", "create_ticket", newTicketOf(anyMap{"integration": "jira"}), ticket.DeliveryNoted{Status: ticket.DeliveryPending, ExternalID: "nothing is known by this"}, there)
	require.Equal(t, []any{"created", "jira", "HELP-7"}, []any{made["status"], made["integration"], made["external_id"]})
	require.Equal(t, anyMap{
		"status": "created", "reason": "", "integration_id": board.String(), "platform": "jira", "external_url": "https://jira.example/HELP-7",
	}, made["integration_result"], "the oldest that can be used")
	require.EqualValues(t, 4, made["ticket"].(anyMap)["version"], "as it is now")
	id := made["ticket_id"].(string)
	require.Equal(t, []uuid.UUID{board}, d.routed("bob", id))

	again := d.ok("bob", "create_jira_ticket", anyMap{"ticket_id": id})
	require.Equal(t, []any{"created", "HELP-7", "jira", board.String()}, []any{again["status"], again["external_id"], again["integration"], again["integration_id"]})
	require.Len(t, d.routed("bob", id), 1, "it is there already")

	other := d.sending("sam", "create_jira_ticket", anyMap{"ticket_id": id, "integration_id": newer}, ticket.DeliveryNoted{Status: ticket.DeliveryCreated, ExternalID: "OPS-1"})
	require.Equal(t, []any{"created", "OPS-1"}, []any{other["status"], other["external_id"]})
	require.Equal(t, []uuid.UUID{board, newer}, d.routed("bob", id))

	sent := d.sending("bob", "create_integration_ticket", anyMap{"integration_type": "jira", "integration_id": newer, "ticket_data": newTicketOf(nil)}, there)
	require.Equal(t, []any{"created", newer.String()}, []any{sent["status"], sent["integration_id"]})
	named := d.sending("bob", "create_ticket", newTicketOf(anyMap{"integration_id": newer}), there)
	require.Equal(t, "HELP-7", named["external_id"])
	d.nobodyWaits()
}

func TestWhatComesOfSendingIsSaidInWords(t *testing.T) {
	t.Parallel()
	d := newDesk(t, patient)
	d.connected("bob", integration.GitHub)
	for _, said := range []ticket.DeliveryNoted{
		{Status: ticket.DeliveryPending, Code: "unavailable"},
		{Status: ticket.DeliveryPending, Code: "consent_missing"},
		{Status: ticket.DeliveryFailed, Code: "forbidden"},
		{Status: ticket.DeliverySkipped, Code: "disconnected"},
	} {
		id := d.opened("bob", "Printer")
		sent := d.sending("bob", "create_github_issue", anyMap{"ticket_id": id}, said)
		require.Equal(t, string(said.Status), sent["status"])
		require.Equal(t, projections.Reason(said.Code), sent["reason"])
		require.Nil(t, sent["external_id"])
		if said.Status == ticket.DeliverySkipped { // then it is sent once more
			require.Equal(t, "created", d.sending("bob", "create_github_issue", anyMap{"ticket_id": id}, ticket.DeliveryNoted{Status: ticket.DeliveryCreated, ExternalID: "9"})["status"])
			require.Len(t, d.routed("bob", id), 2)
			continue
		}
		require.Equal(t, sent, d.ok("bob", "create_github_issue", anyMap{"ticket_id": id}))
		require.Len(t, d.routed("bob", id), 1)
	}
}

// Everything that a vendor may do to a ticket has words.
func TestEveryTroubleHasWords(t *testing.T) {
	t.Parallel()
	for _, kind := range []commands.VendorErrorKind{
		commands.Unauthorized, commands.Revoked, commands.Denied, commands.Missing, commands.Rejected, commands.TooLarge, commands.Limited, commands.Busy, commands.Down,
	} {
		require.NotEmpty(t, projections.Reason(string(kind)), kind)
	}
	for _, refusal := range []*domain.Error{commands.ErrExpired, commands.ErrConsentMissing, commands.ErrNoCredentials} {
		require.NotEmpty(t, projections.Reason(refusal.Code), refusal.Code)
	}
	for _, status := range []integration.Status{integration.Inactive, integration.HasExpired, integration.IsSuspended} {
		require.False(t, status.Usable())
		require.NotEmpty(t, projections.Reason("integration_"+string(status)), status)
	}
	require.Empty(t, projections.Reason(""))
}

// The organization's chain leads elsewhere: what was asked for is not asked for a second time.
func TestATicketThatWentElsewhereIsFoundThere(t *testing.T) {
	t.Parallel()
	d := newDesk(t, patient)
	board, desk := d.connected("bob", integration.Jira), d.connected("bob", integration.Zendesk)
	id := d.opened("bob", "Printer")
	answered := make(chan anyMap, 1)
	go func() {
		sent, _ := d.use("bob", "create_jira_ticket", anyMap{"ticket_id": id})
		answered <- sent
	}()
	d.awaits(id)
	d.tell(d.callers["bob"].Org, uuid.MustParse(id), ticket.DeliveryNoted{Integration: board, Status: ticket.DeliverySkipped, Code: projections.CodeRerouted},
		ticket.Routed{Integration: desk, Platform: "zendesk", Send: true})
	d.tell(d.callers["bob"].Org, uuid.MustParse(id), ticket.DeliveryNoted{Integration: desk, Status: ticket.DeliveryCreated, ExternalID: "35"})
	sent := <-answered
	require.Equal(t, []any{"created", "jira", "zendesk", "35", desk.String()}, []any{sent["status"], sent["integration"], sent["platform"], sent["external_id"], sent["integration_id"]})
	require.Equal(t, sent, d.ok("bob", "create_jira_ticket", anyMap{"ticket_id": id}))
	require.Equal(t, []uuid.UUID{board, desk}, d.routed("bob", id))
}

func TestACallThatWaitsForAVendorEnds(t *testing.T) {
	t.Parallel()
	onItsWay := func(shown anyMap) {
		t.Helper()
		require.Equal(t, "pending", shown["status"])
		require.Contains(t, shown["reason"], "on its way")
		require.Nil(t, shown["external_id"])
	}
	d := newDesk(t, func(c *Config, _ *Deps) { c.Wait = time.Millisecond })
	d.connected("bob", integration.Jira)
	id := d.opened("bob", "Printer")
	onItsWay(d.ok("bob", "create_jira_ticket", anyMap{"ticket_id": id}))
	d.tell(d.callers["bob"].Org, uuid.MustParse(id), ticket.DeliveryNoted{Integration: d.routed("bob", id)[0], Status: ticket.DeliveryCreated, ExternalID: "HELP-1"})
	require.Equal(t, "HELP-1", d.ok("bob", "create_jira_ticket", anyMap{"ticket_id": id})["external_id"])

	stops := newDesk(t, patient)
	stops.connected("bob", integration.Jira)
	id = stops.opened("bob", "Printer")
	answered := make(chan anyMap, 1)
	go func() {
		sent, _ := stops.use("bob", "create_jira_ticket", anyMap{"ticket_id": id})
		answered <- sent
	}()
	stops.awaits(id)
	stops.tools.EndWaits()
	onItsWay(<-answered)
}

func TestATicketThatIsDeletedIsNotAwaited(t *testing.T) {
	t.Parallel()
	d := newDesk(t, patient)
	d.connected("bob", integration.Jira)
	id := d.opened("bob", "Printer")
	refused := make(chan *refusal, 1)
	go func() {
		_, why := d.use("bob", "create_jira_ticket", anyMap{"ticket_id": id})
		refused <- why
	}()
	d.awaits(id)
	d.tell(d.callers["bob"].Org, uuid.MustParse(id), ticket.Deleted{})
	require.Equal(t, "ticket_not_found", (<-refused).Code)
}

func TestARepeatedCallSendsNothingTwice(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(c *Config, _ *Deps) { c.Wait = time.Millisecond })
	board := d.connected("bob", integration.Jira)
	var calls sync.WaitGroup
	ids := make([]string, 6)
	for i := range ids {
		calls.Go(func() {
			made, refused := d.use("bob", "create_ticket", newTicketOf(anyMap{"integration": "jira"}), keyField, "once")
			if refused == nil {
				ids[i], _ = made["ticket_id"].(string)
			}
		})
	}
	calls.Wait()
	require.Len(t, slices.Compact(ids), 1)
	require.Equal(t, []uuid.UUID{board}, d.routed("bob", ids[0]))

	bob := d.callers["bob"]
	d.connected("bob", integration.Jira)
	d.tell(bob.Org, board, integration.Disabled{})
	d.tell(bob.Org, uuid.MustParse(ids[0]), ticket.DeliveryNoted{Integration: board, Status: ticket.DeliverySkipped, Code: "dropped"})
	repeated := d.ok("bob", "create_ticket", newTicketOf(anyMap{"integration": "jira"}), keyField, "once")
	require.Equal(t, "skipped", repeated["integration_result"].(anyMap)["status"], "what a person gave up is not begun again by a repetition")
	require.Equal(t, "A person gave it up.", repeated["integration_result"].(anyMap)["reason"])
	require.Equal(t, []uuid.UUID{board}, d.routed("bob", ids[0]))

	// A call that was cut off between the ticket and its way goes on where it was.
	first := d.ok("bob", "create_ticket", newTicketOf(nil), keyField, "cut-off")["ticket_id"].(string)
	second := d.ok("bob", "create_ticket", newTicketOf(anyMap{"integration": "jira"}), keyField, "cut-off")
	require.Equal(t, first, second["ticket_id"])
	require.Len(t, d.routed("bob", first), 1)
}

// lost are tickets whose way cannot be begun, and destinations that nobody can find.
type lost struct{ Tickets }

func (l lost) Handle(ctx context.Context, r commands.Request, id ticket.ID, cmd ticket.Command) (eventstore.Stream, error) {
	if _, is := cmd.(ticket.RouteTo); is {
		return eventstore.Stream{}, commands.ErrBusy
	}
	return l.Tickets.Handle(ctx, r, id, cmd)
}

func (lost) Destination(context.Context, domain.OrgID, integration.Wish) (integration.Destination, error) {
	return integration.Destination{}, errPort
}

func TestATicketThatCannotBeSentIsHereAllTheSame(t *testing.T) {
	t.Parallel()
	blind := newDesk(t, func(_ *Config, p *Deps) { p.Destinations = lost{} })
	blind.refuses("internal", "bob", "create_ticket", newTicketOf(anyMap{"integration": "jira"}))
	blind.refuses("internal", "bob", "create_integration_ticket", anyMap{"integration_type": "jira", "ticket_data": newTicketOf(nil)})
	require.EqualValues(t, 2, blind.ok("bob", "list_tickets", nil)["total"])

	busy := newDesk(t, func(_ *Config, p *Deps) { p.Tickets = lost{p.Tickets} })
	busy.connected("bob", integration.Jira)
	busy.refuses("concurrent_change", "bob", "create_jira_ticket", anyMap{"ticket_id": busy.opened("bob", "Printer")})
	require.EqualValues(t, 1, busy.ok("bob", "list_tickets", nil)["total"])
}
