package vendorfake

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// jiraAsked asks a fake Jira, and answers the status and body.
func jiraAsked(t *testing.T, j *Jira, method, path, body string) (int, string) {
	t.Helper()
	kind := ""
	if body != "" {
		kind = "application/json"
	}
	proof := "Basic " + base64.StdEncoding.EncodeToString([]byte(jiraEmail+":"+jiraToken))
	answer, said := ask(t, method, j.Base().URL()+path, kind, body, "Authorization", proof)
	return answer.StatusCode, said
}

func newJira(t *testing.T) *Jira {
	t.Helper()
	j := NewJira()
	t.Cleanup(j.Base().Close)
	return j
}

func jiraMade(t *testing.T, j *Jira) string {
	t.Helper()
	status, said := jiraAsked(t, j, "POST", "/rest/api/3/issue", `{"fields":{"project":{"key":"SUP"},"issuetype":{"name":"Bug"},"summary":"Printer","priority":{"name":"Low"}},"properties":[{"key":"k","value":{"id":"1"}}]}`)
	require.Equal(t, http.StatusCreated, status, said)
	tickets := j.Tickets()
	return tickets[len(tickets)-1].ID
}

func TestAnIssueLivesInTheFakeJira(t *testing.T) {
	t.Parallel()
	j := newJira(t)
	key := jiraMade(t, j)
	require.Equal(t, "SUP-1", key)
	for _, name := range []string{"SUP-1", "10001"} {
		status, said := jiraAsked(t, j, "GET", "/rest/api/3/issue/"+name+"?expand=transitions", "")
		require.Equal(t, 200, status)
		require.Contains(t, said, `"key":"SUP-1"`)
		require.Contains(t, said, `"statusCategory":{"key":"done"}`)
	}
	status, _ := jiraAsked(t, j, "POST", "/rest/api/3/issue/SUP-1/transitions", `{"transition":{"id":"13"}}`)
	require.Equal(t, 204, status)
	require.Equal(t, "done", j.Tickets()[0].Status)
	status, _ = jiraAsked(t, j, "POST", "/rest/api/3/issue/SUP-1/comment", `{"body":`+jiraDocument("Hello\n\nyou")+`,"properties":[{"key":"k","value":1}]}`)
	require.Equal(t, 201, status)
	id := j.Say(key, "Grace", "Hi")
	j.SayRich(key, "Grace", jiraDocument("secret"), true)
	_, said := jiraAsked(t, j, "GET", "/rest/api/3/issue/SUP-1/comment?startAt=1&maxResults=1&expand=properties", "")
	require.Contains(t, said, `"id":"`+id+`"`)
	require.Contains(t, said, `"total":3`)
	_, said = jiraAsked(t, j, "GET", "/rest/api/3/issue/SUP-1/comment?expand=properties", "")
	require.Contains(t, said, `"properties":[{"key":"k","value":1}]`)
	require.Equal(t, "Hello\n\nyou", j.Tickets()[0].Comments[0].Text)
	status, _ = jiraAsked(t, j, "PUT", "/rest/api/3/issue/SUP-1", `{"fields":{"summary":"Out","labels":["a"]},"update":{"labels":[{"add":"a"},{"add":"b"}]}}`)
	require.Equal(t, 204, status)
	require.Equal(t, []string{"a", "b"}, j.Tickets()[0].Labels)
	status, said = jiraAsked(t, j, "POST", "/rest/api/3/search/jql", `{"jql":"project = \"SUP\" AND creator = currentUser() AND created >= \"-1m\" ORDER BY created ASC","properties":["k"]}`)
	require.Equal(t, 200, status)
	require.Contains(t, said, `"properties":{"k":{"id":"1"}}`)
	require.Empty(t, j.Base().Invalid())
}

