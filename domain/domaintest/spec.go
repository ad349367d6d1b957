// Package domaintest tests deciders in the words of the domain: given a history, when a command comes, then these facts.
package domaintest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain"
)

// Spec is one given/when/then scenario.
type Spec[S, C, E any] struct {
	tb      testing.TB
	decider domain.Decider[S, C, E]
	given   []E
	cmd     C
}

// Given starts from history; none means the aggregate does not exist yet.
func Given[S, C, E any](tb testing.TB, d domain.Decider[S, C, E], history ...E) Spec[S, C, E] {
	tb.Helper()
	return Spec[S, C, E]{tb: tb, decider: d, given: history}
}

// When sends the command.
func (s Spec[S, C, E]) When(cmd C) Spec[S, C, E] {
	s.cmd = cmd
	return s
}

// Then expects exactly these facts, in this order; none for an idempotent repeat.
func (s Spec[S, C, E]) Then(want ...E) {
	s.tb.Helper()
	got, err := s.decide()
	require.NoError(s.tb, err)
	if len(want) == 0 {
		require.Empty(s.tb, got)
		return
	}
	require.Equal(s.tb, want, got)
}

// Refused expects this refusal.
func (s Spec[S, C, E]) Refused(want error) {
	s.tb.Helper()
	_, err := s.decide()
	require.ErrorIs(s.tb, err, want)
}

func (s Spec[S, C, E]) decide() ([]E, error) {
	var unborn S
	return s.decider.Decide(s.decider.Fold(unborn, s.given...), s.cmd)
}
