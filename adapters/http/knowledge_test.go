package http

import (
	"encoding/json"
	"fmt"
	"log/slog"
	nethttp "net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/postgres"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

const articlesPath = "/api/v1/knowledge/articles"

// newLibrary is a shelf with articles.
func newLibrary(t *testing.T) *shelf {
	t.Helper()
	s := newShelf(t)
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: s.pool})
	require.NoError(t, err)
	tickets, articles, users := projections.NewTickets(s.pool), projections.NewArticles(s.pool), projections.NewUsers(s.pool)
	s.store = eventstore.Open(t.Context(), s.pool, catalog.Codec, keys, eventstore.Options{Inline: []eventstore.Inline{tickets, articles, users.Projection().Inline}})
	t.Cleanup(s.store.Close)
	s.callers["guest"] = domain.Caller{Org: s.callers["ada"].Org, Actor: domain.Actor{Type: domain.ByUser, User: domain.UserID{UUID: uuid.New()}, Role: "guest"}}
	s.http = New(Config{Version: "test"}, Deps{
		Tickets: commands.NewTickets(s.store, nil, users, postgres.NewNumbers(s.pool)), Articles: commands.NewArticles(s.store), Log: s.store,
		TicketRows: tickets, ArticleRows: articles, FileRows: projections.NewFiles(s.pool), People: projections.NewPeople(s.pool), Authenticator: s,
		Idempotency: postgres.Idempotency{Pool: s.pool, Keys: keys}, Probes: ailing{}, Metrics: nethttp.NotFoundHandler(),
		Observe: func(string, string, int, time.Duration) {}, Sockets: func() int { return 0 }, WebSocket: nethttp.NotFoundHandler(), Logger: slog.New(slog.NewTextHandler(s.log, nil)),
	})
	s.Close()
	s.Server = httptest.NewServer(s.http)
	return s
}

// wrote makes an article and answers what came back.
func (s *shelf) wrote(token, title, body string, tags ...string) reply {
	s.Helper()
	text, err := json.Marshal(map[string]any{"title": title, "body": body, "tags": append([]string{}, tags...)})
	require.NoError(s, err)
	answer := s.post(token, articlesPath, string(text))
	require.Equal(s, 201, answer.status, answer.text)
	b := &pgx.Batch{}
	projections.ArticleSearch().Refresh(b, []uuid.UUID{uuid.MustParse(answer.body["id"].(string))})
	require.NoError(s, s.pool.SendBatch(s.Context(), b).Close())
	return answer
}

// change sends a partial update.
func (s *shelf) change(token, method, path, body string, headers ...string) reply {
	s.Helper()
	return s.ask(token, method, path, strings.NewReader(body), append([]string{"Content-Type", "application/json"}, headers...)...)
}

func (r reply) list(t *testing.T) (list []map[string]any) {
	t.Helper()
	require.Equal(t, 200, r.status, r.text)
	require.NoError(t, json.Unmarshal([]byte(r.text), &list), r.text)
	return list
}

