package http

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"mime/multipart"
	nethttp "net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres"
	"ticketd/adapters/postgres/postgrestest"
	"ticketd/adapters/storage"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/domain/user"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// shelf is a server with files and tickets: the store, the tables and the folder of bytes are real.
type shelf struct {
	*testing.T
	*httptest.Server
	http    *Server
	pool    *pgxpool.Pool
	store   *eventstore.Postgres
	dir     string
	blobs   *storage.Dir
	files   commands.Files
	jobs    *desk
	callers map[string]domain.Caller // by their tokens
	log     *logLines

	stageFault, openFault, findFault error // what the store and the readings answer, if anything
}

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

func newShelf(t *testing.T, configure ...func(*Config)) *shelf {
	t.Helper()
	s := &shelf{T: t, pool: postgrestest.Pool(t), dir: t.TempDir(), jobs: &desk{}, callers: map[string]domain.Caller{}, log: &logLines{}}
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: s.pool})
	require.NoError(t, err)
	tickets, files, references := projections.NewTickets(s.pool), projections.NewFiles(s.pool), projections.NewTicketFiles(s.pool)
	comments, users := projections.NewComments(s.pool), projections.NewUsers(s.pool)
	s.store = eventstore.Open(t.Context(), s.pool, catalog.Codec, keys, eventstore.Options{Inline: []eventstore.Inline{
		tickets, projections.NewTicketTags(s.pool), comments, files, references, users.Projection().Inline,
	}})
	t.Cleanup(s.store.Close)
	s.blobs, err = storage.OpenDir(s.dir)
	require.NoError(t, err)
	s.files = commands.NewFiles(s.store)
	ticketCommands := commands.NewTickets(s.store, files, users, postgres.NewNumbers(s.pool))
	c := Config{Version: "test", MaxUpload: 1 << 20}
	for _, change := range configure {
		change(&c)
	}
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
		s.join(who.token, who.org, who.role)
	}
	s.http = New(c, Deps{
		Tickets: ticketCommands, Files: s.files, Jobs: s.jobs, Log: s.store, Events: projections.OrgEvents{Log: s.store},
		Uploads: commands.NewUploads(s.files, ticketCommands, stageable{s}, sniffing{}, sniffing{}, roomy{},
			commands.UploadLimits{Size: cmp.Or(c.MaxUpload, maxUpload)}),
		TicketRows: tickets, CommentRows: comments, FileRows: files, TicketFiles: references, Users: users, APITokens: projections.NewAPITokens(s.pool),
		People: projections.NewPeople(s.pool), Readings: s, OpenBlob: s.open, Authenticator: s, Idempotency: postgres.Idempotency{Pool: s.pool, Keys: keys},
		Chat: Chat{Rows: projections.NewThreads(s.pool), Messages: projections.NewMessages(s.pool)}, AgentRuns: projections.NewAgentRuns(s.pool),
		Probes: ailing{}, Metrics: nethttp.NotFoundHandler(), Observe: func(string, string, int, time.Duration) {}, Sockets: func() int { return 0 },
		WebSocket: nethttp.NotFoundHandler(), Logger: slog.New(slog.NewTextHandler(s.log, nil)),
	})
	s.Server = httptest.NewServer(s.http)
	t.Cleanup(func() {
		s.Close()
		if t.Failed() {
			t.Log(s.log)
		}
	})
	return s
}

// join makes a member who is known by a token.
func (s *shelf) join(token string, org domain.OrgID, role domain.Role) {
	s.Helper()
	id := domain.UserID{UUID: uuid.Must(uuid.NewV7())}
	s.callers[token] = domain.Caller{Org: org, Actor: domain.Actor{Type: domain.ByUser, ID: id.UUID, User: id, Role: role}}
	_, err := s.store.Append(s.Context(), eventstore.Metadata{Actor: eventstore.Actor{Type: "system"}}, eventstore.Write{
		Stream: eventstore.Stream{Org: org.UUID, ID: id.UUID}, Events: []any{user.Registered{UserID: id, Username: token, Role: role}},
	})
	require.NoError(s, err)
}

