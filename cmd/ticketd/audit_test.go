package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

const auditEvents = "/api/v1/audit/events"

// fill opens tickets in the client's organization, without asking over HTTP, each with so long a description.
func (i *instance) fill(c *client, tickets, length int) {
	c.t.Helper()
	org, by := uuidOf(c.t, c.org), uuidOf(c.t, c.user)
	for done := 0; done < tickets; {
		var writes []eventstore.Write
		for ; len(writes) < 500 && done < tickets; done++ {
			writes = append(writes, eventstore.Write{
				Stream: eventstore.Stream{Org: org, ID: uuid.Must(uuid.NewV7())},
				Events: []any{ticket.Opened{
					Number: int64(1000 + done), Title: "t", Description: strings.Repeat("x", length), Priority: ticket.Low, Urgency: ticket.Low,
					Category: ticket.General, SourceChannel: "test", CreatedBy: domain.UserID{UUID: by}, Chosen: ticket.Chosen{Category: true, Priority: true},
				}},
			})
		}
		_, err := i.store.Append(c.t.Context(), eventstore.Metadata{Actor: eventstore.Actor{Type: "user", ID: by}, Command: "ticket.OpenTicket"}, writes...)
		require.NoError(c.t, err)
	}
}

// open begins a stream of the log, which the test reads.
func (c *client) open() io.ReadCloser {
	c.t.Helper()
	request, err := nethttp.NewRequestWithContext(c.t.Context(), "GET", c.url+auditEvents, nil)
	require.NoError(c.t, err)
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Accept", "application/x-ndjson")
	response, err := (&nethttp.Client{Transport: &nethttp.Transport{DisableKeepAlives: true}}).Do(request)
	require.NoError(c.t, err)
	require.Equal(c.t, 200, response.StatusCode)
	c.t.Cleanup(func() { _ = response.Body.Close() })
	return response.Body
}

func (a answer) lines() (events []object) {
	a.t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(a.raw))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event object
		require.NoError(a.t, json.Unmarshal(lines.Bytes(), &event))
		events = append(events, event)
	}
	require.NoError(a.t, lines.Err())
	return events
}

