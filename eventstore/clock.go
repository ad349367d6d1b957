package eventstore

import (
	"sync"
	"time"
)

// clock tells the time of events. It stands still where the machine's clock is set back.
type clock struct {
	now func() time.Time

	mu   sync.Mutex
	last time.Time
}

// read answers the time in UTC and microseconds, which is what the table holds.
func (c *clock) read() time.Time {
	now := c.now().UTC().Truncate(time.Microsecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.last) {
		return c.last
	}
	c.last = now
	return now
}
