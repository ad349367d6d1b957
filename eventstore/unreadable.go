package eventstore

import (
	"context"
	"fmt"
)

// Unreadable stands in a Recorded for an event that this program cannot decode, mostly because a newer one wrote it.
type Unreadable struct {
	Reason string // a plain clause; it quotes nothing of what is stored but the event's name
}

// opener answers how the events that q selects are decoded.
func (q Query) opener() opener {
	if q.Unreadable {
		return openReadable
	}
	return open
}

// openReadable is open for whoever shows the log and does not follow it: one event that cannot be decoded hides none
// of those beside it.
func openReadable(ctx context.Context, codec *Codec, keys *Keyring, batch []stored) ([]Recorded, error) {
	return openWith(ctx, codec, keys, batch, func(s *stored, version int, _ error) error {
		s.Event = Unreadable{Reason: codec.unreadable(s.Type, version)}
		return nil
	})
}

// unreadable tells why an event cannot be decoded. The decoder's own words are not for everybody who may see that the
// event is there: they may quote it.
func (c *Codec) unreadable(name string, version int) string {
	e, known := c.byName[name]
	switch {
	case !known:
		return fmt.Sprintf("it knows no event named %q", name)
	case version > e.version():
		return fmt.Sprintf("version %d of %s is newer than its own, %d", version, name, e.version())
	}
	return "what is stored does not have the form of such an event"
}
