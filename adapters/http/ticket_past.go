package http

import (
	"context"
	"fmt"
	nethttp "net/http"
	"time"

	"ticketd/domain"
	"ticketd/eventstore"
	"ticketd/projections"
)

// pastTicket answers the ticket as it stood, with the events that made it so. One that was deleted since was still there,
// for those who may read the audit log.
func (s *Server) pastTicket(ctx context.Context, in TicketID, p past) (projections.TicketRow, []eventstore.Recorded, error) {
	row, err := s.TicketRows.FindEver(ctx, callerOf(ctx), in.Ref)
	if err != nil {
		return row, nil, err
	}
	stream, err := s.pastStream(ctx, row.ID.UUID, p, projections.ErrNoTicket)
	if err != nil {
		return row, nil, err
	}
	if row = projections.Fold(projections.ApplyTicket, stream.Events); !row.Exists() {
		return row, nil, projections.ErrNoTicket
	}
	return row, stream.Events, nil
}

const pastList = "With as_of the list is that of then, each ticket as it stood and judged by the filters as it stood; those that were " +
	"deleted since are shown to whoever may read the audit log. It is an array, newest first, without X-Total-Count; q, sort_by, sort_order, offset, page and size do not " +
	"go with it. A page looks at 2,000 tickets at most: one that is short has a Link with rel=next as long as the list goes on."

// listPastTickets is listTickets for a moment.
func (s *Server) listPastTickets(ctx context.Context, in *listTicketsInput, at time.Time) (*listTicketsAnswer, error) {
	if err := in.onlyNewestFirst(ctx); err != nil {
		return nil, err
	}
	after, err := in.after(ctx)
	if err != nil {
		return nil, err
	}
	filter, err := in.filter(ctx)
	if err != nil {
		return nil, err
	}
	caller := callerOf(ctx)
	rows, next, err := s.TicketRows.ListPast(ctx, caller.Org, s.Events, projections.PastPage{
		At: at, Filter: filter, Deleted: caller.Can(domain.ReadAudit), After: after, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	items, err := s.renderTickets(ctx, caller, rows)
	if err != nil {
		return nil, err
	}
	answer := &listTicketsAnswer{Body: TicketList{items}}
	if next != nil {
		answer.Link = in.linkTo(*next)
	}
	return answer, nil
}

// onlyNewestFirst refuses what only the tables of today can answer.
func (in *listTicketsInput) onlyNewestFirst(ctx context.Context) error {
	var fields []ProblemField
	for _, f := range []struct {
		name  string
		given bool
	}{
		{"q", in.Query != ""},
		{"sort_by", in.SortBy != ""},
		{"sort_order", in.SortOrder != ""},
		{"offset", in.Offset > 0},
		{"page", in.Page > 0},
		{"size", in.Size > 0},
	} {
		if f.given {
			fields = append(fields, ProblemField{Location: "query." + f.name, Message: "not together with as_of"})
		}
	}
	if fields == nil {
		return nil
	}
	return newProblem(ctx, nethttp.StatusUnprocessableEntity, "",
		"A list with as_of is newest first and paged with limit and cursor; it can be neither searched nor sorted.", fields...)
}

// linkTo answers the Link header of the page that begins at a place.
func (in *listTicketsInput) linkTo(place projections.TicketCursor) string {
	q := in.url.Query()
	q.Set("cursor", cursorOf(place))
	return fmt.Sprintf(`<%s?%s>; rel="next"`, in.url.Path, q.Encode())
}
