package vendorfake

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"ticketd/commands"
)

// What the fake Zendesk knows of whoever connects.
const (
	zendeskEmail  = "bot@example.com"
	zendeskToken  = "zendesk-api-token" //nolint:gosec // opens nothing but the fake
	zendeskSecret = "zendesk-signing-secret"
	zendeskClient = "zendesk-client"
	zendeskProof  = "zendesk-client-secret"
	zendeskUs     = 900
)

// zendeskBase is the Base by a name that leaves its own to Vendor's method.
type zendeskBase = Base

// Zendesk plays Zendesk Support.
type Zendesk struct {
	*zendeskBase

	pair Pair

	mu      sync.Mutex
	perPage int
	role    string
	users   map[string]int64
	uploads map[string]File // those that hang on nothing yet among them
	once    map[string]zendeskOnce
}

// zendeskOnce is what was made under an Idempotency-Key.
type zendeskOnce struct{ body, ticket string }

// NewZendesk plays a Zendesk until it is closed.
func NewZendesk() *Zendesk {
	z := &Zendesk{perPage: 100, role: "agent", users: map[string]int64{}, uploads: map[string]File{}, once: map[string]zendeskOnce{}}
	z.zendeskBase = Start(Options{
		Name: "zendesk", Query: []string{"page"}, Admit: z.admit, Left: zendeskLeft, Rotates: true, EndsOld: true,
		Operations: map[string]Handler{
			"POST /api/v2/tickets":                     z.create,
			"GET /api/v2/tickets":                      z.list,
			"GET /api/v2/tickets/{ticket_id}":          z.show,
			"PUT /api/v2/tickets/{ticket_id}":          z.update,
			"GET /api/v2/tickets/{ticket_id}/comments": z.comments,
			"POST /api/v2/uploads":                     z.upload,
			"GET /api/v2/users/me":                     z.me,
			"POST /oauth/tokens":                       z.tokens,
		},
	})
	z.pair = z.Grant()
	return z
}

// Base implements Vendor.
func (z *Zendesk) Base() *Base { return z.zendeskBase }

// Connect implements Vendor: by oauth2, after a person's consent.
func (z *Zendesk) Connect() map[string]any {
	return map[string]any{
		"platform": "zendesk", "name": "Zendesk", "base_url": z.URL(), "auth_type": "oauth2",
		"credentials": map[string]any{
			"client_id": zendeskClient, "client_secret": zendeskProof, "refresh_token": z.pair.Refresh, "webhook_secret": zendeskSecret,
		},
		"settings": map[string]any{"group_id": "77"}, "sync_enabled": true,
	}
}

// ConnectByToken answers the body that connects by an API token.
func (z *Zendesk) ConnectByToken() map[string]any {
	body := z.Connect()
	body["auth_type"] = "api_key"
	body["credentials"] = map[string]any{"email": zendeskEmail, "api_token": zendeskToken, "webhook_secret": zendeskSecret}
	return body
}

// Account implements Vendor, with an access token.
func (z *Zendesk) Account() commands.Account {
	a := z.Opened(z.Connect())
	a.Credentials[commands.AccessToken] = z.pair.Access
	return a
}

// Role makes another of the token's user: an end-user may not do what an agent may.
func (z *Zendesk) Role(role string) { z.with(func() { z.role = role }) }

// PerPage says how many comments are on a page.
func (z *Zendesk) PerPage(n int) { z.with(func() { z.perPage = n }) }

func (z *Zendesk) with(f func()) {
	z.mu.Lock()
	defer z.mu.Unlock()
	f()
}

// Say implements Vendor.
func (z *Zendesk) Say(ticket, author, text string) string { return z.say(ticket, author, text, false) }

// Note lets a person there write something for the staff alone.
func (z *Zendesk) Note(ticket, author, text string) string { return z.say(ticket, author, text, true) }

func (z *Zendesk) say(ticket, author, text string, internal bool) string {
	id := z.number()
	z.Change(ticket, Happening{What: Commented, ID: id, Author: author}, func(t *Ticket) {
		t.Comments = append(t.Comments, Comment{ID: id, Author: author, Text: text, Internal: internal, Own: map[string]string{"channel": "web"}})
	})
	return id
}

