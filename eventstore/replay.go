package eventstore

import (
	"context"
	"fmt"
	"iter"
	"math"
	"runtime"
	"sync"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// replayPage is how many events are read at a time: enough to fold and to copy in one go, little enough to hold a few
// pages of them in memory.
const replayPage = 4000

// replayStretch is how many events, of whatever noun, one statement looks at: those of a rare noun may lie anywhere in a
// long log, and a statement that looks for them in all of it would not end in time.
const replayStretch = 20_000

// Database is a pool. It may be one connection too, for somebody who uses it for one thing at a time.
type Database interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// Replay reads the log stream by stream, for those who make tables anew.
//
// # Why
//
// A fold needs a whole stream, and the log's own order would need all of them in memory at once. The unique index gives
// them one after the other, page by page: the memory it takes does not grow with the log, and no page holds a snapshot
// that would keep the rest of the database from being vacuumed. Events are decoded on all cores, because that is what
// takes the time.
type Replay struct {
	Pool  Database
	Codec *Codec
	Keys  *Keyring
}

// Streams gives every stream of some nouns to each, as it stood at a position. each is called from several goroutines
// with some complete streams at a time, in no order; its first error ends the replay, and so does a *PoisonError.
func (r Replay) Streams(ctx context.Context, nouns []string, upto int64, each func(context.Context, []Stream) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pages := make(chan []stored, 1)
	var work sync.WaitGroup
	work.Go(func() {
		defer close(pages)
		if err := r.read(ctx, nouns, upto, pages); err != nil {
			cancel(err)
		}
	})
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for page := range pages {
				if ctx.Err() != nil {
					continue // the reader must not wait for us
				}
				streams, err := r.streams(ctx, page)
				if err == nil {
					err = each(ctx, streams)
				}
				if err != nil {
					cancel(err)
				}
			}
		})
	}
	work.Wait()
	return context.Cause(ctx)
}

