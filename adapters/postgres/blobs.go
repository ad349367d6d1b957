package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/commands"
	"ticketd/domain"
)

// Blobs accounts for the bytes that organizations keep in the store.
//
// # Why
//
// The store cannot be asked how much an organization keeps, nor told to keep its hands off bytes whose fact is not in the
// log yet. So whoever is about to keep bytes claims them here first, and the sweeper removes only what was claimed a while
// ago and no upload names. It holds the claim's row while it removes: a new claim of the same bytes waits for it, and
// then keeps them anew.
type Blobs struct {
	Pool  *pgxpool.Pool
	Quota int64 // bytes an organization may keep; 0: as many as it likes
}

// ledgerLock, with an organization, makes claims add up one after the other. It is held for one statement.
const ledgerLock = 7305010

// Claim implements commands.Ledger.
func (b Blobs) Claim(ctx context.Context, org domain.OrgID, key string, size int64) error {
	var fits bool
	err := pgx.BeginFunc(ctx, b.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1, hashtext($2))`, ledgerLock, org.String()); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `
			WITH kept AS (SELECT coalesce(sum(size), 0) AS bytes FROM blobs WHERE org_id = $1 AND key <> $2),
			claimed AS (
				INSERT INTO blobs (org_id, key, size, claimed_at) SELECT $1, $2, $3::bigint, now() FROM kept WHERE $4::bigint = 0 OR kept.bytes + $3 <= $4
				ON CONFLICT (org_id, key) DO UPDATE SET claimed_at = excluded.claimed_at
				RETURNING 1
			)
			SELECT EXISTS (SELECT FROM claimed)`, [16]byte(org.UUID), key, size, b.Quota).Scan(&fits)
	})
	if err != nil {
		return fmt.Errorf("claim bytes: %w", err)
	}
	if !fits {
		return commands.ErrQuotaExceeded
	}
	return nil
}

const selectUnnamed = `
SELECT b.org_id, b.key FROM blobs b WHERE b.claimed_at < now() - $1::interval AND (b.org_id, b.key) > ($2, $3) AND ` + filesAreWhole + `
	AND NOT EXISTS (SELECT FROM files f WHERE f.org_id = b.org_id AND f.blob = b.key AND NOT f.deleted)
ORDER BY b.org_id, b.key LIMIT 1 FOR UPDATE SKIP LOCKED`

// removeTime is how long one key may take to be removed: whoever claims the same bytes waits for it.
const removeTime = 30 * time.Second

// Sweep removes, by remove, the bytes that were claimed longer ago than age and that no upload names, and says how many
// keys it removed. One that cannot be removed holds up no other.
func (b Blobs) Sweep(ctx context.Context, age time.Duration, remove func(ctx context.Context, key string) error) (swept int, err error) {
	var org [16]byte
	var key string
	var trouble []error
	for {
		var removed error
		err := pgx.BeginFunc(ctx, b.Pool, func(tx pgx.Tx) error {
			if err := tx.QueryRow(ctx, selectUnnamed, age, org, key).Scan(&org, &key); err != nil {
				return err
			}
			bounded, cancel := context.WithTimeout(ctx, removeTime)
			defer cancel()
			if removed = remove(bounded, key); removed != nil {
				return nil
			}
			_, err := tx.Exec(ctx, `DELETE FROM blobs WHERE org_id = $1 AND key = $2`, org, key)
			return err
		})
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return swept, errors.Join(trouble...)
		case err != nil:
			return swept, errors.Join(append(trouble, fmt.Errorf("sweep bytes: %w", err))...)
		case removed != nil:
			trouble = append(trouble, fmt.Errorf("remove %s: %w", key, removed))
		default:
			swept++
		}
	}
}
