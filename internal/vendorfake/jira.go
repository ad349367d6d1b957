package vendorfake

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain/integration"
)

// What the fake Jira knows of whoever connects.
const (
	jiraEmail  = "bot@example.com"
	jiraToken  = "jira-api-token"      //nolint:gosec // it opens nothing
	jiraSecret = "jira-webhook-secret" //nolint:gosec // it opens nothing
	jiraClient = "jira-client"
	jiraProof  = "jira-client-secret"
	jiraUs     = "Ticket Bot"
	jiraCloud  = "11223344-a1b2-3b33-c444-def123456789"
	jiraKey    = "SUP"
)

// jiraTextMost is how many characters a text may have.
const jiraTextMost = 32_767

// jiraFirst is the number of an issue on the whole site that is before the project's first.
const jiraFirst = 10_000

func jiraIssue(n int) string { return fmt.Sprintf("%s-%d", jiraKey, n) }

// jiraTime is how Jira writes times.
const jiraTime = "2006-01-02T15:04:05.000-0700"

// Jira plays Jira Cloud: one site with one project, whose workflow leads from every status to every other.
type Jira struct {
	base *Base

	mu         sync.Mutex
	auth       integration.AuthType
	pair       Pair
	uploadMost int64
	disabled   bool
	hidden     []string // fields that are not on the screen
	required   []string // fields that must be filled in
	atOnce     int      // issues and comments on a page
	shut       bool     // the statuses lead nowhere
	late       bool     // the search knows nothing yet
	hooks      []JiraHook
	later      time.Duration // how far the clock was moved
}

// NewJira plays a Jira until it is closed. It is connected to by an API token.
func NewJira() *Jira {
	j := &Jira{auth: integration.APIKey, uploadMost: 1 << 30, atOnce: 100}
	j.base = Start(Options{
		Name: "jira", Prefix: `(?:/ex/jira/(?P<cloud>[^/]+))?`, Bare: []string{"/oauth/"}, Admit: j.admit, Left: jiraLeft, Rotates: true,
		Operations: map[string]Handler{
			"POST /oauth/token":                                                          j.token,
			"GET /oauth/token/accessible-resources":                                      j.resources,
			"GET /rest/api/3/myself":                                                     j.myself,
			"GET /rest/api/3/issue/createmeta/{projectIdOrKey}/issuetypes":               j.types,
			"GET /rest/api/3/issue/createmeta/{projectIdOrKey}/issuetypes/{issueTypeId}": j.typeFields,
			"POST /rest/api/3/issue":                                                     j.create,
			"GET /rest/api/3/issue/{issueIdOrKey}":                                       j.issue,
			"PUT /rest/api/3/issue/{issueIdOrKey}":                                       j.edit,
			"POST /rest/api/3/issue/{issueIdOrKey}/transitions":                          j.transit,
			"GET /rest/api/3/issue/{issueIdOrKey}/comment":                               j.comments,
			"POST /rest/api/3/issue/{issueIdOrKey}/comment":                              j.comment,
			"POST /rest/api/3/issue/{issueIdOrKey}/attachments":                          j.attach,
			"GET /rest/api/3/attachment/meta":                                            j.meta,
			"POST /rest/api/3/search/jql":                                                j.search,
			"GET /rest/api/3/webhook":                                                    j.byApp(j.listHooks),
			"POST /rest/api/3/webhook":                                                   j.byApp(j.registerHooks),
			"DELETE /rest/api/3/webhook":                                                 j.byApp(j.deleteHooks),
			"PUT /rest/api/3/webhook/refresh":                                            j.byApp(j.refreshHooks),
		},
	})
	j.base.Fix(jiraEmail + ":" + jiraToken)
	return j
}

// Base answers what all vendors have in common.
func (j *Jira) Base() *Base { return j.base }

// OAuth has it connected to by tokens that are renewed, and its webhooks signed with the client's secret.
func (j *Jira) OAuth() *Jira {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.auth, j.pair = integration.OAuth2, j.base.Grant()
	return j
}

// Hide takes fields from the project's screen.
func (j *Jira) Hide(fields ...string) { j.set(func() { j.hidden = fields }) }

