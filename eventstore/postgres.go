package eventstore

import (
	"context"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Inline keeps a table that agrees with the log at every commit.
type Inline interface {
	// Queue adds to b the statements that write the rows of those streams it knows (by their Category). Each stream
	// is complete, the new events included, but some may turn out to conflict: a statement must write a row only where
	// an event with the stream's id, last version and last Hash exists.
	Queue(b *pgx.Batch, streams []Stream)
}

// Observer hears how the lane fares; all of it is for metrics.
type Observer func(appends int, took time.Duration)

// Postgres is the event store on PostgreSQL.
type Postgres struct {
	pool     *pgxpool.Pool
	codec    *Codec
	keys     *Keyring
	inline   []Inline
	observe  Observer
	clock    clock
	lane     *lane
	wake     *wake
	recent   *recent
	notifier *notifier
	stop     context.CancelFunc
}

// Options says what goes along with every append.
type Options struct {
	Inline  []Inline
	Observe Observer
	Log     *slog.Logger
	Now     func() time.Time // nil: time.Now
}

// Open starts the lane, and the listener that hears of other instances' commits. Close stops them.
func Open(ctx context.Context, pool *pgxpool.Pool, codec *Codec, keys *Keyring, o Options) *Postgres {
	if o.Observe == nil {
		o.Observe = func(int, time.Duration) {}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx)) // the caller's end must not cut a commit in half
	s := &Postgres{pool: pool, codec: codec, keys: keys, inline: o.Inline, observe: o.Observe, clock: clock{now: o.Now}, wake: newWake(), stop: stop}
	s.recent = &recent{keys: keys}
	s.startNotifier(ctx, o.Log)
	s.lane = startLane(ctx, s.writeBatch)
	return s
}

// Close writes what was accepted, then stops. The pool stays open.
func (s *Postgres) Close() {
	s.lane.close()
	s.stop()
	s.notifier.wait()
}

// Append implements Log.
func (s *Postgres) Append(ctx context.Context, m Metadata, writes ...Write) ([]Stream, error) {
	batch, err := prepare(ctx, s.codec, s.keys, m, writes)
	if err != nil {
		return nil, err
	}
	if len(batch) > 0 {
		err := s.lane.submit(ctx, &commit{writes: batch, done: make(chan error, 1)})
		if errors.Is(err, ErrConflict) {
			err = errors.Join(err, s.forgetErased(ctx, batch))
		}
		if err != nil {
			return nil, err
		}
	}
	return grown(writes, batch), nil
}

// prepare seals and encodes all new events. A stream without any is left out.
func prepare(ctx context.Context, codec *Codec, keys *Keyring, m Metadata, writes []Write) ([]pending, error) {
	batch := make([]pending, 0, len(writes))
	for _, w := range writes {
		if len(w.Events) == 0 {
			continue
		}
		if slices.ContainsFunc(batch, func(p pending) bool { return p.stream.ID == w.Stream.ID }) {
			return nil, fmt.Errorf("eventstore: stream %s stands twice in one append", w.Stream.ID)
		}
		p, err := prepareStream(ctx, codec, keys, m, w)
		if err != nil {
			return nil, err
		}
		batch = append(batch, p)
	}
	return batch, nil
}

func prepareStream(ctx context.Context, codec *Codec, keys *Keyring, m Metadata, w Write) (pending, error) {
	p := pending{stream: w.Stream, rows: make([]row, len(w.Events))}
	p.stream.Events = make([]Recorded, len(w.Stream.Events), len(w.Stream.Events)+len(w.Events))
	copy(p.stream.Events, w.Stream.Events)
	own := streamKey(ctx, codec, keys, w, &p)
	for i, event := range w.Events {
		name, version, data, err := codec.Encode(event, keys.ForWriting(ctx, w.Stream.Org, own))
		if err != nil {
			return pending{}, err
		}
		metadata, err := json.Marshal(storedMetadata{EventVersion: version, Metadata: m})
		if err != nil {
			return pending{}, fmt.Errorf("encode metadata: %w", err)
		}
		p.rows[i] = row{name: name, data: data, metadata: metadata}
		p.stream.Events = append(p.stream.Events, Recorded{
			Org: w.Stream.Org, Stream: w.Stream.ID, Version: w.Stream.Version() + i + 1,
			Type: name, Metadata: m, Event: event,
		})
	}
	p.stream, p.erasesKey = codec.eraseWords(p.stream, w.Events)
	for _, r := range p.stream.Events {
		p.words = codec.readable(p.words, r)
	}
	return p, nil
}

