package wordless_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"ticketd/domain/ticket"
	"ticketd/internal/wordless"
)

type ours struct{}

func (ours) Error() string { return "Ann's file: it ended badly" }
func (ours) Plain() string { return "It ended badly." }

func TestAnErrorIsNamedWithoutAnybodysWords(t *testing.T) {
	t.Parallel()
	require.NoError(t, wordless.Of(nil))
	for want, err := range map[string]error{
		"ticket_not_found":    fmt.Errorf("release Ann's ticket: %w", ticket.ErrNotFound.With("There is no ticket of Ann's.")),
		"SQLSTATE 22P02":      fmt.Errorf("look up Ann: %w", &pgconn.PgError{Code: "22P02", Message: "invalid: Ann"}),
		"It ended badly.":     fmt.Errorf("read: %w", ours{}),
		"*errors.errorString": errors.Join(fmt.Errorf("look up: %w", errors.New("Ann")), empty{}),
		"wordless_test.empty": empty{},
	} {
		require.EqualError(t, wordless.Of(err), want)
	}
}

// empty joins no errors.
type empty struct{}

func (empty) Error() string   { return "Ann" }
func (empty) Unwrap() []error { return nil }
