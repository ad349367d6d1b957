package mcp

import (
	"slices"
	"sync"

	"github.com/google/uuid"
)

// waiting knows which calls wait for which uploads.
type waiting struct {
	mu    sync.Mutex
	calls map[uuid.UUID][]chan struct{}
}

// join answers a channel that gets something whenever the upload was read. leave must be called.
func (w *waiting) join(upload uuid.UUID) (woken <-chan struct{}, leave func()) {
	call := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calls == nil {
		w.calls = map[uuid.UUID][]chan struct{}{}
	}
	w.calls[upload] = append(w.calls[upload], call)
	return call, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.calls[upload] = slices.DeleteFunc(w.calls[upload], func(c chan struct{}) bool { return c == call })
		if len(w.calls[upload]) == 0 {
			delete(w.calls, upload)
		}
	}
}

func (w *waiting) wake(upload uuid.UUID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, call := range w.calls[upload] {
		select {
		case call <- struct{}{}:
		default: // it has not looked since it was woken last
		}
	}
}
