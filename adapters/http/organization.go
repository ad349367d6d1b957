package http

import (
	"context"
	nethttp "net/http"

	"github.com/google/uuid"

	"ticketd/domain/organization"
	"ticketd/eventstore"
	"ticketd/projections"
)

func (s *Server) organizationRoutes() {
	register(s, op("get-organization", nethttp.MethodGet, "/api/v1/organization", "Your organization", tagUsers), s.getOrganization)
	register(s, op("update-organization", nethttp.MethodPatch, "/api/v1/organization", "Rename your organization", tagUsers, errs(409, 412, 415)), s.updateOrganization)
}

// Organization is the tenant that everything belongs to.
type Organization struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	Name      string    `json:"name"`
	FoundedBy uuid.UUID `json:"founded_by" format:"uuid"`
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
	return &organizationAnswer{ETag: etag(row.Version), EventPosition: positionOf(stream), Body: Organization{
		ID: row.ID.UUID, Name: row.Name, FoundedBy: row.FoundedBy.UUID, Version: row.Version,
		CreatedAt: Timestamp(row.CreatedAt), UpdatedAt: Timestamp(row.UpdatedAt),
	}}
}

func (s *Server) getOrganization(ctx context.Context, _ *struct{}) (*organizationAnswer, error) {
	org := callerOf(ctx).Org.UUID
	stream, err := s.Log.Load(ctx, org, org)
	if err != nil {
		return nil, err
	}
	return answerOrganization(stream), nil
}

func (s *Server) updateOrganization(ctx context.Context, in *struct {
	IfMatch
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"200"`
	}
},
) (*organizationAnswer, error) {
	r, err := in.request(ctx)
	if err != nil {
		return nil, err
	}
	stream, err := s.Organizations.Handle(ctx, r, r.Org.UUID, organization.Rename{Name: in.Body.Name, By: r.By})
	if err != nil {
		return nil, err
	}
	return answerOrganization(stream), nil
}
