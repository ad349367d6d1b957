package webhook

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/webhook"
	"ticketd/eventstore"
	"ticketd/projections"
)

// Log is what happened, one organization at a time.
type Log interface {
	projections.Events

	// Head is the position of the last event, of whatever organization.
	Head(ctx context.Context) (int64, error)
}

// Cursors keeps how far webhooks have come, and shares out which process sends for which. Instances share it.
type Cursors interface {
	// Hold answers the webhooks that a process sends for until life has passed from now, and how many are more than its share.
	Hold(ctx context.Context, process uuid.UUID, life time.Duration) (held []commands.WebhookRef, surplus int, err error)
	// Release lets others send for webhooks at once, and Leave for all.
	Release(ctx context.Context, process uuid.UUID, refs ...commands.WebhookRef) error
	Leave(ctx context.Context, process uuid.UUID) error
	// Tidy forgets what webhooks that were deleted have left.
	Tidy(ctx context.Context) error

	// Cursor answers where a webhook stands; false when the process does not hold it.
	Cursor(ctx context.Context, process uuid.UUID, ref commands.WebhookRef) (commands.WebhookCursor, bool, error)
	// Save moves a cursor and answers the version that the webhook has now; 0, and nothing moved, when the process does not hold it.
	Save(ctx context.Context, process uuid.UUID, ref commands.WebhookRef, c commands.WebhookCursor) (version int, err error)
}

// Rows knows the webhooks themselves.
type Rows interface {
	// Find answers one webhook. webhook.ErrNotFound when there is none in the organization, or none any more.
	Find(ctx context.Context, org domain.OrgID, id webhook.ID) (projections.WebhookRow, error)
}

// Config is how patiently webhooks are sent. What is left out is as usual.
type Config struct {
	Lease      time.Duration // for how long a process says that it sends: 30 s
	FirstPause time.Duration // before a request is repeated; it doubles: 5 s
	MostPause  time.Duration // 1 h
	GiveUp     time.Duration // for how long a receiver may take nothing: 3 days
}

func (c Config) orUsual() Config {
	usual := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	usual(&c.Lease, 30*time.Second)
	usual(&c.FirstPause, 5*time.Second)
	usual(&c.MostPause, time.Hour)
	usual(&c.GiveUp, 72*time.Hour)
	return c
}

// Deps is what the pump works with.
type Deps struct {
	Log     Log
	Rows    Rows
	Cursors Cursors
	Secrets commands.WebhookSecrets
	Sender  Sender
	// Show answers an event as the organization's audit trail shows it.
	Show func(ctx context.Context, r eventstore.Recorded) (any, error)
	// GiveUp pauses a webhook because of its receiver.
	GiveUp func(ctx context.Context, org domain.OrgID, id webhook.ID, code webhook.PauseCode, reason string) error
	Logger *slog.Logger
}

// Pump sends what happens to the webhooks that this process holds.
type Pump struct {
	Deps
	config  Config
	process uuid.UUID
	call    chan struct{} // holds one call at most: webhooks were changed

	mu        sync.Mutex
	workers   map[commands.WebhookRef]*worker
	heldUntil time.Time // by our clock, which is asked before the database's
}

// New answers a pump that has not started.
func New(c Config, d Deps) *Pump {
	return &Pump{Deps: d, config: c.orUsual(), process: commands.NewID(), call: make(chan struct{}, 1), workers: map[commands.WebhookRef]*worker{}}
}

// Observe is told what was appended, by whatever instance.
func (p *Pump) Observe(events []eventstore.Recorded) {
	orgs := map[uuid.UUID]bool{}
	for _, r := range events {
		orgs[r.Org] = true
		if r.Category() == webhook.Decider.Category {
			poke(p.call)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for ref, w := range p.workers {
		if orgs[ref.Org.UUID] {
			poke(w.woken)
		}
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run sends until ctx ends. Trouble with the database is waited out.
func (p *Pump) Run(ctx context.Context) {
	beat := time.NewTicker(p.config.Lease / 3)
	defer beat.Stop()
	for tidied := (time.Time{}); ctx.Err() == nil; {
		if err := p.hold(ctx); err != nil && ctx.Err() == nil {
			p.Logger.WarnContext(ctx, "webhooks wait for the database", "cause", err)
		}
		if now := p.Sender.now(); now.Sub(tidied) > p.config.Lease {
			tidied = now
			if err := p.Cursors.Tidy(ctx); err != nil && ctx.Err() == nil {
				p.Logger.WarnContext(ctx, "webhooks were not tidied; it is tried again", "cause", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-beat.C:
		case <-p.call:
		}
	}
	p.end(p.surplus(len(p.workers)))
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), p.config.Lease)
	defer done()
	if err := p.Cursors.Leave(ctx, p.process); err != nil {
		p.Logger.WarnContext(ctx, "webhooks go on elsewhere a little later", "cause", err)
	}
}

// hold says again what this process sends for, and starts and ends workers by the answer.
func (p *Pump) hold(ctx context.Context) error {
	asked := p.Sender.now()
	held, surplus, err := p.Cursors.Hold(ctx, p.process, p.config.Lease)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.heldUntil = asked.Add(p.config.Lease)
	p.mu.Unlock()
	p.end(p.others(held))
	p.begin(ctx, held)
	if surplus == 0 {
		return nil
	}
	extra := p.surplus(surplus)
	p.end(extra) // what is under way is finished first: no event is sent by two
	return p.Cursors.Release(ctx, p.process, refsOf(extra)...)
}

// begin starts a worker for each webhook that has none.
func (p *Pump) begin(ctx context.Context, held []commands.WebhookRef) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ref := range held {
		if p.workers[ref] == nil {
			p.workers[ref] = p.start(ctx, ref)
		} else {
			poke(p.workers[ref].changed)
		}
	}
}

// others answers the workers of webhooks that are not held any more.
func (p *Pump) others(held []commands.WebhookRef) []*worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	still := map[commands.WebhookRef]bool{}
	for _, ref := range held {
		still[ref] = true
	}
	var ended []*worker
	for ref, w := range p.workers {
		if !still[ref] {
			ended = append(ended, w)
		}
	}
	return ended
}

// surplus answers so many workers, whichever.
func (p *Pump) surplus(n int) []*worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	var some []*worker
	for _, w := range p.workers {
		if len(some) < n {
			some = append(some, w)
		}
	}
	return some
}

// end ends workers and waits until the last has.
func (p *Pump) end(workers []*worker) {
	for _, w := range workers {
		w.stop()
	}
	for _, w := range workers {
		<-w.ended
		p.mu.Lock()
		delete(p.workers, w.ref)
		p.mu.Unlock()
	}
}

func refsOf(workers []*worker) []commands.WebhookRef {
	refs := make([]commands.WebhookRef, len(workers))
	for i, w := range workers {
		refs[i] = w.ref
	}
	return refs
}

// holds reports whether this process surely sends alone for as long as a request may take.
func (p *Pump) holds() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Sender.now().Add(p.Sender.patience()).Before(p.heldUntil)
}
