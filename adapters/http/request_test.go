package http

import (
	"context"
	"encoding/json"
	"log/slog"
	nethttp "net/http"
	"net/http/httptest"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
)

// agentsOnly takes everybody for an agent that acts for an admin.
type agentsOnly struct{}

func (agentsOnly) Authenticate(context.Context, string) (domain.Caller, error) {
	return domain.Caller{Org: domain.OrgID{UUID: uuid.Max}, Actor: domain.Actor{Type: domain.ByAgent, ID: uuid.Max, User: domain.UserID{UUID: uuid.Max}, Role: domain.Admin}}, nil
}

// An agent does with its tools what it may do: no operation that asks for a token takes one of an agent's.
func TestAnAgentIsRefusedEverywhere(t *testing.T) {
	t.Parallel()
	s := bare(slog.New(slog.DiscardHandler))
	s.Authenticator = agentsOnly{}
	tried := 0
	for path, item := range s.OpenAPI().Paths {
		for method, o := range map[string]*huma.Operation{"GET": item.Get, "PUT": item.Put, "POST": item.Post, "PATCH": item.Patch, "DELETE": item.Delete} {
			if o == nil || len(o.Security) == 0 {
				continue
			}
			tried++
			r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
			r.Header.Set("Authorization", "Bearer agent")
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			require.Equal(t, nethttp.StatusForbidden, w.Code, "%s %s", method, path)
			var problem struct{ Type, Detail string }
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &problem))
			require.Equal(t, "urn:ticketd:problem:agents_use_tools", problem.Type)
			require.NotEmpty(t, problem.Detail)
		}
	}
	require.Greater(t, tried, 50)
}
