package llm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"ticketd/domain/file"
)

const (
	attempts = 3
	// attemptTime is enough for ten megabytes over a slow line, and for a slow machine to hear five minutes.
	attemptTime = 5 * time.Minute
)

// Transcriber turns speech into text at an OpenAI-compatible endpoint.
type Transcriber struct {
	service openai.AudioTranscriptionService
	model   string
	pause   time.Duration // before the second attempt; it doubles
}

// NewTranscriber asks the model at baseURL, which ends in /v1 as a rule. apiKey may be empty for an endpoint that wants none.
func NewTranscriber(baseURL, apiKey, model string) *Transcriber {
	options := []option.RequestOption{
		option.WithBaseURL(strings.TrimSuffix(baseURL, "/") + "/"),
		option.WithMaxRetries(0),
		option.WithRequestTimeout(attemptTime),
	}
	if strings.HasPrefix(baseURL, "http://") { // the operator's choice: an engine on the same machine or in the same network
		options = append(options, option.WithUnsafeAllowHTTP())
	}
	if apiKey != "" {
		options = append(options, option.WithAPIKey(apiKey))
	}
	return &Transcriber{service: openai.NewAudioTranscriptionService(options...), model: model, pause: time.Second}
}

// Name says who it is, in the middle of a sentence.
func (t *Transcriber) Name() string { return "the speech endpoint (" + t.model + ")" }

// Transcribe sends a recording and answers what was said. The endpoint does not tell how far it is, so heard hears nothing.
// It tries three times when the endpoint is busy or away; the error tells what it answered, but not in its words, which
// may repeat parts of the key.
func (t *Transcriber) Transcribe(ctx context.Context, path string, _ func(seconds float64)) (file.Reading, error) {
	pause := t.pause
	for attempt := 1; ; attempt++ {
		reading, err := t.send(ctx, path)
		switch {
		case err == nil:
			return reading, nil
		case ctx.Err() != nil:
			return file.Reading{}, ctx.Err()
		case attempt == attempts || !worthAnother(err):
			return file.Reading{}, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return file.Reading{}, ctx.Err()
		case <-timer.C:
		}
		pause *= 2
	}
}

// refusedError is an answer of the endpoint that is no transcription.
type refusedError struct {
	status int
	code   string // the endpoint's own word: "invalid_api_key"
}

func (e *refusedError) Error() string {
	said := fmt.Sprintf("the speech endpoint answered %d %s", e.status, http.StatusText(e.status))
	if e.code != "" {
		said += " (" + e.code + ")"
	}
	return said
}

// errUnreadable is an answer that makes no sense, and would make none if it were asked for again.
var errUnreadable = errors.New("the speech endpoint's answer is not a transcription")

// worthAnother tells an endpoint that is busy or away from one that has made up its mind.
func worthAnother(err error) bool {
	if refused, ok := errors.AsType[*refusedError](err); ok {
		return refused.status == http.StatusTooManyRequests || refused.status >= http.StatusInternalServerError
	}
	return !errors.Is(err, errUnreadable) && !errors.Is(err, os.ErrNotExist)
}

func (t *Transcriber) send(ctx context.Context, path string) (file.Reading, error) {
	f, err := os.Open(path) //nolint:gosec // a chunk that we made
	if err != nil {
		return file.Reading{}, fmt.Errorf("open the recording: %w", err)
	}
	defer func() { _ = f.Close() }()
	var raw *http.Response
	answer, err := t.service.New(ctx, openai.AudioTranscriptionNewParams{
		Model:          t.model,
		File:           openai.File(f, filepath.Base(path), "audio/wav"),
		ResponseFormat: format(t.model),
	}, option.WithResponseInto(&raw))
	switch refused, ok := errors.AsType[*openai.Error](err); {
	case ok:
		return file.Reading{}, &refusedError{status: refused.StatusCode, code: refused.Code}
	case err != nil && raw != nil && ctx.Err() == nil:
		return file.Reading{}, errUnreadable
	case err != nil:
		return file.Reading{}, fmt.Errorf("ask the speech endpoint: %w", err)
	case !answer.JSON.Text.Valid():
		return file.Reading{}, errUnreadable
	}
	return t.reading(answer), nil
}

// format asks for segments with times where the model can give them: those of the gpt family give text only.
func format(model string) openai.AudioResponseFormat {
	if strings.HasPrefix(model, "gpt-") {
		return openai.AudioResponseFormatJSON
	}
	return openai.AudioResponseFormatVerboseJSON
}

func (t *Transcriber) reading(answer *openai.AudioTranscriptionNewResponseUnion) file.Reading {
	reading := file.Reading{Text: strings.TrimSpace(answer.Text), Engine: t.model, Language: languageCode(answer.Language)}
	for _, s := range answer.Segments {
		segment := file.Segment{Start: s.Start, End: s.End, Text: strings.TrimSpace(s.Text)}
		if s.JSON.AvgLogprob.Valid() {
			segment.Confidence = new(math.Exp(min(0, s.AvgLogprob)))
		}
		reading.Segments = append(reading.Segments, segment)
	}
	return reading
}
