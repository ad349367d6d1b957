package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/eventstore"
)

// IdempotencyLife is how long an answer is kept.
const IdempotencyLife = 24 * time.Hour

// Idempotency keeps the first answer to each Idempotency-Key of each person, sealed with that person's key.
type Idempotency struct {
	Pool *pgxpool.Pool
	Keys *eventstore.Keyring
}

// Begin reserves an id for what a request makes. When the key is known it answers the id that was reserved the first
// time, the hash of that request, and its answer if one was given and its person was not erased since.
func (i Idempotency) Begin(ctx context.Context, caller domain.Caller, key string, request [32]byte, reserve uuid.UUID) (id uuid.UUID, first [32]byte, answer []byte, err error) {
	var hash []byte
	var sealed *string
	err = i.Pool.QueryRow(ctx, `
		INSERT INTO idempotency AS i (org_id, user_id, key, request_hash, resource_id) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (org_id, user_id, key) DO UPDATE SET
			request_hash = CASE WHEN i.created_at < now() - $6::interval THEN excluded.request_hash ELSE i.request_hash END,
			resource_id  = CASE WHEN i.created_at < now() - $6::interval THEN excluded.resource_id ELSE i.resource_id END,
			answer       = CASE WHEN i.created_at < now() - $6::interval THEN NULL ELSE i.answer END,
			created_at   = CASE WHEN i.created_at < now() - $6::interval THEN now() ELSE i.created_at END
		RETURNING request_hash, resource_id, answer`,
		[16]byte(caller.Org.UUID), [16]byte(caller.User.UUID), key, request[:], [16]byte(reserve), IdempotencyLife).
		Scan(&hash, (*[16]byte)(&id), &sealed)
	if err != nil {
		return id, first, nil, fmt.Errorf("reserve idempotency key: %w", err)
	}
	copy(first[:], hash)
	if sealed == nil {
		return id, first, nil, nil
	}
	answer, _, err = i.Keys.Open(ctx, caller.User.UUID, *sealed)
	return id, first, answer, err
}

// Finish keeps the answer, unless another request with the same key was answered meanwhile: the first one counts.
func (i Idempotency) Finish(ctx context.Context, caller domain.Caller, key string, answer []byte) error {
	sealed, err := i.Keys.Seal(ctx, caller.Org.UUID, caller.User.UUID, answer)
	if err != nil {
		return fmt.Errorf("seal an answer: %w", err)
	}
	_, err = i.Pool.Exec(ctx, `UPDATE idempotency SET answer = $4 WHERE org_id = $1 AND user_id = $2 AND key = $3 AND answer IS NULL`,
		[16]byte(caller.Org.UUID), [16]byte(caller.User.UUID), key, sealed)
	if err != nil {
		return fmt.Errorf("keep an answer: %w", err)
	}
	return nil
}

// Unanswer drops all answers of an organization, and says how many: they may quote anybody. The reservations stay, so a
// repeated request still makes nothing twice; it is answered anew.
func (i Idempotency) Unanswer(ctx context.Context, org domain.OrgID) (int, error) {
	tag, err := i.Pool.Exec(ctx, `UPDATE idempotency SET answer = NULL WHERE org_id = $1 AND answer IS NOT NULL`, [16]byte(org.UUID))
	if err != nil {
		return 0, fmt.Errorf("drop answers: %w", err)
	}
	return int(tag.RowsAffected()), nil
}

// Forget deletes the answers that are old enough, and says how many.
func (i Idempotency) Forget(ctx context.Context) (int64, error) {
	tag, err := i.Pool.Exec(ctx, `DELETE FROM idempotency WHERE created_at < now() - $1::interval`, IdempotencyLife)
	if err != nil {
		return 0, fmt.Errorf("forget old answers: %w", err)
	}
	return tag.RowsAffected(), nil
}
