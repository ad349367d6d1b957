package webhook

import (
	"context"
	"errors"
	"time"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/webhook"
	"ticketd/eventstore"
	"ticketd/projections"
)

const (
	// batch is how many events are read at a time.
	batch = 100
	// idle is how often a webhook looks by itself: who tells it that something happened never fails for long.
	idle = 30 * time.Second
	// troubled is the pause after trouble that is not the receiver's.
	troubled = time.Second
	// breath is the pause after events that nobody wanted, so that a busy organization's cursor does not move for each.
	breath = 100 * time.Millisecond
	// finish is how long a request under way may still take when the program stops.
	finish = 2 * time.Second
)

// worker sends for one webhook, one request at a time.
type worker struct {
	*Pump
	ref     commands.WebhookRef
	woken   chan struct{} // something happened in the organization
	changed chan struct{} // the webhook itself may be another
	stop    context.CancelFunc
	ended   chan struct{}
}

func (p *Pump) start(ctx context.Context, ref commands.WebhookRef) *worker {
	ctx, stop := context.WithCancel(ctx)
	w := &worker{Pump: p, ref: ref, woken: make(chan struct{}, 1), changed: make(chan struct{}, 1), stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		w.run(ctx)
	}()
	return w
}

func (w *worker) run(ctx context.Context) {
	for ctx.Err() == nil {
		pause, err := w.step(ctx)
		if err != nil && ctx.Err() == nil {
			pause = troubled
			w.Logger.WarnContext(ctx, "a webhook waits", "webhook", w.ref.ID, "cause", err)
		}
		w.wait(ctx, pause)
	}
}

// wait waits until something may be done. New events end only an idle wait: else they come after one that was not taken.
func (w *worker) wait(ctx context.Context, pause time.Duration) {
	if pause <= 0 {
		return
	}
	var woken chan struct{}
	if pause == idle {
		woken = w.woken
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-woken:
	case <-w.changed:
	}
}

// step does what can be done now, and answers how long nothing can; idle when nothing is there to do.
func (w *worker) step(ctx context.Context) (time.Duration, error) {
	row, err := w.Rows.Find(ctx, w.ref.Org, w.ref.ID)
	if errors.Is(err, webhook.ErrNotFound) {
		return idle, nil // whoever shares out will notice
	}
	if err != nil {
		return 0, err
	}
	cursor, held, err := w.Cursors.Cursor(ctx, w.process, w.ref)
	if err != nil || !held || !row.Sends() {
		return idle, err
	}
	if row.Version > cursor.Version {
		cursor = noticed(row, cursor)
		if held, err = w.save(ctx, row, cursor); err != nil || !held {
			return 0, err
		}
	}
	if pause := cursor.NextTry.Sub(w.Sender.now()); pause > 0 {
		return pause, nil
	}
	return w.send(ctx, row, cursor)
}

// noticed answers the cursor of a webhook that was changed: whatever was wrong may be right now.
func noticed(row projections.WebhookRow, c commands.WebhookCursor) commands.WebhookCursor {
	if row.Replayed > c.Version {
		c.Position = row.ReplayFrom - 1
	}
	c.Version, c.Failures, c.FailingSince, c.NextTry = row.Version, 0, time.Time{}, time.Time{}
	return c
}

// save moves the cursor, and answers whether all is as it was: this process sends, and nobody has changed the webhook.
func (w *worker) save(ctx context.Context, row projections.WebhookRow, c commands.WebhookCursor) (bool, error) {
	version, err := w.Cursors.Save(context.WithoutCancel(ctx), w.process, w.ref, c)
	return version == row.Version, err
}

// send sends the next events, until one is not taken, or something has changed.
func (w *worker) send(ctx context.Context, row projections.WebhookRow, cursor commands.WebhookCursor) (time.Duration, error) {
	head, err := w.Log.Head(ctx)
	if err != nil || head <= cursor.Position {
		return idle, err
	}
	events, err := w.Log.Read(ctx, w.ref.Org, eventstore.Query{After: cursor.Position, Upto: head, Limit: batch, Unreadable: true})
	if err != nil || len(events) == 0 {
		return idle, err
	}
	passed := cursor.Position
	for _, r := range events {
		if ctx.Err() != nil {
			break
		}
		if !webhook.Wants(row.Events, r.Type) {
			passed = r.Position
			continue
		}
		if !w.holds() {
			return breath, nil
		}
		var same bool
		if cursor, same, err = w.deliver(ctx, row, cursor, r); err != nil || !same || cursor.Position < r.Position {
			return 0, err
		}
		passed = r.Position
	}
	if passed == cursor.Position {
		return 0, nil
	}
	cursor.Position = passed
	_, err = w.save(ctx, row, cursor)
	return breath, err
}

