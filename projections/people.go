package projections

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/domain"
	"ticketd/domain/user"
	"ticketd/eventstore"
	"ticketd/internal/cache"
)

// Person is what others see of an author or assignee.
type Person struct {
	Username string
	FullName string
}

const (
	cachedPeople   = 20_000 // about 200 bytes each
	cachedPeopleIn = time.Minute
)

// People knows the names of users, those who have left included: what they wrote stays.
type People struct {
	pool  *pgxpool.Pool
	cache *cache.Cache[member, Person]
}

type member struct {
	org  domain.OrgID
	user domain.UserID
}

// NewPeople answers the names in this database. Whoever makes it must let it Observe the log.
func NewPeople(pool *pgxpool.Pool) *People {
	return &People{pool: pool, cache: cache.New[member, Person](cachedPeople, cachedPeopleIn, time.Now)}
}

// Names answers the people among ids whom the organization has or had, with one query for all it does not remember.
func (p *People) Names(ctx context.Context, org domain.OrgID, ids []domain.UserID) (map[domain.UserID]Person, error) {
	names := make(map[domain.UserID]Person, len(ids))
	var missing [][16]byte
	for _, id := range ids {
		if _, done := names[id]; done || id.IsZero() {
			continue
		}
		if person, ok := p.cache.Get(member{org, id}); ok {
			names[id] = person
		} else {
			missing = append(missing, id.UUID)
		}
	}
	if len(missing) == 0 {
		return names, nil
	}
	generation := p.cache.Generation()
	rows, err := p.pool.Query(ctx, `SELECT id, username, full_name FROM users WHERE org_id = $1 AND id = ANY($2)`, [16]byte(org.UUID), missing)
	if err != nil {
		return nil, fmt.Errorf("look up names: %w", err)
	}
	var id domain.UserID
	var person Person
	_, err = pgx.ForEachRow(rows, []any{(*[16]byte)(&id.UUID), &person.Username, &person.FullName}, func() error {
		names[id] = person
		p.cache.Put(generation, member{org, id}, person)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up names: %w", err)
	}
	return names, nil
}

// Observe forgets the people that committed events are about.
func (p *People) Observe(_ context.Context, events []eventstore.Recorded) {
	for _, r := range events {
		if r.Category() == user.Decider.Category {
			p.cache.Evict(member{domain.OrgID{UUID: r.Org}, domain.UserID{UUID: r.Stream}})
		}
	}
}
