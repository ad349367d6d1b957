package main

import (
	"context"
	"encoding/json"
	"maps"
	nethttp "net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	mcpclient "github.com/mark3labs/mcp-go/client"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/stretchr/testify/require"

	"ticketd/adapters/auth"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
)

// belongings are what somebody has, for tools to be pointed at.
type belongings struct{ ticket, picture, recording string }

func (c *client) belongings() belongings {
	c.t.Helper()
	return belongings{
		ticket:  c.ticket(object{"title": "Printer of " + c.name, "description": "It burns at the zebra crossing."}).id(),
		picture: c.upload(c.name+".png", screenshot(c.t, c.name)).id(), recording: c.upload(c.name+".wav", silence(c.t, c.name)).id(),
	}
}

// toolProbe is how a tool is tried.
type toolProbe struct {
	arguments func(b belongings) object
	missing   string // how it refuses what the caller may not see; empty: it is not pointed at anything
	acts      bool   // so an auditor does not have it
}

func always(o object) func(belongings) object {
	return func(belongings) object { return maps.Clone(o) }
}

func onTicket(more object) func(belongings) object {
	return func(b belongings) object {
		o := object{"ticket_id": b.ticket}
		maps.Copy(o, more)
		return o
	}
}

// toolProbes has one a tool: a tool that is missing here fails the test.
var toolProbes = map[string]toolProbe{
	"analyze_file":            {arguments: func(b belongings) object { return object{"file_id": b.picture} }, missing: "file_not_found"},
	"extract_text_from_image": {arguments: func(b belongings) object { return object{"file_id": b.picture} }, missing: "file_not_found"},
	"transcribe_audio":        {arguments: func(b belongings) object { return object{"file_id": b.recording} }, missing: "file_not_found"},
	"create_ticket": {arguments: func(b belongings) object {
		return object{"title": "a", "description": "b", "attachments": []object{{"file_id": b.picture}}}
	}, missing: "unknown_files", acts: true},
	"update_ticket":         {arguments: onTicket(object{"department": "IT"}), missing: "ticket_not_found", acts: true},
	"get_ticket":            {arguments: onTicket(nil), missing: "ticket_not_found"},
	"search_tickets":        {arguments: always(object{"query": "zebra"})},
	"list_tickets":          {arguments: always(object{"limit": 50})},
	"search_knowledge_base": {arguments: always(object{"query": "zebra"})},
	"find_similar_tickets":  {arguments: onTicket(nil), missing: "ticket_not_found"},
	"categorize_issue": {arguments: func(b belongings) object {
		return object{"description": "It crashes.", "attachments": []object{{"file_id": b.picture}}}
	}, missing: "unknown_files", acts: true},
	"create_integration_ticket": {arguments: always(object{"integration_type": "teams", "ticket_data": object{"title": "a", "description": "b"}}), acts: true},
	"create_jira_ticket":        {arguments: onTicket(nil), missing: "ticket_not_found", acts: true},
	"create_salesforce_case":    {arguments: onTicket(nil), missing: "ticket_not_found", acts: true},
	"create_github_issue":       {arguments: onTicket(nil), missing: "ticket_not_found", acts: true},
	"get_system_health":         {arguments: always(object{})},
}

