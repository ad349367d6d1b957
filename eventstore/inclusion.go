package eventstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrNoEvents reports a stream that has no events in the organization.
var ErrNoEvents = errors.New("eventstore: the stream has no events")

// Inclusion proves that the last event of a stream, and through the chain all earlier ones, stand in the log that a
// head signs: hashing the leaf together with the path, from the leaf upwards, gives the root.
type Inclusion struct {
	Leaf  Leaf
	Index int64 // of the leaf in the tree, from 0
	Head  Head
	Path  []tlog.Hash // at most as many as the size has bits
}

// Prove answers the proof for the last event of a stream. A head is signed first when the stream has grown since the
// last. ErrNoEvents when there is no such stream in the organization, ErrSignedLog when the proof does not come out.
func (s *SignedLog) Prove(ctx context.Context, org, stream uuid.UUID) (Inclusion, error) {
	position, err := s.lastPosition(ctx, org, stream)
	if err != nil {
		return Inclusion{}, err
	}
	head, err := s.Latest(ctx)
	if errors.Is(err, ErrNothingSigned) || err == nil && head.Position < position {
		head, _, err = s.Sign(ctx)
	}
	if err != nil {
		return Inclusion{}, err
	}
	p, err := s.prove(ctx, position, head)
	if err != nil {
		return Inclusion{}, fmt.Errorf("prove that event %d is in the log: %w", position, err)
	}
	return p, nil
}

func (s *SignedLog) lastPosition(ctx context.Context, org, stream uuid.UUID) (position int64, err error) {
	ctx, done := unhurried(ctx)
	defer done()
	err = s.Pool.QueryRow(ctx, `SELECT position FROM events`+ofStream+` ORDER BY version DESC LIMIT 1`,
		[16]byte(stream), [16]byte(org)).Scan(&position)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, ErrNoEvents
	}
	if err != nil {
		return 0, fmt.Errorf("find the last event of %s: %w", stream, err)
	}
	return position, nil
}

// prove makes the proof for the event at a position, and checks it: nobody should be handed one that does not come out.
func (s *SignedLog) prove(ctx context.Context, position int64, head Head) (Inclusion, error) {
	ctx, done := unhurried(ctx)
	defer done()
	var bundle int64
	err := s.Pool.QueryRow(ctx, `SELECT bundle FROM log_entries WHERE position >= $1 ORDER BY position LIMIT 1`, position).Scan(&bundle)
	if errors.Is(err, pgx.ErrNoRows) {
		return Inclusion{}, fmt.Errorf("%w: it has no leaf", ErrSignedLog)
	}
	if err != nil {
		return Inclusion{}, err
	}
	hashes := newStoredTree(ctx, s.Pool)
	leaves, err := hashes.bundle(bundle)
	if err != nil {
		return Inclusion{}, err
	}
	i := slices.IndexFunc(leaves, func(l Leaf) bool { return l.Position == position })
	if i < 0 {
		return Inclusion{}, fmt.Errorf("%w: it has no leaf", ErrSignedLog)
	}
	p := Inclusion{Leaf: leaves[i], Index: bundle*bundleSize + int64(i), Head: head}
	path, err := tlog.ProveRecord(head.Size, p.Index, hashes)
	if err != nil {
		return Inclusion{}, brokenWithout(err)
	}
	if err := tlog.CheckRecord(path, head.Size, head.Root, p.Index, p.Leaf.node()); err != nil {
		return Inclusion{}, fmt.Errorf("%w: %w", ErrSignedLog, err)
	}
	p.Path = path
	return p, nil
}

// Stream gives each the events of a stream, byte for byte. ErrNoEvents when there are none in the organization.
func (s *SignedLog) Stream(ctx context.Context, org, stream uuid.UUID, each func(Raw) error) error {
	q, found := Query{Org: org, Streams: []uuid.UUID{stream}}, false
	for page, err := range s.rawPages(ctx, q) {
		if err != nil {
			return fmt.Errorf("read stream %s: %w", stream, err)
		}
		for _, r := range page {
			found = true
			if err := each(r); err != nil {
				return err
			}
		}
	}
	if !found {
		return ErrNoEvents
	}
	return nil
}
