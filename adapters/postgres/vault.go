package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/eventstore"
)

// Vault keeps the credentials of integrations, each sealed with the key of its integration. It implements commands.Vault.
type Vault struct {
	pool     *pgxpool.Pool
	keys     *eventstore.Keyring
	log      *slog.Logger
	limits   vaultLimits
	changing changing
}

// NewVault answers the vault in this database.
func NewVault(pool *pgxpool.Pool, keys *eventstore.Keyring, log *slog.Logger) *Vault {
	return &Vault{pool: pool, keys: keys, log: log, limits: usualLimits, changing: changing{of: map[domain.OrgID]integration.Platform{}}}
}

// content is what is sealed.
type content struct {
	Fields map[string]string `json:"fields"`
	Ends   time.Time         `json:"ends,omitzero"`
}

// Put implements commands.Vault.
func (v *Vault) Put(ctx context.Context, org domain.OrgID, id uuid.UUID, fields map[string]string) (same bool, err error) {
	sealed, err := v.seal(ctx, org, id, content{Fields: fields})
	if err != nil {
		return false, err
	}
	tag, err := v.pool.Exec(ctx, `INSERT INTO integration_credentials (integration_id, org_id, sealed, revision) VALUES ($1, $2, $3, 1) ON CONFLICT DO NOTHING`,
		[16]byte(id), [16]byte(org.UUID), sealed)
	if err != nil {
		return false, fmt.Errorf("keep credentials of %s: %w", id, err)
	}
	if tag.RowsAffected() == 1 {
		return true, nil
	}
	held, err := v.Read(ctx, org, id)
	if errors.Is(err, commands.ErrNoCredentials) { // another organization's, or destroyed at this very moment
		return false, nil
	}
	return err == nil && maps.Equal(held.Fields, fields), err
}

// Read implements commands.Vault.
func (v *Vault) Read(ctx context.Context, org domain.OrgID, id uuid.UUID) (commands.Credentials, error) {
	return v.read(ctx, v.pool, org, id, "")
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (v *Vault) read(ctx context.Context, from querier, org domain.OrgID, id uuid.UUID, lock string) (c commands.Credentials, err error) {
	var sealed string
	err = from.QueryRow(ctx, `SELECT sealed, revision FROM integration_credentials WHERE org_id = $1 AND integration_id = $2 `+lock, [16]byte(org.UUID), [16]byte(id)).
		Scan(&sealed, &c.Revision)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, commands.ErrNoCredentials
	}
	if err != nil {
		return c, fmt.Errorf("read credentials of %s: %w", id, err)
	}
	held, err := v.open(ctx, id, sealed)
	c.Fields, c.Ends = held.Fields, held.Ends
	return c, err
}

// open answers what was sealed. commands.ErrNoCredentials when the key is gone.
func (v *Vault) open(ctx context.Context, id uuid.UUID, sealed string) (held content, err error) {
	plain, ok, err := v.keys.Open(ctx, id, sealed)
	if err != nil {
		return held, fmt.Errorf("open credentials of %s: %w", id, err)
	}
	if !ok {
		return held, commands.ErrNoCredentials
	}
	if err := json.Unmarshal(plain, &held); err != nil {
		return content{}, fmt.Errorf("the credentials of %s are not what was sealed", id) // what the decoder says may quote them
	}
	return held, nil
}

// Destroy implements commands.Vault.
func (v *Vault) Destroy(ctx context.Context, org domain.OrgID, id uuid.UUID) error {
	b := &pgx.Batch{}
	for _, table := range []string{"integration_credentials", "integration_consents", "integration_checks"} {
		b.Queue(`DELETE FROM `+table+` WHERE org_id = $1 AND integration_id = $2`, [16]byte(org.UUID), [16]byte(id))
	}
	if err := v.pool.SendBatch(ctx, b).Close(); err != nil {
		return fmt.Errorf("destroy credentials of %s: %w", id, err)
	}
	return nil
}

// Sweep destroys what was kept so long ago for an integration that never came to be, what is left of those that were disconnected,
// and consents that are too old; it answers how many of the first two. It is the program's own and looks at every organization.
func (v *Vault) Sweep(ctx context.Context, age time.Duration) (destroyed int64, err error) {
	tag, err := v.pool.Exec(ctx, `
		DELETE FROM integration_credentials c WHERE c.created_at < now() - $1::interval AND (
			NOT EXISTS (SELECT FROM events e WHERE e.stream_id = c.integration_id)
			OR EXISTS (SELECT FROM events e WHERE e.stream_id = c.integration_id AND e.type = 'integration.disconnected'))`, age)
	if err != nil {
		return 0, fmt.Errorf("sweep credentials: %w", err)
	}
	if _, err := v.pool.Exec(ctx, `DELETE FROM integration_consents WHERE ends_at < now()`); err != nil {
		return 0, fmt.Errorf("sweep consents: %w", err)
	}
	return tag.RowsAffected(), nil
}

func (v *Vault) seal(ctx context.Context, org domain.OrgID, id uuid.UUID, c content) (string, error) {
	plain, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("the credentials of %s cannot be sealed: they are no text", id)
	}
	sealed, err := v.keys.Seal(ctx, org.UUID, id, plain)
	if err != nil {
		return "", fmt.Errorf("seal credentials of %s: %w", id, err)
	}
	return sealed, nil
}
