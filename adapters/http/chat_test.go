package http

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/thread"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
	"ticketd/projections"
)

// parlour is a shelf where people also talk to agents, in threads whose tables are real.
type parlour struct {
	*shelf
	log      *eventstore.Postgres
	threads  commands.Threads
	replies  *Replies
	patience time.Duration
	fault    error // what Patience answers, if anything
}

func newParlour(t *testing.T) *parlour {
	t.Helper()
	p := &parlour{shelf: newShelf(t), replies: &Replies{}, patience: time.Minute}
	keys, err := eventstore.NewKeyring(make([]byte, 32), eventstore.PostgresKeys{Pool: p.pool})
	require.NoError(t, err)
	rows, messages := projections.NewThreads(p.pool), projections.NewMessages(p.pool)
	p.log = eventstore.Open(t.Context(), p.pool, catalog.Codec, keys, eventstore.Options{Inline: []eventstore.Inline{rows, messages}})
	p.threads = commands.NewThreads(p.log, p.http.FileRows)
	with := p.http.Deps
	with.Chat = Chat{
		Threads: p.threads, Rows: rows, Messages: messages, Replies: p.replies,
		Patience: func(context.Context, domain.OrgID, domain.Agent) (time.Duration, error) { return p.patience, p.fault },
	}
	p.Close()
	p.http = New(p.http.config, with)
	p.Server = httptest.NewServer(p.http)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var following sync.WaitGroup
	following.Go(func() {
		_ = eventstore.Tail(ctx, p.log, 0, slog.New(slog.DiscardHandler), func(_ context.Context, events []eventstore.Recorded) error {
			p.replies.Observe(events)
			return nil
		})
	})
	t.Cleanup(func() {
		stop()
		following.Wait()
		p.log.Close()
	})
	return p
}

const chatPath = "/api/v1/chat/customer_support_agent/threads"

// begun starts a thread and answers its path.
func (p *parlour) begun(token string) string {
	p.Helper()
	answer := p.post(token, chatPath, `{"title":"VPN"}`)
	require.Equal(p, 200, answer.status, answer.text)
	return chatPath + "/" + answer.body["id"].(string)
}

// say adds a message and answers it.
func (p *parlour) say(token, path, body string) reply {
	p.Helper()
	answer := p.post(token, path+"/messages", body)
	require.Equal(p, 200, answer.status, answer.text)
	return answer
}

// answer lets the agent of a thread answer a message, or fail to.
func (p *parlour) answer(path, message, content string) {
	p.Helper()
	var cmd thread.Command = thread.Reply{MessageID: commands.NewID(), InReplyTo: uuid.MustParse(message), Run: commands.NewID(), Content: content, By: domain.System}
	if content == "" {
		cmd = thread.FailReply{InReplyTo: uuid.MustParse(message), Run: commands.NewID(), Code: "timeout", By: domain.System}
	}
	_, err := p.threads.Handle(p.Context(), commands.Request{Org: p.callers["bob"].Org, By: domain.System}, idIn(path), cmd)
	require.NoError(p, err)
}

func idIn(path string) uuid.UUID { return uuid.MustParse(path[strings.LastIndexByte(path, '/')+1:]) }

// messages answers what was said in a thread.
func (p *parlour) messages(token, path string) []any {
	p.Helper()
	answer := p.get(token, path+"/messages")
	require.Equal(p, 200, answer.status, answer.text)
	list, _ := answer.body["messages"].([]any)
	return list
}

func field(object any, name string) any {
	fields, _ := object.(map[string]any)
	return fields[name]
}

func TestEveryOrganizationHasItsAgents(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	ids := map[any]bool{}
	for _, token := range []string{"ada", "aud", "eve"} {
		answer := p.get(token, "/api/v1/agents/")
		require.Equal(t, 200, answer.status, answer.text)
		agents, _ := answer.body["agents"].([]any)
		require.Len(t, agents, len(domain.Agents))
		for i, agent := range agents {
			require.Equal(t, string(domain.Agents[i]), field(agent, "agent_type"))
			require.NotEmpty(t, field(agent, "name"))
			require.NotEmpty(t, field(agent, "description"))
			ids[field(agent, "id")] = true
		}
	}
	require.Len(t, ids, 2*len(domain.Agents), "the same in an organization, and others in another")
	name, description := introduction("poet")
	require.Equal(t, []string{"poet", ""}, []string{name, description})
	require.Equal(t, 401, p.get("nobody", "/api/v1/agents").status)
}

