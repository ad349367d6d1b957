package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/adapters/postgres"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/eventstore"
	"ticketd/projections"
)

const (
	erasureLock = 7_305_003
	// erasuresEvery is how often the instances look for what is to be erased, besides when they hear of it.
	erasuresEvery = time.Minute
	// expireAtOnce is how many expired tickets are read at a time.
	expireAtOnce = 500
	// searchPatience is how long the search may take to follow an erasure before it counts as trouble.
	searchPatience = time.Minute
)

// eraser finishes what was asked to be erased, and what retention rules ask for, on one instance at a time. What goes
// wrong is tried again until it is done.
type eraser struct {
	pool      *pgxpool.Pool
	erasures  commands.Erasures
	users     *projections.Users
	retention *projections.Retention
	list      erasedList
	log       *slog.Logger
	now       func() time.Time
	due       chan struct{} // holds one call at most: there is something to do
}

func newEraser(pool *pgxpool.Pool, erasures commands.Erasures, users *projections.Users, retention *projections.Retention, list erasedList, log *slog.Logger) *eraser {
	return &eraser{
		pool: pool, erasures: erasures, users: users, retention: retention, list: list, log: log, now: time.Now, due: make(chan struct{}, 1),
	}
}

// call makes the eraser look at once.
func (e *eraser) call() {
	select {
	case e.due <- struct{}{}:
	default:
	}
}

func (e *eraser) run(ctx context.Context) {
	ticker := time.NewTicker(erasuresEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		if _, err := postgres.Alone(ctx, e.pool, erasureLock, e.erase); err != nil && ctx.Err() == nil {
			e.log.WarnContext(ctx, "an erasure is not complete; it is tried again", "cause", err)
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-e.due:
		}
	}
}

func (e *eraser) erase(ctx context.Context) error {
	pending, err := e.users.Erasing(ctx)
	if err != nil {
		return err
	}
	var trouble []error
	for _, u := range pending {
		if err := e.list.add(u.Org, u.ID); err != nil { // before, and at worst twice: the list must not miss anybody
			trouble = append(trouble, err)
			continue
		}
		began := e.now()
		shown := began
		err := e.erasures.Finish(ctx, u.Org, u.ID, func(done, total int) {
			if e.now().Sub(shown) > 10*time.Second {
				shown = e.now()
				e.log.InfoContext(ctx, "erasing a person", "user", u.ID, "streams", done, "of", total)
			}
		})
		if err != nil {
			trouble = append(trouble, fmt.Errorf("erase %s: %w", u.ID, err))
			continue
		}
		e.log.InfoContext(ctx, "a person was erased", "user", u.ID, "seconds", e.now().Sub(began).Seconds())
	}
	return errors.Join(append(trouble, e.expire(ctx))...)
}

// expire erases the words of tickets that were closed longer ago than their organization's rule allows.
func (e *eraser) expire(ctx context.Context) error {
	orgs, err := e.retention.Ruled(ctx)
	if err != nil {
		return err
	}
	for _, org := range orgs {
		for {
			ids, err := e.retention.Expired(ctx, org, e.now(), expireAtOnce)
			if err != nil {
				return err
			}
			if len(ids) == 0 {
				break
			}
			for _, id := range ids {
				if err := e.erasures.Expire(ctx, org, id); err != nil {
					return fmt.Errorf("expire ticket %s: %w", id, err)
				}
			}
			e.log.InfoContext(ctx, "the words of old tickets were erased", "org", org, "tickets", len(ids))
		}
	}
	return nil
}

// copies implements commands.Copies: the answers kept for repeated requests, the search, and what PostgreSQL keeps of
// rows that are gone.
type copies struct {
	pool        *pgxpool.Pool
	store       *eventstore.Postgres
	feed        *eventstore.Feed
	idempotency postgres.Idempotency
}

// Scrub implements commands.Copies.
func (c copies) Scrub(ctx context.Context, org domain.OrgID) (int, error) {
	answers, err := c.idempotency.Unanswer(ctx, org)
	if err != nil {
		return 0, err
	}
	head, err := c.store.Head(ctx)
	if err != nil {
		return 0, err
	}
	patience, cancel := context.WithTimeout(ctx, searchPatience)
	defer cancel()
	if err := c.feed.Await(patience, "ticket_search", head); err != nil {
		return 0, err
	}
	return answers, postgres.Sweep(ctx, c.pool, "tickets", "comments", "users", "api_tokens", "ticket_search", "idempotency", "subject_keys")
}
