package vendorfake

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // it is what Intercom signs with
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"ticketd/commands"
)

// What the fake Intercom knows of whoever connects.
const (
	intercomToken   = "intercom-access-token"
	intercomClient  = "intercom-client"
	intercomProof   = "intercom-client-secret"
	intercomType    = "1234"
	intercomUs      = "991267"
	intercomApp     = "this_is_an_id"
	intercomContact = "6762f0dd1bb69f9f2193bb83"
	intercomVersion = "2.16"
)

// intercomStates are the workspace's states: an archived one, and one of another ticket type, are there to be left out.
var intercomStates = []intercomState{
	{"7490", "in_progress", true, ""},
	{"7491", "in_progress", false, "9999"},
	{"7493", "submitted", false, ""},
	{"7494", "in_progress", false, intercomType},
	{"7495", "waiting_on_customer", false, ""},
	{"7496", "resolved", false, ""},
}

type intercomState struct {
	id, category string
	archived     bool
	kind         string // the ticket type; empty: any
}

// intercomBase is the Base by a name that leaves its own to Vendor's method.
type intercomBase = Base

// Intercom plays a workspace of Intercom.
type Intercom struct {
	*intercomBase

	mu      sync.Mutex
	perPage int
	parts   int                         // at most, of a ticket
	noise   map[string][]map[string]any // by ticket: parts that are nobody's words
}

// NewIntercom plays an Intercom until it is closed.
func NewIntercom() *Intercom {
	i := &Intercom{perPage: 150, parts: 500, noise: map[string][]map[string]any{}}
	i.intercomBase = Start(Options{
		Name: "intercom", Admit: i.admit, Left: intercomLeft,
		Operations: map[string]Handler{
			"POST /tickets":                   i.create,
			"GET /tickets/{ticket_id}":        i.show,
			"PUT /tickets/{ticket_id}":        i.update,
			"POST /tickets/{ticket_id}/reply": i.reply,
			"POST /tickets/search":            i.search,
			"GET /ticket_types":               i.types,
			"GET /ticket_states":              i.states,
			"GET /me":                         i.me,
			"GET /admins":                     i.admins,
			"POST /contacts/search":           i.contacts,
			"POST /auth/eagle/token":          i.access,
		},
	})
	i.Fix(intercomToken)
	return i
}

// Base implements Vendor.
func (i *Intercom) Base() *Base { return i.intercomBase }

// Connect implements Vendor: by a token, for Intercom's do not end.
func (i *Intercom) Connect() map[string]any {
	return map[string]any{
		"platform": "intercom", "name": "Intercom", "base_url": i.URL(), "auth_type": "bearer",
		"credentials": map[string]any{"token": intercomToken, "webhook_secret": intercomProof},
		"settings":    map[string]any{"ticket_type_id": intercomType, "contact_id": intercomContact, "app_id": intercomApp}, "sync_enabled": true,
	}
}

// ConnectByConsent answers the body that connects by oauth2.
func (i *Intercom) ConnectByConsent() map[string]any {
	body := i.Connect()
	body["auth_type"] = "oauth2"
	body["credentials"] = map[string]any{"client_id": intercomClient, "client_secret": intercomProof}
	return body
}

// Account implements Vendor.
func (i *Intercom) Account() commands.Account { return i.Opened(i.Connect()) }

// PerPage says how many tickets a search answers at a time, whatever is asked for.
func (i *Intercom) PerPage(n int) { i.with(func() { i.perPage = n }) }

// Parts says how many parts of a ticket are told at most.
func (i *Intercom) Parts(n int) { i.with(func() { i.parts = n }) }

func (i *Intercom) with(f func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f()
}

// Say implements Vendor: the contact replies.
func (i *Intercom) Say(ticket, author, text string) string {
	return i.Tell(ticket, author, "<p>"+strings.ReplaceAll(html.EscapeString(text), "\n", "<br>")+"</p>", "user", "comment")
}

// Tell lets somebody say something as HTML: an admin, a bot or a user, in a comment, a note or a quick_reply.
func (i *Intercom) Tell(ticket, author, body, kind, part string) string {
	id := i.number()
	i.Change(ticket, Happening{What: Commented, ID: id, Author: author}, func(t *Ticket) {
		own := map[string]string{"body": body, "author": kind, "kind": part}
		_, text := intercomRead(body)
		t.Comments = append(t.Comments, Comment{ID: id, Author: author, Text: text, Internal: part == "note", Own: own})
	})
	return id
}

