package ws

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"ticketd/domain"
)

// handleAuthenticate starts an anonymous socket, or prolongs one before its token expires.
func (s *Server) handleAuthenticate(ctx context.Context, k *socket, r request) error {
	token, err := r.text("token")
	if err != nil {
		return err
	}
	first := k.caller.Load() == nil
	if err := s.authenticate(ctx, k, token); err != nil {
		return err
	}
	caller := k.caller.Load()
	data := map[string]any{"user_id": caller.User}
	if !caller.Expires.IsZero() {
		data["expires_at"] = stamp(caller.Expires)
	}
	k.answer(r, "authenticated", system, data)
	if first {
		k.greet()
	}
	return nil
}

func (s *Server) handlePing(_ context.Context, k *socket, r request) error {
	k.answer(r, "pong", system, nothing)
	return nil
}

// handlePong is the answer to our ping: that it came was the point.
func (s *Server) handlePong(context.Context, *socket, request) error { return nil }

func (s *Server) handleSubscribeAll(_ context.Context, k *socket, r request) error {
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	if err := k.subscribe(everything); err != nil {
		return err
	}
	k.answer(r, "subscription_response", system, subscription{Subscribed: true, Position: k.lane.position})
	return nil
}

func (s *Server) handleUnsubscribeAll(_ context.Context, k *socket, r request) error {
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	k.unsubscribe(everything)
	k.answer(r, "subscription_response", system, subscription{Subscribed: false, Position: k.lane.position})
	return nil
}

// handleResume replays what was missed after a position. Subscriptions given with it (tickets, jobs, threads, all) are made at the
// same moment, so not even a notice that comes this very instant can overtake the replay.
func (s *Server) handleResume(ctx context.Context, k *socket, r request) error {
	after, err := r.position("after")
	if err != nil {
		return err
	}
	wanted, unknown, err := s.wanted(ctx, k, r)
	if err != nil {
		return err
	}
	head, err := s.events.Head(ctx) // another instance may have told more than this one has read
	if err != nil {
		return err
	}
	if after > head {
		return refusal(fmt.Sprintf("after must not be above the newest position, %d.", head))
	}
	return s.resume(k, wanted, &resumption{request: r, after: after, unknown: unknown})
}

// mostListed is how many things one resume may subscribe to.
const mostListed = 100

// wanted reads the subscriptions that come with a resume. A thing that is gone by now is no reason to miss the rest.
func (s *Server) wanted(ctx context.Context, k *socket, r request) (ids []uuid.UUID, unknown []string, err error) {
	all, err := r.flag("all")
	if err != nil {
		return nil, nil, err
	}
	if all {
		ids = append(ids, everything)
	}
	listed := 0
	for _, n := range s.nouns {
		refs, err := r.texts(n.list())
		if err != nil {
			return nil, nil, err
		}
		if listed += len(refs); listed > mostListed {
			return nil, nil, refusal(fmt.Sprintf("tickets, jobs and threads must not list more than %d together; subscribe to all instead.", mostListed))
		}
		for _, ref := range refs {
			id, _, err := n.find(ctx, *k.caller.Load(), ref)
			if _, ok := errors.AsType[*domain.Error](err); ok && domain.KindOf(err) != domain.Internal {
				unknown = append(unknown, ref)
				continue
			}
			if err != nil {
				return nil, nil, err
			}
			ids = append(ids, id)
		}
	}
	return ids, unknown, nil
}