func TestAnAgentIsNamedByItsIDOrItsType(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	id := agentID(p.callers["bob"].Org, domain.CustomerSupport).String()
	path := p.begun("bob")
	for _, ref := range []string{id, strings.ToUpper(id), "customer_support_agent", "customer_support"} {
		at := strings.Replace(path, "customer_support_agent", ref, 1)
		require.Equal(t, id, p.get("bob", at).body["agent_id"], ref)
		require.Equal(t, "customer_support_agent", p.get("bob", at).body["agent_type"], ref)
		require.EqualValues(t, 1, p.get("bob", "/api/v1/chat/"+ref+"/threads").body["total"])
	}
	foreign := agentID(p.callers["eve"].Org, domain.CustomerSupport).String()
	for _, ref := range []string{"poet", "_agent", foreign, uuid.NewString()} {
		at := "/api/v1/chat/" + ref + "/threads"
		for _, answer := range []reply{
			p.post("bob", at, `{}`), p.get("bob", at), p.get("bob", at+"/"+idIn(path).String()), p.post("bob", at+"/"+idIn(path).String()+"/messages", `{"content":"a"}`),
		} {
			require.Equal(t, 404, answer.status, ref)
			require.Equal(t, "There is no such agent.", answer.body["detail"], ref)
		}
	}
	other := strings.Replace(path, "customer_support_agent", "summary", 1)
	require.Equal(t, "There is no such thread.", p.get("bob", other).body["detail"], "it is with another agent")
	require.Equal(t, 404, p.post("bob", other+"/messages", `{"content":"a"}`).status)
	require.Equal(t, 422, p.get("bob", chatPath+"/1").status)
}

func TestAThreadIsStartedRenamedAndDeleted(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	started := p.post("bob", chatPath+"/", `{"title":" VPN "}`)
	require.Equal(t, 200, started.status, started.text)
	require.Equal(t, `"1"`, started.Get("ETag"))
	require.NotEmpty(t, started.Get("X-Event-Position"))
	path := chatPath + "/" + started.body["id"].(string)
	require.Equal(t, map[string]any{
		"id": idIn(path).String(), "agent_id": agentID(p.callers["bob"].Org, domain.CustomerSupport).String(), "agent_type": "customer_support_agent", "title": "VPN",
		"created_by":    map[string]any{"id": p.callers["bob"].User.String(), "username": "bob", "full_name": ""},
		"message_count": 0.0, "last_message_at": nil, "version": 1.0, "created_at": started.body["created_at"], "updated_at": started.body["created_at"],
	}, started.body)
	shown := p.get("bob", path)
	require.Equal(t, started.body, shown.body, "the answer to a command is what the next GET shows")
	require.Equal(t, `"1"`, shown.Get("ETag"))
	require.Empty(t, shown.Get("X-Event-Position"))

	patch := func(token, body string, headers ...string) reply {
		return p.ask(token, "PATCH", path, strings.NewReader(body), append([]string{"Content-Type", "application/json"}, headers...)...)
	}
	renamed := patch("bob", `{"title":"Wi-Fi"}`, "If-Match", `"1"`)
	require.Equal(t, 200, renamed.status, renamed.text)
	require.Equal(t, "Wi-Fi", renamed.body["title"])
	require.Equal(t, `"2"`, renamed.Get("ETag"))
	require.NotEmpty(t, renamed.Get("X-Event-Position"))
	require.Equal(t, "Wi-Fi", patch("bob", `{}`).body["title"], "only the supplied fields change")
	require.Nil(t, patch("bob", `{"title":null}`).body["title"])
	require.Equal(t, 412, patch("bob", `{"title":"x"}`, "If-Match", `"1"`).status)
	require.Equal(t, 412, patch("bob", `{"title":"x"}`, "If-Match", `x`).status)
	require.Equal(t, 422, patch("bob", `{"title":"`+strings.Repeat("x", 501)+`"}`).status)
	require.Equal(t, 422, patch("bob", `{"title":7}`).status)
	require.Equal(t, 403, patch("ada", `{"title":"x"}`).status, "she may read it")
	require.Equal(t, 403, patch("aud", `{}`).status)
	require.Equal(t, 404, patch("sam", `{"title":"x"}`).status)

	for token, want := range map[string]int{"ada": 403, "aud": 403, "sam": 404, "eve": 404} {
		require.Equal(t, want, p.ask(token, "DELETE", path, nil).status, token)
	}
	require.Equal(t, 412, p.ask("bob", "DELETE", path, nil, "If-Match", `"1"`).status)
	gone := p.ask("bob", "DELETE", path, nil)
	require.Equal(t, 200, gone.status, gone.text)
	require.Equal(t, map[string]any{"id": idIn(path).String(), "status": "deleted"}, gone.body)
	require.Equal(t, `"4"`, gone.Get("ETag"))
	require.NotEmpty(t, gone.Get("X-Event-Position"))
	for _, answer := range []reply{
		p.get("bob", path), p.get("bob", path+"/messages"), p.ask("bob", "DELETE", path, nil), patch("bob", `{"title":"x"}`), p.post("bob", path+"/messages", `{"content":"a"}`),
	} {
		require.Equal(t, 404, answer.status)
		require.Equal(t, "There is no such thread.", answer.body["detail"])
	}
}

