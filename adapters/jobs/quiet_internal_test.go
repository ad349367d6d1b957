package jobs

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

// What River was about to do when it was told to stop is no trouble; everything else that it complains about is a warning.
func TestOnlyTroubleIsPassedOn(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(quiet{slog.NewTextHandler(&out, nil)})
	ctx := t.Context()
	log.InfoContext(ctx, "all day long")
	log.WarnContext(ctx, "not sent", "err", "timeout: context already done: context canceled")
	log.ErrorContext(ctx, "not left", "err", "error unlistening on topic: conn closed", "topic", "insert")
	require.Empty(t, out.String())
	log.ErrorContext(ctx, "not sent", "err", "connection refused")
	require.Contains(t, out.String(), "level=WARN")
}
