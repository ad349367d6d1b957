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

// wordsPage is how many events are looked through in one statement.
const wordsPage = 20_000

const selectWording = `
WITH page AS (
	SELECT position, stream_id, type, data, metadata FROM events WHERE org_id = $1 AND position > $2 ORDER BY position LIMIT $4
), extent AS (
	SELECT coalesce(max(position), 0) AS last, count(*) AS events FROM page
)
SELECT extent.last, extent.events, page.stream_id, page.type, page.data, page.metadata
FROM extent LEFT JOIN page ON strpos(page.data::text, $3) > 0 ORDER BY page.position`

// WordsOf answers the streams of an organization that hold a person's words, the oldest first. It reads all of the
// organization's events, page by page: what is asked so seldom needs no index that every append would pay for. An event
// that names the person and cannot be read counts as their words.
func (s *Postgres) WordsOf(ctx context.Context, org, person uuid.UUID) ([]Wording, error) {
	var found []Wording
	seen := map[uuid.UUID]bool{}
	for after, more := int64(0), true; more; {
		var err error
		if after, more, err = s.wordingPage(ctx, org, person, after, func(stream uuid.UUID, name string, data, metadata []byte) {
			if !seen[stream] && s.codec.holdsWordsOf(person, name, data, metadata) {
				seen[stream] = true
				found = append(found, Wording{Stream: stream, Category: category(name)})
			}
		}); err != nil {
			return nil, fmt.Errorf("find the words of %s: %w", person, err)
		}
	}
	return found, nil
}

// wordingPage gives the events of a page that name the person to each, and answers where the page ended and whether
// another may follow.
func (s *Postgres) wordingPage(ctx context.Context, org, person uuid.UUID, after int64, each func(stream uuid.UUID, name string, data, metadata []byte)) (last int64, more bool, err error) {
	ctx, done := unhurried(ctx)
	defer done()
	rows, err := s.pool.Query(ctx, selectWording, [16]byte(org), after, person.String(), wordsPage)
	if err != nil {
		return 0, false, err
	}
	var events int
	var stream *uuid.UUID
	var name *string
	var data, metadata []byte
	_, err = pgx.ForEachRow(rows, []any{&last, &events, &stream, &name, &data, &metadata}, func() error {
		if stream != nil {
			each(*stream, *name, data, metadata)
		}
		return nil
	})
	return last, events == wordsPage, err
}

func (c *Codec) holdsWordsOf(person uuid.UUID, name string, data, metadata []byte) bool {
	var m storedMetadata
	if err := json.Unmarshal(metadata, &m); err != nil {
		return true
	}
	d, err := c.decode(name, m.EventVersion, data)
	return err != nil || slices.Contains(d.entry.subjects(d.event.Elem()), person)
}