func TestAThreadNeedsNoTitle(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	for _, body := range []string{``, `{}`, `{"title":null}`, `{"title":"  "}`} {
		answer := p.post("sam", chatPath, body)
		require.Equal(t, 200, answer.status, answer.text)
		require.Nil(t, answer.body["title"])
	}
	require.Equal(t, 403, p.post("aud", chatPath, `{}`).status)
	require.Equal(t, 422, p.post("sam", chatPath, `{"title":"`+strings.Repeat("x", 501)+`"}`).status)
	require.Equal(t, 422, p.post("sam", chatPath, `{"title":"a\u0000"}`).status)

	first := p.post("sam", chatPath, `{"title":"once"}`, "Idempotency-Key", "k")
	again := p.post("sam", chatPath, `{"title":"once"}`, "Idempotency-Key", "k")
	require.Equal(t, first.body, again.body)
	require.EqualValues(t, 5, p.get("sam", chatPath).body["total"])
}

func TestThreadsAreListed(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	old, his, hers := p.begun("bob"), p.begun("cyd"), p.begun("bob")
	p.begun("eve")
	seen := func(token, query string) []string {
		answer := p.get(token, chatPath+query)
		require.Equal(t, 200, answer.status, answer.text)
		paths := []string{}
		for _, one := range answer.body["threads"].([]any) {
			paths = append(paths, chatPath+"/"+field(one, "id").(string))
			require.NotEmpty(t, field(field(one, "created_by"), "username"))
		}
		return paths
	}
	require.Equal(t, []string{hers, old}, seen("bob", ""))
	require.Equal(t, []string{hers, his, old}, seen("ada", "/"))
	require.Equal(t, []string{hers, his, old}, seen("aud", "?limit=100"))
	require.Empty(t, seen("sam", ""))
	require.Equal(t, []string{his}, seen("ada", "?limit=1&offset=1"))
	require.EqualValues(t, 3, p.get("ada", chatPath+"?limit=1").body["total"])
	require.Equal(t, []any{}, p.get("bob", "/api/v1/chat/summary/threads").body["threads"])
	for _, wrong := range []string{"?limit=0", "?limit=101", "?offset=-1", "?limit=x"} {
		require.Equal(t, 422, p.get("bob", chatPath+wrong).status, wrong)
	}
}

func TestTheAnswerIsTheStoredMessage(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	path, one, other := p.begun("bob"), p.uploaded("bob", "a.txt", "a"), p.uploaded("bob", "b.png", "b")
	body := fmt.Sprintf(`{"content":" It drops. ","role":"user","attachments":[{"file_id":"%s"},{"file_id":"%s"},{"file_id":"%s"}],"message_metadata":{"tabs":3,"page":{"url":"x"}}}`,
		other, one, strings.ToUpper(other))
	stored := p.say("bob", path, body)
	require.Equal(t, map[string]any{
		"id": stored.body["id"], "thread_id": idIn(path).String(), "role": "user", "content": " It drops. ",
		"author":           map[string]any{"id": p.callers["bob"].User.String(), "username": "bob", "full_name": ""},
		"attachments":      []any{map[string]any{"file_id": other}, map[string]any{"file_id": one}},
		"message_metadata": map[string]any{"tabs": 3.0, "page": map[string]any{"url": "x"}},
		"in_reply_to":      nil, "reply_status": "pending", "reply_error": nil, "reply_reason": nil, "run_id": nil, "version": 2.0, "created_at": stored.body["created_at"],
	}, stored.body)
	require.EqualValues(t, 7, uuid.MustParse(stored.body["id"].(string)).Version())
	require.Equal(t, `"2"`, stored.Get("ETag"))
	require.NotEmpty(t, stored.Get("X-Event-Position"))
	require.Equal(t, []any{stored.body}, p.messages("bob", path))

	plain := p.say("bob", path, `{"content":"x","file_ids":["`+one+`"]}`)
	require.Equal(t, []any{map[string]any{"file_id": one}}, plain.body["attachments"], "as old clients send them")
	require.Equal(t, []any{}, p.say("bob", path, `{"content":"x"}`).body["attachments"])
	require.Equal(t, map[string]any{}, plain.body["message_metadata"])
	shown := p.get("bob", path).body
	require.EqualValues(t, 3, shown["message_count"])
	require.NotNil(t, shown["last_message_at"])
}