// streamKey answers the key of the stream; nil for a noun whose streams have none. That of a new stream is made here, and
// lies in p to be stored with its first event; that of another is looked up by the first words that need it.
func streamKey(ctx context.Context, codec *Codec, keys *Keyring, w Write, p *pending) StreamKey {
	if !codec.ownKey(w.Events[0]) {
		return nil
	}
	if w.Stream.Version() == 0 {
		p.key, p.wrapped = keys.fresh(w.Stream.ID)
		return func() (*subjectKey, error) { return p.key, nil }
	}
	return sync.OnceValues(func() (*subjectKey, error) {
		known, err := keys.known(ctx, []uuid.UUID{w.Stream.ID})
		key, has := known[w.Stream.ID]
		if err == nil && has && key == nil {
			err = fmt.Errorf("%w: %s", ErrErased, w.Stream.ID)
		}
		return key, err
	})
}

// grown answers every stream of the writes, with its new events.
func grown(writes []Write, written []pending) []Stream {
	streams := make([]Stream, len(writes))
	for i, w := range writes {
		streams[i] = w.Stream
		for _, p := range written {
			if p.stream.ID == w.Stream.ID {
				streams[i] = p.stream
			}
		}
	}
	return streams
}

// storedMetadata is Metadata with what only the codec needs.
type storedMetadata struct {
	EventVersion int `json:"v"`
	Metadata
}

var readMetadata = readerOf(reflect.TypeFor[storedMetadata]())

const selectEvents = `SELECT position, org_id, stream_id, version, type, data, metadata, recorded_at, hash FROM events`

// ofOrg is a condition that no index helps with: PostgreSQL looks a stream up, and then at whose it is. With `=` it takes an index of
// organizations to be as good, until it has counted the table for the first time, and reads all that an organization has.
const ofOrg = `org_id IS NOT DISTINCT FROM $%d`

var ofStream = ` WHERE stream_id = $1 AND ` + fmt.Sprintf(ofOrg, 2)

// Load implements Log.
func (s *Postgres) Load(ctx context.Context, org, stream uuid.UUID) (Stream, error) {
	events, err := s.query(ctx, open, selectEvents+ofStream+` ORDER BY version`, [16]byte(stream), [16]byte(org))
	if err != nil {
		return Stream{}, fmt.Errorf("load stream %s: %w", stream, err)
	}
	return Stream{Org: org, ID: stream, Events: events}, nil
}

// Read implements Reader.
func (s *Postgres) Read(ctx context.Context, q Query) ([]Recorded, error) {
	sql, args := q.sql()
	events, err := s.query(ctx, q.opener(), sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read after %d: %w", q.After, err)
	}
	return events, nil
}

func (q Query) sql() (string, []any) {
	where, args := q.where()
	return selectEvents + where, args
}

