package jobs

import (
	"context"
	"log/slog"
	"strings"
)

// closedByUs is pgx's word for a connection that this side has closed before: River's listener leaves its channels after it
// was stopped within a statement, which closes its connection. A connection that the server closed ends in another word first.
const closedByUs = "conn closed"

// quiet passes on what River has trouble with, and nothing of what it does all day. What it calls an error is a warning to
// us: it tries again by itself. What it was about to do when it was told to stop is no trouble.
type quiet struct{ slog.Handler }

// Enabled implements slog.Handler.
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, slog.LevelWarn)
}

// Handle implements slog.Handler.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	stopping := false
	r.Attrs(func(a slog.Attr) bool {
		said := a.Value.String()
		stopping = strings.HasSuffix(said, context.Canceled.Error()) || strings.HasSuffix(said, closedByUs)
		return !stopping
	})
	if stopping {
		return nil
	}
	r.Level = slog.LevelWarn
	return q.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
