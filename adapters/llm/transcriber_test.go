package llm_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/llm"
)

const heardIt = `{"task":"transcribe","language":"english","duration":11,"text":" Ask not.","segments":[
	{"id":0,"start":0.5,"end":2.5,"text":" Ask","avg_logprob":-0.2},
	{"id":1,"start":2.5,"end":4,"text":" not."}]}`

const (
	waitAtMost = 30 * time.Second
	tick       = time.Millisecond
)

func deaf(float64) {}

func chunk(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "chunk_0001.wav")
	require.NoError(t, os.WriteFile(path, []byte("RIFF sound"), 0o600))
	return path
}

// endpoint answers with the given statuses in turn, and then with the last for ever.
func endpoint(t *testing.T, body string, statuses ...int) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := int(asked.Add(1))
		status := statuses[min(n, len(statuses))-1]
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		if status != http.StatusOK {
			_, _ = io.WriteString(w, `{"error":{"message":"key sk-12 is wrong","type":"invalid_request_error","code":"what_it_says"}}`)
			return
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/v1", asked
}

func TestARecordingIsSentAndItsTextComesBackWithTimes(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sound, header, err := r.FormFile("file")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		content, _ := io.ReadAll(sound)
		if r.URL.Path != "/v1/audio/transcriptions" || r.Header.Get("Authorization") != "Bearer key" || header.Filename != "chunk_0001.wav" ||
			r.FormValue("model") != "whisper-1" || r.FormValue("response_format") != "verbose_json" || string(content) != "RIFF sound" {
			http.Error(w, fmt.Sprint(r.URL, r.Header, r.Form), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, heardIt)
	}))
	t.Cleanup(server.Close)
	transcriber := llm.NewTranscriber(server.URL+"/v1/", "key", "whisper-1")
	require.Equal(t, "the speech endpoint (whisper-1)", transcriber.Name())
	reading, err := transcriber.Transcribe(t.Context(), chunk(t), deaf)
	require.NoError(t, err)
	require.Equal(t, "Ask not.", reading.Text)
	require.Equal(t, "en", reading.Language)
	require.Equal(t, "whisper-1", reading.Engine)
	require.Len(t, reading.Segments, 2)
	require.InDelta(t, math.Exp(-0.2), *reading.Segments[0].Confidence, 1e-9)
	require.InDelta(t, 2.5, reading.Segments[0].End, 0)
	require.Equal(t, "not.", reading.Segments[1].Text)
	require.Nil(t, reading.Segments[1].Confidence, "the endpoint said none")
}

func TestAnEndpointThatWantsNoKeyGetsNone(t *testing.T) {
	t.Parallel()
	authorization := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization <- r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"text":"hello"}`)
	}))
	t.Cleanup(server.Close)
	reading, err := llm.NewTranscriber(server.URL, "", "local").Transcribe(t.Context(), chunk(t), deaf)
	require.NoError(t, err)
	require.Empty(t, <-authorization)
	require.Equal(t, "hello", reading.Text)
	require.Empty(t, reading.Language)
	require.Nil(t, reading.Confidence)
	require.Empty(t, reading.Segments)
}

func TestAModelOfTheGPTFamilyIsAskedForTextOnly(t *testing.T) {
	t.Parallel()
	format := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		format <- r.FormValue("response_format")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"text":"hello","language":"Old Tongue"}`)
	}))
	t.Cleanup(server.Close)
	reading, err := llm.NewTranscriber(server.URL, "", "gpt-4o-transcribe").Transcribe(t.Context(), chunk(t), deaf)
	require.NoError(t, err)
	require.Equal(t, "json", <-format)
	require.Equal(t, "Old Tongue", reading.Language, "a name without a code stays")
}

func TestAnEndpointThatIsBusyIsAskedAgain(t *testing.T) {
	t.Parallel()
	url, asked := endpoint(t, heardIt, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusOK)
	reading, err := llm.NewTranscriber(url, "key", "whisper-1").Hasty().Transcribe(t.Context(), chunk(t), deaf)
	require.NoError(t, err)
	require.Equal(t, "Ask not.", reading.Text)
	require.EqualValues(t, 3, asked.Load())
}

func TestAnEndpointThatStaysBusyIsGivenUp(t *testing.T) {
	t.Parallel()
	url, asked := endpoint(t, "", http.StatusServiceUnavailable)
	_, err := llm.NewTranscriber(url, "key", "whisper-1").Hasty().Transcribe(t.Context(), chunk(t), deaf)
	require.EqualError(t, err, "the speech endpoint answered 503 Service Unavailable (what_it_says)")
	require.EqualValues(t, 3, asked.Load())
}

func TestAWrongKeyIsNotTriedAgainAndNotRepeated(t *testing.T) {
	t.Parallel()
	url, asked := endpoint(t, "", http.StatusUnauthorized)
	_, err := llm.NewTranscriber(url, "sk-12", "whisper-1").Transcribe(t.Context(), chunk(t), deaf)
	require.EqualError(t, err, "the speech endpoint answered 401 Unauthorized (what_it_says)")
	require.EqualValues(t, 1, asked.Load())
}

func TestAnAnswerThatIsNoTranscriptionIsAnError(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"no JSON": `{"text":"hel`, "other JSON": `{"result":"hello"}`, "a list": `[1,2]`, "nothing": ``} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, asked := endpoint(t, body, http.StatusOK)
			_, err := llm.NewTranscriber(url, "key", "whisper-1").Hasty().Transcribe(t.Context(), chunk(t), deaf)
			require.EqualError(t, err, "the speech endpoint's answer is not a transcription")
			require.EqualValues(t, 1, asked.Load())
		})
	}
}

func TestAnEndpointThatIsAwayIsAnError(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := llm.NewTranscriber(server.URL, "key", "whisper-1").Hasty().Transcribe(t.Context(), chunk(t), deaf)
	require.ErrorContains(t, err, "ask the speech endpoint")
}

func TestARecordingThatIsNotThereIsAskedForOnce(t *testing.T) {
	t.Parallel()
	_, err := llm.NewTranscriber("http://127.0.0.1:1", "key", "whisper-1").Transcribe(t.Context(), filepath.Join(t.TempDir(), "gone.wav"), deaf)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestWhoCallsOffWaitsNoLonger(t *testing.T) {
	t.Parallel()
	t.Run("while the endpoint thinks", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then does a server notice that its caller has gone
			cancel()
			<-r.Context().Done()
		}))
		t.Cleanup(server.Close)
		_, err := llm.NewTranscriber(server.URL, "key", "whisper-1").Transcribe(ctx, chunk(t), deaf)
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("between two attempts", func(t *testing.T) {
		t.Parallel()
		url, asked := endpoint(t, "", http.StatusTooManyRequests)
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		done := make(chan error, 1)
		go func() {
			_, err := llm.NewTranscriber(url, "key", "whisper-1").Transcribe(ctx, chunk(t), deaf) // would pause for a second
			done <- err
		}()
		require.Eventually(t, func() bool { return asked.Load() == 1 }, waitAtMost, tick)
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
	})
}
