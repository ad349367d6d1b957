package transcribe_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
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

// asking is a reader to whom every recording is two seconds of silence, for tests of who is asked: ffmpeg takes longer.
func asking(t *testing.T, log *slog.Logger, providers ...transcribe.Provider) *transcribe.Reader {
	t.Helper()
	r := transcribe.New(log, providers...)
	r.FFprobe = script(t, `echo '{"streams":[{}],"format":{"duration":"2"}}'`)
	r.FFmpeg = script(t, "head -c 64000 /dev/zero")
	return r
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

// beep is a tone that a provider can tell from others by its loudness.
type beep struct{ start, end float64 }

var beeps = []beep{{0.5, 2}, {7, 8}, {19, 21}, {29.5, 30.6}, {31.5, 40}, {58, 59.4}, {59.8, 60.5}, {75, 76}, {88, 89.9}}

const louder = 3000

// hearBeeps says which beeps are in a WAV, and when.
func hearBeeps(wav string) (r file.Reading, err error) {
	samples, err := os.ReadFile(wav)
	if err != nil {
		return r, err
	}
	samples = samples[len(transcribe.Header(0)):]
	var number int
	for at := range len(samples) / 2 {
		heard := int(binary.LittleEndian.Uint16(samples[2*at:])) / louder
		if heard != number && heard > 0 {
			r.Segments = append(r.Segments, file.Segment{Start: float64(at) / toneRate, Text: strconv.Itoa(heard)})
		}
		if heard > 0 {
			r.Segments[len(r.Segments)-1].End = float64(at+1) / toneRate
		}
		number = heard
	}
	for _, s := range r.Segments {
		r.Text = strings.TrimSpace(r.Text + " " + s.Text)
	}
	return r, nil
}

func TestALongRecordingIsHeardInPiecesSideBySide(t *testing.T) {
	t.Parallel()
	samples := make([]byte, 90*toneRate*2)
	for i, b := range beeps {
		for at := int(b.start * toneRate); at < int(b.end*toneRate); at++ {
			binary.LittleEndian.PutUint16(samples[2*at:], uint16(louder*(i+1)))
		}
	}
	slots := runtime.GOMAXPROCS(0)
	var mu sync.Mutex
	var pieces, now, most int
	crowd := make(chan struct{}) // closed when as many are heard at once as can be
	counted := scripted{"counted", func(ctx context.Context, wav string, _ func(float64)) (file.Reading, error) {
		mu.Lock()
		pieces, now = pieces+1, now+1
		if now > most {
			if most = now; most == min(slots, 3) {
				close(crowd)
			}
		}
		mu.Unlock()
		select {
		case <-crowd:
		case <-ctx.Done():
		}
		reading, err := hearBeeps(wav)
		mu.Lock()
		now--
		mu.Unlock()
		return reading, err
	}}
	ctx, cancel := context.WithTimeout(t.Context(), 4*waitAtMost)
	defer cancel()
	reading, err := transcribe.New(quiet(), counted).InPieces(30*time.Second, 30*time.Second, 5*time.Second).Read(ctx, source(t, wav(t, samples)), silent)
	require.NoError(t, err)
	require.Equal(t, 3, pieces)
	require.Equal(t, min(slots, 3), most)
	require.Equal(t, "1 2 3 4 5 6 7 8 9", reading.Text)
	require.Len(t, reading.Segments, len(beeps), "none is cut in two, though one is at a mark")
	for i, s := range reading.Segments {
		require.Equal(t, strconv.Itoa(i+1), s.Text)
		require.InDelta(t, beeps[i].start, s.Start, 0.01)
		require.InDelta(t, beeps[i].end, s.End, 0.01)
	}
}

// It is cut where the man draws breath.
func TestALongFilmIsHeardInPiecesWithTheRightTimes(t *testing.T) {
	t.Parallel()
	path := recorded(t, "long.mp4", "-i", human(t), "-f", "lavfi", "-i", "testsrc=size=64x48:rate=5", "-shortest", "-c:v", "mpeg4", "-c:a", "aac")
	var pieces atomic.Int64
	counted := scripted{"counted", func(ctx context.Context, wav string, heard func(float64)) (file.Reading, error) {
		pieces.Add(1)
		return vosk(t).Transcribe(ctx, wav, heard)
	}}
	reading, err := transcribe.New(quiet(), counted).InPieces(3*time.Second, 4*time.Second, time.Second).Read(t.Context(), source(t, path), silent)
	require.NoError(t, err)
	require.InDelta(t, 11, reading.Seconds, 0.2)
	require.EqualValues(t, 3, pieces.Load())
	rate := wordErrors(clipWords, reading.Text)
	t.Logf("word error rate %.3f: %s", rate, reading.Text)
	require.LessOrEqual(t, rate, 0.25)
	// When he speaks, between his breaths.
	spoken := [][2]float64{{0.35, 2.3}, {3.25, 7.7}, {8.15, 10.5}}
	require.Len(t, reading.Segments, len(spoken))
	for i, s := range reading.Segments {
		require.InDelta(t, spoken[i][0], s.Start, 1)
		require.InDelta(t, spoken[i][1], s.End, 1)
	}
}

func TestWhatComesAfterTheMostIsLeftOutAndANoteSaysSo(t *testing.T) {
	t.Parallel()
	r := transcribe.New(quiet(), says("deaf", file.Reading{Engine: "deaf"}, nil))
	r.Longest = 2 * time.Minute
	reading, err := r.Read(t.Context(), source(t, tone(t, 121*time.Second)), silent)
	require.NoError(t, err)
	require.Contains(t, reading.Notes, "Only the first 2 minutes were transcribed.")
	require.InDelta(t, 121, reading.Seconds, 0.1)
}

func TestSilenceHasNoText(t *testing.T) {
	t.Parallel()
	path := recorded(t, "silence.wav", "-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono", "-t", "1")
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
	reading, err := asking(t, slog.New(slog.NewTextHandler(&logged, nil)),
		says("the absent", file.Reading{}, &file.SkippedError{Reason: "It is not here."}),
		says("the tired", file.Reading{}, errors.New("overslept")),
		says("the awake", file.Reading{Text: "good morning", Engine: "awake 1", Confidence: new(0.5)}, nil),
		says("the last", file.Reading{Text: "never asked"}, nil),
	).Read(t.Context(), source(t, tone(t, 2*time.Second)), silent)
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
	reading, err := asking(t, quiet(), says("x", file.Reading{Text: "hello", Segments: []file.Segment{{Start: -1, End: 99, Text: "hello"}}}, nil)).Read(t.Context(), source(t, tone(t, 2*time.Second)), silent)
	require.NoError(t, err)
	require.Nil(t, reading.Confidence)
	require.Equal(t, []file.Segment{{Start: 0, End: 2, Text: "hello"}}, reading.Segments, "within the recording")
}

func TestWithoutAnyProviderItIsSkipped(t *testing.T) {
	t.Parallel()
	path := source(t, tone(t, time.Second))
	_, err := asking(t, quiet()).Read(t.Context(), path, silent)
	require.Equal(t, "No speech engine is configured here.", skippedFor(t, err))
	_, err = asking(t, quiet(), transcribe.Vosk{Dir: t.TempDir()}, transcribe.Pocketsphinx{Program: "no-such-program"}).Read(t.Context(), path, silent)
	require.Equal(t, "Vosk is not installed here. pocketsphinx is not installed here.", skippedFor(t, err))
}

func TestWhenAllProvidersGoWrongItIsWorthAnotherTry(t *testing.T) {
	t.Parallel()
	_, err := asking(t, quiet(), says("a", file.Reading{}, errors.New("first")), says("b", file.Reading{}, &file.SkippedError{Reason: "No."})).Read(t.Context(), source(t, tone(t, time.Second)), silent)
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
	_, err := asking(t, quiet(), waits, says("next", file.Reading{Text: "no"}, nil)).Read(ctx, source(t, tone(t, time.Second)), silent)
	require.ErrorIs(t, err, context.Canceled)
}

// There are more pieces than slots, and those that wait hear of the first's fault.
func TestOneFaultEndsAllPieces(t *testing.T) {
	t.Parallel()
	length := time.Duration(2*runtime.GOMAXPROCS(0)+1) * time.Second
	_, err := transcribe.New(quiet(), says("a", file.Reading{}, errors.New("first"))).InPieces(time.Second, time.Second, 100*time.Millisecond).
		Read(t.Context(), source(t, tone(t, length)), silent)
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
	_, err := asking(t, quiet(), patient).Read(t.Context(), source(t, tone(t, time.Second)), func(_ int, doing string) {
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
	_, err := r.Read(t.Context(), source(t, tone(t, time.Second)), silent)
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
	path := source(t, tone(t, time.Second))
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
	_, err := r.Read(t.Context(), source(t, tone(t, time.Second)), silent)
	require.ErrorAs(t, err, new(*child.ExitError))
	r.FFprobe = script(t, "echo nothing")
	_, err = r.Read(t.Context(), source(t, tone(t, time.Second)), silent)
	require.ErrorContains(t, err, "read ffprobe's answer")
}