// Move implements Vendor.
func (z *Zendesk) Move(ticket, status string) {
	t, _ := z.Ticket(ticket)
	z.Change(ticket, Happening{What: Moved, Author: "Somebody", From: t.Status}, func(t *Ticket) { t.Status = status })
}

// Webhook implements Vendor.
func (z *Zendesk) Webhook(ticket string) *http.Request {
	t, _ := z.Ticket(ticket)
	number := z.Count("event")
	kind, event := "created", map[string]any{}
	switch t.Last.What {
	case Changed:
		kind, event = "subject_changed", map[string]any{"current": t.Title}
	case Moved:
		kind, event = "status_changed", map[string]any{"current": strings.ToUpper(t.Status), "previous": strings.ToUpper(t.Last.From)}
	case Commented:
		kind, event = "comment_added", map[string]any{"comment": map[string]any{"id": t.Last.ID}}
	case Filed:
		kind, event = "attachment_linked_to_comment", map[string]any{"attachment": map[string]any{"id": t.Last.ID}}
	case Deleted:
		kind = "soft_deleted"
	}
	body, _ := json.Marshal(map[string]any{
		"account_id": 1, "id": uuid.NewSHA1(z.id, []byte(strconv.Itoa(number))), "type": "zen:event-type:ticket." + kind,
		"subject": "zen:ticket:" + ticket, "time": zendeskTime(time.Now()), "zendesk_event_version": "2022-11-06",
		"detail": map[string]any{"id": ticket, "status": strings.ToUpper(t.Status), "subject": t.Title}, "event": event,
	})
	return zendeskSigned(body, number)
}

func zendeskSigned(body []byte, number int) *http.Request {
	at := zendeskTime(time.Now())
	hash := hmac.New(sha256.New, []byte(zendeskSecret))
	hash.Write([]byte(at))
	hash.Write(body)
	r := &http.Request{
		Method: http.MethodPost, URL: &url.URL{}, Header: http.Header{}, ContentLength: int64(len(body)),
		Body: io.NopCloser(strings.NewReader(string(body))),
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Zendesk-Webhook-Id", "01ZENDESKWEBHOOK")
	r.Header.Set("X-Zendesk-Webhook-Invocation-Id", fmt.Sprintf("01INVOCATION%06d", number))
	r.Header.Set("X-Zendesk-Webhook-Signature", base64.StdEncoding.EncodeToString(hash.Sum(nil)))
	r.Header.Set("X-Zendesk-Webhook-Signature-Timestamp", at)
	return r
}

// admit lets in who has a token. Whoever has none is a visitor, who may ask who they are.
func (z *Zendesk) admit(w http.ResponseWriter, r *Request) bool {
	kind, proof, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case kind == "Bearer" && z.Takes(proof):
		return true
	case kind == "Basic" && proof == base64.StdEncoding.EncodeToString([]byte(zendeskEmail+"/token:"+zendeskToken)):
		return true
	case kind == "Bearer":
		Answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token", "error_description": "The access token provided is expired, revoked, malformed or invalid for other reasons."})
	case r.Operation == "GET /api/v2/users/me":
		Answer(w, http.StatusOK, map[string]any{"user": map[string]any{"id": nil, "name": "Anonymous user", "role": "end-user"}})
	default:
		Answer(w, http.StatusUnauthorized, map[string]any{"error": "Couldn't authenticate you"})
	}
	return false
}

// zendeskLeft writes Zendesk's headers.
func zendeskLeft(h http.Header, l Left) (int, string) {
	wait := strconv.Itoa(int(l.Reset.Sub(l.Now)/time.Second) + 1)
	for _, name := range []string{"X-Rate-Limit", "Ratelimit-Limit"} {
		h.Set(name, strconv.Itoa(l.Most))
	}
	for _, name := range []string{"X-Rate-Limit-Remaining", "Ratelimit-Remaining"} {
		h.Set(name, strconv.Itoa(l.Rest))
	}
	h.Set("Ratelimit-Reset", wait)
	if l.Refused {
		h.Set("Retry-After", wait)
	}
	return http.StatusTooManyRequests, `{"error":"TooManyRequests","description":"Number of allowed API requests per minute exceeded"}`
}

