// Package domain holds what all aggregates share: identities, actors, permissions, refusals and the shape of a decider.
//
// # Why
//
// Everything below this folder is pure: no I/O, no clock, no randomness. A command brings its own time and ids, so a
// decision can be replayed, tested and retried after a lost race with the same result.
package domain

// Decider is the complete behaviour of one kind of aggregate. The zero State is an aggregate that does not exist yet.
//
// Decide answers a command with the facts it causes: none when there is nothing to change, and an *Error when it is
// refused. Evolve applies one fact to the state; it never fails and never decides.
type Decider[State, Command, Event any] struct {
	Category string // the noun, and the first half of every stored name: "ticket" in "ticket.opened"
	Decide   func(State, Command) ([]Event, error)
	Evolve   func(State, Event) State
}

// Fold replays events onto a state.
func (d Decider[State, Command, Event]) Fold(s State, events ...Event) State {
	for _, e := range events {
		s = d.Evolve(s, e)
	}
	return s
}

// Set gives a field the value that a change brings, if it brings one.
func Set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}