// Every tool, with a token of each role, pointed at one's own, at a colleague's and at another organization's.
func TestEveryToolKeepsToTheCallersRights(t *testing.T) {
	t.Parallel()
	i := boot(t, readAtOnce)
	boss, eve := i.founder("boss"), i.founder("eve")
	sam, bob, aud := boss.colleague("support"), boss.colleague("member"), boss.colleague("auditor")
	for _, c := range []*client{boss, eve} {
		c.post("/api/v1/knowledge/articles", object{"title": "Zebras of " + c.name, "body": "How to cross."})
	}
	mine, colleagues, foreign := bob.belongings(), sam.belongings(), eve.belongings()
	for _, c := range []struct {
		*client
		belongings
	}{{bob, mine}, {sam, colleagues}, {eve, foreign}} {
		c.read(c.picture)
		c.read(c.recording)
	}
	all := slices.Sorted(maps.Keys(toolProbes))
	readers := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return toolProbes[name].acts })
	for _, person := range []struct {
		*client
		offered []string
		sees    []belongings
		hidden  []belongings
	}{
		{bob, all, []belongings{mine}, []belongings{colleagues, foreign}},
		{sam, all, []belongings{mine, colleagues}, []belongings{foreign}},
		{aud, readers, []belongings{mine, colleagues}, []belongings{foreign}},
	} {
		u := person.tools(i)
		require.ElementsMatch(t, person.offered, slices.Collect(maps.Keys(u.offered)), person.name)
		for _, name := range all {
			probe := toolProbes[name]
			if !slices.Contains(person.offered, name) {
				_, _, err := u.use(name, probe.arguments(mine), "")
				require.ErrorContains(t, err, "not found", "%s has %s", person.name, name)
				continue
			}
			for _, b := range person.sees {
				answered := u.ask(name, probe.arguments(b))
				require.NotContains(t, jsonOf(answered), eve.name, "%s tells %s of another organization", name, person.name)
				if person.client == bob {
					require.NotContains(t, jsonOf(answered), colleagues.ticket, "%s tells bob of his colleague's", name)
				}
			}
			for _, b := range person.hidden {
				if probe.missing != "" {
					require.Equal(t, probe.missing, u.refused(name, probe.arguments(b)), "%s, for %s", name, person.name)
				}
			}
		}
	}
	require.Equal(t, "1", eve.get("/api/v1/tickets").header.Get("X-Total-Count"), "nobody has made or changed anything there")
	require.NotEqual(t, "IT", eve.get("/api/v1/tickets/"+foreign.ticket).text("department"))
}

// What a tool makes is there for REST and says how it came; what is not connected says so.
func TestToolsAndRESTAreOneProgram(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	u := ada.tools(i, mcpclient.WithProtocolVersion(mcpgo.LATEST_LEGACY_PROTOCOL_VERSION))
	made := u.ask("create_ticket", object{"title": "VPN drops", "description": "Every ten minutes.", "category": "technical", "integration": "jira"})
	require.Equal(t, "created", made["status"])
	require.Equal(t, object{"status": "skipped", "reason": "No Jira integration is connected, so nothing was sent there."}, made["integration_result"])
	require.Nil(t, made["external_id"])
	path := "/api/v1/tickets/" + str(made["ticket_id"])
	require.Equal(t, "mcp", ada.get(path).text("source_channel"))
	require.Equal(t, true, ada.get(path).object()["ai_generated"])
	require.Equal(t, str(made["number"]), ada.get(path).text("number"))

	u.ask("update_ticket", object{"ticket_id": str(made["number"]), "status": "in_progress", "assigned_to_id": ada.user})
	require.Equal(t, "in_progress", ada.get(path).text("status"))
	require.Equal(t, "Every ten minutes.", ada.get(path).text("description"), "what is left out stays")
	eventually(t, func() bool {
		return len(u.ask("search_tickets", object{"query": "vpn", "status": []string{"in_progress"}})["tickets"].([]any)) == 1
	})
	for tool, vendor := range map[string]string{"create_jira_ticket": "Jira", "create_salesforce_case": "Salesforce", "create_github_issue": "GitHub"} {
		sent := u.ask(tool, object{"ticket_id": made["ticket_id"]})
		require.Equal(t, "skipped", sent["status"])
		require.Equal(t, "No "+vendor+" integration is connected, so nothing was sent there.", sent["reason"])
		require.Nil(t, sent["external_id"])
	}
	both := u.ask("create_integration_ticket", object{"integration_type": "zendesk", "ticket_data": object{"title": "a", "description": "b"}})
	require.Equal(t, "skipped", both["status"])
	ada.get("/api/v1/tickets/" + str(both["ticket_id"]))

	require.Equal(t, "arguments_invalid", u.refused("create_ticket", object{"title": "a"}))
	require.Equal(t, "arguments_invalid", u.refused("get_ticket", object{"ticket_id": 1}))
	require.Equal(t, "unknown_assignee", u.refused("update_ticket", object{"ticket_id": made["ticket_id"], "assigned_to_id": i.founder("eve").user}))
	health := u.ask("get_system_health", nil)
	require.Equal(t, "healthy", health["status"])
	require.Empty(t, health["problems"])
	known := i.knock("GET", "/health", "").object()
	require.Equal(t, "healthy", known["status"])
	require.ElementsMatch(t, slices.Collect(maps.Keys(toolProbes)), known["tools_available"])
}

