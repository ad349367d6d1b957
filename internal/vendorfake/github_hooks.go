package vendorfake

import (
	"net/http"
	"slices"
	"time"
)

// GitHubHook is a webhook of the repository.
type GitHubHook struct {
	Active bool     `json:"active"`
	Events []string `json:"events"`
	Config struct {
		URL    string `json:"url"`
		Type   string `json:"content_type"`
		Secret string `json:"secret"`
	} `json:"config"`
}

// Hooks lists the repository's webhooks.
func (g *GitHub) Hooks() []GitHubHook {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.hooks)
}

// Hook lets a person there set up a webhook, in the place of all that there are.
func (g *GitHub) Hook(h GitHubHook) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hooks = []GitHubHook{h}
}

// HideHooks lets whoever connects see no webhooks, and make none.
func (g *GitHub) HideHooks() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hooksHidden = true
}

// seesHooks refuses who may not see webhooks: as if there were none, as GitHub does it.
func (g *GitHub) seesHooks(w http.ResponseWriter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.hooksHidden {
		githubRefuse(w, http.StatusNotFound, "Not Found")
	}
	return !g.hooksHidden
}

func (g *GitHub) listHooks(w http.ResponseWriter, _ *Request) {
	if !g.seesHooks(w) {
		return
	}
	shown := []any{}
	for n, h := range g.Hooks() {
		shown = append(shown, h.shown(n))
	}
	Answer(w, http.StatusOK, shown)
}

func (h GitHubHook) shown(n int) map[string]any {
	now := githubTime(time.Now())
	return map[string]any{
		"id": n + 1, "type": "Repository", "name": "web", "active": h.Active, "events": h.Events, "created_at": now, "updated_at": now,
		"config": map[string]any{"url": h.Config.URL, "content_type": h.Config.Type, "secret": "********"},
	}
}

func (g *GitHub) createHook(w http.ResponseWriter, r *Request) {
	if !g.seesHooks(w) {
		return
	}
	var h GitHubHook
	_ = r.JSON(&h) // valid by the description
	g.mu.Lock()
	there := slices.ContainsFunc(g.hooks, func(other GitHubHook) bool { return other.Config.URL == h.Config.URL })
	if !there {
		g.hooks = append(g.hooks, h)
	}
	n := len(g.hooks)
	g.mu.Unlock()
	if there {
		githubRefuse(w, http.StatusUnprocessableEntity, "Validation Failed", map[string]any{"resource": "Hook", "code": "custom", "message": "Hook already exists on this repository"})
		return
	}
	Answer(w, http.StatusCreated, h.shown(n-1))
}
