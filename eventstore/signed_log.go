package eventstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrSignedLog reports that the log in the database is no continuation of what was signed last. Nothing is signed any
// more then: a signature would make true what somebody changed.
var ErrSignedLog = errors.New("eventstore: the log does not continue what was signed last")

// ErrNothingSigned reports that there is no signed head yet.
var ErrNothingSigned = errors.New("eventstore: nothing has been signed yet")

// Witness keeps the last signed head outside the database: who takes the log back to an earlier state takes the heads
// back with it, but not the witness.
type Witness interface {
	// Last answers the head that was kept; "" when there is none.
	Last() (note string, err error)

	// Keep replaces it.
	Keep(note string) error
}

// SignedLog is the Merkle tree over the log, with its signed heads.
//
// # Why
//
// The chain of a stream finds a change inside the stream, but whoever may write to the table can make the chain anew, or
// drop a stream with its chain. So all hashes, in the order of the log, are leaves of one tree whose root is signed with
// a key that the database never sees. Each head covers everything before it: one that an auditor took home yesterday
// holds the whole past in place, however much was signed since.
type SignedLog struct {
	Pool    *pgxpool.Pool
	Signer  HeadSigner
	Witness Witness
}

// signPage is how many events are signed in one transaction, and so the most that one head adds.
const signPage = 16_384

// Sign extends the tree to the end of the log, and signs a head for each page; nothing when the log has not grown. It
// answers the last head, the zero Head for an empty log, and whether there is a new one. ErrSignedLog when the log, or
// the tree, is not what was signed last; then and with every other error nothing more has been signed.
func (s *SignedLog) Sign(ctx context.Context) (head Head, grown bool, err error) {
	for {
		head, more, err := s.signNext(ctx)
		if err != nil {
			return Head{}, grown, fmt.Errorf("sign the log: %w", err)
		}
		if !more {
			return head, grown, nil
		}
		grown = true
	}
}

// signNext is one transaction: the lock, what was signed last, the events after it, the leaves and the head.
func (s *SignedLog) signNext(ctx context.Context) (head Head, more bool, err error) {
	ctx, done := unhurried(ctx)
	defer done()
	err = pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, SignLock); err != nil {
			return err
		}
		last, open, t, err := s.signedSoFar(ctx, tx)
		if err != nil {
			return err
		}
		leaves, err := newLeaves(ctx, tx, last.Position)
		if err != nil {
			return err
		}
		if head, more = last, len(leaves) > 0; !more {
			return nil
		}
		head, err = s.extend(ctx, tx, last, open, t, leaves)
		return err
	})
	if err == nil && more {
		err = s.Witness.Keep(head.Note)
	}
	return head, more, err
}

// signedSoFar answers the last head, the leaves of the last bundle unless it is full, and the tree; and makes sure that
// they, and what the witness saw, belong together.
func (s *SignedLog) signedSoFar(ctx context.Context, tx pgx.Tx) (last Head, open []Leaf, t tree, err error) {
	last, err = s.lastHead(ctx, tx)
	if err != nil && !errors.Is(err, ErrNothingSigned) {
		return last, nil, t, err
	}
	bundles, err := readBundles(ctx, tx, last.Size/bundleSize, last.Size/bundleSize+2)
	if err != nil {
		return last, nil, t, err
	}
	open = bundles[last.Size/bundleSize]
	if int64(len(open)) != last.Size%bundleSize || len(bundles) > 1 {
		return last, nil, t, fmt.Errorf("%w: %d events were signed, and there are not so many leaves", ErrSignedLog, last.Size)
	}
	hashes := newStoredTree(ctx, tx)
	hashes.bundles[last.Size/bundleSize] = open
	if t, err = storedPeaks(last.Size, hashes); err != nil {
		return last, nil, t, err
	}
	if last.Size > 0 && t.root() != last.Root {
		return last, nil, t, fmt.Errorf("%w: the tree of size %d has another root", ErrSignedLog, last.Size)
	}
	return last, open, t, s.heldByWitness(last, hashes)
}

// lastHead answers the latest head. ErrNothingSigned when there is none, ErrSignedLog when it is not ours.
func (s *SignedLog) lastHead(ctx context.Context, db querier) (Head, error) {
	rows, err := db.Query(ctx, `SELECT note FROM signed_heads ORDER BY size DESC LIMIT 1`)
	if err != nil {
		return Head{}, fmt.Errorf("read the last signed head: %w", err)
	}
	signed, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
	if errors.Is(err, pgx.ErrNoRows) {
		return Head{}, ErrNothingSigned
	}
	if err != nil {
		return Head{}, fmt.Errorf("read the last signed head: %w", err)
	}
	head, err := s.Signer.Open(signed)
	if err != nil {
		return Head{}, fmt.Errorf("%w: the last head is not signed with the key of this ENCRYPTION_KEY: %w", ErrSignedLog, err)
	}
	return head, nil
}

