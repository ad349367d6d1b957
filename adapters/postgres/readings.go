package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/file"
)

// Readings keeps what was read from uploads.
//
// # Why
//
// An event holds no long text, but the hash of the reading that it is about: so the log stays small, what was read can be
// let go with its upload, and a reading that somebody changed is found out whenever it is read.
type Readings struct{ Pool *pgxpool.Pool }

// Keep stores a reading's JSON under a new id.
func (r Readings) Keep(ctx context.Context, org domain.OrgID, id uuid.UUID, of domain.FileID, stage file.Stage, content []byte) error {
	_, err := r.Pool.Exec(ctx, `
		INSERT INTO readings (org_id, id, file_id, stage, content, text) VALUES ($1, $2, $3, $4, $5, left($5::json->>'text', 400000))
		ON CONFLICT DO NOTHING`,
		[16]byte(org.UUID), [16]byte(id), [16]byte(of.UUID), string(stage), string(content))
	if err != nil {
		return fmt.Errorf("keep a reading: %w", err)
	}
	return nil
}

// Drop deletes a reading that nobody was told of.
func (r Readings) Drop(ctx context.Context, org domain.OrgID, id uuid.UUID) error {
	if _, err := r.Pool.Exec(ctx, `DELETE FROM readings WHERE org_id = $1 AND id = $2`, [16]byte(org.UUID), [16]byte(id)); err != nil {
		return fmt.Errorf("drop a reading: %w", err)
	}
	return nil
}

// Find answers those of the readings that are there and are what the log says they are, by their ids.
func (r Readings) Find(ctx context.Context, org domain.OrgID, refs ...file.ReadingRef) (map[uuid.UUID]file.Reading, error) {
	found := map[uuid.UUID]file.Reading{}
	hashes := map[uuid.UUID]string{}
	var ids [][16]byte
	for _, ref := range refs {
		if ref.ID != uuid.Nil {
			ids, hashes[ref.ID] = append(ids, ref.ID), ref.ReadHash
		}
	}
	if len(ids) == 0 {
		return found, nil
	}
	rows, err := r.Pool.Query(ctx, `SELECT id, content::text FROM readings WHERE org_id = $1 AND id = ANY($2)`, [16]byte(org.UUID), ids)
	if err != nil {
		return nil, fmt.Errorf("find readings: %w", err)
	}
	var id uuid.UUID
	var content []byte
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&id), &content}, func() error {
		if hash := sha256.Sum256(content); hex.EncodeToString(hash[:]) != hashes[id] {
			return nil
		}
		var reading file.Reading
		if err := json.Unmarshal(content, &reading); err != nil {
			return err
		}
		found[id] = reading
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find readings: %w", err)
	}
	return found, nil
}

// filesAreWhole is true while the table of uploads is what the log makes it. After a restore that was interrupted it is
// empty, and then nothing lies about that nobody needs.
const filesAreWhole = `EXISTS (SELECT FROM projections WHERE name = 'files')`

// Forget deletes readings that no upload names any more, or whose upload is gone. Those of the last hour stay: their fact
// may be on its way. It is about all organizations, for nobody asks.
func (r Readings) Forget(ctx context.Context, age time.Duration) (int64, error) {
	tag, err := r.Pool.Exec(ctx, `
		DELETE FROM readings r WHERE NOT EXISTS (
			SELECT FROM files f, json_array_elements(f.stages) AS step (body)
			WHERE f.org_id = r.org_id AND f.id = r.file_id AND NOT f.deleted AND (step.body->'reading'->>'id')::uuid = r.id
		) AND `+filesAreWhole+` AND (r.created_at < now() - $1::interval OR EXISTS (SELECT FROM files f WHERE f.org_id = r.org_id AND f.id = r.file_id AND f.deleted))`, age)
	if err != nil {
		return 0, fmt.Errorf("forget readings: %w", err)
	}
	return tag.RowsAffected(), nil
}
