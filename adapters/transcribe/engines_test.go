package transcribe_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/transcribe"
	"ticketd/domain/file"
	"ticketd/internal/child"
)

const waitAtMost = 30 * time.Second

func deaf(float64) {}

// voskIn is a folder that looks as if Vosk were in it.
func voskIn(t *testing.T, library string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "libvosk.so"), []byte(library), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "model"), 0o700))
	return dir
}

func TestTheProcessThatHearsTellsWordsWithTheirTimes(t *testing.T) {
	t.Parallel()
	vosk(t)
	var out bytes.Buffer
	wav := recorded(t, "clip.wav", "-t", "2.5", "-i", human(t), "-bitexact", "-map_metadata", "-1", "-c:a", "pcm_s16le")
	require.NoError(t, transcribe.Hear([]string{voskDir, wav}, &out))
	require.Contains(t, out.String(), `{"word":"fellow","start":`)
	require.Contains(t, out.String(), `{"heard":1}`)
}

func TestTheProcessThatHearsSaysWhyItCannot(t *testing.T) {
	t.Parallel()
	vosk(t)
	other := voskIn(t, "")
	mathematics, err := filepath.Glob("/lib/*/libm.so.6")
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(other, "libvosk.so")))
	require.NoError(t, os.Symlink(mathematics[0], filepath.Join(other, "libvosk.so")))
	clip := human(t)
	require.ErrorContains(t, transcribe.Hear(nil, io.Discard), "hear takes")
	require.ErrorIs(t, transcribe.Hear([]string{voskDir, "gone.wav"}, io.Discard), os.ErrNotExist)
	require.ErrorContains(t, transcribe.Hear([]string{voskIn(t, "no library"), clip}, io.Discard), "load Vosk")
	require.ErrorContains(t, transcribe.Hear([]string{other, clip}, io.Discard), "vosk_")
}

func TestAProcessThatEndsBadlyIsAnError(t *testing.T) {
	t.Parallel()
	v := vosk(t)
	v.Dir = voskIn(t, "no library")
	_, err := v.Transcribe(t.Context(), human(t), deaf)
	require.ErrorAs(t, err, new(*child.ExitError))
	require.ErrorContains(t, err, "load Vosk")
	library, err := filepath.Abs(filepath.Join(voskDir, "libvosk.so"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(filepath.Join(v.Dir, "libvosk.so")))
	require.NoError(t, os.Symlink(library, filepath.Join(v.Dir, "libvosk.so")))
	_, err = v.Transcribe(t.Context(), human(t), deaf)
	require.ErrorContains(t, err, "the model cannot be loaded")
}

func TestWhoeverGoesWrongIsNamed(t *testing.T) {
	t.Parallel()
	bad := script(t, "exit 3")
	_, err := asking(t, quiet(), transcribe.Vosk{Dir: voskIn(t, ""), Hear: []string{bad}}, transcribe.Pocketsphinx{Program: bad}).
		Read(t.Context(), source(t, tone(t, time.Second)), silent)
	require.ErrorContains(t, err, "Vosk: "+bad+": exit status 3")
	require.ErrorContains(t, err, "pocketsphinx: "+bad+": exit status 3")
}

func TestAProcessThatTalksNonsenseIsAnError(t *testing.T) {
	t.Parallel()
	v := transcribe.Vosk{Dir: voskIn(t, ""), Hear: []string{script(t, "echo nonsense")}}
	_, err := v.Transcribe(t.Context(), human(t), deaf)
	require.ErrorContains(t, err, "read what Vosk said")
}

func TestAProcessThatHangsIsEndedWithWhoeverWaitsForIt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	v := transcribe.Vosk{Dir: voskIn(t, ""), Hear: []string{script(t, "sleep 60 & sleep 60")}}
	_, err := v.Transcribe(ctx, human(t), deaf)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestAProcessThatHangsIsStoppedAtItsLimit(t *testing.T) {
	t.Parallel()
	v := transcribe.Vosk{Dir: voskIn(t, ""), Hear: []string{script(t, "sleep 60")}, Patience: 200 * time.Millisecond}
	_, err := v.Transcribe(t.Context(), tone(t, 10*time.Millisecond), deaf)
	require.ErrorAs(t, err, new(*child.TimeoutError))
}

func TestASoundThatIsGoneIsAnError(t *testing.T) {
	t.Parallel()
	_, err := transcribe.Vosk{Dir: voskIn(t, "")}.Transcribe(t.Context(), "gone.wav", deaf)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = transcribe.Pocketsphinx{}.Transcribe(t.Context(), "gone.wav", deaf)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestPocketsphinxHearsSomething(t *testing.T) {
	t.Parallel()
	reading, err := transcribe.New(quiet(), transcribe.Pocketsphinx{}).
		Read(t.Context(), source(t, recorded(t, "middle.wav", "-ss", "3", "-t", "3.6", "-i", human(t))), silent)
	require.NoError(t, err)
	const said = "ask not what your country"
	t.Logf("word error rate %.2f: %s", wordErrors(said, reading.Text), reading.Text)
	require.Less(t, wordErrors(said, reading.Text), 0.9, "something was understood")
	require.NotContains(t, reading.Text, "(")
	require.NotContains(t, reading.Text, "<")
	require.Equal(t, "pocketsphinx", reading.Engine)
	require.NotNil(t, reading.Confidence)
	require.Greater(t, len(reading.Segments), 1)
	for _, s := range reading.Segments {
		require.Less(t, s.Start, s.End)
	}
}

func TestPocketsphinxWithoutItsModelIsSkipped(t *testing.T) {
	t.Parallel()
	_, err := transcribe.Pocketsphinx{Program: script(t, `exec pocketsphinx_continuous "$@" -hmm /no/such/folder`)}.Transcribe(t.Context(), human(t), deaf)
	require.Equal(t, "pocketsphinx has no model here.", skippedFor(t, err))
}

func TestPocketsphinxThatEndsBadlyIsAnError(t *testing.T) {
	t.Parallel()
	_, err := transcribe.Pocketsphinx{Program: script(t, "exit 3")}.Transcribe(t.Context(), human(t), deaf)
	require.ErrorAs(t, err, new(*child.ExitError))
}

func TestPocketsphinxNoisesAreNoWords(t *testing.T) {
	t.Parallel()
	said := strings.Join([]string{
		"read 1 b 2", "<s> 0.0 0.1 0.9", "++NOISE++ 0.1 0.2 0.9", "[SPEECH] 0.2 0.3 0.9", "(2) 0.2 0.3 0.9", "read(2) 0.3 0.5 1.0003", "me 0.5 0.7 0.5", "</s> 0.7 0.8 1.0",
		"", "<s> 1.0 1.1 0.9", "</s> 1.1 1.2 1.0", "cut off",
	}, "\n")
	reading, err := transcribe.Pocketsphinx{Program: script(t, "printf '%s' '"+said+"'")}.Transcribe(t.Context(), human(t), deaf)
	require.NoError(t, err)
	require.Equal(t, []file.Segment{{Start: 0.3, End: 0.7, Text: "read me", Confidence: new(0.75)}}, reading.Segments)
}
