package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"ticketd/domain/ticket"
)

// seededOrganizations share the seeded tickets: the biggest has a fifth of them.
const seededOrganizations = 200

// benchLists measures lists of the biggest of two hundred organizations, in a database that `ticketd seed` has filled. One
// connection tells how long a request takes, eight how many there can be. The limit does one statement a request, on a
// table that holds the same tickets.
func benchLists(ctx context.Context, l *lab, o options, out io.Writer) (err error) {
	var took time.Duration
	w, err := l.openWorld(ctx, "lists", func(database string) error {
		start := time.Now()
		defer func() { took = time.Since(start) }()
		return l.seed(ctx, database, o.tickets)
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	biggest, words, err := w.survey(ctx)
	if err != nil {
		return err
	}
	members, err := w.join(ctx, 1)
	if err != nil {
		return err
	}
	results, err := w.sideBySide(ctx, l, o, members[0], w.lists(words), []int{1, 8}, "target p99:")
	if err != nil {
		return err
	}
	results.write(out, "Lists", fmt.Sprintf("%d tickets of %d organizations, the biggest with %d, which is the one asked; `ticketd seed` took %.0f s.",
		o.tickets, seededOrganizations, biggest, took.Seconds()))
	return nil
}

// seed fills a database by the program's own command.
func (l *lab) seed(ctx context.Context, database string, tickets int) error {
	program, err := l.build(ctx, "ticketd")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, "seed", "--tickets", strconv.Itoa(tickets), "--organizations", strconv.Itoa(min(tickets, seededOrganizations)), "--events-per-ticket", "2")
	cmd.Env = append(os.Environ(), "DATABASE_URL="+database, "DATA_DIR="+l.dir, "ENVIRONMENT=test", "JWT_SECRET="+jwtSecret,
		"ENCRYPTION_KEY="+base64.StdEncoding.EncodeToString(make([]byte, 32)), "LOG_LEVEL=warn")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("seed: %w: %s", err, said)
	}
	return nil
}

// survey finds the biggest organization, how many tickets it has and words that people use there: the more often, the
// more often they are among them. It copies all tickets for the limit.
func (w *world) survey(ctx context.Context) (biggest int, words []string, err error) {
	err = w.pool.QueryRow(ctx, `SELECT org_id, count(*) FROM tickets GROUP BY org_id ORDER BY count(*) DESC LIMIT 1`).Scan((*[16]byte)(&w.org.UUID), &biggest)
	if err != nil {
		return 0, nil, fmt.Errorf("find the biggest organization: %w", err)
	}
	rows, err := w.pool.Query(ctx, `
		SELECT said[1 + floor(random() * cardinality(said))::int] FROM (
			SELECT tsvector_to_array(words) AS said FROM ticket_search WHERE org_id = $1 AND words <> '' LIMIT 2000) AS ticket`, w.org.UUID)
	if err != nil {
		return 0, nil, err
	}
	if words, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return 0, nil, fmt.Errorf("find words: %w", err)
	}
	if err = w.copyTickets(ctx); err == nil {
		_, err = w.pool.Exec(ctx, `VACUUM (ANALYZE) bare_tickets`)
	}
	return biggest, words, err
}

// lists are what is measured. The same filters and words come round after round, in another order for each connection.
func (w *world) lists(words []string) []operation {
	const ours = "/api/v1/tickets?limit=50"
	bare := "/tickets?org=" + w.org.String()
	random := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // it shall be repeatable
	var filters, searches []string
	for range 997 {
		filters = append(filters, fmt.Sprintf("&status=%s&priority=%s", ticket.Statuses[random.IntN(len(ticket.Statuses))], ticket.Levels[random.IntN(len(ticket.Levels))]))
		searches = append(searches, "&q="+url.QueryEscape(words[random.IntN(len(words))]))
	}
	get := func(path string, more []string) func(worker, turn int) (string, string, string) {
		return func(worker, turn int) (string, string, string) {
			return http.MethodGet, path + more[(worker*131+turn)%len(more)], ""
		}
	}
	target := map[int]string{1: "5"}
	return []operation{
		{"list 50", nil, http.StatusOK, get(ours, []string{""}), get(bare, []string{""})},
		{"status and priority", target, http.StatusOK, get(ours, filters), get(bare, filters)},
		{"search", target, http.StatusOK, get(ours, searches), get(bare, searches)},
	}
}
