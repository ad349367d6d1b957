package ws

import "time"

// rate lets so many messages through a minute, all at once if the client likes: a bucket that refills steadily, kept as
// the one moment at which it would be full again.
type rate struct {
	full  time.Time
	every time.Duration
}

func newRate(perMinute int) rate { return rate{every: time.Minute / time.Duration(perMinute)} }

func (r *rate) allow(now time.Time) bool {
	if now.After(r.full) {
		r.full = now
	}
	if r.full.Add(r.every).Sub(now) > time.Minute {
		return false
	}
	r.full = r.full.Add(r.every)
	return true
}