func TestAnArticleFromItsWritingToItsEnd(t *testing.T) {
	t.Parallel()
	s := newLibrary(t)
	made := s.wrote("ada", " Printers ", "Do not burn them.", "hardware", " hardware", "")
	id, _ := made.body["id"].(string)
	require.Equal(t, articlesPath+"/"+id, made.Get("Location"))
	require.Equal(t, `"1"`, made.Get("ETag"))
	require.NotEmpty(t, made.Get("X-Event-Position"))
	for name, want := range map[string]any{"title": "Printers", "body": "Do not burn them.", "tags": []any{"hardware"}, "version": 1.0} {
		require.Equal(t, want, made.body[name], name)
	}
	require.Equal(t, "ada", made.body["created_by"].(map[string]any)["username"])
	got := s.get("bob", articlesPath+"/"+id+"/")
	require.Equal(t, 200, got.status, got.text)
	require.Equal(t, made.body, got.body)
	require.Equal(t, `"1"`, got.Get("ETag"))
	require.Empty(t, got.Get("X-Event-Position"))

	revised := s.change("sam", "PATCH", articlesPath+"/"+id, `{"title":"Fire"}`, "If-Match", `"1"`)
	require.Equal(t, 200, revised.status, revised.text)
	require.Equal(t, `"2"`, revised.Get("ETag"))
	require.Equal(t, "Fire", revised.body["title"])
	require.Equal(t, "Do not burn them.", revised.body["body"])
	require.Equal(t, "ada", revised.body["created_by"].(map[string]any)["username"])
	require.Equal(t, "sam", revised.body["updated_by"].(map[string]any)["username"])
	require.Equal(t, 412, s.change("ada", "PUT", articlesPath+"/"+id, `{"body":"Run."}`, "If-Match", `"1"`).status)
	require.Equal(t, 412, s.change("ada", "PUT", articlesPath+"/"+id, `{"body":"Run."}`, "If-Match", `"x"`).status)
	require.Equal(t, `"2"`, s.change("ada", "PUT", articlesPath+"/"+id, `{"title":"Fire"}`, "If-Match", `"1"`).Get("ETag"), "a repeat changes nothing")
	put := s.change("ada", "PUT", articlesPath+"/"+id, `{"body":"Run.","tags":null}`)
	require.Equal(t, `"3"`, put.Get("ETag"))
	require.Equal(t, []any{}, put.body["tags"])

	first := s.get("bob", articlesPath+"/"+id+"?version=1")
	require.Equal(t, made.body, first.body, "as it stood")
	require.Equal(t, `"1"`, first.Get("ETag"))
	at, _ := revised.body["updated_at"].(string)
	require.Equal(t, 200, s.get("bob", articlesPath+"/"+id+"?as_of="+at).status)
	for query, want := range map[string]int{"version=4": 404, "version=0": 422, "version=x": 422, "as_of=2001-01-01T00:00:00Z": 404, "as_of=yesterday": 422, "version=1&as_of=2001-01-01T00:00:00Z": 422} {
		require.Equal(t, want, s.get("bob", articlesPath+"/"+id+"?"+query).status, query)
	}

	require.Equal(t, 412, s.ask("ada", "DELETE", articlesPath+"/"+id, nil, "If-Match", `"2"`).status)
	gone := s.ask("ada", "DELETE", articlesPath+"/"+id, nil, "If-Match", `"3"`)
	require.Equal(t, 204, gone.status, gone.text)
	require.NotEmpty(t, gone.Get("X-Event-Position"))
	require.Equal(t, 204, s.ask("ada", "DELETE", articlesPath+"/"+id, nil).status, "a repeat changes nothing")
	for _, query := range []string{"", "?version=4"} {
		require.Equal(t, 404, s.get("ada", articlesPath+"/"+id+query).status)
	}
	require.Equal(t, 404, s.change("ada", "PATCH", articlesPath+"/"+id, `{"title":"Back"}`).status)
	require.Equal(t, "Printers", s.get("aud", articlesPath+"/"+id+"?version=1").body["title"], "who audits sees what was deleted")
	require.Equal(t, 404, s.get("bob", articlesPath+"/"+id+"?version=1").status)
}

func TestWhoMayDoWhatWithArticles(t *testing.T) {
	t.Parallel()
	s := newLibrary(t)
	id, _ := s.wrote("sam", "Printers", "Do not burn them.").body["id"].(string)
	path := articlesPath + "/" + id
	body := `{"title":"a","body":"b"}`
	for token, want := range map[string]struct{ read, write, change int }{
		"bob": {200, 403, 403}, "aud": {200, 403, 403}, "guest": {403, 403, 404}, "eve": {404, 201, 404},
	} {
		require.Equal(t, want.read, s.get(token, path).status, token)
		require.Equal(t, want.write, s.post(token, articlesPath, body).status, token)
		require.Equal(t, want.change, s.change(token, "PATCH", path, body).status, token)
		require.Equal(t, want.change, s.ask(token, "DELETE", path, nil).status, token)
		list := map[bool]int{true: 403, false: 200}[token == "guest"]
		require.Equal(t, list, s.get(token, articlesPath).status, token)
		require.Equal(t, list, s.get(token, "/api/v1/knowledge/search?q=burn").status, token)
	}
	require.Len(t, s.get("eve", articlesPath).list(t), 1, "her own")
	require.Empty(t, s.get("eve", "/api/v1/knowledge/search?q=burn").list(t))
	require.Equal(t, 404, s.get("ada", articlesPath+"/"+uuid.NewString()).status)
	require.Equal(t, 422, s.get("ada", articlesPath+"/7").status)
}

