package eventstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/tlog"
)

// tree is the growing end of a Merkle tree as RFC 6962 hashes it: all that is needed to add a leaf and to tell the root.
//
// # Why
//
// The hashing, the roots and the proofs are tlog's, the library under Go's own checksum database. Without it we would
// write the same: SHA-256(0, leaf), SHA-256(1, left, right), and the walk along the bits of an index; some two hundred
// lines whose mistakes only an attacker would find. What is here is what it leaves to its user, the storage: tlog wants
// two stored hashes an event, and we keep two every 256 events, because those below are made anew from the entries.
type tree struct {
	size  int64
	peaks []tlog.Hash // of the complete subtrees, the biggest first
}

// add appends a leaf. complete, unless nil, hears of each subtree that the leaf completes: the n-th of its level.
func (t *tree) add(leaf tlog.Hash, complete func(level int, n int64, h tlog.Hash)) {
	h := leaf
	for level := 0; t.size>>level&1 == 1; level++ {
		last := len(t.peaks) - 1
		h = tlog.NodeHash(t.peaks[last], h)
		t.peaks = t.peaks[:last]
		if complete != nil {
			complete(level+1, t.size>>(level+1), h)
		}
	}
	t.peaks = append(t.peaks, h)
	t.size++
}

// root is the hash that a signed head of this size signs.
func (t *tree) root() tlog.Hash {
	if t.size == 0 {
		h, _ := tlog.TreeHash(0, nil) // an empty tree reads nothing
		return h
	}
	h := t.peaks[len(t.peaks)-1]
	for _, left := range slices.Backward(t.peaks[:len(t.peaks)-1]) {
		h = tlog.NodeHash(left, h)
	}
	return h
}

func (t *tree) clone() tree { return tree{size: t.size, peaks: slices.Clone(t.peaks)} }

const (
	// bundleLevel is the height of the subtree over one row of entries.
	bundleLevel = 8
	bundleSize  = 1 << bundleLevel
)

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// storedTree reads the tree's hashes from the tables. It implements tlog.HashReader.
type storedTree struct {
	ctx     context.Context //nolint:containedctx // tlog's interface takes none
	db      querier
	bundles map[int64][]Leaf // those read so far
}

func newStoredTree(ctx context.Context, db querier) *storedTree {
	return &storedTree{ctx: ctx, db: db, bundles: map[int64][]Leaf{}}
}

// errNoHash reports a hash that the tables should hold, and do not.
var errNoHash = errors.New("a hash of the tree is not there")

// ReadHashes implements tlog.HashReader.
func (s *storedTree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	var nth []int
	var levels []int32
	var ns []int64
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		if level >= bundleLevel {
			nth, levels, ns = append(nth, i), append(levels, int32(level)), append(ns, n) //nolint:gosec // at most 63
			continue
		}
		var err error
		if hashes[i], err = s.below(level, n); err != nil {
			return nil, err
		}
	}
	if len(nth) == 0 {
		return hashes, nil
	}
	rows, err := s.db.Query(s.ctx, `
		SELECT w.nth, h.hash FROM unnest($1::int[], $2::bigint[]) WITH ORDINALITY AS w(level, n, nth)
		JOIN log_hashes h USING (level, n)`, levels, ns)
	if err != nil {
		return nil, fmt.Errorf("read the tree's hashes: %w", err)
	}
	found := 0
	var at int
	var hash []byte
	if _, err := pgx.ForEachRow(rows, []any{&at, &hash}, func() error {
		found += copy(hashes[nth[at-1]][:], hash) / tlog.HashSize
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read the tree's hashes: %w", err)
	}
	if found < len(nth) {
		return nil, errNoHash
	}
	return hashes, nil
}

// below answers the hash of a subtree that is smaller than a bundle.
func (s *storedTree) below(level int, n int64) (tlog.Hash, error) {
	leaves, err := s.bundle(n >> (bundleLevel - level))
	if err != nil {
		return tlog.Hash{}, err
	}
	from := int(n<<level) & (bundleSize - 1)
	to := from + 1<<level
	if to > len(leaves) {
		return tlog.Hash{}, errNoHash
	}
	var t tree
	for _, l := range leaves[from:to] {
		t.add(l.node(), nil)
	}
	return t.root(), nil
}

func (s *storedTree) bundle(n int64) ([]Leaf, error) {
	if leaves, known := s.bundles[n]; known {
		return leaves, nil
	}
	found, err := readBundles(s.ctx, s.db, n, n+1)
	if err != nil {
		return nil, err
	}
	s.bundles[n] = found[n]
	return found[n], nil
}

// readBundles answers the bundles from one number up to, and without, another; those that are not there are left out.
func readBundles(ctx context.Context, db querier, from, to int64) (map[int64][]Leaf, error) {
	rows, err := db.Query(ctx, `SELECT bundle, entries FROM log_entries WHERE bundle >= $1 AND bundle < $2`, from, to)
	if err != nil {
		return nil, fmt.Errorf("read entries: %w", err)
	}
	bundles := map[int64][]Leaf{}
	var n int64
	var packed []byte
	_, err = pgx.ForEachRow(rows, []any{&n, &packed}, func() error {
		bundles[n] = unpack(packed)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read entries: %w", err)
	}
	return bundles, nil
}

func unpack(packed []byte) []Leaf {
	leaves := make([]Leaf, 0, bundleSize)
	for ; len(packed) >= leafSize; packed = packed[leafSize:] {
		leaves = append(leaves, leafOf(packed))
	}
	return leaves
}
