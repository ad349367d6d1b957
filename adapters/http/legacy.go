package http

import (
	"context"
	nethttp "net/http"
)

// legacyTicketRoutes notes what extension clients that are out there rely on, where it differs from the rule. All of it
// hangs on the trailing slash, which server.go strips from every path:
//
//   - POST /api/v1/tickets/ answers 200 where POST /api/v1/tickets answers 201;
//   - GET /api/v1/tickets/ answers an envelope where GET /api/v1/tickets answers an array.
func (s *Server) legacyTicketRoutes() {}

// createdStatus is 201, or 200 for the legacy alias.
func createdStatus(ctx context.Context) int {
	if withSlash(ctx) {
		return nethttp.StatusOK
	}
	return nethttp.StatusCreated
}
