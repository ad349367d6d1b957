package vendorfake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"ticketd/domain/integration"
)

func start(t *testing.T, o Options) *Base {
	t.Helper()
	b := Start(o)
	t.Cleanup(b.Close)
	return b
}

// answered is what came back, the zero value when nothing did.
type answered struct {
	StatusCode int
	Header     http.Header
}

// ask sends a request and answers its status and body. A transport of its own sends nothing twice.
func ask(t *testing.T, method, url, kind, body string, header ...string) (answered, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return answered{}, err.Error()
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answered{StatusCode: answer.StatusCode, Header: answer.Header}, string(read)
}

func ok(w http.ResponseWriter, r *Request) {
	Answer(w, http.StatusOK, map[string]any{"said": string(r.Data)})
}

const createIssue = "POST /rest/api/3/issue"

func jiraWith(t *testing.T, o Options) *Base {
	t.Helper()
	o.Name, o.Prefix, o.Bare = "jira", `(?:/ex/jira/(?P<cloud>[^/]+))?`, []string{"/oauth/"}
	if o.Operations == nil {
		o.Operations = map[string]Handler{createIssue: ok, "GET /rest/api/3/myself": ok, "GET /rest/api/3/issue/{issueIdOrKey}": func(w http.ResponseWriter, r *Request) {
			Answer(w, http.StatusOK, r.Params)
		}}
	}
	return start(t, o)
}

const anIssue = `{"fields":{"project":{"key":"K"},"issuetype":{"name":"Task"},"summary":"Printer"}}`

func TestEveryDescriptionLoadsAndIsValid(t *testing.T) {
	t.Parallel()
	for _, p := range integration.Platforms {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			doc, err := describe(string(p))
			require.NoError(t, err)
			require.NoError(t, doc.Validate(t.Context(), openapi3.DisableExamplesValidation()))
			require.NotZero(t, doc.Paths.Len())
		})
	}
}

func TestDescriptionsHoldNoProse(t *testing.T) {
	t.Parallel()
	for _, p := range integration.Platforms {
		doc, err := describe(string(p))
		require.NoError(t, err)
		for path, item := range doc.Paths.Map() {
			for method, operation := range item.Operations() {
				require.Empty(t, operation.Description+operation.Summary, "%s %s %s", p, method, path)
			}
		}
		for name, schema := range doc.Components.Schemas {
			require.Empty(t, schema.Value.Description, "%s %s", p, name)
		}
	}
}

func TestAVendorWithoutADescriptionOrWithOperationsItLacksDoesNotStart(t *testing.T) {
	t.Parallel()
	require.PanicsWithValue(t, "the description of nobody: open specs/nobody.json: file does not exist", func() { Start(Options{Name: "nobody"}) })
	require.PanicsWithValue(t, "the description of jira has no operation GET /nothing", func() {
		Start(Options{Name: "jira", Operations: map[string]Handler{"GET /nothing": ok}})
	})
}

func TestAValidRequestIsPlayedAndRemembered(t *testing.T) {
	t.Parallel()
	b := jiraWith(t, Options{})
	answer, body := ask(t, "POST", b.URL()+"/rest/api/3/issue", "application/json; charset=utf-8", anIssue)
	require.Equal(t, 200, answer.StatusCode, body)
	require.Contains(t, body, "Printer")
	require.Empty(t, b.Invalid())
	seen := b.Requests()
	require.Len(t, seen, 1)
	require.Equal(t, Seen{Method: "POST", Path: "/rest/api/3/issue", Operation: createIssue, Status: 200, At: seen[0].At}, seen[0])
	require.WithinDuration(t, time.Now(), seen[0].At, time.Minute)
}

func TestParametersComeFromThePathAndItsPrefix(t *testing.T) {
	t.Parallel()
	b := jiraWith(t, Options{})
	_, body := ask(t, "GET", b.URL()+"/ex/jira/c%2F1/rest/api/3/issue/K-1", "", "")
	require.JSONEq(t, `{"cloud":"c/1","issueIdOrKey":"K-1"}`, body)
	_, body = ask(t, "GET", b.URL()+"/rest/api/3/issue/K-1", "", "")
	require.JSONEq(t, `{"cloud":"","issueIdOrKey":"K-1"}`, body)
}

