package zendesk

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"ticketd/commands"
)

// knownToAll signs what Zendesk sends for a trial before a webhook is saved. Everybody can read it in the documentation.
const knownToAll = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ=="

// Verify implements commands.Platform.
func (p *Platform) Verify(a commands.Account, w commands.Webhook) error {
	secret, at := a.Credentials["webhook_secret"], w.Header("X-Zendesk-Webhook-Signature-Timestamp")
	if secret == "" || secret == knownToAll {
		return commands.ErrUnsigned
	}
	given, err := base64.StdEncoding.DecodeString(w.Header("X-Zendesk-Webhook-Signature"))
	if err != nil {
		return commands.ErrUnsigned
	}
	hash := hmac.New(sha256.New, []byte(secret))
	hash.Write([]byte(at))
	hash.Write(w.Body)
	if !hmac.Equal(given, hash.Sum(nil)) {
		return commands.ErrUnsigned
	}
	signed, err := time.Parse(time.RFC3339, at)
	if err != nil || w.At.Sub(signed).Abs() > commands.WebhookTolerance {
		return commands.ErrOutdated
	}
	return nil
}

// Hear implements commands.Platform. An event names its ticket in its detail. The body of a trigger is whatever an administrator
// wrote; ticket_id in it is understood.
func (p *Platform) Hear(_ commands.Account, w commands.Webhook) (commands.Heard, error) {
	heard := commands.Heard{Concerns: true, Delivery: w.Header("X-Zendesk-Webhook-Invocation-Id")}
	if len(w.Body) == 0 {
		return heard, nil // it may be sent without one
	}
	var event struct {
		ID       string `json:"id"`
		Type     string `json:"type"`
		Subject  string `json:"subject"`
		TicketID number `json:"ticket_id"`
		Detail   struct {
			ID number `json:"id"`
		} `json:"detail"`
	}
	if json.Unmarshal(w.Body, &event) != nil {
		return commands.Heard{}, commands.ErrNotUnderstood
	}
	if event.ID != "" {
		heard.Delivery = event.ID
	}
	named, _ := strings.CutPrefix(event.Subject, "zen:ticket:")
	switch {
	case event.TicketID != "":
		heard.Tickets = []string{string(event.TicketID)}
	case !strings.HasPrefix(event.Type, "zen:event-type:ticket."):
	case event.Detail.ID != "":
		heard.Tickets = []string{string(event.Detail.ID)}
	case named != event.Subject && isNumber(named):
		heard.Tickets = []string{named}
	default:
		return commands.Heard{}, commands.ErrNotUnderstood
	}
	return heard, nil
}

// number is an id, which events write as a text and triggers as either.
type number string

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(raw []byte) error {
	text := strings.Trim(string(raw), `"`)
	if text == "null" || text == "" {
		return nil
	}
	if !isNumber(text) {
		return strconv.ErrSyntax
	}
	*n = number(text)
	return nil
}

func isNumber(text string) bool {
	_, err := strconv.ParseUint(text, 10, 63)
	return err == nil
}
