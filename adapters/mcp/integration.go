package mcp

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"ticketd/domain"
)

// platform is a vendor that tickets can live with too.
type platform string

const (
	salesforce platform = "salesforce"
	jira       platform = "jira"
	github     platform = "github"
)

var platforms = []platform{salesforce, jira, "zendesk", "intercom", github, "slack", "teams"}

// names are what people call the platforms.
var names = map[platform]string{
	salesforce: "Salesforce", jira: "Jira", "zendesk": "Zendesk", "intercom": "Intercom", github: "GitHub", "slack": "Slack", "teams": "Microsoft Teams",
}

func (s *Server) integrationTools() {
	add(s, description{
		name: "create_integration_ticket", title: "Create a ticket here and with an integration", needs: domain.CreateTickets, writes: true, outside: true,
		text: "Creates the ticket here first, and then sends it to the integration. What came of the sending is in status and reason: skipped means that the ticket is here only.",
	}, s.createIntegrationTicket)
	for _, t := range []struct {
		platform platform
		name     string
		thing    string
	}{
		{jira, "create_jira_ticket", "a Jira ticket"},
		{salesforce, "create_salesforce_case", "a Salesforce case"},
		{github, "create_github_issue", "a GitHub issue"},
	} {
		add(s, description{
			name: t.name, title: "Make " + t.thing + " of a ticket", needs: domain.EditTickets, writes: true, repeatable: true, outside: true,
			text: fmt.Sprintf("Makes %s of a ticket that is here already: create_ticket makes one. skipped means that nothing was sent, and reason says why.", t.thing),
		}, func(ctx context.Context, c call, in ticketRef) (SentTicket, error) {
			return s.send(ctx, c, t.platform, in)
		})
	}
}

// IntegrationResult is what came of sending a ticket to an integration.
type IntegrationResult struct {
	Status string `json:"status" enum:"skipped"`
	Reason string `json:"reason" doc:"Why nothing was sent."`
}

// notConnected says that nothing was sent: there is no way to connect a platform yet.
func notConnected(p platform) IntegrationResult {
	return IntegrationResult{Status: "skipped", Reason: fmt.Sprintf("No %s integration is connected, so nothing was sent there.", names[p])}
}

// SentTicket says what became of a ticket that was to live with an integration, too.
type SentTicket struct {
	IntegrationResult
	Integration platform  `json:"integration"`
	TicketID    uuid.UUID `json:"ticket_id" doc:"The ticket here."`
	Number      int64     `json:"number"`
	ExternalID  *string   `json:"external_id" doc:"What the integration calls it; null: it lives only here."`
}

type integrationArguments struct {
	Integration platform  `json:"integration_type"`
	Ticket      newTicket `json:"ticket_data"`
}

func (s *Server) createIntegrationTicket(ctx context.Context, c call, in integrationArguments) (SentTicket, error) {
	made, err := s.open(ctx, c, in.Ticket)
	return SentTicket{IntegrationResult: notConnected(in.Integration), Integration: in.Integration, TicketID: made.ID, Number: made.Number}, err
}

func (s *Server) send(ctx context.Context, c call, to platform, in ticketRef) (SentTicket, error) {
	row, err := s.find(ctx, c, in)
	return SentTicket{IntegrationResult: notConnected(to), Integration: to, TicketID: row.ID.UUID, Number: row.Number}, err
}
