package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/webhook"
	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/eventstore"
)

const hooksPath = "/api/v1/webhooks"

// delivery is a request as a receiver sees it.
type delivery struct {
	id, stamp, signatures string
	header                nethttp.Header
	body                  []byte
	status                int // how it was answered
}

// event is the body of a delivery.
func (d delivery) event(t *testing.T) (e struct {
	Type      string
	Timestamp string
	Position  int64
	Data      object
	Truncated bool
},
) {
	t.Helper()
	require.NoError(t, json.Unmarshal(d.body, &e), "%s", d.body)
	return e
}

// receiver is somebody else's server.
type receiver struct {
	t   *testing.T
	url string

	mu     sync.Mutex
	came   []delivery
	answer func(n int, w nethttp.ResponseWriter, r *nethttp.Request) int // the status of the nth request, from 0; nil: 204
}

func receive(t *testing.T, answer func(n int, w nethttp.ResponseWriter, r *nethttp.Request) int) *receiver {
	t.Helper()
	to := &receiver{t: t, answer: answer}
	server := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the sender was killed
		}
		to.mu.Lock()
		n := len(to.came)
		to.came = append(to.came, delivery{
			id: r.Header.Get("webhook-id"), stamp: r.Header.Get("webhook-timestamp"), signatures: r.Header.Get("webhook-signature"), header: r.Header, body: body,
		})
		how := to.answer
		to.mu.Unlock()
		status := nethttp.StatusNoContent
		if how != nil {
			status = how(n, w, r)
		}
		to.mu.Lock()
		to.came[n].status = status
		to.mu.Unlock()
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	to.url = server.URL
	return to
}

func (to *receiver) answers(how func(n int, w nethttp.ResponseWriter, r *nethttp.Request) int) {
	to.mu.Lock()
	defer to.mu.Unlock()
	to.answer = how
}

func answering(status int) func(int, nethttp.ResponseWriter, *nethttp.Request) int {
	return func(int, nethttp.ResponseWriter, *nethttp.Request) int { return status }
}

func (to *receiver) all() []delivery {
	to.mu.Lock()
	defer to.mu.Unlock()
	return slices.Clone(to.came)
}

// taken answers what was answered with 2xx, each once, as a receiver does that knows ids.
func (to *receiver) taken() (list []delivery) {
	seen := map[string]bool{}
	for _, d := range to.all() {
		if d.status/100 == 2 && !seen[d.id] {
			seen[d.id] = true
			list = append(list, d)
		}
	}
	return list
}

// await waits until so many requests were taken.
func (to *receiver) await(n int) []delivery {
	to.t.Helper()
	eventually(to.t, func() bool { return len(to.taken()) >= n })
	return to.taken()
}

func typesOf(t *testing.T, list []delivery) (types []string) {
	t.Helper()
	for _, d := range list {
		types = append(types, d.event(t).Type)
	}
	return types
}

// verify checks signatures as somebody would who has only read the specification: which of the secrets sign it.
func verify(t *testing.T, d delivery, secrets ...string) (good []bool) {
	t.Helper()
	for _, secret := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(key), 24)
		require.LessOrEqual(t, len(key), 64)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(d.id + "." + d.stamp + "." + string(d.body)))
		want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		good = append(good, slices.Contains(strings.Fields(d.signatures), want))
	}
	return good
}

// reachable lets webhooks go to this machine, and repeats them soon.
func reachable(c *config) {
	c.OutboundAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	c.webhooks = webhook.Config{FirstPause: 10 * time.Millisecond, MostPause: 100 * time.Millisecond}
}

func (c *client) hook(to *receiver, events ...string) answer {
	c.t.Helper()
	return c.post(hooksPath, object{"url": to.url + "/hook?from=us", "events": events, "description": "Ours"})
}

