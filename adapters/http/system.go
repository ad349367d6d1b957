package http

import (
	"context"
	nethttp "net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"
)

// Probes tell how the program is.
type Probes interface {
	// Database is nil when the database answers.
	Database(ctx context.Context) error

	// Ready answers why the program should not get requests now: a name and a reason each; empty when it should. Everybody
	// may read it.
	Ready(ctx context.Context) map[string]string
}

func (s *Server) systemRoutes() {
	register(s, op("health", nethttp.MethodGet, "/health", "Is the program alive", tagSystem, public), s.health)
	register(s, op("health-db", nethttp.MethodGet, "/health/db", "Does the database answer", tagSystem, public, errs(503)), s.healthDB)
	register(s, op("ready", nethttp.MethodGet, "/ready", "Should the program get requests", tagSystem, public, errs(503)), s.ready)
	register(s, op("websocket-health", nethttp.MethodGet, "/api/v1/websocket/health", "How many sockets are open", tagSystem, public), s.websocketHealth)
	s.echo.GET("/metrics", echo.WrapHandler(s.Metrics))
	s.echo.GET("/ws", func(c echo.Context) error {
		if !c.IsWebSocket() {
			c.Response().Header().Set("Upgrade", "websocket")
			return newProblem(c.Request().Context(), nethttp.StatusUpgradeRequired, "", "This address speaks WebSocket.")
		}
		s.WebSocket.ServeHTTP(c.Response(), c.Request())
		return nil
	})
	s.describeWebSocket()
}

type healthAnswer struct {
	Body struct {
		Status string `json:"status" enum:"healthy"`
	}
}

func (s *Server) health(context.Context, *struct{}) (*healthAnswer, error) {
	answer := &healthAnswer{}
	answer.Body.Status = "healthy"
	return answer, nil
}

type databaseAnswer struct {
	Body struct {
		Database string `json:"database" enum:"connected"`
	}
}

func (s *Server) healthDB(ctx context.Context, _ *struct{}) (*databaseAnswer, error) {
	if err := s.Probes.Database(ctx); err != nil {
		return nil, newProblem(ctx, nethttp.StatusServiceUnavailable, "database_unreachable", "The database does not answer.")
	}
	answer := &databaseAnswer{}
	answer.Body.Database = "connected"
	return answer, nil
}

type readyAnswer struct {
	Body struct {
		Status string `json:"status" enum:"ready"`
	}
}

func (s *Server) ready(ctx context.Context, _ *struct{}) (*readyAnswer, error) {
	missing := s.Probes.Ready(ctx)
	if len(missing) == 0 {
		answer := &readyAnswer{}
		answer.Body.Status = "ready"
		return answer, nil
	}
	var fields []ProblemField
	for name, reason := range missing {
		fields = append(fields, ProblemField{Location: name, Message: reason})
	}
	return nil, newProblem(ctx, nethttp.StatusServiceUnavailable, "not_ready", "The program is not ready for requests.", fields...)
}

type socketsAnswer struct {
	Body struct {
		Status            string `json:"status" enum:"ok"`
		ActiveConnections int    `json:"active_connections"`
	}
}

func (s *Server) websocketHealth(context.Context, *struct{}) (*socketsAnswer, error) {
	answer := &socketsAnswer{}
	answer.Body.Status, answer.Body.ActiveConnections = "ok", s.Sockets()
	return answer, nil
}

// describeWebSocket adds the socket to the document; OpenAPI knows no frames, so they are told in words.
func (s *Server) describeWebSocket() {
	s.api.OpenAPI().AddOperation(&huma.Operation{
		OperationID: "websocket", Method: nethttp.MethodGet, Path: "/ws", Summary: "Notices as they happen", Tags: []string{tagSystem},
		Description: websocketManual,
		Parameters: []*huma.Param{{
			Name: "token", In: "query", Description: "A bearer token; or send it as the subprotocol `bearer, <token>`, or in a first message.",
			Schema: &huma.Schema{Type: huma.TypeString},
		}},
		Responses: map[string]*huma.Response{
			"101": {Description: "Switching protocols"},
			"426": {Description: "Not a WebSocket handshake", Content: map[string]*huma.MediaType{
				"application/problem+json": {Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}},
			}},
		},
		Security: []map[string][]string{},
	})
}

const websocketManual = `Send ` + "`{\"type\",\"data\",\"request_id\"?}`" + `; every answer is ` + "`{\"type\",\"protocol\",\"success\",\"timestamp\",\"data\",\"error\"?,\"request_id\"?}`" + `,
every notice ` + "`{\"type\",\"protocol\",\"success\":true,\"timestamp\",\"position\",\"data\"}`" + `.

| send | data | answer |
| --- | --- | --- |
| authenticate | token | authenticated |
| subscribe_ticket, unsubscribe_ticket | ticket_id | subscription_response |
| get_ticket_status | ticket_id | ticket_status |
| subscribe_job, unsubscribe_job | job_id: of the upload | subscription_response |
| get_job_status | job_id | job_status |
| subscribe_thread, unsubscribe_thread | thread_id | subscription_response |
| subscribe_all, unsubscribe_all | | subscription_response |
| resume | after: the last position you saw; tickets, jobs, threads, all: subscriptions to make at that moment | the notices you missed, in order, then resumed |
| ping | | pong |

Notices of tickets: ticket_created, ticket_updated, ticket_status_update, ticket_assigned, ticket_comment_added,
ai_categorization_complete.

Notices of uploads: file_upload_started, file_upload_completed, file_processing_progress, ocr_completed, transcription_completed,
extraction_completed, file_processing_failed, file_processing_completed, file_deleted.

Notices of conversations: message_added (its reply is on the way then), reply_completed, reply_failed, thread_updated.

Notices of the organization, to its administrators: ai_budget_alert, ai_budget_stop.

Close codes: 4001 token missing, wrong or expired; 4003 origin not allowed; 4008 too slow; 4009 too many connections; 4029 too many messages; 1012 restart.
Nothing is lost over a reconnect: keep the last position, connect, subscribe, and send resume.`
