package projections_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/domain/agentrun"
	"ticketd/domain/article"
	"ticketd/domain/backtest"
	"ticketd/domain/delivery"
	"ticketd/domain/file"
	"ticketd/domain/integration"
	"ticketd/domain/organization"
	"ticketd/domain/syncing"
	"ticketd/domain/thread"
	"ticketd/domain/ticket"
	"ticketd/domain/user"
	"ticketd/domain/webhook"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// registry lists the projections. Those of the program itself are compared in cmd/ticketd.
func registry(pool *pgxpool.Pool) []projections.Projection {
	return []projections.Projection{
		projections.TicketSearch(), projections.NewTickets(pool).Projection(), projections.NewComments(pool).Projection(),
		projections.NewUsers(pool).Projection(), projections.NewAPITokens(pool).Projection(), projections.NewRetention(pool).Projection(),
		projections.NewTicketTags(pool).Projection(), projections.NewFiles(pool).Projection(), projections.NewTicketFiles(pool).Projection(),
		projections.NewAgentConfigs(pool).Projection(), projections.NewArticles(pool).Projection(), projections.NewIntegrations(pool).Projection(), projections.NewDeliveries(pool).Projection(), projections.NewThreads(pool).Projection(),
		projections.NewMessages(pool).Projection(), projections.NewAgentRuns(pool).Projection(), projections.NewBacktests(pool).Projection(), projections.NewWebhooks(pool).Projection(), projections.NewSyncs(pool).Projection(),
	}
}

// office is a store with every projection, and what makes them anew.
type office struct {
	desk
	list    []projections.Projection
	rebuild *projections.Rebuilder
}

func newOffice(t *testing.T) office {
	t.Helper()
	o := office{desk: newDesk(t)}
	o.list = registry(o.pool)
	keys := func(from eventstore.Database) (*eventstore.Keyring, error) {
		return eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: from})
	}
	own, err := keys(o.pool)
	require.NoError(t, err)
	o.store = eventstore.Open(t.Context(), o.pool, catalog.Codec, own, eventstore.Options{Inline: projections.Inline(o.list)})
	t.Cleanup(o.store.Close)
	o.rebuild = &projections.Rebuilder{Pool: o.pool, Codec: catalog.Codec, Keys: keys, Progress: func(string, int64, int64) {}}
	return o
}

// follow runs the async projections until the test ends.
func (o office) follow() {
	ctx, cancel := context.WithCancel(o.Context())
	log := slog.New(slog.DiscardHandler)
	runner := projections.NewRunner(&eventstore.Feed{Store: o.store, Pool: o.pool, Log: log}, log, o.list...)
	var work sync.WaitGroup
	work.Go(func() { runner.Run(ctx) })
	o.Cleanup(func() { cancel(); work.Wait() })
}

// caughtUp waits until the feed has come to the end of the log.
func (o office) caughtUp() {
	o.Helper()
	head, err := o.store.Head(o.Context())
	require.NoError(o, err)
	require.Eventually(o, func() bool {
		return o.number(`SELECT count(*) FROM checkpoints WHERE name = 'ticket_search' AND position >= $1`, head) == 1
	}, 20*time.Second, 5*time.Millisecond)
}

func (o office) number(sql string, args ...any) (n int) {
	o.Helper()
	require.NoError(o, o.pool.QueryRow(o.Context(), sql, args...).Scan(&n))
	return n
}

func (o office) exec(sql string) {
	o.Helper()
	_, err := o.pool.Exec(o.Context(), sql)
	require.NoError(o, err)
}

func (o office) named(name string) projections.Projection {
	o.Helper()
	p, ok := projections.Named(o.list, name)
	require.True(o, ok)
	return p
}

// run rebuilds and requires what every rebuild leaves behind: nothing.
func (o office) run(list ...projections.Projection) projections.Rebuilt {
	o.Helper()
	did, err := o.rebuild.Run(o.Context(), list...)
	require.NoError(o, err)
	require.Zero(o, o.number(`SELECT count(*) FROM pg_namespace WHERE nspname = 'rebuild'`))
	require.Len(o, did.Tables, len(list))
	require.Positive(o, did.Waited)
	return did
}

// requireEqual also sees that there was something to compare.
func (o office) requireEqual(did projections.Rebuilt) {
	o.Helper()
	for _, table := range did.Tables {
		require.True(o, table.Equal(), "%+v", table)
		require.Positive(o, table.Rows, "%s has no rows: this test must make some", table.Name)
	}
}

