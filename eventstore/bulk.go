package eventstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// bulkPage is how many events a Bulk writes at a time.
const bulkPage = 10_000

// ErrPast reports an event that would stand behind a later one of its stream.
var ErrPast = errors.New("eventstore: the stream has a later event already")

// Bulk is a Log that fills a database: it writes thousands of events at a time, each with the moment that its clock
// says. One goroutine may use it.
//
// # Why
//
// A development database with a million tickets takes minutes this way and hours with one commit an append. Events are
// sealed, encoded and chained by the code that every append runs, so nobody who reads or verifies the log can tell them
// from others. What it gives up is the answer: an append is committed with its page, and a fault shows later.
type Bulk struct {
	store   *Postgres
	fill    Fill
	keys    *Keyring
	wrapped bulkKeys
	now     time.Time
	streams map[uuid.UUID]Stream // those that may still grow
	page    bulk
	events  int64      // appended so far
	written chan error // of the page before; full while none is being written
}

// Fill writes the rows that complete streams stand for, in the transaction of their last events.
type Fill func(ctx context.Context, tx pgx.Tx, streams []Stream) error

// bulk is what is written together: events, and the streams that end with them or with earlier ones.
type bulk struct {
	rows  [][]any
	keys  keyColumns
	ended []Stream
}

// Bulk answers a log whose events are committed page by page, the last ones by Flush.
func (s *Postgres) Bulk(fill Fill) *Bulk {
	wrapped := bulkKeys{KeyStore: s.keys.store, known: map[uuid.UUID][]byte{}}
	keys := &Keyring{master: s.keys.master, store: wrapped, opened: map[uuid.UUID]openedKey{}}
	b := &Bulk{store: s, fill: fill, keys: keys, wrapped: wrapped, streams: map[uuid.UUID]Stream{}, written: make(chan error, 1)}
	b.written <- nil
	return b
}

// At sets the clock, to the microsecond.
func (b *Bulk) At(moment time.Time) { b.now = moment.UTC().Truncate(time.Microsecond) }

// Load implements Log. A stream that was ended here is not known before it has been flushed.
func (b *Bulk) Load(ctx context.Context, org, stream uuid.UUID) (Stream, error) {
	if s, growing := b.streams[stream]; growing {
		if s.Org != org {
			return Stream{Org: org, ID: stream}, nil
		}
		return s, nil
	}
	return b.store.Load(ctx, org, stream)
}

// Append implements Log. ErrPast when the clock stands before a stream's last event.
func (b *Bulk) Append(ctx context.Context, m Metadata, writes ...Write) ([]Stream, error) {
	batch, err := prepare(ctx, b.store.codec, b.keys, m, writes)
	if err != nil {
		return nil, err
	}
	for _, p := range batch {
		if err := b.accepts(p); err != nil {
			return nil, err
		}
	}
	for _, p := range batch {
		p.stamp(b.now)
		b.streams[p.stream.ID] = p.stream
		if p.key != nil {
			b.wrapped.known[p.stream.ID] = p.wrapped
		}
		b.page.add(p)
		b.events += int64(len(p.rows))
	}
	if len(b.page.rows) < bulkPage {
		return grown(writes, batch), nil
	}
	return grown(writes, batch), b.turn(ctx)
}

func (b *Bulk) accepts(p pending) error {
	if known, growing := b.streams[p.stream.ID]; growing && (known.Org != p.stream.Org || known.Version() != p.expected()) {
		return ErrConflict
	}
	if before := p.expected(); before > 0 && p.stream.Events[before-1].At.After(b.now) {
		return ErrPast
	}
	return nil
}

func (p *bulk) add(w pending) {
	p.keys.add(w)
	added := w.added()
	for i, r := range w.rows {
		e := &added[i]
		p.rows = append(p.rows, []any{
			[16]byte(e.Stream), int32(e.Version), [16]byte(e.Org), r.name, r.data, r.metadata, e.At, r.prev[:], e.Hash[:], //nolint:gosec // a stream never holds 2^31 events
		})
	}
}

// Written answers how many events were appended so far.
func (b *Bulk) Written() int64 { return b.events }

// End says that a stream grows no more here: its rows are written with the page, and it is no longer kept in memory.
func (b *Bulk) End(stream uuid.UUID) {
	if s, growing := b.streams[stream]; growing {
		b.page.ended = append(b.page.ended, s)
		delete(b.streams, stream)
		delete(b.wrapped.known, stream)
	}
}

// Flush ends all streams, and writes and commits what is left.
func (b *Bulk) Flush(ctx context.Context) error {
	for stream := range b.streams {
		b.End(stream)
	}
	if err := b.turn(ctx); err != nil {
		return err
	}
	err := <-b.written
	b.written <- err
	return err
}

// turn hands a page over to be written while the next one is filled.
func (b *Bulk) turn(ctx context.Context) error {
	if err := <-b.written; err != nil {
		b.written <- err
		return err
	}
	page := b.page
	b.page = bulk{}
	go func() { b.written <- b.write(ctx, page) }()
	return nil
}

// bulkKeys keeps the keys of streams that grow, because the table does not have them before their page is written, and
// those of people, because thousands of people write at the same time. It implements KeyStore.
type bulkKeys struct {
	KeyStore
	known map[uuid.UUID][]byte
}

// LoadKeys implements KeyStore.
func (k bulkKeys) LoadKeys(ctx context.Context, subjects []uuid.UUID) (map[uuid.UUID][]byte, error) {
	keys := make(map[uuid.UUID][]byte, len(subjects))
	var missing []uuid.UUID
	for _, subject := range subjects {
		if wrapped, ok := k.known[subject]; ok {
			keys[subject] = wrapped
		} else {
			missing = append(missing, subject)
		}
	}
	if len(missing) == 0 {
		return keys, nil
	}
	stored, err := k.KeyStore.LoadKeys(ctx, missing)
	maps.Copy(keys, stored)
	maps.Copy(k.known, stored)
	return keys, err
}

var eventColumns = []string{"stream_id", "version", "org_id", "type", "data", "metadata", "recorded_at", "prev_hash", "hash"}

// write commits a page under the lock that every append holds. A stream that is in the table already breaks the
// unique key, and the page fails as a whole.
func (b *Bulk) write(ctx context.Context, page bulk) error {
	err := pgx.BeginFunc(ctx, b.store.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", AppendLock); err != nil {
			return err
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"events"}, eventColumns, pgx.CopyFromRows(page.rows)); err != nil {
			return err
		}
		keys := &pgx.Batch{}
		page.keys.queue(keys)
		if err := tx.SendBatch(ctx, keys).Close(); err != nil {
			return err
		}
		return b.fill(ctx, tx, page.ended)
	})
	if err != nil {
		return fmt.Errorf("write %d events: %w", len(page.rows), err)
	}
	b.store.heard() // what followers of this process remember is no longer the newest
	b.store.notifier.poke()
	return nil
}