func TestTheLogInPages(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	auditor := ada.colleague("auditor")
	program := ada.as(ada.post("/api/v1/api-tokens", object{"name": "CI"}).text("token"))
	ada.patch("/api/v1/users/me", object{"preferences": object{"theme": "my-own-theme"}})
	first := ada.with("X-Request-ID", "open/1").ticket(object{"title": "Lamp <b>", "tags": []string{"x"}})
	second := program.ticket()
	ada.post("/api/v1/tickets/"+first.id()+"/comments", object{"content": "hush hush", "internal": true})
	middle := time.Now()
	last := ada.patch("/api/v1/tickets/"+first.id(), object{"priority": "low"})
	stranger := i.founder("stranger")
	stranger.ticket(object{"title": "of another house"})
	require.Empty(t, stranger.get(auditEvents+"?stream="+first.id()).list())

	all := auditor.get(auditEvents + "?limit=1000").list()
	require.Equal(t, all, ada.get(auditEvents).list(), "200 are more than there are")
	require.NotContains(t, jsonOf(all), "of another house")
	require.Contains(t, jsonOf(all), "hush hush")
	for n, event := range all {
		require.Len(t, event["hash"], 64)
		require.NotEmpty(t, event["command"])
		require.NotEmpty(t, event["causation_id"])
		if n > 0 {
			require.Greater(t, event["position"], all[n-1]["position"])
		}
	}
	require.Equal(t, last.header.Get("X-Event-Position"), jsonOf(all[len(all)-1]["position"]))
	opened := auditor.get(auditEvents + "?correlation_id=open%2F1").list()
	require.Len(t, opened, 1)
	data, _ := opened[0]["data"].(object)
	require.Equal(t, "Lamp <b>", data["title"])
	delete(opened[0], "data")
	delete(opened[0], "position")
	delete(opened[0], "hash")
	delete(opened[0], "occurred_at")
	require.Equal(t, object{
		"stream": first.id(), "version": 1.0, "type": "ticket.opened", "command": "ticket.OpenTicket", "correlation_id": "open/1", "causation_id": "open/1",
		"actor": object{"type": "user", "id": ada.user, "user": nil, "name": ada.name},
	}, opened[0])
	actor, _ := auditor.get(auditEvents + "?stream=" + second.id()).list()[0]["actor"].(object)
	require.Equal(t, "api_token", actor["type"])
	require.Equal(t, ada.user, actor["user"])
	require.Equal(t, ada.name, actor["name"])

	// What people sign in with, and what they keep to themselves, stays with them.
	accounts := string(auditor.get(auditEvents + "?type=user.registered,user.joined,user.invited,user.token_created,user.profile_changed&type=session.started").raw)
	require.Contains(t, accounts, `"password_hash":"[withheld]"`)
	require.Contains(t, accounts, `"token_hash":"[withheld]"`)
	require.Contains(t, accounts, `"hash":"[withheld]"`)
	require.Contains(t, accounts, ada.name+"@example.org")
	require.NotContains(t, accounts, "my-own-theme")
	require.NotContains(t, accounts, "argon2")

	types := func(query string) (types []string) {
		for _, event := range auditor.get(auditEvents + "?" + query).list() {
			types = append(types, str(event["type"]))
		}
		return types
	}
	at := url.QueryEscape(middle.Format(time.RFC3339Nano))
	commentAt := jsonOf(all[len(all)-2]["position"])
	for query, want := range map[string][]string{
		"stream=" + first.id():                                             {"ticket.opened", "ticket.commented", "ticket.edited"},
		"stream=" + first.id() + "&stream=" + second.id():                  {"ticket.opened", "ticket.opened", "ticket.commented", "ticket.edited"},
		"stream=" + first.id() + "," + second.id() + "&type=ticket.opened": {"ticket.opened", "ticket.opened"},
		"stream=" + nobodyID:                                               nil,
		"type=ticket.commented&type=ticket.edited":                         {"ticket.commented", "ticket.edited"},
		"type=ticket.commented,ticket.edited":                              {"ticket.commented", "ticket.edited"},
		"type=ticket.opened&actor=" + ada.user:                             {"ticket.opened", "ticket.opened"},
		"type=ticket.opened&actor=" + str(actor["id"]):                     {"ticket.opened"},
		"actor=" + nobodyID:                                                nil,
		"correlation_id=nobody":                                            nil,
		"since=" + at:                                                      {"ticket.edited"},
		"until=" + at + "&stream=" + first.id():                            {"ticket.opened", "ticket.commented"},
		"after=" + commentAt:                                               {"ticket.edited"},
		"after=9223372036854775807":                                        nil,
	} {
		require.Equal(t, want, types(query), query)
	}
	for _, limit := range []int{1, 2, 1000} {
		var walked []object
		for path := fmt.Sprint(auditEvents, "?limit=", limit); path != ""; {
			page := auditor.get(path)
			require.LessOrEqual(t, len(page.list()), limit)
			require.Equal(t, "application/json", page.header.Get("Content-Type"))
			walked, path = append(walked, page.list()...), page.next()
		}
		require.Equal(t, all, walked)
	}
	for _, bad := range []string{
		"stream=x", "stream=" + first.id() + ",x", "type=ticket.lost", "type=ticket.opened,x", "actor=x", "actor=" + uuid.Nil.String(), "since=yesterday",
		"since=0001-01-01T00:00:00Z", "until=1969-01-01T00:00:00Z", "until=%00", "after=-1", "after=x", "limit=0", "limit=1001", "limit=x",
		"correlation_id=%00", "correlation_id=%ff", "correlation_id=" + strings.Repeat("x", 129),
	} {
		for _, c := range []*client{auditor, auditor.with("Accept", "application/x-ndjson")} {
			a := c.do(422, "GET", auditEvents+"?"+bad, nil)
			require.Equal(t, "query."+strings.Split(bad, "=")[0], a.problems()[0]["location"], bad)
		}
	}
}

