package main

import (
	"context"
	"errors"
	"time"

	"ticketd/adapters/http"
	"ticketd/adapters/postgres"
	"ticketd/commands"
	"ticketd/projections"
)

const (
	// syncPatience is how long a sync waits for one ticket: as long as a step may take.
	syncPatience = 2 * time.Minute
	// syncLook is how often a sync looks for what came of tickets.
	syncLook = 100 * time.Millisecond
	// syncTell is how often at most a sync tells how far it is.
	syncTell = time.Second
)

// syncs is what compares organizations' tickets with those at vendors.
type syncs struct {
	rows     *projections.Syncs
	commands commands.Syncs
}

func (p *program) wireSyncs() {
	p.syncs.commands = commands.NewSyncs(p.store, p.deliveries.commands, commands.SyncParts{
		Tickets: p.syncs.rows, Waits: postgres.DeliveryQueue{Pool: p.pool}, Patience: syncPatience, Look: syncLook, Tell: syncTell,
	})
}

func (s *syncs) routes() http.Syncs { return http.Syncs{Commands: s.commands, Rows: s.rows} }

// run and giveUp are called when everything is wired: the queue of jobs is made before deliveries are.
func (s *syncs) run(ctx context.Context, job commands.SyncJob) error { return s.commands.Run(ctx, job) }

func (s *syncs) giveUp(ctx context.Context, job commands.SyncJob) error {
	return s.commands.GiveUp(ctx, job)
}

// takeUpSyncs gives a job to every sync that was begun long ago and has not ended: whoever was at it has died.
func (p *program) takeUpSyncs(ctx context.Context, before time.Time) error {
	unfinished, err := p.syncs.rows.Unfinished(ctx, before)
	for _, u := range unfinished {
		why := "unfinished-" + u.ID.String()
		err = errors.Join(err, p.files.jobs.EnqueueSync(ctx, commands.SyncJob{Org: u.Org, Sync: u.ID, Correlation: why, Causation: why}))
	}
	return err
}
