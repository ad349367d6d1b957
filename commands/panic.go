package commands

import (
	"context"
	"log/slog"
	"runtime/debug"

	"ticketd/internal/wordless"
)

// recovered answers a panic as an error: what one vendor answers must not end the program that serves all the others. It is
// deferred. The log is told where it was, but not what it said, which may be what somebody wrote.
func recovered(ctx context.Context, log *slog.Logger, err *error) {
	if value := recover(); value != nil {
		*err = wordless.Panicked(value)
		log.WarnContext(ctx, "speaking with a vendor panicked", "cause", *err, "stack", string(debug.Stack()))
	}
}