// Require makes the project want fields that nobody else knows.
func (j *Jira) Require(fields ...string) { j.set(func() { j.required = fields }) }

// UploadMost sets how large a file may be, in bytes. 0: no file is taken.
func (j *Jira) UploadMost(bytes int64) {
	j.set(func() { j.uploadMost, j.disabled = bytes, bytes == 0 })
}

// Page sets how many issues, or comments, a page has at most.
func (j *Jira) Page(n int) { j.set(func() { j.atOnce = n }) }

// Shut takes all ways out of the workflow.
func (j *Jira) Shut() { j.set(func() { j.shut = true }) }

// Late makes the search know nothing yet.
func (j *Jira) Late(late bool) { j.set(func() { j.late = late }) }

func (j *Jira) set(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	f()
}

// Connect answers the body for POST /integrations.
func (j *Jira) Connect() map[string]any {
	j.mu.Lock()
	defer j.mu.Unlock()
	body := map[string]any{
		"platform": "jira", "name": "Jira", "base_url": j.base.URL(), "auth_type": string(j.auth),
		"credentials": map[string]any{"email": jiraEmail, "api_token": jiraToken, "webhook_secret": jiraSecret},
		"settings":    map[string]any{"project_key": jiraKey},
	}
	if j.auth == integration.OAuth2 {
		body["credentials"] = map[string]any{"client_id": jiraClient, "client_secret": jiraProof, "refresh_token": j.pair.Refresh}
	}
	return body
}

// Account answers the account, opened, with a token where it is connected to by tokens.
func (j *Jira) Account() commands.Account {
	a := j.base.Opened(j.Connect())
	if a.AuthType == integration.OAuth2 {
		a.Credentials[commands.AccessToken] = j.pair.Access
		a.Credentials["cloud_id"], a.Credentials["site_url"] = jiraCloud, j.base.URL()
	}
	return a
}

// Tickets lists the issues in the order they were made.
func (j *Jira) Tickets() []Ticket { return j.base.Tickets() }

// Say lets a person comment on an issue.
func (j *Jira) Say(ticket, author, text string) string {
	id := strconv.Itoa(20000 + j.base.Count("comment"))
	j.base.Change(ticket, Happening{What: Commented, ID: id, Author: author}, func(t *Ticket) {
		t.Comments = append(t.Comments, Comment{ID: id, Author: author, Text: text, Own: map[string]string{"body": jiraDocument(text)}})
	})
	return id
}

// SayRich lets a person comment by a document of their own, which is JSON, for some of the staff alone when it is internal.
func (j *Jira) SayRich(ticket, author, document string, internal bool) string {
	id := strconv.Itoa(20000 + j.base.Count("comment"))
	j.base.Change(ticket, Happening{What: Commented, ID: id, Author: author}, func(t *Ticket) {
		t.Comments = append(t.Comments, Comment{ID: id, Author: author, Internal: internal, Own: map[string]string{"body": document}})
	})
	return id
}

// Move lets a person change an issue's status.
func (j *Jira) Move(ticket, status string) { j.move(ticket, status, "Somebody") }

func (j *Jira) move(ticket, status, author string) {
	before, _ := j.base.Ticket(ticket)
	j.base.Change(ticket, Happening{What: Moved, Author: author, From: before.Status}, func(t *Ticket) { t.Status = status })
}

// jiraStatus is a status of the workflow.
type jiraStatus struct{ id, name, category string }

var jiraStatuses = []jiraStatus{{"1", "To Do", "new"}, {"2", "In Progress", "indeterminate"}, {"3", "Done", "done"}, {"4", "Rejected", "done"}}

// jiraStatusOf answers the first status of a category, or the one of that name.
func jiraStatusOf(value string) jiraStatus {
	at := slices.IndexFunc(jiraStatuses, func(s jiraStatus) bool { return s.category == value || strings.EqualFold(s.name, value) })
	return jiraStatuses[max(at, 0)]
}

func (s jiraStatus) json() map[string]any {
	return map[string]any{"id": s.id, "name": s.name, "statusCategory": map[string]any{"key": s.category}}
}