// person makes a user with tokens, and an organization with a rule.
func (o office) person(r *rapid.T) {
	id := newUser()
	token := createdToken(id, "CI", id.String())
	events := []any{user.Registered{UserID: id, Username: "ann", Email: "ann@example.org", PasswordHash: "h", Role: domain.Member}, token}
	for range rapid.IntRange(0, 4).Draw(r, "changes") {
		events = append(events, rapid.SampledFrom([]any{
			user.ProfileChanged{UserID: id, FullName: new("Ann"), Preferences: &map[string]any{"n": 1.5}},
			user.RoleChanged{To: domain.Admin},
			user.Deactivated{},
			user.Reactivated{},
			user.TokenRenamed{UserID: id, TokenID: token.TokenID, Name: "x"},
			user.TokenRevoked{TokenID: token.TokenID},
			createdToken(id, "more", uuid.NewString()),
			user.PasswordChanged{PasswordHash: "i"},
		}).Draw(r, "change"))
	}
	o.happen(ticket.ID{UUID: id.UUID}, events...)
	org := uuid.Must(uuid.NewV7()) // the stream of an organization has its id
	_, err := o.store.Append(o.Context(), eventstore.Metadata{}, eventstore.Write{Stream: eventstore.Stream{Org: org, ID: org}, Events: []any{
		organization.Founded{Name: "Org", FoundedBy: id}, organization.RetentionSet{Days: rapid.IntRange(0, 9).Draw(r, "days")}, organization.Renamed{Name: "New"},
	}})
	require.NoError(o, err)
}

func (o office) ticketOf(r *rapid.T) {
	id := o.opened(func(t *ticket.Opened) { t.Title = rapid.StringMatching(`[a-zé]{1,8}`).Draw(r, "title") })
	for range rapid.IntRange(1, 6).Draw(r, "events") {
		o.happen(id, o.any(r))
	}
}

// fileOf makes an upload to a ticket, and what may happen to it.
func (o office) fileOf(r *rapid.T) {
	id, to, uploader := newUser().UUID, o.opened(), newUser()
	events := []any{
		file.UploadStarted{UploadedBy: uploader, Filename: "a.png"},
		file.Uploaded{UploadedBy: uploader, Filename: "a.png", Category: file.Image, ContentHash: "ab", Ticket: to.UUID, Scan: file.Scan{Status: file.Clean}},
	}
	if rapid.Bool().Draw(r, "infected") {
		events[1] = file.Quarantined{UploadedBy: uploader, Filename: "a.png", ContentHash: "ab", Signature: "Eicar"}
	}
	for attempt := range rapid.IntRange(0, 6).Draw(r, "facts") {
		events = append(events, rapid.SampledFrom([]any{
			file.StageStarted{Stage: file.OCR, Attempt: attempt},
			file.StageProgressed{Stage: file.OCR, Percent: 40, Doing: "first pass"},
			file.StageCompleted{Stage: file.OCR, UploadedBy: uploader, Excerpt: "words", Width: 4, Language: "en", Reading: file.ReadingRef{ID: id, ReadHash: "x", Characters: 5}},
			file.StageFailed{Stage: file.OCR, UploadedBy: uploader, Reason: "it crashed", Final: attempt%2 == 0},
			file.StageSkipped{Stage: file.Validation, UploadedBy: uploader, Reason: "no engine"},
			file.Processed{Outcome: file.SomeFailed},
			file.ProcessingRequested{},
			file.Deleted{},
			file.WordsErased{Of: uploader},
		}).Draw(r, "fact"))
	}
	o.happen(ticket.ID{UUID: id}, events...)
	o.happen(to, ticket.Attached{Attachments: []ticket.Attachment{{FileID: domain.FileID{UUID: id}}}})
}

// several draws some of the events, in any order.
func several(r *rapid.T, of ...any) []any {
	return rapid.SliceOfN(rapid.SampledFrom(of), 0, 5).Draw(r, "facts")
}

// configOf makes a configuration of an agent.
func (o office) configOf(r *rapid.T) {
	by, defaults := newUser(), agentconfig.Defaults(domain.Summary)
	o.happen(ticket.ID{UUID: newUser().UUID}, append([]any{agentconfig.Adopted{Agent: domain.Summary, Config: defaults}}, several(r,
		agentconfig.Changed{By: by, Temperature: new(0.5), Tools: &[]string{"get_ticket"}},
		agentconfig.Changed{By: by, SystemPrompt: new("Be brief."), MaxTokens: new(90)},
		agentconfig.Changed{Model: new("gpt-4o"), Timeout: new(9), Tools: &[]string{}},
		agentconfig.RolledBack{By: by, To: 1, Config: defaults},
		agentconfig.ShadowSet{By: by, Of: 1, Config: defaults},
		agentconfig.ShadowCleared{By: by},
	)...)...)
}

// integrationOf makes a connection with a vendor.
func (o office) integrationOf(r *rapid.T) {
	by := newUser()
	o.happen(ticket.ID{UUID: newUser().UUID}, append([]any{integration.Connected{
		By: by, Platform: integration.Jira, AuthType: integration.APIKey, Credentials: []string{"api_token", "email"},
		Config: integration.Config{Name: "Jira", Settings: map[string]string{"project_key": "HELP"}, SyncEnabled: true},
	}}, several(r,
		integration.Changed{By: by, Name: new("Desk"), Mapping: &integration.Mapping{Status: map[string]string{"open": "new"}}, Fallback: &[]uuid.UUID{}},
		integration.CredentialsSet{By: by, Fields: []string{"api_token"}},
		integration.Checked{OK: true},
		integration.Checked{Code: "unavailable", Why: "No answer."},
		integration.Disabled{By: by, Reason: "holidays"},
		integration.Expired{Code: "revoked", Why: "The token was revoked."},
		integration.Synced{Sync: newUser().UUID, Created: 1, Skipped: 2},
		integration.Disconnected{By: by},
	)...)...)
}