// A stream says line by line what the pages say, up to the log's end when it began.
func TestTheLogAsAStream(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	i.fill(ada, 3000, 200)
	stream := ada.with("Accept", "application/x-ndjson")
	for _, query := range []string{"", "type=ticket.opened", "type=user.registered", "after=1000", "stream=" + nobodyID} {
		a := stream.get(auditEvents + "?" + query)
		require.Equal(t, "application/x-ndjson", a.header.Get("Content-Type"))
		require.Empty(t, a.header.Get("Link"))
		paged := []object{}
		for path := auditEvents + "?limit=1000&" + query; path != ""; {
			page := ada.get(path)
			paged, path = append(paged, page.list()...), page.next()
		}
		require.Equal(t, paged, append([]object{}, a.lines()...), query)
		head, err := i.store.Head(t.Context())
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(head), a.header.Get("X-Event-Position"))
	}
	for accept, want := range map[string]string{
		"": "application/json", "*/*": "application/json", "application/json": "application/json", "text/html": "application/json",
		"application/x-ndjson;q=0.5, application/json": "application/json", "application/json;q=0.1, application/x-ndjson": "application/x-ndjson",
	} {
		require.Equal(t, want, ada.with("Accept", accept).get(auditEvents+"?limit=1").header.Get("Content-Type"), accept)
	}
}

// plant stores an event as nobody's program writes it, at the end of the client's log.
func (i *instance) plant(c *client, name, data, metadata, hash string) {
	c.t.Helper()
	_, err := i.pool.Exec(c.t.Context(), `
		INSERT INTO events (stream_id, version, org_id, type, data, metadata, recorded_at, prev_hash, hash)
		VALUES (gen_random_uuid(), 1, $1, $2, $3, $4, now(), decode(repeat('00', 32), 'hex'), decode($5, 'hex'))`, c.org, name, data, metadata, hash)
	require.NoError(c.t, err)
}

// A stream that cannot be read on ends without its end: its client must not take it for the whole log.
func TestAStreamThatCannotGoOnIsCutOff(t *testing.T) {
	t.Parallel()
	i := boot(t)
	i.noisy = true
	ada := i.founder("ada")
	i.fill(ada, 1200, 10)
	i.plant(ada, "ticket.deleted", "{}", `{"v":1}`, "01")
	got, err := io.ReadAll(ada.open())
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, 1000, bytes.Count(got, []byte("\n")), "two pages of 500 came, and no half line")
	require.Contains(t, i.log.String(), "a stream of the log was cut off")
	require.Contains(t, i.log.String(), "its hash has 1 bytes")
	// Where it can be seen at once, it is a problem like any other.
	came := answer{t: t, raw: got}.lines()
	rest := auditEvents + "?after=" + jsonOf(came[len(came)-1]["position"])
	ada.with("Accept", "application/x-ndjson").do(500, "GET", rest, nil)
	ada.do(500, "GET", rest+"&limit=1000", nil)
}

// An event of a newer program hides none of those beside it: it is shown without its data, and with a note.
func TestAnEventThatCannotBeReadIsShown(t *testing.T) {
	t.Parallel()
	i := boot(t)
	i.noisy = true
	ada := i.founder("ada")
	metadata := fmt.Sprintf(`{"v":1,"actor":{"type":"user","id":%q},"command":"ticket.Teleport","correlation_id":"jump","causation_id":"jump"}`, ada.user)
	i.plant(ada, "ticket.teleported", `{"to":"mars"}`, metadata, strings.Repeat("01", 32))
	i.plant(ada, "ticket.deleted", `["mars"]`, metadata, strings.Repeat("02", 32))
	ada.ticket(object{"title": "afterwards"})
	notes := []any{
		`this program cannot read it: it knows no event named "ticket.teleported"`,
		"this program cannot read it: what is stored does not have the form of such an event",
	}
	export := ada.get("/api/v1/privacy/export/" + ada.user).object()
	activity := []object{}
	for _, event := range export["activity"].([]any) {
		activity = append(activity, event.(object))
	}
	for name, events := range map[string][]object{
		"page": ada.get(auditEvents).list(), "stream": ada.with("Accept", "application/x-ndjson").get(auditEvents).lines(), "activity": activity,
	} {
		var found []any
		for _, event := range events {
			if note, unreadable := event["note"]; unreadable {
				found = append(found, note)
				require.Contains(t, event, "data", name)
				require.Nil(t, event["data"], name)
				require.Equal(t, "ticket.Teleport", event["command"], name)
			}
		}
		require.Equal(t, notes, found, name)
		require.Equal(t, "ticket.opened", events[len(events)-1]["type"], name)
		require.NotContains(t, jsonOf(events), "mars", name)
	}
	roots := ada.get("/api/v1/audit/causation/jump").object()["roots"].([]any)
	require.Len(t, roots, 2)
	require.Equal(t, notes[0], roots[0].(object)["note"])
}