// zendeskTicket is what may be said of a ticket.
type zendeskTicket struct {
	Subject    *string        `json:"subject"`
	Priority   *string        `json:"priority"`
	Type       *string        `json:"type"`
	Status     *string        `json:"status"`
	Tags       *[]string      `json:"tags"`
	ExternalID *string        `json:"external_id"`
	GroupID    *int64         `json:"group_id"`
	Requester  map[string]any `json:"requester"`
	SafeUpdate bool           `json:"safe_update"`
	Stamp      string         `json:"updated_stamp"`
	Comment    *struct {
		Body    string   `json:"body"`
		Public  *bool    `json:"public"`
		Uploads []string `json:"uploads"`
	} `json:"comment"`
}

func (z *Zendesk) create(w http.ResponseWriter, r *Request) {
	key, body := r.Header.Get("Idempotency-Key"), string(r.Data)
	var before zendeskOnce
	z.with(func() { before = z.once[key] })
	if key != "" && before.ticket != "" {
		if before.body != body {
			Answer(w, http.StatusBadRequest, map[string]any{"error": "IdempotentRequestError", "description": "Idempotency key has already been used with a different request"})
			return
		}
		w.Header().Set("X-Idempotency-Lookup", "hit")
		t, _ := z.Ticket(before.ticket)
		Answer(w, http.StatusCreated, map[string]any{"ticket": z.ticket(t)})
		return
	}
	said, ok := z.read(w, r)
	if !ok {
		return
	}
	id := strconv.Itoa(34999 + z.Count("ticket"))
	t := Ticket{ID: id, Status: "new", Own: map[string]string{"description_id": z.number()}}
	if said.Requester != nil {
		t.Own["requester"], _ = said.Requester["email"].(string)
	}
	t.Description = said.Comment.Body
	said.Comment.Body = ""
	z.Add(t)
	z.apply(id, said)
	z.Change(id, Happening{What: Made}, func(*Ticket) {})
	z.with(func() { z.once[key] = zendeskOnce{body, id} })
	t, _ = z.Ticket(id)
	w.Header().Set("X-Idempotency-Lookup", "miss")
	w.Header().Set("Location", "https://example.zendesk.com/api/v2/tickets/"+id+".json")
	Answer(w, http.StatusCreated, map[string]any{"ticket": z.ticket(t)})
}

// read reads what is said of a ticket, and refuses what Zendesk would.
func (z *Zendesk) read(w http.ResponseWriter, r *Request) (zendeskTicket, bool) {
	var said struct {
		Ticket zendeskTicket `json:"ticket"`
	}
	_ = r.JSON(&said) // valid by the description
	t := said.Ticket
	refuse := func(field, reason string) (zendeskTicket, bool) {
		Answer(w, http.StatusUnprocessableEntity, map[string]any{
			"error": "RecordInvalid", "description": "Record validation errors",
			"details": map[string]any{field: []any{map[string]any{"description": reason, "error": "InvalidValue"}}},
		})
		return t, false
	}
	switch {
	case t.Comment != nil && t.Comment.Body == "":
		return refuse("comment", "Comment: cannot be blank")
	case t.Comment != nil && len(t.Comment.Body) > 64<<10:
		return refuse("comment", "Comment: is too long (maximum is 65536 characters)")
	case t.Subject != nil && len([]rune(*t.Subject)) > 255:
		return refuse("subject", "Subject: is too long (maximum is 255 characters)")
	case t.Requester != nil && !strings.Contains(fmt.Sprint(t.Requester["email"]), "@"):
		return refuse("requester", "Requester: Email: is not properly formatted")
	}
	if t.Comment != nil {
		for _, token := range t.Comment.Uploads {
			if z.uploaded(token).ID == "" {
				return refuse("uploads", "Uploads: "+token+" is invalid")
			}
		}
	}
	return t, true
}

func (z *Zendesk) list(w http.ResponseWriter, r *Request) {
	found := []any{}
	for _, t := range z.Tickets() {
		if wanted := r.URL.Query().Get("external_id"); !t.Deleted && (wanted == "" || wanted == t.Own["external_id"]) {
			found = append(found, z.ticket(t))
		}
	}
	Answer(w, http.StatusOK, map[string]any{"tickets": found, "count": len(found), "next_page": nil})
}