// deliver sends one event, and moves the cursor by what came of it. It answers whether all is as it was.
func (w *worker) deliver(ctx context.Context, row projections.WebhookRow, c commands.WebhookCursor, r eventstore.Recorded) (commands.WebhookCursor, bool, error) {
	now := w.Sender.now()
	secrets, err := w.secretsOf(ctx, row, now)
	if err != nil {
		return c, false, err
	}
	data, err := w.Show(ctx, r)
	if err != nil {
		return c, false, err
	}
	m, err := messageOf(r, r.Type, data)
	if err != nil {
		return c, false, err
	}
	ending, done := unhurried(ctx)
	defer done()
	a := w.Sender.send(ending, w.ref.ID.UUID, row.URL, secrets, m)
	if a.Why != "" && ending.Err() != nil {
		return c, false, nil // it is we who gave up
	}
	c.LastTry, c.LastStatus, c.LastError = now, a.Status, a.Why
	if a.Why == "" {
		c.Position, c.Failures, c.FailingSince, c.NextTry = r.Position, 0, time.Time{}, time.Time{}
		same, err := w.save(ctx, row, c)
		return c, same, err
	}
	c.Failures++
	if c.FailingSince.IsZero() {
		c.FailingSince = now
	}
	c.NextTry = w.Sender.now().Add(w.config.pause(c.Failures))
	if a.again.After(c.NextTry) {
		c.NextTry = a.again
	}
	same, err := w.save(ctx, row, c)
	if err != nil || !same {
		return c, same, err
	}
	return c, false, w.despair(ctx, c, a)
}

// despair pauses a webhook whose receiver is gone, or has taken nothing for too long.
func (w *worker) despair(ctx context.Context, c commands.WebhookCursor, a attempt) error {
	ctx = context.WithoutCancel(ctx)
	switch {
	case a.gone:
		return w.GiveUp(ctx, w.ref.Org, w.ref.ID, webhook.Gone, a.Why)
	case c.LastTry.Sub(c.FailingSince) >= w.config.GiveUp:
		return w.GiveUp(ctx, w.ref.Org, w.ref.ID, webhook.Failing, "Nothing was taken since "+c.FailingSince.UTC().Format(time.RFC3339)+". The last time: "+a.Why)
	}
	return nil
}

// pause answers how long to wait after so many failures in a row.
func (c Config) pause(failures int) time.Duration {
	pause := c.FirstPause
	for range failures - 1 {
		if pause *= 2; pause >= c.MostPause {
			return c.MostPause
		}
	}
	return pause
}

// unhurried answers a context that gives what is under way a moment more when ctx ends.
func unhurried(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(finish, cancel) })
	return longer, func() { stop(); cancel() }
}

// Try implements commands.WebhookTests.
func (p *Pump) Try(ctx context.Context, org domain.OrgID, id webhook.ID) (commands.WebhookAttempt, error) {
	row, err := p.Rows.Find(ctx, org, id)
	if err != nil {
		return commands.WebhookAttempt{}, err
	}
	now := p.Sender.now()
	secrets, err := p.secretsOf(ctx, row, now)
	if err != nil {
		return commands.WebhookAttempt{}, err
	}
	m, err := pingOf("test_"+commands.NewID().String(), now, id.String())
	if err != nil {
		return commands.WebhookAttempt{}, err
	}
	return p.Sender.send(ctx, id.UUID, row.URL, secrets, m).WebhookAttempt, nil
}

// secretsOf answers what signs the requests of a webhook at a moment, the last secret first.
func (p *Pump) secretsOf(ctx context.Context, row projections.WebhookRow, at time.Time) ([][]byte, error) {
	var secrets [][]byte
	for _, generation := range row.Generations(at) {
		secret, err := p.Secrets.Secret(ctx, row.Org, row.ID, generation)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, secret)
	}
	return secrets, nil
}
