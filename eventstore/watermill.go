package eventstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
)

// Subscriber hands events to a Watermill router, one by one and in order; the topic is the name of the checkpoint.
//
// # Why
//
// Of the two ways to feed reactions, copying events into a table of watermill-sql's or reading the log itself, this is
// the second: nothing is written twice, no reader waits for the oldest transaction of the whole cluster, and no handler
// runs inside a transaction. The price is that a crash between a reaction and its checkpoint brings the event again, so
// every reaction must be harmless to repeat. A message carries a reference to its event and none of its words.
type Subscriber struct {
	OnStop func(topic string) // told when the feed ended at an event that cannot be dealt with; may be nil

	feed  *Feed
	types []string
}

// NewSubscriber hands on the events with these stored names.
func NewSubscriber(feed *Feed, types ...string) *Subscriber {
	return &Subscriber{feed: feed, types: types}
}

type recordedKey struct{}

// FromMessage answers the event that a Subscriber's message is about.
func FromMessage(m *message.Message) (Recorded, bool) {
	r, ok := m.Context().Value(recordedKey{}).(Recorded)
	return r, ok
}

// Subscribe implements message.Subscriber. The channel is closed when ctx ends, or at an event that cannot be read.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	messages := make(chan *message.Message)
	go func() {
		defer close(messages)
		err := s.feed.Run(ctx, topic, func(ctx context.Context, _ *pgx.Batch, events []Recorded) error {
			for _, r := range events {
				if !slices.Contains(s.types, r.Type) {
					continue
				}
				if err := s.deliver(ctx, messages, r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			s.feed.Log.ErrorContext(ctx, "a reaction has stopped", "subscriber", topic, "cause", err)
			if s.OnStop != nil {
				s.OnStop(topic)
			}
		}
	}()
	return messages, nil
}

// Close implements message.Subscriber. What ends a subscription is its context.
func (*Subscriber) Close() error { return nil }

// deliver waits until the message is dealt with; one that is refused comes again.
func (s *Subscriber) deliver(ctx context.Context, messages chan<- *message.Message, r Recorded) error {
	for {
		m, err := messageOf(ctx, r)
		if err != nil {
			return err
		}
		select {
		case messages <- m:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-m.Acked():
			return nil
		case <-m.Nacked():
			pause(ctx, retryAfter)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func messageOf(ctx context.Context, r Recorded) (*message.Message, error) {
	reference, err := json.Marshal(map[string]any{"position": r.Position, "org": r.Org, "stream": r.Stream, "version": r.Version, "type": r.Type})
	if err != nil {
		return nil, fmt.Errorf("refer to event %d: %w", r.Position, err)
	}
	m := message.NewMessage(r.Cause(), reference)
	m.Metadata.Set("type", r.Type)
	m.Metadata.Set("correlation_id", r.Metadata.CorrelationID)
	m.SetContext(context.WithValue(ctx, recordedKey{}, r))
	return m, nil
}

var _ message.Subscriber = (*Subscriber)(nil)