// there answers the ticket that is asked for, or that there is none.
func (z *Zendesk) there(w http.ResponseWriter, r *Request) (Ticket, bool) {
	t, ok := z.Ticket(r.Params["ticket_id"])
	if !ok || t.Deleted {
		Answer(w, http.StatusNotFound, map[string]any{"error": "RecordNotFound", "description": "Not found"})
		return t, false
	}
	return t, true
}

func (z *Zendesk) show(w http.ResponseWriter, r *Request) {
	if t, ok := z.there(w, r); ok {
		Answer(w, http.StatusOK, map[string]any{"ticket": z.ticket(t)})
	}
}

func (z *Zendesk) update(w http.ResponseWriter, r *Request) {
	t, ok := z.there(w, r)
	if !ok {
		return
	}
	said, ok := z.read(w, r)
	switch {
	case !ok:
		return
	case t.Status == "closed":
		Answer(w, http.StatusUnprocessableEntity, map[string]any{
			"error": "RecordInvalid", "description": "Record validation errors",
			"details": map[string]any{"status": []any{map[string]any{"description": "Status: closed prevents ticket update"}}},
		})
		return
	case said.SafeUpdate && said.Stamp != zendeskTime(t.Changed):
		Answer(w, http.StatusConflict, map[string]any{"error": "UpdateConflict", "description": "Safe Update prevented the update due to outdated ticket data. Please fetch the latest ticket data and try again."})
		return
	}
	events := z.apply(t.ID, said)
	t, _ = z.Ticket(t.ID)
	Answer(w, http.StatusOK, map[string]any{"ticket": z.ticket(t), "audit": map[string]any{"id": z.Count("audit"), "ticket_id": zendeskID(t.ID), "events": events}})
}

// apply changes a ticket as is said, and answers what happened.
func (z *Zendesk) apply(id string, said zendeskTicket) []any {
	events := []any{}
	comment := z.number()
	h := Happening{What: Changed}
	z.Change(id, h, func(t *Ticket) {
		set := func(field *string, to *string) {
			if to != nil {
				*field = *to
				events = append(events, map[string]any{"id": 1, "type": "Change"})
			}
		}
		if said.Status != nil {
			h = Happening{What: Moved, From: t.Status}
		}
		set(&t.Title, said.Subject)
		set(&t.Priority, said.Priority)
		set(&t.Status, said.Status)
		for name, to := range map[string]*string{"type": said.Type, "external_id": said.ExternalID} {
			if to != nil {
				t.Own[name] = *to
			}
		}
		if said.GroupID != nil {
			t.Own["group_id"] = strconv.FormatInt(*said.GroupID, 10)
		}
		if said.Tags != nil {
			t.Labels = slices.Clone(*said.Tags)
		}
		if said.Comment == nil || said.Comment.Body == "" {
			return
		}
		h = Happening{What: Commented, ID: comment}
		c := Comment{ID: comment, Text: said.Comment.Body, Internal: said.Comment.Public != nil && !*said.Comment.Public, Own: map[string]string{"channel": "api"}}
		for _, token := range said.Comment.Uploads {
			file := z.uploaded(token)
			file.Own = map[string]string{"comment": comment}
			t.Files = append(t.Files, file)
			h = Happening{What: Filed, ID: file.ID}
		}
		t.Comments = append(t.Comments, c)
		events = append(events, map[string]any{"id": zendeskID(comment), "type": "Comment", "body": c.Text})
	})
	z.Change(id, h, func(*Ticket) {})
	return events
}

func (z *Zendesk) comments(w http.ResponseWriter, r *Request) {
	t, ok := z.there(w, r)
	if !ok {
		return
	}
	said := append([]Comment{{ID: t.Own["description_id"], Text: t.Description, At: t.Made, Own: map[string]string{"channel": "api"}}}, t.Comments...)
	z.mu.Lock()
	per := z.perPage
	z.mu.Unlock()
	page, _ := strconv.Atoi(cmp.Or(r.URL.Query().Get("page"), "1"))
	from, to := min((page-1)*per, len(said)), min(page*per, len(said))
	var next any
	if to < len(said) {
		query := r.URL.Query()
		query.Set("page", strconv.Itoa(page+1))
		next = "https://example.zendesk.com" + r.URL.Path + ".json?" + query.Encode()
	}
	list, users := []any{}, []any{}
	for _, c := range said[from:to] {
		list = append(list, z.comment(t, c))
		users = append(users, map[string]any{"id": z.user(c.Author), "name": cmp.Or(c.Author, "Bot")})
	}
	Answer(w, http.StatusOK, map[string]any{"comments": list, "users": users, "count": len(said), "next_page": next})
}

