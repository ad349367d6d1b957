package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
)

// Numbers gives out ticket numbers, rising in each organization.
//
// # Why
//
// A counter row updated by every new ticket would make them wait for each other. An instance takes a block of numbers
// and gives them out from memory: one number while an organization is quiet, so that small ones see hardly a gap, twice
// as many as the last time while it is busy. What is left of a block when the program stops is never used.
type Numbers struct {
	pool *pgxpool.Pool
	now  func() time.Time

	mu   sync.Mutex
	orgs map[domain.OrgID]*block
}

// block is what an organization has left.
type block struct {
	mu         sync.Mutex
	next, last int64
	size       int64
	taken      time.Time
}

const (
	largestBlock = 256
	// busy is how fast a block must be used up for the next one to be larger.
	busy = 5 * time.Second
	// manyOrgs bounds how many organizations are remembered; what a forgotten one had left becomes a gap.
	manyOrgs = 10_000
)

// NewNumbers answers a source of numbers on this database.
func NewNumbers(pool *pgxpool.Pool) *Numbers {
	return &Numbers{pool: pool, now: time.Now, orgs: map[domain.OrgID]*block{}}
}

// Next answers a number that the organization has not used.
func (n *Numbers) Next(ctx context.Context, org domain.OrgID) (int64, error) {
	b := n.block(org)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next >= b.last {
		if err := n.take(ctx, org, b); err != nil {
			return 0, fmt.Errorf("take ticket numbers: %w", err)
		}
	}
	b.next++
	return b.next, nil
}

func (n *Numbers) block(org domain.OrgID) *block {
	n.mu.Lock()
	defer n.mu.Unlock()
	b, known := n.orgs[org]
	if !known {
		if len(n.orgs) >= manyOrgs {
			clear(n.orgs)
		}
		b = &block{}
		n.orgs[org] = b
	}
	return b
}

// take moves the organization's counter. The first time it starts above the numbers that its tickets have already, as
// after a restore.
func (n *Numbers) take(ctx context.Context, org domain.OrgID, b *block) error {
	now, size, last := n.now(), int64(1), int64(0)
	if b.size > 0 && now.Sub(b.taken) < busy {
		size = min(2*b.size, largestBlock)
	}
	err := n.pool.QueryRow(ctx, `
		INSERT INTO ticket_numbers (org_id, last)
		SELECT $1, coalesce(max(number), 0) + $2 FROM tickets WHERE org_id = $1
		ON CONFLICT (org_id) DO UPDATE SET last = ticket_numbers.last + $2
		RETURNING last`, [16]byte(org.UUID), size).Scan(&last)
	if err != nil {
		return err // the block stays used up: a number is never given out twice
	}
	b.next, b.last, b.size, b.taken = last-size, last, size, now
	return nil
}
