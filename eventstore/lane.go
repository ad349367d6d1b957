package eventstore

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// lanes overlap one's encoding with the other's commit; the advisory lock still orders them.
	lanes = 2
	// maxBatch bounds how many appends share a transaction.
	maxBatch = 256
)

var errClosed = errors.New("eventstore: closed")

// commit is one Append on its way through the lane.
type commit struct {
	writes []pending
	done   chan error // buffered: the lane never waits for a caller that has gone
}

// pending is one stream's part of a commit. It is encoded by the caller, and timed and chained by the lane.
type pending struct {
	stream  Stream      // with the new events added; positions come back from the insert
	rows    []row       // the new events' stored form
	key     *subjectKey // of a new stream that has one of its own
	wrapped []byte      // and its stored form

	words     [][16]byte // whose keys its words, old and new, were read or written with
	erasesKey bool       // of the stream itself
}

type row struct {
	name     string
	data     []byte
	metadata []byte
	prev     Hash
}

func (p pending) expected() int { return len(p.stream.Events) - len(p.rows) }

func (p pending) added() []Recorded { return p.stream.Events[p.expected():] }

// lane folds concurrent commits into one transaction at a time.
//
// # Why
//
// A lock around every append costs most of the throughput; around a batch it costs nothing, because the queue forms
// behind the disk's fsync anyway. The lane never lingers for more work: an idle one commits a single append at once.
type lane struct {
	in     chan *commit
	write  func(context.Context, []*commit)
	closed chan struct{} // no more commits are accepted
	ended  chan struct{} // and none is left
	once   sync.Once
	work   sync.WaitGroup
}

func startLane(ctx context.Context, write func(context.Context, []*commit)) *lane {
	l := &lane{in: make(chan *commit, 4*maxBatch), write: write, closed: make(chan struct{}), ended: make(chan struct{})}
	for range lanes {
		l.work.Go(func() { l.run(ctx) })
	}
	return l
}

// submit waits until the commit is decided. When ctx ends first the commit may still happen.
func (l *lane) submit(ctx context.Context, c *commit) error {
	select {
	case l.in <- c:
	case <-l.closed:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-l.ended: // it was decided, or it came in behind the last batch and never will be
		select {
		case err := <-c.done:
			return err
		default:
			return errClosed
		}
	}
}

// close writes what was submitted and stops. Later commits are refused.
func (l *lane) close() {
	l.once.Do(func() {
		close(l.closed)
		l.work.Wait()
		close(l.ended)
	})
}

func (l *lane) run(ctx context.Context) {
	var held []*commit
	for {
		batch, rest := l.take(held)
		if len(batch) == 0 {
			return
		}
		held = rest
		l.write(ctx, batch)
	}
}

// take waits for a first commit and adds those already there. Two for the same stream never share a batch: the second
// is held back and meets the first one's result.
func (l *lane) take(held []*commit) (batch, rest []*commit) {
	streams := make(map[uuid.UUID]struct{}, maxBatch)
	add := func(c *commit) {
		for _, w := range c.writes {
			if _, taken := streams[w.stream.ID]; taken {
				rest = append(rest, c)
				return
			}
		}
		for _, w := range c.writes {
			streams[w.stream.ID] = struct{}{}
		}
		batch = append(batch, c)
	}
	for _, c := range held {
		add(c)
	}
	if len(batch) == 0 {
		select {
		case c := <-l.in:
			add(c)
		case <-l.closed:
			select { // what was accepted before closing is still written
			case c := <-l.in:
				add(c)
			default:
				return nil, nil
			}
		}
	}
	for len(batch)+len(rest) < maxBatch {
		select {
		case c := <-l.in:
			add(c)
		default:
			return batch, rest
		}
	}
	return batch, rest
}

// insertEvents writes the commits all of whose streams are where their callers saw them, and none of the others. It
// compares every head in the same statement, so a conflict raises nothing in PostgreSQL. The lock is taken by the
// statement before it, because a statement sees what was committed when it began.
const insertEvents = `
WITH heads AS MATERIALIZED (
	SELECT w.nth, coalesce((
		SELECT CASE e.org_id WHEN w.org THEN e.version ELSE -1 END -- nobody appends to another organization's stream
		FROM events e WHERE e.stream_id = w.stream ORDER BY e.version DESC LIMIT 1
	), 0) = w.expected AS holds
	FROM unnest($1::int[], $2::uuid[], $3::uuid[], $4::int[]) AS w(nth, stream, org, expected)
), accepted AS MATERIALIZED (
	SELECT nth FROM heads GROUP BY nth HAVING bool_and(holds)
	EXCEPT
	SELECT w.nth FROM unnest($15::int[], $16::uuid[]) AS w(nth, subject) JOIN subject_keys k ON k.subject_id = w.subject AND k.erased_at IS NOT NULL
)
INSERT INTO events (stream_id, version, org_id, type, data, metadata, recorded_at, prev_hash, hash)
SELECT r.stream, r.version, r.org, r.type, r.data, r.metadata, r.at, r.prev, r.hash
FROM unnest($5::int[], $6::uuid[], $7::int[], $8::uuid[], $9::text[], $10::json[], $11::json[], $12::timestamptz[], $13::bytea[], $14::bytea[])
	WITH ORDINALITY AS r(nth, stream, version, org, type, data, metadata, at, prev, hash, ordinal)
JOIN accepted USING (nth)
ORDER BY r.ordinal
RETURNING position, stream_id, version`

