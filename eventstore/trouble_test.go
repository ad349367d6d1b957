package eventstore_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ticketd/eventstore"
)

// What PostgreSQL may not say again is waited out; what it would say to every attempt ends the feed.
func TestTroubleIsNoFault(t *testing.T) {
	t.Parallel()
	for code, fault := range map[string]bool{
		"53100": false, // the disk is full
		"53200": false, // out of memory
		"40P01": false, // a deadlock
		"57014": false, // cancelled
		"58030": false, // the disk does not answer
		"0A000": false, // a plan from before the table changed
		"54000": true,  // more words than a tsvector holds
		"21000": true,  // a row written twice by one statement
		"P0001": true,  // raised by a function
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s := openWithTaken(t)
			exec(t, s.pool, `CREATE SEQUENCE attempts`)
			exec(t, s.pool, `
				CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN
					PERFORM nextval('attempts');
					RAISE EXCEPTION 'no' USING ERRCODE = '`+code+`';
				END $$`)
			exec(t, s.pool, `CREATE TRIGGER refuse BEFORE INSERT ON taken FOR EACH ROW EXECUTE FUNCTION refuse()`)
			run := follow(t, feedOf(s), "notes", takeNote)
			mustAppend(t, s, fresh(), "a")
			if fault {
				_, poisoned := errors.AsType[*eventstore.PoisonError](<-run.done)
				require.True(t, poisoned)
				return
			}
			eventually(t, func() bool { return number(t, s.pool, `SELECT last_value FROM attempts`) >= 2 }, "another attempt")
			exec(t, s.pool, `DROP TRIGGER refuse ON taken`)
			eventually(t, func() bool { return taken(t, s.pool) == 1 }, "it goes on by itself")
			requireTakenOnce(t, s.pool, "notes")
		})
	}
}

// A handler that panics over an event is as good as one that refuses it.
func TestAHandlersPanicEndsItsFeedAlone(t *testing.T) {
	t.Parallel()
	s := openWithTaken(t)
	run := follow(t, feedOf(s), "clumsy", func(context.Context, *pgx.Batch, []eventstore.Recorded) error {
		panic("tripped")
	})
	follow(t, feedOf(s), "notes", takeNote)
	at := mustAppend(t, s, fresh(), "a").Position()
	poison, ok := errors.AsType[*eventstore.PoisonError](<-run.done)
	require.True(t, ok)
	require.Equal(t, at, poison.Position)
	require.ErrorContains(t, poison, "panic: tripped")
	require.Zero(t, checkpoint(t, s.pool, "clumsy"))
	eventually(t, func() bool { return taken(t, s.pool) == 1 }, "the others go on")
}

// Whoever comes from far behind is given everything that stands before an event that cannot be read.
func TestWhatStandsBeforeAnUnreadableEventIsHandedOver(t *testing.T) {
	t.Parallel()
	s := openWithTaken(t)
	appendMany(t, s, 20)
	before := number(t, s.pool, `SELECT max(position) FROM events`)
	foreign(t, s.pool, "nobody.knows", `{}`, `{"v":1}`, make([]byte, 32))
	mustAppend(t, s, fresh(), "behind it")
	late := another(t, s.pool) // one that remembers nothing
	poison, ok := errors.AsType[*eventstore.PoisonError](<-follow(t, feedOf(late), "notes", takeNote).done)
	require.True(t, ok)
	require.Greater(t, poison.Position, int64(before))
	require.Equal(t, 20, taken(t, s.pool))
	require.Equal(t, before, checkpoint(t, s.pool, "notes"))

	var told int
	err := eventstore.Tail(t.Context(), late, 0, slog.New(slog.DiscardHandler), func(_ context.Context, events []eventstore.Recorded) error {
		told += len(events)
		return nil
	})
	require.ErrorAs(t, err, &poison)
	require.Equal(t, 20, told)
}