// A call that is repeated because nobody knows what became of it makes nothing twice, at whatever instance it arrives.
func TestACallWithAKeyMakesOneTicketHoweverOftenItIsRepeated(t *testing.T) {
	t.Parallel()
	c := quiet(t)
	a, b := launch(t, c), launch(t, c)
	ada := a.founder("ada")
	bob := ada.colleague("member")
	users := []*toolUser{ada.tools(a), ada.tools(b)}
	ids := make([]any, 8)
	var calls sync.WaitGroup
	for n := range ids {
		calls.Go(func() {
			made, code, err := users[n%2].use("create_ticket", object{"title": "Printer", "description": "It burns."}, "run-7/call-1")
			if err == nil && code == "" {
				ids[n] = made["ticket_id"]
			}
		})
	}
	calls.Wait()
	for _, id := range ids {
		require.NotNil(t, id)
		require.Equal(t, ids[0], id)
	}
	require.NotEqual(t, ids[0], bob.tools(b).ask("create_ticket", object{"title": "Printer", "description": "It burns."}, "run-7/call-1")["ticket_id"], "a key is its owner's")
	require.Equal(t, "2", ada.get("/api/v1/tickets").header.Get("X-Total-Count"))
}

const listTools = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`

func TestTheToolServerLetsInNobodyElse(t *testing.T) {
	t.Parallel()
	i := boot(t, func(c *config) {
		c.JWTSecret = strings.Repeat("k", 32)
		c.MCPHosts = []string{"tools.example.org"}
	})
	ada := i.founder("ada")
	yesterday := func() time.Time { return time.Now().Add(-24 * time.Hour) }
	expired, _, err := auth.NewTokens([]byte(strings.Repeat("k", 32)), auth.AccessLife, yesterday).
		Issue(domain.OrgID{UUID: uuidOf(t, ada.org)}, domain.UserID{UUID: uuidOf(t, ada.user)}, domain.Admin, uuid.New())
	require.NoError(t, err)
	minted := ada.post("/api/v1/api-tokens", object{"name": "mine"})
	revoked := minted.text("token")
	require.Equal(t, 200, i.knock("POST", "/mcp", listTools, "Authorization", "Bearer "+revoked).status)
	ada.do(204, "DELETE", "/api/v1/api-tokens/"+minted.id(), nil)
	soon(t, func() bool {
		return i.knock("POST", "/mcp", listTools, "Authorization", "Bearer "+revoked).status == 401
	})
	for authorization, said := range map[string]string{
		"":                      "",
		"Basic YTpi":            "",
		ada.token:               "",
		"Bearer nonsense":       "The token is not valid.",
		"Bearer " + ada.again:   "The token is not valid.",
		"Bearer " + expired:     "The token has expired.",
		"Bearer " + revoked:     "The token is not valid.",
		"Bearer " + revoked[1:]: "The token is not valid.",
	} {
		a := i.knock("POST", "/mcp", listTools, "Authorization", authorization)
		require.Equal(t, 401, a.status, authorization)
		challenge := "Bearer"
		if said != "" {
			challenge = `Bearer error="invalid_token", error_description="` + said + `"`
		}
		require.Equal(t, challenge, a.header.Get("WWW-Authenticate"))
		require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
		require.Equal(t, a.header.Get("X-Request-ID"), a.text("request_id"))
		require.NotContains(t, string(a.raw), "create_ticket")
	}
	for _, c := range []struct {
		status  int
		headers []string
	}{
		{200, nil},
		{200, []string{"Host", "localhost"}},
		{200, []string{"Host", "tools.example.org"}},
		{200, []string{"Host", "tools.example.org", "Origin", "https://tools.example.org"}},
		{200, []string{"Origin", "http://localhost:6274"}},
		{403, []string{"Host", "rebound.example.org"}},
		{403, []string{"Host", "rebound.example.org", "Origin", "http://rebound.example.org"}},
		{403, []string{"Origin", "https://evil.example.org"}},
		{403, []string{"Origin", "null"}},
	} {
		a := i.knock("POST", "/mcp", listTools, append([]string{"Authorization", "Bearer " + ada.token}, c.headers...)...)
		require.Equal(t, c.status, a.status, "%v: %s", c.headers, a.raw)
	}
}

func TestTheToolServerTakesNoNonsense(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	call := func(arguments string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"create_ticket","arguments":` + arguments + `}}`
	}
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/mcp", call(`{"title":"` + strings.Repeat("x", 2<<20) + `"}`), 413, "at most 1 MB"},
		{"POST", "/mcp", call(`{"title":"` + strings.Repeat("x", 501) + `","description":"a"}`), 200, "500 is the most"},
		{"POST", "/mcp", call(`{"title":"a","description":"b","org_id":"` + nobodyID + `"}`), 200, "may not hold org_id"},
		{"POST", "/mcp", call(`{"title":"a\u0000","description":"b"}`), 200, "not text"},
		{"POST", "/mcp", call(`[]`), 200, "must be an object"},
		{"POST", "/mcp", call(strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)), 200, "title is missing"},
		{"POST", "/mcp", call(strings.Repeat(`[`, 200_000)), 400, "-32700"},
		{"POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call"`, 400, "-32700"},
		{"POST", "/mcp", "\xff\xfe", 400, "-32700"},
		{"POST", "/mcp", "", 400, "-32700"},
		{"POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"prompts/list"}`, 200, "-32601"},
		{"POST", "/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop_tables"}}`, 200, "-32602"},
		{"GET", "/mcp", "", 405, "method"},
		{"DELETE", "/mcp", "", 405, "method"},
		{"GET", "/api/v1/tickets", "", 404, "nothing at this address"},
	} {
		a := i.knock(c.method, c.path, c.body, "Authorization", "Bearer "+ada.token)
		require.Equal(t, c.status, a.status, "%.80s: %.200s", c.body, a.raw)
		require.Contains(t, string(a.raw), c.says, "%.80s", c.body)
	}
	require.Equal(t, "0", ada.get("/api/v1/tickets").header.Get("X-Total-Count"))
}

// Whoever loses a right, or all of them, loses them in the middle of a session.
func TestASessionEndsWithItsToken(t *testing.T) {
	t.Parallel()
	c := quiet(t)
	i, other := launch(t, c), launch(t, c)
	boss := i.founder("boss")
	for _, locked := range []struct {
		how func(*client)
		why string
	}{
		{func(bob *client) { boss.patch("/api/v1/members/"+bob.user, object{"is_active": false}) }, "authorization required"},
		{func(bob *client) { boss.do(204, "DELETE", "/api/v1/members/"+bob.user, nil) }, "authorization required"},
		{func(bob *client) { bob.do(200, "POST", "/api/v1/auth/logout", nil) }, "authorization required"},
		{func(bob *client) { boss.patch("/api/v1/members/"+bob.user, object{"role": "auditor"}) }, "not found"},
	} {
		bob := boss.colleague("member")
		u := bob.tools(other) // where nobody has locked him out
		made := u.ask("create_ticket", object{"title": "a", "description": "b"})
		locked.how(bob)
		soon(t, func() bool {
			_, _, err := u.use("update_ticket", object{"ticket_id": made["ticket_id"], "title": "mine"}, "")
			return err != nil && strings.Contains(err.Error(), locked.why)
		})
	}
}

// An instance may run nothing but tools: it makes and reads the same tickets, reads no uploads itself and hears of those that
// others read, and serves the agents of instances that run none.
func TestAnInstanceForToolsAlone(t *testing.T) {
	t.Parallel()
	let := make(chan struct{})
	c := quiet(t)
	c.replaced = map[file.Stage]commands.Reader{file.Extraction: scripted{let}}
	alone := c
	alone.Workers, alone.AgentWorkers = 0, 0
	tools := launch(t, alone)
	c.tools, c.MCPURL = false, tools.toolsURL()+"/mcp"
	api := launch(t, c)
	require.Nil(t, api.toolsAddress.Load())
	ada := api.founder("ada")
	u := ada.tools(tools)
	made := u.ask("create_ticket", object{"title": "Printer", "description": "It burns."})
	require.Equal(t, "Printer", ada.get("/api/v1/tickets/"+str(made["ticket_id"])).text("title"))

	id := ada.upload("notes.txt", []byte("anything")).id()
	read := make(chan object, 1)
	go func() {
		answered, _, err := u.use("analyze_file", object{"file_id": id}, "")
		if err != nil {
			answered = object{"extracted_text": err.Error()}
		}
		read <- answered
	}()
	eventually(t, func() bool { return ada.get("/api/v1/files/"+id).text("processing_status") == "processing" })
	close(let)
	require.Equal(t, "Paper jam in tray two", (<-read)["extracted_text"])

	box, err := api.agents.toolbox.Open(t.Context(), domain.Caller{
		Org: domain.OrgID{UUID: uuidOf(t, ada.org)}, Actor: domain.Actor{Type: domain.ByUser, User: domain.UserID{UUID: uuidOf(t, ada.user)}, Role: domain.Admin},
	}, uuid.New())
	require.NoError(t, err)
	result, err := box.Call(t.Context(), "create_ticket", json.RawMessage(`{"title":"By an agent","description":"For ada."}`), "once")
	require.NoError(t, err)
	require.False(t, result.Failed, result.Content)
	require.NoError(t, box.Close())
	require.Equal(t, "agent", ada.get("/api/v1/tickets?limit=1").list()[0]["source_channel"])
}

// A call that waits for an upload does not hold up a program that stops.
func TestACallThatWaitsLetsTheProgramStop(t *testing.T) {
	t.Parallel()
	i := boot(t, func(c *config) { c.Workers = 0 })
	ada := i.founder("ada")
	id := ada.upload("notes.txt", []byte("nobody reads this")).id()
	begun := make(chan struct{})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { close(begun) }}) // the server has asked for the body
	r, err := nethttp.NewRequestWithContext(ctx, "POST", i.toolsURL()+"/mcp", strings.NewReader(
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"analyze_file","arguments":{"file_id":"`+id+`"}}}`))
	require.NoError(t, err)
	for name, value := range map[string]string{"Authorization": "Bearer " + ada.token, "Content-Type": "application/json", "Expect": "100-continue"} {
		r.Header.Set(name, value)
	}
	over := &nethttp.Transport{ExpectContinueTimeout: patience}
	t.Cleanup(over.CloseIdleConnections)
	answered := make(chan string, 1)
	go func() {
		response, err := over.RoundTrip(r)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		var body object
		if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
			answered <- err.Error()
			return
		}
		answered <- jsonOf(body["result"])
	}()
	<-begun
	from := time.Now()
	i.halt()
	require.Less(t, time.Since(from), drainTime)
	require.Contains(t, <-answered, `"processing_status":"queued"`)
}

