package transcribe

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ticketd/commands"
	"ticketd/domain/file"
	"ticketd/internal/child"
)

// hear lets one provider hear all pieces, as many at once as there are slots. The first that goes wrong ends the others.
func (r *Reader) hear(ctx context.Context, p Provider, s *sound, pieces []piece, progress commands.ReadProgress) ([]file.Reading, error) {
	all := newHearing(pieces, progress)
	defer all.repeat()()
	readings := make([]file.Reading, len(pieces))
	group, ctx := errgroup.WithContext(ctx)
	for i, part := range pieces {
		group.Go(func() error {
			select {
			case r.slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			defer func() { <-r.slots }()
			path, err := s.write(part, i)
			if err != nil {
				return err
			}
			defer func() { _ = os.Remove(path) }()
			readings[i], err = p.Transcribe(ctx, path, func(seconds float64) { all.heard(i, seconds) })
			if err == nil {
				all.heard(i, part.seconds())
			}
			return err
		})
	}
	return readings, group.Wait()
}

// hearing knows how much of a recording has been heard.
type hearing struct {
	progress commands.ReadProgress
	total    float64

	mu     sync.Mutex
	pieces []float64 // seconds heard of each
}

func newHearing(pieces []piece, progress commands.ReadProgress) *hearing {
	h := &hearing{progress: progress, pieces: make([]float64, len(pieces))}
	for _, p := range pieces {
		h.total += p.seconds()
	}
	return h
}

func (h *hearing) heard(i int, seconds float64) {
	h.mu.Lock()
	h.pieces[i] = max(h.pieces[i], seconds)
	h.mu.Unlock()
	h.tell()
}

func (h *hearing) tell() {
	h.mu.Lock()
	var done float64
	for _, seconds := range h.pieces {
		done += seconds
	}
	h.mu.Unlock()
	done = min(done, h.total)
	percent := decodeShare + int((100-decodeShare)*done/h.total)
	minutes := max(1, int((h.total+59)/60))
	h.progress(percent, fmt.Sprintf("minute %d of %d", min(int(done/60)+1, minutes), minutes))
}

// repeat tells each second how far it is, for there are providers who do not, until what it answers is called.
func (h *hearing) repeat() (stop func()) {
	var waiting sync.WaitGroup
	done := make(chan struct{})
	waiting.Go(func() {
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				h.tell()
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		waiting.Wait()
	}
}

// patience is what an engine may take to begin and to end.
const patience = 2 * time.Minute

// limits is what hearing a WAV may take: many times what the slowest engine needs, and an end.
func limits(wav string, patience time.Duration, memory int64) (child.Limits, error) {
	info, err := os.Stat(wav)
	if err != nil {
		return child.Limits{}, fmt.Errorf("look at the sound: %w", err)
	}
	length := time.Duration(info.Size()) * time.Second / secondBytes
	return child.Limits{Time: patience + 8*length, CPU: patience + 4*length, Memory: memory}, nil
}