// What happens is sent in its order, as the audit log shows it, signed; what is not subscribed to is not.
func TestAWebhookIsSentWhatHappens(t *testing.T) {
	t.Parallel()
	i := boot(t, reachable)
	ann := i.founder("ann")
	before := ann.ticket().id()
	to := receive(t, nil)
	made := ann.hook(to, "ticket.*", "article.written")
	secret, path := made.text("secret"), hooksPath+"/"+made.id()
	require.Equal(t, path, strings.TrimPrefix(made.header.Get("Location"), "http"))
	require.Equal(t, "no-store", made.header.Get("Cache-Control"))
	id := ann.ticket(object{"title": "<Printer> & \"fire\""}).id()
	ann.post("/api/v1/tickets/"+id+"/comments", object{"content": "Between us.", "internal": true})
	ann.post("/api/v1/knowledge/articles", object{"title": "Fire", "body": "Run."})
	article := ann.post("/api/v1/knowledge/articles", object{"title": "Ice", "body": strings.Repeat("Slide. ", 20_000)})
	ann.patch("/api/v1/knowledge/articles/"+article.id(), object{"title": "Snow"})
	ann.do(200, "POST", "/api/v1/tickets/"+id+"/status", object{"status": "resolved"})

	came := to.await(5)
	require.Equal(t, []string{"ticket.opened", "ticket.commented", "article.written", "article.written", "ticket.status_changed"}, typesOf(t, came))
	log := map[int64]object{}
	for _, e := range ann.get("/api/v1/audit/events?limit=1000").list() {
		log[int64(e["position"].(float64))] = e
	}
	last := int64(0)
	for _, d := range came {
		e := d.event(t)
		require.Greater(t, e.Position, last)
		last = e.Position
		require.Equal(t, log[e.Position], e.Data)
		require.Equal(t, e.Data["occurred_at"], e.Timestamp)
		require.False(t, e.Truncated)
		require.Equal(t, []bool{true}, verify(t, d, secret))
		require.Equal(t, "application/json", d.header.Get("Content-Type"))
		require.Contains(t, d.header.Get("User-Agent"), "ticketd")
		require.NotContains(t, string(d.body), before)
	}
	require.Contains(t, string(came[0].body), `<Printer> & \"fire\"`)
	require.Len(t, to.all(), 5, "each was taken at once, and came once")

	eventually(t, func() bool { return ann.get(path).text("behind") == "0" })
	shown := ann.get(path)
	require.Equal(t, "active", shown.text("status"))
	require.Equal(t, "204", shown.text("last_status"))
	require.GreaterOrEqual(t, shown.object()["position"], float64(last))
	for _, a := range []answer{shown, ann.get(hooksPath), ann.get("/api/v1/audit/events?limit=1000"), ann.patch(path, object{"description": "Mine"})} {
		require.NotContains(t, string(a.raw), "whsec_", "the secret was shown once")
		require.NotContains(t, string(a.raw), strings.TrimPrefix(secret, "whsec_"))
	}
	require.NotContains(t, i.log.String(), strings.TrimPrefix(secret, "whsec_"))
}

// A receiver that errs, is silent or drops the connection is asked again, under the same id, until it takes the event; those
// behind it wait. Then it goes on.
func TestAWebhookIsRepeatedUntilItIsTaken(t *testing.T) {
	t.Parallel()
	i := boot(t, reachable)
	ann := i.founder("ann")
	bad := map[int]func(nethttp.ResponseWriter, *nethttp.Request) int{
		0: func(nethttp.ResponseWriter, *nethttp.Request) int { return 500 },
		1: func(_ nethttp.ResponseWriter, r *nethttp.Request) int {
			<-r.Context().Done()
			panic(nethttp.ErrAbortHandler)
		}, // silence
		2: func(w nethttp.ResponseWriter, _ *nethttp.Request) int {
			w.Header().Set("Location", "/elsewhere")
			return 307
		},
		3: func(nethttp.ResponseWriter, *nethttp.Request) int { panic(nethttp.ErrAbortHandler) },
		5: func(w nethttp.ResponseWriter, _ *nethttp.Request) int {
			w.Header().Set("Retry-After", "1")
			return 503
		},
		6: func(nethttp.ResponseWriter, *nethttp.Request) int { return 404 },
	}
	to := receive(t, func(n int, w nethttp.ResponseWriter, r *nethttp.Request) int {
		if answer, ok := bad[n]; ok {
			return answer(w, r)
		}
		return 200
	})
	path := hooksPath + "/" + ann.hook(to, "ticket.opened").id()
	one, two := ann.ticket(), ann.ticket()
	came := to.await(2)
	require.Equal(t, []any{one.id(), two.id()}, []any{came[0].event(t).Data["stream"], came[1].event(t).Data["stream"]})
	all := to.all()
	require.Len(t, all, 8)
	for n, d := range all {
		want := came[0]
		if n > 4 {
			want = came[1]
		}
		require.Equal(t, want.id, d.id, "a repetition has the id of the event")
		require.Equal(t, string(want.body), string(d.body))
		require.NotContains(t, d.header.Get("X-Path"), "elsewhere")
	}
	require.NotEqual(t, came[0].id, came[1].id)
	require.Greater(t, number(t, all[6].stamp), number(t, all[5].stamp)-1)
	eventually(t, func() bool { return ann.get(path).text("failures") == "0" })
	require.Empty(t, ann.get(path).text("last_error"))
}