// admit looks at who asks. Whoever has no token that is good may see nothing.
func (j *Jira) admit(w http.ResponseWriter, r *Request) bool {
	kind, proof, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case kind == "Basic":
		email, token, _ := r.BasicAuth()
		if r.Params["cloud"] == "" && j.base.Takes(email+":"+token) {
			return true
		}
		w.Header().Set("X-Seraph-LoginReason", "AUTHENTICATED_FAILED")
		Answer(w, http.StatusUnauthorized, jiraWrong("Client must be authenticated to access this resource."))
		return false
	case kind == "Bearer" && j.base.Takes(proof):
		if cloud := r.Params["cloud"]; cloud != jiraCloud && !strings.HasPrefix(r.URL.Path, "/oauth/") {
			Answer(w, http.StatusNotFound, map[string]any{"code": 404, "message": "No site " + cloud})
			return false
		}
		return true
	}
	Answer(w, http.StatusUnauthorized, map[string]any{"code": 401, "message": "Unauthorized; scope does not match"})
	return false
}

// jiraLeft says what is left. The reset has no seconds, and so is of use only where a minute does not matter.
func jiraLeft(h http.Header, l Left) (int, string) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(l.Most))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(l.Rest))
	h.Set("X-RateLimit-Reset", l.Reset.Add(time.Minute-1).UTC().Format("2006-01-02T15:04Z"))
	if l.Refused {
		h.Set("Retry-After", strconv.Itoa(int(l.Reset.Sub(l.Now)/time.Second)+1))
		h.Set("RateLimit-Reason", "jira-burst-based")
		h.Set("Content-Type", "application/json")
	}
	return http.StatusTooManyRequests, `{"errorMessages":["Rate limit exceeded."],"errors":{}}`
}

func jiraWrong(messages ...string) map[string]any {
	return map[string]any{"errorMessages": messages, "errors": map[string]string{}}
}

func jiraWrongFields(fields map[string]string) map[string]any {
	return map[string]any{"errorMessages": []string{}, "errors": fields}
}

// token renews tokens, and gives them for codes.
func (j *Jira) token(w http.ResponseWriter, r *Request) {
	var in struct {
		Grant    string `json:"grant_type"`
		Client   string `json:"client_id"`
		Secret   string `json:"client_secret"`
		Code     string `json:"code"`
		Redirect string `json:"redirect_uri"`
		Refresh  string `json:"refresh_token"`
	}
	_ = r.JSON(&in) // it is valid
	if in.Client != jiraClient || in.Secret != jiraProof {
		Answer(w, http.StatusUnauthorized, map[string]any{"error": "access_denied", "error_description": "Unauthorized"})
		return
	}
	var pair Pair
	err := ErrRevoked
	switch in.Grant {
	case "refresh_token":
		pair, err = j.base.Refresh(in.Refresh)
	case "authorization_code":
		if in.Redirect != "" {
			pair, err = j.base.Spend(in.Code, "")
		}
	}
	if err != nil {
		Answer(w, http.StatusForbidden, map[string]any{"error": "unauthorized_client", "error_description": "refresh_token is invalid"})
		return
	}
	Answer(w, http.StatusOK, map[string]any{
		"access_token": pair.Access, "refresh_token": pair.Refresh, "expires_in": 3600, "token_type": "Bearer", "scope": "write:jira-work",
	})
}

func (j *Jira) resources(w http.ResponseWriter, _ *Request) {
	Answer(w, http.StatusOK, []map[string]any{
		{"id": "another-site", "url": "https://another.atlassian.net", "name": "another", "scopes": []string{}}, {"id": jiraCloud, "url": j.base.URL(), "name": "ours", "scopes": []string{}},
	})
}

func (j *Jira) myself(w http.ResponseWriter, _ *Request) {
	Answer(w, http.StatusOK, map[string]any{"accountId": "us", "displayName": jiraUs, "active": true})
}

func (j *Jira) types(w http.ResponseWriter, r *Request) {
	if r.Params["projectIdOrKey"] != jiraKey {
		Answer(w, http.StatusNotFound, jiraWrong("No project could be found with key '"+r.Params["projectIdOrKey"]+"'."))
		return
	}
	Answer(w, http.StatusOK, map[string]any{"issueTypes": []map[string]any{{"id": "10001", "name": "Task"}, {"id": "10002", "name": "Bug"}}, "total": 2})
}

