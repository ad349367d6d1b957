package projections_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/organization"
	"ticketd/domain/ticket"
	"ticketd/domain/user"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// registry lists the projections. Those of the program itself are compared in cmd/ticketd.
func registry(pool *pgxpool.Pool) []projections.Projection {
	return []projections.Projection{
		projections.TicketSearch(), projections.NewTickets(pool).Projection(), projections.NewComments(pool).Projection(),
		projections.NewUsers(pool).Projection(), projections.NewAPITokens(pool).Projection(), projections.NewRetention(pool).Projection(),
		projections.NewTicketTags(pool).Projection(),
	}
}

// office is a store with every projection, and what makes them anew.
type office struct {
	desk
	list    []projections.Projection
	rebuild *projections.Rebuilder
}

func newOffice(t *testing.T) office {
	t.Helper()
	o := office{desk: newDesk(t)}
	o.list = registry(o.pool)
	keys := func() (*eventstore.Keyring, error) {
		return eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: o.pool})
	}
	own, err := keys()
	require.NoError(t, err)
	o.store = eventstore.Open(t.Context(), o.pool, catalog.Codec, own, eventstore.Options{Inline: projections.Inline(o.list)})
	t.Cleanup(o.store.Close)
	o.rebuild = &projections.Rebuilder{Pool: o.pool, Codec: catalog.Codec, Keys: keys, Progress: func(string, int64, int64) {}}
	return o
}

// follow runs the async projections until the test ends.
func (o office) follow() {
	ctx, cancel := context.WithCancel(o.Context())
	log := slog.New(slog.DiscardHandler)
	runner := projections.NewRunner(&eventstore.Feed{Store: o.store, Pool: o.pool, Log: log}, log, o.list...)
	var work sync.WaitGroup
	work.Go(func() { runner.Run(ctx) })
	o.Cleanup(func() { cancel(); work.Wait() })
}

// caughtUp waits until the feed has come to the end of the log.
func (o office) caughtUp() {
	o.Helper()
	head, err := o.store.Head(o.Context())
	require.NoError(o, err)
	require.Eventually(o, func() bool {
		return o.number(`SELECT count(*) FROM checkpoints WHERE name = 'ticket_search' AND position >= $1`, head) == 1
	}, 20*time.Second, 5*time.Millisecond)
}

func (o office) number(sql string, args ...any) (n int) {
	o.Helper()
	require.NoError(o, o.pool.QueryRow(o.Context(), sql, args...).Scan(&n))
	return n
}

func (o office) exec(sql string) {
	o.Helper()
	_, err := o.pool.Exec(o.Context(), sql)
	require.NoError(o, err)
}

func (o office) named(name string) projections.Projection {
	o.Helper()
	p, ok := projections.Named(o.list, name)
	require.True(o, ok)
	return p
}

// run rebuilds and requires what every rebuild leaves behind: nothing.
func (o office) run(list ...projections.Projection) projections.Rebuilt {
	o.Helper()
	did, err := o.rebuild.Run(o.Context(), list...)
	require.NoError(o, err)
	require.Zero(o, o.number(`SELECT count(*) FROM pg_namespace WHERE nspname = 'rebuild'`))
	require.Len(o, did.Tables, len(list))
	require.Positive(o, did.Waited)
	return did
}

// requireEqual also sees that there was something to compare.
func (o office) requireEqual(did projections.Rebuilt) {
	o.Helper()
	for _, table := range did.Tables {
		require.True(o, table.Equal(), "%+v", table)
		require.Positive(o, table.Rows, "%s has no rows: this test must make some", table.Name)
	}
}

