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
	// fewStreams is how many may be left over for the moment in which nobody can append.
	fewStreams = 200
	// mostRounds is how often what was written meanwhile is caught up with, before the rest is done while all wait.
	mostRounds = 20
	// refreshPage is how many rows of a table that is made of other tables are written at a time.
	refreshPage = 1000
	// cleanUp is how long dropping half-made tables may take after everything else was called off.
	cleanUp = 30 * time.Second
	// lingering is how long PostgreSQL may take to notice that a connection has ended, and lookAgain how often to look.
	lingering = 5 * time.Second
	lookAgain = 20 * time.Millisecond
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

	// Keys answers a keyring that remembers nothing: a person may have been erased by another instance a moment ago. It
	// asks the database that it is given, and no other: while nobody can append, everybody may wait for a connection.
	Keys func(eventstore.Database) (*eventstore.Keyring, error)

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
//
// # Why
//
// It has its own connections before it begins. Who holds the lock of every append, and then waits for a connection of
// the pool that writers hold who wait for the lock, waits for ever.
type rebuild struct {
	*Rebuilder
	conn  *pgx.Conn // holds RebuildLock, and finds the fresh tables first
	gate  *pgx.Conn // holds AppendLock while conn commits
	view  *pgx.Conn // sees all tables as they were at one position
	live  string    // the schema of the live tables
	plans blueprint
	list  []Projection
	nouns []string
	at    int64 // every stream is in the fresh tables up to this position
	did   Rebuilt
}

// Run makes the tables of some projections anew, whatever code made them, and puts them in the place of the live ones.
// ErrRebuilding when somebody else does that already, ErrReshaped when a migration came between; the live tables are as
// they were after any error.
func (r *Rebuilder) Run(ctx context.Context, list ...Projection) (Rebuilt, error) {
	return r.run(ctx, func(context.Context) ([]Projection, error) { return list, nil })
}

// run makes those tables anew that which answers. It is asked when nobody else can make any.
func (r *Rebuilder) run(ctx context.Context, which func(context.Context) ([]Projection, error)) (Rebuilt, error) {
	began := time.Now()
	b := &rebuild{Rebuilder: r}
	if err := b.begin(ctx); err != nil {
		return Rebuilt{}, err
	}
	defer func() { _ = b.end(context.WithoutCancel(ctx)) }() // what is left then is dropped by the next rebuild, or by Clear
	list, err := which(ctx)
	if err != nil || len(list) == 0 {
		return Rebuilt{}, err
	}
	b.list, b.nouns = inOrder(list), nounsOf(list)
	for _, step := range []func(context.Context) error{b.connect, b.create, b.fold, b.finish, b.compare, b.swap} {
		if err := step(ctx); err != nil {
			return Rebuilt{}, fmt.Errorf("rebuild %v: %w", names(list), err)
		}
	}
	b.did.Took = time.Since(began)
	return b.did, nil
}

// Clear drops what a rebuild that was killed has left: rows that people can read and that no erasure comes to.
// ErrRebuilding when one is running: it leaves nothing behind, unless it is killed.
func (r *Rebuilder) Clear(ctx context.Context) error {
	var left bool
	if err := r.Pool.QueryRow(ctx, `SELECT to_regnamespace($1) IS NOT NULL`, freshSchema).Scan(&left); err != nil {
		return fmt.Errorf("look for a rebuild's leftovers: %w", err)
	}
	if !left { // do not take the lock from somebody who begins
		return nil
	}
	b := &rebuild{Rebuilder: r}
	if err := b.begin(ctx); err != nil {
		return err
	}
	return b.end(context.WithoutCancel(ctx))
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

// begin takes a connection of its own and the lock. What ends it ends both: the swap happens on the very connection that
// has the lock, so a rebuild that lost one cannot put anything in the place of the live tables. This is why the lock is
// taken here, and not around it by somebody who holds it on another connection.
func (b *rebuild) begin(ctx context.Context) (err error) {
	if b.conn, err = b.own(ctx); err != nil {
		return fmt.Errorf("begin a rebuild: %w", err)
	}
	var alone bool
	err = b.conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1), current_schema()`, eventstore.RebuildLock).Scan(&alone, &b.live)
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

// own takes a connection out of the pool, for good.
func (b *rebuild) own(ctx context.Context) (*pgx.Conn, error) {
	pooled, err := b.Pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	return pooled.Hijack(), nil
}

// connect takes the other connections.
func (b *rebuild) connect(ctx context.Context) (err error) {
	if b.gate, err = b.own(ctx); err != nil {
		return err
	}
	b.view, err = b.own(ctx)
	return err
}

// end drops what is left of fresh tables, and only then lets the next rebuild begin, which makes some of the same names.
func (b *rebuild) end(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, cleanUp)
	defer done()
	for _, other := range []*pgx.Conn{b.view, b.gate} { // their transactions may hold the tables
		if other != nil {
			_ = other.Close(ctx) // it is of no more use
		}
	}
	if b.conn.IsClosed() { // a statement was called off, and the lock went with it
		return b.clearSoon(ctx)
	}
	_, err := b.conn.Exec(ctx, `DROP SCHEMA IF EXISTS `+freshSchema+` CASCADE`)
	// PostgreSQL takes its time to notice that a connection has ended.
	_, _ = b.conn.Exec(ctx, `SELECT pg_advisory_unlock_all()`)
	_ = b.conn.Close(ctx) // which would have unlocked too
	if err != nil {
		return fmt.Errorf("drop fresh tables: %w", err)
	}
	return nil
}

// clearSoon clears when PostgreSQL has noticed that the connection of this rebuild has ended. ErrRebuilding when somebody
// else has begun another: that one drops the tables.
func (b *rebuild) clearSoon(ctx context.Context) error {
	deadline := time.Now().Add(lingering)
	for {
		err := b.Clear(ctx)
		if !errors.Is(err, ErrRebuilding) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAgain):
		}
	}
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
func (b *rebuild) replay(from eventstore.Database) (eventstore.Replay, error) {
	keys, err := b.Keys(from)
	return eventstore.Replay{Pool: from, Codec: b.Codec, Keys: keys}, err
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
	replay, err := b.replay(b.Pool) // several read at a time, and nobody waits for them
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
	replay, err := b.replay(b.conn)
	if err != nil {
		return err
	}
	var done int64
	for ids, err := range replay.IDs(ctx, p.Nouns, b.at) {
		if err != nil {
			return err
		}
		for page := range slices.Chunk(ids, refreshPage) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := refresh(context.WithoutCancel(ctx), b.conn, p, page); err != nil {
				return err
			}
			done += int64(len(page))
			b.Progress("fill "+p.Name, done, 0)
		}
	}
	return nil
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
	replay, err := b.replay(q)
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