func (j *Jira) typeFields(w http.ResponseWriter, _ *Request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	field := func(key, name string, required, byItself bool) map[string]any {
		return map[string]any{
			"fieldId": key, "key": key, "name": name, "required": required, "hasDefaultValue": byItself, "operations": []string{"set"}, "schema": map[string]any{"type": "string"},
		}
	}
	fields := []map[string]any{field("summary", "Summary", true, false), field("reporter", "Reporter", true, false), field("customfield_1", "Team", true, true)}
	for i, name := range j.required {
		fields = append(fields, field(fmt.Sprintf("customfield_%d", 100+i), name, true, false))
	}
	Answer(w, http.StatusOK, map[string]any{"fields": fields, "total": len(fields)})
}

// jiraDraft is an issue as it is written.
type jiraDraft struct {
	Fields struct {
		Project     struct{ Key string }
		Type        struct{ Name string } `json:"issuetype"`
		Summary     string
		Description json.RawMessage
		Priority    *struct{ Name string }
		Labels      []string
	}
	Update struct {
		Labels []struct{ Add string }
	}
	Properties []struct {
		Key   string
		Value json.RawMessage
	}
}

// wrong answers what the project does not take, by field.
func (j *Jira) wrong(d jiraDraft) map[string]string {
	j.mu.Lock()
	defer j.mu.Unlock()
	wrong := map[string]string{}
	given := map[string]bool{"priority": d.Fields.Priority != nil, "labels": len(d.Fields.Labels)+len(d.Update.Labels) > 0}
	for _, field := range j.hidden {
		if given[field] {
			wrong[field] = "Field '" + field + "' cannot be set. It is not on the appropriate screen, or unknown."
		}
	}
	if p := d.Fields.Priority; p != nil && wrong["priority"] == "" && !slices.Contains([]string{"Highest", "High", "Medium", "Low", "Lowest"}, p.Name) {
		wrong["priority"] = "The priority selected is invalid."
	}
	if utf8.RuneCountInString(jiraText(d.Fields.Description)) > jiraTextMost {
		wrong["description"] = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
	}
	return wrong
}

func (j *Jira) create(w http.ResponseWriter, r *Request) {
	var d jiraDraft
	_ = r.JSON(&d) // it is valid
	wrong := j.wrong(d)
	if d.Fields.Project.Key != jiraKey {
		wrong["project"] = "valid project is required"
	}
	if d.Fields.Type.Name != "Task" && d.Fields.Type.Name != "Bug" {
		wrong["issuetype"] = "Specify a valid issue type"
	}
	if len(wrong) > 0 {
		Answer(w, http.StatusBadRequest, jiraWrongFields(wrong))
		return
	}
	n := j.base.Count("issue")
	t := Ticket{ID: jiraIssue(n), Status: "new", Own: map[string]string{"id": strconv.Itoa(jiraFirst + n)}}
	for _, p := range d.Properties {
		t.Own["property "+p.Key] = string(p.Value)
	}
	d.fill(&t)
	j.base.Add(t)
	Answer(w, http.StatusCreated, map[string]any{"id": t.Own["id"], "key": t.ID, "self": j.base.URL() + "/rest/api/3/issue/" + t.Own["id"]})
}

func (d jiraDraft) fill(t *Ticket) {
	if d.Fields.Summary != "" {
		t.Title = d.Fields.Summary
	}
	if d.Fields.Description != nil {
		t.Description, t.Own["description"] = jiraText(d.Fields.Description), string(d.Fields.Description)
	}
	if d.Fields.Priority != nil {
		t.Priority = d.Fields.Priority.Name
	}
	if d.Fields.Labels != nil {
		t.Labels = d.Fields.Labels
	}
	for _, label := range d.Update.Labels {
		if !slices.Contains(t.Labels, label.Add) {
			t.Labels = append(t.Labels, label.Add)
		}
	}
}

