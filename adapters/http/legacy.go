package http

import (
	"context"
	nethttp "net/http"
)

// What extension clients that are out there rely on, where it differs from the rule. All of it hangs on the trailing
// slash, which server.go strips from every path; ticket_list.go asks withSlash for its envelope.
const (
	aliasOfCreate = "Legacy alias: POST /api/v1/tickets/, with a trailing slash, does the same and answers 200 instead of 201."
	aliasOfUpload = "Legacy alias: without ticket_id, and with a trailing slash, it does the same and answers 200 instead of 201."
	aliasOfList   = "Legacy alias: GET /api/v1/tickets/, with a trailing slash, always answers the envelope, as page and size do."
)

// createdStatus is 201, or 200 for the legacy alias.
func createdStatus(ctx context.Context) int {
	if withSlash(ctx) {
		return nethttp.StatusOK
	}
	return nethttp.StatusCreated
}
