package http

import (
	"context"
	"fmt"
	nethttp "net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/projections"
)

// Deliver is what the routes of deliveries work with.
type Deliver struct {
	commands.Deliveries
	Rows *projections.Deliveries
}

func (s *Server) deliveryRoutes() {
	const one = "/api/v1/integrations/{integration_id}/deliveries"
	register(s, op("send-ticket", nethttp.MethodPost, "/api/v1/tickets/{ticket_id}/integrations", "Send a ticket to an integration", tagTickets, status202, described(howTicketsAreSent), errs(404, 409, 415)), s.sendTicket)
	register(s, op("list-deliveries", nethttp.MethodGet, one, "What was sent to an integration, newest first", tagIntegrations, described(howDeliveriesGo), errs(404)), s.listDeliveries)
	register(s, op("retry-delivery", nethttp.MethodPost, one+"/{delivery_id}/retry", "Let what waits be tried again at once", tagIntegrations, errs(404, 409)), s.retryDelivery)
	register(s, op("drop-delivery", nethttp.MethodPost, one+"/{delivery_id}/drop", "Give up the step that waits; what follows it goes on", tagIntegrations, errs(404, 409)), s.dropDelivery)
}

const (
	howTicketsAreSent = "It answers at once: integration_result says what has come of it, and ticket_updated tells when that changes. A ticket that is there already is not sent again."
	howDeliveriesGo   = "A ticket has one delivery for each integration. pending: something is to be done. retrying: it is tried again by itself at retry_at. held: it waits until the integration can be used. " +
		"failed: it waits for a person, who lets it be tried again or drops it. unheard: the ticket is there, and the vendor does not tell how it stands, which is asked again ever more rarely. delivered: the ticket is there, and nothing else waits. ended: nothing is done any more; code says why."
)

// Delivery is the life of a ticket with an integration.
type Delivery struct {
	ID            uuid.UUID  `json:"id"`
	TicketID      uuid.UUID  `json:"ticket_id"`
	IntegrationID uuid.UUID  `json:"integration_id"`
	Status        string     `json:"status" enum:"pending,retrying,held,failed,unheard,delivered,ended"`
	ExternalID    *string    `json:"external_ticket_id"`
	ExternalURL   *string    `json:"external_ticket_url"`
	Step          *string    `json:"step" doc:"What is made, or waits: create, update, status, comment or file."`
	StepID        *uuid.UUID `json:"step_id" doc:"The comment or the file."`
	Attempts      int        `json:"attempts" doc:"Of the step."`
	Code          *string    `json:"code"`
	LastError     *string    `json:"last_error" doc:"In words."`
	Notes         []string   `json:"notes" doc:"What could not be done as it was asked: a title that was cut, a file that was linked instead."`
	RetryAt       *Timestamp `json:"retry_at"`
	CreatedAt     Timestamp  `json:"created_at"`
	UpdatedAt     Timestamp  `json:"updated_at"`
}

func renderDelivery(d projections.DeliveryRow) Delivery {
	shown := Delivery{
		ID: d.ID, TicketID: d.Ticket, IntegrationID: d.Integration, Status: string(d.Status), ExternalID: unlessBlank(d.ExternalID), ExternalURL: unlessBlank(d.ExternalURL),
		Step: unlessBlank(string(d.Step)), StepID: unlessNil(d.StepKey), Attempts: d.Tries, Code: unlessBlank(d.Code), LastError: unlessBlank(d.Message), Notes: orEmpty(d.Notes),
		RetryAt: optionalTime(d.RetryAt), CreatedAt: Timestamp(d.CreatedAt), UpdatedAt: Timestamp(d.UpdatedAt),
	}
	if shown.LastError == nil {
		shown.LastError = unlessBlank(projections.Reason(d.Code))
	}
	return shown
}

// IntegrationPath is the path parameter of an integration's routes.
type IntegrationPath struct {
	IntegrationID uuid.UUID `path:"integration_id" format:"uuid"`
}

type listDeliveriesInput struct {
	IntegrationPath
	Status string `query:"status" enum:"pending,retrying,held,failed,unheard,delivered,ended"`
	Cursor string `query:"cursor" maxLength:"200" doc:"From the Link header of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20"`

	url url.URL
}

// Resolve implements huma.Resolver: the Link header needs the address as it was asked for.
func (in *listDeliveriesInput) Resolve(c huma.Context) []error {
	in.url = c.URL()
	return nil
}

type deliveriesAnswer struct {
	Link string `header:"Link"`
	Body []Delivery
}

func (s *Server) listDeliveries(ctx context.Context, in *listDeliveriesInput) (*deliveriesAnswer, error) {
	caller := callerOf(ctx)
	if !caller.Can(domain.ReadDeliveries) {
		return nil, domain.ErrForbidden
	}
	if _, err := s.Integrations.Rows.Find(ctx, caller.Org, in.IntegrationID); err != nil {
		return nil, err
	}
	page := projections.DeliveryPage{Status: in.Status, Limit: in.Limit + 1}
	if in.Cursor != "" {
		after, err := parseCursor(in.Cursor)
		if err != nil {
			return nil, newProblem(ctx, nethttp.StatusUnprocessableEntity, "cursor_invalid", "The cursor is not one of ours.", ProblemField{Location: "query.cursor", Message: "invalid cursor"})
		}
		page.After = &after
	}
	rows, err := s.Deliveries.Rows.List(ctx, caller.Org, in.IntegrationID, page)
	if err != nil {
		return nil, err
	}
	answer := &deliveriesAnswer{Body: []Delivery{}}
	if len(rows) > in.Limit {
		rows = rows[:in.Limit]
		last := rows[len(rows)-1]
		q := in.url.Query()
		q.Set("cursor", cursorOf(projections.TicketCursor{CreatedAt: last.CreatedAt, ID: last.ID}))
		answer.Link = fmt.Sprintf(`<%s?%s>; rel="next"`, in.url.Path, q.Encode())
	}
	for _, row := range rows {
		answer.Body = append(answer.Body, renderDelivery(row))
	}
	return answer, nil
}

// DeliveryID is the path of a delivery's routes.
type DeliveryID struct {
	IntegrationPath
	ID uuid.UUID `path:"delivery_id" format:"uuid"`
}

func (s *Server) retryDelivery(ctx context.Context, in *DeliveryID) (*struct{ Body Delivery }, error) {
	return s.moveDelivery(ctx, in, func() error {
		_, err := s.Deliveries.Retry(ctx, request(ctx), in.ID)
		return err
	})
}

func (s *Server) dropDelivery(ctx context.Context, in *DeliveryID) (*struct{ Body Delivery }, error) {
	return s.moveDelivery(ctx, in, func() error {
		_, err := s.Deliveries.Drop(ctx, request(ctx), in.ID)
		return err
	})
}

// moveDelivery does something with a delivery of the integration, and shows it as it is then.
func (s *Server) moveDelivery(ctx context.Context, in *DeliveryID, move func() error) (*struct{ Body Delivery }, error) {
	caller := callerOf(ctx)
	if !caller.Can(domain.ManageDeliveries) {
		return nil, domain.ErrForbidden
	}
	org := caller.Org
	if _, err := s.Deliveries.Rows.Find(ctx, org, in.IntegrationID, in.ID); err != nil {
		return nil, err
	}
	if err := move(); err != nil {
		return nil, err
	}
	row, err := s.Deliveries.Rows.Find(ctx, org, in.IntegrationID, in.ID)
	return &struct{ Body Delivery }{renderDelivery(row)}, err
}