// find answers the issue of a path, by its key or its number. false: there is none, which was answered.
func (j *Jira) find(w http.ResponseWriter, r *Request) (Ticket, bool) {
	name := r.Params["issueIdOrKey"]
	if number, err := strconv.Atoi(name); err == nil {
		name = jiraIssue(number - jiraFirst)
	}
	if t, found := j.base.Ticket(name); found && !t.Deleted {
		return t, true
	}
	Answer(w, http.StatusNotFound, jiraWrong("Issue does not exist or you do not have permission to see it."))
	return Ticket{}, false
}

func (j *Jira) edit(w http.ResponseWriter, r *Request) {
	t, found := j.find(w, r)
	if !found {
		return
	}
	var d jiraDraft
	_ = r.JSON(&d) // it is valid
	if wrong := j.wrong(d); len(wrong) > 0 {
		Answer(w, http.StatusBadRequest, jiraWrongFields(wrong))
		return
	}
	j.base.Change(t.ID, Happening{What: Changed}, d.fill)
	Answer(w, http.StatusNoContent, nil)
}

func (j *Jira) issue(w http.ResponseWriter, r *Request) {
	t, found := j.find(w, r)
	if !found {
		return
	}
	answer := map[string]any{"id": t.Own["id"], "key": t.ID, "fields": j.fields(t)}
	if strings.Contains(r.URL.Query().Get("expand"), "transitions") {
		answer["transitions"] = j.ways(t)
	}
	Answer(w, http.StatusOK, answer)
}

func (j *Jira) fields(t Ticket) map[string]any {
	files := []map[string]any{}
	for _, f := range t.Files {
		files = append(files, j.file(f))
	}
	return map[string]any{
		"summary": t.Title, "labels": t.Labels, "status": jiraStatusOf(t.Status).json(), "project": map[string]any{"key": jiraKey},
		"attachment": files, "created": t.Made.Format(jiraTime), "updated": t.Changed.Format(jiraTime),
	}
}

func (j *Jira) file(f File) map[string]any {
	return map[string]any{
		"id": f.ID, "filename": f.Name, "size": f.Size, "created": f.At.Format(jiraTime), "content": j.base.URL() + "/rest/api/3/attachment/content/" + f.ID,
	}
}

// ways answers the transitions from where an issue is.
func (j *Jira) ways(t Ticket) []map[string]any {
	j.mu.Lock()
	defer j.mu.Unlock()
	ways := []map[string]any{}
	for _, s := range jiraStatuses {
		if s != jiraStatusOf(t.Status) && !j.shut {
			ways = append(ways, map[string]any{"id": "1" + s.id, "name": "To " + s.name, "to": s.json(), "isAvailable": true})
		}
	}
	return append(ways, map[string]any{"id": "99", "name": "Closed way", "to": jiraStatuses[3].json(), "isAvailable": false})
}

func (j *Jira) transit(w http.ResponseWriter, r *Request) {
	t, found := j.find(w, r)
	if !found {
		return
	}
	var in struct{ Transition struct{ ID string } }
	_ = r.JSON(&in) // it is valid
	for _, s := range jiraStatuses {
		if "1"+s.id == in.Transition.ID && s != jiraStatusOf(t.Status) {
			j.move(t.ID, s.category, "")
			Answer(w, http.StatusNoContent, nil)
			return
		}
	}
	Answer(w, http.StatusBadRequest, jiraWrong("It seems that you have tried to perform a workflow operation that is not valid for the current state of this issue."))
}

func (j *Jira) comment(w http.ResponseWriter, r *Request) {
	t, found := j.find(w, r)
	if !found {
		return
	}
	var in struct {
		Body       json.RawMessage
		Properties json.RawMessage
	}
	_ = r.JSON(&in) // it is valid
	text := jiraText(in.Body)
	if utf8.RuneCountInString(text) > jiraTextMost {
		Answer(w, http.StatusBadRequest, jiraWrongFields(map[string]string{"comment": "The entered text is too long."}))
		return
	}
	c := Comment{ID: strconv.Itoa(20000 + j.base.Count("comment")), Author: jiraUs, Text: text, At: time.Now(), Own: map[string]string{"body": string(in.Body), "properties": string(in.Properties)}}
	j.base.Change(t.ID, Happening{What: Commented, ID: c.ID}, func(t *Ticket) { t.Comments = append(t.Comments, c) })
	Answer(w, http.StatusCreated, jiraComment(c, false))
}

