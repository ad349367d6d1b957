package transcribe_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/transcribe"
	"ticketd/commands"
	"ticketd/domain/file"
	"ticketd/internal/child"
)

var _ commands.Reader = (*transcribe.Reader)(nil)

// scripted is a provider that does what a test says.
type scripted struct {
	name string
	hear func(ctx context.Context, wav string, heard func(float64)) (file.Reading, error)
}

func (s scripted) Name() string { return s.name }

func (s scripted) Transcribe(ctx context.Context, wav string, heard func(float64)) (file.Reading, error) {
	return s.hear(ctx, wav, heard)
}

func says(name string, r file.Reading, err error) scripted {
	return scripted{name, func(context.Context, string, func(float64)) (file.Reading, error) { return r, err }}
}

func tone(t *testing.T, seconds string) string {
	t.Helper()
	return recorded(t, "tone.wav", "-f", "lavfi", "-i", "sine=440:r=8000", "-t", seconds)
}

func skippedFor(t *testing.T, err error) string {
	t.Helper()
	var skipped *file.SkippedError
	require.ErrorAs(t, err, &skipped)
	return skipped.Reason
}

func TestWhatAManSaysIsWrittenDown(t *testing.T) {
	t.Parallel()
	var percents []int
	var doing string
	var mu sync.Mutex
	reading, err := transcribe.New(quiet(), vosk(t)).Read(t.Context(), source(t, human(t)), func(percent int, what string) {
		mu.Lock()
		defer mu.Unlock()
		percents, doing = append(percents, percent), what
	})
	require.NoError(t, err)
	rate := wordErrors(clipWords, reading.Text)
	t.Logf("word error rate %.3f, confidence %.3f: %s", rate, *reading.Confidence, reading.Text)
	require.LessOrEqual(t, rate, 0.20)
	require.Equal(t, "en", reading.Language)
	require.Contains(t, reading.Engine, "libvosk 0.3.39, ")
	require.InDelta(t, 11, reading.Seconds, 0.1)
	require.Greater(t, *reading.Confidence, 0.5)
	require.LessOrEqual(t, *reading.Confidence, 1.0)
	require.Equal(t, []string{"The text is lower case and without punctuation, as the local engine gives it."}, reading.Notes)
	require.NotEmpty(t, reading.Segments)
	require.Less(t, reading.Segments[0].Start, 1.0)
	require.InDelta(t, 10.5, reading.Segments[len(reading.Segments)-1].End, 0.8)
	mu.Lock()
	defer mu.Unlock()
	require.GreaterOrEqual(t, len(percents), 11, "each second of the recording is told")
	require.IsIncreasing(t, compacted(percents))
	require.Equal(t, 100, percents[len(percents)-1])
	require.Equal(t, "minute 1 of 1", doing)
}

func compacted(percents []int) (out []int) {
	for _, p := range percents {
		if len(out) == 0 || out[len(out)-1] != p {
			out = append(out, p)
		}
	}
	return out
}

func TestWhatAMachineSaysIsWrittenDown(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "said.wav")
	require.NoError(t, child.Run(t.Context(), child.Command{
		Name: "espeak-ng", Args: []string{"-s", "130", "-w", path, "please call me back in the morning"},
		Limits: child.Limits{Time: waitAtMost, CPU: waitAtMost, Memory: 1 << 30},
	}))
	reading, err := transcribe.New(quiet(), vosk(t)).Read(t.Context(), source(t, path), silent)
	require.NoError(t, err)
	t.Log(reading.Text)
	require.LessOrEqual(t, wordErrors("please call me back in the morning", reading.Text), 0.3)
}

