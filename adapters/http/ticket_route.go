package http

import (
	"context"
	nethttp "net/http"

	"github.com/google/uuid"

	"ticketd/domain/ticket"
	"ticketd/projections"
)

// IntegrationResult says what has come of sending a ticket to an integration.
type IntegrationResult struct {
	Status        string           `json:"status" enum:"pending,created,failed,skipped" doc:"pending: it is tried, or waits for the integration. failed: it waits for a person. skipped: it was given up, or there is nowhere to send it."`
	IntegrationID uuid.UUID        `json:"integration_id,omitzero"`
	Platform      string           `json:"platform,omitempty"`
	ExternalID    string           `json:"external_ticket_id,omitempty"`
	ExternalURL   string           `json:"external_ticket_url,omitempty"`
	Code          string           `json:"code,omitempty" doc:"Why it waits, or was given up."`
	Reason        string           `json:"reason,omitempty" doc:"The same in words."`
	Others        []IntegrationWay `json:"others,omitempty" doc:"Where else it was sent."`
}

// IntegrationWay is one more integration that a ticket was sent to.
type IntegrationWay struct {
	Status        string    `json:"status"`
	IntegrationID uuid.UUID `json:"integration_id"`
	Platform      string    `json:"platform"`
	ExternalID    string    `json:"external_ticket_id,omitempty"`
	ExternalURL   string    `json:"external_ticket_url,omitempty"`
	Code          string    `json:"code,omitempty"`
}

// renderRoutes answers where the ticket lives too: the fields that speak of the one place, and what has come of it and the others.
func renderRoutes(t projections.TicketRow) (id *uuid.UUID, externalID, externalURL *string, result *IntegrationResult) {
	home := t.Home()
	if home == nil {
		return nil, nil, nil, nil
	}
	id, externalID, externalURL = &home.Integration, unlessBlank(home.ExternalID), unlessBlank(home.ExternalURL)
	if home.Status == "" {
		return id, externalID, externalURL, nil
	}
	result = &IntegrationResult{
		Status: string(home.Status), IntegrationID: home.Integration, Platform: home.Platform, ExternalID: home.ExternalID, ExternalURL: home.ExternalURL,
		Code: home.Code, Reason: projections.Reason(home.Code),
	}
	for _, r := range t.Routes {
		if r.Integration != home.Integration && r.Status != "" {
			result.Others = append(result.Others, IntegrationWay{
				Status: string(r.Status), IntegrationID: r.Integration, Platform: r.Platform, ExternalID: r.ExternalID, ExternalURL: r.ExternalURL, Code: r.Code,
			})
		}
	}
	return id, externalID, externalURL, result
}

type sendTicketInput struct {
	TicketID
	Body struct {
		IntegrationID uuid.UUID `json:"integration_id" format:"uuid"`
	}
}

func (s *Server) sendTicket(ctx context.Context, in *sendTicketInput) (*TicketAnswer, error) {
	row, err := s.findTicket(ctx, in.TicketID)
	if err != nil {
		return nil, err
	}
	stream, err := s.Deliveries.Send(ctx, request(ctx), ticket.ID{UUID: row.ID.UUID}, in.Body.IntegrationID)
	if err != nil {
		return nil, err
	}
	answer, err := s.answerTicket(ctx, stream)
	if err == nil {
		answer.Status = nethttp.StatusAccepted
	}
	return answer, err
}
