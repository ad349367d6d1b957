package projections

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// compare takes the checksums of the live tables and of the fresh ones, both as they stand at one position: what is
// written meanwhile shows in neither.
func (b *rebuild) compare(ctx context.Context) error {
	b.Progress("compare", 0, 0)
	return pgx.BeginTxFunc(ctx, b.view, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(snapshot pgx.Tx) error {
		if err := b.alignedWith(ctx, snapshot); err != nil {
			return err
		}
		for _, p := range b.list {
			c, err := compareTable(ctx, snapshot, b.live, p)
			if err != nil {
				return fmt.Errorf("compare %s: %w", p.Name, err)
			}
			b.did.Tables = append(b.did.Tables, c)
		}
		return nil
	})
}

// alignedWith lets a transaction see the fresh tables at the very position of the live ones: it sees what was committed
// when it runs its first statement, which happens here while nobody can append.
func (b *rebuild) alignedWith(ctx context.Context, snapshot pgx.Tx) error {
	return b.whileNobodyAppends(ctx, b.gate, func(pgx.Tx) error {
		if _, err := b.catchUp(ctx, b.conn); err != nil {
			return err
		}
		_, err := snapshot.Exec(ctx, `SELECT FROM events LIMIT 1`)
		return err
	})
}

// Compared is how a fresh table compares with the live one it replaced.
type Compared struct {
	Name     string
	Rows     int64
	Old, New string // the checksums: equal, unless rows differ
	Differ   int64  // rows that are in one of them only, or other in one of them
}

// Equal reports whether the table was what the log says.
func (c Compared) Equal() bool { return c.Old == c.New }

// compareTable sums up a hash of every row, which is the same in any order. Rows of streams that the table's feed has not
// come to yet are left out of both sums.
func compareTable(ctx context.Context, tx pgx.Tx, live string, p Projection) (Compared, error) {
	c := Compared{Name: p.Name}
	settled := `WHERE ` + p.Key + ` NOT IN (
		SELECT e.stream_id FROM events e WHERE e.position > (SELECT coalesce(max(position), 0) FROM checkpoints WHERE name = $1))`
	if p.Inline != nil {
		settled = `WHERE $1 <> ''`
	}
	for _, of := range []struct {
		schema string
		sum    *string
		rows   int64
	}{{schema: live, sum: &c.Old}, {schema: freshSchema, sum: &c.New}} {
		err := tx.QueryRow(ctx, fmt.Sprintf(`SELECT count(*), to_hex(coalesce(sum(hashtextextended(t::text, 0)::numeric) %% 9223372036854775807, 0)::bigint) FROM %s t %s`,
			qualified(of.schema, p.Name), settled), p.Name).Scan(&of.rows, of.sum)
		if err != nil {
			return c, err
		}
		*of.sum = fmt.Sprintf("%d:%s", of.rows, *of.sum)
		c.Rows = of.rows
	}
	if c.Equal() {
		return c, nil
	}
	old, fresh := qualified(live, p.Name), qualified(freshSchema, p.Name)
	missing := func(in, of string) string {
		return fmt.Sprintf(`(SELECT count(*) FROM (SELECT t::text FROM %s t %s EXCEPT ALL SELECT t::text FROM %s t %s) AS d)`, in, settled, of, settled)
	}
	err := tx.QueryRow(ctx, fmt.Sprintf(`SELECT greatest(%s, %s)`, missing(old, fresh), missing(fresh, old)), p.Name).Scan(&c.Differ)
	return c, err
}
