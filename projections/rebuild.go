package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/eventstore"
)

const (
	// rebuildLock is the advisory lock of whoever makes tables anew: one at a time, of all instances.
	rebuildLock = 7_305_002
	// fewStreams is how many may be left over for the moment in which nobody can append.
	fewStreams = 200
	// mostRounds is how often what was written meanwhile is caught up with, before the rest is done while all wait.
	mostRounds = 20
	// refreshPage is how many rows of a table that is made of other tables are written at a time.
	refreshPage = 1000
	// cleanUp is how long dropping a half-made table may take after everything else was called off.
	cleanUp = 30 * time.Second
)

// ErrRebuilding reports that somebody else is making tables anew.
var ErrRebuilding = errors.New("projections: another rebuild is running")

// Rebuilder makes tables of the read side anew from the log, while the program serves and writes.
//
// # Why
//
// The rows are copied into fresh tables without indexes, which is many times faster than writing them one by one, and the
// live ones are not touched. Streams that grow meanwhile are folded again. Only the last of them are left for the moment
// in which the fresh tables take the place of the live ones: under the lock that every append takes, so nothing can come
// between, and for milliseconds. Whatever stops a rebuild, a crash too, leaves the live tables as they were.
type Rebuilder struct {
	Pool  *pgxpool.Pool
	Codec *eventstore.Codec

	// Keys answers a keyring that remembers nothing: a person may have been erased by another instance a moment ago.
	Keys func() (*eventstore.Keyring, error)

	// Progress hears how far each step has come: "fold" counts events, the others streams. A total of 0 is one that nobody
	// knows, and a step without any number takes no time worth counting.
	Progress func(step string, done, total int64)
}

// Rebuilt is what a rebuild came to.
type Rebuilt struct {
	Events int64         // that were folded
	Took   time.Duration // all together
	Folded time.Duration // until all events were in the fresh tables
	Waited time.Duration // how long nobody could append, at the most
	Tables []Compared
}

// rebuild is one at work.
type rebuild struct {
	*Rebuilder
	conn  *pgx.Conn // finds the fresh tables first
	live  string    // the schema of the live tables
	plans blueprint
	list  []Projection
	nouns []string
	at    int64 // every stream is in the fresh tables up to this position
	did   Rebuilt
}

// Run makes the tables of some projections anew and puts them in the place of the live ones. ErrRebuilding when somebody
// else does that already, ErrReshaped when a migration came between; the live tables are as they were after any error.
func (r *Rebuilder) Run(ctx context.Context, list ...Projection) (Rebuilt, error) {
	began := time.Now()
	b := &rebuild{Rebuilder: r, list: inOrder(list), nouns: nounsOf(list)}
	if err := b.begin(ctx); err != nil {
		return Rebuilt{}, err
	}
	defer b.end(context.WithoutCancel(ctx))
	for _, step := range []func(context.Context) error{b.create, b.fold, b.finish, b.compare, b.swap} {
		if err := step(ctx); err != nil {
			return Rebuilt{}, fmt.Errorf("rebuild %v: %w", names(list), err)
		}
	}
	b.did.Took = time.Since(began)
	return b.did, nil
}

// inOrder puts first what others are made of.
func inOrder(list []Projection) []Projection {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Projection) int {
		switch {
		case a.Inline != nil && b.Inline == nil:
			return -1
		case a.Inline == nil && b.Inline != nil:
			return 1
		}
		return 0
	})
	return list
}

func names(list []Projection) []string {
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = p.Name
	}
	return names
}

