package llm

import "time"

// Hasty waits next to nothing between attempts.
func (t *Transcriber) Hasty() *Transcriber {
	t.pause = time.Millisecond
	return t
}