// person makes a user with tokens, and an organization with a rule.
func (o office) person(r *rapid.T) {
	id := newUser()
	token := createdToken(id, "CI", id.String())
	events := []any{user.Registered{UserID: id, Username: "ann", Email: "ann@example.org", PasswordHash: "h", Role: domain.Member}, token}
	for range rapid.IntRange(0, 4).Draw(r, "changes") {
		events = append(events, rapid.SampledFrom([]any{
			user.ProfileChanged{UserID: id, FullName: new("Ann"), Preferences: &map[string]any{"n": 1.5}},
			user.RoleChanged{To: domain.Admin},
			user.Deactivated{},
			user.Reactivated{},
			user.TokenRenamed{UserID: id, TokenID: token.TokenID, Name: "x"},
			user.TokenRevoked{TokenID: token.TokenID},
			createdToken(id, "more", uuid.NewString()),
			user.PasswordChanged{PasswordHash: "i"},
		}).Draw(r, "change"))
	}
	o.happen(ticket.ID{UUID: id.UUID}, events...)
	org := uuid.Must(uuid.NewV7()) // the stream of an organization has its id
	_, err := o.store.Append(o.Context(), eventstore.Metadata{}, eventstore.Write{Stream: eventstore.Stream{Org: org, ID: org}, Events: []any{
		organization.Founded{Name: "Org", FoundedBy: id}, organization.RetentionSet{Days: rapid.IntRange(0, 9).Draw(r, "days")}, organization.Renamed{Name: "New"},
	}})
	require.NoError(o, err)
}

func (o office) ticketOf(r *rapid.T) {
	id := o.opened(func(t *ticket.Opened) { t.Title = rapid.StringMatching(`[a-zé]{1,8}`).Draw(r, "title") })
	for range rapid.IntRange(1, 6).Draw(r, "events") {
		o.happen(id, o.any(r))
	}
}

// Whatever happened, the rows that were written with the events are those that the log gives: for every projection.
func TestReplayEqualsLive(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.follow()
	rapid.Check(t, func(r *rapid.T) {
		o.person(r)
		o.ticketOf(r)
	})
	o.happen(o.opened(), o.commented(o.bob, "words", false))
	o.caughtUp()
	before := o.dump()
	var steps []string
	o.rebuild.Progress = func(step string, _, _ int64) { steps = append(steps, step) }
	did := o.run(o.list...)
	o.requireEqual(did)
	require.Positive(t, did.Events)
	require.Subset(t, steps, []string{"fold", "fill ticket_search", "compare", "swap"})
	require.Equal(t, before, o.dump())
	for _, p := range o.list {
		o.requireEqual(o.run(p))
	}
	require.Equal(t, before, o.dump())

	// The tables go on as if nothing had happened.
	id := o.opened(func(t *ticket.Opened) { t.Title = "Afterwards" })
	o.caughtUp()
	require.Equal(t, 1, o.number(`SELECT count(*) FROM ticket_search WHERE ticket_id = $1 AND words @@ 'afterward'`, id.String()))
}

// What differs is counted, and what takes its place is what the log says.
func TestARebuildTellsWhatDiffered(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for range 5 {
		o.opened()
	}
	before := o.dump()
	o.exec(`UPDATE tickets SET title = 'forged' WHERE id = (SELECT id FROM tickets LIMIT 1)`)
	o.exec(`DELETE FROM tickets WHERE id = (SELECT id FROM tickets WHERE title <> 'forged' LIMIT 1)`)
	did := o.run(o.named("tickets"))
	require.False(t, did.Tables[0].Equal())
	require.EqualValues(t, 2, did.Tables[0].Differ)
	require.Equal(t, before, o.dump())
}

// A fresh table is like the live one in every way: partitions, indexes, keys, storage, rights.
func TestAFreshTableIsMadeLikeTheLiveOne(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.opened()
	o.index()
	o.exec(`GRANT SELECT ON tickets TO PUBLIC`)
	o.exec(`ALTER TABLE tickets SET (fillfactor = 70), ADD UNIQUE (org_id, id)`)
	shape := func() []string {
		rows, err := o.pool.Query(t.Context(), `
			SELECT concat_ws(' ', c.relname, c.relkind, c.reloptions, c.relacl, pg_get_expr(c.relpartbound, c.oid), pg_get_indexdef(c.oid),
				(SELECT string_agg(concat_ws(' ', a.attname, a.atttypid::regtype, a.attnotnull, pg_get_expr(d.adbin, d.adrelid)), ',' ORDER BY a.attnum)
				FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = c.oid AND a.attnum > 0))
			FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1`)
		require.NoError(t, err)
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return list
	}
	before := shape()
	o.run(o.list...)
	require.Equal(t, before, shape())
}