// Whoever watches sees what is wrong, in words, and that events wait.
func TestAWebhookTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	i := boot(t, reachable, func(c *config) { c.webhooks.FirstPause, c.webhooks.MostPause = time.Hour, time.Hour })
	ann := i.founder("ann")
	to := receive(t, answering(500))
	path := hooksPath + "/" + ann.hook(to, "ticket.*").id()
	ann.ticket()
	ann.ticket()
	eventually(t, func() bool { return ann.get(path).text("failures") == "1" })
	shown := ann.get(path).object()
	require.EqualValues(t, 500, shown["last_status"])
	require.Equal(t, "The receiver answered 500 Internal Server Error.", shown["last_error"])
	require.EqualValues(t, 2, shown["behind"])
	require.NotNil(t, shown["next_try_at"])
	require.NotNil(t, shown["failing_since"])
	to.answers(nil)
	ann.do(200, "PUT", path, object{"description": "It was mended."}) // whatever changes is a reason to try again
	to.await(2)
}

// What a receiver has not taken for too long pauses the webhook, and so does one that says it is gone. A person resumes it,
// and nothing is lost.
func TestAWebhookIsPausedAndResumed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		code   string
		why    string
	}{
		"nothing taken": {500, "failing", "Nothing was taken since"},
		"gone":          {410, "gone", "410"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := boot(t, reachable, func(c *config) { c.webhooks.GiveUp = 50 * time.Millisecond })
			ann := i.founder("ann")
			to := receive(t, answering(c.status))
			path := hooksPath + "/" + ann.hook(to, "*").id()
			first := ann.ticket().id()
			eventually(t, func() bool { return ann.get(path).text("status") == "paused" })
			shown := ann.get(path)
			require.Equal(t, c.code, shown.text("pause_code"))
			require.Contains(t, shown.text("pause_reason"), c.why)
			asked := len(to.all())
			to.answers(nil)
			second := ann.ticket().id()
			require.Equal(t, "true", ann.do(200, "POST", path+"/test", nil).text("taken"), "it can be tried while it is paused")
			require.Len(t, to.all(), asked+1, "nothing else is sent")

			ann.do(200, "PUT", path, object{"status": "active"})
			came := to.await(3)[1:]
			require.Equal(t, []any{first, second}, []any{came[0].event(t).Data["stream"], came[1].event(t).Data["stream"]})

			ann.do(200, "PUT", path, object{"status": "paused", "reason": "Holidays."})
			require.Equal(t, "Holidays.", ann.get(path).text("pause_reason"))
			last := ann.audited("webhook.paused")
			require.Len(t, last, 2)
			require.Equal(t, "system", last[0]["actor"].(object)["type"])
			require.Equal(t, "user", last[1]["actor"].(object)["type"])
		})
	}
}

// audited answers the events of a type.
func (c *client) audited(kind string) []object {
	c.t.Helper()
	return c.get("/api/v1/audit/events?type=" + kind).list()
}

