package http

import (
	"context"
	nethttp "net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"ticketd/eventstore"
	"ticketd/projections"
)

func (s *Server) apiTokenRoutes() {
	register(s, op("create-api-token", nethttp.MethodPost, "/api/v1/api-tokens", "Make an API token", tagUsers, status201, errs(409, 415)), s.createAPIToken)
	register(s, op("list-api-tokens", nethttp.MethodGet, "/api/v1/api-tokens", "List your API tokens", tagUsers, described(asItWas+ofTheProfile), errs(404)), s.listAPITokens)
	register(s, op("get-api-token", nethttp.MethodGet, "/api/v1/api-tokens/{token_id}", "Get one of your API tokens", tagUsers, described(asItWas+ofTheProfile), errs(404)), s.getAPIToken)
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

// ofTheProfile tells which versions tokens have.
const ofTheProfile = " Tokens belong to your profile, and version is the profile's."

// renderAPIToken shows a token as it is at a moment.
func renderAPIToken(t projections.APITokenRow, at time.Time) APIToken {
	return APIToken{
		ID: t.ID, Name: t.Name, ExpiresAt: Timestamp(t.ExpiresAt), Active: !t.Revoked && at.Before(t.ExpiresAt), CreatedAt: Timestamp(t.CreatedAt),
	}
}

// tokenIn answers one token of the stream it was written in.
func tokenIn(stream eventstore.Stream, id uuid.UUID) APIToken {
	for _, row := range projections.Fold(projections.ApplyAPITokens, stream.Events) {
		if row.ID == id {
			return renderAPIToken(row, time.Now())
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

func (s *Server) listAPITokens(ctx context.Context, in *Then) (*struct{ Body []APIToken }, error) {
	past, err := in.past(ctx)
	if err != nil {
		return nil, err
	}
	caller, at := callerOf(ctx), time.Now()
	var rows []projections.APITokenRow
	if past.isNow() {
		rows, err = s.APITokens.List(ctx, caller.Org, caller.User)
	} else {
		rows, at, err = s.pastTokens(ctx, past, projections.ErrNoUser)
	}
	if err != nil {
		return nil, err
	}
	list := make([]APIToken, len(rows))
	for i, row := range rows {
		list[i] = renderAPIToken(row, at)
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

func (s *Server) getAPIToken(ctx context.Context, in *struct {
	APITokenID
	Then
},
) (*struct{ Body APIToken }, error) {
	past, err := in.past(ctx)
	if err != nil {
		return nil, err
	}
	caller, at := callerOf(ctx), time.Now()
	var row projections.APITokenRow
	if past.isNow() {
		row, err = s.APITokens.Find(ctx, caller.Org, caller.User, in.ID)
	} else {
		row, at, err = s.pastToken(ctx, in.ID, past)
	}
	if err != nil {
		return nil, err
	}
	return &struct{ Body APIToken }{renderAPIToken(row, at)}, nil
}

// pastTokens answers the caller's tokens as they stood, without those that were revoked by then, and the moment itself.
func (s *Server) pastTokens(ctx context.Context, p past, missing error) ([]projections.APITokenRow, time.Time, error) {
	stream, err := s.pastStream(ctx, callerOf(ctx).User.UUID, p, missing)
	if err != nil {
		return nil, p.at, err
	}
	at := p.at
	if at.IsZero() {
		at = stream.Events[stream.Version()-1].At
	} else if now := time.Now(); at.After(now) {
		at = now
	}
	revoked := func(t projections.APITokenRow) bool { return t.Revoked }
	return slices.DeleteFunc(projections.Fold(projections.ApplyAPITokens, stream.Events), revoked), at, nil
}

func (s *Server) pastToken(ctx context.Context, id uuid.UUID, p past) (projections.APITokenRow, time.Time, error) {
	tokens, at, err := s.pastTokens(ctx, p, projections.ErrNoAPIToken)
	if err != nil {
		return projections.APITokenRow{}, at, err
	}
	n := slices.IndexFunc(tokens, func(t projections.APITokenRow) bool { return t.ID == id })
	if n < 0 {
		return projections.APITokenRow{}, at, projections.ErrNoAPIToken
	}
	return tokens[n], at, nil
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
