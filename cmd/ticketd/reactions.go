package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/commands"
	"ticketd/eventstore"
)

// poisonTopic is where references to events lie whose reaction failed again and again; its table is watermill's.
const poisonTopic = "reactions_poison"

// newRouter ties every reaction to its place in the log. A reaction that keeps failing is set aside after five tries,
// so that one bad event does not hold up those behind it.
func newRouter(pool *pgxpool.Pool, feed *eventstore.Feed, log *slog.Logger, reactions ...commands.Reaction) (*message.Router, error) {
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
	poison, err := middleware.PoisonQueue(aside, poisonTopic)
	if err != nil {
		return nil, fmt.Errorf("make the poison queue: %w", err)
	}
	router.AddMiddleware(
		poison,
		middleware.Retry{MaxRetries: 4, InitialInterval: 100 * time.Millisecond, Multiplier: 4, MaxInterval: 5 * time.Second, Logger: quiet}.Middleware,
		middleware.Recoverer,
	)
	for _, r := range reactions {
		router.AddConsumerHandler(r.Name, r.Name, eventstore.NewSubscriber(feed, r.Facts...), func(m *message.Message) error {
			event, ok := eventstore.FromMessage(m)
			if !ok {
				return fmt.Errorf("message %s carries no event", m.UUID)
			}
			return r.React(m.Context(), event)
		})
	}
	return router, nil
}

// runReactions ends when ctx ends, and gives what runs the time to finish.
func runReactions(ctx context.Context, router *message.Router) error {
	if err := router.Run(ctx); err != nil {
		return fmt.Errorf("run the reactions: %w", err)
	}
	return nil
}
