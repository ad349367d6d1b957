package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
)

// Spending counts what organizations spend on models, by month, in millionths of a dollar.
//
// # Why
//
// A budget holds for all instances at once, and at the moment of the answer: a run's events come later, and may be many.
// So this is a counter beside the log. What it says can be counted again from the events, which hold each answer's cost.
type Spending struct{ Pool *pgxpool.Pool }

// Add counts a cost in the month of that day, and answers what the month has cost now. Of those who add at the same time
// each gets another answer.
func (s Spending) Add(ctx context.Context, org domain.OrgID, month time.Time, cost int64) (total int64, err error) {
	err = s.Pool.QueryRow(ctx, `
		INSERT INTO ai_spending AS s (org_id, month, cost) VALUES ($1, date_trunc('month', $2::date), $3)
		ON CONFLICT (org_id, month) DO UPDATE SET cost = s.cost + excluded.cost
		RETURNING cost`, [16]byte(org.UUID), month, cost).Scan(&total)
	if err != nil {
		return 0, fmt.Errorf("count what a model cost: %w", err)
	}
	return total, nil
}

// Of answers what the month of that day has cost so far.
func (s Spending) Of(ctx context.Context, org domain.OrgID, month time.Time) (int64, error) {
	var total int64
	err := s.Pool.QueryRow(ctx, `SELECT cost FROM ai_spending WHERE org_id = $1 AND month = date_trunc('month', $2::date)`,
		[16]byte(org.UUID), month).Scan(&total)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("read what models cost: %w", err)
	}
	return total, nil
}
