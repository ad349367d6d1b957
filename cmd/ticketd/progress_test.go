package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProgressInALogIsALineNowAndThen(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := newProgress(&out, "verify", "events")
	p.at(10, 100)
	require.Empty(t, out.String(), "not every step is worth a line")
	p.shown = p.shown.Add(-logEvery)
	p.at(50, 100)
	require.Contains(t, out.String(), "verify [###############...............]  50 %  50 of 100 events")
	p.at(100, 100)
	p.end()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 2)
	require.Contains(t, lines[1], "100 of 100 events")
}

func TestProgressOfAnUnknownTotalHasNoBar(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := newProgress(&out, "export", "events")
	p.at(7, 0)
	p.end()
	require.Contains(t, out.String(), "export: 7 events")
	require.NotContains(t, out.String(), "[")
}

func TestProgressInATerminalRedrawsItsLine(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := newProgress(&out, "rebuild", "events")
	p.terminal = true
	p.shown = p.shown.Add(-time.Second)
	p.at(1, 2)
	p.end()
	require.Equal(t, 2, strings.Count(out.String(), "\r"))
	require.True(t, strings.HasSuffix(out.String(), "\n"))
}
