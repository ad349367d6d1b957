package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	nethttp "net/http"
	"sync"
	"time"

	"ticketd/eventstore"
)

const (
	// drainTime is how long requests may take to finish once the program was asked to stop.
	drainTime = 15 * time.Second
	// housekeeping is how often old idempotency answers are deleted.
	housekeeping = time.Hour
)

// serve answers requests until ctx ends or the database goes away, then finishes what was begun. ready is called with
// the address once the program answers.
func (p *program) serve(ctx context.Context, ready func(address string)) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", p.config.HTTPAddr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", p.config.HTTPAddr, err)
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, 6) // whatever must not end while the program serves
	var work sync.WaitGroup
	stopTools, err := p.serveTools(background, ended) // before those who work need tools
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := p.follow(background, &work, ended); err != nil {
		return errors.Join(err, listener.Close(), stopTools(background))
	}
	server := &nethttp.Server{Handler: p.http, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	server.RegisterOnShutdown(p.http.EndStreams)
	work.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, nethttp.ErrServerClosed) {
			ended <- err
		}
	})
	ready(listener.Addr().String())
	err = p.wait(ctx, ended)
	p.draining.Store(true)
	p.log.InfoContext(ctx, "stopping: finishing what was begun")
	drained := p.drain(context.WithoutCancel(ctx), server.Shutdown, p.sockets.Close)
	stop()
	work.Wait()
	drained = errors.Join(drained, p.drain(context.WithoutCancel(ctx), stopTools))
	if err == nil { // a program that cannot go on may have no database to sign in
		p.signLast(context.WithoutCancel(ctx)) // also when a request did not end in time: what it wrote is in the log
	}
	return errors.Join(err, drained)
}

// follow starts what follows the log.
func (p *program) follow(ctx context.Context, work *sync.WaitGroup, ended chan<- error) error {
	head, err := p.store.Head(ctx)
	if err != nil {
		return err
	}
	if err := p.authenticator.LoadRevoked(ctx, p.store); err != nil {
		return err
	}
	work.Go(func() { p.runner.Run(ctx) })
	work.Go(func() {
		if err := p.keepCaches(ctx, head); err != nil {
			ended <- fmt.Errorf("follow the log: %w", err)
		}
	})
	work.Go(func() {
		if err := p.sockets.Run(ctx); err != nil { // each was told to come back, and resumes where the event can be read
			p.log.ErrorContext(ctx, "the sockets have stopped", "cause", err)
			p.health.stopped.Store("sockets", "has stopped")
		}
	})
	work.Go(func() {
		if err := p.reactions.Run(ctx); err != nil {
			ended <- fmt.Errorf("run the reactions: %w", err)
		}
	})
	work.Go(func() {
		p.renew(ctx)
		p.keepFiles(ctx) // what lies about is known when the tables are what the log makes them
	})
	work.Go(func() { p.keepHouse(ctx) })
	work.Go(func() { p.keepSigning(ctx) })
	work.Go(func() { p.eraser.run(ctx) })
	work.Go(func() { p.webhooks.run(ctx) })
	work.Go(func() { p.webhooksIn.commands.Run(ctx) })
	if p.config.DeliveryWorkers > 0 {
		work.Go(func() { p.deliveries.run(ctx) })
	}
	work.Go(func() {
		if err := p.files.jobs.Run(ctx); err != nil {
			ended <- fmt.Errorf("run the jobs: %w", err)
		}
	})
	return nil
}

// keepCaches lets the caches follow the log, past events that this program cannot read: a newer one wrote them.
//
// # Why
//
// To end the process would take every instance of the older program away at once, for an event that concerns few. To
// stop listening would let in for as long as their tokens last whoever is signed out from then on. So it goes on, and
// only what the event itself says is missed: accounts and API tokens are kept for a minute at the most and then read
// again. Ready names it, so that whoever looks after the program replaces this instance.
func (p *program) keepCaches(ctx context.Context, after int64) error {
	for {
		err := eventstore.Tail(ctx, p.store, after, p.log, p.observe)
		poison, ok := errors.AsType[*eventstore.PoisonError](err)
		if !ok {
			return err
		}
		p.log.ErrorContext(ctx, "the caches have passed over an event that this program cannot read", "cause", poison)
		p.health.stopped.Store("caches", "have passed over an event")
		after = poison.Position
	}
}

// wait answers nil when the program was asked to stop, and what happened when it cannot go on.
func (p *program) wait(ctx context.Context, ended <-chan error) error {
	var databaseGone <-chan struct{}
	if p.cluster != nil {
		databaseGone = p.cluster.Done()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	case <-databaseGone:
		return fmt.Errorf("the embedded PostgreSQL has ended: %w", p.cluster.Wait())
	}
}

// drain lets requests finish and tells the sockets to come back elsewhere, both at once: slow sockets must not eat up the
// time of the requests.
func (p *program) drain(ctx context.Context, finish ...func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	var work sync.WaitGroup
	errs := make([]error, len(finish))
	for i, end := range finish {
		work.Go(func() { errs[i] = end(ctx) })
	}
	work.Wait()
	return errors.Join(errs...)
}

func (p *program) keepHouse(ctx context.Context) {
	ticker := time.NewTicker(housekeeping)
	defer ticker.Stop()
	for { // at once too: a program that restarts every half hour keeps house as well
		if _, err := p.idempotency.Forget(ctx); err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "old answers were not deleted; the next hour tries again", "cause", err)
		}
		if err := p.integrations.sweep(ctx); err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "credentials of no integration were not destroyed; the next hour tries again", "cause", err)
		}
		if err := p.webhooksIn.sweep(ctx); err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "old webhooks were not forgotten; the next hour tries again", "cause", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