// insertEvent writes one event behind the one it was chained to, or nothing.
const insertEvent = `
INSERT INTO events (stream_id, version, org_id, type, data, metadata, recorded_at, prev_hash, hash)
SELECT $1::uuid, $2::int, $3::uuid, $4::text, $5::json, $6::json, $7::timestamptz, $8::bytea, $9::bytea
WHERE coalesce((
	SELECT CASE WHEN e.org_id = $3 AND e.hash = $8 THEN e.version ELSE -1 END
	FROM events e WHERE e.stream_id = $1 ORDER BY e.version DESC LIMIT 1
), 0) = $2 - 1
AND NOT EXISTS (SELECT FROM subject_keys k WHERE k.subject_id = ANY($10::uuid[]) AND k.erased_at IS NOT NULL)
RETURNING position, stream_id, version`

// few is up to how many events a statement for each is cheaper than unnesting them all: fourteen arrays cost as much to
// set up as six inserts.
const few = 8

// queueEvents adds the inserts to b and answers how many they are.
func queueEvents(b *pgx.Batch, batch []*commit, c *columns) (inserts int) {
	// Several streams are written all or nothing: one statement must judge them.
	several := slices.ContainsFunc(batch, func(c *commit) bool { return len(c.writes) > 1 })
	if several || len(c.nth) > few {
		b.Queue(insertEvents, c.args()...)
		return 1
	}
	for i := range c.nth {
		b.Queue(insertEvent, c.stream[i], c.version[i], c.org[i], c.name[i], c.data[i], c.metadata[i], c.at[i], c.prevHash[i], c.hashs[i], c.words[c.nth[i]])
	}
	return len(c.nth)
}

// columns are the arrays that insertEvents unnests.
type columns struct {
	headNth, headExpected []int32
	headStream, headOrg   [][16]byte

	nth, version    []int32
	stream, org     [][16]byte
	name            []string
	data, metadata  []string
	at              []time.Time
	prevHash, hashs [][]byte

	words   map[int32][][16]byte // by nth
	wordNth []int32              // the same in two arrays
	wordOf  [][16]byte
}

func (c *columns) args() []any {
	return []any{
		c.headNth, c.headStream, c.headOrg, c.headExpected,
		c.nth, c.stream, c.version, c.org, c.name, c.data, c.metadata, c.at, c.prevHash, c.hashs,
		c.wordNth, c.wordOf,
	}
}

func (c *columns) add(nth int32, p pending) {
	c.headNth = append(c.headNth, nth)
	c.headStream = append(c.headStream, p.stream.ID)
	c.headOrg = append(c.headOrg, p.stream.Org)
	c.headExpected = append(c.headExpected, int32(p.expected())) //nolint:gosec // a stream never holds 2^31 events
	if c.words == nil {
		c.words = map[int32][][16]byte{}
	}
	c.words[nth] = append(c.words[nth], p.words...)
	for _, of := range p.words {
		c.wordNth, c.wordOf = append(c.wordNth, nth), append(c.wordOf, of)
	}
	added := p.added()
	for i, r := range p.rows {
		e := &added[i]
		c.nth = append(c.nth, nth)
		c.version = append(c.version, int32(e.Version)) //nolint:gosec // a stream never holds 2^31 events
		c.stream = append(c.stream, e.Stream)
		c.org = append(c.org, e.Org)
		c.name = append(c.name, r.name)
		c.data = append(c.data, string(r.data))
		c.metadata = append(c.metadata, string(r.metadata))
		c.at = append(c.at, e.At)
		c.prevHash = append(c.prevHash, p.rows[i].prev[:])
		c.hashs = append(c.hashs, e.Hash[:])
	}
}

