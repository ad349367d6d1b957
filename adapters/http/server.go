// Package http serves the REST API, its documentation and the health of the program.
//
// # Why
//
// Handlers are typed functions registered with huma, so the OpenAPI document, the validation of every request and the
// code can never disagree. A handler binds, makes ids, hands one command over and renders the row that comes of it: it
// decides nothing. Every noun registers its own routes; server.go lists the nouns.
package http

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net"
	nethttp "net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/eventstore"
	"ticketd/projections"
)

// Authenticator finds out who sends a bearer token. Errors are of Kind Unauthenticated.
type Authenticator interface {
	Authenticate(ctx context.Context, bearer string) (domain.Caller, error)
}

// Issuer makes access tokens.
type Issuer interface {
	// Issue answers a token that proves who somebody is, and when it stops doing so.
	Issue(org domain.OrgID, user domain.UserID, role domain.Role, session uuid.UUID) (token string, expires time.Time, err error)
}

// Events is the log as routes read it: of the caller's organization.
type Events interface {
	projections.Events

	// Head is the position of the last event, of whatever organization.
	Head(ctx context.Context) (int64, error)
}

// Readings knows what was read from uploads.
type Readings interface {
	// Find answers those of the readings that are there and are what the log says they are, by their ids.
	Find(ctx context.Context, org domain.OrgID, refs ...file.ReadingRef) (map[uuid.UUID]file.Reading, error)
}

// Deps is what the routes work with.
type Deps struct {
	Accounts      commands.Accounts
	Tickets       commands.Tickets
	Agents        commands.Agents
	Articles      commands.Articles
	Deliveries    Deliver
	Chat          Chat
	Webhooks      Webhooks
	WebhooksIn    *commands.WebhooksIn
	AIConfigs     AIConfigs
	Integrations  Integrations
	Syncs         Syncs
	Files         commands.Files
	Uploads       commands.Uploads
	Jobs          commands.JobDesk
	Organizations commands.Organizations
	Erasures      commands.Erasures
	Log           eventstore.Log
	Events        Events
	SignedLog     *eventstore.SignedLog

	TicketRows  *projections.Tickets
	CommentRows *projections.Comments
	FileRows    *projections.Files
	TicketFiles *projections.TicketFiles
	AgentRuns   *projections.AgentRuns
	ArticleRows *projections.Articles
	Readings    Readings
	OpenBlob    func(ctx context.Context, key string) (io.ReadSeekCloser, error) // fs.ErrNotExist: there are no such bytes
	Users       *projections.Users
	APITokens   *projections.APITokens
	People      *projections.People

	Authenticator Authenticator
	Issuer        Issuer
	Idempotency   Idempotency
	Probes        Probes
	Metrics       nethttp.Handler
	Observe       func(method, route string, status int, took time.Duration)
	WebSocket     nethttp.Handler
	Sockets       func() int // open WebSocket connections

	Logger *slog.Logger
}

// Config is what an operator chooses.
type Config struct {
	CORSOrigins    []string
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	Registration   string         // "open" or "invite"
	Limits         Limits
	PublicURL      string // where people and vendors find the program; empty: as a request says
	MaxUpload      int64  // bytes of one file; 0: 100 MB
	Version        string
}

// Server answers HTTP requests.
type Server struct {
	Deps
	config  Config
	echo    *echo.Echo
	api     huma.API
	limiter *limiter
	ending  chan struct{} // closed when streams shall end
	end     sync.Once

	verifying sync.Mutex // one verification at a time
	exporting *places    // of exports of people
}

// maxBody bounds a JSON body: the longest description in four-byte characters, and room for the rest.
const maxBody = 1 << 20

// maxUpload is how many bytes a file may have where nobody says.
const maxUpload = 100 << 20

// New answers a server with all its routes.
func New(c Config, d Deps) *Server {
	c.MaxUpload = cmp.Or(c.MaxUpload, maxUpload)
	s := &Server{Deps: d, config: c, echo: echo.New(), limiter: newLimiter(), ending: make(chan struct{}), exporting: newPlaces(mostExports)}
	s.echo.HideBanner, s.echo.HidePort = true, true
	s.echo.HTTPErrorHandler = s.answerEchoError
	s.echo.IPExtractor = addressBehind(c.TrustedProxies)
	s.echo.Pre(s.stripSlash)
	s.echo.Use(s.withRequestID, s.logRequests, s.recoverPanics, s.cors(), s.decodeParams)
	s.api = humaecho.New(s.echo, openAPIConfig(c.Version))
	s.api.UseMiddleware(s.detach, s.receive, s.authenticate, s.limit, s.replay)
	s.systemRoutes()
	s.authRoutes()
	s.userRoutes()
	s.organizationRoutes()
	s.memberRoutes()
	s.apiTokenRoutes()
	s.ticketRoutes()
	s.commentRoutes()
	s.fileRoutes()
	s.jobRoutes()
	s.agentRoutes()
	s.agentRunRoutes()
	s.chatRoutes(d.Chat)
	s.knowledgeRoutes()
	s.webhookRoutes(d.Webhooks)
	s.aiConfigRoutes(d.AIConfigs)
	s.integrationRoutes(d.Integrations)
	s.deliveryRoutes()
	s.syncRoutes(d.Syncs)
	s.webhookInRoutes()
	s.historyRoutes()
	s.auditRoutes()
	s.proofRoutes()
	s.privacyRoutes()
	s.docsRoutes()
	return s
}

// addressBehind tells where a request comes from. X-Forwarded-For is believed only of the operator's own proxies: else
// every guess would come from another address.
func addressBehind(proxies []netip.Prefix) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		trust = append(trust, echo.TrustIPRange(&net.IPNet{IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}))
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

// ServeHTTP implements net/http's Handler.
func (s *Server) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) { s.echo.ServeHTTP(w, r) }

// EndStreams cuts off the streams that are under way, which would hold up a program that stops: their clients go on
// elsewhere.
func (s *Server) EndStreams() { s.end.Do(func() { close(s.ending) }) }

// OpenAPI answers the document that describes the routes.
func (s *Server) OpenAPI() *huma.OpenAPI { return s.api.OpenAPI() }

func (s *Server) cors() echo.MiddlewareFunc {
	if len(s.config.CORSOrigins) == 0 {
		return func(next echo.HandlerFunc) echo.HandlerFunc { return next }
	}
	return middleware.CORSWithConfig(middleware.CORSConfig{
		AllowOrigins: s.config.CORSOrigins,
		AllowHeaders: []string{"Authorization", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key", "Range", "X-Request-ID"},
		ExposeHeaders: []string{
			"Accept-Ranges", "Content-Disposition", "Content-Range", "ETag", "Idempotency-Replayed", "Link", "Location", "Retry-After", "X-Event-Position", "X-Request-ID",
			"X-Total-Count", "X-Total-Count-Capped", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
		},
		MaxAge: 600,
	})
}
