package transcribe

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("nobody listens") }

// deafLibrary answers as Vosk does to a sound in which nobody speaks.
func deafLibrary() *library {
	return &library{
		newRecognizer:  func(uintptr, float32) uintptr { return 1 },
		setWords:       func(uintptr, int32) {},
		accept:         func(uintptr, *byte, int32) int32 { return 0 },
		result:         func(uintptr) string { return `{"text":""}` },
		finalResult:    func(uintptr) string { return `{"text":""}` },
		freeRecognizer: func(uintptr) {},
	}
}

func TestHearingThatGoesWrongSaysWhy(t *testing.T) {
	t.Parallel()
	second := strings.Repeat("s", secondBytes)
	folder, err := os.Open(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { _ = folder.Close() })
	for _, c := range []struct {
		name    string
		change  func(*library)
		samples io.Reader
		out     io.Writer
		why     string
	}{
		{"a model that is none", func(l *library) { l.newRecognizer = func(uintptr, float32) uintptr { return 0 } }, strings.NewReader(second), io.Discard, "the model cannot be used"},
		{"a sound that is a folder", func(*library) {}, folder, io.Discard, "read the sound"},
		{"a library that refuses", func(l *library) { l.accept = func(uintptr, *byte, int32) int32 { return -1 } }, strings.NewReader(second), io.Discard, "the sound cannot be heard"},
		{"a listener that is gone", func(*library) {}, strings.NewReader(second), full{}, "tell what was heard: nobody listens"},
		{"an utterance that is none", func(l *library) {
			l.accept = func(uintptr, *byte, int32) int32 { return 1 }
			l.result = func(uintptr) string { return "nothing" }
		}, strings.NewReader(second), io.Discard, "read the result"},
		{"an end that is none", func(l *library) { l.finalResult = func(uintptr) string { return "nothing" } }, strings.NewReader(second), io.Discard, "read the result"},
	} {
		l := deafLibrary()
		c.change(l)
		require.ErrorContains(t, l.hear(1, c.samples, json.NewEncoder(c.out)), c.why, c.name)
	}
}