// jiraComment answers a comment, with its properties when those were asked for.
func jiraComment(c Comment, properties bool) map[string]any {
	answer := map[string]any{
		"id": c.ID, "author": map[string]any{"displayName": c.Author}, "body": json.RawMessage(c.Own["body"]), "created": c.At.Format(jiraTime), "jsdPublic": !c.Internal,
	}
	if kept := c.Own["properties"]; properties && kept != "" {
		answer["properties"] = json.RawMessage(kept)
	}
	return answer
}

func (j *Jira) comments(w http.ResponseWriter, r *Request) {
	t, found := j.find(w, r)
	if !found {
		return
	}
	query := r.URL.Query()
	from, _ := strconv.Atoi(query.Get("startAt"))
	most, _ := strconv.Atoi(cmp.Or(query.Get("maxResults"), "100"))
	j.mu.Lock()
	most = min(most, j.atOnce)
	j.mu.Unlock()
	page := []map[string]any{}
	for _, c := range t.Comments[min(from, len(t.Comments)):min(from+most, len(t.Comments))] {
		page = append(page, jiraComment(c, strings.Contains(query.Get("expand"), "properties")))
	}
	Answer(w, http.StatusOK, map[string]any{"comments": page, "startAt": from, "maxResults": most, "total": len(t.Comments)})
}

func (j *Jira) meta(w http.ResponseWriter, _ *Request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	Answer(w, http.StatusOK, map[string]any{"enabled": !j.disabled, "uploadLimit": j.uploadMost})
}

func (j *Jira) attach(w http.ResponseWriter, r *Request) {
	t, found := j.find(w, r)
	if !found {
		return
	}
	var files []File
	err := r.Parts(func(p Part) error {
		f, err := Read(strconv.Itoa(30000+j.base.Count("file")), p.File, p.Body)
		f.At = time.Now()
		files = append(files, f)
		return err
	})
	if err != nil {
		Answer(w, http.StatusBadRequest, jiraWrong(err.Error()))
		return
	}
	j.mu.Lock()
	most := j.uploadMost
	j.mu.Unlock()
	made := []map[string]any{}
	for _, f := range files {
		if f.Size > most {
			Answer(w, http.StatusRequestEntityTooLarge, jiraWrong("The file exceeds the maximum size."))
			return
		}
		j.base.Change(t.ID, Happening{What: Filed, ID: f.ID}, func(t *Ticket) { t.Files = append(t.Files, f) })
		made = append(made, j.file(f))
	}
	Answer(w, http.StatusOK, made)
}

// jiraSearch is the one search that is played.
var jiraSearch = regexp.MustCompile(`^project = "([^"]+)" AND creator = currentUser\(\) AND created >= "-(\d+)m" ORDER BY created ASC$`)

func (j *Jira) search(w http.ResponseWriter, r *Request) {
	var in struct {
		JQL        string
		Most       int    `json:"maxResults"`
		Next       string `json:"nextPageToken"`
		Properties []string
	}
	_ = r.JSON(&in) // it is valid
	m := jiraSearch.FindStringSubmatch(in.JQL)
	if m == nil {
		r.Wrong("this search is not played: " + in.JQL)
		Answer(w, http.StatusBadRequest, jiraWrong("Error in the JQL Query."))
		return
	}
	minutes, _ := strconv.Atoi(m[2])
	j.mu.Lock()
	atOnce, late := min(j.atOnce, cmp.Or(in.Most, 50)), j.late
	j.mu.Unlock()
	var issues []map[string]any
	for _, t := range j.base.Tickets() {
		if t.Deleted || late || m[1] != jiraKey || time.Since(t.Made) > time.Duration(minutes)*time.Minute {
			continue
		}
		properties := map[string]any{}
		for _, key := range in.Properties {
			if value := t.Own["property "+key]; value != "" {
				properties[key] = json.RawMessage(value)
			}
		}
		issues = append(issues, map[string]any{"id": t.Own["id"], "key": t.ID, "fields": map[string]any{"created": t.Made.Format(jiraTime)}, "properties": properties})
	}
	from, _ := strconv.Atoi(in.Next)
	to := min(from+atOnce, len(issues))
	answer := map[string]any{"issues": append([]map[string]any{}, issues[min(from, to):to]...), "isLast": to == len(issues)}
	if to < len(issues) {
		answer["nextPageToken"] = strconv.Itoa(to)
	}
	Answer(w, http.StatusOK, answer)
}