func TestAMessageThatIsSentAgainIsTheSame(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	path := p.begun("bob")
	first := p.post("bob", path+"/messages", `{"content":"x"}`, "Idempotency-Key", "k")
	again := p.post("bob", path+"/messages", `{"content":"x"}`, "Idempotency-Key", "k")
	require.Equal(t, first.text, again.text)
	require.Equal(t, "true", again.Get("Idempotency-Replayed"))
	require.Equal(t, 422, p.post("bob", path+"/messages", `{"content":"y"}`, "Idempotency-Key", "k").status)
	require.Len(t, p.messages("bob", path), 1)
	require.Equal(t, 412, p.post("bob", path+"/messages", `{"content":"x"}`, "If-Match", `"1"`).status)
	require.Equal(t, 200, p.post("bob", path+"/messages", `{"content":"x"}`, "If-Match", `"2"`).status)
}

func TestMessagesThatAreRefused(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	path := p.begun("bob")
	foreign, his := p.uploaded("eve", "a.txt", "a"), p.uploaded("cyd", "b.txt", "b")
	deleted := p.uploaded("bob", "c.txt", "c")
	require.Equal(t, 200, p.ask("bob", "DELETE", "/api/v1/files/"+deleted, nil).status)
	require.Equal(t, 400, p.upload("bob", newForm(`file|filename="d.txt"`, "EICAR")).status)
	infected := p.get("bob", "/api/v1/files?status=quarantined").body["files"].([]any)[0].(map[string]any)["id"].(string)
	unknown, mine := uuid.NewString(), p.uploaded("bob", "e.txt", "e")
	attach := func(refs ...string) string {
		return `{"content":"x","attachments":[{"file_id":"` + strings.Join(refs, `"},{"file_id":"`) + `"}]}`
	}
	gone := func(refs ...string) string {
		return "Invalid or inaccessible files: {" + strings.Join(refs, ", ") + "}"
	}
	for _, c := range []struct {
		body   string
		status int
		detail string
	}{
		{`{"content":"x","attachments":[{}]}`, 400, "Each attachment must have 'file_id' field"},
		{`{"content":"x","attachments":["` + mine + `"]}`, 400, "Each attachment must have 'file_id' field"},
		{`{"content":"x","attachments":[{"file_id":"abc"}]}`, 400, "Invalid file_id format: abc"},
		{`{"content":"x","attachments":[{"file_id":7}]}`, 400, "Invalid file_id format: 7"},
		{`{"content":"x","file_ids":["abc"]}`, 400, "Invalid file_id format: abc"},
		{attach(unknown), 400, gone(unknown)},
		{attach(foreign), 400, gone(foreign)},
		{attach(his), 400, gone(his)},
		{attach(deleted), 400, gone(deleted)},
		{attach(infected), 400, gone(infected)},
		{attach(mine, unknown, foreign, unknown), 400, gone(unknown, foreign)},
		{attach(strings.Fields(strings.Repeat(mine+" ", 51))...), 400, "attachments holds 51 entries; 50 is the most."},
		{`{"content":""}`, 422, ""},
		{`{"content":" "}`, 422, "content must not be empty."},
		{`{}`, 422, ""},
		{`{"content":"a\u0000"}`, 422, "content holds characters that are not text."},
		{`{"content":"` + strings.Repeat("x", 50_001) + `"}`, 422, ""},
		{`{"content":"x","role":"assistant"}`, 422, ""},
		{`{"content":"x","role":"system"}`, 422, ""},
		{`{"content":"x","message_metadata":{"a":"\u0000"}}`, 422, "message_metadata holds characters that are not text."},
		{`{"content":"x","message_metadata":[]}`, 422, ""},
		{`{`, 400, "The request body is not valid JSON."},
	} {
		answer := p.post("bob", path+"/messages", c.body)
		require.Equal(t, c.status, answer.status, "%.100s: %s", c.body, answer.text)
		if c.detail != "" {
			require.Equal(t, c.detail, answer.body["detail"], "%.100s", c.body)
		}
	}
	require.Equal(t, 422, p.post("bob", path+"/messages?wait=long", `{"content":"x"}`).status)
	for token, want := range map[string]int{"ada": 403, "aud": 403, "sam": 404, "cyd": 404, "eve": 404} {
		require.Equal(t, want, p.post(token, path+"/messages", attach(unknown)).status, token)
	}
	require.Empty(t, p.messages("bob", path), "nothing was stored")
	require.Equal(t, `"1"`, p.get("bob", path).Get("ETag"))
}

