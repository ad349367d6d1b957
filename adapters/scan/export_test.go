package scan

import "time"

// Hurry makes a scanner's time short.
func (c *Clamd) Hurry(patience time.Duration) *Clamd {
	c.patience = patience
	return c
}
