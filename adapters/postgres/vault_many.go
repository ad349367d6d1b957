package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ticketd/commands"
)

// ReadMany answers the credentials of those integrations, of whatever organizations, that have any. It is the program's own: who sends
// a webhook to the address of a platform may be known to anybody.
func (v *Vault) ReadMany(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]commands.Credentials, error) {
	wanted := make([][16]byte, len(ids))
	for i, id := range ids {
		wanted[i] = id
	}
	rows, err := v.pool.Query(ctx, `SELECT integration_id, sealed, revision FROM integration_credentials WHERE integration_id = ANY($1)`, wanted)
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	type row struct {
		id       uuid.UUID
		sealed   string
		revision int64
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (s row, err error) {
		return s, r.Scan((*[16]byte)(&s.id), &s.sealed, &s.revision)
	})
	if err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	if _, err := v.keys.Keys(ctx, ids); err != nil { // all of them at once
		return nil, fmt.Errorf("open credentials: %w", err)
	}
	many := make(map[uuid.UUID]commands.Credentials, len(list))
	for _, r := range list {
		held, err := v.open(ctx, r.id, r.sealed)
		if errors.Is(err, commands.ErrNoCredentials) {
			continue
		}
		if err != nil {
			return nil, err
		}
		many[r.id] = commands.Credentials{Fields: held.Fields, Ends: held.Ends, Revision: r.revision}
	}
	return many, nil
}
