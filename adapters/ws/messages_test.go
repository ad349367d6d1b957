package ws

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	uploads "ticketd/domain/file"
	facts "ticketd/domain/ticket"
)

func TestConnectedTellsWhereTheLogIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, with(func(c *Config) { c.ServerID = "one" }))
	token, caller := w.member(w.acme(), domain.Support)
	id := w.ticket(w.acme(), "T-1", caller.User)
	at := w.happen(id, moved())
	w.routed()
	r := w.dial("?token="+token, nil).read()
	require.Equal(t, "connected", r.Type)
	require.Equal(t, "system", r.Protocol)
	require.True(t, r.Success)
	require.EqualValues(t, at, r.Data["position"])
	require.Equal(t, "one", r.Data["server_id"])
	require.NoError(t, uuid.Validate(r.Data["connection_id"].(string)))
	_, err := time.Parse("2006-01-02T15:04:05.000Z", r.Data["connected_at"].(string))
	require.NoError(t, err)
	_, err = time.Parse("2006-01-02T15:04:05.000Z", r.Timestamp)
	require.NoError(t, err)
}

func TestEveryMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, caller := w.member(w.acme(), domain.Support)
	id := w.ticket(w.acme(), "T-1", caller.User)
	c := w.connect(token)
	ref := map[string]any{"ticket_id": id}
	upload, strange := w.job(w.acme(), caller.User), uuid.NewString()
	job := map[string]any{"job_id": upload}
	tests := []struct {
		send     string
		data     any
		answer   string
		protocol string
		want     map[string]any
	}{
		{"ping", nil, "pong", system, map[string]any{}},
		{"subscribe_ticket", ref, "subscription_response", ticket, map[string]any{"ticket_id": id.String(), "subscribed": true, "position": 0.0}},
		{"subscribe_ticket", ref, "subscription_response", ticket, map[string]any{"ticket_id": id.String(), "subscribed": true, "position": 0.0}},
		{"subscribe_ticket", map[string]any{"ticket_id": "T-1"}, "subscription_response", ticket, map[string]any{"ticket_id": id.String(), "subscribed": true, "position": 0.0}},
		{"get_ticket_status", ref, "ticket_status", ticket, map[string]any{"ticket_id": id.String(), "status": "open"}},
		{"unsubscribe_ticket", ref, "subscription_response", ticket, map[string]any{"ticket_id": id.String(), "subscribed": false, "position": 0.0}},
		{"unsubscribe_ticket", map[string]any{"ticket_id": "T-1"}, "subscription_response", ticket, map[string]any{"ticket_id": id.String(), "subscribed": false, "position": 0.0}},
		{"subscribe_job", job, "subscription_response", file, map[string]any{"job_id": upload.String(), "subscribed": true, "position": 0.0}},
		{"subscribe_job", job, "subscription_response", file, map[string]any{"job_id": upload.String(), "subscribed": true, "position": 0.0}},
		{"get_job_status", job, "job_status", file, map[string]any{"job_id": upload.String(), "status": "processing"}},
		{"unsubscribe_job", job, "subscription_response", file, map[string]any{"job_id": upload.String(), "subscribed": false, "position": 0.0}},
		{"unsubscribe_job", map[string]any{"job_id": strange}, "subscription_response", file, map[string]any{"job_id": strange, "subscribed": false, "position": 0.0}},
		{"subscribe_all", nil, "subscription_response", system, map[string]any{"subscribed": true, "position": 0.0}},
		{"unsubscribe_all", nil, "subscription_response", system, map[string]any{"subscribed": false, "position": 0.0}},
		{"resume", map[string]any{"after": 0}, "resumed", system, map[string]any{"position": 0.0}},
		{"resume", map[string]any{"after": 0, "all": true, "tickets": []string{"T-1", "T-2"}}, "resumed", system, map[string]any{"position": 0.0, "not_found": []any{"T-2"}}},
		{"resume", map[string]any{"after": 0, "jobs": []string{upload.String(), strange}, "tickets": []string{"T-2"}}, "resumed", system, map[string]any{"position": 0.0, "not_found": []any{"T-2", strange}}},
		{"authenticate", map[string]any{"token": token}, "authenticated", system, map[string]any{"user_id": caller.User.String()}},
	}
	for _, test := range tests {
		r := c.ask(test.send, test.data)
		require.Equal(t, test.answer, r.Type, test.send)
		require.Equal(t, test.protocol, r.Protocol, test.send)
		require.True(t, r.Success, test.send)
		require.Empty(t, r.Error, test.send)
		require.Equal(t, test.send, r.RequestID)
		require.Equal(t, test.want, r.Data, test.send)
	}
	c.say("pong", nil)
	c.silent()
	stats := w.server.Stats()
	require.Equal(t, 1, stats.Connections)
	require.Equal(t, 3, stats.Subscriptions)
	require.EqualValues(t, len(tests)+2, stats.Received)
	require.Positive(t, stats.BytesIn)
	require.Positive(t, stats.BytesOut)
}

func TestEveryRefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, with(func(c *Config) { c.MaxSubscriptions = 1 }))
	token, caller := w.member(w.acme(), domain.Support)
	other, _ := w.member(w.acme(), domain.Support)
	w.ticket(w.acme(), "T-1", caller.User)
	c := w.connect(token)
	many := `"T-1"` + strings.Repeat(`,"T-1"`, mostListed-1)
	const tooLong = "tickets, jobs and threads must not list more than 100 together; subscribe to all instead."
	const crowded = "Too many subscriptions on one connection; subscribe to all instead."
	tests := []struct{ send, want, protocol string }{
		{`hello`, "Message is not JSON.", system},
		{``, "Message is not JSON.", system},
		{`[1]`, "A message must be a JSON object.", system},
		{`null`, "A message must be a JSON object.", system},
		{`{}`, "Missing required fields: type", system},
		{`{"type":7}`, "type must be a string.", system},
		{`{"type":"ping","data":[]}`, "data must be an object.", system},
		{`{"type":"ping","request_id":{}}`, "request_id must be a string or a number.", system},
		{`{"type":"subscribe_moon"}`, "Unknown message type: subscribe_moon", system},
		{`{"type":"` + strings.Repeat("x", 99) + `"}`, "Unknown message type: " + strings.Repeat("x", 64) + "...", system},
		{`{"type":"subscribe_file","data":{"file_id":"1"}}`, "Unknown message type: subscribe_file", system},
		{`{"type":"subscribe_ticket"}`, "Missing required fields: ticket_id", ticket},
		{`{"type":"unsubscribe_ticket","data":{"ticket_id":null}}`, "Missing required fields: ticket_id", ticket},
		{`{"type":"get_ticket_status","data":{"ticket_id":""}}`, "Missing required fields: ticket_id", ticket},
		{`{"type":"subscribe_ticket","data":{"ticket_id":7}}`, "ticket_id must be a string.", ticket},
		{`{"type":"unsubscribe_ticket","data":{"ticket_id":7}}`, "ticket_id must be a string.", ticket},
		{`{"type":"get_ticket_status","data":{"ticket_id":7}}`, "ticket_id must be a string.", ticket},
		{`{"type":"subscribe_ticket","data":{"ticket_id":"T-9"}}`, "There is no such ticket.", ticket},
		{`{"type":"unsubscribe_ticket","data":{"ticket_id":"T-9"}}`, "There is no such ticket.", ticket},
		{`{"type":"subscribe_job"}`, "Missing required fields: job_id", file},
		{`{"type":"unsubscribe_job","data":{"job_id":""}}`, "Missing required fields: job_id", file},
		{`{"type":"get_job_status","data":{"ticket_id":"T-1"}}`, "Missing required fields: job_id", file},
		{`{"type":"subscribe_job","data":{"job_id":7}}`, "job_id must be a string.", file},
		{`{"type":"unsubscribe_job","data":{"job_id":7}}`, "job_id must be a string.", file},
		{`{"type":"get_job_status","data":{"job_id":7}}`, "job_id must be a string.", file},
		{`{"type":"subscribe_job","data":{"job_id":"T-1"}}`, "There is no such file.", file},
		{`{"type":"unsubscribe_job","data":{"job_id":"T-1"}}`, "There is no such file.", file},
		{`{"type":"get_job_status","data":{"job_id":"` + uuid.NewString() + `"}}`, "There is no such file.", file},
		{`{"type":"subscribe_thread"}`, "Missing required fields: thread_id", chat},
		{`{"type":"unsubscribe_thread","data":{"thread_id":""}}`, "Missing required fields: thread_id", chat},
		{`{"type":"subscribe_thread","data":{"thread_id":7}}`, "thread_id must be a string.", chat},
		{`{"type":"unsubscribe_thread","data":{"thread_id":7}}`, "thread_id must be a string.", chat},
		{`{"type":"subscribe_thread","data":{"thread_id":"T-1"}}`, "There is no such thread.", chat},
		{`{"type":"unsubscribe_thread","data":{"thread_id":"T-1"}}`, "There is no such thread.", chat},
		{`{"type":"get_thread_status","data":{"thread_id":"T-1"}}`, "Unknown message type: get_thread_status", system},
		{`{"type":"resume"}`, "Missing required fields: after", system},
		{`{"type":"resume","data":{"after":"5"}}`, "after must be an integer.", system},
		{`{"type":"resume","data":{"after":1.5}}`, "after must be an integer.", system},
		{`{"type":"resume","data":{"after":-1}}`, "after must not be negative.", system},
		{`{"type":"resume","data":{"after":1}}`, "after must not be above the newest position, 0.", system},
		{`{"type":"resume","data":{"after":0,"all":"yes"}}`, "all must be true or false.", system},
		{`{"type":"resume","data":{"after":0,"tickets":"T-1"}}`, "tickets must be a list of strings.", system},
		{`{"type":"resume","data":{"after":0,"tickets":[` + many + `,"T-1"]}}`, tooLong, system},
		{`{"type":"resume","data":{"after":0,"tickets":[` + many + `],"jobs":["T-1"]}}`, tooLong, system},
		{`{"type":"resume","data":{"after":0,"jobs":["T-1"],"threads":[` + many + `]}}`, tooLong, system},
		{`{"type":"resume","data":{"after":0,"jobs":"T-1"}}`, "jobs must be a list of strings.", system},
		{`{"type":"resume","data":{"after":0,"threads":"T-1"}}`, "threads must be a list of strings.", system},
		{`{"type":"resume","data":{"after":0,"all":true,"tickets":["T-1"]}}`, crowded, system},
		{`{"type":"subscribe_ticket","data":{"ticket_id":"T-1"}}`, crowded, ticket},
		{`{"type":"authenticate"}`, "Missing required fields: token", system},
		{`{"type":"authenticate","data":{"token":7}}`, "token must be a string.", system},
		{`{"type":"authenticate","data":{"token":"nobody's"}}`, "The token is not valid.", system},
		{`{"type":"authenticate","data":{"token":"` + other + `"}}`, "The token belongs to somebody else.", system},
	}
	for _, test := range tests {
		c.write(test.send)
		r := c.read()
		require.Equal(t, test.want, r.Error, test.send)
		require.Equal(t, "error", r.Type, test.send)
		require.Equal(t, test.protocol, r.Protocol, test.send)
		require.False(t, r.Success, test.send)
	}
	c.say("unsubscribe_all", nil)
	require.True(t, c.read().Success)
	require.True(t, c.ask("subscribe_ticket", map[string]any{"ticket_id": "T-1"}).Success)
	require.Equal(t, crowded, c.ask("subscribe_all", nil).Error)

	c.write(`{"type":"nothing","request_id":42}`)
	require.EqualValues(t, 42, c.read().RequestID)
	require.NoError(t, c.conn.Write(t.Context(), websocket.MessageBinary, []byte(`{"type":"ping"}`)))
	require.Equal(t, "Message is not JSON.", c.read().Error)
	c.silent()
}

