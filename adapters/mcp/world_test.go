package mcp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres"
	"ticketd/adapters/postgres/postgrestest"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/article"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
	"ticketd/domain/user"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// desk is a server of tools: the store and the tables behind it are real.
type desk struct {
	*testing.T
	*httptest.Server
	tools   *Server
	pool    *pgxpool.Pool
	store   *eventstore.Postgres
	callers map[string]domain.Caller // by their tokens
	log     *logLines
	world   *world
}

// world is what stands behind the ports.
type world struct {
	readings  Readings
	said      commands.Classification
	request   commands.HelpRequest
	broken    map[string]string
	away      error // what the database answers
	fault     error // what the ports answer
	findFault error // what the knowledge base answers who looks for an article
	panics    bool
}

var errPort = errors.New("a secret fault for the test")

func (w *world) Find(ctx context.Context, org domain.OrgID, refs ...file.ReadingRef) (map[uuid.UUID]file.Reading, error) {
	if w.fault != nil {
		return nil, w.fault
	}
	return w.readings.Find(ctx, org, refs...)
}

// breakable is the knowledge base and the likeness of tickets, which may be broken.
type breakable struct {
	*projections.Articles
	tickets *projections.Tickets
	world   *world
}

func (b breakable) Search(ctx context.Context, org domain.OrgID, question string, limit int) ([]projections.ArticleHit, error) {
	if b.world.fault != nil {
		return nil, b.world.fault
	}
	return b.Articles.Search(ctx, org, question, limit)
}

func (b breakable) Find(ctx context.Context, org domain.OrgID, id article.ID) (projections.ArticleRow, error) {
	if b.world.findFault != nil {
		return projections.ArticleRow{}, b.world.findFault
	}
	return b.Articles.Find(ctx, org, id)
}

func (b breakable) Similar(ctx context.Context, caller domain.Caller, text string, limit int) ([]projections.SimilarTicket, error) {
	if b.world.fault != nil {
		return nil, b.world.fault
	}
	return b.tickets.Similar(ctx, caller, text, limit)
}

func (b breakable) SimilarTo(ctx context.Context, caller domain.Caller, row projections.TicketRow, limit int) ([]projections.SimilarTicket, error) {
	return b.tickets.SimilarTo(ctx, caller, row, limit)
}

func (w *world) Classify(_ context.Context, _ domain.OrgID, r commands.HelpRequest) commands.Classification {
	if w.panics {
		panic("a secret panic for the test")
	}
	w.request = r
	return w.said
}

func (w *world) Database(context.Context) error { return w.away }

func (w *world) Ready(context.Context) map[string]string { return w.broken }

type logLines struct {
	sync.Mutex
	strings.Builder
}

func (l *logLines) Write(p []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.Builder.Write(p)
}

func (l *logLines) String() string {
	l.Lock()
	defer l.Unlock()
	return l.Builder.String()
}

func newDesk(t *testing.T, configure ...func(*Config, *Deps)) *desk {
	t.Helper()
	d := &desk{T: t, pool: postgrestest.Pool(t), callers: map[string]domain.Caller{}, log: &logLines{}}
	d.world = &world{readings: postgres.Readings{Pool: d.pool}}
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: d.pool})
	require.NoError(t, err)
	tickets, files, users, articles := projections.NewTickets(d.pool), projections.NewFiles(d.pool), projections.NewUsers(d.pool), projections.NewArticles(d.pool)
	integrations := projections.NewIntegrations(d.pool)
	d.store = eventstore.Open(t.Context(), d.pool, catalog.Codec, keys, eventstore.Options{Inline: []eventstore.Inline{
		tickets, projections.NewTicketTags(d.pool), projections.NewComments(d.pool), files, projections.NewTicketFiles(d.pool), users.Projection().Inline, articles, integrations,
	}})
	t.Cleanup(d.store.Close)
	acme, other := domain.OrgID{UUID: uuid.New()}, domain.OrgID{UUID: uuid.New()}
	for _, who := range []struct {
		token string
		org   domain.OrgID
		role  domain.Role
	}{
		{"ada", acme, domain.Admin},
		{"sam", acme, domain.Support},
		{"bob", acme, domain.Member},
		{"cyd", acme, domain.Member},
		{"aud", acme, domain.Auditor},
		{"eve", other, domain.Admin},
	} {
		d.join(who.token, who.org, who.role)
	}
	agent := d.callers["bob"]
	agent.Type, agent.ID = domain.ByAgent, uuid.New()
	d.callers["bob's agent"] = agent
	known := breakable{articles, tickets, d.world}
	c := Config{Version: "test"}
	deps := Deps{
		Tickets: commands.NewTickets(d.store, files, users, postgres.NewNumbers(d.pool)), TicketRows: tickets, Destinations: integrations, FileRows: files, Readings: d.world,
		People: projections.NewPeople(d.pool), Knowledge: known, Similar: known, Classifier: d.world, Probes: d.world, Authenticator: d,
		Admit: func(domain.Caller) (time.Duration, bool) { return 0, true }, Refused: func(*nethttp.Request) (time.Duration, bool) { return 0, true },
		Logger: slog.New(slog.NewTextHandler(d.log, nil)),
	}
	for _, change := range configure {
		change(&c, &deps)
	}
	d.tools = New(c, deps)
	d.Server = httptest.NewServer(d.tools)
	t.Cleanup(func() {
		d.Close()
		if t.Failed() {
			t.Log(d.log)
		}
	})
	return d
}