// stamp gives the new events their time and their place in the chain. In a stream, time never goes back.
func (p pending) stamp(now time.Time) {
	before := p.stream.Events[:p.expected()]
	if len(before) > 0 && now.Before(before[len(before)-1].At) {
		now = before[len(before)-1].At
	}
	prev := p.stream.Upto(p.expected()).head()
	added := p.added()
	for i := range added {
		e, r := &added[i], &p.rows[i]
		r.prev, e.At = prev, now
		e.Hash = link(prev, e.Org, e.Stream, e.Version, r.name, now, r.data, r.metadata)
		prev = e.Hash
	}
}

// writeBatch commits a batch and tells every caller. A batch that PostgreSQL refuses is tried again commit by commit, so
// that one bad commit fails alone. After a lost connection nobody knows what became of it: everybody hears that.
func (s *Postgres) writeBatch(ctx context.Context, batch []*commit) {
	start := time.Now()
	err := s.insert(ctx, batch)
	s.observe(len(batch), time.Since(start))
	switch {
	case err == nil:
		s.wake.broadcast()
		s.notifier.poke()
	case len(batch) > 1 && refused(err):
		for _, c := range batch {
			s.writeBatch(ctx, []*commit{c})
		}
	default:
		for _, c := range batch {
			c.done <- err
		}
	}
}

// refused reports an error that rolled the transaction back, or sent none, and left the connection alone.
func refused(err error) bool {
	if _, unsent := errors.AsType[*rowsError](err); unsent {
		return true
	}
	answer, ok := errors.AsType[*pgconn.PgError](err)
	return ok && answer.SeverityUnlocalized == "ERROR"
}

// planOnce has a transaction's statements planned once a connection instead of at every run, which costs more than running them.
// A plan that is kept must be good for tables that grow meanwhile, so none reads a whole table where there is an index.
const planOnce = `set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true)`

// insert runs one transaction: the lock, the events, the rows that must agree with them. One round trip.
func (s *Postgres) insert(ctx context.Context, batch []*commit) error {
	now := s.clock.read()
	var cols columns
	var keys keyColumns
	var streams []Stream
	for nth, c := range batch {
		for _, p := range c.writes {
			p.stamp(now)
			cols.add(int32(nth), p)
			keys.add(p)
			streams = append(streams, p.stream)
		}
	}
	b := &pgx.Batch{}
	b.Queue(`SELECT pg_advisory_xact_lock($1), `+planOnce, AppendLock)
	inserts := queueEvents(b, batch, &cols)
	keys.queue(b)
	if err := s.queueRows(b, streams); err != nil {
		return err
	}
	results := s.pool.SendBatch(ctx, b)
	positions, err := scanPositions(results, inserts)
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("append %d commits: %w", len(batch), err)
	}
	var written []Recorded
	era := s.keys.era()
	answers := make([]error, len(batch))
	for i, c := range batch {
		if answers[i] = c.settle(positions); answers[i] == nil {
			for _, p := range c.writes {
				written = append(written, p.added()...)
				if p.key != nil {
					s.keys.remember(p.stream.ID, p.key, era)
				}
				if p.erasesKey {
					s.keys.Forget(p.stream.ID)
				}
			}
		}
	}
	s.recent.add(written)
	for i, c := range batch {
		c.done <- answers[i]
	}
	return nil
}

// queueRows lets the inline tables write their rows. A panic there is answered to those who append: it would end the
// process, and with every retry the next one.
func (s *Postgres) queueRows(b *pgx.Batch, streams []Stream) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = &rowsError{fmt.Errorf("write the rows: panic: %v\n%s", fault, debug.Stack())}
		}
	}()
	for _, inline := range s.inline {
		inline.Queue(b, streams)
	}
	return nil
}

// rowsError says that nothing was sent.
type rowsError struct{ error }

type place struct {
	stream  uuid.UUID
	version int
}

func scanPositions(results pgx.BatchResults, inserts int) (map[place]int64, error) {
	if _, err := results.Exec(); err != nil { // the lock
		return nil, err
	}
	positions := map[place]int64{}
	var position int64
	var p place
	for range inserts {
		rows, err := results.Query()
		if err != nil {
			return nil, err
		}
		if _, err := pgx.ForEachRow(rows, []any{&position, (*[16]byte)(&p.stream), &p.version}, func() error {
			positions[p] = position
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return positions, nil
}

// settle fills in the positions; ErrConflict when the insert left the commit out.
func (c *commit) settle(positions map[place]int64) error {
	for _, p := range c.writes {
		added := p.added()
		for i := range added {
			position, written := positions[place{added[i].Stream, added[i].Version}]
			if !written {
				return ErrConflict
			}
			added[i].Position = position
		}
	}
	return nil
}
