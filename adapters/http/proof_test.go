package http

import (
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain"
)

func TestOneVerificationRunsAtATime(t *testing.T) {
	t.Parallel()
	s := bare(slog.New(slog.DiscardHandler))
	s.verifying.Lock()
	auditor := context.WithValue(t.Context(), callerKey, domain.Caller{Actor: domain.Actor{Type: domain.ByUser, Role: domain.Auditor}})
	_, err := s.auditVerify(auditor, nil)
	problem := s.problem(auditor, err)
	require.Equal(t, 429, problem.Status)
	require.Equal(t, "10", problem.GetHeaders().Get("Retry-After"))
}
