package slack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"ticketd/commands"
)

// Verify implements commands.Platform.
func (p *Platform) Verify(a commands.Account, w commands.Webhook) error {
	secret, sent := a.Credentials["signing_secret"], w.Header("X-Slack-Request-Timestamp")
	if secret == "" {
		return commands.ErrUnsigned
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v0:" + sent + ":"))
	mac.Write(w.Body)
	proof := "v0=" + hex.EncodeToString(mac.Sum(nil))
	if !hmac.Equal([]byte(proof), []byte(w.Header("X-Slack-Signature"))) {
		return commands.ErrUnsigned
	}
	seconds, err := strconv.ParseInt(sent, 10, 64)
	if err != nil || w.At.Sub(time.Unix(seconds, 0)).Abs() > commands.WebhookTolerance {
		return commands.ErrOutdated
	}
	return nil
}

// notice is what Slack sends. Which fields an event has depends on its type.
type notice struct {
	Type      string `json:"type"`
	Challenge string `json:"challenge"`
	EventID   string `json:"event_id"`
	Acting    []struct {
		User string `json:"user_id"`
		Bot  bool   `json:"is_bot"`
	} `json:"authorizations"`
	Event event `json:"event"`
}

type event struct {
	Type    string `json:"type"`
	Channel string `json:"channel"`
	User    string `json:"user"`
	said
	Now    said `json:"message"`          // of one that was changed
	Before said `json:"previous_message"` // of one that was deleted
	Item   struct {
		Type    string `json:"type"`
		Channel string `json:"channel"`
		TS      string `json:"ts"`
	} `json:"item"` // of a reaction
}

type said struct {
	Subtype string `json:"subtype"`
	By      string `json:"user"`
	Bot     string `json:"bot_id"`
	TS      string `json:"ts"`
	Thread  string `json:"thread_ts"`
}

// Hear implements commands.Platform. What a program said, ours among them, is no news.
func (p *Platform) Hear(a commands.Account, w commands.Webhook) (commands.Heard, error) {
	var n notice
	if err := json.Unmarshal(w.Body, &n); err != nil || n.Type == "" {
		return commands.Heard{}, commands.ErrNotUnderstood
	}
	if n.Type == "url_verification" {
		return commands.Heard{Concerns: true, Answer: &commands.WebhookAnswer{Status: http.StatusOK, Type: "text/plain", Body: []byte(n.Challenge)}}, nil
	}
	heard := commands.Heard{Delivery: n.EventID, Concerns: n.Event.channel() == a.Settings["channel"]}
	if ts := n.Event.ticket(n.own()); ts != "" && heard.Concerns {
		heard.Tickets = []string{ts}
	}
	return heard, nil
}

// own answers who the app is in the workspace.
func (n notice) own() string {
	for _, a := range n.Acting {
		if a.Bot {
			return a.User
		}
	}
	return ""
}

func (e event) channel() string {
	if e.Item.Channel != "" {
		return e.Item.Channel
	}
	return e.Channel
}

// ticket answers the message that a ticket may be, when a person did something to it; empty: no person did, or to no such message.
func (e event) ticket(own string) string {
	switch {
	case e.Type == "reaction_added" || e.Type == "reaction_removed":
		if e.Item.Type != "message" || e.User == own {
			return ""
		}
		return e.Item.TS
	case e.Type != "message":
		return ""
	}
	switch e.Subtype {
	case "message_changed":
		return e.Now.beneath(own)
	case "message_deleted":
		if e.Before.Thread != "" {
			return e.Before.Thread
		}
		return e.Before.TS // which may be the ticket's own: then it is gone
	case "", "file_share", "thread_broadcast":
		s := e.said
		s.By = e.User
		return s.beneath(own)
	}
	return ""
}

// beneath answers the message that a person's words hang on.
func (s said) beneath(own string) string {
	if s.Bot != "" || s.By == own || s.Thread == s.TS {
		return ""
	}
	return s.Thread
}
