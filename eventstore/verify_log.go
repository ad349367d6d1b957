package eventstore

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"
)

// Verifying says what to verify, and against what.
type Verifying struct {
	Org      uuid.UUID // this organization's events only; uuid.Nil: the whole log
	Seen     []Head    // heads that somebody kept: the log must still be what they signed
	Rows     []string  // tables with an id and a version, whose rows are written with the events they stand for
	Progress func(events, total int64)
}

// Verify compares the events, as they stand in the database, with what was signed, and the heads with the one that the
// witness kept. What it finds is no error. It may run while others write and sign.
func (s *SignedLog) Verify(ctx context.Context, what Verifying) (Report, error) {
	seen := what.Seen
	kept, err := s.Witness.Last() // before the extent, which must not be older: another head may be signed at any moment
	if err != nil {
		return Report{}, err
	}
	if h, err := s.Signer.Open(kept); err == nil {
		seen = append(slices.Clone(seen), h)
	}
	e, err := s.extentOf(ctx, what.Org)
	if err != nil {
		return Report{}, err
	}
	v := newVerifier(s.Signer.HeadKey, what.Org, seen)
	var stored storedHashes
	v.subtree = stored.add
	if err := s.walk(ctx, e, what.Org, watched(v, what.Progress, e.events)); err != nil {
		return Report{}, err
	}
	v.close()
	if v.subtree != nil {
		if err := s.compareHashes(ctx, v, stored, v.leafTree.size); err != nil {
			return Report{}, err
		}
	}
	if what.Org == uuid.Nil {
		if err := s.followers(ctx, v); err != nil {
			return Report{}, err
		}
		for _, table := range what.Rows {
			if err := s.rowsAhead(ctx, v, table); err != nil {
				return Report{}, err
			}
		}
	}
	return v.finish(), nil
}

// watched tells progress of every event that v sees.
func watched(v *verifier, progress func(events, total int64), total int64) visitor {
	if progress == nil {
		return v
	}
	return &watching{verifier: v, progress: progress, total: total}
}

type watching struct {
	*verifier
	progress func(events, total int64)
	total    int64
}

// Event implements visitor.
func (w *watching) Event(r Raw) error {
	err := w.verifier.Event(r)
	if w.events%rawPage == 0 {
		w.progress(w.events, w.total)
	}
	return err
}

// storedHashes are those that the table of the tree's hashes should hold, by level and number.
type storedHashes [64][]tlog.Hash

func (h *storedHashes) add(level int, _ int64, hash tlog.Hash) {
	if level >= bundleLevel {
		h[level] = append(h[level], hash)
	}
}

// compareHashes looks whether the tree's stored hashes are those of its leaves, up to a size. Proofs are made of them.
func (s *SignedLog) compareHashes(ctx context.Context, v *verifier, want storedHashes, size int64) error {
	ctx, done := unhurried(ctx)
	defer done()
	rows, err := s.Pool.Query(ctx, `SELECT level, n, hash FROM log_hashes WHERE (n + 1) << level <= $1`, size)
	if err != nil {
		return fmt.Errorf("read the tree's hashes: %w", err)
	}
	missing := int64(0)
	for _, level := range want {
		missing += int64(len(level))
	}
	var level, n, wrong int64
	var hash []byte
	_, err = pgx.ForEachRow(rows, []any{&level, &n, &hash}, func() error {
		if missing--; level < 0 || level >= int64(len(want)) || n < 0 || n >= int64(len(want[level])) || !bytes.Equal(hash, want[level][n][:]) {
			wrong++
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the tree's hashes: %w", err)
	}
	if wrong > 0 || missing != 0 {
		v.found.add(Finding{Kind: HashesChanged, Detail: fmt.Sprintf("%d of the tree's stored hashes are not those of its entries, and %d are missing; no event is concerned", wrong, max(missing, 0))})
	}
	return nil
}

// followers looks for a follower of the log who has read beyond its end.
func (s *SignedLog) followers(ctx context.Context, v *verifier) error {
	ctx, done := unhurried(ctx)
	defer done()
	rows, err := s.Pool.Query(ctx, `SELECT name, position FROM checkpoints WHERE position > (SELECT coalesce(max(position), 0) FROM events) ORDER BY position DESC LIMIT 1`)
	if err != nil {
		return fmt.Errorf("read the followers' places: %w", err)
	}
	var name string
	var position int64
	_, err = pgx.ForEachRow(rows, []any{&name, &position}, func() error {
		v.reached(name, position)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the followers' places: %w", err)
	}
	return nil
}

// rowsAhead looks for rows of a table that are ahead of their stream.
func (s *SignedLog) rowsAhead(ctx context.Context, v *verifier, table string) error {
	ctx, done := unhurried(ctx)
	defer done()
	rows, err := s.Pool.Query(ctx, `
		SELECT t.id, t.version FROM `+pgx.Identifier{table}.Sanitize()+` t
		LEFT JOIN LATERAL (SELECT e.version FROM events e WHERE e.stream_id = t.id ORDER BY e.version DESC LIMIT 1) e ON true
		WHERE t.version > coalesce(e.version, 0) LIMIT $1`, maxFindings)
	if err != nil {
		return fmt.Errorf("compare %s with the log: %w", table, err)
	}
	var id uuid.UUID
	var version int
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&id), &version}, func() error {
		v.row(table, id, version)
		return nil
	})
	if err != nil {
		return fmt.Errorf("compare %s with the log: %w", table, err)
	}
	return nil
}

// reached notes that a follower has read up to a position, which is more than there is.
func (v *verifier) reached(name string, position int64) {
	if known := max(v.lastEvent, v.lastLeaf); position > known {
		v.found.add(Finding{
			Kind: LogCut, Position: known + 1, Upto: position, Count: position - known,
			Detail: fmt.Sprintf("%s has read up to position %d; at most so many events are gone, from behind the last signed head", name, position),
		})
	}
}

// row notes that the row of a stream was written with a version that the log does not hold.
func (v *verifier) row(table string, stream uuid.UUID, version int) {
	st := v.streams[stream]
	if version <= st.version {
		return // a leaf knew of it: it will be told of as such
	}
	kind, detail := StreamCut, "the last events of the stream are gone"
	if st.version == 0 {
		kind, detail = StreamDropped, "all events of the stream are gone"
	}
	v.found.add(Finding{
		Kind: kind, Stream: &stream, Version: st.version + 1, Count: int64(version - st.version),
		Detail: fmt.Sprintf("%s: its row in %s was written with version %d", detail, table, version),
	})
}