// webhookOf makes an address that events are sent to.
func (o office) webhookOf(r *rapid.T) {
	by := newUser()
	o.happen(ticket.ID{UUID: newUser().UUID}, append([]any{webhook.Subscribed{By: by, URL: "https://example.org", Events: []string{"ticket.*"}}}, several(r,
		webhook.Changed{By: by, URL: new("https://example.com")},
		webhook.SecretRotated{By: by},
		webhook.Paused{By: by, Reason: "holidays"},
		webhook.Resumed{By: by},
		webhook.Deleted{By: by},
	)...)...)
}

// deliveryOf makes the life of a ticket with an integration.
func (o office) deliveryOf(r *rapid.T) {
	by, to, create := newUser(), newUser().UUID, delivery.Step{Kind: delivery.Create, Words: 1, Status: "new"}
	routed := o.opened()
	o.happen(ticket.ID{UUID: delivery.IDOf(to, routed.UUID)}, append([]any{delivery.Begun{Integration: to, Ticket: routed.UUID, Route: 2, CreatedBy: by}}, several(r,
		delivery.Attempted{Step: create, Try: 1},
		delivery.Done{Step: create, External: "HELP-1", URL: "https://jira/HELP-1", CreatedBy: by, Note: "The title was cut."},
		delivery.Failed{Step: create, Code: "unavailable", CreatedBy: by, Message: "No answer.", RetryAt: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)},
		delivery.Parked{Step: delivery.Step{Kind: delivery.File, Key: to}, Code: "invalid", CreatedBy: by, Message: "Not this one."},
		delivery.Unheard{Code: "missing", CreatedBy: by, Message: "There is no such issue."},
		delivery.HeardAgain{},
		delivery.Held{Code: "integration_expired"},
		delivery.Retried{By: by},
		delivery.Ended{Code: "ticket_deleted"},
	)...)...)
	o.happen(routed, append([]any{ticket.Routed{Integration: to, Platform: "jira", Send: rapid.Bool().Draw(r, "send")}}, several(r,
		ticket.DeliveryNoted{Integration: to, Status: ticket.DeliveryCreated, ExternalID: "HELP-1"},
		ticket.DeliveryNoted{Integration: newUser().UUID, Status: ticket.DeliveryFailed, Code: "invalid"},
		ticket.Commented{CommentID: newUser().UUID, Author: by, Content: "From there.", Integration: to, SaidBy: "Zoe"},
		ticket.Routed{Integration: newUser().UUID, Platform: "slack", Send: true},
	)...)...)
}

// articleOf makes an article.
func (o office) articleOf(r *rapid.T) {
	by := newUser()
	written := article.Written{By: by, Title: "Passwords", Body: rapid.StringMatching(`[a-zé ]{1,20}`).Draw(r, "body"), Tags: []string{"ü"}}
	o.happen(ticket.ID{UUID: newUser().UUID}, append([]any{written}, several(r,
		article.Revised{By: newUser(), Title: new("Keys"), Tags: &[]string{}},
		article.Revised{By: by, Body: new("Ask.")},
		article.Deleted{By: by},
	)...)...)
}

// threadOf makes a conversation with a message, and what may be said in it.
func (o office) threadOf(r *rapid.T) {
	by, first, second := newUser(), newUser().UUID, newUser().UUID
	o.happen(ticket.ID{UUID: newUser().UUID}, append([]any{
		thread.Started{Agent: domain.CustomerSupport, CreatedBy: by, Title: "VPN"},
		thread.MessageAdded{MessageID: first, Role: thread.User, Author: by, Content: "It drops.", Metadata: map[string]any{"n": 1.5}, Attachments: []thread.Attachment{{FileID: domain.FileID{UUID: second}}}},
	}, several(r,
		thread.MessageAdded{MessageID: second, Role: thread.User, Author: by, Content: "Again!"},
		thread.Replied{MessageID: newUser().UUID, InReplyTo: first, Run: newUser().UUID, CreatedBy: by, Content: "Try this."},
		thread.Replied{MessageID: newUser().UUID, InReplyTo: second, Run: newUser().UUID, CreatedBy: by, Content: "Or this."},
		thread.ReplyFailed{InReplyTo: first, Run: newUser().UUID, Code: "timeout"},
		thread.Renamed{CreatedBy: by, Title: "Tunnel", ByAgent: true},
		thread.Deleted{},
		thread.WordsErased{Of: by},
	)...)...)
}

