package projections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"ticketd/eventstore"
)

// freshSchema is where tables are made anew. Its tables have the names of the live ones, so the same statements write to
// either: the search path says to which.
const freshSchema = "rebuild"

// ErrReshaped reports that a migration changed a table while it was made anew.
var ErrReshaped = errors.New("projections: a table got another shape meanwhile")

// blueprint is what it takes to make tables like the live ones: read from the catalog, so that a migration is enough to
// change both.
type blueprint struct {
	live      string // the schema of the live tables
	relations []relation
	keys      []part // what keeps rows apart: primary and unique keys
	indexes   []part
	grants    []part
}

// relation is a table or one of its partitions.
type relation struct {
	name, options, partitionBy, parent, bound string

	shape string // its columns
}

// part is a statement that completes a table.
type part struct{ table, sql string }

const selectRelations = `
WITH RECURSIVE tree AS (
	SELECT c.oid, n.nth, 0 AS level, ''::name AS parent
	FROM unnest($1::text[]) WITH ORDINALITY AS n (name, nth) JOIN pg_class c ON c.oid = format('%I.%I', $2::text, n.name)::regclass
	UNION ALL
	SELECT i.inhrelid, tree.nth, tree.level + 1, p.relname
	FROM tree JOIN pg_inherits i ON i.inhparent = tree.oid JOIN pg_class p ON p.oid = tree.oid
)
SELECT c.relname, concat_ws(', ', VARIADIC coalesce(c.reloptions, '{}') || ARRAY(SELECT 'toast.' || o FROM unnest(toast.reloptions) AS o)),
	coalesce(pg_get_partkeydef(c.oid), ''), tree.parent, coalesce(pg_get_expr(c.relpartbound, c.oid), ''),
	(SELECT string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)), ', ' ORDER BY a.attnum)
		FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
FROM tree JOIN pg_class c ON c.oid = tree.oid LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
ORDER BY tree.nth, tree.level, c.relname`

const selectKeys = `
SELECT n.name, format('ADD CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid))
FROM unnest($1::text[]) AS n (name) JOIN pg_constraint k ON k.conrelid = format('%I.%I', $2::text, n.name)::regclass
WHERE k.contype IN ('p', 'u', 'x') ORDER BY 1, 2`

// An index on a partitioned table is made without the ONLY of its definition, so that every partition gets its own.
const selectIndexes = `
SELECT n.name, format('CREATE %s INDEX %I ON %I.%I USING %s', CASE WHEN i.indisunique THEN 'UNIQUE' END, c.relname, $3::text, n.name,
	substr(pg_get_indexdef(c.oid), strpos(pg_get_indexdef(c.oid), ' USING ') + 7))
FROM unnest($1::text[]) AS n (name)
JOIN pg_index i ON i.indrelid = format('%I.%I', $2::text, n.name)::regclass JOIN pg_class c ON c.oid = i.indexrelid
WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.conrelid = i.indrelid) ORDER BY 1, 2`

const selectGrants = `
SELECT n.name, format('GRANT %s ON %I.%I TO %s%s', g.privilege_type, $3::text, n.name,
	CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END, CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' END)
FROM unnest($1::text[]) AS n (name)
JOIN pg_class c ON c.oid = format('%I.%I', $2::text, n.name)::regclass CROSS JOIN LATERAL aclexplode(c.relacl) AS g
ORDER BY 1, 2`

