package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"ticketd/adapters/auth"
	"ticketd/adapters/http"
	"ticketd/adapters/jobs"
	"ticketd/adapters/mcp"
	"ticketd/adapters/metrics"
	"ticketd/adapters/postgres"
	"ticketd/adapters/ws"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/domain/organization"
	"ticketd/domain/session"
	"ticketd/domain/user"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/migrations"
	"ticketd/projections"
)

// program is everything plugged together. The tests boot the same one.
type program struct {
	config config
	log    *slog.Logger

	cluster *postgres.Cluster // nil with DATABASE_URL
	pool    *pgxpool.Pool
	store   *eventstore.Postgres

	encryptionKey [32]byte
	keys          *eventstore.Keyring
	eraser        *eraser
	signedLog     *eventstore.SignedLog
	accounts      commands.Accounts
	authenticator *auth.Authenticator
	people        *projections.People
	tickets       *projections.Tickets
	files         files
	agents        agents
	webhooks      webhooks
	integrations  integrations
	deliveries    deliveries
	syncs         syncs
	webhooksIn    webhooksIn
	idempotency   postgres.Idempotency
	projections   []projections.Projection
	feed          *eventstore.Feed
	runner        *projections.Runner
	reactions     *message.Router
	health        reactionHealth
	draining      atomic.Bool // no more requests, please
	sockets       *ws.Server
	http          *http.Server
	tools         *mcp.Server            // nil: this instance runs no tool server
	toolsAddress  atomic.Pointer[string] // where it listens
}

