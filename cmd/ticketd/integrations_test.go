package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/integration"
)

const allIntegrations = "/api/v1/integrations"

// scriptedVendor takes one token and one code.
type scriptedVendor struct {
	commands.Platform // what webhooks need is not scripted

	mu      sync.Mutex
	token   string // that it takes; empty: none
	code    string
	refresh string // that may be spent, once
	fault   *commands.VendorError
	checks  int
	spent   int
}

func (s *scriptedVendor) set(change func(*scriptedVendor)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

// Open implements commands.Platform.
func (s *scriptedVendor) Open(a commands.Account) commands.Connection {
	return &scriptedLine{vendor: s, account: a}
}

// Consent implements commands.Platform.
func (*scriptedVendor) Consent(a commands.Account, c commands.Consent) (string, error) {
	return "https://vendor.test/authorize?" + url.Values{"client_id": {a.Credentials["client_id"]}, "state": {c.State}, "redirect_uri": {c.Redirect}}.Encode(), nil
}

// Exchange implements commands.Platform.
func (s *scriptedVendor) Exchange(_ context.Context, _ commands.Account, code string, c commands.Consent) (commands.Renewal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if code != s.code || c.Verifier == "" {
		return commands.Renewal{}, &commands.VendorError{Kind: commands.Rejected, Message: "The code <" + code + "> is not known."}
	}
	return commands.Renewal{Fields: map[string]string{commands.AccessToken: s.token, commands.RefreshToken: s.refresh}, Ends: time.Now().Add(time.Hour)}, nil
}

// Renew implements commands.Platform.
func (s *scriptedVendor) Renew(_ context.Context, a commands.Account) (commands.Renewal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refresh == "" || a.Credentials[commands.RefreshToken] != s.refresh {
		return commands.Renewal{}, &commands.VendorError{Kind: commands.Revoked, Message: "The vendor takes the token no longer."}
	}
	s.spent++
	s.refresh = fmt.Sprintf("a-secret-refresh-%d", s.spent)
	s.token = fmt.Sprintf("a-secret-access-%d", s.spent)
	return commands.Renewal{Fields: map[string]string{commands.AccessToken: s.token, commands.RefreshToken: s.refresh}, Ends: time.Now().Add(time.Hour)}, nil
}

type scriptedLine struct {
	commands.Connection // only its check is scripted
	vendor              *scriptedVendor
	account             commands.Account
}

// Check implements commands.Connection.
func (l *scriptedLine) Check(context.Context) error {
	l.vendor.mu.Lock()
	defer l.vendor.mu.Unlock()
	l.vendor.checks++
	held := l.account.Credentials
	if token := held["api_token"] + held[commands.AccessToken]; token != l.vendor.token {
		return &commands.VendorError{Kind: commands.Unauthorized, Message: "The token " + token + " is not known."}
	}
	if l.vendor.fault != nil {
		return l.vendor.fault
	}
	return nil
}

// speaking is a program for which the vendor stands in the place of Jira.
func speaking(v *scriptedVendor) func(*config) {
	return func(c *config) { c.platforms = map[integration.Platform]commands.Platform{integration.Jira: v} }
}

// jiraBody connects to the scripted vendor.
func jiraBody(more ...object) object {
	body := object{
		"platform": "jira", "name": "Board", "auth_type": "api_key", "settings": object{"project_key": "OPS"},
		"credentials": object{"email": "a-secret-address@example.org", "api_token": "a-secret-token"},
	}
	for _, m := range more {
		maps.Copy(body, m)
	}
	return body
}

func oauthBody() object {
	return jiraBody(object{"auth_type": "oauth2", "credentials": object{"client_id": "a-client", "client_secret": "a-secret-of-the-client"}})
}

// guarded changes what the program may be checking at the same moment: it names the version that it saw last until that still holds.
func (c *client) guarded(method, path, seen string, body any) answer {
	c.t.Helper()
	var a answer
	eventually(c.t, func() bool {
		var err error
		a, err = c.with("If-Match", c.get(seen).etag()).try(method, path, body)
		require.NoError(c.t, err)
		return a.status != 412
	})
	require.Less(c.t, a.status, 300, "%s", a.raw)
	return a
}

func TestAnIntegrationIsConnectedChangedAndDisconnected(t *testing.T) {
	t.Parallel()
	v := &scriptedVendor{token: "a-secret-token"}
	i := boot(t, speaking(v), func(c *config) { c.PublicURL = "https://tickets.example.org/" })
	admin := i.founder("admin")
	once := admin.with("Idempotency-Key", "connect-once")
	made := once.post(allIntegrations, jiraBody())
	path := made.header.Get("Location")
	require.Equal(t, allIntegrations+"/"+made.id(), path)
	require.NotEmpty(t, made.header.Get("X-Event-Position"))
	require.Equal(t, `"1"`, made.etag())
	require.Equal(t, made.id(), once.post(allIntegrations, jiraBody()).id(), "a repeated request makes nothing")
	require.Len(t, admin.get(allIntegrations).list(), 1)

	shown := made.object()
	for field, want := range map[string]any{
		"platform": "jira", "category": "project_management", "name": "Board", "description": "", "base_url": "", "auth_type": "api_key", "sync_enabled": true,
		"status": "pending", "status_reason": "", "last_synced_at": nil, "pending": 0.0, "version": 1.0, "settings": object{"project_key": "OPS"},
		"credentials_set": []any{"api_token", "email"}, "fallback_integration_ids": []any{}, "health": object{"checked_at": nil, "ok": nil, "error": ""},
		"mapping_own": object{"priority": []any{}, "category": []any{}, "status": []any{}},
		"webhook_url": "https://tickets.example.org" + path + "/webhook",
	} {
		require.Equal(t, want, shown[field], field)
	}
	require.Equal(t, "Highest", shown["mapping"].(object)["priority"].(object)["critical"])
	require.NotContains(t, shown, "credentials")

	// A test, and what the program then knows of the connection.
	tested := admin.do(200, "POST", path+"/test", nil).object()
	require.Equal(t, object{"ok": true, "error": "", "status": "active", "checked_at": tested["checked_at"]}, tested)
	now := admin.get(path).object()
	require.Equal(t, "active", now["status"])
	require.Equal(t, true, now["health"].(object)["ok"])
	v.set(func(v *scriptedVendor) {
		v.fault = &commands.VendorError{Kind: commands.Denied, Message: "a-secret-token may not."}
	})
	tested = admin.do(200, "POST", path+"/test", nil).object()
	require.Equal(t, object{"ok": false, "error": "••• may not.", "code": "forbidden", "status": "error", "checked_at": tested["checked_at"]}, tested)
	health := admin.get(path).object()["health"].(object)
	require.GreaterOrEqual(t, health["checked_at"], tested["checked_at"], "the program checks by itself too")
	require.Equal(t, object{"checked_at": health["checked_at"], "ok": false, "code": "forbidden", "error": "••• may not."}, health)
	v.set(func(v *scriptedVendor) { v.fault = nil })

	// Changes, guarded as everywhere.
	const stale = `"1"`
	other := admin.post(allIntegrations, jiraBody(object{"name": "Other"})).id()
	changed := admin.guarded("PUT", path, path, object{
		"platform": "jira", "auth_type": "api_key", "name": "Wall", "mapping": object{"priority": object{"high": "Hot"}}, "fallback_integration_ids": []string{other},
		"sync_enabled": false, "credentials": object{"webhook_secret": "a-secret-of-the-webhook"},
	}).object()
	require.Equal(t, "Wall", changed["name"])
	require.Equal(t, "Hot", changed["mapping"].(object)["priority"].(object)["high"])
	require.Equal(t, "Low", changed["mapping"].(object)["priority"].(object)["low"])
	require.Equal(t, []any{"high"}, changed["mapping_own"].(object)["priority"])
	require.Equal(t, []any{other}, changed["fallback_integration_ids"])
	require.Equal(t, false, changed["sync_enabled"])
	require.Equal(t, []any{"api_token", "email", "webhook_secret"}, changed["credentials_set"])
	admin.with("If-Match", stale).do(412, "PUT", path, object{"name": "Well"})
	cleared := admin.do(200, "PUT", path, object{"credentials": object{"webhook_secret": ""}, "mapping": nil, "fallback_integration_ids": nil}).object()
	require.Equal(t, []any{"api_token", "email"}, cleared["credentials_set"])
	require.Equal(t, []any{}, cleared["mapping_own"].(object)["priority"])
	require.Equal(t, []any{}, cleared["fallback_integration_ids"])

	off := admin.guarded("PATCH", path+"/status", path, object{"enabled": false, "reason": "Holidays."}).object()
	require.Equal(t, []any{"inactive", "Holidays."}, []any{off["status"], off["status_reason"]})
	admin.with("If-Match", stale).do(412, "PATCH", path+"/status", object{"enabled": true})
	require.NotEqual(t, "inactive", admin.patch(path+"/status", object{"enabled": true}).text("status"))

	admin.with("If-Match", stale).do(412, "DELETE", path, nil)
	admin.do(204, "DELETE", path, nil)
	admin.do(204, "DELETE", path, nil)
	admin.do(404, "GET", path, nil)
	admin.do(404, "POST", path+"/test", nil)
	require.Len(t, admin.get(allIntegrations).list(), 1)
	var left int
	require.NoError(t, i.pool.QueryRow(t.Context(), `SELECT count(*) FROM integration_credentials WHERE integration_id = $1`, uuidOf(t, made.id())).Scan(&left))
	require.Zero(t, left, "its credentials are destroyed")
}

func TestWhatCannotBeConnectedIsSaidInWords(t *testing.T) {
	t.Parallel()
	i := boot(t, speaking(&scriptedVendor{}))
	admin := i.founder("admin")
	made := admin.post(allIntegrations, jiraBody()).id()
	for says, body := range map[string]object{
		"it has: project_key, ":            jiraBody(object{"settings": object{"project_key": "OPS", "colour": "red"}}),
		"needs the setting project_key":    jiraBody(object{"settings": object{}}),
		"email, api_token, webhook_secret": jiraBody(object{"credentials": object{"email": "a@b", "api_token": "t", "pin": "a-secret-pin"}}),
		"needs the credential api_token":   jiraBody(object{"credentials": object{"email": "a-secret@b"}}),
		"takes no auth_type":               jiraBody(object{"auth_type": "bearer"}),
		"name or a password":               jiraBody(object{"base_url": "https://a:a-secret-of-a@example.org"}),
		"is no priority of a ticket":       jiraBody(object{"mapping": object{"priority": object{"urgent": "x"}}}),
		"There is no integration":          jiraBody(object{"fallback_integration_ids": []string{nobodyID}}),
		"body.credentials.api_token":       jiraBody(object{"credentials": object{"email": "a@b", "api_token": 123454321}}),
		"body.platform":                    jiraBody(object{"platform": "trello"}),
		"invalid UUID":                     jiraBody(object{"fallback_integration_ids": []string{"x"}}),
	} {
		refused := admin.do(422, "POST", allIntegrations, body)
		require.Contains(t, refused.detail(), says)
		require.NotContains(t, string(refused.raw), "a-secret")
		require.NotContains(t, string(refused.raw), "123454321")
	}
	for says, body := range map[string]object{
		"platform of an integration cannot be changed": {"platform": "slack"},
		"cannot fall back on itself":                   {"fallback_integration_ids": []string{made}},
		"name must not be empty":                       {"name": " "},
		"needs the credential email":                   {"credentials": object{"email": ""}},
	} {
		require.Contains(t, admin.do(422, "PUT", allIntegrations+"/"+made, body).detail(), says)
	}
	require.Len(t, admin.get(allIntegrations).list(), 1)
	admin.do(422, "GET", allIntegrations+"/x", nil)
	require.Equal(t, "no_consent", problemCode(admin.do(409, "POST", allIntegrations+"/"+made+"/authorize", nil)))
}

func problemCode(a answer) string {
	a.t.Helper()
	return strings.TrimPrefix(a.text("type"), "urn:ticketd:problem:")
}

func TestPlatformsSayWhatTheyNeed(t *testing.T) {
	t.Parallel()
	list := boot(t).founder("ann").colleague("auditor").get(allIntegrations + "/platforms").list()
	require.Len(t, list, len(integration.Platforms))
	jira := list[1]
	require.Equal(t, "Jira", jira["name"])
	ways := jira["auth_types"].([]any)
	require.Equal(t, []any{"api_key", false, "oauth2", true}, []any{ways[0].(object)["auth_type"], ways[0].(object)["consent"], ways[1].(object)["auth_type"], ways[1].(object)["consent"]})
	require.Equal(t, object{"name": "email", "required": true, "doc": ""}, ways[0].(object)["credentials"].([]any)[0])
	require.Equal(t, object{"name": "project_key", "required": true, "doc": ""}, jira["settings"].([]any)[0])
	require.Equal(t, "done", jira["mapping"].(object)["status"].(object)["resolved"])
}

// consent begins one and answers what the vendor is asked with.
func (c *client) consent(id string) url.Values {
	c.t.Helper()
	address := c.authorize(id)
	require.Equal(c.t, "vendor.test", address.Host)
	return address.Query()
}

// authorize answers the vendor's page where a person consents.
func (c *client) authorize(id string) *url.URL {
	c.t.Helper()
	begun := c.do(200, "POST", allIntegrations+"/"+id+"/authorize", nil)
	require.Equal(c.t, "no-store", begun.header.Get("Cache-Control"))
	ends, err := time.Parse(time.RFC3339, begun.text("expires_at"))
	require.NoError(c.t, err)
	require.WithinDuration(c.t, time.Now().Add(10*time.Minute), ends, time.Minute)
	address, err := url.Parse(begun.text("authorize_url"))
	require.NoError(c.t, err)
	return address
}

// back is the person's browser, coming from the vendor.
func (c *client) back(want int, query url.Values) string {
	c.t.Helper()
	a, err := c.as("").try("GET", allIntegrations+"/oauth/callback?"+query.Encode(), nil)
	require.NoError(c.t, err)
	require.Equal(c.t, want, a.status, "%s", a.raw)
	require.Equal(c.t, "text/html; charset=utf-8", a.header.Get("Content-Type"))
	require.Equal(c.t, "no-referrer", a.header.Get("Referrer-Policy"))
	require.Equal(c.t, "no-store", a.header.Get("Cache-Control"))
	require.Contains(c.t, a.header.Get("Content-Security-Policy"), "default-src 'none'")
	return string(a.raw)
}

func TestAPersonConsentsWithAVendor(t *testing.T) {
	t.Parallel()
	v := &scriptedVendor{token: "a-secret-access-0", refresh: "a-secret-refresh-0", code: "a-secret-code"}
	i := boot(t, speaking(v))
	admin := i.founder("admin")
	id := admin.post(allIntegrations, oauthBody()).id()
	path := allIntegrations + "/" + id
	tested := admin.do(200, "POST", path+"/test", nil).object()
	require.Equal(t, []any{false, "consent_missing", "error"}, []any{tested["ok"], tested["code"], tested["status"]})

	sent := admin.consent(id)
	require.Equal(t, i.url+allIntegrations+"/oauth/callback", sent.Get("redirect_uri"))
	require.Contains(t, admin.back(400, url.Values{"state": sent["state"], "error": {"access_denied"}, "error_description": {"<b>No</b>"}}), "The vendor says: &lt;b&gt;No&lt;/b&gt;.")
	require.Contains(t, admin.back(422, url.Values{"state": sent["state"], "code": {"a-secret-code"}}), "Begin again", "it was declined")
	require.Contains(t, admin.back(422, url.Values{"state": {"guess"}, "error": {"x"}}), "Begin again")
	require.Contains(t, admin.back(422, nil), "Begin again")

	sent = admin.consent(id)
	require.Contains(t, admin.back(502, url.Values{"state": sent["state"], "code": {"wrong-code"}}), "The code &lt;•••&gt; is not known.")

	sent = admin.consent(id)
	require.Contains(t, admin.back(200, url.Values{"state": sent["state"], "code": {"a-secret-code"}}), "Board is connected.")
	require.Equal(t, "active", admin.get(path).text("status"))
	require.Contains(t, admin.get(path).object()["credentials_set"], "refresh_token")
	require.Contains(t, admin.back(422, url.Values{"state": sent["state"], "code": {"a-secret-code"}}), "Begin again", "a second time")

	// The vendor ends the token: it is renewed. It revokes the consent: a person must give another.
	v.set(func(v *scriptedVendor) { v.token = "ended" })
	require.Equal(t, true, admin.do(200, "POST", path+"/test", nil).object()["ok"])
	v.set(func(v *scriptedVendor) { v.token, v.refresh = "ended", "" })
	tested = admin.do(200, "POST", path+"/test", nil).object()
	require.Equal(t, []any{false, "expired", "The vendor takes the token no longer."}, []any{tested["ok"], tested["status"], tested["error"]})
	require.Equal(t, "The vendor takes the token no longer.", admin.get(path).object()["health"].(object)["error"])
	v.set(func(v *scriptedVendor) { v.token, v.refresh = "a-secret-access-0", "a-secret-refresh-0" })
	require.Contains(t, admin.back(200, url.Values{"state": admin.consent(id)["state"], "code": {"a-secret-code"}}), "Board is connected.")
	require.Equal(t, "active", admin.get(path).text("status"))

	// What is connected may still not be in order.
	v.set(func(v *scriptedVendor) {
		v.fault = &commands.VendorError{Kind: commands.Missing, Message: "There is no project OPS."}
	})
	require.Contains(t, admin.back(200, url.Values{"state": admin.consent(id)["state"], "code": {"a-secret-code"}}), "The check says: There is no project OPS.")

	// Whoever may not manage integrations any more brings nothing back.
	deputy := admin.colleague("admin")
	sent = deputy.consent(id)
	admin.do(200, "PATCH", "/api/v1/members/"+deputy.user, object{"role": "member"})
	require.Contains(t, deputy.back(403, url.Values{"state": sent["state"], "code": {"a-secret-code"}}), "Your role does not allow this.")
}

// Recognisable secrets go in by every way, and come out nowhere: in no answer, no event, no line of the log, and no table.
func TestSecretsComeOutNowhere(t *testing.T) {
	t.Parallel()
	v := &scriptedVendor{token: "a-secret-token", code: "a-secret-code"}
	i := boot(t, speaking(v))
	admin := i.founder("admin")
	var said strings.Builder
	ask := func(method, path string, body any) answer {
		t.Helper()
		a, err := admin.with("Idempotency-Key", fmt.Sprint(said.Len())).try(method, path, body)
		require.NoError(t, err)
		fmt.Fprintln(&said, a.status, a.header, string(a.raw))
		return a
	}
	path := allIntegrations + "/" + ask("POST", allIntegrations, jiraBody()).id()
	ask("PUT", path, object{"credentials": object{"webhook_secret": "a-secret-of-the-webhook"}})
	ask("PUT", path, object{"credentials": object{"nothing": "a-secret-of-nobody"}})
	ask("PUT", path, object{"credentials": "a-secret-in-the-wrong-place"})
	ask("POST", path+"/test", nil)
	v.set(func(v *scriptedVendor) { v.token = "another" })
	ask("POST", path+"/test", nil) // the vendor quotes the token
	ask("GET", path, nil)

	consenting := ask("POST", allIntegrations, oauthBody()).id()
	v.set(func(v *scriptedVendor) { v.token, v.refresh = "a-secret-access-0", "a-secret-refresh-0" })
	state := admin.consent(consenting).Get("state")
	said.WriteString(admin.back(502, url.Values{"state": {state}, "code": {"a-secret-wrong-code"}}))
	state = admin.consent(consenting).Get("state")
	said.WriteString(admin.back(200, url.Values{"state": {state}, "code": {"a-secret-code"}}))
	v.set(func(v *scriptedVendor) { v.token = "ended" })
	ask("POST", allIntegrations+"/"+consenting+"/test", nil)
	ask("GET", allIntegrations, nil)
	ask("GET", auditEvents, nil)
	pending := admin.consent(consenting).Get("state")
	i.caughtUp()

	places := map[string]string{"answers": said.String(), "the log": i.log.String()}
	rows, err := i.pool.Query(t.Context(), `SELECT schemaname || '.' || quote_ident(relname) FROM pg_stat_user_tables`)
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, table := range tables {
		var text string
		require.NoError(t, i.pool.QueryRow(t.Context(), `SELECT coalesce(string_agg(t::text, ' '), '') FROM `+table+` t`).Scan(&text))
		places[table] = text
	}
	require.Contains(t, places["public.integration_credentials"], consenting, "the tables were read")
	require.Contains(t, places["public.events"], "integration.credentials_set")
	for place, text := range places {
		require.NotContains(t, text, "a-secret", place)
		require.NotContains(t, text, state, place)
		require.NotContains(t, text, pending, place)
	}
}

// integrationCells try the permissions on integrations: on one that the founder has connected.
var integrationCells = map[domain.Permission]cell{
	domain.ReadDeliveries: func(c *client, id string) int {
		status := c.status("GET", allIntegrations+"/"+id+"/deliveries", nil)
		require.Equal(c.t, status, c.status("GET", allIntegrations+"/"+id+"/syncs", nil))
		require.Equal(c.t, map[bool]int{true: 404, false: 403}[status == 200], c.status("GET", allIntegrations+"/"+id+"/syncs/"+nobodyID, nil))
		return status
	},
	domain.ManageDeliveries: func(c *client, id string) int {
		retried := c.status("POST", allIntegrations+"/"+id+"/deliveries/"+nobodyID+"/retry", nil)
		require.Equal(c.t, retried, c.status("POST", allIntegrations+"/"+id+"/deliveries/"+nobodyID+"/drop", nil))
		require.Equal(c.t, map[int]int{404: 202, 403: 403}[retried], c.status("POST", allIntegrations+"/"+id+"/sync", nil))
		return map[int]int{404: 200, 403: 403}[retried] // there is none, which only those learn who might do it
	},
	domain.ReadIntegrations: func(c *client, id string) int {
		status := c.status("GET", allIntegrations+"/"+id, nil)
		for _, more := range []string{"", "/platforms"} {
			require.Equal(c.t, status, c.status("GET", allIntegrations+more, nil), more)
		}
		return status
	},
	domain.ManageIntegrations: func(c *client, id string) int {
		path := allIntegrations + "/" + id
		status := c.status("PUT", path, object{"name": "Wall"})
		require.Equal(c.t, status, c.status("PATCH", path+"/status", object{"enabled": false}))
		require.Equal(c.t, status, c.status("POST", path+"/test", nil))
		require.Equal(c.t, map[bool]int{true: 409, false: 403}[status == 200], c.status("POST", path+"/authorize", nil))
		require.Equal(c.t, status == 200, c.status("POST", allIntegrations, jiraBody()) == 201)
		require.Equal(c.t, status == 200, c.status("DELETE", path, nil) == 204)
		return status
	},
}

// requireIntegrationCells tries one permission on an integration, which is everybody's.
func requireIntegrationCells(t *testing.T, founder, person *client, role domain.Role, permission domain.Permission) {
	t.Helper()
	t.Run(string(role)+"/"+string(permission), func(t *testing.T) {
		id := founder.on(t).post(allIntegrations, jiraBody()).id()
		status := integrationCells[permission](person.on(t), id)
		if domain.ScopeOf(role, permission) == domain.None {
			require.Equal(t, 403, status)
		} else {
			require.Equal(t, 200, status)
		}
	})
}

// Two instances beside each other meet a token that the vendor has ended: it is spent once.
func TestInstancesSpendARefreshTokenOnce(t *testing.T) {
	t.Parallel()
	v := &scriptedVendor{token: "a-secret-access-0", refresh: "a-secret-refresh-0", code: "a-secret-code"}
	i := boot(t, speaking(v))
	beside := boot(t, speaking(v), func(c *config) {
		c.DatabaseURL, c.DataDir, c.tools = i.config.DatabaseURL, i.config.DataDir, false
	})
	admin := i.founder("admin")
	id := admin.post(allIntegrations, oauthBody()).id()
	admin.back(200, url.Values{"state": admin.consent(id)["state"], "code": {"a-secret-code"}})
	for round := range 3 {
		v.set(func(v *scriptedVendor) { v.token = "ended" })
		var all sync.WaitGroup
		answers := make([]answer, 12)
		for n := range answers {
			all.Go(func() {
				who := admin
				if n%2 == 1 {
					who = admin.at(beside)
				}
				answers[n], _ = who.try("POST", allIntegrations+"/"+id+"/test", nil)
			})
		}
		all.Wait()
		for _, a := range answers {
			require.Equal(t, 200, a.status, "%s", a.raw)
			require.Equal(t, true, a.object()["ok"], "%s", a.raw)
		}
		v.set(func(v *scriptedVendor) { require.Equal(t, round+1, v.spent) })
	}
	require.Equal(t, "active", admin.get(allIntegrations+"/"+id).text("status"))
	var raw json.RawMessage
	admin.get(allIntegrations + "/" + id).into(&raw)
	require.NotContains(t, string(raw), "secret-refresh")
}