// read sends pages that end with a stream.
func (r Replay) read(ctx context.Context, nouns []string, upto int64, pages chan<- []stored) error {
	for s, err := range r.stretches(ctx) {
		if err == nil {
			err = r.readStretch(ctx, s, nouns, upto, pages)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stretch is all streams after one of them, up to another.
type stretch struct{ after, last uuid.UUID }

// stretches cuts the log into stretches of about replayStretch events, the last of them without an end.
func (r Replay) stretches(ctx context.Context) iter.Seq2[stretch, error] {
	return func(yield func(stretch, error) bool) {
		var s stretch
		for s.last != uuid.Max {
			s.after = s.last
			var err error
			if s.last, err = r.endOfStretch(ctx, s.after); !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// endOfStretch reads nothing but the unique index.
func (r Replay) endOfStretch(ctx context.Context, after uuid.UUID) (uuid.UUID, error) {
	if err := ctx.Err(); err != nil {
		return uuid.Nil, err
	}
	ctx, done := unhurried(ctx)
	defer done()
	// Numbers that the planner can see: it must not take this for a search in all of the log.
	rows, err := r.Pool.Query(ctx, fmt.Sprintf(`SELECT stream_id FROM events WHERE stream_id > $1 ORDER BY stream_id, version OFFSET %d LIMIT 1`, replayStretch),
		[16]byte(after))
	if err != nil {
		return uuid.Nil, fmt.Errorf("divide the log after %s: %w", after, err)
	}
	ids, err := collectIDs(rows, "divide the log")
	return append(ids, uuid.Max)[0], err
}

// readStretch sends the pages of a stretch.
func (r Replay) readStretch(ctx context.Context, s stretch, nouns []string, upto int64, pages chan<- []stored) error {
	after := place{stream: s.after, version: math.MaxInt32}
	var begun []stored // of a stream that goes on in the next page
	for {
		events, err := r.page(ctx, nouns, upto, after, s.last)
		if err != nil {
			return err
		}
		all := len(events) < replayPage
		if len(events) > 0 {
			last := events[len(events)-1]
			after = place{last.Stream, last.Version}
		}
		if len(begun) > 0 {
			events = append(begun, events...)
		}
		end := len(events)
		for !all && end > 0 && events[end-1].Stream == after.stream {
			end--
		}
		begun = events[end:len(events):len(events)]
		if end > 0 {
			select {
			case pages <- events[:end]:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if all {
			return nil
		}
	}
}

func (r Replay) page(ctx context.Context, nouns []string, upto int64, after place, last uuid.UUID) ([]stored, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx, done := unhurried(ctx)
	defer done()
	events, err := queryStored(ctx, r.Pool, r.Codec, fmt.Sprintf(selectEvents+`
		WHERE (stream_id, version) > ($1, $2) AND stream_id <= $3 AND position <= $4 AND split_part(type, '.', 1) = ANY($5)
		ORDER BY stream_id, version LIMIT %d`, replayPage), [16]byte(after.stream), after.version, [16]byte(last), upto, nouns)
	if err != nil {
		return nil, fmt.Errorf("replay after %s: %w", after.stream, err)
	}
	return events, nil
}

// Load reads some streams as they stood at a position. Those that had not begun are left out.
func (r Replay) Load(ctx context.Context, ids []uuid.UUID, upto int64) ([]Stream, error) {
	streams := make([][16]byte, len(ids))
	for i, id := range ids {
		streams[i] = id
	}
	events, err := queryStored(ctx, r.Pool, r.Codec,
		selectEvents+` WHERE stream_id = ANY($1) AND position <= $2 ORDER BY stream_id, version`, streams, upto)
	if err != nil {
		return nil, fmt.Errorf("replay %d streams: %w", len(ids), err)
	}
	return r.streams(ctx, events)
}

// streams decodes a page and cuts it where streams begin.
func (r Replay) streams(ctx context.Context, page []stored) ([]Stream, error) {
	events, err := open(ctx, r.Codec, r.Keys, page)
	if err != nil {
		return nil, err
	}
	var streams []Stream
	for begin, i := 0, 1; i <= len(events); i++ {
		if i == len(events) || events[i].Stream != events[begin].Stream {
			streams = append(streams, Stream{Org: events[begin].Org, ID: events[begin].Stream, Events: events[begin:i:i]})
			begin = i
		}
	}
	return streams, nil
}

// Changed answers the streams of some nouns that have events after one position and not after another.
func (r Replay) Changed(ctx context.Context, nouns []string, after, upto int64) ([]uuid.UUID, error) {
	ctx, done := unhurried(ctx)
	defer done()
	rows, err := r.Pool.Query(ctx, `
		SELECT DISTINCT stream_id FROM events WHERE position > $1 AND position <= $2 AND split_part(type, '.', 1) = ANY($3)`, after, upto, nouns)
	if err != nil {
		return nil, fmt.Errorf("list changed streams: %w", err)
	}
	return collectIDs(rows, "list changed streams")
}

// IDs answers all streams of some nouns that had begun at a position, some at a time, in the order of their ids.
func (r Replay) IDs(ctx context.Context, nouns []string, upto int64) iter.Seq2[[]uuid.UUID, error] {
	return func(yield func([]uuid.UUID, error) bool) {
		for s, err := range r.stretches(ctx) {
			var ids []uuid.UUID
			if err == nil {
				ids, err = r.idsOf(ctx, s, nouns, upto)
			}
			if err != nil || len(ids) > 0 {
				if !yield(ids, err) || err != nil {
					return
				}
			}
		}
	}
}

func (r Replay) idsOf(ctx context.Context, s stretch, nouns []string, upto int64) ([]uuid.UUID, error) {
	ctx, done := unhurried(ctx)
	defer done()
	rows, err := r.Pool.Query(ctx, `
		SELECT stream_id FROM events
		WHERE stream_id > $1 AND stream_id <= $2 AND version = 1 AND position <= $3 AND split_part(type, '.', 1) = ANY($4)
		ORDER BY stream_id`, [16]byte(s.after), [16]byte(s.last), upto, nouns)
	if err != nil {
		return nil, fmt.Errorf("list streams: %w", err)
	}
	return collectIDs(rows, "list streams")
}

func collectIDs(rows pgx.Rows, what string) ([]uuid.UUID, error) {
	ids, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (id uuid.UUID, err error) {
		return id, row.Scan((*[16]byte)(&id))
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return ids, nil
}