// where answers the conditions, the order and the limit, with their arguments.
func (q Query) where() (string, []any) {
	sql, args := ` WHERE position > $1`, []any{q.After}
	restrict := func(condition string, value any) {
		args = append(args, value)
		sql += fmt.Sprintf(" AND "+condition, len(args))
	}
	if q.Upto > 0 {
		restrict("position <= $%d", q.Upto)
	}
	switch {
	case q.Org == uuid.Nil:
	case q.Streams != nil:
		restrict(ofOrg, [16]byte(q.Org))
	default:
		restrict("org_id = $%d", [16]byte(q.Org))
	}
	if q.Streams != nil {
		streams := make([][16]byte, len(q.Streams))
		for i, id := range q.Streams {
			streams[i] = id
		}
		restrict("stream_id = ANY($%d)", streams)
	}
	if q.Types != nil {
		restrict("type = ANY($%d)", q.Types)
	}
	if !q.Since.IsZero() {
		restrict("recorded_at >= $%d", q.Since)
	}
	if !q.Until.IsZero() {
		restrict("recorded_at <= $%d", q.Until)
	}
	if q.Actor != uuid.Nil {
		restrict("$%d IN (metadata->'actor'->>'id', metadata->'actor'->>'user')", q.Actor.String())
	}
	if q.Correlation != "" { // the hash finds them, the text makes sure
		restrict("hashtextextended(metadata->>'correlation_id', 0) = hashtextextended($%d, 0)", q.Correlation)
		restrict("metadata->>'correlation_id' = $%d", q.Correlation)
	}
	sql += " ORDER BY position"
	if q.Limit > 0 {
		args = append(args, q.Limit)
		sql += fmt.Sprintf(" LIMIT $%d", len(args))
	}
	return sql, args
}

// heard is called when another instance has committed: the table knows more than our memory does.
func (s *Postgres) heard() {
	s.recent.drop()
	s.wake.broadcast()
}

// Next implements Reader.
func (s *Postgres) Next(ctx context.Context, after int64) ([]Recorded, bool, error) {
	ctx, done := unhurried(ctx)
	defer done()
	if events, all := s.recent.after(after, feedBatch); len(events) > 0 {
		return events, all, nil
	}
	events, err := s.Read(ctx, Query{After: after, Limit: feedBatch})
	return events, len(events) == 0, err
}

// Head implements Reader.
func (s *Postgres) Head(ctx context.Context) (int64, error) {
	var position int64
	err := s.pool.QueryRow(ctx, `SELECT coalesce(max(position), 0) FROM events`).Scan(&position)
	if err != nil {
		return 0, fmt.Errorf("read head: %w", err)
	}
	return position, nil
}

// Woken implements Reader.
func (s *Postgres) Woken() <-chan struct{} { return s.wake.wait() }

// patience is how long a follower waits for the database before it counts as trouble.
const patience = 30 * time.Second

// unhurried lets a follower that is told to stop finish its statement: one that is cut off leaves an ERROR in
// PostgreSQL's log.
func unhurried(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), patience)
}

func (s *Postgres) query(ctx context.Context, open opener, sql string, args ...any) ([]Recorded, error) {
	batch, err := queryStored(ctx, s.pool, s.codec, sql, args...)
	if err != nil {
		return nil, err
	}
	return open(ctx, s.codec, s.keys, batch)
}

// stored is an event as it stands in the table.
type stored struct {
	Recorded
	data, metadata []byte
}

// opener turns stored events into what they were before.
type opener func(ctx context.Context, codec *Codec, keys *Keyring, batch []stored) ([]Recorded, error)

// open decodes stored events and unseals them, with one look-up for all keys. The first that cannot be decoded ends it.
func open(ctx context.Context, codec *Codec, keys *Keyring, batch []stored) ([]Recorded, error) {
	return openWith(ctx, codec, keys, batch, func(s *stored, _ int, err error) error { return &PoisonError{Position: s.Position, Err: err} })
}

