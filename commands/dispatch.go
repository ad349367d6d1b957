package commands

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
)

// Dispatcher looks at deliveries that are due, for the accounts whose turn this process has, and checks integrations.
type Dispatcher struct {
	deliveries   Deliveries
	integrations Integrations
	queue        DeliveryQueue
	options      DispatchOptions
	holder       uuid.UUID
	wake         chan struct{}

	mu        sync.Mutex
	breathers map[uuid.UUID]*breather // of the accounts, by their integrations
}

// DispatchOptions says how to work.
type DispatchOptions struct {
	Accounts   int           // that are served here at a time
	AtATime    int           // deliveries of an account
	Life       time.Duration // of a turn that nobody keeps: how long an account waits whose process was killed
	Look       time.Duration // how often is looked for what is due
	CheckEvery time.Duration // of each integration
	Log        *slog.Logger
}

// NewDispatcher answers a dispatcher that does not run yet.
func NewDispatcher(d Deliveries, i Integrations, q DeliveryQueue, o DispatchOptions) *Dispatcher {
	return &Dispatcher{deliveries: d, integrations: i, queue: q, options: o, holder: NewID(), wake: make(chan struct{}, 1), breathers: map[uuid.UUID]*breather{}}
}

// Wake says that something may be due.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default: // it is awake
	}
}

// Run works until ctx ends.
func (d *Dispatcher) Run(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { d.check(ctx) })
	served := map[uuid.UUID]context.CancelFunc{}
	over := make(chan AccountRef)
	look, keep := time.NewTicker(d.options.Look), time.NewTicker(d.options.Life/3)
	defer look.Stop()
	defer keep.Stop()
	for {
		d.claim(ctx, served, func(a AccountRef) {
			account, cancel := context.WithCancel(ctx)
			served[a.Integration] = cancel
			work.Go(func() {
				d.serve(account, a)
				select {
				case over <- a:
				case <-ctx.Done():
					d.giveBack(ctx, a)
				}
			})
		})
		select {
		case <-ctx.Done():
			return
		case a := <-over:
			served[a.Integration]()
			delete(served, a.Integration)
			d.giveBack(ctx, a)
		case <-d.wake:
		case <-look.C:
		case <-keep.C:
			d.keep(ctx, served)
		}
	}
}

// claim takes the turn at accounts for which something is due.
func (d *Dispatcher) claim(ctx context.Context, served map[uuid.UUID]context.CancelFunc, serve func(AccountRef)) {
	free := d.options.Accounts - len(served)
	if free <= 0 {
		return
	}
	accounts, err := d.queue.Claim(ctx, d.holder, d.options.Life, free)
	d.complain(ctx, "look for due deliveries", err)
	for _, a := range accounts {
		if served[a.Integration] == nil {
			serve(a)
		}
	}
}

// keep keeps the turns, and leaves the accounts to others whose turn was lost: what is under way there is in doubt.
func (d *Dispatcher) keep(ctx context.Context, served map[uuid.UUID]context.CancelFunc) {
	if len(served) == 0 {
		return
	}
	kept, err := d.queue.Keep(ctx, d.holder, d.options.Life)
	d.complain(ctx, "keep serving", err)
	still := map[uuid.UUID]bool{}
	for _, id := range kept {
		still[id] = true
	}
	for id, cancel := range served {
		if !still[id] {
			cancel()
		}
	}
}

// giveBack ends the turn at an account that is served no longer. While Run works it is the one to do so: a turn that ended
// sooner could be taken again for an account that still counts as served, and nobody would serve it then.
func (d *Dispatcher) giveBack(ctx context.Context, a AccountRef) {
	d.mu.Lock()
	if known := d.breathers[a.Integration]; known != nil && known.calm() {
		delete(d.breathers, a.Integration)
	}
	d.mu.Unlock()
	d.complain(ctx, "give an account back", d.queue.GiveBack(context.WithoutCancel(ctx), d.holder, a))
}

// complain says what could not be done, and will be tried again.
func (d *Dispatcher) complain(ctx context.Context, what string, err error) {
	if err != nil && ctx.Err() == nil {
		d.options.Log.WarnContext(ctx, "deliveries wait", "for", what, "cause", err)
	}
}