// runOf makes a run of an agent.
func (o office) runOf(r *rapid.T) {
	by := newUser()
	started := agentrun.Started{Agent: domain.Categorization, ConfigVersion: 2, Purpose: agentrun.CategorizeTicket, RequestedBy: by, Ticket: newUser().UUID}
	if rapid.Bool().Draw(r, "reply") {
		started = agentrun.Started{Agent: domain.CustomerSupport, Purpose: agentrun.Reply, RequestedBy: by, Input: map[string]any{"text": "hello"}, Thread: newUser().UUID, Message: newUser().UUID}
	}
	o.happen(ticket.ID{UUID: newUser().UUID}, append([]any{started}, several(r,
		agentrun.ModelAsked{Turn: 2, Provider: "openai", Model: "gpt-4o-mini", Stop: "tools", InputTokens: 9, OutputTokens: 2, Cost: 7},
		agentrun.ProviderFailed{Turn: 1, Provider: "anthropic", Code: "timeout"},
		agentrun.ToolCalled{Turn: 1, CallID: "1.1", Tool: "get_ticket", RequestedBy: by, Result: "{}", ResultHash: "ab"},
		agentrun.Completed{RequestedBy: by, Result: map[string]any{"category": "bug"}, Provider: "builtin", Model: "rules", Confidence: new(0.5), Ticket: newUser().UUID},
		agentrun.Failed{RequestedBy: by, Code: "timeout", Reason: "It took too long."},
		agentrun.WordsErased{Of: by},
		agentrun.WordsErased{},
	)...)...)
}

// trialOf makes a backtest of a configuration.
func (o office) trialOf(r *rapid.T) {
	one, by := newUser().UUID, newUser()
	started := backtest.Started{Agent: domain.Categorization, Version: 2, Candidate: backtest.Candidate{Model: "rules"}, Tickets: []uuid.UUID{one, newUser().UUID}, By: by}
	o.happen(ticket.ID{UUID: newUser().UUID}, append([]any{started}, several(r,
		backtest.Judged{Ticket: one, Said: backtest.Verdict{Category: "bug", Priority: "low", Confidence: 0.5}, Provider: "builtin", Model: "rules", Cost: 7},
		backtest.Judged{Ticket: newUser().UUID, Unjudged: backtest.Erased},
		backtest.Completed{},
		backtest.Stopped{Code: "budget", Reason: "The budget is used up."},
		backtest.Cancelled{By: by},
	)...)...)
}

// syncOf makes a sync of an integration.
func (o office) syncOf(r *rapid.T) {
	there, counts := newUser().UUID, syncing.Counts{Created: 1, Failed: 2}
	o.happen(ticket.ID{UUID: newUser().UUID}, append([]any{syncing.Started{Integration: there, Number: 2, Tickets: 4, By: newUser()}}, several(r,
		syncing.Looked{Ticket: newUser().UUID, Outcome: syncing.HasFailed, Code: "forbidden", CreatedBy: newUser(), Reason: "It is forbidden."},
		syncing.Progressed{Integration: there, Tickets: 5, Counts: counts},
		syncing.Ended{Integration: there, Counts: counts},
		syncing.Failed{Integration: there, Tickets: 4, Code: "given_up", Why: "It was given up."},
	)...)...)
}

// Whatever happened, the rows that were written with the events are those that the log gives: for every projection.
func TestReplayEqualsLive(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.follow()
	rapid.Check(t, func(r *rapid.T) {
		o.person(r)
		o.ticketOf(r)
		o.fileOf(r)
		o.configOf(r)
		o.articleOf(r)
		o.integrationOf(r)
		o.deliveryOf(r)
		o.webhookOf(r)
		o.threadOf(r)
		o.runOf(r)
		o.trialOf(r)
		o.syncOf(r)
	})
	o.happen(o.opened(), o.commented(o.bob, "words", false))
	o.caughtUp()
	before := o.dump()
	var steps []string
	o.rebuild.Progress = func(step string, _, _ int64) { steps = append(steps, step) }
	did := o.run(o.list...)
	o.requireEqual(did)
	require.Positive(t, did.Events)
	require.Subset(t, steps, []string{"fold", "fill ticket_search", "compare", "swap"})
	require.Equal(t, before, o.dump())
	for _, p := range o.list {
		o.requireEqual(o.run(p))
	}
	require.Equal(t, before, o.dump())

	// The tables go on as if nothing had happened.
	id := o.opened(func(t *ticket.Opened) { t.Title = "Afterwards" })
	o.caughtUp()
	require.Equal(t, 1, o.number(`SELECT count(*) FROM ticket_search WHERE ticket_id = $1 AND words @@ 'afterward'`, id.String()))
}

// What differs is counted, and what takes its place is what the log says.
func TestARebuildTellsWhatDiffered(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for range 5 {
		o.opened()
	}
	before := o.dump()
	o.exec(`UPDATE tickets SET title = 'forged' WHERE id = (SELECT id FROM tickets LIMIT 1)`)
	o.exec(`DELETE FROM tickets WHERE id = (SELECT id FROM tickets WHERE title <> 'forged' LIMIT 1)`)
	did := o.run(o.named("tickets"))
	require.False(t, did.Tables[0].Equal())
	require.EqualValues(t, 2, did.Tables[0].Differ)
	require.Equal(t, before, o.dump())
}

