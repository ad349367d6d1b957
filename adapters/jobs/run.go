package jobs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
)

// stopPatience is how long jobs have to stop that were told to.
const stopPatience = 9 * time.Second

// Run works until ctx ends. Jobs that are not done by then are told to stop and put back, and the try does not count. It
// answers an error when it cannot begin, or when jobs do not stop within 9 seconds; a database that is away in between is
// waited for.
func (j *Jobs) Run(ctx context.Context) error {
	if j.options.Workers+j.options.AgentWorkers == 0 {
		<-ctx.Done()
		return nil
	}
	for first := true; ; first = false {
		lost, err := j.live(ctx)
		if ctx.Err() != nil || first && !lost {
			return err
		}
		j.options.Log.WarnContext(ctx, "no jobs are done until the database answers", "lease_lost", lost, "cause", err)
		if !j.awaitDatabase(ctx) {
			return nil
		}
	}
}

// live works under one name until ctx ends, or until the lease is lost that the name stands for. Whoever lost it gets
// another name: what the old one still has to say is not heard.
func (j *Jobs) live(ctx context.Context) (lost bool, err error) {
	l, g := newLease(j, uuid.NewString()), &gate{free: j.options.Workers + 1}
	if err := l.begin(ctx); err != nil {
		return false, err
	}
	client, err := j.worker(l, g)
	if err != nil {
		return false, err
	}
	// It is stopped below, and not by ctx: River would take that for a failed try.
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return false, fmt.Errorf("start to work on jobs: %w", err)
	}
	l.keep(ctx)
	g.close()
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), j.patience)
	defer cancel()
	stop := client.StopAndCancel(stopping)
	if l.lost.Load() {
		return true, nil
	}
	if stop != nil {
		err = fmt.Errorf("stop the jobs: %w", stop)
	}
	ending, done := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer done()
	return false, errors.Join(err, l.end(ending))
}

// worker makes the client of River that works under the lease, and takes no more uploads than go through the gate.
func (j *Jobs) worker(l *lease, g *gate) (*river.Client[pgx.Tx], error) {
	config := j.config()
	config.ID = l.name
	config.Workers = river.NewWorkers()
	config.Queues = map[string]river.QueueConfig{}
	if n := j.options.Workers; n > 0 {
		river.AddWorker(config.Workers, &worker[readFile]{options: j.options, held: l.held, gate: g})
		each := river.QueueConfig{MaxWorkers: n}
		maps.Copy(config.Queues, map[string]river.QueueConfig{suspects: {MaxWorkers: 1}, transcription: each, ocr: each, extraction: each})
	}
	if n := j.options.AgentWorkers; n > 0 {
		river.AddWorker(config.Workers, &worker[runAgent]{options: j.options, held: l.held, gate: g})
		river.AddWorker(config.Workers, &worker[runBacktest]{options: j.options, held: l.held, gate: g})
		river.AddWorker(config.Workers, &worker[syncIntegration]{options: j.options, held: l.held, gate: g})
		maps.Copy(config.Queues, map[string]river.QueueConfig{suspectRuns: {MaxWorkers: 1}, agents: {MaxWorkers: n}, aside: {MaxWorkers: mostAside}})
	}
	client, err := river.NewClient(fence{riverpgxv5.New(j.pool), l, g}, config)
	if err != nil {
		return nil, fmt.Errorf("prepare to work on jobs: %w", err)
	}
	return client, nil
}

// awaitDatabase waits until the database answers, and reports whether it does: not when ctx has ended.
func (j *Jobs) awaitDatabase(ctx context.Context) bool {
	again := time.NewTicker(j.options.Lease / 10)
	defer again.Stop()
	for {
		if ctx.Err() == nil && j.pool.Ping(ctx) == nil {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-again.C:
		}
	}
}