// Move implements Vendor.
func (i *Intercom) Move(ticket, status string) { i.move(ticket, status, "Somebody") }

func (i *Intercom) move(ticket, status, author string) {
	t, _ := i.Ticket(ticket)
	if t.Status == status {
		return
	}
	id := i.number()
	i.Change(ticket, Happening{What: Moved, ID: id, Author: author, From: t.Status}, func(t *Ticket) { t.Status = status })
	i.with(func() {
		i.noise[ticket] = append(i.noise[ticket], map[string]any{
			"type": "ticket_part", "id": id, "part_type": "ticket_state_updated_by_admin", "ticket_state": status, "previous_ticket_state": t.Status,
			"body": nil, "created_at": time.Now().Unix(), "author": map[string]any{"type": "admin", "id": intercomUs, "name": author}, "attachments": []any{}, "redacted": false,
		})
	})
}

func (i *Intercom) number() string { return strconv.Itoa(10_000 + i.Count("part")) }

// intercomRead answers who said a reply and what, as people see it: without the line that only programs need.
func intercomRead(body string) (author, text string) {
	var lines []string
	for line := range strings.SplitSeq(body, "</p>") {
		line = strings.TrimPrefix(line, "<p>")
		switch name, isName := strings.CutPrefix(line, "<b>"); {
		case isName:
			author = html.UnescapeString(strings.TrimSuffix(name, "</b>"))
		case line != "" && !strings.HasPrefix(line, "Reference: ") && !strings.HasPrefix(line, "<a href="):
			lines = append(lines, html.UnescapeString(strings.ReplaceAll(line, "<br>", "\n")))
		}
	}
	return author, strings.Join(lines, "\n")
}

// Webhook implements Vendor.
func (i *Intercom) Webhook(ticket string) *http.Request {
	t, _ := i.Ticket(ticket)
	topic, item := "ticket.created", i.told(t, false)
	within := map[string]any{"type": "ticket_and_part", "ticket": item, "ticket_part": map[string]any{"type": "ticket_part", "id": t.Last.ID}}
	switch t.Last.What {
	case Changed:
		topic = "ticket.attribute.updated"
	case Moved:
		topic = "ticket.state.updated"
	case Commented, Filed:
		topic, item = "ticket.contact.replied", within
		if t.Last.Author == "" {
			topic = "ticket.admin.replied"
		}
	case Deleted: // which nobody is told of: but it is closed before
		topic, item = "ticket.closed", map[string]any{"ticket": item}
	}
	return i.Notice(topic, item, time.Now())
}

// Notice answers the signed webhook of a topic.
func (i *Intercom) Notice(topic string, item map[string]any, at time.Time) *http.Request {
	return intercomSigned(map[string]any{
		"type": "notification_event", "app_id": intercomApp, "id": fmt.Sprintf("notif_%010d", i.Count("notice")), "topic": topic,
		"data": map[string]any{"type": "notification_event_data", "item": item}, "links": map[string]any{},
		"delivery_status": "pending", "delivery_attempts": 1, "delivered_at": 0, "first_sent_at": at.Unix(), "created_at": at.Unix(), "self": nil,
	})
}

// Ping answers the signed webhook by which Intercom tries an address.
func (i *Intercom) Ping() *http.Request {
	now := time.Now().Unix()
	return intercomSigned(map[string]any{
		"type": "notification_event", "app_id": intercomApp, "id": nil, "topic": "ping",
		"data":            map[string]any{"type": "notification_event_data", "item": map[string]any{"type": "ping", "message": "something something interzen"}},
		"delivery_status": "pending", "delivery_attempts": 1, "first_sent_at": now, "created_at": now,
	})
}

func intercomSigned(body map[string]any) *http.Request {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // it is made above
	}
	mac := hmac.New(sha1.New, []byte(intercomProof))
	mac.Write(text)
	r, err := http.NewRequest(http.MethodPost, "", strings.NewReader(string(text))) //nolint:noctx // whoever sends it gives it one
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Hub-Signature", "sha1="+hex.EncodeToString(mac.Sum(nil)))
	return r
}

// intercomLeft tells the limit in headers, and never how long to wait.
func intercomLeft(h http.Header, l Left) (int, string) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(l.Most))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(l.Rest))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(l.Reset.Add(time.Second-1).Unix(), 10))
	if l.Refused {
		h.Set("Content-Type", "application/json")
	}
	return http.StatusTooManyRequests, `{"type":"error.list","request_id":"r","errors":[{"code":"rate_limit_exceeded","message":"Rate limit exceeded"}]}`
}