func TestALongRecordingIsHeardInPiecesWithTheRightTimes(t *testing.T) {
	t.Parallel()
	const copies, every = 11, 56.0 // a little more than ten minutes
	path := repeated(t, "long.mp4", copies, every, "-c:a", "aac")
	var most, now, pieces atomic.Int64
	counted := scripted{"counted", func(ctx context.Context, wav string, heard func(float64)) (file.Reading, error) {
		pieces.Add(1)
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		return vosk(t).Transcribe(ctx, wav, heard)
	}}
	reading, err := transcribe.New(quiet(), counted).Read(t.Context(), source(t, path), silent)
	require.NoError(t, err)
	require.InDelta(t, copies*every, reading.Seconds, 0.2)
	require.GreaterOrEqual(t, pieces.Load(), int64(3))
	require.GreaterOrEqual(t, most.Load(), int64(min(2, runtime.GOMAXPROCS(0))))
	said := make([][]file.Segment, copies)
	for _, s := range reading.Segments {
		i := int((s.Start + every/4) / every) // a copy may begin early, but not by a quarter
		said[i] = append(said[i], s)
	}
	var worst float64
	for i, segments := range said {
		require.NotEmpty(t, segments, "copy %d", i)
		// In the clip he speaks from 0.35 to 10.5.
		begins := segments[0].Start - (float64(i)*every + 0.35)
		ends := segments[len(segments)-1].End - (float64(i)*every + 10.5)
		worst = max(worst, begins, -begins, ends, -ends)
	}
	rate := wordErrors(strings.Repeat(clipWords+" ", copies), reading.Text)
	t.Logf("%d pieces, at most %.2f s off, word error rate %.3f", pieces.Load(), worst, rate)
	require.LessOrEqual(t, worst, 1.0)
	require.LessOrEqual(t, rate, 0.25)
}

func TestWhatComesAfterTheMostIsLeftOutAndANoteSaysSo(t *testing.T) {
	t.Parallel()
	r := transcribe.New(quiet(), says("deaf", file.Reading{Engine: "deaf"}, nil))
	r.Longest = 2 * time.Minute
	reading, err := r.Read(t.Context(), source(t, tone(t, "121")), silent)
	require.NoError(t, err)
	require.Contains(t, reading.Notes, "Only the first 2 minutes were transcribed.")
	require.InDelta(t, 121, reading.Seconds, 0.1)
}

func TestSilenceHasNoText(t *testing.T) {
	t.Parallel()
	path := recorded(t, "silence.wav", "-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", "-t", "5")
	reading, err := transcribe.New(quiet(), vosk(t)).Read(t.Context(), source(t, path), silent)
	require.NoError(t, err)
	require.Empty(t, reading.Text)
	require.Empty(t, reading.Segments)
	require.Nil(t, reading.Confidence)
	require.Equal(t, []string{"No speech was heard in the recording."}, reading.Notes)
}

func TestTheNextProviderIsAskedForEverythingAndANoteSaysSo(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	reading, err := transcribe.New(slog.New(slog.NewTextHandler(&logged, nil)),
		says("the absent", file.Reading{}, &file.SkippedError{Reason: "It is not here."}),
		says("the tired", file.Reading{}, errors.New("overslept")),
		says("the awake", file.Reading{Text: "good morning", Engine: "awake 1", Confidence: new(0.5)}, nil),
		says("the last", file.Reading{Text: "never asked"}, nil),
	).Read(t.Context(), source(t, tone(t, "2")), silent)
	require.NoError(t, err)
	require.Equal(t, "good morning", reading.Text)
	require.Equal(t, "awake 1", reading.Engine)
	require.Equal(t, []string{"It could not be transcribed by the tired, which would have been asked first."}, reading.Notes)
	require.Equal(t, []file.Segment{{End: 2, Text: "good morning", Confidence: new(0.5)}}, reading.Segments)
	require.InDelta(t, 0.5, *reading.Confidence, 0)
	require.Contains(t, logged.String(), "overslept")
}

func TestAProviderWithoutConfidenceGivesNone(t *testing.T) {
	t.Parallel()
	reading, err := transcribe.New(quiet(), says("x", file.Reading{Text: "hello", Segments: []file.Segment{{Start: -1, End: 99, Text: "hello"}}}, nil)).Read(t.Context(), source(t, tone(t, "2")), silent)
	require.NoError(t, err)
	require.Nil(t, reading.Confidence)
	require.Equal(t, []file.Segment{{Start: 0, End: 2, Text: "hello"}}, reading.Segments, "within the recording")
}

func TestWithoutAnyProviderItIsSkipped(t *testing.T) {
	t.Parallel()
	path := source(t, tone(t, "1"))
	_, err := transcribe.New(quiet()).Read(t.Context(), path, silent)
	require.Equal(t, "No speech engine is configured here.", skippedFor(t, err))
	_, err = transcribe.New(quiet(), transcribe.Vosk{Dir: t.TempDir()}, transcribe.Pocketsphinx{Program: "no-such-program"}).Read(t.Context(), path, silent)
	require.Equal(t, "Vosk is not installed here. pocketsphinx is not installed here.", skippedFor(t, err))
}

