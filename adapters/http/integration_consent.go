package http

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html"
	nethttp "net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"ticketd/commands"
	"ticketd/domain"
)

const howConsentIsGiven = "Open authorize_url in a browser within ten minutes. The vendor asks the person, and sends them back to this program, which " +
	"keeps what it is given and checks the connection."

// checkTime is how long a check may take: a vendor may be slow to answer, and a token may have to be renewed first.
const checkTime = 2 * time.Minute

// callbackPath is where vendors send people back to. It must be registered with them.
const callbackPath = "/api/v1/integrations/oauth/callback"

// Checkup is what came of a test.
type Checkup struct {
	OK        bool      `json:"ok"`
	Code      string    `json:"code,omitempty" example:"forbidden"`
	Error     string    `json:"error" doc:"In words; empty when all is well."`
	CheckedAt Timestamp `json:"checked_at"`
	Status    string    `json:"status" enum:"pending,active,error,inactive,expired,suspended"`
}

func (r integrationRoutes) test(ctx context.Context, in *struct{ IntegrationID }) (*struct{ Body Checkup }, error) {
	c, err := r.of.Commands.Check(ctx, request(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Checkup }{Checkup{OK: c.OK, Code: c.Code, Error: c.Error, CheckedAt: Timestamp(c.At), Status: string(c.Status)}}, nil
}

// Authorization is a person's way to a vendor's page.
type Authorization struct {
	AuthorizeURL string    `json:"authorize_url"`
	ExpiresAt    Timestamp `json:"expires_at"`
}

func (r integrationRoutes) authorize(ctx context.Context, in *struct {
	IntegrationID
	Origin
},
) (*struct {
	CacheControl string `header:"Cache-Control"`
	Body         Authorization
}, error,
) {
	address, ends, err := r.of.Commands.Authorize(ctx, request(ctx), in.ID, in.of(r.config)+callbackPath)
	if err != nil {
		return nil, err
	}
	return &struct {
		CacheControl string `header:"Cache-Control"`
		Body         Authorization
	}{"no-store", Authorization{AuthorizeURL: address, ExpiresAt: Timestamp(ends)}}, nil
}

// consentPages describes the answer to whoever comes back from a vendor.
var consentPages = map[string]*huma.MediaType{"text/html": {Schema: &huma.Schema{Type: huma.TypeString}}}

// consentPage is read by a person. Its address holds a secret, which no other page shall learn.
type consentPage struct {
	Status         int
	ContentType    string `header:"Content-Type" hidden:"true"`
	CacheControl   string `header:"Cache-Control" hidden:"true"`
	ReferrerPolicy string `header:"Referrer-Policy" hidden:"true"`
	Policy         string `header:"Content-Security-Policy" hidden:"true"`
	Body           []byte
}

func (r integrationRoutes) consented(ctx context.Context, in *struct {
	State       string `query:"state" maxLength:"200"`
	Code        string `query:"code" maxLength:"4096"`
	Error       string `query:"error" maxLength:"200" doc:"Why there is no code."`
	Description string `query:"error_description" maxLength:"2000"`
},
) (*consentPage, error) {
	if in.Code == "" {
		if err := r.of.Commands.Declined(ctx, in.State); err != nil {
			return r.consentFailed(ctx, err)
		}
		return page(nethttp.StatusBadRequest, "Not connected", "The vendor says: "+cmp.Or(in.Description, in.Error, "nothing")+"."), nil
	}
	state, checkup, err := r.of.Commands.Consented(ctx, requestID(ctx), in.State, in.Code)
	if err != nil {
		return r.consentFailed(ctx, err)
	}
	if !checkup.OK {
		return page(nethttp.StatusOK, "Connected, but not in order", fmt.Sprintf("%s has its credentials. The check says: %s", state.Name, checkup.Error)), nil
	}
	return page(nethttp.StatusOK, "Connected", state.Name+" is connected. You can close this page."), nil
}

// consentFailed says what went wrong in words, where it may be said.
func (r integrationRoutes) consentFailed(ctx context.Context, err error) (*consentPage, error) {
	if trouble, ok := errors.AsType[*commands.VendorError](err); ok {
		return page(nethttp.StatusBadGateway, "Not connected", trouble.Message), nil
	}
	if refusal, ok := errors.AsType[*domain.Error](err); ok && refusal.Kind != domain.Internal {
		return page(status(refusal.Kind), "Not connected", refusal.Message), nil
	}
	p := r.problem(ctx, err)
	return page(p.Status, "Not connected", p.Detail), nil
}

func page(status int, title, words string) *consentPage {
	title, words = html.EscapeString(title), html.EscapeString(words)
	return &consentPage{
		Status: status, ContentType: "text/html; charset=utf-8", CacheControl: "no-store", ReferrerPolicy: "no-referrer", Policy: "default-src 'none'; frame-ancestors 'none'",
		Body: fmt.Appendf(nil, "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>%s</title>\n<h1>%s</h1>\n<p>%s</p>\n</html>\n", title, title, words),
	}
}
