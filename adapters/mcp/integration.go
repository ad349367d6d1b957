package mcp

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/domain/ticket"
	"ticketd/projections"
)

// agentWait is how long an agent of ours waits for a vendor.
const agentWait = 5 * time.Second

func (s *Server) integrationTools() {
	const waits = " It waits a while for the vendor, and then says in status and reason what has come of it: skipped means that nothing was sent, pending that it is on its way."
	add(s, description{
		name: "create_integration_ticket", title: "Create a ticket here and with an integration", needs: domain.CreateTickets, writes: true, outside: true,
		text: "Creates the ticket here first, and then sends it to the integration." + waits,
	}, s.createIntegrationTicket)
	for _, t := range []struct {
		platform integration.Platform
		name     string
		thing    string
	}{
		{integration.Jira, "create_jira_ticket", "a Jira ticket"},
		{integration.Salesforce, "create_salesforce_case", "a Salesforce case"},
		{integration.GitHub, "create_github_issue", "a GitHub issue"},
	} {
		add(s, description{
			name: t.name, title: "Make " + t.thing + " of a ticket", needs: domain.EditTickets, writes: true, repeatable: true, outside: true,
			text: fmt.Sprintf("Makes %s of a ticket that is here already: create_ticket makes one. A ticket that is there is not made again.", t.thing) + waits,
		}, func(ctx context.Context, c call, in sendArguments) (SentTicket, error) {
			return s.sendTicket(ctx, c, t.platform, in)
		})
	}
}

// IntegrationResult is what came of sending a ticket to an integration.
type IntegrationResult struct {
	Status        string               `json:"status" enum:"created,pending,failed,skipped" doc:"pending: it is on its way, or tried again by itself. failed: a person has to act. skipped: nothing was sent, or it was given up."`
	Reason        string               `json:"reason" doc:"Why it is not there; empty when it is."`
	IntegrationID *uuid.UUID           `json:"integration_id,omitempty" doc:"Where it lives, or shall live."`
	Platform      integration.Platform `json:"platform,omitempty" doc:"Of that integration. It is another than was asked for when that did not answer, and the organization has said where tickets go then."`
	ExternalURL   string               `json:"external_url,omitempty" doc:"Where people see it there."`
}

// SentTicket says what became of a ticket that was to live with an integration, too.
type SentTicket struct {
	IntegrationResult
	Integration integration.Platform `json:"integration"`
	TicketID    uuid.UUID            `json:"ticket_id" doc:"The ticket here."`
	Number      int64                `json:"number"`
	ExternalID  *string              `json:"external_id" doc:"What the integration calls it; null: it lives only here."`
}

// certain names one of several integrations of a platform.
type certain struct {
	Which *uuid.UUID `json:"integration_id,omitempty" doc:"Which of the organization's integrations; left out: the oldest of the platform that can be used."`
}

func (in certain) wish(p integration.Platform) integration.Wish {
	w := integration.Wish{Platform: p}
	if in.Which != nil {
		w.Integration = *in.Which
	}
	return w
}

type integrationArguments struct {
	Integration integration.Platform `json:"integration_type"`
	certain
	Ticket newTicket `json:"ticket_data"`
}

func (s *Server) createIntegrationTicket(ctx context.Context, c call, in integrationArguments) (SentTicket, error) {
	row, err := s.open(ctx, c, in.Ticket)
	if err != nil {
		return SentTicket{}, err
	}
	sent, err := s.deliver(ctx, c, row, in.wish(in.Integration), begun)
	return sent.ticket(in.Integration), err
}

type sendArguments struct {
	ticketRef
	certain
}

func (s *Server) sendTicket(ctx context.Context, c call, to integration.Platform, in sendArguments) (SentTicket, error) {
	row, err := s.find(ctx, c, in.ticketRef)
	if err != nil {
		return SentTicket{}, err
	}
	sent, err := s.deliver(ctx, c, row, in.wish(to), underWay)
	return sent.ticket(to), err
}

// sending is a ticket that was sent somewhere, or was not.
type sending struct {
	row     projections.TicketRow
	nowhere string                   // why it was not, in words
	route   *projections.TicketRoute // nil: it was not
}

func (s sending) result() IntegrationResult {
	if s.route == nil {
		return IntegrationResult{Status: string(ticket.DeliverySkipped), Reason: s.nowhere}
	}
	result := IntegrationResult{
		Status: string(s.route.Status), Reason: projections.Reason(s.route.Code), IntegrationID: &s.route.Integration,
		Platform: integration.Platform(s.route.Platform), ExternalURL: s.route.ExternalURL,
	}
	if undecided(*s.route) {
		result.Reason = "It is on its way; nothing is known yet of what comes of it."
	}
	return result
}

// undecided reports a way of which nothing is known but that it was begun.
func undecided(r projections.TicketRoute) bool {
	return r.Status == ticket.DeliveryPending && r.Code == ""
}

func (s sending) externalID() *string {
	if s.route == nil || s.route.ExternalID == "" {
		return nil
	}
	return &s.route.ExternalID
}

func (s sending) ticket(asked integration.Platform) SentTicket {
	return SentTicket{IntegrationResult: s.result(), Integration: asked, TicketID: s.row.ID.UUID, Number: s.row.Number, ExternalID: s.externalID()}
}

// routeTo answers the last way of a ticket that meets a wish, or the one that was taken instead; nil when there is none.
func routeTo(row projections.TicketRow, w integration.Wish) *projections.TicketRoute {
	for _, r := range slices.Backward(row.Routes) {
		switch {
		case r.Status == "" || !w.MetBy(r.Integration, integration.Platform(r.Platform)): // where it is only named, it was not sent
		case r.Code == projections.CodeRerouted:
			return row.Home()
		default:
			return &r
		}
	}
	return nil
}

// begun reports a way that was begun with, whatever has come of it: the call that made the ticket has done so before.
func begun(*projections.TicketRoute) bool { return true }

// underWay reports a way that was not given up.
func underWay(r *projections.TicketRoute) bool { return r.Status != ticket.DeliverySkipped }

// deliver has a ticket live with an integration too, unless it has a way there that will do, and waits for what comes of it.
//
// # Why
//
// The ticket is here before anything else happens, and the way to the vendor is a fact of its own: a call that is repeated,
// because nobody knows what became of it, finds the ticket and its way and begins neither a second time.
func (s *Server) deliver(ctx context.Context, c call, row projections.TicketRow, w integration.Wish, willDo func(*projections.TicketRoute) bool) (sending, error) {
	if known := routeTo(row, w); known == nil || !willDo(known) {
		to, err := s.Destinations.Destination(ctx, c.caller.Org, w)
		if err != nil || to.Integration == uuid.Nil {
			return sending{row: row, nowhere: to.Why}, err
		}
		stream, err := s.Tickets.Handle(ctx, c.request, row.ID, ticket.RouteTo{Integration: to.Integration, Platform: string(to.Platform), By: c.caller.Actor})
		if err != nil {
			return sending{row: row}, err
		}
		row, w = rowOf(stream), integration.Wish{Integration: to.Integration}
	}
	wait := s.config.Wait
	if c.caller.Type == domain.ByAgent { // the ticket is made, and an agent's time is short
		wait = min(wait, agentWait)
	}
	err := s.until(c, row.ID.UUID, wait, func() (bool, error) {
		found, err := s.TicketRows.FindVisible(ctx, c.caller, row.ID.String())
		if err != nil {
			return false, err
		}
		row = found
		return !undecided(*routeTo(row, w)), nil
	})
	return sending{row: row, route: routeTo(row, w)}, err
}
