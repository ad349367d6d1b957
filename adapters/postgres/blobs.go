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

// Used answers how many bytes the organization keeps.
func (b Blobs) Used(ctx context.Context, org domain.OrgID) (bytes int64, err error) {
	err = b.Pool.QueryRow(ctx, `SELECT coalesce(sum(size), 0) FROM blobs WHERE org_id = $1`, [16]byte(org.UUID)).Scan(&bytes)
	if err != nil {
		return 0, fmt.Errorf("add up bytes: %w", err)
	}
	return bytes, nil
}

const selectUnnamed = `
SELECT b.org_id, b.key FROM blobs b WHERE b.claimed_at < now() - $1::interval
	AND NOT EXISTS (SELECT FROM files f WHERE f.org_id = b.org_id AND f.blob = b.key AND NOT f.deleted) LIMIT 1 FOR UPDATE SKIP LOCKED`

// Sweep removes, by remove, the bytes that were claimed longer ago than age and that no upload names, and says how many
// keys it removed.
func (b Blobs) Sweep(ctx context.Context, age time.Duration, remove func(ctx context.Context, key string) error) (swept int, err error) {
	for {
		err := pgx.BeginFunc(ctx, b.Pool, func(tx pgx.Tx) error {
			var org [16]byte
			var key string
			if err := tx.QueryRow(ctx, selectUnnamed, age).Scan(&org, &key); err != nil {
				return err
			}
			if err := remove(ctx, key); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `DELETE FROM blobs WHERE org_id = $1 AND key = $2`, org, key)
			return err
		})
		if errors.Is(err, pgx.ErrNoRows) {
			return swept, nil
		}
		if err != nil {
			return swept, fmt.Errorf("sweep bytes: %w", err)
		}
		swept++
	}
}