func TestWhenAllProvidersGoWrongItIsWorthAnotherTry(t *testing.T) {
	t.Parallel()
	_, err := transcribe.New(quiet(), says("a", file.Reading{}, errors.New("first")), says("b", file.Reading{}, &file.SkippedError{Reason: "No."})).Read(t.Context(), source(t, tone(t, "1")), silent)
	require.EqualError(t, err, "a: first")
	var skipped *file.SkippedError
	require.NotErrorAs(t, err, &skipped)
}

func TestWhoCallsOffGetsNoOtherProvider(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	waits := scripted{"waits", func(ctx context.Context, _ string, _ func(float64)) (file.Reading, error) {
		cancel()
		<-ctx.Done()
		return file.Reading{}, ctx.Err()
	}}
	_, err := transcribe.New(quiet(), waits, says("next", file.Reading{Text: "no"}, nil)).Read(ctx, source(t, tone(t, "1")), silent)
	require.ErrorIs(t, err, context.Canceled)
}

// With 700 seconds there are more pieces than slots, and those that wait hear of the first's fault.
func TestOneFaultEndsAllPieces(t *testing.T) {
	t.Parallel()
	_, err := transcribe.New(quiet(), says("a", file.Reading{}, errors.New("first"))).Read(t.Context(), source(t, tone(t, "1300")), silent)
	require.EqualError(t, err, "a: first")
}

func TestAProviderThatKeepsQuietIsReportedAllTheSame(t *testing.T) {
	t.Parallel()
	told := make(chan struct{}, 100)
	patient := scripted{"patient", func(context.Context, string, func(float64)) (file.Reading, error) {
		<-told
		<-told
		return file.Reading{}, nil
	}}
	_, err := transcribe.New(quiet(), patient).Read(t.Context(), source(t, tone(t, "1")), func(_ int, doing string) {
		if doing == "minute 1 of 1" {
			select {
			case told <- struct{}{}:
			default:
			}
		}
	})
	require.NoError(t, err)
}

func TestARecordingWithoutSoundIsSkipped(t *testing.T) {
	t.Parallel()
	path := recorded(t, "mute.mp4", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=5", "-t", "1")
	_, err := transcribe.New(quiet(), vosk(t)).Read(t.Context(), source(t, path), silent)
	require.Equal(t, "The recording has no sound.", skippedFor(t, err))
}

func TestASoundOfNoLengthIsNoSound(t *testing.T) {
	t.Parallel()
	r := transcribe.New(quiet(), vosk(t))
	r.FFmpeg = script(t, "exit 0")
	_, err := r.Read(t.Context(), source(t, tone(t, "1")), silent)
	require.Equal(t, "The recording has no sound.", skippedFor(t, err))
}

func TestWhatIsNoRecordingIsBroken(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fake.mp3")
	require.NoError(t, os.WriteFile(path, []byte("fake audio content"), 0o600))
	_, err := transcribe.New(quiet(), vosk(t)).Read(t.Context(), source(t, path), silent)
	var broken *file.BrokenError
	require.ErrorAs(t, err, &broken)
	require.Equal(t, "The recording's sound cannot be decoded.", broken.Reason)
}

func TestAMissingDecoderIsNamed(t *testing.T) {
	t.Parallel()
	path := source(t, tone(t, "1"))
	r := transcribe.New(quiet(), vosk(t))
	r.FFprobe = "no-ffprobe"
	_, err := r.Read(t.Context(), path, silent)
	require.Equal(t, "Transcription needs no-ffprobe, which is not installed here.", skippedFor(t, err))
	r = transcribe.New(quiet(), vosk(t))
	r.FFmpeg = "no-ffmpeg"
	_, err = r.Read(t.Context(), path, silent)
	require.Equal(t, "Transcription needs no-ffmpeg, which is not installed here.", skippedFor(t, err))
}

func TestADecoderThatIsKilledSaysNothingAboutTheFile(t *testing.T) {
	t.Parallel()
	r := transcribe.New(quiet(), vosk(t))
	r.FFmpeg = script(t, "kill -9 $$")
	_, err := r.Read(t.Context(), source(t, tone(t, "1")), silent)
	require.ErrorAs(t, err, new(*child.ExitError))
	r.FFprobe = script(t, "echo nothing")
	_, err = r.Read(t.Context(), source(t, tone(t, "1")), silent)
	require.ErrorContains(t, err, "read ffprobe's answer")
}
