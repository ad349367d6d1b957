package vendorfake

import (
	"net/http"
	"slices"
	"time"

	"ticketd/domain/integration"
)

const (
	jiraHookLife  = 30 * 24 * time.Hour
	jiraHooksMost = 5
)

// JiraHook is a webhook that an app has registered.
type JiraHook struct {
	ID     int64     `json:"id"`
	URL    string    `json:"url"`
	Filter string    `json:"jqlFilter"`
	Events []string  `json:"events"`
	Ends   time.Time `json:"-"`
}

// Later moves Jira's clock.
func (j *Jira) Later(d time.Duration) { j.set(func() { j.later += d }) }

// Hooks lists the webhooks of the app that have not ended.
func (j *Jira) Hooks() []JiraHook {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.endHooks()
	return slices.Clone(j.hooks)
}

// Hook has the app have another webhook, whoever registered it.
func (j *Jira) Hook(url, filter string) {
	j.set(func() { j.hook(JiraHook{URL: url, Filter: filter, Events: []string{"jira:issue_created"}}) })
}

// endHooks forgets those whose time is over.
func (j *Jira) endHooks() {
	now := time.Now().Add(j.later)
	j.hooks = slices.DeleteFunc(j.hooks, func(h JiraHook) bool { return !h.Ends.After(now) })
}

func (j *Jira) hook(h JiraHook) int64 {
	h.ID, h.Ends = int64(j.base.Count("webhook")), time.Now().Add(j.later+jiraHookLife)
	j.hooks = append(j.hooks, h)
	return h.ID
}

// byApp plays an operation for apps, which act by oauth2.
func (j *Jira) byApp(play Handler) Handler {
	return func(w http.ResponseWriter, r *Request) {
		j.mu.Lock()
		j.endHooks()
		auth := j.auth
		j.mu.Unlock()
		if auth != integration.OAuth2 {
			Answer(w, http.StatusForbidden, jiraWrong("The caller is not a Connect or OAuth 2.0 app."))
			return
		}
		play(w, r)
	}
}

func (j *Jira) listHooks(w http.ResponseWriter, _ *Request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	shown := []map[string]any{}
	for _, h := range j.hooks {
		shown = append(shown, map[string]any{"id": h.ID, "url": h.URL, "jqlFilter": h.Filter, "events": h.Events, "expirationDate": h.Ends.UnixMilli()})
	}
	Answer(w, http.StatusOK, map[string]any{"values": shown, "startAt": 0, "maxResults": 100, "total": len(shown), "isLast": true})
}

// registerHooks makes webhooks, and says of each that cannot be made why.
func (j *Jira) registerHooks(w http.ResponseWriter, r *Request) {
	var asked struct {
		URL      string     `json:"url"`
		Webhooks []JiraHook `json:"webhooks"`
	}
	_ = r.JSON(&asked) // it is valid
	j.mu.Lock()
	defer j.mu.Unlock()
	results := []map[string]any{}
	for _, h := range asked.Webhooks {
		h.URL = asked.URL
		switch {
		case h.Filter != `project = "`+jiraKey+`"`:
			results = append(results, jiraNotMade("The clause "+h.Filter+" is unsupported."))
		case len(j.hooks) >= jiraHooksMost:
			results = append(results, jiraNotMade("The limit of 5 webhooks is reached."))
		case slices.ContainsFunc(j.hooks, func(other JiraHook) bool { return other.URL != h.URL }):
			results = append(results, jiraNotMade("Only a single URL per app is allowed to be registered."))
		default:
			results = append(results, map[string]any{"createdWebhookId": j.hook(h)})
		}
	}
	Answer(w, http.StatusOK, map[string]any{"webhookRegistrationResult": results})
}

func jiraNotMade(why string) map[string]any { return map[string]any{"errors": []string{why}} }

// jiraHookIDs answers which webhooks are meant.
func jiraHookIDs(r *Request) []int64 {
	var asked struct {
		IDs []int64 `json:"webhookIds"`
	}
	_ = r.JSON(&asked) // it is valid
	return asked.IDs
}

func (j *Jira) deleteHooks(w http.ResponseWriter, r *Request) {
	ids := jiraHookIDs(r)
	j.set(func() {
		j.hooks = slices.DeleteFunc(j.hooks, func(h JiraHook) bool { return slices.Contains(ids, h.ID) })
	})
	w.WriteHeader(http.StatusAccepted)
}

func (j *Jira) refreshHooks(w http.ResponseWriter, r *Request) {
	ids := jiraHookIDs(r)
	var ends time.Time
	j.set(func() {
		ends = time.Now().Add(j.later + jiraHookLife)
		for i := range j.hooks {
			if slices.Contains(ids, j.hooks[i].ID) {
				j.hooks[i].Ends = ends
			}
		}
	})
	Answer(w, http.StatusOK, map[string]any{"expirationDate": ends.UnixMilli()})
}