// join makes a member who is known by a token.
func (d *desk) join(token string, org domain.OrgID, role domain.Role) {
	d.Helper()
	id := domain.UserID{UUID: commands.NewID()}
	d.callers[token] = domain.Caller{Org: org, Actor: domain.Actor{Type: domain.ByUser, ID: id.UUID, User: id, Role: role}}
	d.tell(org, id.UUID, user.Registered{UserID: id, Username: token, FullName: strings.ToUpper(token), Role: role})
}

// tell appends events to a stream.
func (d *desk) tell(org domain.OrgID, id uuid.UUID, events ...any) {
	d.Helper()
	stream, err := d.store.Load(d.Context(), org.UUID, id)
	require.NoError(d, err)
	stream.Org, stream.ID = org.UUID, id
	streams, err := d.store.Append(d.Context(), eventstore.Metadata{Actor: eventstore.Actor{Type: "system"}}, eventstore.Write{Stream: stream, Events: events})
	require.NoError(d, err)
	if d.tools != nil {
		d.tools.Observe(d.Context(), streams[0].Events)
	}
}

// Authenticate implements Authenticator.
func (d *desk) Authenticate(_ context.Context, bearer string) (domain.Caller, error) {
	switch caller, known := d.callers[bearer]; {
	case known:
		return caller, nil
	case bearer == "broken":
		return caller, errPort
	case bearer == "away":
		return caller, &domain.Error{Kind: domain.Unavailable, Code: "away", Message: "Away."}
	case bearer == "barred":
		return caller, domain.ErrForbidden
	case bearer == "panic":
		panic("a secret panic for the test")
	}
	return domain.Caller{}, &domain.Error{Kind: domain.Unauthenticated, Code: "token_invalid", Message: "The token is not valid."}
}

// readings are what stages find.
type readings map[file.Stage]*file.Reading

// uploaded takes a file in that was read to the end, and answers its id.
func (d *desk) uploaded(token, name string, category file.Category, found readings) string {
	d.Helper()
	id := d.uploading(token, name, category)
	d.wasRead(token, id, found)
	return id
}

func (d *desk) uploading(token, name string, category file.Category) string {
	d.Helper()
	by, id := d.callers[token], commands.NewID()
	d.tell(by.Org, id, file.Uploaded{
		UploadedBy: by.User, Filename: name, Size: 1234, MIMEType: "application/x-test", Category: category, ContentHash: strings.Repeat("ab", 32), Scan: file.Scan{Status: file.Clean},
	})
	return id.String()
}

// wasRead tells what the stages of an upload found.
func (d *desk) wasRead(token, id string, found readings) {
	d.Helper()
	by, upload := d.callers[token], uuid.MustParse(id)
	var events []any
	for stage, reading := range found {
		content, err := json.Marshal(reading)
		require.NoError(d, err)
		hash, ref := sha256.Sum256(content), commands.NewID()
		require.NoError(d, postgres.Readings{Pool: d.pool}.Keep(d.Context(), by.Org, ref, domain.FileID{UUID: upload}, stage, content))
		events = append(events, file.StageStarted{Stage: stage, Attempt: 1}, file.StageCompleted{
			Stage: stage, Attempt: 1, UploadedBy: by.User, Reading: file.ReadingRef{ID: ref, ReadHash: hex.EncodeToString(hash[:])},
			Width: reading.Width, Height: reading.Height, Seconds: reading.Seconds,
		})
	}
	d.tell(by.Org, upload, append(events, file.Processed{Outcome: file.AllCompleted})...)
}