func TestMessagesAreListed(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	path := p.begun("bob")
	first, second := p.say("bob", path, `{"content":"1"}`).body, p.say("bob", path, `{"content":"2"}`).body
	p.answer(path, first["id"].(string), "one")
	p.answer(path, second["id"].(string), "")
	all := p.messages("bob", path)
	require.Len(t, all, 3)
	require.Equal(t, []any{"1", "2", "one"}, []any{field(all[0], "content"), field(all[1], "content"), field(all[2], "content")})
	require.Equal(t, []any{"completed", "failed", nil}, []any{field(all[0], "reply_status"), field(all[1], "reply_status"), field(all[2], "reply_status")})
	require.Equal(t, "timeout", field(all[1], "reply_error"))
	require.Equal(t, thread.Reason("timeout"), field(all[1], "reply_reason"))
	require.Equal(t, field(all[0], "run_id"), field(all[2], "run_id"))
	require.Equal(t, []any{"assistant", nil, first["id"]}, []any{field(all[2], "role"), field(all[2], "author"), field(all[2], "in_reply_to")})

	page := p.get("bob", path+"/messages/?limit=1&after=2").body
	require.Equal(t, []any{all[1]}, page["messages"])
	require.Equal(t, []any{3.0, idIn(path).String()}, []any{page["total"], page["thread_id"]})
	require.Equal(t, all, p.messages("ada", path))
	require.Equal(t, all, p.messages("aud", path))
	require.Equal(t, []any{}, p.get("bob", path+"/messages?after=5").body["messages"])
	for token, want := range map[string]int{"sam": 404, "cyd": 404, "eve": 404} {
		require.Equal(t, want, p.get(token, path).status, token)
		require.Equal(t, want, p.get(token, path+"/messages").status, token)
	}
	for _, wrong := range []string{"?limit=0", "?limit=201", "?after=-1"} {
		require.Equal(t, 422, p.get("bob", path+"/messages"+wrong).status, wrong)
	}
}

// waiting sends a message that waits for its reply, and answers it when then has done something about it.
func (p *parlour) waiting(path string, then func(message string)) reply {
	p.Helper()
	answered := make(chan reply, 1)
	go func() { answered <- p.post("bob", path+"/messages?wait=reply", `{"content":"x"}`) }()
	require.Eventually(p, func() bool { return len(p.messages("bob", path)) == 1 }, 20*time.Second, time.Millisecond)
	then(field(p.messages("bob", path)[0], "id").(string))
	return <-answered
}

// waited answers the threads in which somebody waits.
func (p *parlour) waited() []uuid.UUID {
	return p.replies.bell.Awaited()
}

func TestAMessageWaitsForItsReply(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	path := p.begun("bob")
	answer := p.waiting(path, func(message string) { p.answer(path, message, "Since when?") })
	require.Equal(t, 200, answer.status, answer.text)
	require.Equal(t, []any{"x", "completed"}, []any{answer.body["content"], answer.body["reply_status"]})
	all := p.messages("bob", path)
	require.Equal(t, all[1], answer.body["reply"])
	require.Equal(t, "Since when?", field(answer.body["reply"], "content"))
	require.Equal(t, `"3"`, answer.Get("ETag"), "of what is in the answer")

	failing := p.begun("bob")
	answer = p.waiting(failing, func(message string) { p.answer(failing, message, "") })
	require.Equal(t, []any{"failed", "timeout"}, []any{answer.body["reply_status"], answer.body["reply_error"]})
	require.NotContains(t, answer.body, "reply")
	require.Equal(t, `"2"`, answer.Get("ETag"))
	require.Empty(t, p.waited(), "nobody waits any more")
}

