package eventstore

import "github.com/jackc/pgx/v5"

// insertKeys stores the keys of new streams, each only if the stream's first event was written.
const insertKeys = `
INSERT INTO subject_keys (subject_id, org_id, wrapped)
SELECT k.stream, k.org, k.wrapped FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bytea[]) AS k(stream, org, wrapped, hash)
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = k.stream AND e.version = 1 AND e.hash = k.hash)
ON CONFLICT DO NOTHING`

// keyColumns are the arrays that insertKeys unnests.
type keyColumns struct {
	stream, org   [][16]byte
	wrapped, hash [][]byte
}

// add takes the key of a stamped write, if it brings one.
func (c *keyColumns) add(p pending) {
	if p.key == nil {
		return
	}
	c.stream, c.org = append(c.stream, p.stream.ID), append(c.org, p.stream.Org)
	c.wrapped, c.hash = append(c.wrapped, p.wrapped), append(c.hash, p.stream.Events[0].Hash[:])
}

func (c *keyColumns) queue(b *pgx.Batch) {
	if len(c.stream) > 0 {
		b.Queue(insertKeys, c.stream, c.org, c.wrapped, c.hash)
	}
}