// looked is what came of a look at a delivery.
type looked struct {
	job  DeliveryJob
	next Next
	err  error
}

// nap is how long an account is waited for that is left alone. One that is left alone for longer gives its place to others.
const nap = 10 * time.Second

// serve looks at the deliveries of an account until none is due, or it is left alone for long.
func (d *Dispatcher) serve(ctx context.Context, a AccountRef) {
	var work sync.WaitGroup
	defer work.Wait()
	results := make(chan looked, d.options.AtATime)
	busy := map[uuid.UUID]bool{}
	rest := d.breatherOf(a)
	for ctx.Err() == nil {
		left := rest.left()
		if free := rest.atATime(d.options.AtATime) - len(busy); left <= 0 && free > 0 {
			jobs, err := d.queue.Due(ctx, a, free, keys(busy))
			d.complain(ctx, "read what is due", err)
			for _, job := range jobs {
				busy[job.Delivery] = true
				work.Go(func() {
					next, err := d.deliveries.Deliver(ctx, job)
					results <- looked{job, next, err}
				})
			}
		}
		switch {
		case len(busy) > 0:
			result := <-results // each ends when ctx does
			delete(busy, result.job.Delivery)
			d.settle(ctx, result)
			rest.heard(result.next)
		case left <= 0:
			return
		case left > nap:
			d.complain(ctx, "put an account off", d.queue.Rest(ctx, a, d.deliveries.Clock().Add(left)))
			return
		default:
			pause(ctx, left)
		}
	}
}

// breatherOf answers what is known of how the vendor answers an account.
func (d *Dispatcher) breatherOf(a AccountRef) *breather {
	d.mu.Lock()
	defer d.mu.Unlock()
	known := d.breathers[a.Integration]
	if known == nil {
		known = &breather{clock: d.deliveries.Clock}
		d.breathers[a.Integration] = known
	}
	return known
}

// pause waits for a while, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func keys(set map[uuid.UUID]bool) []uuid.UUID {
	list := make([]uuid.UUID, 0, len(set))
	for id := range set {
		list = append(list, id)
	}
	return list
}

// troubled is how long a delivery waits after trouble of ours.
const troubled = 10 * time.Second

// settle puts a delivery away. One that was cut off stays as it is: whoever has the turn now finds it due.
func (d *Dispatcher) settle(ctx context.Context, l looked) {
	if ctx.Err() != nil {
		return
	}
	var err error
	switch {
	case l.err != nil:
		d.complain(ctx, "bring a delivery up to date", l.err)
		err = d.queue.Later(ctx, l.job, d.deliveries.Clock().Add(troubled))
	case l.next.Held:
		err = d.queue.Later(ctx, l.job, time.Time{})
	case !l.next.At.IsZero():
		err = d.queue.Later(ctx, l.job, l.next.At)
	default:
		err = d.queue.Settle(ctx, l.job)
	}
	d.complain(ctx, "put a delivery away", err)
}

const (
	// checksAtOnce is how many integrations are checked at the same time, so that vendors that are silent do not hold up the others.
	checksAtOnce = 16
	// mostCheck is how long a check may take.
	mostCheck = 2 * time.Minute
)

// check checks integrations that are due.
func (d *Dispatcher) check(ctx context.Context) {
	ticker := time.NewTicker(d.options.Look)
	defer ticker.Stop()
	var work sync.WaitGroup
	defer work.Wait()
	free := make(chan struct{}, checksAtOnce)
	for {
		select {
		case <-ctx.Done():
			return
		case free <- struct{}{}:
		}
		a, due, err := d.queue.ClaimCheck(ctx, d.options.CheckEvery)
		d.complain(ctx, "look for due checks", err)
		if due {
			work.Go(func() {
				defer func() { <-free }()
				d.checkOne(ctx, a)
			})
			continue
		}
		<-free
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (d *Dispatcher) checkOne(ctx context.Context, a AccountRef) {
	bounded, cancel := context.WithTimeout(ctx, mostCheck)
	defer cancel()
	_, err := d.integrations.Check(bounded, Request{Org: a.Org, By: domain.System}, a.Integration)
	d.complain(ctx, "check an integration", err)
}
