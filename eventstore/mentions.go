package eventstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Wording is a stream that holds what somebody wrote.
type Wording struct {
	Stream   uuid.UUID
	Category string
}

// WordsOf answers the streams of an organization that hold a person's words, the oldest first. It reads all of the
// organization's events that name the person: what is asked so seldom needs no index that every append would pay for.
func (s *Postgres) WordsOf(ctx context.Context, org, person uuid.UUID) ([]Wording, error) {
	ctx, done := unhurried(ctx)
	defer done()
	rows, err := s.pool.Query(ctx, `SELECT stream_id, type, data, metadata FROM events
		WHERE org_id = $1 AND strpos(data::text, $2) > 0 ORDER BY position`, [16]byte(org), person.String())
	if err != nil {
		return nil, fmt.Errorf("find the words of %s: %w", person, err)
	}
	var found []Wording
	seen := map[uuid.UUID]bool{}
	var stream uuid.UUID
	var name string
	var data, metadata []byte
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&stream), &name, &data, &metadata}, func() error {
		if seen[stream] {
			return nil
		}
		writes, err := s.codec.holdsWordsOf(person, name, data, metadata)
		if writes {
			seen[stream] = true
			found = append(found, Wording{Stream: stream, Category: category(name)})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find the words of %s: %w", person, err)
	}
	return found, nil
}

func (c *Codec) holdsWordsOf(person uuid.UUID, name string, data, metadata []byte) (bool, error) {
	var m storedMetadata
	if err := json.Unmarshal(metadata, &m); err != nil {
		return false, fmt.Errorf("decode metadata: %w", err)
	}
	d, err := c.decode(name, m.EventVersion, data)
	if err != nil {
		return false, err
	}
	return slices.Contains(d.entry.subjects(d.event.Elem()), person), nil
}
