package eventstore

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// IsOutage reports that the database was not there, or had no room: what failed may be tried again later as it is. Whether
// it was done nobody knows when the connection broke in the middle.
func IsOutage(err error) bool {
	if refused, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return refused != nil
	}
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(answer.Code, "08") || strings.HasPrefix(answer.Code, "53") || strings.HasPrefix(answer.Code, "57P")
	}
	_, network := errors.AsType[net.Error](err)
	return network && !errors.Is(err, context.Canceled) || pgconn.SafeToRetry(err)
}
