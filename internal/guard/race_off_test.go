//go:build !race

package guard_test

import "time"

const (
	// size is how much text is read, in bytes, and limit for how long.
	size  = 200_000
	limit = 500 * time.Millisecond
)
