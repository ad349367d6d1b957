package vendorfake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ticketd/commands"
	"ticketd/domain/integration"
)

// What the fake Slack knows of whoever connects.
const (
	slackChannel = "C0123456789"
	slackToken   = "xoxb-slack-bot-token" //nolint:gosec // nobody takes it
	slackSecret  = "8f742231b10e8888abcd99yyyzzz85a5"
	slackClient  = "1234.5678"
	slackProof   = "slack-client-secret"
	slackUs      = "U0TICKETBOT"
	slackBot     = "B0TICKETBOT"
	slackTeam    = "T0123456789"
	slackExpires = 43_200 // seconds
)

// slackBase is the Base by a name that leaves its own to Vendor's method.
type slackBase = Base

// Slack plays a workspace of Slack with one channel. A ticket is a message there, read from its blocks as people see them.
type Slack struct {
	*slackBase

	pair    Pair
	mapping integration.Mapping

	mu        sync.Mutex
	perPage   int
	outside   bool
	scopes    string
	people    map[string]string          // the ids of people, by name
	reactions map[string][]slackReaction // by ticket
	uploads   map[string]*slackUpload    // by id
}

type slackReaction struct {
	Name  string   `json:"name"`
	Users []string `json:"users"`
	Count int      `json:"count"`
}

type slackUpload struct {
	name   string
	length int64
	file   File
	came   bool
}

// NewSlack plays a Slack until it is closed.
func NewSlack() *Slack {
	s := &Slack{
		mapping: integration.Slack.Over(integration.Mapping{}), perPage: 200,
		scopes: "chat:write,files:write,files:read,reactions:write,reactions:read,channels:read,channels:history",
		people: map[string]string{}, reactions: map[string][]slackReaction{}, uploads: map[string]*slackUpload{},
	}
	s.slackBase = Start(Options{
		// the one argument that is younger than the description
		Name: "slack", Prefix: "/api", Bare: []string{"/upload/"}, Query: []string{"include_all_metadata"},
		Admit: s.admit, Left: slackLeft, Rotates: true,
		Operations: map[string]Handler{
			"POST /auth.test":                    s.who,
			"POST /chat.postMessage":             s.post,
			"POST /chat.update":                  s.update,
			"GET /chat.getPermalink":             s.permalink,
			"GET /conversations.info":            s.info,
			"GET /conversations.history":         s.history,
			"GET /conversations.replies":         s.replies,
			"POST /reactions.add":                s.react,
			"GET /users.info":                    s.userInfo,
			"POST /files.getUploadURLExternal":   s.place,
			"POST /upload/v1/{upload_id}":        s.upload,
			"POST /files.completeUploadExternal": s.complete,
			"POST /oauth.v2.access":              s.access,
		},
	})
	s.pair = s.Grant()
	s.Fix(slackToken)
	return s
}

// Base implements Vendor.
func (s *Slack) Base() *Base { return s.slackBase }

// Connect implements Vendor: by oauth2 with rotated tokens, after a person's consent.
func (s *Slack) Connect() map[string]any {
	return map[string]any{
		"platform": "slack", "name": "Slack", "base_url": s.URL(), "auth_type": "oauth2",
		"credentials": map[string]any{
			"client_id": slackClient, "client_secret": slackProof, "refresh_token": s.pair.Refresh, "signing_secret": slackSecret,
		},
		"settings": map[string]any{"channel": slackChannel}, "sync_enabled": true,
	}
}

// ConnectByToken answers the body that connects by a bot's token.
func (s *Slack) ConnectByToken() map[string]any {
	body := s.Connect()
	body["auth_type"] = "bearer"
	body["credentials"] = map[string]any{"bot_token": slackToken, "signing_secret": slackSecret}
	return body
}

// Account implements Vendor, with an access token.
func (s *Slack) Account() commands.Account {
	a := s.Opened(s.Connect())
	a.Credentials[commands.AccessToken] = s.pair.Access
	return a
}

// PerPage says how many messages are on a page at most, whatever is asked for.
func (s *Slack) PerPage(n int) { s.with(func() { s.perPage = n }) }

// Leave lets somebody throw the app out of the channel.
func (s *Slack) Leave() { s.with(func() { s.outside = true }) }

// Scopes says what the token is for, separated by commas.
func (s *Slack) Scopes(scopes string) { s.with(func() { s.scopes = scopes }) }

