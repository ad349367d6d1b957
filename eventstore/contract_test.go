package eventstore_test

import (
	"testing"

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

func (m memory) Erase(tb testing.TB, org, subject uuid.UUID) {
	tb.Helper()
	require.NoError(tb, m.Keys().Erase(tb.Context(), org, subject))
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
	require.NoError(tb, i.keys.Erase(tb.Context(), org, subject))
}

// hashOf takes what a foreign writer stored, too.
func hashOf(stored []byte) (h eventstore.Hash) {
	copy(h[:], stored)
	return h
}
