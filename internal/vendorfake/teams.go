package vendorfake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"ticketd/commands"
)

// What the fake Teams knows of whoever connects.
const (
	teamsTenant  = "9a1b6c1e-0000-4000-8000-00000000000a"
	teamsTeam    = "9a1b6c1e-0000-4000-8000-00000000000b"
	teamsChannel = "19:4a95f7d8db4c4e7fae857bcebe0623e6@thread.tacv2"
	teamsClient  = "teams-client"
	teamsProof   = "teams-client-secret"
	teamsState   = "teams-client-state"
	teamsKey     = "dGVhbXMtb3V0Z29pbmctd2ViaG9vay1zZWNyZXQtMzI="
	teamsDrive   = "b!teams-drive"
	teamsFolder  = "01TEAMSFOLDER"
	teamsScopes  = "ChannelMessage.Send ChannelMessage.ReadWrite ChannelMessage.Read.All Channel.ReadBasic.All Files.ReadWrite.All"
	teamsMost    = 28 << 10
	teamsPiece   = 320 << 10
)

// teamsBase is the Base by a name that leaves its own to Vendor's method.
type teamsBase = Base

// Teams plays Microsoft Graph, as far as a channel goes.
type Teams struct {
	*teamsBase

	pair Pair

	mu       sync.Mutex
	perPage  int
	scopes   string
	items    map[string]teamsItem // by id
	sessions map[string]*teamsSession

	subscribed []TeamsSubscription
	later      time.Duration // how far the clock was moved
}

// teamsItem is a file in the channel's folder.
type teamsItem struct {
	file File
	guid string
}

// teamsSession is an upload in pieces.
type teamsSession struct {
	name   string
	came   int64
	digest hash.Hash
}

// NewTeams plays a Teams until it is closed.
func NewTeams() *Teams {
	v := &Teams{perPage: 50, scopes: teamsScopes, items: map[string]teamsItem{}, sessions: map[string]*teamsSession{}}
	const channel = "/teams/{team-id}/channels/{channel-id}"
	const message = channel + "/messages/{chatMessage-id}"
	const path = "/drives/{drive-id}/items/{driveItem-id}:/{file-name}:"
	v.teamsBase = Start(Options{
		Name: "teams", Prefix: `/v1\.0`, Bare: []string{"/{tenant}/", "/upload-session/"}, Query: []string{"$skiptoken"},
		Admit: v.admit, Left: teamsLeft,
		Operations: map[string]Handler{
			"GET " + channel:                              v.in(v.channel),
			"GET " + channel + "/filesFolder":             v.in(v.folder),
			"GET " + channel + "/messages":                v.in(v.list),
			"POST " + channel + "/messages":               v.in(v.post),
			"GET " + message:                              v.in(v.show),
			"PATCH " + message:                            v.in(v.edit),
			"GET " + message + "/replies":                 v.in(v.replies),
			"POST " + message + "/replies":                v.in(v.reply),
			"PUT " + path + "/content":                    v.put,
			"POST " + path + "/createUploadSession":       v.session,
			"PUT /upload-session/{session-id}":            v.piece,
			"GET /drives/{drive-id}/items/{driveItem-id}": v.item,
			"POST /{tenant}/oauth2/v2.0/token":            v.token,
			"GET /subscriptions":                          v.subscriptions,
			"POST /subscriptions":                         v.subscribe,
			"PATCH /subscriptions/{subscription-id}":      v.renewSubscription,
			"DELETE /subscriptions/{subscription-id}":     v.unsubscribe,
		},
	})
	v.pair = v.Grant()
	return v
}

// Base implements Vendor.
func (v *Teams) Base() *Base { return v.teamsBase }

// Connect implements Vendor: after a person's consent.
func (v *Teams) Connect() map[string]any {
	return map[string]any{
		"platform": "teams", "name": "Teams", "base_url": v.URL(), "auth_type": "oauth2",
		"credentials": map[string]any{
			"tenant_id": teamsTenant, "client_id": teamsClient, "client_secret": teamsProof, "refresh_token": v.pair.Refresh,
			"client_state": teamsState, "webhook_secret": teamsKey,
		},
		"settings": map[string]any{"team_id": teamsTeam, "channel_id": teamsChannel}, "sync_enabled": true,
	}
}

