package projections

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ticketd/domain"
	"ticketd/domain/ticket"
)

// FindAnywhere answers whose ticket an id names, and its number, even if it has been deleted. ErrNoTicket when there never
// was one.
//
// # Why
//
// It is the one query on tickets without an organization: it is for a tool of whoever runs the program, who has nothing
// but the id and may read the whole database. No request may come here.
func (t *Tickets) FindAnywhere(ctx context.Context, id ticket.ID) (org domain.OrgID, number int64, err error) {
	err = t.pool.QueryRow(ctx, `SELECT org_id, number FROM tickets WHERE id = $1`, [16]byte(id.UUID)).Scan((*[16]byte)(&org.UUID), &number)
	if errors.Is(err, pgx.ErrNoRows) {
		return org, 0, ErrNoTicket
	}
	if err != nil {
		return org, 0, fmt.Errorf("find ticket: %w", err)
	}
	return org, number, nil
}
