package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres/postgrestest"
	"ticketd/domain"
)

// A short turn of everything, with the program itself.
func TestARecordingIsNotMeasuredWithoutAnEngine(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, new(filesWorld).benchRecording(t.Context(), options{}, usualFiles, &out))
	require.Equal(t, noEngine, out.String())
}

func TestTheEngineIsFoundBesideTheModule(t *testing.T) {
	root := t.TempDir()
	t.Chdir(root)
	folder, err := speechFolder()
	require.NoError(t, err)
	require.Empty(t, folder)
	require.NoError(t, os.MkdirAll("engines/vosk/model", 0o700))
	require.NoError(t, os.WriteFile("engines/vosk/libvosk.so", nil, 0o600))
	require.NoError(t, os.Mkdir("bench", 0o700))
	t.Chdir("bench")
	folder, err = speechFolder()
	require.NoError(t, err)
	require.Equal(t, root+"/engines/vosk", folder)
}

func TestThingsAreMeasuredInTurnsBesideTheFirst(t *testing.T) {
	t.Parallel()
	var turns []string
	thing := func(name string, took time.Duration) func() (time.Duration, error) {
		return func() (time.Duration, error) {
			turns = append(turns, name)
			return took, nil
		}
	}
	all, err := each(2, thing("limit", time.Second), thing("ours", 4*time.Second))
	require.NoError(t, err)
	require.Equal(t, []string{"limit", "ours", "limit", "ours"}, turns)
	require.InDelta(t, 1, all[0].ratio(), 0)
	require.InDelta(t, .25, all[1].ratio(), 0)
	require.Equal(t, "4.00", seconds(all[1].p50()))
	_, err = each(1, func() (time.Duration, error) { return 0, io.ErrUnexpectedEOF })
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestACallThatWasHeldUpBeginsWhenItWasDue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		begins, on := wait(t.Context(), now.Add(-time.Second))
		require.True(t, on)
		require.Equal(t, now.Add(-time.Second), begins)
		begins, on = wait(t.Context(), now.Add(time.Second))
		require.True(t, on)
		require.Equal(t, now.Add(time.Second), begins)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, on = wait(ctx, now.Add(time.Hour))
		require.False(t, on)
		_, on = wait(ctx, now)
		require.False(t, on)
	})
}

func TestCallsThatFailAreAnErrorWhenTheyAreStopped(t *testing.T) {
	t.Parallel()
	answering := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	t.Cleanup(answering.Close)
	w := &filesWorld{world: &world{real: &server{address: strings.TrimPrefix(answering.URL, "http://")}}}
	calls, err := w.idle(t.Context(), []string{"/good"}, 2*callEvery)
	require.NoError(t, err)
	require.NotEmpty(t, calls)
	require.IsNonDecreasing(t, dues(calls))
	_, err = w.idle(t.Context(), []string{"/bad"}, 2*callEvery)
	require.ErrorContains(t, err, "teapot")
	answering.Close()
	_, err = w.idle(t.Context(), []string{"/good"}, time.Second)
	require.Error(t, err)
}

func dues(calls []call) []int64 {
	list := make([]int64, len(calls))
	for i, c := range calls {
		list[i] = c.at.UnixNano()
	}
	return list
}

func TestCallsAreComparedWithThoseWhileNothingHappens(t *testing.T) {
	t.Parallel()
	now := time.Now()
	at := func(seconds int, took time.Duration) call {
		return call{now.Add(time.Duration(seconds) * time.Second), took}
	}
	var out strings.Builder
	compareCalls(&out, []call{at(0, 2*time.Millisecond)}, []call{at(1, 8*time.Millisecond), at(2, 4*time.Millisecond)}, now.Add(1500*time.Millisecond))
	require.Contains(t, out.String(), "| while they come | 1 | 8.00 | 8.00 | 4.00 |")
	require.Contains(t, out.String(), "| while they are read | 1 | 4.00 | 4.00 | 2.00 |")
	out.Reset()
	compareCalls(&out, []call{at(0, time.Millisecond)}, []call{at(1, 2*time.Millisecond)}, now.Add(time.Minute))
	require.Contains(t, out.String(), "| while they are read | 0 | 0.00 | 0.00 | 0.00 |")
}

func TestTheMemoryOfAProcessAndItsChildrenIsAddedUp(t *testing.T) {
	t.Parallel()
	require.GreaterOrEqual(t, treeMemory(os.Getppid()), memoryOf(os.Getpid(), resident))
	require.Zero(t, treeMemory(-1))
}

// teller is a socket that says what it is told to, to whoever subscribes, and closes.
func teller(t *testing.T, subscribed string, notices ...string) (address string) {
	t.Helper()
	telling := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		conn.ReadMessage()
		for _, text := range append([]string{subscribed}, notices...) {
			conn.WriteMessage(websocket.TextMessage, []byte(text))
		}
	}))
	t.Cleanup(telling.Close)
	return strings.TrimPrefix(telling.URL, "http://")
}