// wire is the composition root: every constructor and every subscription, in the order things depend on each other.
func wire(ctx context.Context, c config, log *slog.Logger) (_ *program, err error) {
	p := &program{config: c, log: log}
	defer func() {
		if err != nil {
			p.close(ctx)
		}
	}()
	if err := p.openDatabase(ctx); err != nil {
		return nil, err
	}
	jwtSecret, encryptionKey, err := auth.Secrets(c.DataDir, c.Environment, c.JWTSecret, c.EncryptionKey)
	if err != nil {
		return nil, err
	}
	p.encryptionKey = encryptionKey
	p.keys, err = eventstore.NewKeyring(encryptionKey[:], eventstore.PostgresKeys{Pool: p.pool})
	if err != nil {
		return nil, err
	}
	loginNames, err := auth.NewLogins(encryptionKey)
	if err != nil {
		return nil, err
	}
	tokenSecrets, err := auth.NewTokenSecrets(encryptionKey)
	if err != nil {
		return nil, err
	}

	// The read side.
	tickets, comments := projections.NewTickets(p.pool), projections.NewComments(p.pool)
	users, apiTokens, retention := projections.NewUsers(p.pool), projections.NewAPITokens(p.pool), projections.NewRetention(p.pool)
	p.files.rows, p.files.tickets = projections.NewFiles(p.pool), projections.NewTicketFiles(p.pool)
	agentConfigs, articles := projections.NewAgentConfigs(p.pool), projections.NewArticles(p.pool)
	threads, messages := projections.NewThreads(p.pool), projections.NewMessages(p.pool)
	p.webhooks.rows = projections.NewWebhooks(p.pool)
	p.integrations.rows, p.deliveries.rows = projections.NewIntegrations(p.pool), projections.NewDeliveries(p.pool)
	p.syncs.rows = projections.NewSyncs(p.pool)
	p.agents.rows, p.agents.backtestRows = projections.NewAgentRuns(p.pool), projections.NewBacktests(p.pool)
	p.projections = []projections.Projection{
		// written with the events
		tickets.Projection(), projections.NewTicketTags(p.pool).Projection(), comments.Projection(), p.files.rows.Projection(), p.files.tickets.Projection(),
		users.Projection(), apiTokens.Projection(), retention.Projection(), agentConfigs.Projection(), articles.Projection(), p.integrations.rows.Projection(), p.deliveries.rows.Projection(), threads.Projection(),
		messages.Projection(), p.agents.rows.Projection(), p.agents.backtestRows.Projection(), p.webhooks.rows.Projection(), p.syncs.rows.Projection(),
		// after the commit
		projections.TicketSearch(), projections.ArticleSearch(),
	}
	p.people, p.tickets = projections.NewPeople(p.pool), tickets

	// The memory, and who follows it.
	counters := metrics.New(p.pool)
	p.store = eventstore.Open(ctx, p.pool, catalog.Codec, p.keys, eventstore.Options{Inline: projections.Inline(p.projections), Observe: counters.Append, Log: log})
	feed := &eventstore.Feed{Store: p.store, Pool: p.pool, Log: log}
	p.feed = feed
	if err := p.openSignedLog(); err != nil {
		return nil, err
	}
	p.runner = projections.NewRunner(feed, log, p.projections...)

	// The write side.
	p.accounts = commands.NewAccounts(p.store, auth.NewPasswords(c.passwordCost), loginNames, tokenSecrets, c.Environment, time.Now)
	ticketCommands := commands.NewTickets(p.store, p.files.rows, users, postgres.NewNumbers(p.pool))
	p.files.commands = commands.NewFiles(p.store)
	tokens := auth.NewTokens(jwtSecret, auth.AccessLife, time.Now)
	p.agents.configs, p.agents.articles, p.agents.threads = commands.NewAgentConfigs(p.store), commands.NewArticles(p.store), commands.NewThreads(p.store, p.files.rows)
	p.agents.settings = agentSettings{agentConfigs, p.store}
	if err := p.wireAgents(tokens, ticketCommands, users); err != nil {
		return nil, err
	}
	if err := p.wireFiles(ticketCommands); err != nil {
		return nil, err
	}
	if err := p.wireWebhooks(); err != nil {
		return nil, err
	}
	p.wireIntegrations(users)
	p.wireDeliveries(ticketCommands, users)
	p.wireSyncs()
	p.wireWebhooksIn(counters.Webhooks())
	organizations := commands.NewOrganizations(p.store)
	p.idempotency = postgres.Idempotency{Pool: p.pool, Keys: p.keys}
	everywhere := copies{pool: p.pool, store: p.store, feed: feed, readings: p.files.readings, idempotency: p.idempotency, rebuilder: p.rebuilder(func(string, int64, int64) {})}
	erasures := commands.NewErasures(p.store, commands.ErasureParts{
		Accounts: p.accounts, Tickets: ticketCommands, Files: p.files.commands, Organizations: organizations, Threads: p.agents.threads, Words: p.store,
		Copies: everywhere, Settled: c.keysSettle,
	})
	p.eraser = newEraser(p.pool, erasures, everywhere, users, retention, erasedIn(c.DataDir), log)
	//nolint:contextcheck // a message brings its own context
	p.reactions, err = newRouter(p.pool, feed, log, &p.health,
		commands.ReleaseTickets(ticketCommands, tickets, users),
		commands.ProcessFiles(p.files.commands, p.files.jobs),
		commands.EraseExpiredFiles(p.files.commands, ticketCommands, p.files.tickets),
		commands.CategorizeTickets(p.agents.commands, p.files.jobs),
		commands.ShadowCategorizations(p.agents.commands, p.files.jobs),
		commands.RunBacktests(p.files.jobs),
		commands.RunSyncs(p.files.jobs),
		commands.ReplyToMessages(p.agents.threads, p.agents.commands.Answer(p.files.jobs)),
		commands.TitleThreads(p.agents.commands, p.files.jobs),
		commands.AlertOperators(p.webhooks.tell),
		commands.DeliverTickets(p.deliveries.commands, p.deliveries.rows),
		commands.GoOnByHand(p.deliveries.commands),
		commands.WatchIntegrations(p.deliveries.queue),
	)
	if err != nil {
		return nil, err
	}

	// The world.
	p.authenticator = auth.NewAuthenticator(tokens, users, apiTokens, time.Now)
	//nolint:contextcheck // a socket lives longer than the request, or the start, that made it
	p.sockets = ws.New(
		ws.Config{Origins: c.CORSOrigins, MessagesPerMinute: c.WSMessages, MaxConnections: c.WSConnections},
		p.authenticator, visibleTickets{tickets}, visibleFiles{p.files.rows}, visibleThreads{threads}, &projections.Notices{Tickets: tickets, Files: p.files.rows, Threads: threads}, p.store, log,
	)
	//nolint:contextcheck // a request brings its own context
	p.http = http.New(
		http.Config{CORSOrigins: c.CORSOrigins, TrustedProxies: c.TrustedProxies, Registration: c.Registration, PublicURL: c.PublicURL, Limits: c.limits(), MaxUpload: c.UploadSize << 20, Version: version},
		http.Deps{
			Accounts: p.accounts, Organizations: organizations, Erasures: erasures, Tickets: ticketCommands, Log: p.store, Events: projections.OrgEvents{Log: p.store}, SignedLog: p.signedLog,
			Agents: p.agents.commands, AgentRuns: p.agents.rows, Articles: p.agents.articles, ArticleRows: articles, AIConfigs: http.AIConfigs{Configs: p.agents.configs, Rows: agentConfigs, Backtests: p.agents.backtests, BacktestRows: p.agents.backtestRows},
			Chat:     http.Chat{Threads: p.agents.threads, Rows: threads, Messages: messages, Replies: p.agents.replies, Patience: p.agents.settings.patience},
			Webhooks: p.webhooks.routes(), Integrations: http.Integrations{Commands: p.integrations.commands, Rows: p.integrations.rows, Queue: p.deliveries.rows}, Deliveries: p.deliveries.routes(), Syncs: p.syncs.routes(), WebhooksIn: p.webhooksIn.commands,
			Files: p.files.commands, Uploads: p.files.uploads, FileRows: p.files.rows, TicketFiles: p.files.tickets, Readings: p.files.readings,
			OpenBlob: p.files.openBlob, Jobs: p.files.jobs,
			TicketRows: tickets, CommentRows: comments, Users: users, APITokens: apiTokens, People: p.people,
			Authenticator: p.authenticator, Issuer: tokens, Idempotency: p.idempotency, Probes: p,
			Metrics: counters.Handler(), Observe: counters.Request, WebSocket: p.sockets, Sockets: p.sockets.Connections, Logger: log,
		},
	)
	if c.tools {
		p.tools = mcp.New(mcp.Config{Hosts: c.MCPHosts, Version: version}, mcp.Deps{
			Tickets: ticketCommands, TicketRows: tickets, Destinations: p.integrations.rows, FileRows: p.files.rows, Readings: p.files.readings, People: p.people,
			Knowledge: articles, Similar: tickets, Classifier: p.agents.rules, Probes: p, Authenticator: p.authenticator, Admit: p.http.Admit, Refused: p.http.Refused, Logger: log,
		})
	}
	p.exportSockets(counters)
	//nolint:contextcheck // whoever scrapes brings no context along
	p.exportJobs(counters)
	counters.Counter("ticketd_reactions_given_up_total", "Events in the poison queue of the reactions, of this instance.", func() float64 { return float64(p.health.aside.Load()) })
	return p, nil
}

