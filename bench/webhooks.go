package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"ticketd/internal/vendorfake"
)

const (
	hooksPerSecond = 200
	hooksFor       = 10 * time.Second
	hookTickets    = 400  // that live with the vendor: webhooks about one come two seconds apart, and none are gathered
	hookNeighbours = 2000 // other integrations of the platform, each with a secret of its own
	hookClients    = 32   // connections of the vendor
)

// benchWebhooks measures webhooks that come at a steady rate. The limit is a bare net/http handler that checks the same
// signature and writes one row. Each webhook has the program ask the vendor behind the answer, on the same processors.
func benchWebhooks(ctx context.Context, l *lab, o options, out io.Writer) (err error) {
	w, err := l.openHooks(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	results := newTable("webhooks to", "a second:", "limit p50 / p99 ms:", "ours p50 / p99 ms:", "ratio p50:", "ratio p99:", "target p99 ms:")
	for _, line := range []struct{ what, path string }{
		{"one integration", "/api/v1/integrations/" + w.integration + "/webhook"},
		{fmt.Sprintf("the platform, %d others on it", hookNeighbours), "/api/v1/integrations/github/webhook"},
	} {
		limit, real := &series{}, &series{}
		for range o.rounds {
			bare, err := w.send(ctx, w.limit, "/webhook")
			if err != nil {
				return err
			}
			measured, err := w.send(ctx, w.real, line.path)
			if err != nil {
				return err
			}
			limit.add(bare, bare)
			real.add(measured, bare)
		}
		results.add(line.what, whole(real.rate()), ms(limit.p50())+" / "+ms(limit.p99()), ms(real.p50())+" / "+ms(real.p99()),
			ratio(float64(real.p50())/float64(limit.p50())), ratio(float64(real.p99())/float64(limit.p99())), "10")
	}
	results.write(out, "Webhooks of vendors", fmt.Sprintf("Signed as GitHub signs, of %d KB, about %d tickets, from %d connections. Time counts from when each was due. Memory of the real program afterwards: %d MB.",
		w.size>>10, hookTickets, hookClients, w.real.memory()>>10))
	return nil
}

// hooks is a world with a vendor.
type hooks struct {
	*world
	vendor      *vendorfake.GitHub
	integration string
	issues      []string
	size        int // bytes of a webhook's body
}

func (l *lab) openHooks(ctx context.Context) (_ *hooks, err error) {
	h := &hooks{vendor: vendorfake.NewGitHub()}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if h.world, err = l.openWorld(ctx, "webhooks", nil, "OUTBOUND_ALLOW=127.0.0.0/8"); err != nil {
		return nil, err
	}
	members, err := h.join(ctx, 1)
	if err != nil {
		return nil, err
	}
	c, err := connect(ctx, h.real.address, members[0])
	if err != nil {
		return nil, err
	}
	defer c.close()
	if h.integration, err = h.connectVendor(c, h.vendor.ConnectByToken()); err != nil {
		return nil, err
	}
	for n := range hookNeighbours {
		body := h.vendor.ConnectByToken()
		body["credentials"] = map[string]any{"token": "token", "webhook_secret": fmt.Sprint("the secret of neighbour ", n)}
		body["name"], body["base_url"] = fmt.Sprint("neighbour ", n), "http://127.0.0.1:9" // nobody answers there
		if _, err = h.connectVendor(c, body); err != nil {
			return nil, err
		}
	}
	return h, h.fill(ctx, c)
}

func (h *hooks) close() error {
	h.vendor.Base().Close()
	if h.world == nil {
		return nil
	}
	return h.world.close()
}

// connectVendor answers the id of a new integration.
func (h *hooks) connectVendor(c *client, body map[string]any) (string, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	return c.create("/api/v1/integrations", string(text))
}

// fill makes tickets, and waits until they are with the vendor.
func (h *hooks) fill(ctx context.Context, c *client) error {
	for range hookTickets {
		if _, err := c.create("/api/v1/tickets", newTicket(`,"integration_id":"`+h.integration+`"`)); err != nil {
			return err
		}
	}
	retry := time.NewTicker(20 * time.Millisecond)
	defer retry.Stop()
	for deadline := time.Now().Add(2 * time.Minute); len(h.issues) < hookTickets; {
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d tickets came to the vendor", len(h.issues), hookTickets)
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		var err error
		h.issues, err = h.known(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// known answers the vendor's names of the tickets.
func (h *hooks) known(ctx context.Context) (names []string, err error) {
	rows, err := h.pool.Query(ctx, `SELECT external_id FROM deliveries WHERE external_id <> '' ORDER BY external_id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// webhook answers a webhook as it goes over the line.
func (h *hooks) webhook(address, path string, n int) ([]byte, error) {
	number, err := strconv.Atoi(h.issues[n%len(h.issues)])
	if err != nil {
		return nil, err
	}
	said := map[string]any{"action": "edited", "issue": map[string]any{"number": number, "title": "Export fails", "body": newTicket("")}, "sender": map[string]any{"login": uuid.NewString()}}
	said["padding"] = newTicket("") + newTicket("") // GitHub's say a lot of the repository, too
	r := h.vendor.Signed("issues", said)
	r.Host, r.URL.Path = address, path
	h.size = int(r.ContentLength)
	return httputil.DumpRequestOut(asClient(r), true)
}

// asClient gives a request the address that a client needs.
func asClient(r *http.Request) *http.Request {
	r.URL.Scheme, r.URL.Host = "http", r.Host
	return r
}

// send sends webhooks at a steady rate, and counts the time of each from when it was due.
func (h *hooks) send(ctx context.Context, s *server, path string) (sample, error) {
	if err := settle(ctx, h.pool); err != nil {
		return sample{}, err
	}
	clients := make(chan *client, hookClients)
	for range hookClients {
		c, err := connect(ctx, s.address, "")
		if err != nil {
			return sample{}, err
		}
		defer c.close()
		clients <- c
	}
	warm, all := hooksPerSecond, hooksPerSecond*(1+int(hooksFor/time.Second))
	pieces := make([][]byte, all)
	for n := range pieces {
		var err error
		if pieces[n], err = h.webhook(s.address, path, n); err != nil {
			return sample{}, err
		}
	}
	took, errs := make([]time.Duration, all), make([]error, all)
	var work sync.WaitGroup
	begun := time.Now()
	for n, piece := range pieces {
		due := begun.Add(time.Duration(n) * time.Second / hooksPerSecond)
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return sample{}, ctx.Err()
		}
		work.Go(func() {
			c := <-clients
			errs[n] = c.raw(piece)
			took[n] = time.Since(due)
			clients <- c
		})
	}
	work.Wait()
	span := time.Since(begun.Add(time.Second))
	for _, err := range errs {
		if err != nil {
			return sample{}, err
		}
	}
	return summary(took[warm:], span), nil
}

// raw sends a request as it is, which must be taken.
func (c *client) raw(request []byte) error {
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return fmt.Errorf("read the answer to a webhook: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // the whole body has been read
	said, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("a webhook was answered %s: %s", answer.Status, said)
	}
	return err
}