// After a rotation both secrets sign for a day, and a rotation whose answer was lost makes no third.
func TestAWebhooksSecretRotates(t *testing.T) {
	t.Parallel()
	i := boot(t, reachable)
	ann := i.founder("ann")
	to := receive(t, nil)
	made := ann.with("Idempotency-Key", "hook").hook(to, "ticket.opened")
	first, path := made.text("secret"), hooksPath+"/"+made.id()
	require.Equal(t, first, ann.with("Idempotency-Key", "hook").hook(to, "ticket.opened").text("secret"), "a repeated request gets the first answer")
	ann.ticket()
	to.await(1)
	rotated := ann.with("Idempotency-Key", "rotate").do(200, "POST", path+"/rotate", nil)
	second := rotated.text("secret")
	require.NotEqual(t, first, second)
	require.Equal(t, second, ann.with("Idempotency-Key", "rotate").do(200, "POST", path+"/rotate", nil).text("secret"))
	require.NotNil(t, rotated.object()["previous_secret_until"])
	ann.ticket()
	third := ann.do(200, "POST", path+"/rotate", nil).text("secret")
	to.await(2)
	ann.ticket()
	came := to.await(3)
	require.Equal(t, []bool{true, false, false}, verify(t, came[0], first, second, third))
	require.Equal(t, []bool{false, true, true}, verify(t, came[2], first, second, third), "the last two")

	// A day later. Nobody waits for it: the rotation becomes an older one.
	_, err := i.pool.Exec(t.Context(), `UPDATE webhooks SET rotated_at = now() - interval '25 hours'`)
	require.NoError(t, err)
	require.Equal(t, "<nil>", ann.get(path).text("previous_secret_until"))
	ann.ticket()
	require.Equal(t, []bool{false, false, true}, verify(t, to.await(4)[3], first, second, third))
	eventually(t, func() bool { return i.numberOf(t, `SELECT count(*) FROM webhook_secrets`) == 1 }, "the others are destroyed")

	ann.do(204, "DELETE", path, nil)
	ann.do(404, "GET", path, nil)
	ann.ticket()
	eventually(t, func() bool {
		return i.numberOf(t, `SELECT (SELECT count(*) FROM webhook_secrets) + (SELECT count(*) FROM webhook_cursors)`) == 0
	})
	require.Len(t, to.all(), 4)
}

// A replay goes back to any position or moment of the log, also to before the webhook, or passes over what is stuck. The same
// event has the same id, always.
func TestAWebhookIsReplayed(t *testing.T) {
	t.Parallel()
	i := boot(t, reachable)
	ann, bob := i.founder("ann"), i.founder("bob")
	bob.ticket(object{"title": "bob's own"})
	first := ann.ticket()
	to := receive(t, nil)
	path := hooksPath + "/" + ann.hook(to, "ticket.opened").id()
	second, third := ann.ticket(), ann.ticket()
	live := to.await(2)
	ids := func(list []delivery) (ids []any) {
		for _, d := range list {
			ids = append(ids, d.event(t).Data["stream"])
		}
		return ids
	}
	replayed := func(from any, want ...any) []delivery {
		t.Helper()
		before := len(to.all())
		ann.do(200, "POST", path+"/replay", object{"from": from})
		eventually(t, func() bool { return len(to.all()) >= before+len(want) })
		came := to.all()[before:]
		require.Equal(t, want, ids(came), "%v", from)
		return came
	}
	again := replayed(1, first.id(), second.id(), third.id())
	require.Equal(t, []string{live[0].id, live[1].id}, []string{again[1].id, again[2].id})
	require.Equal(t, string(live[0].body), string(again[1].body))
	replayed(number(t, third.header.Get("X-Event-Position")), third.id())
	replayed("2000-01-01T00:00:00Z", first.id(), second.id(), third.id())
	replayed(second.text("created_at"), second.id(), third.id())
	head, err := i.store.Head(t.Context())
	require.NoError(t, err)
	ann.do(422, "POST", path+"/replay", object{"from": head + 100})
	for _, from := range []any{0, -1, "yesterday", nil, 1.5, true} {
		ann.do(422, "POST", path+"/replay", object{"from": from})
	}

	// Forwards: past an event that is never taken.
	to.answers(answering(500))
	stuck := ann.ticket()
	eventually(t, func() bool { return ann.get(path).text("failures") != "0" })
	next := ann.ticket()
	before := len(to.taken())
	ann.do(200, "POST", path+"/replay", object{"from": number(t, stuck.header.Get("X-Event-Position")) + 1})
	eventually(t, func() bool { all := to.all(); return all[len(all)-1].event(t).Data["stream"] == next.id() })
	to.answers(nil)
	to.await(before + 1)
	require.Contains(t, ids(to.taken()), any(next.id()))
	require.NotContains(t, ids(to.taken()), any(stuck.id()))
}

