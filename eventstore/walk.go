package eventstore

import (
	"context"
	"fmt"
	"iter"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// visitor is given a log in the order that a verifier wants.
type visitor interface {
	// Head answers what it read, and whether it is a head that this log's key signed.
	Head(signed string) (Head, bool, error)
	Leaves(leaves []Leaf) error
	Event(r Raw) error
}

// extent is how far the tables go at one moment: what is appended and signed later is not looked at.
type extent struct {
	heads  int64 // the size of the last one
	leaves int64 // how many
	events int64 // how many, of the organization
	upto   int64 // the position of the last event
}

// extentOf reads it in one statement, so that its parts belong together.
func (s *SignedLog) extentOf(ctx context.Context, org uuid.UUID) (e extent, err error) {
	ctx, done := unhurried(ctx)
	defer done()
	counted, args := `(SELECT count(*) FROM events)`, []any{bundleSize, leafSize}
	if org != uuid.Nil {
		counted, args = `(SELECT count(*) FROM events WHERE org_id = $3)`, append(args, [16]byte(org))
	}
	err = s.Pool.QueryRow(ctx, `SELECT (SELECT coalesce(max(size), 0) FROM signed_heads),
		coalesce((SELECT ((SELECT count(*) FROM log_entries) - 1) * $1 + length(entries) / $2 FROM log_entries ORDER BY bundle DESC LIMIT 1), 0), `+counted+`,
		(SELECT coalesce(max(position), 0) FROM events)`, args...).Scan(&e.heads, &e.leaves, &e.events, &e.upto)
	if err != nil {
		return e, fmt.Errorf("read how far the log goes: %w", err)
	}
	return e, nil
}

// walk shows a visitor everything within an extent: each head, the leaves it adds, the events up to it; and at last the
// leaves and the events behind the last head.
func (s *SignedLog) walk(ctx context.Context, e extent, org uuid.UUID, v visitor) error {
	events, stop := iter.Pull2(s.rawPages(ctx, Query{Org: org, Upto: e.upto}))
	defer stop()
	w := &walker{log: s, visitor: v, nextPage: events}
	if e.upto == 0 {
		w.ended = true
	}
	for after := int64(0); after < e.heads; {
		notes, sizes, err := s.headPage(ctx, after, e.heads)
		if err != nil {
			return err
		}
		for _, signed := range notes {
			if err := w.head(ctx, signed); err != nil {
				return err
			}
		}
		if len(notes) == 0 {
			break
		}
		after = sizes[len(sizes)-1]
	}
	if err := w.leavesTo(ctx, e.leaves); err != nil {
		return err
	}
	return w.eventsTo(ctx, e.upto)
}

// headPage answers the next notes, with their sizes.
func (s *SignedLog) headPage(ctx context.Context, after, upto int64) (notes []string, sizes []int64, err error) {
	ctx, done := unhurried(ctx)
	defer done()
	rows, err := s.Pool.Query(ctx, `SELECT size, note FROM signed_heads WHERE size > $1 AND size <= $2 ORDER BY size LIMIT $3`, after, upto, rawPage)
	if err != nil {
		return nil, nil, fmt.Errorf("read signed heads: %w", err)
	}
	var size int64
	var signed string
	_, err = pgx.ForEachRow(rows, []any{&size, &signed}, func() error {
		notes, sizes = append(notes, signed), append(sizes, size)
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read signed heads: %w", err)
	}
	return notes, sizes, nil
}

// rawPages answers events page by page, and reads the next page while the one before is looked at.
func (s *SignedLog) rawPages(ctx context.Context, q Query) iter.Seq2[[]Raw, error] {
	type page struct {
		events []Raw
		err    error
	}
	q.Limit = rawPage
	return func(yield func([]Raw, error) bool) {
		read := func() <-chan page {
			result, at := make(chan page, 1), q
			go func() {
				events, err := readRaw(ctx, s.Pool, at)
				result <- page{events, err}
			}()
			return result
		}
		for ahead := read(); ahead != nil; {
			p := <-ahead
			ahead = nil
			if full := len(p.events) == rawPage; full {
				q.After = p.events[rawPage-1].Position
				ahead = read()
			}
			if !yield(p.events, p.err) {
				if ahead != nil {
					<-ahead // nothing may be under way when we have gone
				}
				return
			}
		}
	}
}

// walker holds how far a walk has come.
type walker struct {
	log      *SignedLog
	visitor  visitor
	nextPage func() ([]Raw, error, bool)
	page     []Raw
	ended    bool
	leaves   int64
	bundles  map[int64][]Leaf
	bundleTo int64 // those up to here are in bundles
}

func (w *walker) head(ctx context.Context, signed string) error {
	h, ours, err := w.visitor.Head(signed)
	if err != nil || !ours {
		return err
	}
	if err := w.leavesTo(ctx, h.Size); err != nil {
		return err
	}
	return w.eventsTo(ctx, h.Position)
}

// bundlesAhead is how many rows of leaves are read at a time.
const bundlesAhead = signPage / bundleSize

// leavesTo shows the leaves up to a size. In the place of one that is not there stands an empty one, so that those
// behind it keep their places.
func (w *walker) leavesTo(ctx context.Context, size int64) error {
	for w.leaves < size {
		n := w.leaves / bundleSize
		if n >= w.bundleTo {
			unhurried, done := unhurried(ctx)
			bundles, err := readBundles(unhurried, w.log.Pool, n, n+bundlesAhead)
			done()
			if err != nil {
				return err
			}
			w.bundles, w.bundleTo = bundles, n+bundlesAhead
		}
		from, to := w.leaves%bundleSize, min(bundleSize, w.leaves%bundleSize+size-w.leaves)
		part := w.bundles[n]
		if short := to - int64(len(part)); short > 0 {
			part = append(part, make([]Leaf, short)...)
		}
		if err := w.visitor.Leaves(part[from:to]); err != nil {
			return err
		}
		w.leaves += to - from
	}
	return nil
}

// eventsTo shows the events up to a position.
func (w *walker) eventsTo(ctx context.Context, position int64) error {
	for {
		for len(w.page) > 0 && w.page[0].Position <= position {
			if err := w.visitor.Event(w.page[0]); err != nil {
				return err
			}
			w.page = w.page[1:]
		}
		if len(w.page) > 0 || w.ended {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		page, err, more := w.nextPage()
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		w.page, w.ended = page, !more
	}
}
