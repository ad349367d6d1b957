package vendorfake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// Webhook implements Vendor.
func (g *GitHub) Webhook(ticket string) *http.Request {
	t, _ := g.Ticket(ticket)
	event, said := "issues", map[string]any{"action": "opened", "issue": g.issue(t), "sender": map[string]any{"login": githubUs}}
	switch t.Last.What {
	case Changed:
		said["action"] = "edited"
	case Deleted:
		said["action"] = "deleted"
	case Moved:
		said["action"] = "closed"
		if t.Status == "open" {
			said["action"] = "reopened"
		}
	case Commented, Filed:
		event, said["action"] = "issue_comment", "created"
		for _, c := range t.Comments {
			if c.ID == t.Last.ID {
				said["comment"] = githubComment(t, c)
			}
		}
	}
	if t.Last.Author != "" {
		said["sender"] = map[string]any{"login": t.Last.Author}
	}
	return g.Signed(event, said)
}

// Signed answers the webhook of an event of the repository, by another delivery each time.
func (g *GitHub) Signed(event string, said map[string]any) *http.Request {
	if _, given := said["repository"]; !given {
		said["repository"] = map[string]any{"id": githubRepoID, "full_name": githubOwner + "/" + githubRepo}
	}
	body, _ := json.Marshal(said) // texts and numbers
	sum := hmac.New(sha256.New, []byte(githubSecret))
	sum.Write(body)
	r := &http.Request{
		Method: http.MethodPost, URL: &url.URL{}, Header: http.Header{}, ContentLength: int64(len(body)),
		Body: io.NopCloser(strings.NewReader(string(body))),
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "GitHub-Hookshot/044aadd")
	r.Header.Set("X-GitHub-Event", event)
	r.Header.Set("X-GitHub-Delivery", uuid.NewString())
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(sum.Sum(nil)))
	return r
}
