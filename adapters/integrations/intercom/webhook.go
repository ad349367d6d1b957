package intercom

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // it is what Intercom signs with
	"encoding/hex"
	"encoding/json"
	"time"

	"ticketd/commands"
)

// notice is what Intercom sends.
type notice struct {
	Type  string `json:"type"`
	App   string `json:"app_id"`
	ID    string `json:"id"`
	Topic string `json:"topic"`
	Sent  int64  `json:"first_sent_at"`
	Made  int64  `json:"created_at"`
	Data  struct {
		Item struct {
			Type   string `json:"type"`
			ID     string `json:"id"`
			Ticket struct {
				ID string `json:"id"`
			} `json:"ticket"` // of topics that tell of a part, or of a closing
		} `json:"item"`
	} `json:"data"`
}

// Verify implements commands.Platform. The time stands in the body, which is signed: one that has none came without.
func (p *Platform) Verify(a commands.Account, w commands.Webhook) error {
	secret := a.Credentials["webhook_secret"]
	if secret == "" {
		secret = a.Credentials["client_secret"]
	}
	if secret == "" {
		return commands.ErrUnsigned
	}
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write(w.Body)
	proof := "sha1=" + hex.EncodeToString(mac.Sum(nil))
	if !hmac.Equal([]byte(proof), []byte(w.Header("X-Hub-Signature"))) {
		return commands.ErrUnsigned
	}
	var n notice
	_ = json.Unmarshal(w.Body, &n) // it is signed all the same, and Hear says when it makes no sense
	sent := max(n.Sent, n.Made)
	if sent > 0 && w.At.Sub(time.Unix(sent, 0)).Abs() > commands.WebhookTolerance {
		return commands.ErrOutdated
	}
	return nil
}

// Hear implements commands.Platform. It never has 410 answered, by which Intercom would end the subscription.
func (p *Platform) Hear(a commands.Account, w commands.Webhook) (commands.Heard, error) {
	var n notice
	if err := json.Unmarshal(w.Body, &n); err != nil || n.Type != "notification_event" {
		return commands.Heard{}, commands.ErrNotUnderstood
	}
	app := a.Settings["app_id"]
	heard := commands.Heard{Delivery: n.ID, Concerns: app == "" || n.App == app}
	item := n.Data.Item
	id := item.Ticket.ID
	if id == "" && item.Type == "ticket" {
		id = item.ID
	}
	if id != "" && heard.Concerns {
		heard.Tickets = []string{id}
	}
	return heard, nil
}
