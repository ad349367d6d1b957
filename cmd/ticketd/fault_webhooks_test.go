//go:build linux

package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Of two instances the one that sends is killed, again and again, while tickets are made: its receiver is sent every one,
// in order, and what came twice came under the same id.
func TestAKilledInstanceLosesNoWebhook(t *testing.T) {
	t.Parallel()
	database := faultDatabase(t)
	pairs := []string{"OUTBOUND_ALLOW=127.0.0.0/8", "JOB_LEASE=1500ms"}
	instances := []*child{begin(t, database, pairs...), begin(t, database, pairs...)}
	ann := instances[0].founder("ann")
	to := receive(t, nil)
	ann.hook(to, "ticket.opened")
	var made []any
	for round := range 4 {
		victim, other := instances[round%2], instances[1-round%2]
		for n := range 12 {
			made = append(made, other.here(ann).ticket().id())
			if n == 6 {
				victim.kill()
			}
		}
		to.await(len(made) - 6) // whoever is left sends
		victim.start()
	}
	var sent []any
	for _, d := range to.await(len(made)) {
		sent = append(sent, d.event(t).Data["stream"])
	}
	require.Equal(t, made, sent)
	ids := map[string]string{}
	last := int64(0)
	for _, d := range to.all() {
		e := d.event(t)
		require.GreaterOrEqual(t, e.Position, last, "an older one comes no more")
		last = e.Position
		if before, twice := ids[d.id]; twice {
			require.Equal(t, before, string(d.body))
		}
		ids[d.id] = string(d.body)
	}
	require.Len(t, ids, len(made))
	for _, i := range instances {
		i.requireReady()
		i.stop()
	}
}
