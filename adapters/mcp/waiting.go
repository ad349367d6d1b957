package mcp

import (
	"time"

	"github.com/google/uuid"
)

// until looks at a thing, and again whenever something has happened to it, until it is settled, the client leaves, the program
// stops or it takes too long. An error of the look is answered as it is.
func (s *Server) until(c call, thing uuid.UUID, wait time.Duration, settled func() (bool, error)) error {
	woken, leave := s.waiting.Join(thing)
	defer leave()
	patience := time.NewTimer(wait)
	defer patience.Stop()
	for {
		if done, err := settled(); done || err != nil { // it may have been settled before we joined
			return err
		}
		select {
		case <-woken:
		case <-patience.C:
			return nil
		case <-c.gone:
			return nil
		case <-s.ending:
			return nil
		}
	}
}