// begin takes a connection of its own and the lock. What ends it ends both.
func (b *rebuild) begin(ctx context.Context) error {
	pooled, err := b.Pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("begin a rebuild: %w", err)
	}
	b.conn = pooled.Hijack()
	var alone bool
	err = b.conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1), current_schema()`, rebuildLock).Scan(&alone, &b.live)
	if err == nil && !alone {
		err = ErrRebuilding
	}
	if err == nil { // nothing waits for the disk but the swap, which waits for everything before it
		_, err = b.conn.Exec(ctx, `SELECT set_config('search_path', $1, false), set_config('synchronous_commit', 'off', false),
			set_config('maintenance_work_mem', '256MB', false)`, freshSchema+", "+pgx.Identifier{b.live}.Sanitize())
	}
	if err != nil {
		_ = b.conn.Close(context.WithoutCancel(ctx)) // the error that brought us here says more
		return fmt.Errorf("begin a rebuild: %w", err)
	}
	return nil
}

// end drops what is left of fresh tables. When it cannot, the next rebuild does.
func (b *rebuild) end(ctx context.Context) {
	ctx, done := context.WithTimeout(ctx, cleanUp)
	defer done()
	// The connection first: its transaction may hold the tables. The lock before it: PostgreSQL takes its time to notice
	// that a connection has ended.
	_, _ = b.conn.Exec(ctx, `SELECT pg_advisory_unlock_all()`)
	_ = b.conn.Close(ctx)
	_, _ = b.Pool.Exec(ctx, `DROP SCHEMA IF EXISTS `+freshSchema+` CASCADE`)
}

// create makes the bare tables.
func (b *rebuild) create(ctx context.Context) (err error) {
	if b.plans, err = readBlueprint(ctx, b.conn, b.live, names(b.list)); err != nil {
		return fmt.Errorf("read the tables' shapes: %w", err)
	}
	if err := run(ctx, b.conn, b.plans.create()...); err != nil {
		return fmt.Errorf("create fresh tables: %w", err)
	}
	return nil
}

// replay reads the log with keys that were looked up after this call.
func (b *rebuild) replay() (eventstore.Replay, error) {
	keys, err := b.Keys()
	return eventstore.Replay{Pool: b.Pool, Codec: b.Codec, Keys: keys}, err
}

func (b *rebuild) head(ctx context.Context, q querier) (head int64, err error) {
	return head, q.QueryRow(ctx, `SELECT coalesce(max(position), 0) FROM events`).Scan(&head)
}

// fold copies the rows of all streams as they stand now.
func (b *rebuild) fold(ctx context.Context) error {
	began := time.Now()
	head, err := b.head(ctx, b.conn)
	if err != nil {
		return err
	}
	b.at = head
	inline := slices.DeleteFunc(slices.Clone(b.list), func(p Projection) bool { return p.Inline == nil })
	if len(inline) == 0 {
		return nil
	}
	nouns := nounsOf(inline)
	var total int64
	err = b.conn.QueryRow(ctx, `SELECT count(*) FROM events WHERE position <= $1 AND split_part(type, '.', 1) = ANY($2)`, head, nouns).Scan(&total)
	if err != nil {
		return err
	}
	replay, err := b.replay()
	if err != nil {
		return err
	}
	var turn sync.Mutex // one folds while another copies
	err = replay.Streams(ctx, nouns, head, func(ctx context.Context, streams []eventstore.Stream) error {
		rows := make([][][]any, len(inline))
		var events int64
		for _, s := range streams {
			events += int64(len(s.Events))
			for i, p := range inline {
				rows[i] = append(rows[i], p.Inline.Rows(s)...)
			}
		}
		turn.Lock()
		defer turn.Unlock()
		for i, p := range inline {
			if err := insert(context.WithoutCancel(ctx), b.conn, p, rows[i]); err != nil {
				return err
			}
		}
		b.did.Events += events
		b.Progress("fold", b.did.Events, total)
		return ctx.Err()
	})
	b.did.Folded = time.Since(began)
	return err
}

// insert copies rows into the fresh table of a projection.
func insert(ctx context.Context, q querier, p Projection, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	if _, err := q.CopyFrom(ctx, pgx.Identifier{freshSchema, p.Name}, columnNames(p.Inline.Columns()), pgx.CopyFromRows(rows)); err != nil {
		return fmt.Errorf("copy rows into %s: %w", p.Name, err)
	}
	return nil
}

// finish adds keys and indexes, fills the tables that are made of others, and catches up.
func (b *rebuild) finish(ctx context.Context) error {
	for _, p := range b.list {
		b.Progress("make the indexes of "+p.Name, 0, 0)
		if err := run(ctx, b.conn, b.plans.addKeys(p.Name)...); err != nil {
			return fmt.Errorf("add the keys of %s: %w", p.Name, err)
		}
		if p.Inline == nil {
			if err := b.refreshAll(ctx, p); err != nil {
				return fmt.Errorf("fill %s: %w", p.Name, err)
			}
		}
		completing := slices.Concat(complete(b.plans.indexes, p.Name), complete(b.plans.grants, p.Name))
		if err := run(ctx, b.conn, completing...); err != nil {
			return fmt.Errorf("add the indexes of %s: %w", p.Name, err)
		}
		// The planner must not meet a table that it knows nothing of, nor lists one whose pages it must all visit.
		if _, err := b.conn.Exec(ctx, `VACUUM (ANALYZE) `+qualified(freshSchema, p.Name)); err != nil {
			return fmt.Errorf("analyze %s: %w", p.Name, err)
		}
	}
	return b.catchUpAlmost(ctx)
}

// refreshAll writes a table that is made of others, stream by stream.
func (b *rebuild) refreshAll(ctx context.Context, p Projection) error {
	replay, err := b.replay()
	if err != nil {
		return err
	}
	var after uuid.UUID
	for done := int64(0); ; {
		ids, err := replay.IDs(ctx, p.Nouns, after, b.at, refreshPage)
		if err != nil || len(ids) == 0 {
			return err
		}
		if err := refresh(context.WithoutCancel(ctx), b.conn, p, ids); err != nil {
			return err
		}
		after, done = ids[len(ids)-1], done+int64(len(ids))
		b.Progress("fill "+p.Name, done, 0)
	}
}

func refresh(ctx context.Context, q querier, p Projection, ids []uuid.UUID) error {
	batch := &pgx.Batch{}
	p.Refresh(batch, ids)
	return q.SendBatch(ctx, batch).Close()
}

// catchUpAlmost writes the streams that grew meanwhile, until what is left is done in no time.
func (b *rebuild) catchUpAlmost(ctx context.Context) error {
	for range mostRounds {
		streams, err := b.catchUp(ctx, b.conn)
		if err != nil {
			return err
		}
		if streams < fewStreams {
			return nil
		}
	}
	return nil
}

// catchUp writes the streams that grew meanwhile and answers how many they were.
func (b *rebuild) catchUp(ctx context.Context, q querier) (int, error) {
	head, err := b.head(ctx, q)
	if err != nil {
		return 0, err
	}
	replay, err := b.replay()
	if err != nil {
		return 0, err
	}
	ids, err := replay.Changed(ctx, b.nouns, b.at, head)
	if err != nil {
		return 0, err
	}
	for chunk := range slices.Chunk(ids, fewStreams) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := b.replace(context.WithoutCancel(ctx), q, replay, chunk, head); err != nil {
			return 0, err
		}
	}
	b.at = head
	return len(ids), nil
}

// replace writes the rows of some streams anew.
func (b *rebuild) replace(ctx context.Context, q querier, replay eventstore.Replay, ids []uuid.UUID, head int64) error {
	streams, err := replay.Load(ctx, ids, head)
	if err != nil {
		return err
	}
	for _, p := range b.list {
		if p.Inline == nil {
			if err := refresh(ctx, q, p, ids); err != nil {
				return fmt.Errorf("refresh %s: %w", p.Name, err)
			}
			continue
		}
		var rows [][]any
		for _, s := range streams {
			rows = append(rows, p.Inline.Rows(s)...)
		}
		old := &pgx.Batch{}
		old.Queue(fmt.Sprintf(`DELETE FROM %s WHERE %s = ANY($1)`, qualified(freshSchema, p.Name), p.Key), raw(ids))
		if err := q.SendBatch(ctx, old).Close(); err != nil {
			return fmt.Errorf("take back rows of %s: %w", p.Name, err)
		}
		if err := insert(ctx, q, p, rows); err != nil {
			return err
		}
	}
	return nil
}

// isLockTimeout reports that a statement gave up waiting for a lock.
func isLockTimeout(err error) bool {
	answer, ok := errors.AsType[*pgconn.PgError](err)
	return ok && answer.Code == "55P03"
}
