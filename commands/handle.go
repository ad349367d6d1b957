// Package commands is the write side: everything that makes events.
//
// # Why
//
// There is one way to change anything: load a stream, let its decider answer the command, append what it says at the
// version it was decided on. A lost race is decided again on what the winner left, so no lock is ever held while
// somebody thinks. Checks that need more than one aggregate stand in the noun's file, behind small ports.
package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/eventstore"
)

// attempts bounds how often a lost race is decided again: a fifth loser means a hot stream, which retrying cannot cure.
const attempts = 4

// The refusals that any command may meet.
var (
	ErrBusy   = &domain.Error{Kind: domain.Conflict, Code: "concurrent_change", Message: "Others are changing this at the same moment; try again."}
	ErrErased = &domain.Error{Kind: domain.Conflict, Code: "erased", Message: "Whose words these are was erased meanwhile."}
	ErrStale  = &domain.Error{Kind: domain.Stale, Code: "version_mismatch", Message: "This has changed since the version you name in If-Match."}
)

// Request is what every command comes with.
type Request struct {
	Org         domain.OrgID
	By          domain.Actor
	Correlation string // the request everything started with
	Causation   string // the request itself, or the position of the event reacted to
	IfVersion   int    // refuse to change any other version, with ErrStale; 0 takes all
}

func (r Request) metadata(command string) eventstore.Metadata {
	actor := eventstore.Actor{Type: string(r.By.Type), ID: r.By.ID}
	if r.By.User.UUID != r.By.ID {
		actor.User = r.By.User.UUID
	}
	return eventstore.Metadata{Actor: actor, Command: command, CorrelationID: r.Correlation, CausationID: r.Causation}
}

// Handler answers commands to one kind of aggregate.
type Handler[State, Command, Event any] struct {
	log     eventstore.Log
	decider domain.Decider[State, Command, Event]

	// check refuses what the decider allows, for what it cannot know. It is asked only when there is something to
	// change, so whoever may not change it learns nothing else, and a repeat is answered whatever has gone since.
	// nil: nothing to check
	check func(ctx context.Context, org domain.OrgID, cmd Command) error
}

// NewHandler ties a decider to the log.
func NewHandler[State, Command, Event any](log eventstore.Log, d domain.Decider[State, Command, Event]) Handler[State, Command, Event] {
	return Handler[State, Command, Event]{log: log, decider: d}
}

// Handle loads, decides and appends, and answers the stream as it then stands. A command that changes nothing answers
// the stream as it is, whatever version the caller knows: so does a repeat whose first answer was lost. Errors: the
// decider's refusals, ErrStale, and ErrBusy after too many lost races.
func (h Handler[State, Command, Event]) Handle(ctx context.Context, r Request, id uuid.UUID, cmd Command) (eventstore.Stream, error) {
	return h.handle(ctx, r, cmd, func() (eventstore.Stream, error) { return h.load(ctx, r.Org, id) })
}

// Create is Handle for an aggregate that is most likely new: it spares the load unless the id turns out to be taken.
func (h Handler[State, Command, Event]) Create(ctx context.Context, r Request, id uuid.UUID, cmd Command) (eventstore.Stream, error) {
	return h.Continue(ctx, r, eventstore.Stream{Org: r.Org.UUID, ID: id}, cmd)
}

// Continue is Handle for a stream that most likely is still as the caller saw it last: it spares the load unless somebody
// else has appended since.
func (h Handler[State, Command, Event]) Continue(ctx context.Context, r Request, known eventstore.Stream, cmd Command) (eventstore.Stream, error) {
	first := true
	return h.handle(ctx, r, cmd, func() (eventstore.Stream, error) {
		if first {
			first = false
			return known, nil
		}
		return h.load(ctx, r.Org, known.ID)
	})
}

func (h Handler[State, Command, Event]) handle(ctx context.Context, r Request, cmd Command, load func() (eventstore.Stream, error)) (eventstore.Stream, error) {
	streams, err := Together(ctx, h.log, r, fmt.Sprintf("%T", cmd), func() ([]eventstore.Write, error) {
		stream, err := load()
		if err != nil {
			return nil, err
		}
		write, err := h.decide(ctx, r.Org, stream, cmd)
		if stale(r, write, err) {
			return nil, ErrStale
		}
		return []eventstore.Write{write}, err
	})
	if err != nil {
		return eventstore.Stream{}, err
	}
	return streams[0], nil
}