// Authenticate implements Authenticator.
func (s *shelf) Authenticate(_ context.Context, bearer string) (domain.Caller, error) {
	caller, known := s.callers[bearer]
	if !known {
		return caller, &domain.Error{Kind: domain.Unauthenticated, Code: "token_invalid", Message: "The token is not valid."}
	}
	return caller, nil
}

// Find implements Readings.
func (s *shelf) Find(ctx context.Context, org domain.OrgID, refs ...file.ReadingRef) (map[uuid.UUID]file.Reading, error) {
	if s.findFault != nil {
		return nil, s.findFault
	}
	return postgres.Readings{Pool: s.pool}.Find(ctx, org, refs...)
}

func (s *shelf) open(ctx context.Context, key string) (io.ReadSeekCloser, error) {
	if s.openFault != nil {
		return nil, s.openFault
	}
	blob, err := s.blobs.Open(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		return nil, fs.ErrNotExist
	}
	return blob, err
}

// stageable is the folder of bytes, which may be broken.
type stageable struct{ *shelf }

func (b stageable) Stage(ctx context.Context, r io.Reader, most int64) (commands.Staged, error) {
	if b.stageFault != nil {
		return nil, b.stageFault
	}
	return b.blobs.Stage(ctx, r, most)
}

func (b stageable) Keep(ctx context.Context, key string, s commands.Staged) error {
	return b.blobs.Keep(ctx, key, s)
}

// sniffing tells types by names, and malware by its name.
type sniffing struct{}

func (sniffing) Inspect(_ context.Context, _ io.ReaderAt, _ int64, name, declared string) (string, file.Category, error) {
	switch filepath.Ext(name) {
	case ".png":
		return "image/png", file.Image, nil
	case ".svg":
		return "image/svg+xml", file.Image, nil
	case ".mp4":
		return "video/mp4", file.Video, nil
	case ".pdf":
		return "application/pdf", file.Document, nil
	case ".html":
		return "text/html; charset=utf-8", file.Code, nil
	case ".bin":
		return "application/octet-stream", file.Other, nil
	case ".exe":
		return "", "", &domain.Error{Kind: domain.BadReference, Code: "type_not_allowed", Message: "File type " + declared + " not allowed", Field: "file"}
	}
	return "text/plain", file.Text, nil
}

func (sniffing) Scan(_ context.Context, r io.Reader) (string, error) {
	head := make([]byte, 5)
	if _, err := io.ReadFull(r, head); err == nil && string(head) == "EICAR" {
		return "Eicar-Test", nil
	}
	return "", nil
}

// roomy is a ledger of an organization that may keep what it likes.
type roomy struct{}

func (roomy) Claim(context.Context, domain.OrgID, string, int64) error { return nil }

// form is a multipart body.
type form struct {
	bytes.Buffer
	*multipart.Writer
}

// newForm answers a form of fields, name by name. A name of a file is its field and its own, with a bar between.
func newForm(fields ...string) *form {
	f := &form{}
	f.Writer = multipart.NewWriter(&f.Buffer)
	for i := 0; i < len(fields); i += 2 {
		header := textproto.MIMEHeader{}
		field, filename, isFile := strings.Cut(fields[i], "|")
		header.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"`, field))
		if isFile {
			header.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"; %s`, field, filename))
			header.Set("Content-Type", "application/x-declared; a=b")
		}
		part, _ := f.CreatePart(header)
		_, _ = io.WriteString(part, fields[i+1])
	}
	_ = f.Close()
	return f
}

// reply is what a request was answered.
type reply struct {
	nethttp.Header
	status int
	text   string
	body   map[string]any
}