// openWith is open; unreadable hears of each event that cannot be decoded, and the error it answers ends it.
func openWith(ctx context.Context, codec *Codec, keys *Keyring, batch []stored, unreadable func(s *stored, version int, err error) error) ([]Recorded, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	events := make([]decoded, len(batch))
	var subjects []uuid.UUID
	words := wordKeys{erased: map[uuid.UUID][]uuid.UUID{}}
	var m storedMetadata
	metadata := reflect.ValueOf(&m).Elem()
	for i := range batch {
		m = storedMetadata{}
		var d decoded
		err := readJSON(readMetadata, batch[i].metadata, metadata)
		if err != nil {
			err = fmt.Errorf("decode metadata: %w", err)
		} else {
			batch[i].Metadata = m.Metadata
			d, err = codec.decode(batch[i].Type, m.EventVersion, batch[i].data)
		}
		if err != nil {
			if err = unreadable(&batch[i], m.EventVersion, err); err != nil {
				return nil, err
			}
			continue
		}
		events[i] = d
		before := len(subjects)
		subjects = append(subjects, d.entry.subjects(d.event.Elem())...)
		if d.entry.ownKey && len(subjects) > before {
			subjects = append(subjects, batch[i].Stream)
		}
		if e, ok := reflect.TypeAssert[Eraser](d.event); ok {
			words.erased[batch[i].Stream] = append(words.erased[batch[i].Stream], e.Erases())
		}
	}
	var err error
	if words.keys, err = keys.known(ctx, subjects); err != nil {
		return nil, err
	}
	opened := make([]Recorded, len(batch))
	for i, s := range batch {
		if !events[i].event.IsValid() {
			opened[i] = s.Recorded
			continue
		}
		if err := events[i].unseal(words.of(s.Stream, events[i].entry.ownKey)); err != nil {
			return nil, err
		}
		opened[i] = s.Recorded
		opened[i].Event = events[i].event.Elem().Interface()
	}
	return opened, nil
}

// wordKeys answers the keys of people's words in several streams.
type wordKeys struct {
	keys   map[uuid.UUID]*subjectKey
	erased map[uuid.UUID][]uuid.UUID // by stream: whose words a fact in it has erased

	stream, subject uuid.UUID // whose combined key was made last: the next event is often the same person's in the same stream
	combined        cipher.AEAD
}

func (w *wordKeys) of(stream uuid.UUID, ownKey bool) SubjectKeys {
	return func(subject uuid.UUID) (cipher.AEAD, error) {
		key := w.keys[subject]
		if key == nil || w.isErased(stream, subject) {
			return nil, nil
		}
		own, has := w.keys[stream]
		switch {
		case !ownKey || !has:
			return key, nil
		case own == nil:
			return nil, nil
		case w.combined != nil && w.stream == stream && w.subject == subject:
			return w.combined, nil
		}
		combined, err := key.within(own)
		w.stream, w.subject, w.combined = stream, subject, combined
		return combined, err
	}
}

func (w *wordKeys) isErased(stream, subject uuid.UUID) bool {
	for _, of := range w.erased[stream] {
		if of == uuid.Nil || of == subject {
			return true
		}
	}
	return false
}

// PoisonError reports an event that cannot be read or applied, now or on any retry.
type PoisonError struct {
	Position int64
	Err      error
}

func (e *PoisonError) Error() string { return fmt.Sprintf("event %d: %v", e.Position, e.Err) }

func (e *PoisonError) Unwrap() error { return e.Err }

// LoadKeys implements KeyStore.
func (k PostgresKeys) LoadKeys(ctx context.Context, subjects []uuid.UUID) (map[uuid.UUID][]byte, error) {
	ids := make([][16]byte, len(subjects))
	for i, id := range subjects {
		ids[i] = id
	}
	rows, err := k.Pool.Query(ctx, `SELECT subject_id, wrapped FROM subject_keys WHERE subject_id = ANY($1)`, ids)
	if err != nil {
		return nil, err
	}
	keys := make(map[uuid.UUID][]byte, len(subjects))
	var subject uuid.UUID
	var wrapped []byte
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&subject), &wrapped}, func() error {
		keys[subject] = wrapped
		wrapped = nil
		return nil
	})
	return keys, err
}

// PostgresKeys is the KeyStore on PostgreSQL.
type PostgresKeys struct{ Pool Database }

// CreateKey implements KeyStore.
func (k PostgresKeys) CreateKey(ctx context.Context, org, subject uuid.UUID, wrapped []byte) ([]byte, error) {
	_, err := k.Pool.Exec(ctx, `INSERT INTO subject_keys (subject_id, org_id, wrapped) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		[16]byte(subject), [16]byte(org), wrapped)
	if err != nil {
		return nil, err
	}
	stored, err := k.LoadKeys(ctx, []uuid.UUID{subject})
	if err != nil {
		return nil, err
	}
	return stored[subject], nil
}
