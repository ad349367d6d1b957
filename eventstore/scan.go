package eventstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// queryStored reads rows of selectEvents.
//
// It takes PostgreSQL's binary form apart by hand. pgx's Scan would do that too, at three times the price: it looks up
// how to read every column of every row, and allocates each text by itself.
func queryStored(ctx context.Context, db querier, codec *Codec, sql string, args ...any) ([]stored, error) {
	rows, err := db.Query(ctx, sql, append([]any{pgx.QueryResultFormats{pgx.BinaryFormatCode}}, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var batch []stored
	var texts arena
	for rows.Next() {
		r, err := scanStored(rows.RawValues(), codec, &texts)
		if err != nil {
			return nil, err
		}
		if len(batch) == cap(batch) { // most streams are short, and a page of a replay is not to be copied ten times
			batch = slices.Grow(batch, 4*len(batch)+4)
		}
		batch = append(batch, r)
	}
	return batch, rows.Err()
}

// postgresEpoch is when PostgreSQL's timestamps begin.
var postgresEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

// scanStored reads position, org_id, stream_id, version, type, data, metadata, recorded_at and hash.
func scanStored(row [][]byte, codec *Codec, texts *arena) (stored, error) {
	r := stored{data: texts.keep(row[5]), metadata: texts.keep(row[6])}
	r.Position = int64(binary.BigEndian.Uint64(row[0])) //nolint:gosec // as PostgreSQL sent it
	r.Org, r.Stream = uuid.UUID(row[1]), uuid.UUID(row[2])
	r.Version = int(int32(binary.BigEndian.Uint32(row[3]))) //nolint:gosec // as PostgreSQL sent it
	if known, ok := codec.byName[string(row[4])]; ok {
		r.Type = known.name // the catalog's own text: no copy for every event
	} else {
		r.Type = string(row[4])
	}
	r.At = time.UnixMicro(postgresEpoch + int64(binary.BigEndian.Uint64(row[7]))).UTC() //nolint:gosec // as PostgreSQL sent it
	if len(row[8]) != len(r.Hash) {
		return r, &PoisonError{Position: r.Position, Err: fmt.Errorf("its hash has %d bytes", len(row[8]))}
	}
	r.Hash = Hash(row[8])
	return r, nil
}

// arena keeps copies of many short texts in few pieces of memory, each larger than the one before.
type arena struct{ free []byte }

const (
	firstPiece   = 1 << 10 // bytes: most reads are of one event
	largestPiece = 64 << 10
)

func (a *arena) keep(text []byte) []byte {
	if len(text) > cap(a.free)-len(a.free) {
		a.free = make([]byte, 0, max(firstPiece, len(text), min(4*cap(a.free), largestPiece)))
	}
	begin := len(a.free)
	a.free = append(a.free, text...)
	return a.free[begin:len(a.free):len(a.free)]
}