func TestTroubleBehindUsIsNotTold(t *testing.T) {
	t.Parallel()
	gate := newGate()
	w := newWorld(t, gate.option)
	token, _ := w.member(w.acme(), domain.Admin)
	c := w.connect(token)
	const sorry = "The server could not answer. Please try again."
	w.mu.Lock()
	w.find = errors.New("secret")
	w.mu.Unlock()
	require.Equal(t, sorry, c.ask("get_ticket_status", map[string]any{"ticket_id": "T-1"}).Error)
	require.Equal(t, sorry, c.ask("get_job_status", map[string]any{"job_id": "1"}).Error)
	require.Equal(t, sorry, c.ask("resume", map[string]any{"after": 0, "tickets": []string{"T-1"}}).Error)
	require.Equal(t, sorry, c.ask("resume", map[string]any{"after": 0, "jobs": []string{"1"}}).Error)
	require.Equal(t, sorry, c.ask("subscribe_thread", map[string]any{"thread_id": "1"}).Error)
	gate.headTrouble.Store(true)
	require.Equal(t, sorry, c.ask("resume", map[string]any{"after": 0}).Error)
	gate.headTrouble.Store(false)
	require.True(t, c.ask("subscribe_all", nil).Success)
	gate.readTrouble.Store(true)
	w.happen(w.ticket(w.acme(), "T-1", domain.UserID{}), moved())
	w.routed()
	require.Equal(t, "ticket_status_update", c.read().Type)
	c = w.connect(token)
	c.say("resume", map[string]any{"after": 0, "all": true})
	require.Equal(t, codeLater, c.end())

	c = w.connect(token)
	c.say("get_ticket_status", map[string]any{"ticket_id": "panic"})
	require.Equal(t, codeBroken, c.end())
}

func TestEveryNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, caller := w.member(w.acme(), domain.Support)
	id := w.ticket(w.acme(), "T-1", caller.User)
	c := w.connect(token)
	c.ask("subscribe_ticket", map[string]any{"ticket_id": id})
	c.ask("subscribe_all", nil) // both, and still each notice once
	category := facts.Category("hardware")
	tests := []struct {
		event any
		want  string
	}{
		{facts.Opened{Title: "Printer", CreatedBy: caller.User}, "ticket_created"},
		{facts.Edited{}, "ticket_updated"},
		{facts.Edited{Category: &category}, "ai_categorization_complete"},
		{moved(), "ticket_status_update"},
		{facts.Assigned{Assignee: caller.User}, "ticket_assigned"},
		{facts.Commented{Author: caller.User, Content: "hello"}, "ticket_comment_added"},
		{facts.Commented{Author: caller.User, Content: "psst", Internal: true}, "ticket_comment_added"},
	}
	for _, test := range tests {
		at := w.happen(id, test.event)
		r := c.read()
		require.Equal(t, test.want, r.Type)
		require.Equal(t, ticket, r.Protocol)
		require.True(t, r.Success)
		require.Equal(t, at, r.Position)
		require.Equal(t, id.String(), r.Data["ticket_id"])
		_, err := time.Parse("2006-01-02T15:04:05.000Z", r.Timestamp)
		require.NoError(t, err)
	}
	w.happen(id, facts.Deleted{})  // makes no notice
	w.happen(id, facts.Detached{}) // makes one that cannot be written
	w.routed()
	c.silent()
	require.EqualValues(t, len(tests), w.server.Stats().Notices)

	require.True(t, c.ask("unsubscribe_all", nil).Success)
	w.happen(id, moved())
	require.Equal(t, "ticket_status_update", c.read().Type, "the ticket is still followed")
	require.True(t, c.ask("unsubscribe_ticket", map[string]any{"ticket_id": id}).Success)
	w.happen(id, moved())
	w.routed()
	c.silent()
}

func TestEveryFileNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, caller := w.member(w.acme(), domain.Member)
	id, other := w.job(w.acme(), caller.User), w.job(w.acme(), caller.User)
	c, all := w.connect(token), w.connect(token)
	c.ask("subscribe_job", map[string]any{"job_id": id})
	all.ask("subscribe_all", nil)
	all.ask("subscribe_job", map[string]any{"job_id": id}) // both, and still each notice once
	completed := func(s uploads.Stage) uploads.StageCompleted {
		return uploads.StageCompleted{Stage: s, UploadedBy: caller.User}
	}
	for _, test := range []struct {
		event uploads.Event
		want  string
	}{
		{uploads.UploadStarted{UploadedBy: caller.User, Filename: "a.png"}, "file_upload_started"},
		{uploads.UploadRefused{Code: "storage_full"}, "file_processing_failed"},
		{uploads.Uploaded{UploadedBy: caller.User, Filename: "a.png"}, "file_upload_completed"},
		{uploads.Quarantined{UploadedBy: caller.User, Filename: "a.png"}, "file_processing_failed"},
		{uploads.StageStarted{Stage: uploads.OCR, Attempt: 1}, "file_processing_progress"},
		{uploads.StageProgressed{Stage: uploads.OCR, Attempt: 1, Percent: 7}, "file_processing_progress"},
		{completed(uploads.OCR), "ocr_completed"},
		{completed(uploads.Transcription), "transcription_completed"},
		{completed(uploads.Extraction), "extraction_completed"},
		{uploads.StageFailed{Stage: uploads.OCR, UploadedBy: caller.User, Final: true}, "file_processing_failed"},
		{uploads.StageSkipped{Stage: uploads.OCR, UploadedBy: caller.User}, "file_processing_progress"},
		{uploads.Processed{Outcome: uploads.AllSkipped}, "file_processing_completed"},
		{uploads.ProcessingRequested{By: caller.User}, "file_processing_progress"},
		{uploads.Deleted{}, "file_deleted"},
		{uploads.WordsErased{Of: caller.User}, "file_deleted"},
	} {
		elsewhere := w.happen(other, progressed())
		at := w.happen(id, test.event)
		require.Equal(t, elsewhere, all.read().Position)
		for _, r := range []reply{c.read(), all.read()} {
			require.Equal(t, test.want, r.Type)
			require.Equal(t, file, r.Protocol)
			require.True(t, r.Success)
			require.Equal(t, at, r.Position)
			require.Equal(t, map[string]any{"job_id": id.String()}, r.Data)
			_, err := time.Parse("2006-01-02T15:04:05.000Z", r.Timestamp)
			require.NoError(t, err)
		}
	}
	require.True(t, c.ask("unsubscribe_job", map[string]any{"job_id": id}).Success)
	w.happen(id, progressed())
	w.routed()
	c.silent()
}

func TestNobodyHearsOfFilesThatAreNotTheirs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	support, _ := w.member(w.acme(), domain.Support)
	uploader, caller := w.member(w.acme(), domain.Member)
	stranger, _ := w.member(w.acme(), domain.Member)
	spy, _ := w.member(domain.OrgID{UUID: uuid.New()}, domain.Admin)
	id := w.job(w.acme(), caller.User)
	clients := map[string]*client{}
	for _, token := range []string{support, uploader, stranger, spy} {
		clients[token] = w.connect(token)
		require.True(t, clients[token].ask("subscribe_all", nil).Success)
	}
	for _, token := range []string{stranger, spy} {
		for _, kind := range []string{"subscribe_job", "get_job_status"} {
			r := clients[token].ask(kind, map[string]any{"job_id": id})
			require.Equal(t, "There is no such file.", r.Error)
			require.Equal(t, file, r.Protocol)
		}
	}
	at := w.happen(id, progressed())
	w.routed()
	for token, hears := range map[string]bool{support: true, uploader: true, stranger: false, spy: false} {
		if hears {
			require.Equal(t, at, clients[token].read().Position)
		}
		clients[token].silent()
		again := w.connect(token)
		again.say("resume", map[string]any{"after": 0, "all": true})
		list, _ := again.positions()
		require.Equal(t, hears, len(list) == 1)
		again = w.connect(token) // whoever may not see it cannot follow it by a resume either
		again.say("resume", map[string]any{"after": 0, "jobs": []uuid.UUID{id}})
		list, resumed := again.positions()
		require.Equal(t, hears, len(list) == 1)
		require.Equal(t, hears, resumed.Data["not_found"] == nil)
	}
}

