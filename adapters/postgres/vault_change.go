package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/integration"
)

// vaultRest is how long whoever waits for a change rests before looking again.
const vaultRest = 25 * time.Millisecond

// vaultLimits say how patient a change is.
type vaultLimits struct {
	wait   time.Duration // for its turn
	change time.Duration // how long a vendor may take
	try    time.Duration // how long the database may take to keep what the vendor gave
	rest   time.Duration // before it is tried again
	tries  int
}

var usualLimits = vaultLimits{wait: 45 * time.Second, change: 45 * time.Second, try: 5 * time.Second, rest: time.Second, tries: 10}

// mostChanges is how many changes one process makes at a time: each holds a connection for as long as a vendor takes to answer, and
// they must leave some to everybody else.
const mostChanges = 4

// mostOfPlatform is how many of them ask the vendors of one platform: when its login is silent, the others have the rest.
const mostOfPlatform = mostChanges / 2

// changing is which organizations change credentials in this process, and the platform that each asks for them; empty: it asks
// nobody. Each changes those of one integration at a time, so that the vendors of one do not hold up all others.
type changing struct {
	mu sync.Mutex
	of map[domain.OrgID]integration.Platform
}

func (c *changing) begin(org domain.OrgID, asked integration.Platform) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, busy := c.of[org]; busy || len(c.of) >= mostChanges {
		return false
	}
	same := 0
	for _, other := range c.of {
		if other == asked && asked != "" {
			same++
		}
	}
	if same >= mostOfPlatform {
		return false
	}
	c.of[org] = asked
	return true
}

func (c *changing) end(org domain.OrgID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.of, org)
}

// Change implements commands.Vault.
func (v *Vault) Change(ctx context.Context, org domain.OrgID, id uuid.UUID, change func(context.Context, commands.Credentials) (*commands.Credentials, error)) (commands.Credentials, error) {
	return v.Renew(ctx, org, id, "", change)
}

// Renew implements commands.Vault. Who waits for another holds no connection meanwhile, and can leave at any time. Errors, beside
// those: commands.ErrBusy when the lock was lost, and another has changed them meanwhile.
func (v *Vault) Renew(ctx context.Context, org domain.OrgID, id uuid.UUID, of integration.Platform, change func(context.Context, commands.Credentials) (*commands.Credentials, error)) (commands.Credentials, error) {
	late := time.After(v.limits.wait)
	for {
		held, locked, err := v.changeNow(ctx, org, id, of, change)
		if locked || err != nil {
			return held, err
		}
		select {
		case <-time.After(vaultRest):
		case <-late:
			return held, commands.ErrBusy
		case <-ctx.Done():
			return held, ctx.Err()
		}
	}
}

// changeNow answers false when another is changing the credentials at the moment, or there are too many who change some.
func (v *Vault) changeNow(ctx context.Context, org domain.OrgID, id uuid.UUID, of integration.Platform, change func(context.Context, commands.Credentials) (*commands.Credentials, error)) (held commands.Credentials, locked bool, err error) {
	if !v.changing.begin(org, of) {
		return held, false, nil
	}
	defer v.changing.end(org)
	ctx = context.WithoutCancel(ctx)
	limited, cancel := context.WithTimeout(ctx, v.limits.change)
	defer cancel()
	tx, err := v.pool.Begin(limited)
	if err != nil {
		return held, false, fmt.Errorf("change credentials of %s: %w", id, err)
	}
	defer func() { _ = v.soon(ctx, tx.Rollback) }() // after a commit it does nothing
	held, err = v.read(limited, tx, org, id, `FOR UPDATE SKIP LOCKED`)
	if errors.Is(err, commands.ErrNoCredentials) {
		_, err = v.read(limited, tx, org, id, "") // none, or locked
		return held, false, err
	}
	if err != nil {
		return held, false, err
	}
	next, err := change(limited, held)
	switch {
	case errors.Is(err, context.DeadlineExceeded) && limited.Err() != nil: // the caller's own time is not over
		return held, true, &commands.VendorError{Kind: commands.Down, Message: "The vendor took too long to renew the credentials."}
	case err != nil || next == nil:
		return held, true, err
	}
	next.Revision = held.Revision + 1
	return *next, true, v.keep(ctx, tx, org, id, *next)
}

// soon gives the database only so long.
func (v *Vault) soon(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, v.limits.try)
	defer cancel()
	return do(ctx)
}

// keep writes what nobody may ever give again: when that cannot be done over the connection that holds the lock, over others, after
// that one was given back: there may be no other.
func (v *Vault) keep(ctx context.Context, tx pgx.Tx, org domain.OrgID, id uuid.UUID, next commands.Credentials) error {
	sealed, err := v.seal(ctx, org, id, content{Fields: next.Fields, Ends: next.Ends})
	if err != nil {
		return err
	}
	write := func(ctx context.Context, over execer) (pgconn.CommandTag, error) {
		return over.Exec(ctx, `UPDATE integration_credentials SET sealed = $3, revision = $4 WHERE org_id = $1 AND integration_id = $2 AND revision = $4 - 1`,
			[16]byte(org.UUID), [16]byte(id), sealed, next.Revision)
	}
	err = v.soon(ctx, func(ctx context.Context) error {
		if _, err := write(ctx, tx); err != nil {
			return err
		}
		return tx.Commit(ctx)
	})
	if err == nil {
		return nil
	}
	_ = v.soon(ctx, tx.Rollback) // what is lost is given back all the same
	for try, over := 1, false; err != nil && !over && try < v.limits.tries; try++ {
		v.log.WarnContext(ctx, "renewed credentials are not kept yet", "integration", id, "cause", err)
		<-time.After(v.limits.rest)
		err = v.soon(ctx, func(ctx context.Context) error {
			tag, err := write(ctx, v.pool)
			if err != nil || tag.RowsAffected() == 1 {
				return err
			}
			there, err := v.Read(ctx, org, id)
			over = err == nil || errors.Is(err, commands.ErrNoCredentials)
			if err == nil && !isSame(there, next) {
				return commands.ErrBusy
			}
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("keep changed credentials of %s: %w", id, err)
	}
	return nil
}

// isSame reports whether an answer was lost, and what was to be kept is there.
func isSame(a, b commands.Credentials) bool {
	return a.Revision == b.Revision && a.Ends.Equal(b.Ends) && maps.Equal(a.Fields, b.Fields)
}

type execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}