// An address that is not public is not reached, whatever its name; to try it out says so.
func TestAWebhookReachesNoPrivateAddress(t *testing.T) {
	t.Parallel()
	i := boot(t, func(c *config) { reachable(c); c.OutboundAllow = nil })
	ann := i.founder("ann")
	to := receive(t, nil)
	port := to.url[strings.LastIndex(to.url, ":"):]
	for _, url := range []string{to.url, "http://localhost" + port, "http://[::1]" + port, "http://[::ffff:127.0.0.1]" + port, "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://0.0.0.0" + port} {
		path := hooksPath + "/" + ann.post(hooksPath, object{"url": url, "events": []string{"*"}}).id()
		tried := ann.do(200, "POST", path+"/test", nil).object()
		require.Equal(t, false, tried["taken"], url)
		require.Contains(t, tried["error"], "not public", url)
		require.EqualValues(t, 0, tried["status"])
	}
	ann.ticket()
	eventually(t, func() bool {
		return !slices.ContainsFunc(ann.get(hooksPath).list(), func(o object) bool { return !strings.Contains(str(o["last_error"]), "not public") })
	})
	require.Empty(t, to.all())
	for _, body := range []object{
		{"url": "file:///etc/passwd", "events": []string{"*"}},
		{"url": "https://a:b@example.org", "events": []string{"*"}},
		{"url": "https://example.org", "events": []string{"user.*"}},
		{"url": "https://example.org", "events": []string{"ticket.sung_about"}},
		{"url": "https://example.org", "events": []string{}},
		{"events": []string{"*"}},
		{"url": "", "events": []string{"*"}},
	} {
		ann.do(422, "POST", hooksPath, body)
	}
}

// One organization's events never come to another, and no more than so many webhooks follow the log for one.
func TestWebhooksAreTheOrganizationsOwn(t *testing.T) {
	t.Parallel()
	i := boot(t, reachable)
	ann, bob := i.founder("ann"), i.founder("bob")
	to := receive(t, nil)
	hook := ann.hook(to, "*")
	bob.ticket(object{"title": "jewels"})
	mine := ann.ticket().id()
	bob.ticket(object{"title": "jewels"})
	ann.ticket(object{"title": "the end"})
	came := to.await(2)
	require.Equal(t, mine, came[0].event(t).Data["stream"])
	for _, d := range to.all() {
		require.NotContains(t, string(d.body), "jewels")
		require.Equal(t, ann.name, d.event(t).Data["actor"].(object)["name"])
	}
	for range 19 {
		ann.post(hooksPath, object{"url": "https://example.org", "events": []string{"ticket.opened"}})
	}
	ann.do(409, "POST", hooksPath, object{"url": "https://example.org", "events": []string{"ticket.opened"}})
	ann.do(204, "DELETE", hooksPath+"/"+hook.id(), nil)
	ann.post(hooksPath, object{"url": "https://example.org", "events": []string{"ticket.opened"}})
	offered := ann.get(hooksPath + "/event-types").object()
	require.Contains(t, offered["types"], "ticket.status_changed")
	require.Contains(t, offered["patterns"], "ticket.*")
	for _, text := range []string{"user.", "session.", "login.", "webhook."} {
		require.NotContains(t, jsonOf(offered), `"`+text)
	}
	require.Empty(t, bob.get(hooksPath).list())
}

// Words that were erased are erased for a receiver too, who asks for them again.
func TestAWebhookIsNotSentWhatWasErased(t *testing.T) {
	t.Parallel()
	i := boot(t, reachable)
	ann := i.founder("ann")
	leaver := ann.colleague("member")
	to := receive(t, nil)
	path := hooksPath + "/" + ann.hook(to, "ticket.*").id()
	leaver.ticket(object{"title": "My hamster's name", "description": "It is Tom."})
	require.Contains(t, string(to.await(1)[0].body), "My hamster's name")
	ann.do(202, "POST", "/api/v1/privacy/erasure", object{"user_id": leaver.user})
	eventually(t, func() bool {
		return ann.get("/api/v1/privacy/erasure/"+leaver.user).text("status") == "complete"
	})
	before := len(to.all())
	ann.do(200, "POST", path+"/replay", object{"from": 1})
	eventually(t, func() bool { return len(to.all()) > before })
	again := to.all()[before]
	require.Equal(t, "ticket.opened", again.event(t).Type)
	require.Contains(t, string(again.body), "[erased]")
	require.NotContains(t, string(again.body), "hamster")
	require.NotContains(t, string(again.body), leaver.name)
}