// openDatabase connects and brings the schema up to date.
func (p *program) openDatabase(ctx context.Context) error {
	if err := p.connect(ctx); err != nil {
		return err
	}
	if _, err := postgres.MigrateUp(ctx, p.pool, migrations.FS); err != nil {
		return err
	}
	return jobs.Migrate(ctx, p.pool)
}

// connect starts the embedded cluster unless there is a DATABASE_URL. A tool joins the one that a server runs.
func (p *program) connect(ctx context.Context) (err error) {
	url := p.config.DatabaseURL
	if url == "" {
		p.cluster, err = postgres.Start(ctx, p.config.DataDir, p.log)
		switch {
		case err == nil:
			url = p.cluster.URL()
		case p.config.tool && errors.Is(err, postgres.ErrInUse):
			if url, err = postgres.JoinURL(p.config.DataDir); err != nil {
				return fmt.Errorf("join the running PostgreSQL: %w", err)
			}
		default:
			return fmt.Errorf("start the embedded PostgreSQL: %w", err)
		}
	}
	p.pool, err = postgres.Open(ctx, url)
	return err
}

// observe keeps this instance's caches and sockets true to the log.
func (p *program) observe(ctx context.Context, events []eventstore.Recorded) error {
	p.authenticator.Observe(ctx, events)
	p.people.Observe(ctx, events)
	p.agents.replies.Observe(events)
	if p.tools != nil {
		p.tools.Observe(ctx, events)
	}
	p.tickets.Observe(ctx, events)
	p.webhooks.pump.Observe(events)
	p.webhooksIn.commands.Observe(events)
	for _, r := range events {
		if e, ok := r.Event.(eventstore.Eraser); ok { // whoever's key it was, or the stream's
			p.keys.Forget(cmp.Or(e.Erases(), r.Stream))
		}
		switch e := r.Event.(type) {
		case organization.RetentionSet:
			p.eraser.call()
		case user.ErasureRequested: // every instance notes it, for any of them may be the one that is restored from
			if err := p.eraser.list.add(domain.OrgID{UUID: r.Org}, e.Of); err != nil {
				p.log.WarnContext(ctx, "an erasure was not noted in DATA_DIR", "user", e.Of, "cause", err)
			}
			p.eraser.call()
		case user.Deactivated, user.Removed, user.RoleChanged: // whoever comes back comes with the new rights
			p.sockets.Expel(domain.UserID{UUID: r.Stream})
		case user.TokenRevoked:
			p.sockets.ExpelSession(e.TokenID)
		case session.Revoked:
			p.sockets.ExpelSession(r.Stream)
		case integration.CredentialsSet, integration.Changed, integration.Disconnected:
			p.integrations.client.Forget(r.Stream)
		}
	}
	return nil
}

