package apart_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ticketd/adapters/apart"
	"ticketd/commands"
	"ticketd/domain/file"
	"ticketd/internal/child"
)

// TestMain is the child when a test says so.
func TestMain(m *testing.M) {
	if os.Getenv("APART_CHILD") != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := apart.Serve(ctx, map[file.Stage]commands.Reader{file.OCR: scripted{}}, os.Args[len(os.Args)-1], os.Stdin, os.Stdout); err != nil {
			_, _ = os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// scripted does what the upload's name says.
type scripted struct{}

func (scripted) Read(ctx context.Context, s commands.Source, progress commands.ReadProgress) (file.Reading, error) {
	switch s.Name {
	case "skip":
		return file.Reading{}, &file.SkippedError{Reason: "It needs a password."}
	case "broken":
		return file.Reading{}, &file.BrokenError{Reason: "It is cut off."}
	case "slow engine":
		return file.Reading{}, &child.TimeoutError{Program: "tesseract", After: time.Second}
	case "trouble":
		return file.Reading{}, errors.New("Ann's file is odd")
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "hang":
		if err := os.WriteFile(s.Path, nil, 0o600); err != nil {
			return file.Reading{}, err
		}
		<-ctx.Done()
	case "babble":
		_, _ = os.Stdout.WriteString("what?\n" + strings.Repeat("x", 1<<20))
	case "mute":
		os.Exit(0)
	}
	progress(50, "page 1 of 2")
	return file.Reading{Text: "Hello " + s.Name, Engine: os.Getenv("OPENAI_API_KEY") + "engine", Width: int(s.Size)}, nil
}

func reader() apart.Reader {
	limits := apart.Limits(file.OCR)
	limits.Memory = 1 << 50 // the race detector's shadow is address space too
	return apart.Reader{Stage: file.OCR, Program: []string{"env", "APART_CHILD=1", "GORACE=atexit_sleep_ms=0", os.Args[0]}, Limits: limits}
}

func quiet(int, string) {}

func TestAnUploadIsReadByAChild(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "secret ") // which the child must not have
	var told []string
	reading, err := reader().Read(t.Context(), commands.Source{Name: "wörld", Size: 640, Category: file.Image}, func(percent int, doing string) {
		require.Equal(t, 50, percent)
		told = append(told, doing)
	})
	require.NoError(t, err)
	require.Equal(t, file.Reading{Text: "Hello wörld", Engine: "engine", Width: 640}, reading)
	require.Equal(t, []string{"page 1 of 2"}, told)
}

func TestWhatTheChildMetIsWhatWeMeet(t *testing.T) {
	t.Parallel()
	read := func(name string) error {
		_, err := reader().Read(t.Context(), commands.Source{Name: name}, quiet)
		require.Error(t, err)
		return err
	}
	skipped, isSkipped := errors.AsType[*file.SkippedError](read("skip"))
	require.True(t, isSkipped)
	require.Equal(t, "It needs a password.", skipped.Reason)
	broken, isBroken := errors.AsType[*file.BrokenError](read("broken"))
	require.True(t, isBroken)
	require.Equal(t, "It is cut off.", broken.Reason)
	plain, isPlain := errors.AsType[interface {
		error
		Plain() string
	}](read("slow engine"))
	require.True(t, isPlain)
	require.Equal(t, "tesseract was stopped after 1s.", plain.Plain())
	require.EqualError(t, plain, plain.Plain())
	require.EqualError(t, read("trouble"), "*errors.errorString", "without the words")
}

func TestAChildThatDiesIsWorthAnotherTry(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"die", "mute", "babble"} {
		_, err := reader().Read(t.Context(), commands.Source{Name: name}, quiet)
		require.Error(t, err, name)
		require.NotErrorAs(t, err, new(*file.SkippedError), name)
		require.NotErrorAs(t, err, new(*file.BrokenError), name)
	}
	missing := reader()
	missing.Program = []string{filepath.Join(t.TempDir(), "nowhere")}
	_, err := missing.Read(t.Context(), commands.Source{}, quiet)
	require.ErrorAs(t, err, new(*child.MissingError))
}

func TestAChildEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	started := filepath.Join(t.TempDir(), "started")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := reader().Read(ctx, commands.Source{Name: "hang", Path: started}, quiet)
		ended <- err
	}()
	require.Eventually(t, func() bool { _, err := os.Stat(started); return err == nil }, time.Minute, 10*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)

	hasty := reader()
	hasty.Limits.Time = time.Second
	_, err := hasty.Read(t.Context(), commands.Source{Name: "hang", Path: started}, quiet)
	require.ErrorAs(t, err, new(*child.TimeoutError))
}

func TestServeSaysHowItWasCalledWrongly(t *testing.T) {
	t.Parallel()
	readers := map[file.Stage]commands.Reader{file.OCR: scripted{}}
	require.ErrorContains(t, apart.Serve(t.Context(), readers, "dreaming", strings.NewReader("{}"), &bytes.Buffer{}), "nobody here")
	require.ErrorContains(t, apart.Serve(t.Context(), readers, "ocr", strings.NewReader("no"), &bytes.Buffer{}), "what to read")
	require.ErrorContains(t, apart.Serve(t.Context(), readers, "ocr", strings.NewReader("{}"), closed{}), "tell what was read")
	limits := apart.Limits(file.OCR)
	require.Greater(t, limits.Time, commands.StageLimit(file.OCR), "the stage's own limit comes first")
}

// What the child says at last is what the reader answered, whatever that was.
func TestTheLastLineSaysHowItEnded(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"":            `{"ended":"read","reading":`,
		"skip":        `{"ended":"skipped","reason":"It needs a password."}`,
		"broken":      `{"ended":"broken","reason":"It is cut off."}`,
		"slow engine": `{"ended":"plain","reason":"tesseract was stopped after 1s."}`,
		"trouble":     `{"ended":"trouble","reason":"*errors.errorString"}`,
	} {
		var out bytes.Buffer
		require.NoError(t, apart.Serve(t.Context(), map[file.Stage]commands.Reader{file.OCR: scripted{}}, "ocr", strings.NewReader(`{"Name":"`+name+`"}`), &out))
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		require.Contains(t, lines[len(lines)-1], want)
	}
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, os.ErrClosed }