// index makes the words of tickets known to the full text search.
func (d *desk) index(ids ...string) {
	d.Helper()
	var streams []uuid.UUID
	for _, id := range ids {
		streams = append(streams, uuid.MustParse(id))
	}
	b := &pgx.Batch{}
	projections.TicketSearch().Refresh(b, streams)
	require.NoError(d, d.pool.SendBatch(d.Context(), b).Close())
}

// opened makes a ticket and answers its id.
func (d *desk) opened(token, title string) string {
	d.Helper()
	return d.ok(token, "create_ticket", map[string]any{"title": title, "description": "It burns."})["ticket_id"].(string)
}

// row answers a ticket as the tables have it.
func (d *desk) row(token, id string) projections.TicketRow {
	d.Helper()
	row, err := d.tools.TicketRows.Find(d.Context(), d.callers[token].Org, ticket.ID{UUID: uuid.MustParse(id)})
	require.NoError(d, err)
	return row
}

// sent is how a request was answered.
type sent struct {
	StatusCode int
	Header     nethttp.Header
}

// send posts a body to the endpoint.
func (d *desk) send(token, body string, headers ...string) (answer sent, text string) {
	d.Helper()
	r, err := nethttp.NewRequestWithContext(d.Context(), "POST", d.URL+"/mcp", strings.NewReader(body))
	require.NoError(d, err)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := d.Client().Do(r)
	require.NoError(d, err)
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	require.NoError(d, err)
	return sent{response.StatusCode, response.Header}, string(content)
}

// rpc calls a method and answers its result, or what went wrong.
func (d *desk) rpc(token, method string, params any) (result, fault map[string]any) {
	d.Helper()
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
	require.NoError(d, err)
	response, text := d.send(token, string(body))
	require.Equal(d, 200, response.StatusCode, text)
	var answer struct {
		ID     int            `json:"id"`
		Result map[string]any `json:"result"`
		Error  map[string]any `json:"error"`
	}
	require.NoError(d, json.Unmarshal([]byte(text), &answer), text)
	require.Equal(d, 7, answer.ID)
	return answer.Result, answer.Error
}

// use calls a tool. meta is name by name.
func (d *desk) use(token, name string, arguments any, meta ...any) (structured map[string]any, refused *refusal) {
	d.Helper()
	params := map[string]any{"name": name, "arguments": arguments}
	if len(meta) > 0 {
		params["_meta"] = map[string]any{meta[0].(string): meta[1]}
	}
	result, fault := d.rpc(token, "tools/call", params)
	require.Nil(d, fault)
	text := result["content"].([]any)[0].(map[string]any)["text"].(string)
	if result["isError"] == true {
		require.NotContains(d, result, "structuredContent", "it would not fit the schema")
		refused = &refusal{}
		require.NoError(d, json.Unmarshal([]byte(text), refused), text)
		require.NotEmpty(d, refused.Message)
		require.NotContains(d, text, "secret")
		return nil, refused
	}
	structured = result["structuredContent"].(map[string]any)
	same, err := json.Marshal(structured)
	require.NoError(d, err)
	require.JSONEq(d, text, string(same))
	requireFits(d.T, name, structured)
	return structured, nil
}

func (d *desk) ok(token, name string, arguments any, meta ...any) map[string]any {
	d.Helper()
	structured, refused := d.use(token, name, arguments, meta...)
	require.Nil(d, refused)
	return structured
}

// refuses calls a tool and answers why it refuses.
func (d *desk) refuses(code, token, name string, arguments any, meta ...any) refusal {
	d.Helper()
	_, refused := d.use(token, name, arguments, meta...)
	require.NotNil(d, refused, "%s was not refused", name)
	require.Equal(d, code, refused.Code, refused.Message)
	return *refused
}

type anyMap = map[string]any

func compact(text string) string {
	var b bytes.Buffer
	if json.Compact(&b, []byte(text)) != nil {
		return text
	}
	return b.String()
}