// Two instances send for one webhook one after the other, never both: when the one that sends stops, the other goes on.
func TestTwoInstancesShareWebhooks(t *testing.T) {
	t.Parallel()
	c := quiet(t)
	reachable(&c)
	c.Lease = 6 * time.Second // longer than a request may take on a busy machine: whoever holds on does not lose it
	a := launch(t, c)
	ann := a.founder("ann")
	to := []*receiver{receive(t, nil), receive(t, nil), receive(t, nil), receive(t, nil)}
	for _, r := range to {
		ann.hook(r, "ticket.opened")
	}
	ann.ticket()
	for _, r := range to {
		r.await(1)
	}
	b := launch(t, c)
	eventually(t, func() bool {
		return a.numberOf(t, `SELECT count(*) FROM (SELECT holder FROM webhook_cursors WHERE held_until > now() GROUP BY holder HAVING count(*) = 2) AS shares`) == 2
	}, "each takes its share")
	for range 20 {
		ann.ticket()
	}
	a.halt()
	there := ann.at(b)
	for range 20 {
		there.ticket()
	}
	for _, r := range to {
		r.await(41)
		require.True(t, slices.IsSortedFunc(r.all(), func(x, y delivery) int { return int(x.event(t).Position - y.event(t).Position) }), "in order")
		require.Len(t, r.all(), 41, "nothing came twice")
	}
}

// An operator is told of an integration's health, signed like a webhook, and nothing waits for it.
func TestOperatorsAreAlerted(t *testing.T) {
	t.Parallel()
	to := receive(t, func(n int, _ nethttp.ResponseWriter, _ *nethttp.Request) int {
		return map[bool]int{true: 500, false: 200}[n < 2]
	})
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("s", 32)))
	i := boot(t, func(c *config) { reachable(c); c.OutboundAllow, c.AlertURL, c.AlertSecret = nil, to.url, secret })
	ann := i.founder("ann")
	stream := eventstore.Stream{Org: uuidOf(t, ann.org), ID: uuid.New()}
	_, err := i.store.Append(t.Context(), eventstore.Metadata{Actor: eventstore.Actor{Type: string(domain.BySystem)}}, eventstore.Write{Stream: stream, Events: []any{
		integration.Connected{Platform: integration.Jira, AuthType: integration.APIKey}, integration.Checked{Code: "unauthorized", Why: "The token is not taken."},
	}})
	require.NoError(t, err)
	came := to.await(1)[0]
	e := came.event(t)
	require.Equal(t, "integration.health_changed", e.Type)
	require.Equal(t, stream.ID.String(), e.Data["integration_id"])
	require.Equal(t, ann.org, e.Data["organization_id"])
	require.Equal(t, "integration.checked", e.Data["event"])
	require.Equal(t, "The token is not taken.", e.Data["details"].(object)["why"])
	require.Equal(t, []bool{true}, verify(t, came, secret))
	require.Len(t, to.all(), 3)
	require.Equal(t, to.all()[0].id, came.id)
}

func TestAlertsThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ url, secret, want string }{
		{"nowhere", "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32)), "ALERT_URL"}, {"https://example.org", "", "ALERT_SECRET"}, {"https://example.org", "whsec_c2hvcnQ=", "ALERT_SECRET"},
	} {
		p := &program{config: config{AlertURL: c.url, AlertSecret: c.secret}}
		require.ErrorContains(t, p.webhooks.wireAlerts(p), c.want, fmt.Sprint(c))
	}
}

// manageWebhooks is the cell of the permission: every route of webhooks is for those who have it.
func manageWebhooks(c *client, _ string) int {
	status := c.status("GET", hooksPath, nil)
	require.Equal(c.t, status, c.status("GET", hooksPath+"/event-types", nil))
	made, err := c.try("POST", hooksPath, object{"url": "https://example.org", "events": []string{"ticket.deleted"}})
	require.NoError(c.t, err)
	require.Equal(c.t, status == 200, made.status == 201)
	path, done := hooksPath+"/"+nobodyID, 403
	if status == 200 {
		path, done = hooksPath+"/"+made.id(), 200
	}
	for _, probe := range []struct {
		method, path string
		body         any
	}{{"GET", "", nil}, {"PUT", "", object{"status": "paused"}}, {"PATCH", "", object{}}, {"POST", "/rotate", nil}, {"POST", "/replay", object{"from": 1}}} {
		require.Equal(c.t, done, c.status(probe.method, path+probe.path, probe.body), probe)
	}
	if status != 200 {
		require.Equal(c.t, 403, c.status("POST", path+"/test", nil))
		require.Equal(c.t, 403, c.status("DELETE", path, nil))
	} else {
		require.Equal(c.t, 204, c.status("DELETE", path, nil))
	}
	return status
}
