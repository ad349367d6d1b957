package eventstore_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ticketd/eventstore"
	"ticketd/eventstore/eventstoretest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	eventstoretest.Run(t, func(*testing.T) eventstoretest.Store {
		return memory{eventstore.NewMemory(eventstoretest.Codec)}
	})
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	needsPostgres(t)
	eventstoretest.Run(t, func(t *testing.T) eventstoretest.Store {
		t.Helper()
		return open(t, database(t), eventstore.Options{})
	})
}

type memory struct{ *eventstore.Memory }

func (m memory) Rows(testing.TB) []eventstoretest.Row {
	var rows []eventstoretest.Row
	heads := map[uuid.UUID]eventstore.Hash{}
	m.Stored(func(r eventstore.Recorded, data, metadata []byte) {
		rows = append(rows, eventstoretest.Row{
			Position: r.Position, Org: r.Org, Stream: r.Stream, Version: r.Version, Type: r.Type, At: r.At,
			Data: data, Metadata: metadata, Prev: heads[r.Stream], Hash: r.Hash,
		})
		heads[r.Stream] = r.Hash
	})
	return rows
}

func (m memory) Erase(_ testing.TB, _, subject uuid.UUID) { m.EraseKey(subject) }

func (m memory) EraseElsewhere(_ testing.TB, _, subject uuid.UUID) { m.EraseKeyElsewhere(subject) }

// planted is an event that another program wrote.
func planted(stream eventstore.Stream, name, data, metadata string) eventstore.Raw {
	r := eventstore.Raw{
		Org: stream.Org, Stream: stream.ID, Version: stream.Version() + 1, Type: name, At: time.Now().UTC().Truncate(time.Microsecond),
		Data: []byte(data), Metadata: []byte(metadata),
	}
	if n := stream.Version(); n > 0 {
		r.Prev = stream.Events[n-1].Hash
	}
	r.Hash = r.Link()
	return r
}

func (m memory) Plant(_ testing.TB, stream eventstore.Stream, name, data, metadata string) {
	r := planted(stream, name, data, metadata)
	m.Memory.Plant(eventstore.Recorded{Org: r.Org, Stream: r.Stream, Version: r.Version, Type: r.Type, At: r.At, Hash: r.Hash}, r.Data, r.Metadata)
}

func (i instance) Plant(tb testing.TB, stream eventstore.Stream, name, data, metadata string) {
	tb.Helper()
	r := planted(stream, name, data, metadata)
	_, err := i.pool.Exec(tb.Context(), `
		INSERT INTO events (org_id, stream_id, version, type, recorded_at, data, metadata, prev_hash, hash)
		VALUES ($1, $2, $3, $4, $5, $6::text::json, $7::text::json, $8, $9)`,
		[16]byte(r.Org), [16]byte(r.Stream), r.Version, r.Type, r.At, data, metadata, r.Prev[:], r.Hash[:])
	require.NoError(tb, err)
}

func (i instance) Rows(tb testing.TB) []eventstoretest.Row {
	tb.Helper()
	rows, err := i.pool.Query(tb.Context(), `SELECT position, org_id, stream_id, version, type, recorded_at, data::text, metadata::text,
		prev_hash, hash FROM events ORDER BY position`)
	require.NoError(tb, err)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r eventstoretest.Row, err error) {
		var prev, hash []byte
		var data, metadata string
		err = row.Scan(&r.Position, (*[16]byte)(&r.Org), (*[16]byte)(&r.Stream), &r.Version, &r.Type, &r.At, &data, &metadata, &prev, &hash)
		if err != nil {
			return r, err
		}
		r.Data, r.Metadata, r.Prev, r.Hash = []byte(data), []byte(metadata), hashOf(prev), hashOf(hash)
		return r, nil
	})
	require.NoError(tb, err)
	return list
}

func (i instance) Erase(tb testing.TB, org, subject uuid.UUID) {
	tb.Helper()
	i.EraseElsewhere(tb, org, subject)
	i.keys.Forget(subject)
}

func (i instance) EraseElsewhere(tb testing.TB, org, subject uuid.UUID) {
	tb.Helper()
	_, err := i.pool.Exec(tb.Context(), `INSERT INTO subject_keys (subject_id, org_id, wrapped, erased_at) VALUES ($1, $2, '', now())
		ON CONFLICT (subject_id) DO UPDATE SET wrapped = '', erased_at = now()`, [16]byte(subject), [16]byte(org))
	require.NoError(tb, err)
}

// hashOf takes what a foreign writer stored, too.
func hashOf(stored []byte) (h eventstore.Hash) {
	copy(h[:], stored)
	return h
}
