package main

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/commands"
	"ticketd/eventstore"
	"ticketd/internal/wordless"
)

// poisonTopic is where references to events lie whose reaction failed again and again; its table is watermill's.
const poisonTopic = "reactions_poison"

// reactionHealth is what an operator wants to know of the reactions.
type reactionHealth struct {
	stopped sync.Map     // who met an event that cannot be read, and what came of it
	aside   atomic.Int64 // events whose reaction was given up
}

// poisoned publishes what is set aside, counts it and says so.
type poisoned struct {
	message.Publisher
	health *reactionHealth
	log    *slog.Logger
}

// Publish implements message.Publisher.
func (p poisoned) Publish(topic string, messages ...*message.Message) error {
	if err := p.Publisher.Publish(topic, messages...); err != nil {
		return err
	}
	p.health.aside.Add(int64(len(messages)))
	for _, m := range messages {
		p.log.WarnContext(m.Context(), "a reaction was given up; its event lies in the poison queue, with the reason",
			"reaction", m.Metadata.Get(middleware.PoisonedHandlerKey), "position", m.UUID)
	}
	return nil
}

// newRouter ties every reaction to its place in the log. A reaction that keeps failing is set aside after five tries,
// so that one bad event does not hold up those behind it.
func newRouter(pool *pgxpool.Pool, feed *eventstore.Feed, log *slog.Logger, health *reactionHealth, reactions ...commands.Reaction) (*message.Router, error) {
	quiet := watermill.NewSlogLoggerWithLevelMapping(log, map[slog.Level]slog.Level{slog.LevelInfo: slog.LevelDebug})
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: 10 * time.Second}, quiet)
	if err != nil {
		return nil, fmt.Errorf("make the router: %w", err)
	}
	aside, err := sql.NewPublisher(sql.BeginnerFromPgx(pool), sql.PublisherConfig{
		SchemaAdapter: sql.DefaultPostgreSQLSchema{}, AutoInitializeSchema: true,
	}, quiet)
	if err != nil {
		return nil, fmt.Errorf("make the poison queue: %w", err)
	}
	poison, err := middleware.PoisonQueue(poisoned{aside, health, log}, poisonTopic)
	if err != nil {
		return nil, fmt.Errorf("make the poison queue: %w", err)
	}
	router.AddMiddleware(
		poison,
		middleware.Retry{MaxRetries: 4, InitialInterval: 100 * time.Millisecond, Multiplier: 4, MaxInterval: 5 * time.Second, Logger: quiet}.Middleware,
		middleware.Recoverer,
	)
	for _, r := range reactions {
		events := eventstore.NewSubscriber(feed, r.Facts...)
		events.OnStop = func(name string) { health.stopped.Store(name, "has stopped") }
		router.AddConsumerHandler(r.Name, r.Name, events, func(m *message.Message) error {
			event, ok := eventstore.FromMessage(m)
			if !ok {
				return fmt.Errorf("message %s carries no event", m.UUID)
			}
			return wordless.Of(r.React(m.Context(), event))
		})
	}
	return router, nil
}