// readBlueprint reads how tables are made, from the catalog.
func readBlueprint(ctx context.Context, q querier, live string, tables []string) (blueprint, error) {
	b := blueprint{live: live}
	rows, err := q.Query(ctx, selectRelations, tables, live)
	if err != nil {
		return b, err
	}
	b.relations, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r relation, err error) {
		return r, row.Scan(&r.name, &r.options, &r.partitionBy, &r.parent, &r.bound, &r.shape)
	})
	if err != nil {
		return b, err
	}
	for _, list := range []struct {
		into *[]part
		sql  string
		args []any
	}{
		{&b.keys, selectKeys, []any{tables, live}},
		{&b.indexes, selectIndexes, []any{tables, live, freshSchema}},
		{&b.grants, selectGrants, []any{tables, live, freshSchema}},
	} {
		rows, err := q.Query(ctx, list.sql, list.args...)
		if err != nil {
			return b, err
		}
		*list.into, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p part, err error) { return p, row.Scan(&p.table, &p.sql) })
		if err != nil {
			return b, err
		}
	}
	return b, nil
}

// same reports whether two blueprints make the same tables.
func (b blueprint) same(other blueprint) bool {
	return slices.Equal(b.relations, other.relations) && slices.Equal(b.keys, other.keys) && slices.Equal(b.indexes, other.indexes) &&
		slices.Equal(b.grants, other.grants)
}

// create answers the statements that make the bare tables. Nothing vacuums them before they are live: PostgreSQL would
// be in the way of the statements that complete them.
func (b blueprint) create() []string {
	statements := []string{"DROP SCHEMA IF EXISTS " + freshSchema + " CASCADE", "CREATE SCHEMA " + freshSchema}
	for _, r := range b.relations {
		create := fmt.Sprintf("CREATE TABLE %s (LIKE %s INCLUDING ALL EXCLUDING INDEXES)", qualified(freshSchema, r.name), qualified(b.live, r.name))
		if r.parent != "" {
			create = fmt.Sprintf("CREATE TABLE %s PARTITION OF %s %s", qualified(freshSchema, r.name), qualified(freshSchema, r.parent), r.bound)
		}
		if r.partitionBy != "" {
			create += " PARTITION BY " + r.partitionBy
		} else {
			create += " WITH (" + strings.TrimPrefix(r.options+", autovacuum_enabled = off", ", ") + ")"
		}
		statements = append(statements, create)
	}
	return statements
}

// complete answers those statements of a list that concern a table.
func complete(list []part, table string) []string {
	var statements []string
	for _, p := range list {
		if p.table == table {
			statements = append(statements, p.sql)
		}
	}
	return statements
}

func (b blueprint) addKeys(table string) []string {
	statements := complete(b.keys, table)
	for i, s := range statements {
		statements[i] = "ALTER TABLE " + qualified(freshSchema, table) + " " + s
	}
	return statements
}

// swap answers the statements that put the fresh tables in the place of the live ones.
func (b blueprint) swap() []string {
	var statements []string
	for _, r := range b.relations {
		if r.parent == "" { // its partitions go with it
			statements = append(statements, "DROP TABLE "+qualified(b.live, r.name))
		}
	}
	for _, r := range b.relations {
		if r.partitionBy == "" {
			statements = append(statements, "ALTER TABLE "+qualified(freshSchema, r.name)+" RESET (autovacuum_enabled)")
		}
		statements = append(statements, "ALTER TABLE "+qualified(freshSchema, r.name)+" SET SCHEMA "+pgx.Identifier{b.live}.Sanitize())
	}
	return statements
}

// lock answers the statement that waits until nobody reads or writes the live tables.
func (b blueprint) lock() string {
	names := make([]string, len(b.relations))
	for i, r := range b.relations {
		names[i] = qualified(b.live, r.name)
	}
	return "LOCK TABLE " + strings.Join(names, ", ") + " IN ACCESS EXCLUSIVE MODE"
}

func qualified(schema, table string) string { return pgx.Identifier{schema, table}.Sanitize() }

// querier is a connection or a transaction on it.
type querier interface {
	eventstore.Database
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error)
}

// run executes statements in one round trip.
func run(ctx context.Context, q querier, statements ...string) error {
	b := &pgx.Batch{}
	for _, s := range statements {
		b.Queue(s)
	}
	return q.SendBatch(ctx, b).Close()
}
