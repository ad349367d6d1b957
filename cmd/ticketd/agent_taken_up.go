package main

import (
	"context"
	"errors"
	"time"

	"ticketd/commands"
	"ticketd/domain/agentrun"
)

// abandonedAfter is how long a run may be without a job or a request before it is taken up again: longer than any request waits.
const abandonedAfter = 15 * time.Minute

// takeUp gives a job to every run, backtest and sync that was begun long ago and has not ended: whoever was at it has died.
func (p *program) takeUp(ctx context.Context, age time.Duration) error {
	before := time.Now().Add(-age)
	unfinished, err := p.agents.rows.Unfinished(ctx, before)
	for _, u := range unfinished {
		why := "unfinished-" + u.ID.String()
		job := commands.RunJob{Org: u.Org, Run: u.ID, Correlation: why, Causation: why}
		enqueue := func() error { return p.files.jobs.EnqueueRun(ctx, job, false) }
		if u.Purpose == agentrun.Shadow { // for which nobody waits
			enqueue = func() error { return p.files.jobs.EnqueueAside(ctx, job) }
		}
		if err := enqueue(); err != nil {
			return err
		}
	}
	backtests, failed := p.agents.backtestRows.Unfinished(ctx, before)
	for _, u := range backtests {
		why := "unfinished-" + u.ID.String()
		if err := p.files.jobs.EnqueueBacktest(ctx, commands.BacktestJob{Org: u.Org, Backtest: u.ID, Correlation: why, Causation: why}); err != nil {
			return err
		}
	}
	return errors.Join(err, failed, p.takeUpSyncs(ctx, before))
}
