package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// tickets is how many an organization has when the requests begin.
const tickets = 2000

// operation is a request that both servers understand, each in its own words.
type operation struct {
	name        string
	target      map[int]string // of the ratio, by connections
	status      int
	real, limit func(worker, turn int) (method, path, body string)
}

// benchREST measures the real program with everything on but its rate limits: authentication, validation, the request
// log, the events and the read model. The limit does one statement a request.
func benchREST(ctx context.Context, l *lab, o options, out io.Writer) (err error) {
	w, err := l.openWorld(ctx, "rest", nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	members, err := w.join(ctx, 1)
	if err != nil {
		return err
	}
	ids, err := w.seed(ctx, members[0])
	if err != nil {
		return err
	}
	results, err := w.sideBySide(ctx, l, o, members[0], w.operations(ids), []int{8, 32}, "target:")
	if err != nil {
		return err
	}
	results.write(out, "REST", fmt.Sprintf("The organization has %d tickets and more with every create. CPU a request: server + PostgreSQL. Memory of the real program afterwards: %d MB.",
		tickets, w.real.memory()>>10))
	return nil
}

// sideBySide measures each operation at the limit and at the real program, in turns, and answers the table of it.
func (w *world) sideBySide(ctx context.Context, l *lab, o options, member string, operations []operation, connections []int, target string) (*table, error) {
	results := newTable("request", "connections:", "limit req/s:", "ours req/s:", "limit p50 / p99 ms:", "ours p50 / p99 ms:", "limit CPU ms:", "ours CPU ms:", "ratio:", target)
	for _, op := range operations {
		for _, n := range connections {
			limit, real := &costs{}, &costs{}
			for range o.rounds {
				bare, err := limit.measure(ctx, l, w, w.limit, "", n, o.span, op.limit, op.status)
				if err != nil {
					return nil, err
				}
				measured, err := real.measure(ctx, l, w, w.real, member, n, o.span, op.real, op.status)
				if err != nil {
					return nil, err
				}
				limit.add(bare, bare)
				real.add(measured, bare)
			}
			results.add(op.name, strconv.Itoa(n), whole(limit.rate()), whole(real.rate()), ms(limit.p50())+" / "+ms(limit.p99()), ms(real.p50())+" / "+ms(real.p99()),
				limit.cpu(), real.cpu(), ratio(real.ratio()), op.target[n])
		}
	}
	return results, nil
}

// measure sends requests over many connections for a while.
func (c *costs) measure(ctx context.Context, l *lab, w *world, s *server, token string, connections int, span time.Duration,
	request func(worker, turn int) (method, path, body string), status int,
) (sample, error) {
	if err := settle(ctx, w.pool); err != nil {
		return sample{}, err
	}
	clients := make([]*client, connections)
	turns := make([]int, connections)
	for i := range clients {
		var err error
		if clients[i], err = connect(ctx, s.address, token); err != nil {
			return sample{}, err
		}
		defer clients[i].close()
	}
	return c.charge(l, s, func() (sample, error) {
		return drive(ctx, connections, span, func(_ context.Context, worker int) error {
			method, path, body := request(worker, turns[worker])
			turns[worker]++
			return clients[worker].do(method, path, body, status, nil)
		})
	})
}

// seed fills the organization over the real program, and copies its tickets for the limit.
func (w *world) seed(ctx context.Context, token string) ([]string, error) {
	c, err := connect(ctx, w.real.address, token)
	if err != nil {
		return nil, err
	}
	defer c.close()
	ids := make([]string, tickets)
	for i := range ids {
		if ids[i], err = c.create("/api/v1/tickets", newTicket("")); err != nil {
			return nil, err
		}
	}
	if err = w.copyTickets(ctx); err == nil {
		_, err = w.pool.Exec(ctx, `VACUUM ANALYZE`)
	}
	return ids, err
}

// copyTickets gives the limit the same tickets.
func (w *world) copyTickets(ctx context.Context) error {
	_, err := w.pool.Exec(ctx, `INSERT INTO bare_tickets SELECT id, org_id, version, status, priority, category, created_by, assignee, title, description, created_at, updated_at FROM tickets`)
	return err
}

// create posts a ticket and answers its id.
func (c *client) create(path, body string) (string, error) {
	var made struct {
		ID string `json:"id"`
	}
	err := c.do(http.MethodPost, path, body, http.StatusCreated, func(r io.Reader) error { return json.NewDecoder(r).Decode(&made) })
	return made.ID, err
}

// operations are what is measured. Nobody updates a ticket that somebody else updates at the same time.
func (w *world) operations(ids []string) []operation {
	const api = "/api/v1/tickets"
	org := `,"org_id":"` + w.org.String() + `"`
	pick := func(worker, turn int) string { return ids[(worker*61+turn)%len(ids)] }
	title := func(turn int) string { return fmt.Sprintf(`{"title":"Export fails, seen %d times"}`, turn) }
	return []operation{
		{
			"create",
			map[int]string{32: "1.0"},
			http.StatusCreated,
			func(int, int) (string, string, string) { return http.MethodPost, api, newTicket("") },
			func(int, int) (string, string, string) { return http.MethodPost, "/tickets", newTicket(org) },
		},
		{
			"get",
			map[int]string{8: "0.9", 32: "0.9"},
			http.StatusOK,
			func(worker, turn int) (string, string, string) {
				return http.MethodGet, api + "/" + pick(worker, turn), ""
			},
			func(worker, turn int) (string, string, string) {
				return http.MethodGet, "/tickets/" + pick(worker, turn), ""
			},
		},
		{
			"list 50",
			map[int]string{8: "1.5", 32: "1.5"},
			http.StatusOK,
			func(int, int) (string, string, string) { return http.MethodGet, api + "?limit=50", "" },
			func(int, int) (string, string, string) { return http.MethodGet, "/tickets?org=" + w.org.String(), "" },
		},
		{
			"update",
			map[int]string{8: "0.7", 32: "0.7"},
			http.StatusOK,
			func(worker, turn int) (string, string, string) {
				return http.MethodPatch, api + "/" + pick(worker, turn), title(turn)
			},
			func(worker, turn int) (string, string, string) {
				return http.MethodPatch, "/tickets/" + pick(worker, turn), title(turn)
			},
		},
	}
}
