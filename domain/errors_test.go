package domain_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain"
)

var errFull = &domain.Error{Kind: domain.TooMany, Code: "full", Message: "It is full."}

func TestARefusalReadsAsCodeAndSentence(t *testing.T) {
	t.Parallel()
	require.EqualError(t, errFull, "full: It is full.")
}

func TestAMorePreciseRefusalIsStillTheSame(t *testing.T) {
	t.Parallel()
	precise := errFull.With("It holds 10 already.")
	require.ErrorIs(t, precise, errFull)
	require.ErrorIs(t, fmt.Errorf("add: %w", precise), errFull)
	require.Equal(t, "It holds 10 already.", precise.Message)
	require.Equal(t, domain.TooMany, precise.Kind)
	require.Equal(t, "It is full.", errFull.Message, "the original stays as it is")
}

func TestRefusalsWithOtherCodesDiffer(t *testing.T) {
	t.Parallel()
	require.NotErrorIs(t, errFull, domain.ErrForbidden)
	require.NotErrorIs(t, errFull, errors.New("full"))
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	require.Equal(t, domain.TooMany, domain.KindOf(errFull))
	require.Equal(t, domain.Forbidden, domain.KindOf(fmt.Errorf("wrapped: %w", domain.ErrForbidden)))
	require.Equal(t, domain.Internal, domain.KindOf(errors.New("disk on fire")), "what the domain did not say is internal")
	require.Equal(t, domain.Internal, domain.KindOf(nil))
}
