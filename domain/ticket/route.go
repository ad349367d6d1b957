package ticket

import (
	"github.com/google/uuid"

	"ticketd/domain"
)

// routeTo sends the ticket to an integration, unless it is on its way or lives there. What was given up is tried again.
func routeTo(s State, c RouteTo) []Event {
	if known := s.Route(c.Integration); known != nil && known.Send && known.Noted.Status != DeliverySkipped {
		return nil
	}
	return []Event{Routed{Integration: c.Integration, Platform: c.Platform, Send: true, By: c.By.User}}
}

// noteDelivery also notes what has come of the route of a ticket whose words are erased, or that was deleted: it is no word of
// anybody's.
func noteDelivery(s State, c NoteDelivery) ([]Event, error) {
	if c.By.Type != domain.BySystem {
		return nil, domain.ErrForbidden
	}
	route := s.Route(c.Noted.Integration)
	if route == nil {
		return nil, ErrNotFound
	}
	if route.Noted == c.Noted {
		return nil, nil
	}
	return []Event{c.Noted}, nil
}

// saidAt answers where somebody speaks who is no member; zero for a member.
func saidAt(by domain.Actor) uuid.UUID {
	if by.Type == domain.ByIntegration {
		return by.ID
	}
	return uuid.Nil
}