// A fresh table is like the live one in every way: partitions, indexes, keys, storage, rights.
func TestAFreshTableIsMadeLikeTheLiveOne(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.opened()
	o.index()
	o.exec(`GRANT SELECT ON tickets TO PUBLIC`)
	o.exec(`ALTER TABLE tickets SET (fillfactor = 70), ADD UNIQUE (org_id, id)`)
	shape := func() []string {
		rows, err := o.pool.Query(t.Context(), `
			SELECT concat_ws(' ', c.relname, c.relkind, c.reloptions, c.relacl, pg_get_expr(c.relpartbound, c.oid), pg_get_indexdef(c.oid),
				(SELECT string_agg(concat_ws(' ', a.attname, a.atttypid::regtype, a.attnotnull, pg_get_expr(d.adbin, d.adrelid)), ',' ORDER BY a.attnum)
				FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE a.attrelid = c.oid AND a.attnum > 0))
			FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1`)
		require.NoError(t, err)
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return list
	}
	before := shape()
	o.run(o.list...)
	require.Equal(t, before, shape())
}

// Writers go on, nothing of theirs is lost or doubled, and reads never fail.
func TestARebuildWhileEverybodyWrites(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.follow()
	for range 200 {
		o.opened()
	}
	var enough atomic.Bool
	var work sync.WaitGroup
	var written atomic.Int64
	for range 16 {
		work.Go(func() {
			for !enough.Load() {
				id := o.opened()
				o.happen(id, o.commented(o.bob, "while it runs", false))
				o.happen(id, ticket.Assigned{Assignee: o.bob})
				require.Equal(t, 1, o.find(id).Comments)
				written.Add(1)
			}
		})
	}
	for range 3 {
		before := written.Load()
		for _, table := range o.run(o.list...).Tables {
			require.True(t, table.Equal(), "%+v", table)
		}
		require.Eventually(t, func() bool { return written.Load() > before }, 20*time.Second, time.Millisecond)
	}
	enough.Store(true)
	work.Wait()
	o.caughtUp()
	tickets := int(written.Load()) + 200
	require.Equal(t, tickets, o.number(`SELECT count(*) FROM tickets`))
	require.Equal(t, tickets-200, o.number(`SELECT count(*) FROM comments`))
	require.Equal(t, tickets, o.number(`SELECT count(*) FROM ticket_search`))
	require.Equal(t, tickets-200, o.number(`SELECT count(*) FROM ticket_search WHERE words @@ 'run'`))
	for _, table := range o.run(o.list...).Tables {
		require.True(t, table.Equal(), "%+v", table)
	}
}

// during runs something once, when a rebuild comes to a step.
func (o office) during(step string, what func()) {
	var once sync.Once
	o.rebuild.Progress = func(at string, _, _ int64) {
		if at == step {
			once.Do(what)
		}
	}
}

// A person who is erased while a rebuild runs is erased in the tables that it makes, whatever it had read before: in the
// search too.
func TestWordsErasedMeanwhileAreErased(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"read", "fold", "make the indexes of tickets", "make the indexes of ticket_search", "fill ticket_search", "compare", "swap"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.follow()
			id := o.opened(func(t *ticket.Opened) { t.Title = "Her zucchini" })
			hers := o.commented(o.ann, "zucchini", false)
			o.happen(o.opened(func(t *ticket.Opened) { t.CreatedBy = o.bob }), hers)
			o.happen(newTicket(), thread.Started{Agent: domain.Summary, CreatedBy: o.ann, Title: "zucchini"}, thread.MessageAdded{
				MessageID: newUser().UUID, Role: thread.User, Author: o.ann, Content: "zucchini", Metadata: map[string]any{"page": "zucchini"},
			})
			o.caughtUp()
			const words = `SELECT count(*) FROM ticket_search WHERE words @@ 'zucchini'`
			require.Equal(t, 2, o.number(words))
			var erased bool
			erase := func() {
				require.Contains(t, o.find(id).Title, "zucchini")
				_, err := o.pool.Exec(t.Context(), `UPDATE subject_keys SET wrapped = '', erased_at = now() WHERE subject_id = $1`, [16]byte(o.ann.UUID))
				require.NoError(t, err)
				for _, s := range o.streams() {
					told := map[string]any{"ticket": ticket.WordsErased{Of: o.ann}, "thread": thread.WordsErased{Of: o.ann}}
					o.happen(ticket.ID{UUID: s.ID}, told[s.Category()])
				}
				erased = true
			}
			o.during(step, erase)
			if step == "read" { // with a key that was still there, and written to the fresh table afterwards
				o.rebuild.Keys = func(from eventstore.Database) (*eventstore.Keyring, error) {
					store := lateKeys{PostgresKeys: eventstore.PostgresKeys{Pool: from}, once: &sync.Once{}, then: erase, of: o.ann.UUID}
					if erased {
						store.once.Do(func() {})
					}
					return eventstore.NewKeyring(make([]byte, 32), store)
				}
			}
			o.run(o.list...)
			require.True(t, erased)
			o.caughtUp()
			require.Equal(t, eventstore.Erased, o.find(id).Title)
			require.Zero(t, o.number(`SELECT count(*) FROM comments WHERE content LIKE '%zucchini%'`))
			require.Zero(t, o.number(words))
			require.Zero(t, o.number(`SELECT count(*) FROM threads t, messages m WHERE t::text || m::text LIKE '%zucchini%'`))
			require.Equal(t, 1, o.number(`SELECT count(*) FROM threads t JOIN messages m ON m.thread_id = t.id WHERE t.title = m.content AND t.title = $1`, eventstore.Erased))
		})
	}
}

