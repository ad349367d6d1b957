package slack

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"

	"ticketd/domain/integration"
)

// What the metadata of a message is called, and its fields. They stand in channels of other people: for ever.
const (
	ticketEvent  = "ticketd_ticket"
	commentEvent = "ticketd_comment"

	idField     = "id"
	statusField = "status"
	seenField   = "seen"
)

// message is what Slack says of one, as far as it matters here.
type message struct {
	TS        string          `json:"ts"`
	Subtype   string          `json:"subtype"`
	User      string          `json:"user"`
	Bot       string          `json:"bot_id"`
	Text      string          `json:"text"`
	Blocks    json.RawMessage `json:"blocks"`
	Files     []file          `json:"files"`
	Reactions []reaction      `json:"reactions"`
	Metadata  struct {
		Event   string         `json:"event_type"`
		Payload map[string]any `json:"event_payload"` // other programs' too, whose fields may be anything
	} `json:"metadata"`
}

type file struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Size int64  `json:"size"`
	URL  string `json:"permalink"`
}

type reaction struct {
	Name  string   `json:"name"`
	Users []string `json:"users"`
}

// marked answers a field of the metadata of one of our messages; empty: it has none, or is not ours.
func (m message) marked(event, field string) string {
	if m.Metadata.Event != event {
		return ""
	}
	text, _ := m.Metadata.Payload[field].(string)
	return text
}

// at answers when the message was written. Its ts is an id that happens to begin with the second.
func (m message) at() time.Time {
	whole, part, _ := strings.Cut(m.TS, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}
	}
	micros, _ := strconv.ParseInt(part, 10, 64) // without a fraction it is the second
	return time.Unix(seconds, micros*1000).UTC()
}

// status answers where the ticket stands, as an emoji of the mapping: the one that we set last, which the message itself keeps,
// unless a person has reacted with another since. We know the reactions that were there when we set ours, so one that was not is
// newer; of several new ones it is the one that Slack lists last. Whoever changes their mind takes the old reaction away.
func (m message) status(mapping integration.Mapping) string {
	status := m.marked(ticketEvent, statusField)
	seen := strings.Fields(m.marked(ticketEvent, seenField))
	for _, r := range m.told(mapping) {
		if !slices.Contains(seen, r) {
			status, _, _ = strings.Cut(r, ":")
		}
	}
	return status
}

// told lists the reactions by which people told a status, in Slack's order, each as emoji:user.
func (m message) told(mapping integration.Mapping) []string {
	var all []string
	for _, r := range m.Reactions {
		name, _, _ := strings.Cut(r.Name, "::") // without the tone of the skin
		if !isStatus(mapping, name) {
			continue
		}
		for _, user := range r.Users {
			if user != m.User { // we wrote the message, so that is us
				all = append(all, name+":"+user)
			}
		}
	}
	return all
}

func isStatus(mapping integration.Mapping, emoji string) bool {
	for _, value := range mapping.Status {
		if value == emoji && emoji != "" {
			return true
		}
	}
	return false
}

// mark answers the metadata that makes a message ours.
func mark(event, id string) slackapi.SlackMetadata {
	return slackapi.SlackMetadata{EventType: event, EventPayload: map[string]any{idField: id}}
}

// markStatus answers the metadata of a ticket's message with the status that we set, and what people had told by then.
func markStatus(id, status string, told []string) slackapi.SlackMetadata {
	m := mark(ticketEvent, id)
	m.EventPayload[statusField], m.EventPayload[seenField] = status, strings.Join(told, " ")
	return m
}