func TestTheFakeJiraRefusesWhatJiraRefuses(t *testing.T) {
	t.Parallel()
	j := newJira(t)
	jiraMade(t, j)
	long := jiraDocument(strings.Repeat("x", jiraTextMost+1))
	for _, c := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"POST", "/rest/api/3/issue", `{"fields":{"project":{"key":"NO"},"issuetype":{"name":"Epic"},"summary":"S"}}`, 400, `"issuetype":"Specify a valid issue type","project"`},
		{"POST", "/rest/api/3/issue", `{"fields":{"project":{"key":"SUP"},"issuetype":{"name":"Task"},"summary":"S","description":` + long + `}}`, 400, "too long"},
		{"PUT", "/rest/api/3/issue/SUP-1", `{"fields":{"priority":{"name":"Odd"}}}`, 400, "The priority selected is invalid."},
		{"PUT", "/rest/api/3/issue/SUP-2", `{"fields":{}}`, 404, "does not exist"},
		{"POST", "/rest/api/3/issue/SUP-1/comment", `{"body":` + long + `}`, 400, "too long"},
		{"POST", "/rest/api/3/issue/SUP-2/comment", `{"body":` + jiraDocument("x") + `}`, 404, "does not exist"},
		{"GET", "/rest/api/3/issue/SUP-2/comment", "", 404, "does not exist"},
		{"GET", "/rest/api/3/issue/10009", "", 404, "does not exist"},
		{"POST", "/rest/api/3/issue/SUP-1/transitions", `{"transition":{"id":"11"}}`, 400, "workflow operation"},
		{"POST", "/rest/api/3/issue/SUP-2/transitions", `{"transition":{"id":"11"}}`, 404, "does not exist"},
		{"GET", "/rest/api/3/issue/createmeta/NO/issuetypes", "", 404, "No project could be found"},
	} {
		status, said := jiraAsked(t, j, c.method, c.path, c.body)
		require.Equal(t, c.status, status, "%s %s", c.method, c.path)
		require.Contains(t, said, c.says)
	}
	require.Empty(t, j.Base().Invalid())
	status, _ := jiraAsked(t, j, "POST", "/rest/api/3/search/jql", `{"jql":"text ~ x"}`)
	require.Equal(t, 400, status)
	require.Len(t, j.Base().Invalid(), 1)
}

func TestTheFakeJiraTakesFiles(t *testing.T) {
	t.Parallel()
	j := newJira(t)
	jiraMade(t, j)
	proof := []string{"X-Atlassian-Token", "no-check", "Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(jiraEmail+":"+jiraToken))}
	body, kind := parts(t, "file", "text/plain", "a", "file", "text/plain", "bb")
	answer, _ := ask(t, "POST", j.Base().URL()+"/rest/api/3/issue/SUP-1/attachments", kind, body, proof...)
	require.Equal(t, 200, answer.StatusCode)
	require.Len(t, j.Tickets()[0].Files, 2)
	require.Equal(t, Filed, j.Tickets()[0].Last.What)
	require.Contains(t, readAll(t, j.Webhook("SUP-1")), `"field":"Attachment"`)
	j.UploadMost(1)
	answer, _ = ask(t, "POST", j.Base().URL()+"/rest/api/3/issue/SUP-1/attachments", kind, body, proof...)
	require.Equal(t, 413, answer.StatusCode)
	answer, _ = ask(t, "POST", j.Base().URL()+"/rest/api/3/issue/SUP-2/attachments", kind, body, proof...)
	require.Equal(t, 404, answer.StatusCode)
	require.Empty(t, j.Base().Invalid())
	body, kind = parts(t, "document", "text/plain", "a")
	answer, _ = ask(t, "POST", j.Base().URL()+"/rest/api/3/issue/SUP-1/attachments", kind, body, proof...)
	require.Equal(t, 400, answer.StatusCode)
	_, said := jiraAsked(t, j, "GET", "/rest/api/3/attachment/meta", "")
	require.JSONEq(t, `{"enabled":true,"uploadLimit":1}`, said)
}

func TestTheFakeJiraGivesTokensToWhoHasTheSecret(t *testing.T) {
	t.Parallel()
	j := newJira(t).OAuth()
	token := func(grant, secret string) int {
		answer, _ := ask(t, "POST", j.Base().URL()+"/oauth/token", "application/json", fmt.Sprintf(`{"client_id":%q,"client_secret":%q,%s}`, jiraClient, secret, grant))
		return answer.StatusCode
	}
	refresh := `"grant_type":"refresh_token","refresh_token":"` + j.pair.Refresh + `"`
	require.Equal(t, 401, token(refresh, "other"))
	require.Equal(t, 200, token(refresh, jiraProof))
	require.Equal(t, 403, token(refresh, jiraProof), "it is spent")
	require.Equal(t, 403, token(`"grant_type":"password"`, jiraProof))
	require.Equal(t, 403, token(`"grant_type":"authorization_code","code":"`+j.Base().Consent("")+`"`, jiraProof), "without the address to go back to")
	code := j.Base().Consent("")
	require.Equal(t, 200, token(`"grant_type":"authorization_code","redirect_uri":"https://a.example","code":"`+code+`"`, jiraProof))

	pair := j.Base().Grant()
	for path, status := range map[string]int{
		"/oauth/token/accessible-resources": 200, "/ex/jira/" + jiraCloud + "/rest/api/3/myself": 200, "/ex/jira/other/rest/api/3/myself": 404, "/rest/api/3/myself": 404,
	} {
		answer, _ := ask(t, "GET", j.Base().URL()+path, "", "", "Authorization", "Bearer "+pair.Access)
		require.Equal(t, status, answer.StatusCode, path)
	}
	answer, _ := ask(t, "GET", j.Base().URL()+"/rest/api/3/myself", "", "", "Authorization", "Bearer other")
	require.Equal(t, 401, answer.StatusCode)
	answer, _ = ask(t, "GET", j.Base().URL()+"/rest/api/3/myself", "", "", "Authorization", "Basic other")
	require.Equal(t, 401, answer.StatusCode)
	require.Equal(t, "AUTHENTICATED_FAILED", answer.Header.Get("X-Seraph-LoginReason"))
	j.base.Add(Ticket{ID: "SUP-1", Own: map[string]string{"id": "10001"}})
	hook := j.Webhook("SUP-1")
	require.True(t, strings.HasPrefix(hook.Header.Get("Authorization"), "Bearer ey"))
	require.Empty(t, hook.Header.Get("X-Hub-Signature"), "an app's webhooks have a token instead")
	a := j.Account()
	require.Equal(t, jiraCloud, a.Credentials["cloud_id"])
	require.NotContains(t, j.Connect()["credentials"], "access_token", "no person gives that")
}

func TestTheFakeJirasProjectMayBeNarrow(t *testing.T) {
	t.Parallel()
	j := newJira(t)
	jiraMade(t, j)
	j.Require("Cost centre")
	_, said := jiraAsked(t, j, "GET", "/rest/api/3/issue/createmeta/SUP/issuetypes", "")
	require.Contains(t, said, `"name":"Bug"`)
	_, said = jiraAsked(t, j, "GET", "/rest/api/3/issue/createmeta/SUP/issuetypes/10001", "")
	require.Contains(t, said, `"name":"Cost centre"`)
	j.Shut()
	_, said = jiraAsked(t, j, "GET", "/rest/api/3/issue/SUP-1?expand=transitions", "")
	require.NotContains(t, said, `"name":"To Do"}`)
	j.Hide("labels")
	status, said := jiraAsked(t, j, "PUT", "/rest/api/3/issue/SUP-1", `{"fields":{"labels":["a"]}}`)
	require.Equal(t, 400, status)
	require.Contains(t, said, "It is not on the appropriate screen")
	j.Move("SUP-1", "done")
	require.Contains(t, readAll(t, j.Webhook("SUP-1")), `"toString":"Done"`)
	j.Say("SUP-1", "Grace", "Hi")
	require.Contains(t, readAll(t, j.Webhook("SUP-1")), `"webhookEvent":"comment_created"`)
	j.Late(true)
	j.Page(1)
	const search = `{"jql":"project = \"SUP\" AND creator = currentUser() AND created >= \"-1m\" ORDER BY created ASC"}`
	_, said = jiraAsked(t, j, "POST", "/rest/api/3/search/jql", search)
	require.JSONEq(t, `{"isLast":true,"issues":[]}`, said)
	j.Late(false)
	jiraMade(t, j)
	_, said = jiraAsked(t, j, "POST", "/rest/api/3/search/jql", search)
	require.Contains(t, said, `"nextPageToken":"1"`)
}

func TestTheFakeJirasLimitSaysWhenToComeAgain(t *testing.T) {
	t.Parallel()
	j := newJira(t)
	j.Base().Limit(1, 1<<40)
	status, _ := jiraAsked(t, j, "GET", "/rest/api/3/myself", "")
	require.Equal(t, 200, status)
	answer, _ := ask(t, "GET", j.Base().URL()+"/rest/api/3/myself", "", "")
	require.Equal(t, 429, answer.StatusCode)
	require.NotEmpty(t, answer.Header.Get("Retry-After"))
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\dZ$`, answer.Header.Get("X-RateLimit-Reset"))
}

func readAll(t *testing.T, r *http.Request) string {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(body)
}