// Database implements http.Probes.
func (p *program) Database(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return p.pool.Ping(ctx)
}

// patienceOfReady is how long a subscriber may wait for the database before the program says that it is not ready.
const patienceOfReady = 10 * time.Second

// Ready implements http.Probes. It tells what has stopped; why is in the log, because everybody may ask.
func (p *program) Ready(ctx context.Context) map[string]string {
	missing := map[string]string{}
	for name := range p.runner.Stopped() {
		missing[name] = "has stopped"
	}
	p.health.stopped.Range(func(name, what any) bool {
		missing[fmt.Sprint(name)] = fmt.Sprint(what)
		return true
	})
	for _, name := range p.feed.Waiting(patienceOfReady) {
		missing[name] = "waits for the database"
	}
	if p.draining.Load() {
		missing["program"] = "is stopping"
	}
	if err := p.Database(ctx); err != nil {
		missing["database"] = "does not answer"
	}
	return missing
}

func (p *program) exportSockets(m *metrics.Metrics) {
	stats := func(of func(ws.Stats) float64) func() float64 { return func() float64 { return of(p.sockets.Stats()) } }
	m.Gauge("ticketd_sockets_open", "Open WebSocket connections.", stats(func(s ws.Stats) float64 { return float64(s.Connections) }))
	m.Counter("ticketd_sockets_notices_total", "Notices handed to sockets.", stats(func(s ws.Stats) float64 { return float64(s.Notices) }))
	m.Counter("ticketd_sockets_slow_total", "Sockets closed because their client was too slow.", stats(func(s ws.Stats) float64 { return float64(s.SlowClosed) }))
}

// exportJobs counts what workers have before them, in the whole database. A count that cannot be had is no number.
func (p *program) exportJobs(m *metrics.Metrics) {
	count := func(of func(context.Context) (int, error)) func() float64 {
		return func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			n, err := of(ctx)
			if err != nil {
				return math.NaN()
			}
			return float64(n)
		}
	}
	m.Gauge("ticketd_jobs_waiting", "Files and runs of agents that a free worker would begin with.", count(p.files.jobs.Waiting))
	m.Gauge("ticketd_jobs_parked", "Files and runs of agents that were given up and wait for an administrator.", count(p.files.jobs.Parked))
}

// close ends what was started, the last first.
func (p *program) close(ctx context.Context) {
	if p.store != nil {
		p.store.Close()
	}
	if p.sockets != nil {
		_ = p.drain(ctx, p.sockets.Close) // serve has said what is wrong with it
	}
	p.files.temporary.remove()
	p.agents.close()
	p.integrations.close()
	if p.pool != nil {
		p.pool.Close()
	}
	if p.cluster != nil {
		if err := p.cluster.Stop(ctx); err != nil {
			p.log.WarnContext(ctx, "the embedded PostgreSQL did not stop cleanly and will recover on the next start", "cause", err)
		}
	}
}

// visibleTickets finds tickets for the sockets, by the same rule as the REST routes.
type visibleTickets struct{ rows *projections.Tickets }

// Find implements ws.Tickets.
func (v visibleTickets) Find(ctx context.Context, caller domain.Caller, ref string) (uuid.UUID, any, error) {
	row, err := v.rows.FindVisible(ctx, caller, strings.TrimSpace(ref))
	if err != nil {
		return uuid.Nil, nil, err
	}
	return row.ID.UUID, ticketStatus{
		TicketID: row.ID.UUID, Number: row.Number, Status: string(row.Status), Priority: string(row.Priority), Version: row.Version,
		UpdatedAt: row.UpdatedAt.Format(projections.Millis),
	}, nil
}

// ticketStatus is the data of the socket's ticket_status.
type ticketStatus struct {
	TicketID  uuid.UUID `json:"ticket_id"`
	Number    int64     `json:"number"`
	Status    string    `json:"status"`
	Priority  string    `json:"priority"`
	Version   int       `json:"version"`
	UpdatedAt string    `json:"updated_at"`
}
