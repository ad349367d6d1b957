package http

import (
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// A person is exported once at a time, and not everybody at once.
func TestPlaces(t *testing.T) {
	t.Parallel()
	s := bare(slog.New(slog.DiscardHandler))
	ann, names := uuid.New(), []uuid.UUID{}
	require.True(t, s.exporting.take(ann))
	require.False(t, s.exporting.take(ann))
	for range mostExports - 1 {
		names = append(names, uuid.New())
		require.True(t, s.exporting.take(names[len(names)-1]))
	}
	require.False(t, s.exporting.take(uuid.New()))
	s.exporting.free(names[0])
	require.False(t, s.exporting.take(ann), "there is room, but not for the same")
	require.True(t, s.exporting.take(uuid.New()))
	s.exporting.free(ann)
	require.True(t, s.exporting.take(ann))
}
