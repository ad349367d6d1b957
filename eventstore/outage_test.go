package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"ticketd/eventstore"
)

func TestAnOutageIsToldFromAFault(t *testing.T) {
	t.Parallel()
	_, refused := pgx.Connect(t.Context(), "host=127.0.0.1 port=1 user=nobody connect_timeout=2")
	require.Error(t, refused)
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"nobody listens":      {refused, true},
		"shutting down":       {&pgconn.PgError{Code: "57P01"}, true},
		"no more connections": {&pgconn.PgError{Code: "53300"}, true},
		"a full disk":         {&pgconn.PgError{Code: "53100"}, true},
		"a broken line":       {&net.OpError{Op: "read", Err: errors.New("reset")}, true},
		"nonsense":            {&pgconn.PgError{Code: "22P02"}, false},
		"a conflict":          {eventstore.ErrConflict, false},
		"given up":            {context.Canceled, false},
	} {
		require.Equal(t, c.want, eventstore.IsOutage(fmt.Errorf("append: %w", c.err)), name)
	}
}