func TestNobodyWaitsForWhatWillNotCome(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	path := p.begun("bob")
	answer := p.waiting(path, func(string) { require.Equal(t, 200, p.ask("bob", "DELETE", path, nil).status) })
	require.Equal(t, 200, answer.status, "the thread was deleted")
	require.Equal(t, "pending", answer.body["reply_status"])

	path = p.begun("bob")
	answer = p.waiting(path, func(string) { p.http.EndStreams() })
	require.Equal(t, 200, answer.status, "the program stops")
	require.Equal(t, "pending", answer.body["reply_status"])

	impatient := newParlour(t)
	impatient.patience = time.Millisecond
	path = impatient.begun("bob")
	answer = impatient.post("bob", path+"/messages?wait=reply", `{"content":"x"}`)
	require.Equal(t, 200, answer.status)
	require.Equal(t, "pending", answer.body["reply_status"])
	require.NotContains(t, answer.body, "reply")
	impatient.fault = errors.New("the configuration is away")
	answer = impatient.post("bob", path+"/messages?wait=reply", `{"content":"y"}`)
	require.Equal(t, 200, answer.status, "it is stored: whoever is told otherwise says it again")
	require.Equal(t, []any{"y", "pending"}, []any{answer.body["content"], answer.body["reply_status"]})
	require.Equal(t, answer.body["id"], field(impatient.messages("bob", path)[1], "id"))
	require.Contains(t, impatient.shelf.log.String(), "the configuration is away")
	require.Equal(t, 200, impatient.post("bob", path+"/messages", `{"content":"x"}`).status, "whoever does not wait needs no patience")
}

func TestOnlyThoseWhoWaitInAThreadAreWoken(t *testing.T) {
	t.Parallel()
	r := &Replies{}
	mine, other := uuid.New(), uuid.New()
	heard, done := r.bell.Join(mine)
	defer done()
	r.Observe([]eventstore.Recorded{{Stream: other, Event: thread.Replied{}}, {Stream: mine, Event: "of another noun"}})
	require.Empty(t, heard)
	r.Observe([]eventstore.Recorded{{Stream: mine, Event: thread.Replied{}}})
	require.Len(t, heard, 1)
}

// What the database cannot tell is not answered as if it were nothing.
func TestChatTablesThatAreBroken(t *testing.T) {
	t.Parallel()
	p := newParlour(t)
	path := p.begun("bob")
	p.say("bob", path, `{"content":"x"}`)
	breaking := func(sql string) {
		_, err := p.pool.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	answer := p.waiting(p.begun("bob"), func(string) {
		breaking(`ALTER TABLE messages RENAME in_reply_to TO answers`)
		for _, id := range p.waited() {
			p.replies.bell.Wake(id)
		}
	})
	require.Equal(t, 200, answer.status, "the message is stored")
	require.Equal(t, "pending", answer.body["reply_status"])
	require.Equal(t, 500, p.get("bob", path+"/messages").status)
	breaking(`ALTER TABLE messages RENAME answers TO in_reply_to`)
	p.join("new", p.callers["bob"].Org, domain.Member) // whose name nobody has asked for yet
	breaking(`ALTER TABLE users RENAME TO people`)
	require.Equal(t, 500, p.post("new", chatPath, `{}`).status)
	require.Equal(t, 500, p.get("new", chatPath+"/"+p.idOf("new")).status)
	require.Equal(t, 500, p.get("new", chatPath).status)
	require.Equal(t, 500, p.post("new", chatPath+"/"+p.idOf("new")+"/messages", `{"content":"x"}`).status)
	require.Equal(t, 500, p.get("new", chatPath+"/"+p.idOf("new")+"/messages").status)
	breaking(`ALTER TABLE threads RENAME title TO name`)
	require.Equal(t, 500, p.get("bob", path).status)
	require.Equal(t, 500, p.get("bob", chatPath).status)
	require.Equal(t, 500, p.ask("bob", "DELETE", path, nil).status)
}

// idOf answers the only thread of somebody.
func (p *parlour) idOf(token string) (id string) {
	p.Helper()
	require.NoError(p, p.pool.QueryRow(p.Context(), `SELECT id FROM threads WHERE created_by = $1`, p.callers[token].User.UUID).Scan(&id))
	return id
}
