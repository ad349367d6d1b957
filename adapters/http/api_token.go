package http

import (
	"context"
	nethttp "net/http"
	"time"

	"github.com/google/uuid"

	"ticketd/eventstore"
	"ticketd/projections"
)

func (s *Server) apiTokenRoutes() {
	register(s, op("create-api-token", nethttp.MethodPost, "/api/v1/api-tokens", "Make an API token", tagUsers, status201, errs(409, 415)), s.createAPIToken)
	register(s, op("list-api-tokens", nethttp.MethodGet, "/api/v1/api-tokens", "List your API tokens", tagUsers), s.listAPITokens)
	register(s, op("get-api-token", nethttp.MethodGet, "/api/v1/api-tokens/{token_id}", "Get one of your API tokens", tagUsers, errs(404)), s.getAPIToken)
	register(s, op("rename-api-token", nethttp.MethodPatch, "/api/v1/api-tokens/{token_id}", "Give an API token another name", tagUsers, errs(404, 409, 415)), s.renameAPIToken)
	register(s, op("revoke-api-token", nethttp.MethodDelete, "/api/v1/api-tokens/{token_id}", "Revoke an API token", tagUsers, status204, errs(404, 409)), s.revokeAPIToken)
}

// APIToken is a way for programs to act as you. The token itself is shown only when it is made.
type APIToken struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	Name      string    `json:"name"`
	ExpiresAt Timestamp `json:"expires_at"`
	Active    bool      `json:"active" doc:"Neither revoked nor expired."`
	CreatedAt Timestamp `json:"created_at"`
}

// NewAPIToken is an API token with what nobody will see again.
type NewAPIToken struct {
	APIToken
	Token string `json:"token" example:"ai_dev_..."`
}

func renderAPIToken(t projections.APITokenRow) APIToken {
	return APIToken{
		ID: t.ID, Name: t.Name, ExpiresAt: Timestamp(t.ExpiresAt), Active: !t.Revoked && time.Now().Before(t.ExpiresAt), CreatedAt: Timestamp(t.CreatedAt),
	}
}

// tokenIn answers one token of the stream it was written in.
func tokenIn(stream eventstore.Stream, id uuid.UUID) APIToken {
	for _, row := range projections.Fold(projections.ApplyAPITokens, stream.Events) {
		if row.ID == id {
			return renderAPIToken(row)
		}
	}
	return APIToken{}
}

type newAPITokenAnswer struct {
	EventPosition Position `header:"X-Event-Position"`
	CacheControl  string   `header:"Cache-Control"`
	Body          NewAPIToken
}

func (s *Server) createAPIToken(ctx context.Context, in *struct {
	Body struct {
		Name          string `json:"name" minLength:"1" maxLength:"100" example:"extension"`
		ExpiresInDays int    `json:"expires_in_days,omitempty" minimum:"1" maximum:"365" default:"365"`
	}
},
) (*newAPITokenAnswer, error) {
	id := newID(ctx)
	token, stream, err := s.Accounts.CreateToken(ctx, request(ctx), id, in.Body.Name, in.Body.ExpiresInDays)
	if err != nil {
		return nil, err
	}
	return &newAPITokenAnswer{
		EventPosition: positionOf(stream), CacheControl: "no-store", Body: NewAPIToken{APIToken: tokenIn(stream, id), Token: token},
	}, nil
}

func (s *Server) listAPITokens(ctx context.Context, _ *struct{}) (*struct{ Body []APIToken }, error) {
	caller := callerOf(ctx)
	rows, err := s.APITokens.List(ctx, caller.Org, caller.User)
	if err != nil {
		return nil, err
	}
	list := make([]APIToken, len(rows))
	for i, row := range rows {
		list[i] = renderAPIToken(row)
	}
	return &struct{ Body []APIToken }{list}, nil
}

// APITokenID is the path parameter of API token routes.
type APITokenID struct {
	ID uuid.UUID `path:"token_id" format:"uuid"`
}

type apiTokenAnswer struct {
	EventPosition Position `header:"X-Event-Position"`
	Body          APIToken
}

func (s *Server) getAPIToken(ctx context.Context, in *APITokenID) (*struct{ Body APIToken }, error) {
	caller := callerOf(ctx)
	row, err := s.APITokens.Find(ctx, caller.Org, caller.User, in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body APIToken }{renderAPIToken(row)}, nil
}

func (s *Server) renameAPIToken(ctx context.Context, in *struct {
	APITokenID
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"100"`
	}
},
) (*apiTokenAnswer, error) {
	stream, err := s.Accounts.RenameToken(ctx, request(ctx), in.ID, in.Body.Name)
	if err != nil {
		return nil, err
	}
	return &apiTokenAnswer{EventPosition: positionOf(stream), Body: tokenIn(stream, in.ID)}, nil
}

func (s *Server) revokeAPIToken(ctx context.Context, in *APITokenID) (*DeletedAnswer, error) {
	stream, err := s.Accounts.RevokeToken(ctx, request(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &DeletedAnswer{EventPosition: positionOf(stream)}, nil
}
