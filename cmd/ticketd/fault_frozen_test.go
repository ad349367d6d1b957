//go:build linux

package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// frozenFor is longer than anybody waits: for a lock, a request, a socket's answer.
const frozenFor = time.Minute

// One of two instances stands still for a minute while both are written to, as a virtual machine that is moved. The
// other goes on with everything, and the one that wakes finds its place again: nothing is lost, done twice or undone.
func TestAFrozenInstanceFindsItsPlaceAgain(t *testing.T) {
	t.Parallel()
	database := ownServer(t).url() // on a shared one, making a database waits for the connections that nobody reads
	frozen, other := begin(t, database), begin(t, database)
	w := observeDatabase(t, database)
	w.exec(`CREATE TABLE backwards (name text)`)
	w.exec(`
		CREATE FUNCTION note_backwards() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NEW.position < OLD.position THEN INSERT INTO backwards VALUES (NEW.name); END IF;
			RETURN NEW;
		END $$`)
	w.exec(`CREATE TRIGGER note_backwards BEFORE UPDATE ON checkpoints FOR EACH ROW EXECUTE FUNCTION note_backwards()`)
	ada := frozen.founder("ada")
	there := attend(t, func() *client { return other.here(ada) }, 0)
	here := attend(t, func() *client { return frozen.here(ada) }, 0)
	c := gather(t, 8, func(n int) *client {
		if n%2 == 0 {
			return frozen.here(ada)
		}
		return other.here(ada)
	})
	c.awaitAnswers(100)

	thaw := time.NewTimer(frozenFor)
	defer thaw.Stop()
	frozen.signal(syscall.SIGSTOP)
	t.Cleanup(func() { _ = frozen.cmd.Process.Signal(syscall.SIGCONT) }) // the dead need none
	for range 3 {                                                        // the other serves, projects and pushes
		c.awaitAnswers(100)
		head, err := w.Head(t.Context())
		require.NoError(t, err)
		require.Eventually(t, func() bool {
			return int64(w.count(`SELECT position FROM checkpoints WHERE name = 'ticket_search'`)) >= head && there.last() >= head
		}, startLimit, 20*time.Millisecond, "the other has taken over")
	}
	other.requireReady()
	c.pace.Store(int64(200 * time.Millisecond)) // a minute of little work
	<-thaw.C
	frozen.signal(syscall.SIGCONT)
	frozen.requireReady()
	c.pace.Store(0)
	c.awaitAnswers(200)
	c.finish()

	w.requireKept(c, ada.org)
	w.awaitSearch()
	there.requireEverything(w, ada.org)
	here.requireEverything(w, ada.org)
	require.Zero(t, w.count(`SELECT count(*) FROM backwards`), "no checkpoint goes back")
	require.Equal(t, frozen.here(ada).get("/api/v1/tickets/"+c.shared).raw, other.here(ada).get("/api/v1/tickets/"+c.shared).raw)
	other.stop()
	other.requireHealthy()
}
