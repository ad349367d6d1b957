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
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/projections"
)

const (
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
	copies    copies
	users     *projections.Users
	retention *projections.Retention
	list      erasedList
	log       *slog.Logger
	now       func() time.Time
	due       chan struct{} // holds one call at most: there is something to do
	asked     bool          // again for those in the list, since the start
}

func newEraser(pool *pgxpool.Pool, erasures commands.Erasures, everywhere copies, users *projections.Users, retention *projections.Retention, list erasedList, log *slog.Logger) *eraser {
	return &eraser{
		pool: pool, erasures: erasures, copies: everywhere, users: users, retention: retention, list: list, log: log, now: time.Now, due: make(chan struct{}, 1),
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
		if _, err := postgres.Alone(ctx, e.pool, eventstore.ErasureLock, e.erase); err != nil && ctx.Err() == nil {
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
	if !e.asked {
		if _, err := e.again(ctx); err != nil {
			return err
		}
		e.asked = true
	}
	return errors.Join(e.finish(ctx), e.expire(ctx))
}

// finish goes on with every erasure that was asked for. One that cannot be finished holds up no other.
func (e *eraser) finish(ctx context.Context) error {
	pending, err := e.users.Erasing(ctx)
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
	return errors.Join(append(trouble, err)...)
}

// expire erases the words of tickets that were closed longer ago than their organization's rule allows.
func (e *eraser) expire(ctx context.Context) error {
	orgs, err := e.retention.Ruled(ctx)
	var trouble []error
	for _, org := range orgs {
		erased, err := e.expireIn(ctx, org)
		trouble = append(trouble, err)
		if erased == 0 {
			continue
		}
		if _, _, err := e.copies.Scrub(ctx, org); err != nil {
			trouble = append(trouble, err)
			continue
		}
		e.log.InfoContext(ctx, "the words of old tickets were erased", "org", org, "tickets", erased)
	}
	return errors.Join(append(trouble, err)...)
}

// expireIn goes through an organization's expired tickets. One that cannot be erased is passed over until the next time.
func (e *eraser) expireIn(ctx context.Context, org domain.OrgID) (erased int, trouble error) {
	var after projections.ExpiredTicket
	for {
		page, err := e.retention.Expired(ctx, org, e.now(), after, expireAtOnce)
		if err != nil || len(page) == 0 {
			return erased, errors.Join(trouble, err)
		}
		ids := make([]ticket.ID, len(page))
		for i, t := range page {
			ids[i] = t.ID
		}
		if err := e.erasures.ExpireRuns(ctx, org, ids); err != nil {
			return erased, errors.Join(trouble, err)
		}
		for _, t := range page {
			err := e.erasures.Expire(ctx, org, t.ID)
			switch {
			case err == nil:
				erased++
			case errors.Is(err, ticket.ErrStillOpen): // reopened a moment ago
			case ctx.Err() != nil:
				return erased, ctx.Err()
			default:
				trouble = errors.Join(trouble, fmt.Errorf("expire ticket %s: %w", t.ID, err))
			}
		}
		after = page[len(page)-1]
	}
}

// copies implements commands.Copies: the answers kept for repeated requests, the search, and what PostgreSQL keeps of
// rows that are gone.
type copies struct {
	pool        *pgxpool.Pool
	store       *eventstore.Postgres
	feed        *eventstore.Feed
	readings    postgres.Readings
	idempotency postgres.Idempotency
	rebuilder   *projections.Rebuilder
}

// sweptTables are where rows with words were written anew.
var sweptTables = []string{"tickets", "comments", "users", "api_tokens", "ticket_search", "ticket_tags", "files", "readings", "threads", "messages", "agent_runs", "deliveries", "idempotency", "subject_keys"}

// Scrub implements commands.Copies. The answers go last: until then somebody may still be given one to keep.
func (c copies) Scrub(ctx context.Context, org domain.OrgID) (answers int, tables []string, err error) {
	head, err := c.store.Head(ctx)
	if err != nil {
		return 0, nil, err
	}
	patience, cancel := context.WithTimeout(ctx, searchPatience)
	defer cancel()
	for _, follower := range []string{"erase_expired_files", "ticket_search"} { // the first tells files, of which the second hears
		if err := c.feed.Await(patience, follower, head); err != nil {
			return 0, nil, err
		}
		if head, err = c.store.Head(ctx); err != nil {
			return 0, nil, err
		}
	}
	// The tables of a rebuild that was killed, or is under way, may hold the words as they were.
	if err := c.rebuilder.Clear(ctx); err != nil {
		return 0, nil, err
	}
	if _, err := c.readings.Forget(ctx, claimLife); err != nil { // those of uploads that are gone go at once
		return 0, nil, err
	}
	if answers, err = c.idempotency.Unanswer(ctx, org); err != nil {
		return 0, nil, err
	}
	return answers, sweptTables, postgres.Sweep(ctx, c.pool, sweptTables...)
}