// Where few events are selected of many, a page looks at so many positions and no more, says so with a Link, and the next
// one goes on.
func TestAPageOfTheLogIsBounded(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	_, err := i.pool.Exec(t.Context(), `SELECT setval(pg_get_serial_sequence('events', 'position'), 250000)`)
	require.NoError(t, err)
	rare := ada.ticket().id()
	pages := 0
	var found []object
	for path := auditEvents + "?type=ticket.opened&limit=1"; path != ""; pages++ {
		page := ada.get(path)
		found, path = append(found, page.list()...), page.next()
	}
	require.Equal(t, 3, pages)
	require.Len(t, found, 1)
	require.Equal(t, rare, found[0]["stream"])
	require.Equal(t, found, ada.with("Accept", "application/x-ndjson").get(auditEvents+"?type=ticket.opened").lines(), "a stream goes on by itself")
	export := jsonOf(ada.get("/api/v1/privacy/export/" + ada.user).object()["activity"])
	require.Contains(t, export, "ticket.opened", "and so does an export")
	require.Empty(t, ada.get(auditEvents+"?limit=1000").next(), "what an index leads to needs no such bound")
}

// A client that goes away takes its stream with it.
func TestAStreamWhoseClientLeaves(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	i.fill(ada, 1500, 10_000)
	stream := ada.open()
	_, err := stream.Read(make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, stream.Close())
	eventually(t, func() bool { return strings.Contains(i.log.String(), "a stream of the log was cut off") })
	require.NotEmpty(t, ada.get(auditEvents+"?limit=1").list(), "the program goes on")
}

// A program that stops does not wait for those who read its log.
func TestAStreamWhenTheProgramStops(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	i.fill(ada, 1500, 10_000)
	stream := ada.open()
	_, err := stream.Read(make([]byte, 1))
	require.NoError(t, err)
	began := time.Now()
	i.halt()
	require.Less(t, time.Since(began), drainTime, "it was cut off, and not waited for")
	_, err = io.Copy(io.Discard, stream)
	require.Error(t, err)
	require.False(t, errors.Is(err, io.EOF))
}

// The log is for those who answer for it.
func TestWhoReadsTheLog(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	for _, role := range domain.Roles {
		person := ada.colleague(string(role))
		program := person.as(person.post("/api/v1/api-tokens", object{"name": "CI"}).text("token"))
		want := 403
		if domain.ScopeOf(role, domain.ReadAudit) == domain.All {
			want = 200
			require.Equal(t, domain.All, domain.ScopeOf(role, domain.ReadInternal), "the log tells the words of internal comments")
			require.Equal(t, domain.All, domain.ScopeOf(role, domain.ReadTickets), "and of every ticket")
		}
		for _, c := range []*client{person, program, person.with("Accept", "application/x-ndjson")} {
			c.do(want, "GET", auditEvents, nil)
		}
	}
	ada.as("").do(401, "GET", auditEvents, nil)

	// An auditor reads, and makes nothing but tokens of their own.
	var reaches []domain.Permission
	for _, p := range domain.Permissions() {
		if domain.ScopeOf(domain.Auditor, p) != domain.None {
			reaches = append(reaches, p)
		}
	}
	slices.Sort(reaches)
	require.Equal(t, []domain.Permission{
		domain.ReadAgentConfig, domain.ReadRuns, domain.ManageOwnTokens, domain.ReadAudit, domain.ReadInternal, domain.ReadDeliveries, domain.ReadFiles, domain.ReadIntegrations, domain.ReadArticles,
		domain.ReadMembers, domain.ExportPerson, domain.ReadThreads, domain.ReadTickets,
	}, reaches)
}
