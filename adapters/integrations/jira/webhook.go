package jira

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"ticketd/commands"
)

// Verify takes both kinds of webhooks. An administrator's is signed over its bytes; it tells no time that counts, as Jira sends
// it again for hours. One that an app registered comes with a token that is signed with the app's secret, and that ends soon.
func (j *Jira) Verify(a commands.Account, w commands.Webhook) error {
	if signature := w.Header("X-Hub-Signature"); signature != "" && a.Credentials["webhook_secret"] != "" {
		return signed(a.Credentials["webhook_secret"], signature, w.Body)
	}
	_, token, found := strings.Cut(w.Header("Authorization"), " ")
	if secret := a.Credentials["client_secret"]; found && secret != "" {
		return vouched(secret, token, w)
	}
	return commands.ErrUnsigned
}

func signed(secret, signature string, body []byte) error {
	digest := hmac.New(sha256.New, []byte(secret))
	digest.Write(body)
	text, found := strings.CutPrefix(signature, "sha256=")
	given, err := hex.DecodeString(text)
	if !found || err != nil || !hmac.Equal(given, digest.Sum(nil)) {
		return commands.ErrUnsigned
	}
	return nil
}

// vouched checks a token, which says nothing of the body. That is why what it tells is asked for, and never believed.
func vouched(secret, token string, w commands.Webhook) error {
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(commands.WebhookTolerance), jwt.WithTimeFunc(w.At.UTC),
	)
	_, err := parser.ParseWithClaims(token, &jwt.RegisteredClaims{}, func(*jwt.Token) (any, error) { return []byte(secret), nil })
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenUsedBeforeIssued), errors.Is(err, jwt.ErrTokenNotValidYet):
		return commands.ErrOutdated
	}
	return commands.ErrUnsigned
}

// Hear answers which issue a webhook is about.
func (j *Jira) Hear(a commands.Account, w commands.Webhook) (commands.Heard, error) {
	var notice struct {
		Event string `json:"webhookEvent"`
		Issue struct {
			Key    string `json:"key"`
			Fields struct {
				Project struct {
					Key string `json:"key"`
				} `json:"project"`
			} `json:"fields"`
		} `json:"issue"`
	}
	if err := json.Unmarshal(w.Body, &notice); err != nil || notice.Event == "" {
		return commands.Heard{}, commands.ErrNotUnderstood
	}
	heard := commands.Heard{Delivery: w.Header("X-Atlassian-Webhook-Identifier")}
	project := notice.Issue.Fields.Project.Key
	if end := strings.LastIndexByte(notice.Issue.Key, '-'); project == "" && end > 0 {
		project = notice.Issue.Key[:end]
	}
	if notice.Issue.Key != "" && strings.EqualFold(project, a.Settings["project_key"]) {
		heard.Concerns, heard.Tickets = true, []string{notice.Issue.Key}
	}
	return heard, nil
}