func TestADeepParameterHoldsSlashes(t *testing.T) {
	t.Parallel()
	tell := func(w http.ResponseWriter, r *Request) { Answer(w, http.StatusOK, r.Params["path"]) }
	const contents = "GET /repos/{owner}/{repo}/contents/{path}"
	b := start(t, Options{Name: "github", Deep: []string{"path"}, Operations: map[string]Handler{contents: tell}})
	_, body := ask(t, "GET", b.URL()+"/repos/o/r/contents/a/b%20c.txt", "", "")
	require.JSONEq(t, `"a/b c.txt"`, body)
}

func TestWhatIsNotValidIsRefusedAndRemembered(t *testing.T) {
	t.Parallel()
	const jsonType = "application/json"
	for name, c := range map[string]struct{ method, path, kind, body, reason string }{
		"an operation that there is not": {"DELETE", "/rest/api/3/issue", "", "", "there is no such operation"},
		"a prefix where there is none":   {"POST", "/ex/jira/1/oauth/token", jsonType, `{}`, "there is no such operation"},
		"no body":                        {"POST", "/rest/api/3/issue", jsonType, "", "it needs a body"},
		"another type":                   {"POST", "/rest/api/3/issue", "text/plain", anIssue, `it takes no body of the type "text/plain"`},
		"no type":                        {"POST", "/rest/api/3/issue", "", anIssue, `it takes no body of the type ""`},
		"a form":                         {"POST", "/rest/api/3/issue", "application/x-www-form-urlencoded", "a=b", "it takes no body of the type"},
		"no JSON":                        {"POST", "/rest/api/3/issue", jsonType, "{", "the body is no JSON"},
		"a field that misses":            {"POST", "/rest/api/3/issue", jsonType, `{"fields":{"project":{"key":"K"},"issuetype":{"name":"Task"}}}`, `property "summary" is missing`},
		"a description that is text":     {"POST", "/rest/api/3/issue", jsonType, `{"fields":{"description":"text","project":{"key":"K"},"issuetype":{"name":"Task"},"summary":"S"}}`, "at /fields/description"},
		"a query parameter too many":     {"GET", "/rest/api/3/myself?expandd=x", "", "", "there is no query parameter expandd"},
		"a query parameter not so":       {"GET", "/rest/api/3/issue/K-1/comment?orderBy=name", "", "", `parameter "orderBy" in query: value is not one of`},
		"a body where there is none":     {"GET", "/rest/api/3/myself", jsonType, "{}", "it takes no body"},
		"a header that misses":           {"POST", "/rest/api/3/issue/K-1/attachments", "multipart/form-data; boundary=x", "--x--", `parameter "X-Atlassian-Token" in header has an error`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := jiraWith(t, Options{})
			answer, body := ask(t, c.method, b.URL()+c.path, c.kind, c.body)
			require.Equal(t, 400, answer.StatusCode, body)
			require.Contains(t, body, strings.ReplaceAll(c.reason, `"`, `\"`))
			require.Len(t, b.Invalid(), 1)
			require.Contains(t, b.Invalid()[0], c.reason)
			require.True(t, strings.HasPrefix(b.Invalid()[0], c.method+" "+c.path), b.Invalid()[0])
		})
	}
}

func TestQueryParametersOfTheVendorAreTaken(t *testing.T) {
	t.Parallel()
	b := jiraWith(t, Options{Query: []string{"trace"}})
	answer, body := ask(t, "GET", b.URL()+"/rest/api/3/myself?trace=1", "", "")
	require.Equal(t, 200, answer.StatusCode, body)
}

func TestAnOperationThatIsNotPlayedSaysSo(t *testing.T) {
	t.Parallel()
	b := jiraWith(t, Options{})
	answer, _ := ask(t, "GET", b.URL()+"/rest/api/3/serverInfo", "", "")
	require.Equal(t, 501, answer.StatusCode)
	require.Equal(t, []string{"GET /rest/api/3/serverInfo: it is not played"}, b.Invalid())
}

func TestAVendorMayFindARequestWrongThatTheDescriptionLetsPass(t *testing.T) {
	t.Parallel()
	b := jiraWith(t, Options{Operations: map[string]Handler{"GET /rest/api/3/myself": func(w http.ResponseWriter, r *Request) {
		r.Wrong("no User-Agent")
		Answer(w, http.StatusNoContent, nil)
	}}})
	answer, body := ask(t, "GET", b.URL()+"/rest/api/3/myself", "", "")
	require.Equal(t, 204, answer.StatusCode)
	require.Empty(t, body)
	require.Equal(t, []string{"GET /rest/api/3/myself: no User-Agent"}, b.Invalid())
}

func TestWhoAsksIsLookedAtWhereItMatters(t *testing.T) {
	t.Parallel()
	b := jiraWith(t, Options{
		Operations: map[string]Handler{"POST /oauth/token": ok, "GET /rest/api/3/myself": ok},
		Admit: func(w http.ResponseWriter, r *Request) bool {
			if r.Header.Get("Authorization") != "" {
				return true
			}
			Answer(w, http.StatusUnauthorized, nil)
			return false
		},
	})
	answer, _ := ask(t, "GET", b.URL()+"/rest/api/3/myself", "", "")
	require.Equal(t, 401, answer.StatusCode)
	answer, _ = ask(t, "GET", b.URL()+"/rest/api/3/myself", "", "", "Authorization", "Bearer x")
	require.Equal(t, 200, answer.StatusCode)
	answer, _ = ask(t, "POST", b.URL()+"/oauth/token", "application/json", `{"grant_type":"refresh_token","client_id":"a","client_secret":"b"}`)
	require.Equal(t, 200, answer.StatusCode)
	require.Empty(t, b.Invalid(), "a stranger's request is no invalid one")
}

func TestFormsAreValidated(t *testing.T) {
	t.Parallel()
	const ask1 = "POST /files.getUploadURLExternal"
	b := start(t, Options{Name: "slack", Prefix: "/api", Bare: []string{"/upload/"}, Operations: map[string]Handler{ask1: func(w http.ResponseWriter, r *Request) {
		Answer(w, http.StatusOK, r.FormValue("filename"))
	}}})
	const form = "application/x-www-form-urlencoded"
	_, body := ask(t, "POST", b.URL()+"/api/files.getUploadURLExternal", form, "filename=a.txt&length=3")
	require.JSONEq(t, `"a.txt"`, body)
	require.Empty(t, b.Invalid())
	answer, _ := ask(t, "POST", b.URL()+"/api/files.getUploadURLExternal", form, "filename=a.txt")
	require.Equal(t, 400, answer.StatusCode)
	require.Len(t, b.Invalid(), 1)
}

func TestARawBodyStreams(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Name: "zendesk", Operations: map[string]Handler{"POST /api/v2/uploads": func(w http.ResponseWriter, r *Request) {
		file, err := Read("1", r.URL.Query().Get("filename"), r.Body)
		if err == nil {
			Answer(w, http.StatusCreated, file)
		}
	}}})
	bytes := strings.Repeat("x", 3<<20)
	sum := sha256.Sum256([]byte(bytes))
	// JSON is bytes like any others where the description takes everything
	for _, kind := range []string{"image/png", "application/json"} {
		answer, body := ask(t, "POST", b.URL()+"/api/v2/uploads?filename=a.png", kind, bytes)
		require.Equal(t, 201, answer.StatusCode, body)
		require.Contains(t, body, hex.EncodeToString(sum[:]))
	}
	answer, _ := ask(t, "POST", b.URL()+"/api/v2/uploads?filename=a.png", "", bytes)
	require.Equal(t, 400, answer.StatusCode)
	require.Len(t, b.Invalid(), 1)
}

// parts answers a multipart body of name, type, content, and its own type.
func parts(t *testing.T, fields ...string) (string, string) {
	t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for i := 0; i < len(fields); i += 3 {
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="` + fields[i] + `"; filename="f"`}, "Content-Type": {fields[i+1]}})
		require.NoError(t, err)
		_, err = io.WriteString(part, fields[i+2])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return body.String(), w.FormDataContentType()
}

func TestPartsAreHeldAgainstTheDescriptionAsTheyCome(t *testing.T) {
	t.Parallel()
	saw := make(chan []string, 10)
	b := start(t, Options{Name: "salesforce", Operations: map[string]Handler{"POST /services/data/{version}/sobjects/ContentVersion": func(w http.ResponseWriter, r *Request) {
		var came []string
		if err := r.Parts(func(p Part) error {
			rest, err := io.ReadAll(p.Body)
			came = append(came, p.Name, string(p.Data)+string(rest))
			return err
		}); err != nil {
			Answer(w, http.StatusBadRequest, err.Error())
			return
		}
		saw <- came
		Answer(w, http.StatusCreated, nil)
	}}})
	const entity = `{"Title":"A","PathOnClient":"a.txt"}`
	for name, c := range map[string]struct {
		fields []string
		reason string
	}{
		"as it should be":      {[]string{"entity_content", "application/json", entity, "VersionData", "text/plain", "bytes"}, ""},
		"a piece is no JSON":   {[]string{"entity_content", "text/plain", entity}, "the part entity_content is no application/json"},
		"a piece lacks a name": {[]string{"entity_content", "application/json", `{"Title":"A"}`}, `property "PathOnClient" is missing`},
		"a piece is missing":   {[]string{"entity_content", "application/json", entity}, "there is no part VersionData"},
	} {
		body, kind := parts(t, c.fields...)
		answer, said := ask(t, "POST", b.URL()+"/services/data/v62.0/sobjects/ContentVersion", kind, body)
		if c.reason == "" {
			require.Equal(t, 201, answer.StatusCode, "%s: %s", name, said)
			require.Equal(t, []string{"entity_content", entity, "VersionData", "bytes"}, <-saw)
			continue
		}
		require.Equal(t, 400, answer.StatusCode, name)
		require.Contains(t, b.Invalid()[len(b.Invalid())-1], c.reason, name)
	}
	for _, c := range []struct{ kind, body, reason string }{
		{"multipart/form-data", "x", "the body has no boundary"},
		{"multipart/form-data; boundary=x", "--x\r\nno header", "the body: "},
	} {
		_, _ = ask(t, "POST", b.URL()+"/services/data/v62.0/sobjects/ContentVersion", c.kind, c.body)
		require.Contains(t, b.Invalid()[len(b.Invalid())-1], c.reason)
	}
}

func TestAPartThatTheDescriptionLacksIsRefused(t *testing.T) {
	t.Parallel()
	const attach = "POST /rest/api/3/issue/{issueIdOrKey}/attachments"
	b := jiraWith(t, Options{Operations: map[string]Handler{attach: func(w http.ResponseWriter, r *Request) {
		if err := r.Parts(func(p Part) error { _, err := io.Copy(io.Discard, p.Body); return err }); err != nil {
			Answer(w, http.StatusBadRequest, err.Error())
		}
	}}})
	body, kind := parts(t, "document", "text/plain", "x")
	answer, _ := ask(t, "POST", b.URL()+"/rest/api/3/issue/K-1/attachments", kind, body, "X-Atlassian-Token", "no-check")
	require.Equal(t, 400, answer.StatusCode)
	require.Contains(t, b.Invalid()[0], "there is no part document")
}

func TestWhatIsPlannedGoesWrongAndThenNoMore(t *testing.T) {
	t.Parallel()
	const myself = "/rest/api/3/myself"
	var did atomic.Int32
	b := jiraWith(t, Options{Operations: map[string]Handler{"GET /rest/api/3/myself": func(w http.ResponseWriter, _ *Request) {
		did.Add(1)
		Answer(w, http.StatusAccepted, "done")
	}}})
	get := func() (answered, string) { return ask(t, "GET", b.URL()+myself, "", "") }

	b.Next("GET "+myself, Fault{Times: 2, Status: 503, Header: map[string]string{"Retry-After": "7"}, Body: `{"why":"busy"}`})
	b.Next("GET /rest/*", Fault{Garbage: true})
	b.Next("", Fault{DropAfter: true})
	b.Next("", Fault{DropBefore: true})
	for range 2 {
		answer, body := get()
		require.Equal(t, 503, answer.StatusCode)
		require.Equal(t, "7", answer.Header.Get("Retry-After"))
		require.JSONEq(t, `{"why":"busy"}`, body)
	}
	require.Zero(t, did.Load())
	answer, body := get()
	require.Equal(t, 202, answer.StatusCode)
	require.Equal(t, `{"id": "`, body)
	require.EqualValues(t, 1, did.Load())
	answer, body = get()
	require.Zero(t, answer)
	require.Contains(t, body, "EOF")
	require.EqualValues(t, 2, did.Load(), "dropped after the work")
	answer, _ = get()
	require.Zero(t, answer)
	require.EqualValues(t, 2, did.Load(), "dropped before the work")
	answer, _ = get()
	require.Equal(t, 202, answer.StatusCode)

	b.Next("POST /elsewhere", Fault{Status: 500})
	b.Next("", Fault{Status: 500})
	b.Heal()
	answer, _ = get()
	require.Equal(t, 202, answer.StatusCode)
}

func TestASilentVendorSaysNothingUntilTheCallerGivesUp(t *testing.T) {
	t.Parallel()
	b := jiraWith(t, Options{})
	b.Next("", Fault{Silence: true, Times: 2})
	post := func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.URL()+"/rest/api/3/issue", strings.NewReader(anIssue))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(req)
		if err == nil {
			answer.Body.Close()
		}
		return err
	}
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { gone <- post(ctx) }()
	require.Eventually(t, func() bool { return len(b.Requests()) == 1 }, 3*time.Second, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-gone, context.Canceled)

	go func() { gone <- post(t.Context()) }()
	require.Eventually(t, func() bool { return len(b.Requests()) == 2 }, 3*time.Second, time.Millisecond)
	b.Close()
	require.Error(t, <-gone)
}

func TestALimitRefusesInTheVendorsOwnWords(t *testing.T) {
	t.Parallel()
	var told atomic.Pointer[Left]
	b := jiraWith(t, Options{Left: func(h http.Header, l Left) (int, string) {
		told.Store(&l)
		h.Set("X-Left", strings.Repeat("i", l.Rest))
		return 429, `{"slow":true}`
	}})
	get := func() (answered, string) { return ask(t, "GET", b.URL()+"/rest/api/3/myself", "", "") }
	answer, _ := get()
	require.Empty(t, answer.Header["X-Left"], "without a limit")

	b.Limit(2, time.Hour)
	answer, _ = get()
	require.Equal(t, "i", answer.Header.Get("X-Left"))
	answer, _ = get()
	require.Equal(t, 200, answer.StatusCode)
	answer, body := get()
	require.Equal(t, 429, answer.StatusCode)
	require.JSONEq(t, `{"slow":true}`, body)
	require.Equal(t, 1, b.Refused())
	last := *told.Load()
	require.Equal(t, Left{Most: 2, Per: time.Hour, Reset: last.Reset, Now: last.Now, Refused: true}, last)
	require.WithinDuration(t, last.Now.Add(time.Hour), last.Reset, time.Minute)

	b.mu.Lock()
	b.limit.began = b.limit.began.Add(-time.Hour)
	b.mu.Unlock()
	answer, _ = get()
	require.Equal(t, 200, answer.StatusCode, "a new hour")
	b.Limit(0, 0)
	answer, _ = get()
	require.Empty(t, answer.Header["X-Left"])
	require.Equal(t, 1, b.Refused())
}

func TestARefreshTokenIsGoodForOneUse(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Name: "jira", Rotates: true})
	first := b.Grant()
	require.True(t, b.Takes(first.Access))
	second, err := b.Refresh(first.Refresh)
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	require.True(t, b.Takes(first.Access), "the old one stays good")
	require.True(t, b.Takes(second.Access))

	other := b.Grant()
	_, err = b.Refresh(first.Refresh)
	require.ErrorIs(t, err, ErrSpent)
	require.Equal(t, 1, b.SpentTwice())
	require.False(t, b.Takes(first.Access))
	require.False(t, b.Takes(second.Access))
	_, err = b.Refresh(second.Refresh)
	require.ErrorIs(t, err, ErrRevoked, "the family is gone")
	require.True(t, b.Takes(other.Access), "another family is not")
}

func TestRenewingEndsTheOldTokenWhereTheVendorSaysSo(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Name: "zendesk", Rotates: true, EndsOld: true})
	first := b.Grant()
	second, err := b.Refresh(first.Refresh)
	require.NoError(t, err)
	require.False(t, b.Takes(first.Access))
	require.True(t, b.Takes(second.Access))
}

func TestTokensExpireAndAreRevoked(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Name: "salesforce"})
	b.Fix("fixed")
	pair := b.Grant()
	b.ExpireTokens()
	require.False(t, b.Takes(pair.Access))
	require.True(t, b.Takes("fixed"))
	renewed, err := b.Refresh(pair.Refresh)
	require.NoError(t, err)
	require.Equal(t, pair.Refresh, renewed.Refresh, "it does not rotate")
	b.RevokeTokens()
	require.False(t, b.Takes(renewed.Access))
	require.False(t, b.Takes("fixed"))
	_, err = b.Refresh(pair.Refresh)
	require.ErrorIs(t, err, ErrRevoked)
}

func TestACodeIsGoodOnceAndForWhoHasTheVerifier(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Name: "jira"})
	sum := sha256.Sum256([]byte("verifier"))
	challenge := base64.RawURLEncoding.EncodeToString(sum[:])
	code := b.Consent(challenge)
	pair, err := b.Spend(code, "verifier")
	require.NoError(t, err)
	require.True(t, b.Takes(pair.Access))
	_, err = b.Spend(code, "verifier")
	require.ErrorIs(t, err, ErrRevoked)
	_, err = b.Spend(b.Consent(challenge), "another")
	require.ErrorIs(t, err, ErrRevoked)
	_, err = b.Spend(b.Consent(""), "")
	require.NoError(t, err)
}

func TestTicketsAreKeptAndHandedOutAsCopies(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Name: "jira"})
	require.Equal(t, 1, b.Count("ticket"))
	require.Equal(t, 2, b.Count("ticket"))
	require.Equal(t, 1, b.Count("comment"))
	b.Add(Ticket{ID: "1", Title: "A", Labels: []string{"x"}, Own: map[string]string{"k": "v"}})
	b.Add(Ticket{ID: "2"})
	require.True(t, b.Change("1", Happening{What: Commented, ID: "c"}, func(t *Ticket) {
		t.Comments = append(t.Comments, Comment{ID: "c", Own: map[string]string{"k": "v"}})
		t.Files = append(t.Files, File{ID: "f", Own: map[string]string{"k": "v"}})
	}))
	got, found := b.Ticket("1")
	require.True(t, found)
	require.Equal(t, Happening{What: Commented, ID: "c"}, got.Last)
	require.False(t, got.Comments[0].At.IsZero())
	require.False(t, got.Files[0].At.IsZero())
	got.Labels[0], got.Own["k"], got.Comments[0].Own["k"], got.Files[0].Own["k"] = "", "", "", ""
	again, _ := b.Ticket("1")
	require.Equal(t, []string{"x"}, again.Labels)
	require.Equal(t, "v", again.Own["k"])
	require.Equal(t, "v", again.Comments[0].Own["k"])
	require.Equal(t, "v", again.Files[0].Own["k"])

	b.Delete("1")
	require.False(t, b.Change("1", Happening{}, func(*Ticket) {}))
	require.False(t, b.Change("9", Happening{}, func(*Ticket) {}))
	_, found = b.Ticket("9")
	require.False(t, found)
	all := b.Tickets()
	require.Len(t, all, 2)
	require.True(t, all[0].Deleted)
	require.Equal(t, "2", all[1].ID)
}

func TestAnAccountIsOpenedFromWhatConnectsToIt(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Name: "jira"})
	body := map[string]any{
		"platform": "jira", "base_url": b.URL(), "auth_type": "api_key",
		"credentials": map[string]any{"email": "a@b.c"}, "settings": map[string]any{"project_key": "K"},
	}
	a := b.Opened(body)
	require.Equal(t, integration.Jira, a.Platform)
	require.Equal(t, integration.APIKey, a.AuthType)
	require.Equal(t, b.URL(), a.BaseURL)
	require.Equal(t, map[string]string{"email": "a@b.c"}, a.Credentials)
	require.Equal(t, map[string]string{"project_key": "K"}, a.Settings)
	require.Equal(t, "High", a.Mapping.Priority["high"])
	require.Equal(t, a, b.Opened(body))
}