// Writers go on, nothing of theirs is lost or doubled, and reads never fail.
func TestARebuildWhileEverybodyWrites(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.follow()
	for range 200 {
		o.opened()
	}
	var enough atomic.Bool
	var work sync.WaitGroup
	var written atomic.Int64
	for range 16 {
		work.Go(func() {
			for !enough.Load() {
				id := o.opened()
				o.happen(id, o.commented(o.bob, "while it runs", false))
				o.happen(id, ticket.Assigned{Assignee: o.bob})
				require.Equal(t, 1, o.find(id).Comments)
				written.Add(1)
			}
		})
	}
	for range 3 {
		before := written.Load()
		for _, table := range o.run(o.list...).Tables {
			require.True(t, table.Equal(), "%+v", table)
		}
		require.Eventually(t, func() bool { return written.Load() > before }, 20*time.Second, time.Millisecond)
	}
	enough.Store(true)
	work.Wait()
	o.caughtUp()
	tickets := int(written.Load()) + 200
	require.Equal(t, tickets, o.number(`SELECT count(*) FROM tickets`))
	require.Equal(t, tickets-200, o.number(`SELECT count(*) FROM comments`))
	require.Equal(t, tickets, o.number(`SELECT count(*) FROM ticket_search`))
	require.Equal(t, tickets-200, o.number(`SELECT count(*) FROM ticket_search WHERE words @@ 'run'`))
	for _, table := range o.run(o.list...).Tables {
		require.True(t, table.Equal(), "%+v", table)
	}
}

// during runs something once, when a rebuild comes to a step.
func (o office) during(step string, what func()) {
	var once sync.Once
	o.rebuild.Progress = func(at string, _, _ int64) {
		if at == step {
			once.Do(what)
		}
	}
}

// A person who is erased while a rebuild runs is erased in the tables that it makes.
func TestWordsErasedMeanwhileAreErased(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.opened(func(t *ticket.Opened) { t.Title = "Her secret" })
	o.during("make the indexes of tickets", func() {
		require.Contains(t, o.find(id).Title, "secret")
		require.NoError(t, eventstore.PostgresKeys{Pool: o.pool}.EraseKey(t.Context(), o.org.UUID, o.ann.UUID))
		o.happen(id, ticket.WordsErased{Of: o.ann})
	})
	o.run(o.list...)
	require.Equal(t, eventstore.Erased, o.find(id).Title)
}

func TestOneRebuildAtATime(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.opened()
	var second error
	o.during("compare", func() {
		other := *o.rebuild
		other.Progress = func(string, int64, int64) {}
		_, second = other.Run(t.Context(), o.list...)
	})
	o.run(o.list...)
	require.ErrorIs(t, second, projections.ErrRebuilding)
	o.run(o.list...)
}

// Whatever stops a rebuild, the live tables are as they were, and the next one begins anew.
func TestARebuildThatIsStoppedChangesNothing(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.opened()
	o.index()
	before := o.dump()
	for _, step := range []string{"fold", "make the indexes of tickets", "fill ticket_search", "compare", "swap"} {
		ctx, cancel := context.WithCancel(t.Context())
		o.during(step, cancel)
		_, err := o.rebuild.Run(ctx, o.list...)
		require.ErrorIs(t, err, context.Canceled, step)
		require.Equal(t, before, o.dump(), step)
		cancel()
	}
	o.during("compare", func() { o.exec(`ALTER TABLE comments ADD COLUMN mood text NOT NULL DEFAULT ''`) })
	_, err := o.rebuild.Run(t.Context(), o.list...)
	require.ErrorIs(t, err, projections.ErrReshaped)

	lost := errors.New("the keys are lost")
	keys := o.rebuild.Keys
	for calls := range 4 {
		o.rebuild.Keys = func() (*eventstore.Keyring, error) {
			if calls--; calls < 0 {
				return nil, lost
			}
			return keys()
		}
		_, err = o.rebuild.Run(t.Context(), o.list...)
		require.ErrorIs(t, err, lost)
	}
	o.rebuild.Keys = keys

	// Also one that was killed, and left its tables.
	o.exec(`CREATE SCHEMA rebuild; CREATE TABLE rebuild.tickets (n int)`)
	o.run(o.list...)
	_, err = o.rebuild.Run(t.Context(), projections.Projection{Name: "nothing", Nouns: []string{"ticket"}})
	require.ErrorContains(t, err, "read the tables' shapes")
}

