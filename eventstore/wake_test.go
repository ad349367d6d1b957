package eventstore_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/eventstore"
)

// listening waits until n instances listen on the database.
func listening(t *testing.T, pool *pgxpool.Pool, n int) {
	t.Helper()
	eventually(t, func() bool {
		return number(t, pool, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query = 'LISTEN ticketd_events'`) == n
	}, "the instances listen")
}

// quiet waits for a channel that stays open while nobody appends.
func quiet(t *testing.T, s eventstore.Reader) <-chan struct{} {
	t.Helper()
	for {
		woken := s.Woken()
		select {
		case <-woken: // by the start of listening
			continue
		default:
			return woken
		}
	}
}

func TestInstancesWakeEachOther(t *testing.T) {
	t.Parallel()
	a := open(t, database(t), eventstore.Options{})
	b := another(t, a.pool)
	listening(t, a.pool, 2)
	stream := fresh()
	for range 5 {
		here, there := quiet(t, a), quiet(t, b)
		stream = mustAppend(t, a, stream, "a")
		<-here
		<-there
	}
	there := quiet(t, a)
	mustAppend(t, b, stream, "b")
	<-there
}

func TestAListenerThatWasCutOffListensAgain(t *testing.T) {
	t.Parallel()
	a := open(t, database(t), eventstore.Options{})
	b := another(t, a.pool)
	listening(t, a.pool, 2)
	cut := `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query = 'LISTEN ticketd_events'`
	woken := quiet(t, b)
	exec(t, a.pool, cut)
	<-woken // what was committed in between is looked for at once
	listening(t, a.pool, 2)
	woken = quiet(t, b)
	mustAppend(t, a, fresh(), "a")
	<-woken
}

// Waking is the least of it: when it fails, appends go on.
func TestAppendsGoOnWhileNobodyIsWoken(t *testing.T) {
	t.Parallel()
	control := database(t)
	a, b := another(t, control), another(t, control)
	stream := mustAppend(t, a, fresh(), "a")
	terminateAll(t, control)
	eventually(t, func() bool {
		grown, err := appendNote(t.Context(), a, stream, "b")
		if err == nil {
			stream = grown
		}
		return err == nil
	}, "appended")
	listening(t, control, 2)
	woken := quiet(t, b)
	mustAppend(t, a, stream, "c")
	<-woken
}
