package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatACrashLeavesIsRemovedAndWhatIsInUseIsNot(t *testing.T) {
	t.Parallel()
	parent := filepath.Join(t.TempDir(), "reading")
	ours, err := newTemporary(parent)
	require.NoError(t, err)
	defer ours.remove()
	voice := filepath.Join(ours.path, "voice.wav")
	require.NoError(t, os.WriteFile(voice, []byte("RIFF"), 0o600))
	left := filepath.Join(parent, "left")
	require.NoError(t, os.MkdirAll(left, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(left, "voice.wav"), []byte("RIFF"), 0o600))

	other, err := newTemporary(parent)
	require.NoError(t, err)
	require.FileExists(t, voice, "its process lives")
	require.NoDirExists(t, left)
	other.remove()
	require.NoDirExists(t, other.path)

	nowhere := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(nowhere, nil, 0o600))
	_, err = newTemporary(nowhere)
	require.Error(t, err)
}