func (s *Slack) with(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// person answers the id of somebody there.
func (s *Slack) person(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.people[name] == "" {
		s.people[name] = fmt.Sprintf("U%09d", len(s.people)+1)
	}
	return s.people[name]
}

// Say implements Vendor: a person answers in the thread.
func (s *Slack) Say(ticket, author, text string) string { return s.say(ticket, author, text, nil) }

// Robot lets another program answer in the thread.
func (s *Slack) Robot(ticket, text string) string {
	return s.say(ticket, "Robot", text, map[string]string{"bot": "B0ROBOT"})
}

// System lets Slack itself say something in the thread, like that somebody joined.
func (s *Slack) System(ticket, text string) string {
	return s.say(ticket, "Somebody", text, map[string]string{"subtype": "channel_join"})
}

func (s *Slack) say(ticket, author, text string, more map[string]string) string {
	ts, user := s.ts(), s.person(author)
	s.Change(ticket, Happening{What: Commented, ID: ts, Author: author}, func(t *Ticket) {
		own := map[string]string{"user": user}
		maps.Copy(own, more)
		t.Comments = append(t.Comments, Comment{ID: ts, Author: author, Text: text, Own: own})
	})
	return ts
}

// Hand lets a person share a file in the thread.
func (s *Slack) Hand(ticket, author, name string, size int64) string {
	ts, user, id := s.ts(), s.person(author), s.fileID()
	s.Change(ticket, Happening{What: Filed, ID: ts, Author: author}, func(t *Ticket) {
		t.Files = append(t.Files, File{ID: id, Name: name, Size: size, Own: map[string]string{"ts": ts, "user": user}})
	})
	return id
}

// Move implements Vendor: somebody reacts with the emoji. Without one they take theirs away.
func (s *Slack) Move(ticket, status string) { s.MoveBy(ticket, "Somebody", status) }

// MoveBy lets one of several people react.
func (s *Slack) MoveBy(ticket, author, status string) {
	user := s.person(author)
	s.Change(ticket, Happening{What: Moved, ID: status, Author: author}, func(t *Ticket) {
		t.Status = status
		s.with(func() {
			if status == "" {
				s.withdraw(ticket, user)
				return
			}
			s.add(ticket, status, user)
		})
	})
}

// add adds a reaction, behind those that there are. false: it was there.
func (s *Slack) add(ticket, name, user string) bool {
	all := s.reactions[ticket]
	at := slices.IndexFunc(all, func(r slackReaction) bool { return r.Name == name })
	if at < 0 {
		s.reactions[ticket] = append(all, slackReaction{Name: name, Users: []string{user}, Count: 1})
		return true
	}
	if slices.Contains(all[at].Users, user) {
		return false
	}
	all[at].Users = append(all[at].Users, user)
	all[at].Count++
	return true
}

func (s *Slack) withdraw(ticket, user string) {
	var left []slackReaction
	for _, r := range s.reactions[ticket] {
		r.Users = slices.DeleteFunc(r.Users, func(u string) bool { return u == user })
		if r.Count = len(r.Users); r.Count > 0 {
			left = append(left, r)
		}
	}
	s.reactions[ticket] = left
}

// ts answers the next message's id: it begins with the second, and is only ever text.
func (s *Slack) ts() string {
	return fmt.Sprintf("%d.%06d", time.Now().Unix(), s.Count("ts")%1_000_000)
}

func (s *Slack) fileID() string { return fmt.Sprintf("F%09d", s.Count("file")) }

// Webhook implements Vendor.
func (s *Slack) Webhook(ticket string) *http.Request {
	t, _ := s.Ticket(ticket)
	event := map[string]any{"type": "message", "channel": slackChannel, "event_ts": s.ts(), "channel_type": "channel"}
	by := func(author string) {
		event["user"] = slackUs
		if author != "" {
			event["user"] = s.person(author)
		} else {
			event["bot_id"] = slackBot
		}
	}
	switch last := t.Last; last.What {
	case Made:
		event["ts"] = t.ID
		by("")
	case Changed:
		event["subtype"], event["hidden"], event["ts"] = "message_changed", true, s.ts()
		event["message"] = map[string]any{"user": slackUs, "bot_id": slackBot, "ts": t.ID, "thread_ts": t.ID, "text": t.Own["text"]}
		event["previous_message"] = event["message"]
	case Moved:
		event = map[string]any{
			"type": "reaction_added", "user": slackUs, "reaction": last.ID, "item_user": slackUs, "event_ts": s.ts(),
			"item": map[string]any{"type": "message", "channel": slackChannel, "ts": t.ID},
		}
		if last.Author != "" {
			event["user"] = s.person(last.Author)
		}
	case Commented, Filed:
		event["ts"], event["thread_ts"] = last.ID, t.ID
		if last.What == Filed {
			event["subtype"] = "file_share"
		}
		by(last.Author)
	case Deleted:
		event["subtype"], event["hidden"], event["deleted_ts"], event["ts"] = "message_deleted", true, t.ID, s.ts()
		event["previous_message"] = map[string]any{"user": slackUs, "bot_id": slackBot, "ts": t.ID, "text": t.Own["text"]}
	}
	return s.Event(event)
}

// Event answers the signed webhook of an event.
func (s *Slack) Event(event map[string]any) *http.Request {
	return slackSigned(map[string]any{
		"type": "event_callback", "token": "unused", "team_id": slackTeam, "api_app_id": "A0123456789",
		"event": event, "event_id": fmt.Sprintf("Ev%010d", s.Count("event")), "event_time": time.Now().Unix(),
		"authorizations": []any{map[string]any{"team_id": slackTeam, "user_id": slackUs, "is_bot": true, "is_enterprise_install": false}},
	})
}

// Handshake answers the signed webhook by which Slack tries an address.
func (s *Slack) Handshake(challenge string) *http.Request {
	return slackSigned(map[string]any{"type": "url_verification", "token": "unused", "challenge": challenge})
}

func slackSigned(body map[string]any) *http.Request {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // it is made above
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(slackSecret))
	mac.Write([]byte("v0:" + at + ":" + string(text)))
	r, err := http.NewRequest(http.MethodPost, "", strings.NewReader(string(text))) //nolint:noctx // whoever sends it gives it one
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Slack-Request-Timestamp", at)
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	return r
}

// slackLeft is all that Slack says of its limits: how long to wait, when it is too late.
func slackLeft(h http.Header, l Left) (int, string) {
	if l.Refused {
		h.Set("Content-Type", "application/json")
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(l.Reset.Sub(l.Now).Seconds()))))
	}
	return http.StatusTooManyRequests, `{"ok":false,"error":"ratelimited"}`
}
