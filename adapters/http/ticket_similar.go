package http

import (
	"context"

	"github.com/google/uuid"
)

const howTicketsAreAlike = "Tickets that share telling words with this one, of those you may see: resolved and closed ones first, and then those that share the most. " +
	"The words of a ticket, of its comments and of what is attached to it are found a moment after they came."

// SimilarTicket is a ticket that shares telling words with another.
type SimilarTicket struct {
	ID                uuid.UUID  `json:"id" format:"uuid"`
	Number            int64      `json:"number"`
	Title             string     `json:"title"`
	Status            string     `json:"status" enum:"new,open,in_progress,pending,resolved,closed,cancelled"`
	Priority          string     `json:"priority" enum:"low,medium,high,critical"`
	Category          string     `json:"category"`
	ResolutionSummary *string    `json:"resolution_summary"`
	Rank              float64    `json:"rank" minimum:"0" maximum:"1" doc:"How much of what is telling in this ticket it shares."`
	ResolvedAt        *Timestamp `json:"resolved_at"`
	CreatedAt         Timestamp  `json:"created_at"`
}

func (s *Server) similarTickets(ctx context.Context, in *struct {
	TicketID
	Limit int `query:"limit" minimum:"1" maximum:"50" default:"10"`
},
) (*struct{ Body []SimilarTicket }, error) {
	row, err := s.findTicket(ctx, in.TicketID)
	if err != nil {
		return nil, err
	}
	found, err := s.TicketRows.SimilarTo(ctx, callerOf(ctx), row, in.Limit)
	if err != nil {
		return nil, err
	}
	similar := make([]SimilarTicket, len(found))
	for i, t := range found {
		similar[i] = SimilarTicket{
			ID: t.ID.UUID, Number: t.Number, Title: t.Title, Status: string(t.Status), Priority: string(t.Priority), Category: string(t.Category),
			ResolutionSummary: unlessBlank(t.ResolutionSummary), Rank: t.Rank, ResolvedAt: optionalTime(t.ResolvedAt), CreatedAt: Timestamp(t.CreatedAt),
		}
	}
	return &struct{ Body []SimilarTicket }{similar}, nil
}
