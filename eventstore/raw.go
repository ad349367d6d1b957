package eventstore

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Raw is an event byte for byte as it stands in the table: what was hashed, with personal fields sealed.
type Raw struct {
	Position int64
	Org      uuid.UUID
	Stream   uuid.UUID
	Version  int
	Type     string
	At       time.Time // UTC, in microseconds
	Data     []byte
	Metadata []byte
	Prev     Hash
	Hash     Hash
}

// Link answers the hash that the event should have, made anew from everything else that is stored of it.
func (r Raw) Link() Hash {
	return link(r.Prev, r.Org, r.Stream, r.Version, r.Type, r.At, r.Data, r.Metadata)
}

// rawPage is how many events are read at a time: enough for one round trip to pay, little enough to hold in memory.
const rawPage = 2000

// Raw gives each event that q selects to each, in position order, page by page: the memory it takes does not grow with
// the log. An event whose hashes are cut short is given with zeros in their place.
func (s *Postgres) Raw(ctx context.Context, q Query, each func(Raw) error) error {
	limit := q.Limit
	for {
		q.Limit = rawPage
		if limit > 0 {
			q.Limit = min(rawPage, limit)
		}
		page, err := readRaw(ctx, s.pool, q)
		if err != nil {
			return fmt.Errorf("read after %d: %w", q.After, err)
		}
		for _, r := range page {
			if err := each(r); err != nil {
				return err
			}
		}
		if limit -= len(page); len(page) < q.Limit || limit == 0 {
			return nil
		}
		q.After = page[len(page)-1].Position
	}
}

func readRaw(ctx context.Context, pool *pgxpool.Pool, q Query) ([]Raw, error) {
	ctx, done := unhurried(ctx)
	defer done()
	where, args := q.where()
	rows, err := pool.Query(ctx, `SELECT position, org_id, stream_id, version, type, recorded_at, data, metadata, prev_hash, hash FROM events`+where, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Raw, err error) {
		var prev, hash []byte
		err = row.Scan(&r.Position, (*[16]byte)(&r.Org), (*[16]byte)(&r.Stream), &r.Version, &r.Type, &r.At, &r.Data, &r.Metadata, &prev, &hash)
		r.At = r.At.UTC()
		copy(r.Prev[:], prev)
		copy(r.Hash[:], hash)
		return r, err
	})
}
