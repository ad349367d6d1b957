package webhook

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"ticketd/eventstore"
)

const (
	// alertType is the type of what operators are sent.
	alertType = "integration.health_changed"
	// alertsWaiting is how many alerts may wait for their turn.
	alertsWaiting = 100
	// alertTries is how often one is sent that is not taken.
	alertTries = 5
	// alertAge is how old a fact may be: what was over long ago alarms nobody.
	alertAge = time.Hour
)

// Alerts tells the operators of the program when the health of an integration has changed. What cannot be sent is logged
// and let go: an alert must never be what keeps the program from its work.
type Alerts struct {
	sender  Sender
	url     string
	secret  []byte
	pause   time.Duration // before one is repeated; it doubles
	log     *slog.Logger
	waiting chan eventstore.Recorded
}

// NewAlerts answers what tells an address. pause is that before an alert is repeated, which doubles; 0: 5 s.
func NewAlerts(s Sender, url string, secret []byte, pause time.Duration, log *slog.Logger) *Alerts {
	if pause == 0 {
		pause = 5 * time.Second
	}
	return &Alerts{sender: s, url: url, secret: secret, pause: pause, log: log, waiting: make(chan eventstore.Recorded, alertsWaiting)}
}

// Tell has a fact sent. It never waits.
func (a *Alerts) Tell(ctx context.Context, r eventstore.Recorded) {
	if a.sender.now().Sub(r.At) > alertAge {
		return
	}
	select {
	case a.waiting <- r:
	default:
		a.log.WarnContext(ctx, "an alert was let go: too many are waiting", "type", r.Type, "position", r.Position)
	}
}

// Run sends what it was told until ctx ends.
func (a *Alerts) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-a.waiting:
			a.alert(ctx, r)
		}
	}
}

func (a *Alerts) alert(ctx context.Context, r eventstore.Recorded) {
	m, err := messageOf(r, alertType, map[string]any{"organization_id": r.Org, "integration_id": r.Stream, "event": r.Type, "details": r.Event})
	if err != nil {
		a.log.WarnContext(ctx, "an alert could not be written", "position", r.Position, "cause", err)
		return
	}
	pause := a.pause
	for try := 1; ; try++ {
		came := a.sender.send(ctx, uuid.Nil, a.url, [][]byte{a.secret}, m)
		if came.Why == "" || ctx.Err() != nil {
			return
		}
		if try == alertTries {
			a.log.WarnContext(ctx, "an alert was let go", "type", r.Type, "position", r.Position, "tries", try, "why", came.Why)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause *= 2
	}
}