// lateKeys calls then when a key was read, before anybody uses it.
type lateKeys struct {
	eventstore.PostgresKeys
	of   uuid.UUID
	once *sync.Once
	then func()
}

func (k lateKeys) LoadKeys(ctx context.Context, subjects []uuid.UUID) (map[uuid.UUID][]byte, error) {
	keys, err := k.PostgresKeys.LoadKeys(ctx, subjects)
	if slices.Contains(subjects, k.of) {
		k.once.Do(k.then)
	}
	return keys, err
}

// The log is signed while tables are made, and tables are made while the log is signed.
func TestALogIsSignedDuringARebuild(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.opened()
	signer, err := eventstore.NewHeadSigner([32]byte{})
	require.NoError(t, err)
	var head eventstore.Head
	o.during("compare", func() {
		log := eventstore.SignedLog{Pool: o.pool, Signer: signer, Witness: noWitness{}}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		head, _, err = log.Sign(ctx)
	})
	o.run(o.list...)
	require.NoError(t, err)
	require.EqualValues(t, 1, head.Size)

	signing, err := o.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = signing.Exec(t.Context(), `SELECT pg_advisory_xact_lock($1)`, eventstore.SignLock)
	require.NoError(t, err)
	o.run(o.list...)
	require.NoError(t, signing.Rollback(t.Context()))
}

type noWitness struct{}

func (noWitness) Last() (string, error) { return "", nil }
func (noWitness) Keep(string) error     { return nil }

// Whoever reads slowly has all connections, and still nobody who writes waits for a rebuild that waits for one of them.
func TestARebuildHasTheConnectionsItNeeds(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"make the indexes of tickets", "compare", "swap"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.opened()
			o.index()
			config := o.pool.Config()
			config.MaxConns = 2
			few, err := pgxpool.NewWithConfig(t.Context(), config)
			require.NoError(t, err)
			t.Cleanup(few.Close)
			o.rebuild.Pool = few
			o.during(step, func() {
				o.opened() // to be caught up with
				for range config.MaxConns {
					slow, err := few.Acquire(t.Context())
					require.NoError(t, err)
					t.Cleanup(slow.Release)
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			_, err = o.rebuild.Run(ctx, o.list...)
			require.NoError(t, err)
			require.Equal(t, 2, o.number(`SELECT count(*) FROM tickets`))
			require.Zero(t, o.number(`SELECT count(*) FROM pg_namespace WHERE nspname = 'rebuild'`))
		})
	}
}

// What a killed rebuild has left goes, and not what one at work needs.
func TestLeftoversAreCleared(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.opened()
	require.NoError(t, o.rebuild.Clear(t.Context()), "there is nothing")
	const left = `SELECT count(*) FROM pg_namespace WHERE nspname = 'rebuild'`
	o.exec(`CREATE SCHEMA rebuild; CREATE TABLE rebuild.tickets (title text)`)
	require.NoError(t, o.rebuild.Clear(t.Context()))
	require.Zero(t, o.number(left))

	o.exec(`CREATE SCHEMA rebuild; CREATE TABLE rebuild.tickets (title text)`)
	require.NoError(t, o.rebuild.Renew(t.Context(), o.list, slog.New(slog.DiscardHandler)), "so does a program that starts")
	require.Zero(t, o.number(left))

	var running error
	o.during("compare", func() { running = o.rebuild.Clear(t.Context()) })
	o.run(o.list...)
	require.ErrorIs(t, running, projections.ErrRebuilding)
}

// Rebuilds follow upon each other without a pause: none takes the tables of the next one away.
func TestRebuildsInARowLeaveEachOtherAlone(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	for range 20 {
		o.opened()
	}
	var work sync.WaitGroup
	var ran atomic.Int64
	for range 3 {
		work.Go(func() {
			for ran.Load() < 12 {
				own := *o.rebuild
				did, err := own.Run(t.Context(), o.named("tickets"))
				if errors.Is(err, projections.ErrRebuilding) {
					continue
				}
				if !assert.NoError(t, err) {
					return
				}
				assert.True(t, did.Tables[0].Equal())
				ran.Add(1)
			}
		})
	}
	work.Wait()
	require.Equal(t, 20, o.number(`SELECT count(*) FROM tickets`))
}