// Account implements Vendor, with an access token.
func (v *Teams) Account() commands.Account {
	a := v.Opened(v.Connect())
	a.Credentials[commands.AccessToken] = v.pair.Access
	return a
}

// Scopes says what tokens are granted from now on.
func (v *Teams) Scopes(scopes string) { v.with(func() { v.scopes = scopes }) }

// PerPage says how many messages are on a page.
func (v *Teams) PerPage(n int) { v.with(func() { v.perPage = n }) }

func (v *Teams) with(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
}

// Say implements Vendor.
func (v *Teams) Say(ticket, author, text string) string {
	return v.SayHTML(ticket, author, "<p>"+strings.ReplaceAll(html.EscapeString(text), "\n", "</p><p>")+"</p>")
}

// SayHTML lets a person there reply in HTML.
func (v *Teams) SayHTML(ticket, author, content string) string {
	id := v.number()
	v.Change(ticket, Happening{What: Commented, ID: id, Author: author}, func(t *Ticket) {
		t.Comments = append(t.Comments, Comment{ID: id, Author: author, Text: teamsText(content), Own: map[string]string{"content": content}})
	})
	return id
}

// Unsay lets a person there delete a reply.
func (v *Teams) Unsay(ticket, comment string) {
	v.Change(ticket, Happening{What: Commented, ID: comment, Author: "Somebody"}, func(t *Ticket) {
		for i := range t.Comments {
			if t.Comments[i].ID == comment {
				t.Comments[i].Own["deleted"] = "yes"
			}
		}
	})
}

// Move implements Vendor: a person replies with the status alone.
func (v *Teams) Move(ticket, status string) {
	id := v.Say(ticket, "Somebody", "status: "+status)
	v.Change(ticket, Happening{What: Moved, ID: id, Author: "Somebody"}, func(t *Ticket) { t.Status = status })
}

// Webhook implements Vendor, as a subscription's notice.
func (v *Teams) Webhook(ticket string) *http.Request {
	return v.notice(ticket, "7f105c7d-2dc5-4530-97cd-4e7ae6534c07", teamsState)
}

// notice answers what a subscription sends after what happened last to a ticket.
func (v *Teams) notice(ticket, subscription, state string) *http.Request {
	t, _ := v.Ticket(ticket)
	at := fmt.Sprintf("teams('%s')/channels('%s')/messages('%s')", teamsTeam, teamsChannel, ticket)
	kind := "updated"
	switch t.Last.What {
	case Made:
		kind = "created"
	case Commented, Moved, Filed:
		kind = "created"
		at += "/replies('" + t.Last.ID + "')"
	}
	body, _ := json.Marshal(map[string]any{"value": []any{map[string]any{
		"subscriptionId": subscription, "subscriptionExpirationDateTime": teamsTime(time.Now().Add(time.Hour)),
		"changeType": kind, "clientState": state, "tenantId": teamsTenant, "resource": at,
		"resourceData": map[string]any{"@odata.type": "#Microsoft.Graph.chatMessage", "@odata.id": at, "@odata.etag": strconv.Itoa(v.Count("notice")), "id": t.Last.ID},
	}}})
	return teamsHook(body, "")
}

// Mention answers what an outgoing webhook sends when a person mentions it in a ticket's thread.
func (v *Teams) Mention(ticket, author, text string) *http.Request {
	body, _ := json.Marshal(map[string]any{
		"type": "message", "id": v.number(), "timestamp": teamsTime(time.Now()), "text": text, "from": map[string]any{"name": author},
		"conversation": map[string]any{"conversationType": "channel", "id": teamsChannel + ";messageid=" + ticket},
	})
	key, _ := base64.StdEncoding.DecodeString(teamsKey)
	sum := hmac.New(sha256.New, key)
	sum.Write(body)
	return teamsHook(body, "HMAC "+base64.StdEncoding.EncodeToString(sum.Sum(nil)))
}

