package commands

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"ticketd/domain/integration"
	"ticketd/eventstore"
)

// rehearsed answers deliveries that only pretend. They read the log and ask vendors as the others do; what they append is
// forgotten with them, and what they bring to a vendor never gets there. An access token that ends is renewed all the same: it
// is of the account, and not of a ticket.
func (d Deliveries) rehearsed() Deliveries {
	log := &rehearsal{Log: d.deliveries.log, clock: d.Clock, streams: map[uuid.UUID]eventstore.Stream{}}
	d.deliveries.log, d.Tickets.handler.log = log, log
	d.Queue = unasked{}
	platforms := map[integration.Platform]Platform{}
	for name, platform := range d.Integrations.Platforms {
		platforms[name] = looking{platform}
	}
	d.Integrations.Platforms = platforms
	return d
}

// rehearsal is a log that takes what is appended for itself, for one who asks at a time.
type rehearsal struct {
	eventstore.Log

	clock   func() time.Time
	streams map[uuid.UUID]eventstore.Stream
}

// Load implements eventstore.Log. A stream stays as it was when it was first asked for, but for what was pretended.
func (l *rehearsal) Load(ctx context.Context, org, id uuid.UUID) (eventstore.Stream, error) {
	if known, ok := l.streams[id]; ok && known.Org == org {
		return known, nil
	}
	stream, err := l.Log.Load(ctx, org, id)
	if err == nil {
		l.streams[id] = stream
	}
	return stream, err
}

// Append implements eventstore.Log. The events are named after the command, which has their noun: nobody reads more of the name.
func (l *rehearsal) Append(ctx context.Context, m eventstore.Metadata, writes ...eventstore.Write) ([]eventstore.Stream, error) {
	grown := make([]eventstore.Stream, len(writes))
	for i, w := range writes {
		known, err := l.Load(ctx, w.Stream.Org, w.Stream.ID)
		if err != nil {
			return nil, err
		}
		if known.Version() != w.Stream.Version() {
			return nil, eventstore.ErrConflict
		}
		known.Events = slices.Clip(known.Events)
		for _, e := range w.Events {
			known.Events = append(known.Events, eventstore.Recorded{
				Org: known.Org, Stream: known.ID, Version: known.Version() + 1, Type: m.Command, At: l.clock(), Metadata: m, Event: e,
			})
		}
		grown[i] = known
	}
	for _, s := range grown {
		l.streams[s.ID] = s
	}
	return grown, nil
}

// unasked is a queue that nobody is told of.
type unasked struct{ DeliveryQueue }

// Wake implements DeliveryQueue.
func (unasked) Wake(context.Context, DeliveryJob) error { return nil }

// looking is a platform whose connections only look.
type looking struct{ Platform }

// Open implements Platform.
func (p looking) Open(a Account) Connection { return lookOnly{p.Platform.Open(a)} }

// lookOnly is a connection that says that it has done what it was asked, and has done nothing. What it is asked to find or to
// fetch it looks for.
type lookOnly struct{ Connection }

// pretended is what a vendor calls what it never made.
const pretended = "pretended"

// Create implements Connection.
func (lookOnly) Create(context.Context, Draft) (Receipt, error) { return Receipt{ID: pretended}, nil }

// Fetch implements Connection. Nobody there has done anything with a ticket that was never made.
func (c lookOnly) Fetch(ctx context.Context, ref Ref) (Remote, error) {
	if ref.ID == pretended {
		return Remote{}, nil
	}
	return c.Connection.Fetch(ctx, ref)
}

// Update implements Connection.
func (lookOnly) Update(context.Context, Ref, Draft) error { return nil }

// SetStatus implements Connection.
func (lookOnly) SetStatus(context.Context, Ref, string) error { return nil }

// Comment implements Connection.
func (lookOnly) Comment(_ context.Context, _ Ref, n Note) (Receipt, error) {
	return Receipt{ID: pretended + n.Comment.String()}, nil
}

// Attach implements Connection.
func (lookOnly) Attach(context.Context, Ref, Attachment) (Receipt, error) {
	return Receipt{ID: pretended}, nil
}
