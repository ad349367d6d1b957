package http

import (
	"errors"
	nethttp "net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/google/uuid"
)

const (
	streamPage = 500         // what is read, rendered and written at a time: the memory that a stream takes
	pageTime   = time.Minute // for a client to take a page; one that takes nothing holds nothing up for ever
)

// errEnding cuts a stream off.
var errEnding = errors.New("the program stops")

// stream answers the connection of an answer that is written page by page. Until done is called, the end of the program
// cuts it off.
func (s *Server) stream(c huma.Context) (connection *nethttp.ResponseController, done func()) {
	connection = nethttp.NewResponseController(humaecho.Unwrap(c).Response().Writer) // echo's own would not tell that a flush went wrong
	written := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-s.ending:
			_ = connection.SetWriteDeadline(time.Now()) // whoever waits for a slow client waits no longer
		case <-written:
		}
	})
	return connection, func() {
		close(written)
		watch.Wait()
	}
}

// nextPage gives the client its time for one more page, unless the program stops.
func (s *Server) nextPage(connection *nethttp.ResponseController) error {
	if err := connection.SetWriteDeadline(time.Now().Add(pageTime)); err != nil {
		return err
	}
	select {
	case <-s.ending:
		return errEnding
	default:
		return nil
	}
}

// places bounds how many of something large go on at once: one of each name, and so many of all.
type places struct {
	most int

	mu    sync.Mutex
	taken map[uuid.UUID]bool
}

func newPlaces(most int) *places { return &places{most: most, taken: map[uuid.UUID]bool{}} }

func (p *places) take(name uuid.UUID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken[name] || len(p.taken) == p.most {
		return false
	}
	p.taken[name] = true
	return true
}

func (p *places) free(name uuid.UUID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.taken, name)
}