// Webhook answers what Jira sends after what happened last to an issue.
func (j *Jira) Webhook(ticket string) *http.Request {
	t, _ := j.base.Ticket(ticket)
	event := map[string]string{Made: "jira:issue_created", Commented: "comment_created", Deleted: "jira:issue_deleted"}
	notice := map[string]any{
		"timestamp": t.Changed.UnixMilli(), "webhookEvent": cmp.Or(event[t.Last.What], "jira:issue_updated"),
		"issue": map[string]any{"id": t.Own["id"], "key": t.ID, "fields": j.fields(t)},
		"user":  map[string]any{"displayName": cmp.Or(t.Last.Author, jiraUs)},
	}
	switch t.Last.What {
	case Moved:
		notice["changelog"] = map[string]any{"items": []map[string]any{{"field": "status", "fromString": jiraStatusOf(t.Last.From).name, "toString": jiraStatusOf(t.Status).name}}}
	case Filed:
		notice["changelog"] = map[string]any{"items": []map[string]any{{"field": "Attachment", "to": t.Last.ID}}}
	case Commented:
		at := slices.IndexFunc(t.Comments, func(c Comment) bool { return c.ID == t.Last.ID })
		notice["comment"] = jiraComment(t.Comments[at], false)
	}
	body, _ := json.Marshal(notice)                                     // nothing of it cannot be written
	r, _ := http.NewRequest(http.MethodPost, "", bytes.NewReader(body)) //nolint:noctx // the caller sends it, with its own
	r.Header.Set("Content-Type", "application/json; charset=UTF-8")
	r.Header.Set("X-Atlassian-Webhook-Identifier", uuid.NewString())
	r.Header.Set("X-Atlassian-Webhook-Flow", "Primary")
	j.sign(r.Header, body)
	return r
}

// sign proves where a webhook comes from: an administrator's by its bytes, an app's by a token.
func (j *Jira) sign(h http.Header, body []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.auth == integration.OAuth2 {
		now := time.Now()
		claims := jwt.RegisteredClaims{Issuer: jiraClient, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(3 * time.Minute))}
		token, _ := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(jiraProof)) // any bytes are a key
		h.Set("Authorization", "Bearer "+token)
		return
	}
	digest := hmac.New(sha256.New, []byte(jiraSecret))
	digest.Write(body)
	h.Set("X-Hub-Signature", "sha256="+hex.EncodeToString(digest.Sum(nil)))
}

// jiraDocument answers a text as a document.
func jiraDocument(text string) string {
	var content []map[string]any
	for line := range strings.SplitSeq(text, "\n") {
		paragraph := map[string]any{"type": "paragraph"}
		if line != "" {
			paragraph["content"] = []map[string]any{{"type": "text", "text": line}}
		}
		content = append(content, paragraph)
	}
	document, _ := json.Marshal(map[string]any{"type": "doc", "version": 1, "content": content}) // nothing of it cannot be written
	return string(document)
}

// jiraText answers the letters of a document, a line for each piece that stands by itself.
func jiraText(document json.RawMessage) string {
	var piece struct {
		Type    string
		Text    string
		Content []json.RawMessage
	}
	_ = json.Unmarshal(document, &piece) // it is valid, or there is none
	if piece.Type == "hardBreak" {
		return "\n"
	}
	between := ""
	if slices.Contains([]string{"doc", "bulletList", "orderedList", "listItem", "blockquote"}, piece.Type) {
		between = "\n"
	}
	inner := make([]string, len(piece.Content))
	for i, content := range piece.Content {
		inner[i] = jiraText(content)
	}
	return piece.Text + strings.Join(inner, between)
}
