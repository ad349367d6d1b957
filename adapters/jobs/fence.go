package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// fence is River's way to the database under one lease, and through one gate. A worker that was taken for dead may come back and say how its job
// ended, for River goes on trying: that is heard only while the job is its own, or it would end somebody else's.
type fence struct {
	*riverpgxv5.Driver
	lease *lease
	gate  *gate
}

// GetExecutor implements riverdriver.Driver.
func (f fence) GetExecutor() riverdriver.Executor {
	return fencedExecutor{f.Driver.GetExecutor(), f.lease, f.gate}
}

type fencedExecutor struct {
	riverdriver.Executor
	lease *lease
	gate  *gate
}

// JobGetAvailable implements riverdriver.Executor. A gated queue waits for its turn. River does not end ctx while it fetches,
// so only the gate can stop that.
func (e fencedExecutor) JobGetAvailable(ctx context.Context, p *riverdriver.JobGetAvailableParams) (*riverdriver.JobGetAvailableResult, error) {
	if !slices.Contains(gated, p.Queue) {
		return e.Executor.JobGetAvailable(ctx, p)
	}
	t, places := e.gate.enter(p.Queue, p.MaxToLock)
	if places == 0 {
		return &riverdriver.JobGetAvailableResult{}, nil
	}
	bounded, jobs := *p, 0
	defer func() { e.gate.settle(t, places, jobs) }()
	bounded.MaxToLock = places
	found, err := e.Executor.JobGetAvailable(ctx, &bounded)
	if err == nil {
		jobs = len(found.Jobs)
	}
	return found, err
}

// LeaderResign implements riverdriver.Executor. Whoever lost the lease does not insist: the leader's term ends by itself.
func (e fencedExecutor) LeaderResign(ctx context.Context, p *riverdriver.LeaderResignParams) (bool, error) {
	resigned, err := e.Executor.LeaderResign(ctx, p)
	if e.lease.lost.Load() {
		return resigned, nil
	}
	return resigned, err
}

// JobSetStateIfRunningMany implements riverdriver.Executor. Whoever lost the lease does not insist: River does not try again
// after context.Canceled.
func (e fencedExecutor) JobSetStateIfRunningMany(ctx context.Context, p *riverdriver.JobSetStateIfRunningManyParams) ([]*rivertype.JobRow, error) {
	rows, err := e.setOurs(ctx, p)
	if err != nil && e.lease.lost.Load() {
		return nil, fmt.Errorf("%w: %w", context.Canceled, err)
	}
	return rows, err
}

// setOurs writes how those jobs ended that are ours.
func (e fencedExecutor) setOurs(ctx context.Context, p *riverdriver.JobSetStateIfRunningManyParams) (rows []*rivertype.JobRow, err error) {
	tx, err := e.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("write how jobs ended: %w", err)
	}
	defer func() {
		if end := tx.Rollback(context.WithoutCancel(ctx)); !errors.Is(end, pgx.ErrTxClosed) {
			err = errors.Join(err, end)
		}
	}()
	var ours []int64
	err = tx.QueryRow(ctx, `
		SELECT coalesce(array_agg(id), '{}') FROM (
			SELECT id FROM jobs.river_job
			WHERE id = ANY ($1) AND state = 'running' AND attempted_by[cardinality(attempted_by)] = $2
			ORDER BY id FOR UPDATE
		) held`, p.ID, e.lease.name).Scan(&ours)
	if err != nil {
		return nil, fmt.Errorf("look whose jobs they are: %w", err)
	}
	if rows, err = tx.JobSetStateIfRunningMany(ctx, only(p, ours)); err != nil {
		return nil, err
	}
	return rows, tx.Commit(ctx)
}

// only leaves those jobs whose ids are named.
func only(p *riverdriver.JobSetStateIfRunningManyParams, ids []int64) *riverdriver.JobSetStateIfRunningManyParams {
	left := &riverdriver.JobSetStateIfRunningManyParams{Now: p.Now, Schema: p.Schema}
	for i, id := range p.ID {
		if !slices.Contains(ids, id) {
			continue
		}
		left.ID = append(left.ID, id)
		left.Attempt = append(left.Attempt, p.Attempt[i])
		left.ErrData = append(left.ErrData, p.ErrData[i])
		left.FinalizedAt = append(left.FinalizedAt, p.FinalizedAt[i])
		left.MetadataDoMerge = append(left.MetadataDoMerge, p.MetadataDoMerge[i])
		left.MetadataUpdates = append(left.MetadataUpdates, p.MetadataUpdates[i])
		left.ScheduledAt = append(left.ScheduledAt, p.ScheduledAt[i])
		left.State = append(left.State, p.State[i])
	}
	return left
}