func TestToolsArePrinted(t *testing.T) {
	t.Parallel()
	printed, err := ticketd(t.Context(), "tools")
	require.NoError(t, err)
	var tools []struct {
		Name   string `json:"name"`
		Input  object `json:"inputSchema"`
		Output object `json:"outputSchema"`
	}
	require.NoError(t, json.Unmarshal([]byte(printed), &tools))
	page, err := ticketd(t.Context(), "tools", "--markdown")
	require.NoError(t, err)
	require.Len(t, tools, len(toolProbes))
	for _, tool := range tools {
		require.Contains(t, toolProbes, tool.Name)
		require.Equal(t, "object", tool.Input["type"])
		require.Equal(t, "object", tool.Output["type"])
		require.Contains(t, page, "\n## "+tool.Name+"\n")
	}
}

func TestTheToolServerIsAskedForItsHealth(t *testing.T) { //nolint:paralleltest // the environment is the process'
	i := boot(t)
	environment(t, "MCP_ADDR", strings.TrimPrefix(i.toolsURL(), "http://"), "HTTP_ADDR", "127.0.0.1:1")
	printed, err := ticketd(context.WithoutCancel(t.Context()), "health", "--mcp")
	require.NoError(t, err)
	require.Contains(t, printed, "tools_available")
	_, err = ticketd(t.Context(), "health")
	require.Error(t, err, "that asks the API")
}
