package ws

import (
	"context"

	"github.com/google/uuid"

	"ticketd/domain"
)

// noun is a kind of thing that clients follow one by one. Its name is in its messages ("subscribe_ticket") and in their
// fields ("ticket_id").
type noun struct {
	name     string
	protocol string
	quiet    bool // it has no status to ask for
	// find answers what a reference names, if the caller may see it; status is the data of "<name>_status".
	find func(ctx context.Context, caller domain.Caller, ref string) (id uuid.UUID, status any, err error)
	// about is the subscription to one of them.
	about func(id uuid.UUID) subscription
}

// subscription is the data of a subscription_response.
type subscription struct {
	TicketID   uuid.UUID `json:"ticket_id,omitzero"`
	JobID      uuid.UUID `json:"job_id,omitzero"`
	ThreadID   uuid.UUID `json:"thread_id,omitzero"`
	Subscribed bool      `json:"subscribed"`
	Position   int64     `json:"position"` // every later notice will be told
}

// field names one in the data of a message, and list several.
func (n noun) field() string { return n.name + "_id" }
func (n noun) list() string  { return n.name + "s" }

// handlers is what a client may send about the noun.
func (n noun) handlers() map[string]handler {
	needs := []string{n.field()}
	all := map[string]handler{
		"subscribe_" + n.name:   {n.protocol, needs, n.subscribe},
		"unsubscribe_" + n.name: {n.protocol, needs, n.unsubscribe},
	}
	if !n.quiet {
		all["get_"+n.name+"_status"] = handler{n.protocol, needs, n.tellStatus}
	}
	return all
}

func (n noun) subscribe(ctx context.Context, k *socket, r request) error {
	id, _, err := n.named(ctx, k, r)
	if err != nil {
		return err
	}
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	if err := k.subscribe(id); err != nil {
		return err
	}
	n.answer(k, r, id, true)
	return nil
}

// unsubscribe does not ask for the thing when it has its id: one that is gone can still be left.
func (n noun) unsubscribe(ctx context.Context, k *socket, r request) error {
	ref, err := r.text(n.field())
	if err != nil {
		return err
	}
	id, err := uuid.Parse(ref)
	if err != nil {
		if id, _, err = n.find(ctx, *k.caller.Load(), ref); err != nil {
			return err
		}
	}
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	if id != everything {
		k.unsubscribe(id)
	}
	n.answer(k, r, id, false)
	return nil
}

// answer needs lane.mu.
func (n noun) answer(k *socket, r request, id uuid.UUID, subscribed bool) {
	data := n.about(id)
	data.Subscribed, data.Position = subscribed, k.lane.position
	k.answer(r, "subscription_response", n.protocol, data)
}

func (n noun) tellStatus(ctx context.Context, k *socket, r request) error {
	_, status, err := n.named(ctx, k, r)
	if err != nil {
		return err
	}
	k.answer(r, n.name+"_status", n.protocol, status)
	return nil
}

// named finds what the request names.
func (n noun) named(ctx context.Context, k *socket, r request) (id uuid.UUID, status any, err error) {
	ref, err := r.text(n.field())
	if err != nil {
		return uuid.Nil, nil, err
	}
	return n.find(ctx, *k.caller.Load(), ref)
}