func TestOneRebuildAtATime(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.opened()
	var second error
	o.during("compare", func() {
		other := *o.rebuild
		other.Progress = func(string, int64, int64) {}
		_, second = other.Run(t.Context(), o.list...)
	})
	o.run(o.list...)
	require.ErrorIs(t, second, projections.ErrRebuilding)
	o.run(o.list...)
}

// Whatever stops a rebuild, the live tables are as they were, and the next one begins anew.
func TestARebuildThatIsStoppedChangesNothing(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.opened()
	o.index()
	before := o.dump()
	for _, step := range []string{"fold", "make the indexes of tickets", "fill ticket_search", "compare", "swap"} {
		ctx, cancel := context.WithCancel(t.Context())
		o.during(step, cancel)
		_, err := o.rebuild.Run(ctx, o.list...)
		require.ErrorIs(t, err, context.Canceled, step)
		require.Equal(t, before, o.dump(), step)
		require.Zero(t, o.number(`SELECT count(*) FROM pg_namespace WHERE nspname = 'rebuild'`), step)
		cancel()
	}
	o.during("compare", func() { o.exec(`ALTER TABLE comments ADD COLUMN mood text NOT NULL DEFAULT ''`) })
	_, err := o.rebuild.Run(t.Context(), o.list...)
	require.ErrorIs(t, err, projections.ErrReshaped)

	lost := errors.New("the keys are lost")
	keys := o.rebuild.Keys
	for calls := range 4 {
		o.rebuild.Keys = func(from eventstore.Database) (*eventstore.Keyring, error) {
			if calls--; calls < 0 {
				return nil, lost
			}
			return keys(from)
		}
		_, err = o.rebuild.Run(t.Context(), o.list...)
		require.ErrorIs(t, err, lost)
	}
	o.rebuild.Keys = keys

	// Also one that was killed, and left its tables.
	o.exec(`CREATE SCHEMA rebuild; CREATE TABLE rebuild.tickets (n int)`)
	o.run(o.list...)
	_, err = o.rebuild.Run(t.Context(), projections.Projection{Name: "nothing", Nouns: []string{"ticket"}})
	require.ErrorContains(t, err, "read the tables' shapes")
}

func TestAnEventThatNobodyKnowsStopsARebuild(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.opened()
	before := o.dump()
	o.exec(`INSERT INTO events (stream_id, version, org_id, type, data, metadata, recorded_at, prev_hash, hash)
		VALUES (gen_random_uuid(), 1, gen_random_uuid(), 'ticket.bewitched', '{}', '{"v":1}', now(), '', decode(repeat('00', 32), 'hex'))`)
	_, err := o.rebuild.Run(t.Context(), o.list...)
	_, poison := errors.AsType[*eventstore.PoisonError](err)
	require.True(t, poison, "%v", err)
	require.Equal(t, before, o.dump())

	changed := o.list[1]
	changed.Code++
	require.Error(t, o.rebuild.Renew(t.Context(), []projections.Projection{changed}, slog.New(slog.DiscardHandler)), "waiting helps nobody")
}

// A long reader makes the swap wait, and nobody behind it.
func TestALongReaderHoldsUpNobody(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	id := o.opened()
	reader, err := o.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = reader.Exec(t.Context(), `SELECT FROM tickets`)
	require.NoError(t, err)
	swapping := make(chan struct{})
	o.during("swap", func() { close(swapping) })
	done := make(chan error, 1)
	go func() {
		_, err := o.rebuild.Run(t.Context(), o.named("tickets"))
		done <- err
	}()
	<-swapping
	for range 20 {
		o.happen(id, o.commented(o.bob, "still here", false))
		o.find(id)
	}
	require.Empty(t, done)
	require.NoError(t, reader.Rollback(t.Context()))
	require.NoError(t, <-done)
	require.Equal(t, 20, o.find(id).Comments)
}

