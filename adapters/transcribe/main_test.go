package transcribe_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/transcribe"
	"ticketd/commands"
	"ticketd/domain/file"
)

// hear makes the test binary the process that hears.
const hear = "hear"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == hear {
		if err := transcribe.Hear(os.Args[2:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// voskDir is where scripts/speech puts what it brings.
const voskDir = "../../engines/vosk"

func vosk(tb testing.TB) transcribe.Vosk {
	tb.Helper()
	require.DirExists(tb, filepath.Join(voskDir, "model"), "run make setup, which fetches it with scripts/speech")
	self, err := os.Executable()
	require.NoError(tb, err)
	return transcribe.Vosk{Dir: voskDir, Language: "en", Hear: []string{self, hear}, Memory: childMemory}
}

// clipWords is what is said in the clip.
const clipWords = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"

// clip is eleven seconds of a man who spoke in 1961, from a Go module that is fetched and kept like any other.
var clip = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", "github.com/ggerganov/whisper.cpp/bindings/go@v0.0.0-20260227185758-9453b4b9be9b")
	cmd.Dir = os.TempDir() // outside of this module, which does not need it
	out, err := cmd.Output()
	var module struct{ Dir, Error string }
	if broken := json.Unmarshal(out, &module); broken != nil || module.Dir == "" {
		return "", fmt.Errorf("the clip cannot be fetched from the module proxy: %s %w", module.Error, err)
	}
	return filepath.Join(module.Dir, "samples", "jfk.wav"), nil
})

func human(tb testing.TB) string {
	tb.Helper()
	path, err := clip()
	require.NoError(tb, err)
	return path
}

// recorded makes a recording with ffmpeg.
func recorded(tb testing.TB, name string, args ...string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	said, err := exec.CommandContext(tb.Context(), "ffmpeg", append(append([]string{"-nostdin", "-v", "error"}, args...), path)...).CombinedOutput()
	require.NoError(tb, err, "ffmpeg, which make setup installs: %s", said)
	return path
}

const toneRate = 16_000

// second is a second of a tone of 440 Hz.
var second = sync.OnceValue(func() []byte {
	samples := make([]byte, 0, 2*toneRate)
	for at := range toneRate {
		samples = binary.LittleEndian.AppendUint16(samples, uint16(int16(4000*math.Sin(2*math.Pi*440*float64(at)/toneRate))))
	}
	return samples
})

// tone is a recording of a tone.
func tone(tb testing.TB, length time.Duration) string {
	tb.Helper()
	size := int(length.Milliseconds()) * toneRate / 1000 * 2
	return wav(tb, bytes.Repeat(second(), size/len(second())+1)[:size])
}

// wav is a recording of samples.
func wav(tb testing.TB, samples []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "tone.wav")
	require.NoError(tb, os.WriteFile(path, append(transcribe.Header(int64(len(samples))), samples...), 0o600))
	return path
}

// repeated is the clip so many times, once every so many seconds.
func repeated(tb testing.TB, name string, times int, every float64, args ...string) string {
	tb.Helper()
	once := recorded(tb, "once.wav", "-i", human(tb), "-af", "apad", "-t", fmt.Sprint(every))
	return recorded(tb, name, append([]string{"-stream_loop", fmt.Sprint(times - 1), "-i", once}, args...)...)
}

// script is a program that stands in for another.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	syscall.ForkLock.RLock() // a child born while the file is open would keep it from being run
	defer syscall.ForkLock.RUnlock()
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700))
	return path
}

func silent(int, string) {}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func source(tb testing.TB, path string) commands.Source {
	tb.Helper()
	info, err := os.Stat(path)
	require.NoError(tb, err)
	return commands.Source{Path: path, Category: file.Audio, Size: info.Size()}
}

// wordErrors is the word error rate: how many words must be changed, of how many.
func wordErrors(want, got string) float64 {
	w, g := strings.Fields(want), strings.Fields(got)
	row := make([]int, len(g)+1)
	for j := range row {
		row[j] = j
	}
	for i := range w {
		before := row[0]
		row[0] = i + 1
		for j := range g {
			change := before
			if w[i] != g[j] {
				change++
			}
			before, row[j+1] = row[j+1], min(change, row[j]+1, row[j+1]+1)
		}
	}
	return float64(row[len(g)]) / float64(len(w))
}