func TestArticlesThatAreNotValid(t *testing.T) {
	t.Parallel()
	s := newLibrary(t)
	id, _ := s.wrote("ada", "a", "b").body["id"].(string)
	for body, location := range map[string]string{
		`{"body":"b"}`:             "body",
		`{"title":"","body":"b"}`:  "body.title",
		`{"title":" ","body":"b"}`: "body.title",
		`{"title":"a","body":""}`:  "body.body",
		`{"title":"a","body":"` + strings.Repeat("x", 200_001) + `"}`:          "body.body",
		`{"title":"a","body":"b","tags":["` + strings.Repeat("x", 101) + `"]}`: "body.tags",
		`{"title":"a\u0000","body":"b"}`:                                       "body.title",
		`{"title":"a","body":"b","tags":"c"}`:                                  "body.tags",
		`{"title":"a","body":"b","x":1}`:                                       "body.x",
	} {
		answer := s.post("ada", articlesPath, body)
		require.Equal(t, 422, answer.status, "%.80s: %s", body, answer.text)
		require.Contains(t, answer.text, `"`+location+`"`)
	}
	for _, body := range []string{`{"title":null}`, `{"body":null}`, `{"title":" "}`, `{"body":7}`} {
		require.Equal(t, 422, s.change("ada", "PATCH", articlesPath+"/"+id, body).status, body)
	}
	require.Equal(t, 400, s.post("ada", articlesPath, `{`).status)
	whole := s.wrote("ada", "Whole", strings.Repeat("漢", 200_000))
	require.Len(t, []rune(whole.body["body"].(string)), 200_000)
}

func TestAnArticleIsWrittenOnceForItsKey(t *testing.T) {
	t.Parallel()
	s := newLibrary(t)
	body := `{"title":"Printers","body":"Do not burn them."}`
	first := s.post("ada", articlesPath, body, "Idempotency-Key", "k1")
	again := s.post("ada", articlesPath, body, "Idempotency-Key", "k1")
	require.Equal(t, 201, again.status)
	require.Equal(t, first.text, again.text)
	require.Equal(t, "true", again.Get("Idempotency-Replayed"))
	_, err := s.pool.Exec(t.Context(), `UPDATE idempotency SET answer = NULL`) // the program died before it answered
	require.NoError(t, err)
	again = s.post("ada", articlesPath, body, "Idempotency-Key", "k1")
	require.Equal(t, first.body["id"], again.body["id"])
	require.Equal(t, `"1"`, again.Get("ETag"))
	require.Equal(t, "1", s.get("ada", articlesPath).Get("X-Total-Count"))
	require.Equal(t, 422, s.post("ada", articlesPath, `{"title":"b","body":"c"}`, "Idempotency-Key", "k1").status)
}

func TestArticlesAreListedAndFound(t *testing.T) {
	t.Parallel()
	s := newLibrary(t)
	for n := range 3 {
		s.wrote("ada", fmt.Sprint("Article ", n), strings.Repeat("Lorem ipsum. ", 100)+"The treasure lies here.", "gold")
	}
	s.wrote("sam", "Printers", "Paper and toner.")
	page := s.get("bob", articlesPath+"/?limit=2&offset=1")
	require.Equal(t, "4", page.Get("X-Total-Count"))
	listed := page.list(t)
	require.Len(t, listed, 2)
	require.Equal(t, "Article 2", listed[0]["title"])
	require.NotContains(t, listed[0], "body")
	require.True(t, strings.HasPrefix(listed[0]["excerpt"].(string), "Lorem ipsum."))
	require.Equal(t, []any{"gold"}, listed[0]["tags"])
	require.Equal(t, "ada", listed[0]["created_by"].(map[string]any)["username"])
	for _, query := range []string{"limit=0", "limit=101", "offset=-1", "limit=x"} {
		require.Equal(t, 422, s.get("bob", articlesPath+"?"+query).status, query)
	}

	search := func(q string) []map[string]any {
		return s.get("bob", "/api/v1/knowledge/search?q="+url.QueryEscape(q)).list(t)
	}
	hits := search("treasures")
	require.Len(t, hits, 3)
	require.Equal(t, "all", hits[0]["match"])
	require.Positive(t, hits[0]["rank"])
	require.Contains(t, hits[0]["excerpt"], "treasure lies here.")
	require.Equal(t, "ada", hits[0]["updated_by"].(map[string]any)["username"])
	hits = search("toner zebra")
	require.Len(t, hits, 1)
	require.Equal(t, "some", hits[0]["match"])
	require.Equal(t, "sam", hits[0]["created_by"].(map[string]any)["username"])
	require.Empty(t, search("zebra"))
	require.Empty(t, search("' OR 1=1 --"))
	require.Len(t, s.get("bob", "/api/v1/knowledge/search?q=treasure&limit=1").list(t), 1)
	for _, query := range []string{"", "q=", "q=%00", "q=a%ffb", "q=" + strings.Repeat("x", 10_000), "q=x&limit=0", "q=x&limit=51"} {
		require.Equal(t, 422, s.get("bob", "/api/v1/knowledge/search?"+query).status, "%.40s", query)
	}
}