// A table whose code has changed is made anew when the program starts, once, and with it what is made of it.
func TestTablesOfOlderCodeAreRenewed(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	none, err := o.rebuild.Outdated(t.Context(), o.list)
	require.NoError(t, err)
	require.Empty(t, none)
	o.list[1].Code = 5
	fresh, err := o.rebuild.Outdated(t.Context(), o.list)
	require.NoError(t, err)
	require.Empty(t, fresh, "an empty log needs no rebuild")
	require.Equal(t, 5, o.number(`SELECT code FROM projections WHERE name = 'tickets'`))

	o.opened()
	o.index()
	before := o.dump()
	for _, older := range []string{`UPDATE projections SET code = 1 WHERE name = 'tickets'`, `DELETE FROM projections WHERE name = 'tickets'`} {
		o.exec(`UPDATE tickets SET title = 'as older code had it'`)
		o.exec(older)
		outdated, err := o.rebuild.Outdated(t.Context(), o.list)
		require.NoError(t, err)
		require.Len(t, outdated, 2)
		require.Equal(t, "ticket_search", outdated[0].Name, "it is made of tickets")
		var said bytes.Buffer
		var instances sync.WaitGroup
		log := slog.New(slog.NewTextHandler(&said, nil))
		for range 3 {
			instances.Go(func() {
				own := *o.rebuild
				require.NoError(t, own.Renew(t.Context(), o.list, log))
			})
		}
		instances.Wait()
		require.Equal(t, before, o.dump())
		require.Equal(t, 1, bytes.Count(said.Bytes(), []byte("the tables were made anew")), "one instance does it: %s", said.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	o.list[1].Code++
	require.NoError(t, o.rebuild.Renew(ctx, o.list, slog.New(slog.DiscardHandler)), "a program that stops is no trouble")
}

// An old program that starts once more while new ones take its place does not take back what they have made. Who wants
// that says so.
func TestTablesOfNewerCodeAreLeftAlone(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.opened()
	o.exec(`UPDATE tickets SET title = 'as newer code has it'`)
	o.exec(`UPDATE projections SET code = 99 WHERE name = 'tickets'`)
	o.exec(`UPDATE projections SET code = 0 WHERE name = 'comments'`)
	var said bytes.Buffer
	require.NoError(t, o.rebuild.Renew(t.Context(), o.list, slog.New(slog.NewTextHandler(&said, nil))))
	require.Equal(t, 1, bytes.Count(said.Bytes(), []byte("level=WARN msg=\"a newer program has made")), said.String())
	require.Contains(t, said.String(), "projections=[tickets]")
	require.Equal(t, 1, o.number(`SELECT count(*) FROM tickets WHERE title = 'as newer code has it'`))
	require.Equal(t, o.named("comments").Code, o.number(`SELECT code FROM projections WHERE name = 'comments'`), "the others are made anew")

	o.run(o.named("tickets"))
	require.Zero(t, o.number(`SELECT count(*) FROM tickets WHERE title = 'as newer code has it'`))
	require.Equal(t, o.named("tickets").Code, o.number(`SELECT code FROM projections WHERE name = 'tickets'`))
}

// A restore brings the events while somebody starts who had found the log empty.
func TestTheCodeOfEmptyTablesIsNotKnownOnceThereAreEvents(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.exec(`DELETE FROM projections`)
	restore, err := o.pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = restore.Rollback(context.WithoutCancel(t.Context())) }() // committed, unless the test fails
	_, err = restore.Exec(t.Context(), `INSERT INTO events (stream_id, version, org_id, type, data, metadata, recorded_at, prev_hash, hash)
		VALUES (gen_random_uuid(), 1, gen_random_uuid(), 'ticket.opened', '{}', '{"v":1}', now(), '', decode(repeat('00', 32), 'hex'))`)
	require.NoError(t, err)
	var starting sync.WaitGroup
	var outdated []projections.Projection
	starting.Go(func() { outdated, err = o.rebuild.Outdated(t.Context(), o.list) })
	require.Eventually(t, func() bool {
		return o.number(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`) == 1
	}, 20*time.Second, time.Millisecond)
	require.NoError(t, restore.Commit(t.Context()))
	starting.Wait()
	require.NoError(t, err)
	require.Len(t, outdated, len(o.list))
	require.Zero(t, o.number(`SELECT count(*) FROM projections`))
}

func TestARebuildWithoutADatabase(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.opened()
	o.pool.Close()
	_, err := o.rebuild.Run(t.Context(), o.list...)
	require.Error(t, err)
	_, err = o.rebuild.Outdated(t.Context(), o.list)
	require.Error(t, err)
	require.Error(t, o.rebuild.Clear(t.Context()))
	var said bytes.Buffer
	ctx, cancel := context.WithCancel(t.Context())
	log := slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) { cancel(); return said.Write(p) }), nil))
	require.NoError(t, o.rebuild.Renew(ctx, o.list, log))
	require.Contains(t, said.String(), "will be tried again")
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestAProjectionIsFoundByItsName(t *testing.T) {
	t.Parallel()
	_, known := projections.Named(registry(nil), "nonsense")
	require.False(t, known)
	for _, p := range registry(nil) {
		found, known := projections.Named(registry(nil), p.Name)
		require.True(t, known)
		require.Equal(t, p.Name, found.Name)
		require.NotEqual(t, p.Inline == nil, p.Handle == nil, "%s is written with its events or after them", p.Name)
		require.Equal(t, p.Handle == nil, p.Refresh == nil, p.Name)
		require.Positive(t, p.Code)
		if p.Inline != nil {
			require.Empty(t, p.Inline.Rows(eventstore.Stream{Events: []eventstore.Recorded{{Type: "session.started"}}}))
		}
	}
	require.Len(t, projections.Inline(registry(nil)), len(registry(nil))-1)
}