func teamsHook(body []byte, proof string) *http.Request {
	r := &http.Request{
		Method: http.MethodPost, URL: &url.URL{}, Header: http.Header{}, ContentLength: int64(len(body)),
		Body: io.NopCloser(strings.NewReader(string(body))),
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	if proof != "" {
		r.Header.Set("Authorization", proof)
	}
	return r
}

func (v *Teams) admit(w http.ResponseWriter, r *Request) bool {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if v.Takes(token) {
		return true
	}
	teamsRefuse(w, http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
	return false
}

func teamsRefuse(w http.ResponseWriter, status int, code, message string) {
	Answer(w, status, map[string]any{"error": map[string]any{"code": code, "message": message, "innerError": map[string]any{"request-id": uuid.NewString()}}})
}

// teamsLeft writes what Graph writes: nothing before it is too late.
func teamsLeft(h http.Header, l Left) (int, string) {
	if l.Refused {
		h.Set("Retry-After", strconv.Itoa(int((l.Reset.Sub(l.Now)+time.Second-1)/time.Second)))
	}
	return http.StatusTooManyRequests, `{"error":{"code":"TooManyRequests","message":"The request has been throttled."}}`
}

// in plays an operation for the one channel that there is.
func (v *Teams) in(play Handler) Handler {
	return func(w http.ResponseWriter, r *Request) {
		if r.Params["team-id"] != teamsTeam || r.Params["channel-id"] != teamsChannel {
			teamsRefuse(w, http.StatusNotFound, "NotFound", "Resource not found.")
			return
		}
		play(w, r)
	}
}

func (v *Teams) channel(w http.ResponseWriter, _ *Request) {
	Answer(w, http.StatusOK, map[string]any{"id": teamsChannel, "displayName": "Tickets"})
}

func (v *Teams) folder(w http.ResponseWriter, _ *Request) {
	Answer(w, http.StatusOK, map[string]any{"id": teamsFolder, "name": "Tickets", "parentReference": map[string]any{"driveId": teamsDrive}})
}

// teamsMessage is what is written in a channel.
type teamsMessage struct {
	Subject    *string `json:"subject"`
	Importance string  `json:"importance"`
	Body       *struct {
		Content string `json:"content"`
	} `json:"body"`
	Attachments []teamsAttachment `json:"attachments"`
}

type teamsAttachment struct {
	ID         string `json:"id"`
	ContentURL string `json:"contentUrl"`
	Name       string `json:"name"`
}

// size is how long a message is, as Graph counts it.
func (m teamsMessage) size() int {
	size := 0
	if m.Body != nil {
		size += len(m.Body.Content)
	}
	if m.Subject != nil {
		size += len(*m.Subject)
	}
	for _, a := range m.Attachments {
		size += len(a.ID) + len(a.ContentURL) + len(a.Name)
	}
	return size
}

// read reads a message, and refuses what Graph would.
func (v *Teams) read(w http.ResponseWriter, r *Request) (teamsMessage, bool) {
	var m teamsMessage
	_ = r.JSON(&m) // valid by the description
	switch {
	case m.size() > teamsMost:
		teamsRefuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "Request Entity too large.")
		return m, false
	case slices.ContainsFunc(m.Attachments, func(a teamsAttachment) bool {
		return !strings.Contains(m.Body.Content, `<attachment id="`+a.ID+`"></attachment>`)
	}):
		teamsRefuse(w, http.StatusBadRequest, "BadRequest", "Attachments in the message payload must be referenced in the body.")
		return m, false
	}
	return m, true
}

func (v *Teams) post(w http.ResponseWriter, r *Request) {
	m, ok := v.read(w, r)
	if !ok {
		return
	}
	t := Ticket{ID: v.number(), Own: map[string]string{}}
	m.into(&t)
	v.Add(t)
	t, _ = v.Ticket(t.ID)
	Answer(w, http.StatusCreated, v.message(t))
}

// into writes a message over what a ticket says. The status is the word after its label, which comes first.
func (m teamsMessage) into(t *Ticket) {
	if m.Subject != nil {
		t.Title = *m.Subject
	}
	if m.Importance != "" {
		t.Priority = m.Importance
	}
	if m.Body == nil {
		return
	}
	t.Own["content"] = m.Body.Content
	t.Description = teamsText(m.Body.Content)
	if found := teamsStatus.FindStringSubmatch(t.Description); found != nil {
		t.Status = strings.TrimSpace(found[1])
	}
	t.Labels = nil
	if found := teamsTags.FindStringSubmatch(t.Description); found != nil {
		t.Labels = strings.Split(strings.TrimSpace(found[1]), ", ")
	}
}

var (
	teamsStatus = regexp.MustCompile(`^Status: (.*)`)
	teamsTags   = regexp.MustCompile(`(?m)^.*Tags: ([^·\n]*)`)
	teamsBreak  = regexp.MustCompile(`<br>|</p>`)
	teamsTag    = regexp.MustCompile(`<[^>]*>`)
)

// teamsText answers what simple HTML shows.
func teamsText(content string) string {
	return strings.TrimSpace(html.UnescapeString(teamsTag.ReplaceAllString(teamsBreak.ReplaceAllString(content, "\n"), "")))
}

// page answers a page of messages.
func (v *Teams) page(w http.ResponseWriter, r *Request, all []any) {
	v.mu.Lock()
	per := v.perPage
	v.mu.Unlock()
	if top, err := strconv.Atoi(r.URL.Query().Get("$top")); err == nil {
		per = min(per, top)
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("$skiptoken"))
	to := min(from+per, len(all))
	body := map[string]any{"value": all[min(from, to):to]}
	if to < len(all) {
		body["@odata.nextLink"] = "https://graph.microsoft.com" + r.URL.EscapedPath() + "?$top=" + strconv.Itoa(per) + "&$skiptoken=" + strconv.Itoa(to)
	}
	Answer(w, http.StatusOK, body)
}

func (v *Teams) list(w http.ResponseWriter, r *Request) {
	all := []any{}
	tickets := v.Tickets()
	slices.SortStableFunc(tickets, func(a, b Ticket) int { return b.Changed.Compare(a.Changed) })
	for _, t := range tickets {
		all = append(all, v.message(t))
	}
	v.page(w, r, all)
}

// there answers the ticket that is asked for, or that there is none.
func (v *Teams) there(w http.ResponseWriter, r *Request) (Ticket, bool) {
	t, ok := v.Ticket(r.Params["chatMessage-id"])
	if !ok {
		teamsRefuse(w, http.StatusNotFound, "NotFound", "Message not found.")
	}
	return t, ok
}

func (v *Teams) show(w http.ResponseWriter, r *Request) {
	if t, ok := v.there(w, r); ok {
		Answer(w, http.StatusOK, v.message(t))
	}
}

func (v *Teams) edit(w http.ResponseWriter, r *Request) {
	t, ok := v.there(w, r)
	if !ok {
		return
	}
	m, ok := v.read(w, r)
	if !ok {
		return
	}
	v.Change(t.ID, Happening{What: Changed}, m.into)
	w.WriteHeader(http.StatusNoContent)
}

func (v *Teams) replies(w http.ResponseWriter, r *Request) {
	t, ok := v.there(w, r)
	if !ok {
		return
	}
	all := []any{}
	for _, c := range slices.Backward(t.Comments) {
		all = append(all, v.replied(t, c))
	}
	v.page(w, r, all)
}

func (v *Teams) reply(w http.ResponseWriter, r *Request) {
	t, ok := v.there(w, r)
	if !ok {
		return
	}
	m, ok := v.read(w, r)
	if !ok {
		return
	}
	c := Comment{ID: v.number(), Text: teamsText(m.Body.Content), Own: map[string]string{"content": m.Body.Content}}
	h := Happening{What: Commented, ID: c.ID}
	var files []File
	for _, a := range m.Attachments {
		v.mu.Lock()
		item := v.items[teamsItemID(a.ID)]
		v.mu.Unlock()
		if item.guid == "" || a.ContentURL != teamsAddress(item) {
			teamsRefuse(w, http.StatusBadRequest, "BadRequest", "The attachment does not exist.")
			return
		}
		item.file.Name, item.file.Own = a.Name, map[string]string{"comment": c.ID, "guid": item.guid, "address": a.ContentURL}
		files = append(files, item.file)
		h.What = Filed
	}
	if !v.Change(t.ID, h, func(t *Ticket) { t.Comments, t.Files = append(t.Comments, c), append(t.Files, files...) }) {
		teamsRefuse(w, http.StatusNotFound, "NotFound", "Message not found.")
		return
	}
	t, _ = v.Ticket(t.ID)
	Answer(w, http.StatusCreated, v.replied(t, t.Comments[len(t.Comments)-1]))
}

func (v *Teams) put(w http.ResponseWriter, r *Request) {
	file, err := Read("", r.Params["file-name"], r.Body)
	if err != nil {
		teamsRefuse(w, http.StatusBadRequest, "invalidRequest", "The bytes did not come.")
		return
	}
	Answer(w, http.StatusCreated, v.keep(file))
}

// keep keeps a file, in the place of one of the same name.
func (v *Teams) keep(file File) map[string]any {
	guid := strings.ToUpper(uuid.NewSHA1(v.id, []byte(file.Name)).String())
	file.ID = teamsItemID(guid)
	v.with(func() { v.items[file.ID] = teamsItem{file, guid} })
	return map[string]any{"id": file.ID, "name": file.Name, "size": file.Size, "eTag": `"{` + guid + `},1"`}
}

func teamsItemID(guid string) string { return "01" + strings.ReplaceAll(guid, "-", "") }

func teamsAddress(i teamsItem) string {
	return "https://example.sharepoint.com/sites/team/Shared%20Documents/Tickets/" + url.PathEscape(i.file.Name)
}

func (v *Teams) session(w http.ResponseWriter, r *Request) {
	id := "session-" + strconv.Itoa(v.Count("session"))
	v.with(func() { v.sessions[id] = &teamsSession{name: r.Params["file-name"], digest: sha256.New()} })
	Answer(w, http.StatusOK, map[string]any{"uploadUrl": "https://example.sharepoint.com/upload-session/" + id, "nextExpectedRanges": []any{"0-"}})
}

// piece takes the next piece of an upload, which must be the next one and of SharePoint's measure.
func (v *Teams) piece(w http.ResponseWriter, r *Request) {
	if r.Header.Get("Authorization") != "" {
		r.Wrong("a token for the address of an upload")
	}
	v.mu.Lock()
	s := v.sessions[r.Params["session-id"]]
	v.mu.Unlock()
	var from, to, all int64
	if _, err := fmt.Sscanf(r.Header.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &all); err != nil || s == nil || from != s.came {
		teamsRefuse(w, http.StatusRequestedRangeNotSatisfiable, "invalidRange", "The range was received already, or is out of order.")
		return
	}
	size, err := io.Copy(s.digest, r.Body)
	if err != nil || size != to-from+1 || to+1 < all && size%teamsPiece != 0 {
		r.Wrong("a piece that is no multiple of 320 KiB, or not as long as it says")
		teamsRefuse(w, http.StatusBadRequest, "invalidRange", "The piece does not fit.")
		return
	}
	s.came += size
	if s.came < all {
		Answer(w, http.StatusAccepted, map[string]any{"nextExpectedRanges": []any{strconv.FormatInt(s.came, 10) + "-"}})
		return
	}
	Answer(w, http.StatusCreated, v.keep(File{Name: s.name, Size: s.came, SHA256: hex.EncodeToString(s.digest.Sum(nil))}))
}

func (v *Teams) item(w http.ResponseWriter, r *Request) {
	v.mu.Lock()
	item := v.items[r.Params["driveItem-id"]]
	v.mu.Unlock()
	if item.guid == "" {
		teamsRefuse(w, http.StatusNotFound, "itemNotFound", "The resource could not be found.")
		return
	}
	body := map[string]any{"id": item.file.ID, "name": item.file.Name, "eTag": `"{` + item.guid + `},1"`}
	if strings.Contains(r.URL.Query().Get("$select"), "webDavUrl") {
		body["webDavUrl"] = teamsAddress(item)
	}
	Answer(w, http.StatusOK, body)
}

func (v *Teams) token(w http.ResponseWriter, r *Request) {
	asked, _ := url.ParseQuery(string(r.Data))
	var pair Pair
	err := ErrRevoked
	if r.Params["tenant"] == teamsTenant && asked.Get("client_id") == teamsClient && asked.Get("client_secret") == teamsProof {
		switch asked.Get("grant_type") {
		case "authorization_code":
			pair, err = v.Spend(asked.Get("code"), asked.Get("code_verifier"))
		case "refresh_token":
			pair, err = v.Refresh(asked.Get("refresh_token"))
		}
	}
	if err != nil {
		Answer(w, http.StatusBadRequest, map[string]any{
			"error": "invalid_grant", "error_description": "AADSTS70008: The provided authorization code or refresh token has expired due to inactivity.\r\nTrace ID: 1\r\nTimestamp: 2",
		})
		return
	}
	v.mu.Lock()
	scopes := v.scopes
	v.mu.Unlock()
	Answer(w, http.StatusOK, map[string]any{"access_token": pair.Access, "refresh_token": pair.Refresh, "token_type": "Bearer", "scope": scopes, "expires_in": 4000})
}

func (v *Teams) message(t Ticket) map[string]any {
	m := map[string]any{
		"id": t.ID, "messageType": "message", "subject": t.Title, "importance": t.Priority, "etag": strconv.FormatInt(t.Changed.UnixMilli(), 10),
		"createdDateTime": teamsTime(t.Made), "lastModifiedDateTime": teamsTime(t.Changed), "deletedDateTime": nil,
		"webUrl": "https://teams.microsoft.com/l/message/" + url.PathEscape(teamsChannel) + "/" + t.ID,
		"from":   teamsFrom("Bot"), "body": map[string]any{"contentType": "html", "content": t.Own["content"]}, "attachments": []any{},
	}
	if t.Deleted {
		m["deletedDateTime"], m["body"] = teamsTime(t.Changed), map[string]any{"contentType": "html", "content": ""}
	}
	return m
}

func (v *Teams) replied(t Ticket, c Comment) map[string]any {
	hanging := []any{}
	for _, f := range t.Files {
		if f.Own["comment"] == c.ID {
			hanging = append(hanging, map[string]any{"id": f.Own["guid"], "contentType": "reference", "contentUrl": f.Own["address"], "name": f.Name})
		}
	}
	author := c.Author
	if author == "" {
		author = "Bot"
	}
	m := map[string]any{
		"id": c.ID, "replyToId": t.ID, "messageType": "message", "createdDateTime": teamsTime(c.At), "lastModifiedDateTime": teamsTime(c.At), "deletedDateTime": nil,
		"from": teamsFrom(author), "body": map[string]any{"contentType": "html", "content": c.Own["content"]}, "attachments": hanging,
	}
	if c.Own["deleted"] != "" {
		m["deletedDateTime"], m["body"] = teamsTime(c.At), map[string]any{"contentType": "html", "content": ""}
	}
	if kind := c.Own["type"]; kind != "" {
		m["messageType"] = kind
	}
	if c.Own["app"] != "" {
		m["from"] = map[string]any{"application": map[string]any{"displayName": author}, "user": nil}
	}
	return m
}

func teamsFrom(name string) map[string]any {
	return map[string]any{"user": map[string]any{"id": name, "displayName": name, "userIdentityType": "aadUser"}, "application": nil}
}

// number answers the id of the next message, which looks like a time.
func (v *Teams) number() string { return strconv.Itoa(1_716_990_032_035 + v.Count("message")) }

func teamsTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }
