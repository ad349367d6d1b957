package vendorfake

import (
	"crypto/rsa"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ticketd/commands"
)

// What the fake GitHub knows of whoever connects.
const (
	githubOwner  = "octo"
	githubRepo   = "help"
	githubRepoID = 1296269
	githubUs     = "octo-bot"
	githubToken  = "github-personal-token"
	githubSecret = "It's a Secret to Everybody"
	githubClient = "github-client"
	githubProof  = "github-client-secret"
)

// githubBase lets the Base be embedded beside the method of its name.
type githubBase = Base

var _ Vendor = (*GitHub)(nil)

// GitHub plays GitHub.
type GitHub struct {
	*githubBase

	pair Pair

	mu            sync.Mutex
	repo          githubSettings
	key           *rsa.PrivateKey // of the app, once one is connected
	installations map[string]bool // tokens that are an app's
	branches      map[string]string
	committed     map[string]File // by their address
	assets        map[string]File
	pulls         map[string]bool // issues that are pull requests
	hooks         []GitHubHook
	hooksHidden   bool
}

// githubSettings is how the repository is set up.
type githubSettings struct{ archived, withoutIssues, readOnly, empty, unlabelled bool }

// NewGitHub plays a GitHub with one repository until it is closed.
func NewGitHub() *GitHub {
	g := &GitHub{
		installations: map[string]bool{}, branches: map[string]string{"main": strings.Repeat("a", 40)},
		committed: map[string]File{}, assets: map[string]File{}, pulls: map[string]bool{},
	}
	const repo, issue = "/repos/{owner}/{repo}", "/repos/{owner}/{repo}/issues/{issue_number}"
	g.githubBase = Start(Options{
		Name: "github", Prefix: `(?:/api/v3)?`, Bare: []string{"/login/", "/user-attachments/"}, Deep: []string{"ref", "path"}, Admit: g.admit, Left: githubLeft, Rotates: true, EndsOld: true,
		Operations: map[string]Handler{
			"GET " + repo:                                             g.known(g.show),
			"GET " + repo + "/issues":                                 g.known(g.list),
			"POST " + repo + "/issues":                                g.known(g.create),
			"GET " + issue:                                            g.known(g.about(g.get)),
			"PATCH " + issue:                                          g.known(g.about(g.edit)),
			"GET " + issue + "/comments":                              g.known(g.about(g.comments)),
			"POST " + issue + "/comments":                             g.known(g.about(g.comment)),
			"GET " + repo + "/git/ref/{ref}":                          g.known(g.ref),
			"POST " + repo + "/git/refs":                              g.known(g.makeRef),
			"PUT " + repo + "/contents/{path}":                        g.known(g.commit),
			"GET " + repo + "/hooks":                                  g.known(g.listHooks),
			"POST " + repo + "/hooks":                                 g.known(g.createHook),
			"POST /user-attachments/assets":                           g.asset,
			"POST /app/installations/{installation_id}/access_tokens": g.mint,
			"POST /login/oauth/access_token":                          g.tokens,
		},
	})
	g.pair = g.Grant()
	return g
}

// Base implements Vendor.
func (g *GitHub) Base() *Base { return g.githubBase }

// Connect implements Vendor: by oauth2, after a person's consent.
func (g *GitHub) Connect() map[string]any {
	return map[string]any{
		"platform": "github", "name": "GitHub", "base_url": g.URL(), "auth_type": "oauth2",
		"credentials": map[string]any{
			"client_id": githubClient, "client_secret": githubProof, "refresh_token": g.pair.Refresh, "webhook_secret": githubSecret,
		},
		"settings": map[string]any{"owner": githubOwner, "repo": githubRepo}, "sync_enabled": true,
	}
}

// ConnectByToken answers the body that connects by a token that a person made.
func (g *GitHub) ConnectByToken() map[string]any {
	g.Fix(githubToken)
	body := g.Connect()
	body["auth_type"] = "bearer"
	body["credentials"] = map[string]any{"token": githubToken, "webhook_secret": githubSecret}
	return body
}

// Account implements Vendor, with an access token.
func (g *GitHub) Account() commands.Account {
	a := g.Opened(g.Connect())
	a.Credentials[commands.AccessToken] = g.pair.Access
	return a
}

// Tickets implements Vendor: what is said there as a person sees it.
func (g *GitHub) Tickets() []Ticket {
	var seen []Ticket
	for _, t := range g.githubBase.Tickets() {
		if g.isPull(t.ID) {
			continue
		}
		t.Description = githubVisible(t.Description)
		for i := range t.Comments {
			t.Comments[i].Text = githubVisible(t.Comments[i].Text)
		}
		for _, label := range t.Labels {
			if strings.HasPrefix(label, "priority: ") {
				t.Priority = label
			}
		}
		seen = append(seen, t)
	}
	return seen
}

// githubVisible answers a text without the comment of HTML that it may begin with, and without what has no width.
func githubVisible(text string) string {
	if strings.HasPrefix(text, "<!--") {
		_, text, _ = strings.Cut(text, "-->")
		text = strings.TrimLeft(text, "\n")
	}
	return strings.ReplaceAll(text, "\u200b", "")
}

// Say implements Vendor.
func (g *GitHub) Say(ticket, author, text string) string {
	id := g.number()
	g.Change(ticket, Happening{What: Commented, ID: id, Author: author}, func(t *Ticket) {
		t.Comments = append(t.Comments, Comment{ID: id, Author: author, Text: text})
	})
	return id
}

// Move implements Vendor.
func (g *GitHub) Move(ticket, status string) {
	t, _ := g.Ticket(ticket)
	g.Change(ticket, Happening{What: Moved, Author: "somebody", From: t.Status}, func(t *Ticket) { t.Status = status })
}

// Open lets a person open an issue there, or a pull request. It answers the number.
func (g *GitHub) Open(title, body string, pull bool) string {
	id := strconv.Itoa(g.Count("issue"))
	g.mu.Lock()
	g.pulls[id] = pull
	g.mu.Unlock()
	g.Add(Ticket{ID: id, Title: title, Description: body, Status: "open"})
	return id
}

// Label lets people there set more labels.
func (g *GitHub) Label(ticket string, labels ...string) {
	g.Change(ticket, Happening{What: Changed, Author: "somebody"}, func(t *Ticket) { t.Labels = append(t.Labels, labels...) })
}

// Archive lets nobody write to the repository any more.
func (g *GitHub) Archive() { g.set(func(s *githubSettings) { s.archived = true }) }

// DropIssues switches the repository's issues off.
func (g *GitHub) DropIssues() { g.set(func(s *githubSettings) { s.withoutIssues = true }) }

// ReadOnly lets whoever connects only read.
func (g *GitHub) ReadOnly() { g.set(func(s *githubSettings) { s.readOnly = true }) }

// Empty has nothing ever been committed.
func (g *GitHub) Empty() { g.set(func(s *githubSettings) { s.empty = true }) }

// Unlabelled leaves labels out without a word.
func (g *GitHub) Unlabelled() { g.set(func(s *githubSettings) { s.unlabelled = true }) }

func (g *GitHub) set(change func(*githubSettings)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change(&g.repo)
}

func (g *GitHub) settings() githubSettings {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.repo
}

// known lets through who asks for the repository that there is.
func (g *GitHub) known(h Handler) Handler {
	return func(w http.ResponseWriter, r *Request) {
		if !strings.EqualFold(r.Params["owner"]+"/"+r.Params["repo"], githubOwner+"/"+githubRepo) {
			githubRefuse(w, http.StatusNotFound, "Not Found")
			return
		}
		if r.Method != http.MethodGet && g.settings().archived {
			githubRefuse(w, http.StatusForbidden, "Repository was archived so is read-only.")
			return
		}
		h(w, r)
	}
}

// about lets through who asks for an issue that there is.
func (g *GitHub) about(h func(w http.ResponseWriter, r *Request, t Ticket)) Handler {
	return func(w http.ResponseWriter, r *Request) {
		switch t, ok := g.Ticket(r.Params["issue_number"]); {
		case !ok:
			githubRefuse(w, http.StatusNotFound, "Not Found")
		case t.Deleted:
			githubRefuse(w, http.StatusGone, "This issue was deleted")
		default:
			h(w, r, t)
		}
	}
}

func githubRefuse(w http.ResponseWriter, status int, message string, details ...any) {
	body := map[string]any{"message": message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(status)}
	if len(details) > 0 {
		body["errors"] = details
	}
	Answer(w, status, body)
}

// githubLeft writes GitHub's headers of its primary limit.
func githubLeft(h http.Header, l Left) (int, string) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(l.Most))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(l.Rest))
	h.Set("X-RateLimit-Used", strconv.Itoa(l.Most-l.Rest))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(l.Reset.Add(time.Second-1).Unix(), 10))
	h.Set("X-RateLimit-Resource", "core")
	return http.StatusForbidden, `{"message":"API rate limit exceeded for user ID 1.","documentation_url":"https://docs.github.com/rest/overview/resources-in-the-rest-api#rate-limiting"}`
}

func (g *GitHub) show(w http.ResponseWriter, r *Request) {
	s := g.settings()
	Answer(w, http.StatusOK, map[string]any{
		"id": githubRepoID, "name": githubRepo, "full_name": githubOwner + "/" + githubRepo, "private": true, "default_branch": "main",
		"html_url": "https://github.com/" + githubOwner + "/" + githubRepo, "has_issues": !s.withoutIssues, "archived": s.archived,
		// of an app they say nothing
		"permissions": map[string]bool{"pull": true, "push": !s.readOnly && !g.isApp(r)},
	})
}

// githubIssue is what may be said of an issue.
type githubIssue struct {
	Title  *string   `json:"title"`
	Body   *string   `json:"body"`
	Labels *[]string `json:"labels"`
	State  string    `json:"state"`
	Reason string    `json:"state_reason"`
}

func (g *GitHub) create(w http.ResponseWriter, r *Request) {
	var said githubIssue
	_ = r.JSON(&said) // valid by the description
	if g.settings().withoutIssues {
		githubRefuse(w, http.StatusGone, "Issues has been disabled in this repository.")
		return
	}
	id := strconv.Itoa(g.Count("issue"))
	g.Add(Ticket{ID: id, Status: "open"})
	g.Change(id, Happening{What: Made}, func(t *Ticket) { g.apply(t, said) })
	t, _ := g.Ticket(id)
	w.Header().Set("Location", g.URL()+"/repos/"+githubOwner+"/"+githubRepo+"/issues/"+id)
	Answer(w, http.StatusCreated, g.issue(t))
}

func (g *GitHub) get(w http.ResponseWriter, _ *Request, t Ticket) {
	Answer(w, http.StatusOK, g.issue(t))
}

func (g *GitHub) edit(w http.ResponseWriter, r *Request, t Ticket) {
	var said githubIssue
	_ = r.JSON(&said) // valid by the description
	h := Happening{What: Changed}
	if said.State != "" {
		h = Happening{What: Moved, From: t.Status}
	}
	if said.Title != nil && len([]rune(*said.Title)) > 256 {
		githubRefuse(w, http.StatusUnprocessableEntity, "Validation Failed", map[string]any{"resource": "Issue", "field": "title", "code": "custom", "message": "title is too long (maximum is 256 characters)"})
		return
	}
	g.Change(t.ID, h, func(t *Ticket) { g.apply(t, said) })
	t, _ = g.Ticket(t.ID)
	Answer(w, http.StatusOK, g.issue(t))
}

func (g *GitHub) apply(t *Ticket, said githubIssue) {
	if said.Title != nil {
		t.Title = *said.Title
	}
	if said.Body != nil {
		t.Description = *said.Body
	}
	if said.Labels != nil && !g.settings().unlabelled {
		t.Labels = slices.Clone(*said.Labels)
	}
	switch said.State {
	case "open":
		t.Status = "open"
	case "closed":
		t.Status = said.Reason
	}
}

func (g *GitHub) list(w http.ResponseWriter, r *Request) {
	if g.settings().withoutIssues {
		githubRefuse(w, http.StatusGone, "Issues has been disabled in this repository.")
		return
	}
	query := r.URL.Query()
	since, _ := time.Parse(time.RFC3339, query.Get("since"))
	state := query.Get("state")
	found := []any{}
	for _, t := range slices.Backward(g.githubBase.Tickets()) {
		wanted := state == "all" || (state == "closed") == (t.Status != "open")
		if !t.Deleted && wanted && !t.Changed.Before(since) {
			found = append(found, g.issue(t))
		}
	}
	githubPage(w, r, found)
}

func (g *GitHub) comments(w http.ResponseWriter, r *Request, t Ticket) {
	since, _ := time.Parse(time.RFC3339, r.URL.Query().Get("since"))
	found := []any{}
	for _, c := range t.Comments {
		if !c.At.Before(since) {
			found = append(found, githubComment(t, c))
		}
	}
	githubPage(w, r, found)
}

// githubPage answers one page, and where the next one is.
func githubPage(w http.ResponseWriter, r *Request, all []any) {
	query := r.URL.Query()
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(query.Get(name)); err == nil && n > 0 {
			return n
		}
		return otherwise
	}
	page, per := number("page", 1), min(number("per_page", 30), 100)
	from, to := min((page-1)*per, len(all)), min(page*per, len(all))
	if to < len(all) {
		query.Set("page", strconv.Itoa(page+1))
		w.Header().Set("Link", fmt.Sprintf(`<https://api.github.com%s?%s>; rel="next"`, r.URL.Path, query.Encode()))
	}
	Answer(w, http.StatusOK, all[from:to])
}

func (g *GitHub) comment(w http.ResponseWriter, r *Request, t Ticket) {
	var said struct {
		Body string `json:"body"`
	}
	_ = r.JSON(&said) // valid by the description
	c := Comment{ID: g.number(), Text: said.Body}
	h := Happening{What: Commented, ID: c.ID}
	files := g.shown(said.Body)
	if len(files) > 0 {
		h.What = Filed
	}
	g.Change(t.ID, h, func(t *Ticket) {
		t.Comments = append(t.Comments, c)
		t.Files = append(t.Files, files...)
	})
	t, _ = g.Ticket(t.ID)
	c = t.Comments[len(t.Comments)-1]
	w.Header().Set("Location", g.URL()+r.URL.Path)
	Answer(w, http.StatusCreated, githubComment(t, c))
}

func (g *GitHub) issue(t Ticket) map[string]any {
	state, reason := "open", any(nil)
	if t.Status != "open" {
		state = "closed"
		if reason = any(t.Status); t.Status == "" {
			reason = nil // as it is of those that were closed long ago
		}
	}
	labels := []any{}
	for _, label := range t.Labels {
		labels = append(labels, map[string]any{"name": label})
	}
	issue := map[string]any{
		"id": 100_000 + githubID(t.ID), "number": githubID(t.ID), "html_url": githubURL(t.ID), "title": t.Title, "body": t.Description, "state": state, "state_reason": reason,
		"labels": labels, "comments": len(t.Comments), "created_at": githubTime(t.Made), "updated_at": githubTime(t.Changed), "user": map[string]any{"login": githubUs, "type": "User"},
	}
	if g.isPull(t.ID) {
		issue["pull_request"] = map[string]any{"url": githubURL(t.ID)}
	}
	return issue
}

func (g *GitHub) isPull(id string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.pulls[id]
}

func githubComment(t Ticket, c Comment) map[string]any {
	user := map[string]any{"login": githubUs, "type": "User"}
	switch c.Author {
	case "":
	case "ghost":
		user = nil // who has left GitHub
	default:
		user["login"] = c.Author
	}
	return map[string]any{
		"id": githubID(c.ID), "html_url": githubURL(t.ID) + "#issuecomment-" + c.ID, "body": c.Text, "user": user,
		"created_at": githubTime(c.At), "updated_at": githubTime(c.At),
	}
}

func (g *GitHub) number() string { return strconv.Itoa(3_000_000_000 + g.Count("number")) }

func githubURL(id string) string {
	return "https://github.com/" + githubOwner + "/" + githubRepo + "/issues/" + id
}

func githubID(id string) int64 {
	number, _ := strconv.ParseInt(id, 10, 64)
	return number
}

func githubTime(at time.Time) string { return at.UTC().Format(time.RFC3339) }
