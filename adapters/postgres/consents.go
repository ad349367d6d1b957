package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/eventstore"
)

// Consents keeps people's consents with vendors that are under way. It implements commands.Consents.
type Consents struct {
	Pool *pgxpool.Pool
	Keys *eventstore.Keyring
}

// Begin implements commands.Consents.
func (c Consents) Begin(ctx context.Context, p commands.PendingConsent) error {
	verifier, err := c.Keys.Seal(ctx, p.Org.UUID, p.Integration, []byte(p.Verifier))
	if err != nil {
		return fmt.Errorf("seal a consent: %w", err)
	}
	_, err = c.Pool.Exec(ctx, `
		INSERT INTO integration_consents (state_hash, org_id, integration_id, user_id, verifier, redirect, ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		p.StateHash, [16]byte(p.Org.UUID), [16]byte(p.Integration), [16]byte(p.User.UUID), verifier, p.Redirect, p.Ends)
	if err != nil {
		return fmt.Errorf("begin a consent: %w", err)
	}
	return nil
}

// Take implements commands.Consents. No organization is asked for: whoever comes from the vendor brings no token, and the state is
// what proves where they belong. Looking for its hash takes as long for a guess as for the truth: how much of a hash is right says
// nothing of how much of the state is.
func (c Consents) Take(ctx context.Context, stateHash string, now time.Time) (p commands.PendingConsent, found bool, err error) {
	var verifier string
	err = c.Pool.QueryRow(ctx, `
		DELETE FROM integration_consents WHERE state_hash = $1
		RETURNING state_hash, org_id, integration_id, user_id, verifier, redirect, ends_at`, stateHash).
		Scan(&p.StateHash, (*[16]byte)(&p.Org.UUID), (*[16]byte)(&p.Integration), (*[16]byte)(&p.User.UUID), &verifier, &p.Redirect, &p.Ends)
	if errors.Is(err, pgx.ErrNoRows) {
		return p, false, nil
	}
	if err != nil {
		return p, false, fmt.Errorf("take a consent: %w", err)
	}
	plain, ok, err := c.Keys.Open(ctx, p.Integration, verifier)
	if err != nil {
		return p, false, fmt.Errorf("open a consent: %w", err)
	}
	p.Verifier = string(plain)
	return p, ok && now.Before(p.Ends), nil
}

// CheckTimes keeps when each connection was checked last. It implements commands.CheckTimes.
type CheckTimes struct{ Pool *pgxpool.Pool }

// Checked implements commands.CheckTimes. The latest counts, in whatever order they come.
func (c CheckTimes) Checked(ctx context.Context, org domain.OrgID, id uuid.UUID, at time.Time) error {
	_, err := c.Pool.Exec(ctx, `
		INSERT INTO integration_checks AS c (integration_id, org_id, checked_at) VALUES ($1, $2, $3)
		ON CONFLICT (integration_id) DO UPDATE SET checked_at = greatest(c.checked_at, excluded.checked_at)`, [16]byte(id), [16]byte(org.UUID), at)
	if err != nil {
		return fmt.Errorf("note a check: %w", err)
	}
	return nil
}