// storedPeaks answers the tree of a size as it is stored. ErrSignedLog when a hash is missing.
func storedPeaks(size int64, hashes *storedTree) (tree, error) {
	t := tree{size: size}
	_, err := tlog.TreeHash(size, tlog.HashReaderFunc(func(indexes []int64) (_ []tlog.Hash, err error) {
		t.peaks, err = hashes.ReadHashes(indexes)
		return t.peaks, err
	}))
	return t, brokenWithout(err)
}

// brokenWithout turns the want of a hash into ErrSignedLog.
func brokenWithout(err error) error {
	if errors.Is(err, errNoHash) {
		return fmt.Errorf("%w: %w", ErrSignedLog, err)
	}
	return err
}

// heldByWitness answers ErrSignedLog unless what the witness saw is a part of the tree.
func (s *SignedLog) heldByWitness(last Head, hashes *storedTree) error {
	kept, err := s.Witness.Last()
	if err != nil || kept == "" || kept == last.Note {
		return err
	}
	seen, err := s.Signer.Open(kept)
	if err != nil {
		return fmt.Errorf("%w: the head beside the database is not signed with the key of this ENCRYPTION_KEY: %w", ErrSignedLog, err)
	}
	if seen.Size > last.Size {
		return fmt.Errorf("%w: %d events were signed once, and now %d", ErrSignedLog, seen.Size, last.Size)
	}
	t, err := storedPeaks(seen.Size, hashes)
	if err == nil && t.root() != seen.Root {
		err = fmt.Errorf("%w: the tree of size %d was signed with another root once", ErrSignedLog, seen.Size)
	}
	return err
}

// newLeaves answers those of the events after a position, a page of them.
func newLeaves(ctx context.Context, tx pgx.Tx, after int64) ([]Leaf, error) {
	rows, err := tx.Query(ctx, `SELECT position, org_id, stream_id, version, hash FROM events WHERE position > $1 ORDER BY position LIMIT $2`, after, signPage)
	if err != nil {
		return nil, fmt.Errorf("read new events: %w", err)
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Leaf, err error) {
		var hash []byte
		err = row.Scan(&l.Position, (*[16]byte)(&l.Org), (*[16]byte)(&l.Stream), &l.Version, &hash)
		copy(l.Hash[:], hash)
		return l, err
	})
}

// extend writes the new leaves behind the open bundle, the hashes they complete, and the head over all of it.
func (s *SignedLog) extend(ctx context.Context, tx pgx.Tx, last Head, open []Leaf, t tree, leaves []Leaf) (Head, error) {
	var levels []int32
	var ns []int64
	var hashes [][]byte
	for _, l := range leaves {
		t.add(l.node(), func(level int, n int64, h tlog.Hash) {
			if level >= bundleLevel {
				levels, ns, hashes = append(levels, int32(level)), append(ns, n), append(hashes, h[:]) //nolint:gosec // at most 63
			}
		})
	}
	head, err := s.Signer.sign(Head{
		Size: t.size, Root: t.root(), Position: leaves[len(leaves)-1].Position, Previous: last.Size, At: time.Now().UTC().Truncate(time.Second),
	})
	if err != nil {
		return Head{}, err
	}
	bundles, positions, packed := pack(last.Size/bundleSize, append(open, leaves...))
	b := &pgx.Batch{}
	b.Queue(`INSERT INTO log_entries (bundle, position, entries) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[])
		ON CONFLICT (bundle) DO UPDATE SET position = excluded.position, entries = excluded.entries`, bundles, positions, packed)
	b.Queue(`INSERT INTO log_hashes (level, n, hash) SELECT * FROM unnest($1::int[], $2::bigint[], $3::bytea[]) ON CONFLICT DO NOTHING`, levels, ns, hashes)
	b.Queue(`INSERT INTO signed_heads (size, position, note, signed_at) VALUES ($1, $2, $3, $4)`, head.Size, head.Position, head.Note, head.At)
	results := tx.SendBatch(ctx, b)
	_, err = results.Exec()
	if err == nil {
		tag, wrong := results.Exec()
		if err = wrong; err == nil && tag.RowsAffected() != int64(len(ns)) {
			err = fmt.Errorf("%w: there are hashes of more than was signed", ErrSignedLog)
		}
	}
	return head, errors.Join(err, results.Close())
}

// pack answers the rows that leaves fill, from a bundle on.
func pack(from int64, leaves []Leaf) (bundles, positions []int64, packed [][]byte) {
	for len(leaves) > 0 {
		n := min(bundleSize, len(leaves))
		row := make([]byte, 0, n*leafSize)
		for _, l := range leaves[:n] {
			row = l.appendBinary(row)
		}
		bundles, positions, packed = append(bundles, from), append(positions, leaves[n-1].Position), append(packed, row)
		leaves, from = leaves[n:], from+1
	}
	return bundles, positions, packed
}

// Latest answers the last signed head. ErrNothingSigned when there is none, ErrSignedLog when it is not signed with our
// key.
func (s *SignedLog) Latest(ctx context.Context) (Head, error) {
	ctx, done := unhurried(ctx)
	defer done()
	return s.lastHead(ctx, s.Pool)
}