func TestNobodyHearsWhatIsNotTheirs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rival := domain.OrgID{UUID: uuid.New()}
	support, _ := w.member(w.acme(), domain.Support)
	auditor, _ := w.member(w.acme(), domain.Auditor)
	creator, caller := w.member(w.acme(), domain.Member)
	stranger, _ := w.member(w.acme(), domain.Member)
	spy, _ := w.member(rival, domain.Admin)
	id := w.ticket(w.acme(), "T-1", caller.User)

	clients := map[string]*client{}
	for _, token := range []string{support, auditor, creator, stranger, spy} {
		clients[token] = w.connect(token)
		require.True(t, clients[token].ask("subscribe_all", nil).Success)
	}
	for _, token := range []string{stranger, spy} {
		require.Equal(t, "There is no such ticket.", clients[token].ask("subscribe_ticket", map[string]any{"ticket_id": id}).Error)
	}
	public := w.happen(id, facts.Commented{Author: caller.User, Content: "hello"})
	internal := w.happen(id, facts.Commented{Author: caller.User, Content: "psst", Internal: true})
	w.routed()

	for token, want := range map[string][]int64{
		support: {public, internal}, auditor: {public, internal}, creator: {public}, stranger: nil, spy: nil,
	} {
		for _, position := range want {
			require.Equal(t, position, clients[token].read().Position)
		}
		clients[token].silent()
		again := w.connect(token) // a replay is judged like a live notice
		again.say("resume", map[string]any{"after": 0, "all": true})
		for _, position := range want {
			require.Equal(t, position, again.read().Position)
		}
		require.Equal(t, "resumed", again.read().Type)
	}
}

func TestNoticesGoOnAfterTrouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hurried(func(x *times) { x.retryAfter = time.Millisecond }))
	token, caller := w.member(w.acme(), domain.Admin)
	id := w.ticket(w.acme(), "T-1", caller.User)
	c := w.connect(token)
	c.ask("subscribe_all", nil)
	w.mu.Lock()
	w.from = errors.New("the database is away")
	w.mu.Unlock()
	at := w.happen(id, moved(), moved())
	require.Equal(t, at-1, c.read().Position)
	require.Equal(t, at, c.read().Position)
}

func TestThePositionOfASubscriptionIsExact(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, caller := w.member(w.acme(), domain.Admin)
	id := w.ticket(w.acme(), "T-1", caller.User)
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; n < 500 && !stop.Load(); n++ {
			w.happen(id, moved())
		}
	}()
	for range 30 {
		c := w.connect(token)
		want := int64(c.ask("subscribe_ticket", map[string]any{"ticket_id": id}).Data["position"].(float64)) + 1
		for range 3 {
			if w.head() < want {
				w.happen(id, moved())
			}
			require.Equal(t, want, c.read().Position, fmt.Sprint("first after ", want-1))
			want++
		}
		_ = c.conn.CloseNow()
	}
	stop.Store(true)
	<-done
	require.Eventually(t, func() bool { s := w.server.Stats(); return s.Connections == 0 && s.Subscriptions == 0 }, patience, time.Millisecond)
}