func TestTicketsThatAreLikeATicket(t *testing.T) {
	t.Parallel()
	s := newLibrary(t)
	opened := func(token, title, description string) map[string]any {
		answer := s.post(token, "/api/v1/tickets", fmt.Sprintf(`{"title":%q,"description":%q}`, title, description))
		require.Equal(t, 201, answer.status, answer.text)
		return answer.body
	}
	asked := opened("bob", "VPN gateway drops", "Every ten minutes.")
	solved := opened("bob", "VPN is slow", "The gateway answers late.")
	opened("ada", "VPN gateway", "It drops.")
	opened("eve", "VPN gateway drops", "Every ten minutes.")
	opened("ada", "Printer", "It burns.")
	require.Equal(t, 200, s.post("ada", "/api/v1/tickets/"+solved["id"].(string)+"/status", `{"status":"resolved","resolution_summary":"Moved to gateway two."}`).status)
	events, err := s.store.Read(t.Context(), eventstore.Query{})
	require.NoError(t, err)
	b := &pgx.Batch{}
	require.NoError(t, projections.Search(t.Context(), b, events))
	require.NoError(t, s.pool.SendBatch(t.Context(), b).Close())

	path := "/api/v1/tickets/" + asked["id"].(string) + "/similar"
	all := s.get("ada", path).list(t)
	require.Len(t, all, 2)
	require.Equal(t, "VPN is slow", all[0]["title"])
	require.Equal(t, "Moved to gateway two.", all[0]["resolution_summary"])
	require.Equal(t, string(ticket.Resolved), all[0]["status"])
	require.NotNil(t, all[0]["resolved_at"])
	require.Equal(t, solved["number"], all[0]["number"])
	require.Equal(t, "VPN gateway", all[1]["title"])
	require.Nil(t, all[1]["resolution_summary"])
	require.Positive(t, all[1]["rank"])
	own := s.get("bob", fmt.Sprintf("/api/v1/tickets/%v/similar", asked["number"])).list(t)
	require.Len(t, own, 1, "a member sees their own")
	require.Equal(t, "VPN is slow", own[0]["title"])
	require.Len(t, s.get("ada", path+"?limit=1").list(t), 1)
	require.Equal(t, 422, s.get("ada", path+"?limit=0").status)
	for _, token := range []string{"cyd", "eve", "guest"} {
		require.Equal(t, 404, s.get(token, path).status, token)
	}
}

func TestKnowledgeWithoutADatabase(t *testing.T) {
	t.Parallel()
	s := newLibrary(t)
	id, _ := s.wrote("ada", "a", "b").body["id"].(string)
	opened, _ := s.post("ada", "/api/v1/tickets", `{"title":"a","description":"b"}`).body["id"].(string)
	s.http.People = projections.NewPeople(s.pool) // which remembers nobody
	for table, paths := range map[string][]string{
		"users":         {articlesPath, articlesPath + "/" + id, "/api/v1/knowledge/search?q=b"},
		"ticket_search": {"/api/v1/tickets/" + opened + "/similar"},
		"events":        {articlesPath + "/" + id + "?version=1"},
		"articles":      {articlesPath, "/api/v1/knowledge/search?q=b", articlesPath + "/" + id},
	} {
		_, err := s.pool.Exec(t.Context(), `ALTER TABLE `+table+` RENAME TO away`)
		require.NoError(t, err)
		for _, path := range paths {
			require.Equal(t, 500, s.get("sam", path).status, "%s without %s", path, table)
		}
		_, err = s.pool.Exec(t.Context(), `ALTER TABLE away RENAME TO `+table)
		require.NoError(t, err)
	}
	require.Equal(t, 200, s.get("sam", articlesPath).status)
}