func (s *shelf) request(token, method, path string, body io.Reader) *nethttp.Request {
	s.Helper()
	r, err := nethttp.NewRequestWithContext(s.Context(), method, s.URL+path, body)
	require.NoError(s, err)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

// ask sends a request, with headers name by name.
func (s *shelf) ask(token, method, path string, body io.Reader, headers ...string) reply {
	s.Helper()
	r := s.request(token, method, path, body)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := s.Client().Do(r)
	require.NoError(s, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(s, err)
	answer := reply{Header: response.Header, status: response.StatusCode, text: string(text)}
	if strings.HasSuffix(strings.Split(response.Header.Get("Content-Type"), ";")[0], "json") {
		_ = json.Unmarshal(text, &answer.body) // a list is in text
	}
	return answer
}

func (s *shelf) get(token, path string, headers ...string) reply {
	s.Helper()
	return s.ask(token, "GET", path, nil, headers...)
}

func (s *shelf) post(token, path, body string, headers ...string) reply {
	s.Helper()
	return s.ask(token, "POST", path, strings.NewReader(body), append([]string{"Content-Type", "application/json"}, headers...)...)
}

// upload sends a form.
func (s *shelf) upload(token string, f *form, headers ...string) reply {
	s.Helper()
	return s.ask(token, "POST", "/api/v1/files/upload", f, append([]string{"Content-Type", f.FormDataContentType()}, headers...)...)
}

// uploaded takes a file in and answers its id.
func (s *shelf) uploaded(token, name, content string, fields ...string) string {
	s.Helper()
	answer := s.upload(token, newForm(append(fields, `file|filename="`+name+`"`, content)...))
	require.Less(s, answer.status, 300, answer.text)
	return answer.body["id"].(string)
}

// opened makes a ticket and answers its id.
func (s *shelf) opened(token string, more ...string) string {
	s.Helper()
	answer := s.post(token, "/api/v1/tickets", `{"title":"Printer","description":"It burns."`+strings.Join(more, "")+`}`)
	require.Equal(s, 201, answer.status, answer.text)
	return answer.body["id"].(string)
}

// readers answers what stages read, by their names.
type readers map[file.Stage]func() (file.Reading, error)

type reading func() (file.Reading, error)

func (r reading) Read(context.Context, commands.Source, commands.ReadProgress) (file.Reading, error) {
	return r()
}

// process makes the stages of an upload.
func (s *shelf) process(token, id string, how readers) {
	s.Helper()
	each := map[file.Stage]commands.Reader{file.Validation: reading(func() (file.Reading, error) { return file.Reading{Engine: "probe", Width: 20, Height: 10}, nil })}
	for stage, read := range how {
		each[stage] = reading(read)
	}
	p := commands.NewProcessing(s.files, s.blobs, postgres.Readings{Pool: s.pool}, each, slog.New(slog.DiscardHandler))
	_ = p.Process(s.Context(), commands.FileJob{Org: s.callers[token].Org, File: domain.FileID{UUID: uuid.MustParse(id)}, Last: true})
}

// events answers the names of the events of uploads, in order.
func (s *shelf) events() []string {
	s.Helper()
	events, err := s.store.Read(s.Context(), eventstore.Query{})
	require.NoError(s, err)
	names := []string{}
	for _, r := range events {
		if r.Category() == file.Decider.Category {
			names = append(names, r.Type)
		}
	}
	return names
}

// staged answers the bytes that lie in the staging folder.
func (s *shelf) staged() []os.DirEntry {
	entries, err := os.ReadDir(filepath.Join(s.dir, storage.Incoming))
	if !errors.Is(err, fs.ErrNotExist) {
		require.NoError(s, err)
	}
	return entries
}

// desk is background work that notes what it is told.
type desk struct {
	list  []commands.Job
	asked commands.JobsQuery
	told  []string
	err   error
}

func (d *desk) List(_ context.Context, _ domain.OrgID, q commands.JobsQuery) ([]commands.Job, error) {
	d.asked = q
	return d.list, d.err
}

func (d *desk) Retry(_ context.Context, _ domain.OrgID, id int64) error {
	d.told = append(d.told, fmt.Sprint("retry ", id))
	return d.err
}

func (d *desk) Discard(_ context.Context, _ domain.OrgID, id int64) error {
	d.told = append(d.told, fmt.Sprint("discard ", id))
	return d.err
}