func TestAnEarHearsWhatBecameOfAnUpload(t *testing.T) {
	t.Parallel()
	notice := func(kind, id, more string) string {
		return fmt.Sprintf(`{"type":%q,"data":{"job_id":%q%s}}`, kind, id, more)
	}
	e, err := listen(t.Context(), teller(t, `{"type":"subscription_response"}`,
		notice(recognized, "a", `,"extracted_text":"x"`), notice(processed, "a", `,"processing_status":"completed"`),
		notice(processed, "b", `,"processing_status":"failed"`)), "")
	require.NoError(t, err)
	defer e.close()
	heard, err := e.await(t.Context(), recognized, "a")
	require.NoError(t, err)
	require.JSONEq(t, `{"job_id":"a","extracted_text":"x"}`, string(heard.data))
	at, err := e.completed(t.Context(), "a")
	require.NoError(t, err)
	require.False(t, at.Before(heard.at))
	_, err = e.completed(t.Context(), "b")
	require.ErrorContains(t, err, `"failed"`)
	_, err = e.await(t.Context(), recognized, "b")
	require.ErrorContains(t, err, "no ocr_completed came")
	_, err = e.completed(t.Context(), "c")
	require.ErrorContains(t, err, "wait for file_processing_completed: websocket: close")
}

func TestAnEarThatNobodyTalksToIsAnError(t *testing.T) {
	t.Parallel()
	_, err := listen(t.Context(), teller(t, "hello"), "")
	require.Error(t, err)
	_, err = listen(t.Context(), "127.0.0.1:1", "")
	require.ErrorContains(t, err, "open a socket")
	e := &ear{news: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = e.await(ctx, recognized, "a")
	require.ErrorIs(t, err, context.Canceled)
	e.of = map[string]heard{processed + "a": {data: []byte("nonsense")}}
	_, err = e.completed(t.Context(), "a")
	require.Error(t, err)
}

func TestAnUploadThatIsRefusedIsAnError(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}": "upload a: 400: {}",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{":           "upload a: 200: {",
		"": "read the answer to the upload of a",
	} {
		_, err := uploaded(bufio.NewReader(strings.NewReader(answer)), "a")
		require.ErrorContains(t, err, want)
	}
}

func TestProgramsThatFailAreErrors(t *testing.T) {
	t.Parallel()
	missing := t.TempDir() + "/missing"
	_, err := tesseract(t.Context(), missing)
	require.ErrorContains(t, err, "tesseract")
	require.ErrorContains(t, ffmpeg(t.Context(), "-i", missing), "No such file")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, speak(ended, "hello", missing), "espeak-ng")
	w := &filesWorld{dir: missing}
	_, err = w.rushFiles(t.Context(), rushSizes{memos: 1})
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = w.cat(t.Context(), nil, missing+"/a")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestNoTwoFilesOfARushAreTheSame(t *testing.T) {
	t.Parallel()
	w := &filesWorld{dir: t.TempDir()}
	sizes := rushSizes{screenshots: 3, documents: 6, memos: 2, pages: 4}
	files, err := w.rushFiles(t.Context(), sizes)
	require.NoError(t, err)
	require.Len(t, files, sizes.all())
	seen, kinds := map[string]bool{}, map[string]int{}
	for _, f := range files {
		require.False(t, seen[string(f.content)] || seen[f.name], f.name)
		seen[string(f.content)], seen[f.name] = true, true
		kinds[f.kind]++
	}
	require.Equal(t, map[string]int{screenshot: 3, "text": 2, "table": 2, "docx": 2, memo: 2, "html": 2, "pdf": 2}, kinds)
	picture, err := png.Decode(bytes.NewReader(files[0].content))
	require.NoError(t, err)
	require.Equal(t, 640, picture.Bounds().Dx())
}

func TestALetterThatCannotBeDrawnIsAnError(t *testing.T) {
	t.Parallel()
	s := newScreen(10, 10)
	s.write([]byte("no font"), 12, ink, 0, 0, "a")
	_, err := s.png()
	require.Error(t, err)
}

func TestAttachmentsArePicked(t *testing.T) {
	t.Parallel()
	ids := make([]domain.FileID, 60)
	for i := range ids {
		ids[i].UUID[0] = byte(i)
	}
	picked := pick(ids)
	require.Len(t, picked, attached)
	require.Subset(t, ids, picked)
	require.Len(t, pick(ids[:3]), 3)
	require.JSONEq(t, `{"attachments":[{"file_id":"00000000-0000-0000-0000-000000000000"},{"file_id":"01000000-0000-0000-0000-000000000000"}]}`, attachments(ids[:2]))
}

func TestADatabaseThatIsAwayIsAnError(t *testing.T) {
	t.Parallel()
	w := &filesWorld{world: newWorld()}
	w.pool = openPool(t, postgrestest.Database(t))
	w.pool.Close()
	_, err := w.fillFiles(t.Context(), 1)
	require.Error(t, err)
	_, err = w.missing(t.Context(), time.Millisecond, domain.Admin, domain.UserID{}, func() []domain.FileID { return nil })
	require.Error(t, err)
	require.Error(t, new(lab).measureFiles(t.Context(), "nonsense://", options{}, usualFiles, io.Discard))
}

func TestUploadsThatAreMissingAreAnError(t *testing.T) {
	t.Parallel()
	w := &filesWorld{world: newWorld()}
	w.pool = openPool(t, postgrestest.Database(t))
	_, err := w.missing(t.Context(), time.Second, domain.Admin, domain.UserID{}, func() []domain.FileID { return make([]domain.FileID, 1) })
	require.EqualError(t, err, "1 uploads are missing")
}
