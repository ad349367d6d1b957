package eventstore

import "github.com/jackc/pgx/v5"

// insertKeys stores the keys of new streams, each only if the stream's first event was written.
const insertKeys = `
INSERT INTO subject_keys (subject_id, org_id, wrapped)
SELECT k.stream, k.org, k.wrapped FROM unnest($1::uuid[], $2::uuid[], $3::bytea[], $4::bytea[]) AS k(stream, org, wrapped, hash)
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = k.stream AND e.version = 1 AND e.hash = k.hash)
ON CONFLICT DO NOTHING`

// eraseKeys deletes the keys of streams for ever, each only if the event that says so was written. The rows stay, without
// the keys: no second one is ever made.
const eraseKeys = `
INSERT INTO subject_keys AS k (subject_id, org_id, wrapped, erased_at)
SELECT g.stream, g.org, '', now() FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::bytea[]) AS g(stream, org, version, hash)
WHERE EXISTS (SELECT FROM events e WHERE e.stream_id = g.stream AND e.version = g.version AND e.hash = g.hash)
ON CONFLICT (subject_id) DO UPDATE SET wrapped = '', erased_at = now() WHERE k.erased_at IS NULL`

// keyColumns are the arrays that insertKeys and eraseKeys unnest.
type keyColumns struct {
	stream, org   [][16]byte
	wrapped, hash [][]byte

	goneStream, goneOrg [][16]byte
	goneVersion         []int32
	goneHash            [][]byte
}

// add takes the keys that a stamped write brings or takes away.
func (c *keyColumns) add(p pending) {
	if p.key != nil {
		c.stream, c.org = append(c.stream, p.stream.ID), append(c.org, p.stream.Org)
		c.wrapped, c.hash = append(c.wrapped, p.wrapped), append(c.hash, p.stream.Events[0].Hash[:])
	}
	if p.erasesKey {
		last := p.stream.Events[p.stream.Version()-1]
		c.goneStream, c.goneOrg = append(c.goneStream, p.stream.ID), append(c.goneOrg, p.stream.Org)
		c.goneVersion = append(c.goneVersion, int32(last.Version)) //nolint:gosec // a stream never holds 2^31 events
		c.goneHash = append(c.goneHash, last.Hash[:])
	}
}

func (c *keyColumns) queue(b *pgx.Batch) {
	if len(c.stream) > 0 {
		b.Queue(insertKeys, c.stream, c.org, c.wrapped, c.hash)
	}
	if len(c.goneStream) > 0 {
		b.Queue(eraseKeys, c.goneStream, c.goneOrg, c.goneVersion, c.goneHash)
	}
}