func TestAnEventThatNobodyKnowsStopsARebuild(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.opened()
	before := o.dump()
	o.exec(`INSERT INTO events (stream_id, version, org_id, type, data, metadata, recorded_at, prev_hash, hash)
		VALUES (gen_random_uuid(), 1, gen_random_uuid(), 'ticket.bewitched', '{}', '{"v":1}', now(), '', decode(repeat('00', 32), 'hex'))`)
	_, err := o.rebuild.Run(t.Context(), o.list...)
	_, poison := errors.AsType[*eventstore.PoisonError](err)
	require.True(t, poison, "%v", err)
	require.Equal(t, before, o.dump())

	changed := o.list[1]
	changed.Code++
	require.Error(t, o.rebuild.Renew(t.Context(), []projections.Projection{changed}, slog.New(slog.DiscardHandler)), "waiting helps nobody")
}

// A long reader makes the swap wait, and nobody behind it.
func TestALongReaderHoldsUpNobody(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.opened()
	reader, err := o.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = reader.Exec(t.Context(), `SELECT FROM tickets`)
	require.NoError(t, err)
	swapping := make(chan struct{})
	o.during("swap", func() { close(swapping) })
	done := make(chan error, 1)
	go func() {
		_, err := o.rebuild.Run(t.Context(), o.named("tickets"))
		done <- err
	}()
	<-swapping
	for range 20 {
		o.happen(id, o.commented(o.bob, "still here", false))
		o.find(id)
	}
	require.Empty(t, done)
	require.NoError(t, reader.Rollback(t.Context()))
	require.NoError(t, <-done)
	require.Equal(t, 20, o.find(id).Comments)
}

// A table whose code has changed is made anew when the program starts, once, and with it what is made of it.
func TestTablesOfOtherCodeAreRenewed(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	none, err := o.rebuild.Outdated(t.Context(), o.list)
	require.NoError(t, err)
	require.Empty(t, none)
	o.list[1].Code = 5
	fresh, err := o.rebuild.Outdated(t.Context(), o.list)
	require.NoError(t, err)
	require.Empty(t, fresh, "an empty log needs no rebuild")

	o.opened()
	o.index()
	before := o.dump()
	o.exec(`UPDATE tickets SET title = 'as older code had it'`)
	for _, code := range []int{6, 2} { // 2: the program before, rolled back
		o.list[1].Code = code
		outdated, err := o.rebuild.Outdated(t.Context(), o.list)
		require.NoError(t, err)
		require.Len(t, outdated, 2)
		require.Equal(t, "ticket_search", outdated[0].Name, "it is made of tickets")
		var said bytes.Buffer
		var instances sync.WaitGroup
		log := slog.New(slog.NewTextHandler(&said, nil))
		for range 2 {
			instances.Go(func() {
				own := *o.rebuild
				require.NoError(t, own.Renew(t.Context(), o.list, log))
			})
		}
		instances.Wait()
		require.Equal(t, before, o.dump())
		require.Equal(t, 1, bytes.Count(said.Bytes(), []byte("the tables were made anew")), "one instance does it: %s", said.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o.list[1].Code++
	require.NoError(t, o.rebuild.Renew(ctx, o.list, slog.New(slog.DiscardHandler)), "a program that stops is no trouble")
}

func TestARebuildWithoutADatabase(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.opened()
	o.pool.Close()
	_, err := o.rebuild.Run(t.Context(), o.list...)
	require.Error(t, err)
	_, err = o.rebuild.Outdated(t.Context(), o.list)
	require.Error(t, err)
	var said bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	log := slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) { cancel(); return said.Write(p) }), nil))
	require.NoError(t, o.rebuild.Renew(ctx, o.list, log))
	require.Contains(t, said.String(), "will be tried again")
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestAProjectionIsFoundByItsName(t *testing.T) {
	t.Parallel()
	_, known := projections.Named(registry(nil), "nonsense")
	require.False(t, known)
	for _, p := range registry(nil) {
		found, known := projections.Named(registry(nil), p.Name)
		require.True(t, known)
		require.Equal(t, p.Name, found.Name)
		require.NotEqual(t, p.Inline == nil, p.Handle == nil, "%s is written with its events or after them", p.Name)
		require.Equal(t, p.Handle == nil, p.Refresh == nil, p.Name)
		require.Positive(t, p.Code)
		if p.Inline != nil {
			require.Empty(t, p.Inline.Rows(eventstore.Stream{Events: []eventstore.Recorded{{Type: "session.started"}}}))
		}
	}
	require.Len(t, projections.Inline(registry(nil)), len(registry(nil))-1)
}
