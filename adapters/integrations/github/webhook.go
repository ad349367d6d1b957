package github

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"mime"
	"net/url"
	"strconv"
	"strings"

	"ticketd/commands"
)

// Verify checks X-Hub-Signature-256. GitHub signs no time: what was delivered before is known by its delivery.
func (g *GitHub) Verify(a commands.Account, w commands.Webhook) error {
	secret := a.Credentials["webhook_secret"]
	given, named := strings.CutPrefix(w.Header("X-Hub-Signature-256"), "sha256=")
	signature, err := hex.DecodeString(given)
	if secret == "" || !named || err != nil {
		return commands.ErrUnsigned
	}
	sum := hmac.New(sha256.New, []byte(secret))
	sum.Write(w.Body)
	if !hmac.Equal(signature, sum.Sum(nil)) {
		return commands.ErrUnsigned
	}
	return nil
}

// notice is what a webhook says, of all it could.
type notice struct {
	Repository *struct {
		FullName string `json:"full_name"`
	} `json:"repository"`
	Issue struct {
		Number      int             `json:"number"`
		PullRequest json.RawMessage `json:"pull_request"`
	} `json:"issue"`
	Comment struct {
		Body string `json:"body"`
	} `json:"comment"`
}

// Hear answers the issue that a webhook is about. A comment that was made from here tells nothing new.
func (g *GitHub) Hear(a commands.Account, w commands.Webhook) (commands.Heard, error) {
	event := w.Header("X-GitHub-Event")
	body, err := payload(w)
	if err != nil || event == "" {
		return commands.Heard{}, commands.ErrNotUnderstood
	}
	var n notice
	if json.Unmarshal(body, &n) != nil {
		return commands.Heard{}, commands.ErrNotUnderstood
	}
	heard := commands.Heard{Delivery: w.Header("X-GitHub-Delivery"), Concerns: concerns(a, event, n)}
	about := event == "issues" || event == "issue_comment" && marked(n.Comment.Body).isZero()
	if heard.Concerns && about && n.Issue.Number > 0 && len(n.Issue.PullRequest) == 0 {
		heard.Tickets = []string{strconv.Itoa(n.Issue.Number)}
	}
	return heard, nil
}

// concerns reports whether a notice is about the account's repository. A ping of an organization's or an app's webhook names none.
func concerns(a commands.Account, event string, n notice) bool {
	if n.Repository == nil {
		return event == "ping"
	}
	where, err := settled(a)
	return err == nil && strings.EqualFold(n.Repository.FullName, where.String())
}

// payload answers the JSON of a webhook, which GitHub sends in a form unless it is told otherwise.
func payload(w commands.Webhook) ([]byte, error) {
	if kind, _, _ := mime.ParseMediaType(w.Header("Content-Type")); kind != "application/x-www-form-urlencoded" {
		return w.Body, nil
	}
	form, err := url.ParseQuery(string(w.Body))
	return []byte(form.Get("payload")), err
}
