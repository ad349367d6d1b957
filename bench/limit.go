package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/labstack/echo/v4" //nolint:depguard // the limit is what a bare echo server does

	"ticketd/adapters/postgres"
)

// limitCommand makes this program be the server it compares with: `bench limit <address> <database>`.
const limitCommand = "limit"

const limitSchema = `
CREATE TABLE bare_events (
	position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stream_id uuid NOT NULL, version int NOT NULL, type text NOT NULL,
	org_id uuid NOT NULL, data json NOT NULL, UNIQUE (stream_id, version));
CREATE TABLE bare_tickets (
	id uuid PRIMARY KEY, org_id uuid NOT NULL, version int NOT NULL, status text NOT NULL, priority text NOT NULL, category text NOT NULL,
	created_by uuid NOT NULL, assignee uuid, title text NOT NULL, description text NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE bare_webhooks (delivery text PRIMARY KEY, received_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX bare_tickets_list ON bare_tickets (org_id, created_at DESC, id DESC);`

// bareTicket is a ticket without anything around it.
type bareTicket struct {
	ID          uuid.UUID  `json:"id"`
	OrgID       uuid.UUID  `json:"org_id"`
	Version     int        `json:"version"`
	Status      string     `json:"status"`
	Priority    string     `json:"priority"`
	Category    string     `json:"category"`
	CreatedBy   uuid.UUID  `json:"created_by"`
	Assignee    *uuid.UUID `json:"assigned_to_id"`
	Title       string     `json:"title"`
	Description string     `json:"description"`
	CreatedAt   time.Time  `json:"created_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
}

const bareColumns = ` id, org_id, version, status, priority, category, created_by, assignee, title, description, created_at, updated_at `

func (t *bareTicket) scan(row interface{ Scan(into ...any) error }) error {
	return row.Scan(&t.ID, &t.OrgID, &t.Version, &t.Status, &t.Priority, &t.Category, &t.CreatedBy, &t.Assignee, &t.Title, &t.Description, &t.CreatedAt, &t.UpdatedAt)
}

// serveLimit answers until ctx ends.
func serveLimit(ctx context.Context, address, database string) error {
	pool, err := postgres.Open(ctx, database)
	if err != nil {
		return err
	}
	defer pool.Close()
	server := &http.Server{Addr: address, Handler: limitServer(pool), ReadHeaderTimeout: 10 * time.Second} //nolint:contextcheck // every request has its own
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// limitServer is echo and pgx, and nothing else: no authentication, no validation, no history, one statement a request.
// Its sockets belong to nobody, and hear of every ticket.
func limitServer(pool *pgxpool.Pool) http.Handler {
	e := echo.New()
	var sockets bareSockets
	e.GET("/ws", sockets.open)
	e.POST("/webhook", echo.WrapHandler(bareWebhook(pool)))
	e.POST("/tickets", func(c echo.Context) error {
		var t bareTicket
		if err := c.Bind(&t); err != nil {
			return err
		}
		t.ID, t.Version, t.CreatedAt = uuid.Must(uuid.NewV7()), 1, time.Now()
		_, err := pool.Exec(c.Request().Context(), `INSERT INTO bare_events (stream_id, version, type, org_id, data) VALUES ($1, 1, 'ticket.opened', $2, $3)`, t.ID, t.OrgID, &t)
		if err != nil {
			return err
		}
		sockets.tell(t.ID.String())
		return c.JSON(http.StatusCreated, &t)
	})
	e.GET("/tickets/:id", func(c echo.Context) error {
		var t bareTicket
		if err := t.scan(pool.QueryRow(c.Request().Context(), `SELECT`+bareColumns+`FROM bare_tickets WHERE id = $1`, c.Param("id"))); err != nil {
			return err
		}
		return c.JSON(http.StatusOK, &t)
	})
	e.PATCH("/tickets/:id", func(c echo.Context) error {
		var t bareTicket
		if err := c.Bind(&t); err != nil {
			return err
		}
		const update = `UPDATE bare_tickets SET title = $2, version = version + 1, updated_at = now() WHERE id = $1 RETURNING` + bareColumns
		if err := t.scan(pool.QueryRow(c.Request().Context(), update, c.Param("id"), t.Title)); err != nil {
			return err
		}
		return c.JSON(http.StatusOK, &t)
	})
	e.GET("/tickets", func(c echo.Context) error {
		sql, args := bareList(c)
		rows, err := pool.Query(c.Request().Context(), sql, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		list := make([]bareTicket, 0, 50)
		for rows.Next() {
			var t bareTicket
			if err := t.scan(rows); err != nil {
				return err
			}
			list = append(list, t)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		return c.JSON(http.StatusOK, list)
	})
	return e
}

// bareList answers the one statement of a list. Words are found in the program's own index.
func bareList(c echo.Context) (string, []any) {
	const list, newest = `SELECT` + bareColumns + `FROM bare_tickets WHERE org_id = $1`, ` ORDER BY created_at DESC, id DESC LIMIT 50`
	org := c.QueryParam("org")
	switch {
	case c.QueryParam("q") != "":
		return list + ` AND id IN (SELECT ticket_id FROM ticket_search WHERE org_id = $1 AND words @@ plainto_tsquery('english', $2))` + newest, []any{org, c.QueryParam("q")}
	case c.QueryParam("status") != "":
		return list + ` AND status = $2 AND priority = $3` + newest, []any{org, c.QueryParam("status"), c.QueryParam("priority")}
	}
	return list + newest, []any{org}
}

// bareSecret is what the limit's webhooks are signed with.
const bareSecret = "It's a Secret to Everybody" // as the vendor that is played

// bareWebhook checks a signature, and writes one row.
func bareWebhook(pool *pgxpool.Pool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		sum := hmac.New(sha256.New, []byte(bareSecret))
		sum.Write(body)
		if err != nil || !hmac.Equal([]byte("sha256="+hex.EncodeToString(sum.Sum(nil))), []byte(r.Header.Get("X-Hub-Signature-256"))) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if _, err := pool.Exec(r.Context(), `INSERT INTO bare_webhooks (delivery) VALUES ($1)`, r.Header.Get("X-GitHub-Delivery")); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
}

// bareSockets writes to every connection in turn.
type bareSockets struct {
	mu    sync.Mutex
	conns []*websocket.Conn
}

func (s *bareSockets) open(c echo.Context) error {
	conn, err := (&websocket.Upgrader{}).Upgrade(c.Response(), c.Request(), nil)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.conns = append(s.conns, conn)
	s.mu.Unlock()
	for {
		if _, _, err := conn.NextReader(); err != nil {
			return nil //nolint:nilerr // the client has gone, and nobody is left to answer
		}
	}
}

func (s *bareSockets) tell(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.conns) == 0 {
		return
	}
	message, err := websocket.NewPreparedMessage(websocket.TextMessage, []byte(text))
	if err != nil {
		return // never: the type is right
	}
	for _, conn := range s.conns {
		_ = conn.WritePreparedMessage(message) // a client that has gone hears nothing
	}
}
