package transcribe_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/transcribe"
)

// The limit is what the engine itself needs for five minutes, times six, shared by all processors.
func BenchmarkThirtyMinutes(b *testing.B) {
	engine := vosk(b)
	five := repeated(b, "five.wav", 27, 11.25, "-t", "300", "-bitexact", "-map_metadata", "-1", "-c:a", "pcm_s16le")
	thirty := repeated(b, "thirty.mp4", 160, 11.25, "-c:a", "aac")
	began := time.Now()
	_, err := engine.Transcribe(b.Context(), five, deaf)
	require.NoError(b, err)
	alone := time.Since(began)
	limit := alone.Seconds() * 6 / float64(runtime.GOMAXPROCS(0))
	reader := transcribe.New(quiet(), engine)
	for b.Loop() {
		_, err := reader.Read(b.Context(), source(b, thirty), silent)
		require.NoError(b, err)
	}
	b.ReportMetric(limit, "limit-s/op")
	b.ReportMetric(alone.Seconds()/300, "engine-rtf")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/limit, "of-limit")
}
