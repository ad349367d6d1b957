package http

import (
	"context"
	nethttp "net/http"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/organization"
	"ticketd/eventstore"
	"ticketd/projections"
)

func (s *Server) organizationRoutes() {
	register(s, op("get-organization", nethttp.MethodGet, "/api/v1/organization", "Your organization", tagUsers, described(asItWas), errs(404)), s.getOrganization)
	register(s, op("update-organization", nethttp.MethodPatch, "/api/v1/organization", "Rename your organization, or set how long it keeps the words of closed tickets", tagUsers, errs(409, 412, 415)), s.updateOrganization)
}

// Organization is the tenant that everything belongs to.
type Organization struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	Name      string    `json:"name"`
	FoundedBy uuid.UUID `json:"founded_by" format:"uuid"`
	Retention *int      `json:"retention_days" doc:"So many days after a ticket was closed or cancelled its words are erased, everybody's; null: never."`
	Version   int       `json:"version"`
	CreatedAt Timestamp `json:"created_at"`
	UpdatedAt Timestamp `json:"updated_at"`
}

type organizationAnswer struct {
	ETag          string   `header:"ETag"`
	EventPosition Position `header:"X-Event-Position"`
	Body          Organization
}

func answerOrganization(stream eventstore.Stream) *organizationAnswer {
	row := projections.Fold(projections.ApplyOrganization, stream.Events)
	shown := Organization{
		ID: row.ID.UUID, Name: row.Name, FoundedBy: row.FoundedBy.UUID, Version: row.Version,
		CreatedAt: Timestamp(row.CreatedAt), UpdatedAt: Timestamp(row.UpdatedAt),
	}
	if row.Retention > 0 {
		shown.Retention = &row.Retention
	}
	return &organizationAnswer{ETag: etag(row.Version), EventPosition: positionOf(stream), Body: shown}
}

// errNoOrganization answers who looks back too far.
var errNoOrganization = &domain.Error{Kind: domain.NotFound, Code: "organization_not_found", Message: "There was no organization yet."}

func (s *Server) getOrganization(ctx context.Context, in *Then) (*organizationAnswer, error) {
	past, err := in.past(ctx)
	if err != nil {
		return nil, err
	}
	org := callerOf(ctx).Org.UUID
	var stream eventstore.Stream
	if past.isNow() {
		stream, err = s.Log.Load(ctx, org, org)
	} else {
		stream, err = s.pastStream(ctx, org, past, errNoOrganization)
	}
	if err != nil {
		return nil, err
	}
	return answerOrganization(stream), nil
}

func (s *Server) updateOrganization(ctx context.Context, in *struct {
	IfMatch
	Body struct {
		Name      *string       `json:"name,omitempty" minLength:"1" maxLength:"200"`
		Retention Optional[int] `json:"retention_days,omitzero" minimum:"1" maximum:"36500" doc:"null keeps words for ever."`
	}
},
) (*organizationAnswer, error) {
	r, err := in.request(ctx)
	if err != nil {
		return nil, err
	}
	stream, err := s.Organizations.Handle(ctx, r, r.Org.UUID, organization.Edit{Name: in.Body.Name, Retention: in.Body.Retention.ptr(), By: r.By})
	if err != nil {
		return nil, err
	}
	return answerOrganization(stream), nil
}