func (z *Zendesk) comment(t Ticket, c Comment) map[string]any {
	hanging := []any{}
	for _, f := range t.Files {
		if f.Own["comment"] == c.ID {
			hanging = append(hanging, z.attachment(f, ""))
		}
	}
	return map[string]any{
		"id": zendeskID(c.ID), "type": "Comment", "author_id": z.user(c.Author), "body": c.Text, "public": !c.Internal,
		"attachments": hanging, "created_at": zendeskTime(c.At), "via": map[string]any{"channel": c.Own["channel"]}, "metadata": map[string]any{"system": map[string]any{}},
	}
}

func (z *Zendesk) upload(w http.ResponseWriter, r *Request) {
	file, err := Read(z.number(), r.URL.Query().Get("filename"), r.Body)
	if err != nil {
		Answer(w, http.StatusBadRequest, map[string]any{"error": "BadRequest"})
		return
	}
	token, kind := fmt.Sprintf("upload%d", z.Count("upload")), r.Header.Get("Content-Type")
	z.with(func() { z.uploads[token] = file })
	Answer(w, http.StatusCreated, map[string]any{"upload": map[string]any{"token": token, "attachment": z.attachment(file, kind), "attachments": []any{z.attachment(file, kind)}}})
}

func (z *Zendesk) uploaded(token string) File {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.uploads[token]
}

func (z *Zendesk) attachment(f File, kind string) map[string]any {
	return map[string]any{
		"id": zendeskID(f.ID), "file_name": f.Name, "size": f.Size, "content_type": kind,
		"content_url": "https://example.zendesk.com/attachments/token/" + f.ID + "/?name=" + url.QueryEscape(f.Name),
	}
}

func (z *Zendesk) me(w http.ResponseWriter, _ *Request) {
	z.mu.Lock()
	role := z.role
	z.mu.Unlock()
	Answer(w, http.StatusOK, map[string]any{"user": map[string]any{"id": zendeskUs, "name": "Bot", "role": role, "suspended": role == "suspended"}})
}

func (z *Zendesk) tokens(w http.ResponseWriter, r *Request) {
	var asked map[string]string
	_ = r.JSON(&asked) // valid by the description
	var pair Pair
	err := ErrRevoked
	if asked["client_id"] == zendeskClient && asked["client_secret"] == zendeskProof {
		switch asked["grant_type"] {
		case "authorization_code":
			pair, err = z.Spend(asked["code"], asked["code_verifier"])
		case "refresh_token":
			pair, err = z.Refresh(asked["refresh_token"])
		}
	}
	if err != nil {
		Answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client."})
		return
	}
	Answer(w, http.StatusOK, map[string]any{"access_token": pair.Access, "refresh_token": pair.Refresh, "token_type": "bearer", "scope": "read write", "expires_in": 1800, "refresh_token_expires_in": 7_776_000})
}

func (z *Zendesk) ticket(t Ticket) map[string]any {
	return map[string]any{
		"id": zendeskID(t.ID), "url": "https://example.zendesk.com/api/v2/tickets/" + t.ID + ".json", "external_id": t.Own["external_id"],
		"subject": t.Title, "description": t.Description, "status": t.Status, "priority": t.Priority, "type": t.Own["type"], "tags": append([]string{}, t.Labels...),
		"requester_id": zendeskUs, "created_at": zendeskTime(t.Made), "updated_at": zendeskTime(t.Changed), "via": map[string]any{"channel": "api"},
	}
}

// user answers the number of a person; that of our own account is known.
func (z *Zendesk) user(name string) int64 {
	if name == "" {
		return zendeskUs
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.users[name] == 0 {
		z.users[name] = int64(1000 + len(z.users))
	}
	return z.users[name]
}

// number answers the next number of what is no ticket.
func (z *Zendesk) number() string { return strconv.Itoa(7_000_000 + z.Count("number")) }

func zendeskID(id string) int64 {
	number, _ := strconv.ParseInt(id, 10, 64)
	return number
}

func zendeskTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05Z") }
