package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// sample is what one measurement came to.
type sample struct {
	rate     float64 // operations a second
	p50, p99 time.Duration
	done     int // operations, those while warming up included
}

// percentile of values that are sorted; zero when there are none.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(float64(len(sorted)-1)*p)]
}

// median answers the middle value, or the lower of the two; the zero value when there are none.
func median[T cmp.Ordered](values []T) T {
	var none T
	if len(values) == 0 {
		return none
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// series are the measurements of one thing, one a round, and of its limit.
type series struct {
	samples []sample
	ratios  []float64
}

// add keeps a measurement and its ratio to the limit's of the same round.
func (s *series) add(measured, limit sample) {
	s.samples = append(s.samples, measured)
	s.ratios = append(s.ratios, measured.rate/limit.rate)
}

func (s *series) rate() float64 { return medianOf(s.samples, func(m sample) float64 { return m.rate }) }

func (s *series) p50() time.Duration {
	return medianOf(s.samples, func(m sample) time.Duration { return m.p50 })
}

func (s *series) p99() time.Duration {
	return medianOf(s.samples, func(m sample) time.Duration { return m.p99 })
}
func (s *series) ratio() float64 { return median(s.ratios) }

func medianOf[T any, V cmp.Ordered](list []T, of func(T) V) V {
	values := make([]V, len(list))
	for i, item := range list {
		values[i] = of(item)
	}
	return median(values)
}

// drive has every worker repeat an operation: the next begins when the last has ended. What begins in the first fifth
// warms up and is not counted.
func drive(ctx context.Context, workers int, span time.Duration, op func(ctx context.Context, worker int) error) (sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	counted := time.Now().Add(span / 5)
	end := counted.Add(span)
	took := make([][]time.Duration, workers)
	var done atomic.Int64
	var work sync.WaitGroup
	for worker := range workers {
		work.Go(func() {
			for ctx.Err() == nil {
				start := time.Now()
				if start.After(end) {
					return
				}
				if err := op(ctx, worker); err != nil {
					cancel(err)
					return
				}
				done.Add(1)
				if now := time.Now(); start.After(counted) && now.Before(end) {
					took[worker] = append(took[worker], now.Sub(start))
				}
			}
		})
	}
	work.Wait()
	s := summary(slices.Concat(took...), span)
	s.done = int(done.Load())
	return s, context.Cause(ctx)
}

func summary(took []time.Duration, span time.Duration) sample {
	slices.Sort(took)
	return sample{rate: float64(len(took)) / span.Seconds(), p50: percentile(took, .5), p99: percentile(took, .99), done: len(took)}
}

// line is one thing that is measured beside others.
type line struct {
	what string
	op   func(context.Context) error
	of   series
}

// inTurns repeats each line's operation for a while, one after the other and as often as there are rounds. The first line
// is the limit of the others.
func inTurns(ctx context.Context, o options, lines []line) error {
	for range o.rounds {
		var limit sample
		for i := range lines {
			measured, err := drive(ctx, 1, o.span, func(ctx context.Context, _ int) error { return lines[i].op(ctx) })
			if err != nil {
				return fmt.Errorf("%s: %w", lines[i].what, err)
			}
			if i == 0 {
				limit = measured
			}
			lines[i].of.add(measured, limit)
		}
	}
	return nil
}