// stale reports a caller who knows another version than what they would change, or are refused to change. Whoever may
// not see the aggregate learns nothing of its version.
func stale(r Request, w eventstore.Write, refusal error) bool {
	if r.IfVersion == 0 || r.IfVersion == w.Stream.Version() {
		return false
	}
	if refusal == nil {
		return len(w.Events) > 0
	}
	kind := domain.KindOf(refusal)
	return kind != domain.NotFound && kind != domain.Forbidden
}

// Decide loads the stream and answers what the command would write, for those who append several at once.
func (h Handler[State, Command, Event]) Decide(ctx context.Context, org domain.OrgID, id uuid.UUID, cmd Command) (eventstore.Write, error) {
	stream, err := h.load(ctx, org, id)
	if err != nil {
		return eventstore.Write{}, err
	}
	return h.decide(ctx, org, stream, cmd)
}

// DecideAll is Decide for several commands in a row.
func (h Handler[State, Command, Event]) DecideAll(ctx context.Context, org domain.OrgID, id uuid.UUID, cmds ...Command) (eventstore.Write, error) {
	stream, err := h.load(ctx, org, id)
	if err != nil {
		return eventstore.Write{}, err
	}
	all, known := eventstore.Write{Stream: stream}, stream
	for _, cmd := range cmds {
		write, err := h.decide(ctx, org, known, cmd)
		if err != nil {
			return all, err
		}
		for _, event := range write.Events {
			known.Events = append(slices.Clip(known.Events), eventstore.Recorded{Event: event})
		}
		all.Events = append(all.Events, write.Events...)
	}
	return all, nil
}

// State answers where the aggregate stands; the zero State when there is none in the organization.
func (h Handler[State, Command, Event]) State(ctx context.Context, org domain.OrgID, id uuid.UUID) (State, error) {
	stream, err := h.load(ctx, org, id)
	if err != nil {
		var none State
		return none, err
	}
	return h.Fold(stream), nil
}

// Fold answers the state that a stream leads to.
func (h Handler[State, Command, Event]) Fold(s eventstore.Stream) State {
	var state State
	for _, r := range s.Events {
		if event, ok := r.Event.(Event); ok {
			state = h.decider.Evolve(state, event)
		}
	}
	return state
}

// decide answers a Write of the stream even when it refuses.
func (h Handler[State, Command, Event]) decide(ctx context.Context, org domain.OrgID, s eventstore.Stream, cmd Command) (eventstore.Write, error) {
	write := eventstore.Write{Stream: s}
	events, err := h.decider.Decide(h.Fold(s), cmd)
	if err == nil && len(events) > 0 && h.check != nil {
		err = h.check(ctx, org, cmd)
	}
	if err != nil {
		return write, err
	}
	write.Events = make([]any, len(events))
	for i, e := range events {
		write.Events[i] = e
	}
	return write, nil
}

// load answers an empty stream when the id belongs to another kind of aggregate: to this noun it does not exist.
// Should a command then try to begin it, the append conflicts, because the id is taken.
func (h Handler[State, Command, Event]) load(ctx context.Context, org domain.OrgID, id uuid.UUID) (eventstore.Stream, error) {
	stream, err := h.log.Load(ctx, org.UUID, id)
	if err != nil {
		return eventstore.Stream{}, fmt.Errorf("load %s %s: %w", h.decider.Category, id, err)
	}
	if stream.Version() > 0 && stream.Category() != h.decider.Category {
		stream.Events = nil
	}
	return stream, nil
}

// Together appends what several aggregates decide, all or nothing, and decides again after a lost race. The streams it
// answers stand in the order of the writes.
func Together(ctx context.Context, log eventstore.Log, r Request, command string, decide func() ([]eventstore.Write, error)) ([]eventstore.Stream, error) {
	for range attempts {
		writes, err := decide()
		if err != nil {
			return nil, err
		}
		streams, err := log.Append(ctx, r.metadata(command), writes...)
		switch {
		case errors.Is(err, eventstore.ErrConflict):
			continue
		case errors.Is(err, eventstore.ErrErased):
			return nil, ErrErased
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", command, err)
		}
		return streams, nil
	}
	return nil, ErrBusy
}
