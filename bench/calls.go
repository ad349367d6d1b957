package main

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// callers is how many connections ask for tickets, and callEvery how often each does.
	callers   = 8
	callEvery = 80 * time.Millisecond
	// watchedTickets is how many tickets there are to ask for.
	watchedTickets = 200
)

// call is a request that was answered.
type call struct {
	at   time.Time // it was due
	took time.Duration
}

// lasted is the sample of calls.
func lasted(calls []call) sample {
	took := make([]time.Duration, len(calls))
	for i, c := range calls {
		took[i] = c.took
	}
	return summary(took, time.Second)
}

// watched makes tickets, and answers what is asked for in turns.
func (w *world) watched(ctx context.Context) ([]string, error) {
	c, err := connect(ctx, w.real.address, w.member)
	if err != nil {
		return nil, err
	}
	defer c.close()
	var paths []string
	for range watchedTickets {
		id, err := c.create("/api/v1/tickets", newTicket(""))
		if err != nil {
			return nil, err
		}
		paths = append(paths, "/api/v1/tickets/"+id, "/api/v1/tickets?limit=20")
	}
	return paths, nil
}

// idle calls for a while in which nothing else happens.
func (w *world) idle(ctx context.Context, paths []string, span time.Duration) ([]call, error) {
	stop, err := w.call(ctx, paths)
	if err != nil {
		return nil, err
	}
	over := time.NewTimer(span)
	defer over.Stop()
	select {
	case <-ctx.Done():
	case <-over.C:
	}
	return stop()
}

// call has all callers ask, each at its own times, until stop, which answers the calls by the time they were due.
func (w *world) call(ctx context.Context, paths []string) (stop func() ([]call, error), err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	clients := make([]*client, callers)
	for i := range clients {
		if clients[i], err = connect(ctx, w.real.address, w.member); err != nil {
			cancel(err)
			return nil, err
		}
	}
	calls := make([][]call, callers)
	began := time.Now()
	var work sync.WaitGroup
	for i, c := range clients {
		work.Go(func() {
			defer c.close()
			for turn := 0; ; turn++ {
				due := began.Add(time.Duration(turn)*callEvery + time.Duration(i)*callEvery/callers)
				at, on := wait(ctx, due)
				if !on {
					return
				}
				if err := c.do(http.MethodGet, paths[(turn+i)%len(paths)], "", http.StatusOK, nil); err != nil {
					cancel(err)
					return
				}
				calls[i] = append(calls[i], call{at, time.Since(at)})
			}
		})
	}
	return func() ([]call, error) {
		err := context.Cause(ctx) // nobody has stopped it yet: what ended it before is an error
		cancel(nil)
		work.Wait()
		all := slices.Concat(calls...)
		slices.SortFunc(all, func(a, b call) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
		return all, err
	}, nil
}

// wait answers when a call that is due begins, and whether it still does. One whose caller was held up by the answer
// before begins when it was due: the wait is part of what a person would see. How late a sleeper wakes is no part of it.
func wait(ctx context.Context, due time.Time) (begins time.Time, on bool) {
	left := time.Until(due)
	if left <= 0 {
		return due, ctx.Err() == nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return due, false
	case <-timer.C:
		return time.Now(), true
	}
}
