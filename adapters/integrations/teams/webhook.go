package teams

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"ticketd/commands"
)

// handshakeMost is how many bytes the token of a handshake has.
const handshakeMost = 1024

// Verify implements commands.Platform. Three things come: the handshake of a subscription, which proves nothing and is answered
// with what it says; notices of a subscription, each with the secret that it was made with; and an outgoing webhook, signed.
func (p *Platform) Verify(a commands.Account, w commands.Webhook) error {
	switch token := w.Query("validationToken"); {
	case token != "":
		if a.Credentials["client_state"] == "" || len(token) > handshakeMost {
			return commands.ErrUnsigned
		}
		return nil
	case w.Header("Authorization") != "":
		return verifySigned(a.Credentials["webhook_secret"], w)
	}
	return verifyNotices(a.Credentials["client_state"], w.Body)
}

// verifySigned checks an outgoing webhook. Its key is base64, and its time is in the body that is signed.
func verifySigned(secret string, w commands.Webhook) error {
	key, err := base64.StdEncoding.DecodeString(secret)
	proof, isHMAC := strings.CutPrefix(w.Header("Authorization"), "HMAC ")
	given, broken := base64.StdEncoding.DecodeString(proof)
	if err != nil || len(key) == 0 || !isHMAC || broken != nil {
		return commands.ErrUnsigned
	}
	hash := hmac.New(sha256.New, key)
	hash.Write(w.Body)
	if !hmac.Equal(given, hash.Sum(nil)) {
		return commands.ErrUnsigned
	}
	var said struct {
		At time.Time `json:"timestamp"`
	}
	if json.Unmarshal(w.Body, &said) == nil && !said.At.IsZero() && w.At.Sub(said.At).Abs() > commands.WebhookTolerance {
		return commands.ErrOutdated
	}
	return nil
}

// verifyNotices checks that every notice holds the secret. They must be read for that, and nothing else of them is.
func verifyNotices(secret string, body []byte) error {
	var said struct {
		Value []struct {
			ClientState string `json:"clientState"`
		} `json:"value"`
	}
	if secret == "" || json.Unmarshal(body, &said) != nil || len(said.Value) == 0 {
		return commands.ErrUnsigned
	}
	want, all := sha256.Sum256([]byte(secret)), 1
	for _, notice := range said.Value {
		given := sha256.Sum256([]byte(notice.ClientState))
		all &= subtle.ConstantTimeCompare(given[:], want[:])
	}
	if all != 1 {
		return commands.ErrUnsigned
	}
	return nil
}

// Hear implements commands.Platform.
func (p *Platform) Hear(a commands.Account, w commands.Webhook) (commands.Heard, error) {
	switch token := w.Query("validationToken"); {
	case token != "":
		return commands.Heard{Concerns: true, Answer: &commands.WebhookAnswer{Status: http.StatusOK, Type: "text/plain; charset=utf-8", Body: []byte(token)}}, nil
	case w.Header("Authorization") != "":
		return hearMention(a, w.Body)
	}
	return hearNotices(a, w.Body)
}

// resource is what a notice names: a message of a channel, or a reply to it.
var resource = regexp.MustCompile(`^/?teams(?:\('([^']+)'\)|/([^/]+))/channels(?:\('([^']+)'\)|/([^/]+))/messages(?:\('([^']+)'\)|/([^/]+))(?:/replies(?:\('[^']+'\)|/[^/]+))?$`)

// lost are what Graph says of a subscription after which nobody knows what it did not tell.
var lost = []string{"missed", "subscriptionRemoved"}

// hearNotices answers the tickets that notices are about. Those about the subscription itself name none.
func hearNotices(a commands.Account, body []byte) (commands.Heard, error) {
	var said struct {
		Value []struct {
			Subscription string `json:"subscriptionId"`
			Change       string `json:"changeType"`
			Lifecycle    string `json:"lifecycleEvent"`
			Resource     string `json:"resource"`
			Data         struct {
				ETag string `json:"@odata.etag"`
			} `json:"resourceData"`
		} `json:"value"`
	}
	if json.Unmarshal(body, &said) != nil {
		return commands.Heard{}, commands.ErrNotUnderstood
	}
	var heard commands.Heard
	name, named := sha256.New(), true
	for _, notice := range said.Value {
		if notice.Lifecycle != "" {
			heard.Concerns, named = true, false
			heard.Everything = heard.Everything || slices.Contains(lost, notice.Lifecycle)
			continue
		}
		found := resource.FindStringSubmatch(notice.Resource)
		if found == nil {
			return commands.Heard{}, commands.ErrNotUnderstood
		}
		team, channel, message := found[1]+found[2], found[3]+found[4], found[5]+found[6]
		if team != a.Settings["team_id"] || channel != a.Settings["channel_id"] {
			continue
		}
		heard.Concerns = true
		named = named && notice.Data.ETag != ""
		for _, part := range []string{notice.Subscription, notice.Change, notice.Resource, notice.Data.ETag} {
			name.Write([]byte(part + "\n"))
		}
		if !slices.Contains(heard.Tickets, message) {
			heard.Tickets = append(heard.Tickets, message)
		}
	}
	if named && len(heard.Tickets) > 0 {
		heard.Delivery = hex.EncodeToString(name.Sum(nil))
	}
	return heard, nil
}

// conversation is where somebody mentioned the webhook: a channel, and the message that began the thread.
var conversation = regexp.MustCompile(`^([^;]+);messageid=([0-9]+)$`)

// hearMention answers the ticket in whose thread somebody mentioned the webhook, and a word for them.
func hearMention(a commands.Account, body []byte) (commands.Heard, error) {
	var said struct {
		ID           string `json:"id"`
		Conversation struct {
			ID string `json:"id"`
		} `json:"conversation"`
	}
	if json.Unmarshal(body, &said) != nil {
		return commands.Heard{}, commands.ErrNotUnderstood
	}
	found := conversation.FindStringSubmatch(said.Conversation.ID)
	if found == nil {
		return commands.Heard{}, commands.ErrNotUnderstood
	}
	if found[1] != a.Settings["channel_id"] {
		return commands.Heard{}, nil
	}
	return commands.Heard{
		Concerns: true, Delivery: said.ID, Tickets: []string{found[2]},
		Answer: &commands.WebhookAnswer{Status: http.StatusOK, Type: "application/json", Body: []byte(`{"type":"message","text":"Noted."}`)},
	}, nil
}
