package vendorfake

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// slackNo complains in Slack's way: by a word, under status 200.
func slackNo(w http.ResponseWriter, code string) {
	Answer(w, http.StatusOK, map[string]any{"ok": false, "error": code})
}

func slackYes(w http.ResponseWriter, body map[string]any) {
	body["ok"] = true
	Answer(w, http.StatusOK, body)
}

// slackForm reads an argument of a form or a query.
func slackForm(r *Request, name string) string {
	if r.Method == http.MethodGet {
		return r.URL.Query().Get(name)
	}
	form, err := url.ParseQuery(string(r.Data))
	if err != nil {
		return "" // which the description refuses before
	}
	return form.Get(name)
}

func (s *Slack) admit(w http.ResponseWriter, r *Request) bool {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer && r.Method == http.MethodPost {
		token = slackForm(r, "token")
	}
	switch {
	case token == "":
		slackNo(w, "not_authed")
	case s.Takes(token):
		return true
	case strings.HasPrefix(token, "access-"):
		slackNo(w, "token_expired")
	default:
		slackNo(w, "invalid_auth")
	}
	return false
}

func (s *Slack) who(w http.ResponseWriter, _ *Request) {
	s.with(func() { w.Header().Set("X-OAuth-Scopes", s.scopes) })
	slackYes(w, map[string]any{"url": "https://example.slack.com/", "team": "Example", "team_id": slackTeam, "user": "ticketd", "user_id": slackUs, "bot_id": slackBot})
}

// within complains of a channel that is not there, or where the app is not.
func (s *Slack) within(w http.ResponseWriter, channel string) bool {
	if channel != slackChannel {
		slackNo(w, "channel_not_found")
		return false
	}
	var outside bool
	s.with(func() { outside = s.outside })
	if outside {
		slackNo(w, "not_in_channel")
	}
	return !outside
}

func (s *Slack) post(w http.ResponseWriter, r *Request) {
	if !s.within(w, slackForm(r, "channel")) {
		return
	}
	ts, own := s.ts(), map[string]string{"text": slackForm(r, "text"), "blocks": slackForm(r, "blocks"), "metadata": slackForm(r, "metadata"), "user": slackUs, "bot": slackBot}
	shown := slackShown(own["blocks"])
	parent := slackForm(r, "thread_ts")
	if parent == "" {
		t := Ticket{ID: ts, Own: own}
		shown.into(&t)
		t.Status = slackStatus(own["metadata"])
		s.Add(t)
	} else if !s.Change(parent, Happening{What: Commented, ID: ts}, func(t *Ticket) {
		t.Comments = append(t.Comments, Comment{ID: ts, Author: shown.author, Text: shown.text, Own: own})
	}) {
		slackNo(w, "thread_not_found")
		return
	}
	slackYes(w, map[string]any{"channel": slackChannel, "ts": ts, "message": map[string]any{"type": "message", "ts": ts, "text": own["text"], "user": slackUs, "bot_id": slackBot}})
}

func (s *Slack) update(w http.ResponseWriter, r *Request) {
	ts := slackForm(r, "ts")
	if !s.within(w, slackForm(r, "channel")) {
		return
	}
	if !s.Change(ts, Happening{What: Changed}, func(t *Ticket) {
		t.Own["text"], t.Own["blocks"] = slackForm(r, "text"), slackForm(r, "blocks")
		if metadata := slackForm(r, "metadata"); metadata != "" { // what is not said stays
			t.Own["metadata"] = metadata
			t.Status = slackStatus(metadata)
		}
		slackShown(t.Own["blocks"]).into(t)
	}) {
		slackNo(w, "message_not_found")
		return
	}
	slackYes(w, map[string]any{"channel": slackChannel, "ts": ts, "text": slackForm(r, "text")})
}

// slackSight is what people see of a message.
type slackSight struct {
	title, text, author, priority string
	labels                        []string
}

// slackShown reads a message's blocks as people do.
func slackShown(blocks string) slackSight {
	var all []struct {
		Type string `json:"type"`
		ID   string `json:"block_id"`
		Text struct {
			Text string `json:"text"`
		} `json:"text"`
		Elements []struct {
			Text string `json:"text"`
		} `json:"elements"`
	}
	var shown slackSight
	if json.Unmarshal([]byte(blocks), &all) != nil {
		return shown
	}
	for _, b := range all {
		switch {
		case b.Type == "header":
			shown.title = b.Text.Text
		case b.Type == "section":
			shown.text += b.Text.Text
		case b.ID == "author":
			shown.author = b.Elements[0].Text
		case b.ID == "facts":
			for _, fact := range b.Elements {
				switch name, value, _ := strings.Cut(fact.Text, ": "); name {
				case "Priority":
					shown.priority = value
				case "Tags":
					shown.labels = strings.Split(value, ", ")
				}
			}
		}
	}
	return shown
}

func (s slackSight) into(t *Ticket) {
	t.Title, t.Description, t.Priority, t.Labels = s.title, s.text, s.priority, s.labels
}

func slackStatus(metadata string) string {
	var m struct {
		Payload map[string]string `json:"event_payload"`
	}
	if json.Unmarshal([]byte(metadata), &m) != nil {
		return ""
	}
	return m.Payload["status"]
}

func (s *Slack) permalink(w http.ResponseWriter, r *Request) {
	ts := slackForm(r, "message_ts")
	if _, known := s.Ticket(ts); !known {
		slackNo(w, "message_not_found")
		return
	}
	slackYes(w, map[string]any{"channel": slackChannel, "permalink": "https://example.slack.com/archives/" + slackChannel + "/p" + strings.ReplaceAll(ts, ".", "")})
}

func (s *Slack) info(w http.ResponseWriter, r *Request) {
	if slackForm(r, "channel") != slackChannel {
		slackNo(w, "channel_not_found")
		return
	}
	var outside bool
	s.with(func() { outside = s.outside })
	slackYes(w, map[string]any{"channel": map[string]any{"id": slackChannel, "name": "support", "is_member": !outside, "is_archived": false}})
}

func (s *Slack) userInfo(w http.ResponseWriter, r *Request) {
	id := slackForm(r, "user")
	found := ""
	s.with(func() {
		for name, of := range s.people {
			if of == id {
				found = name
			}
		}
	})
	if found == "" {
		slackNo(w, "user_not_found")
		return
	}
	slackYes(w, map[string]any{"user": map[string]any{"id": id, "profile": map[string]any{"real_name": found, "display_name": ""}}})
}

func (s *Slack) history(w http.ResponseWriter, r *Request) {
	if !s.within(w, slackForm(r, "channel")) {
		return
	}
	oldest, _, _ := strings.Cut(slackForm(r, "oldest"), ".")
	var all []map[string]any
	for _, t := range slices.Backward(s.Tickets()) { // the youngest first
		if !t.Deleted && (oldest == "" || t.ID >= oldest) { // as many digits, for some hundred years
			all = append(all, s.parent(t))
		}
	}
	s.page(w, r, all, nil)
}

func (s *Slack) replies(w http.ResponseWriter, r *Request) {
	if !s.within(w, slackForm(r, "channel")) {
		return
	}
	t, known := s.Ticket(slackForm(r, "ts"))
	if !known || t.Deleted && len(t.Comments) == 0 {
		slackNo(w, "thread_not_found")
		return
	}
	var all []map[string]any
	for _, c := range t.Comments {
		all = append(all, slackSaid(c.ID, c.Text, c.Own))
	}
	for _, f := range t.Files {
		m := slackSaid(f.Own["ts"], "", f.Own)
		m["files"] = []any{map[string]any{"id": f.ID, "name": f.Name, "title": f.Name, "size": f.Size, "permalink": "https://example.slack.com/files/" + f.ID}}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b map[string]any) int { return cmp.Compare(fmt.Sprint(a["ts"]), fmt.Sprint(b["ts"])) })
	s.page(w, r, all, s.parent(t))
}

// parent answers the message of a ticket. What was deleted leaves a tombstone above its thread.
func (s *Slack) parent(t Ticket) map[string]any {
	if t.Deleted {
		return map[string]any{"type": "message", "subtype": "tombstone", "ts": t.ID, "thread_ts": t.ID, "user": "USLACKBOT", "text": "This message was deleted."}
	}
	m := slackSaid(t.ID, "", t.Own)
	s.with(func() {
		if all := s.reactions[t.ID]; len(all) > 0 {
			m["reactions"] = slices.Clone(all)
		}
	})
	return m
}

// slackSaid answers a message as Slack tells it.
func slackSaid(ts, text string, own map[string]string) map[string]any {
	m := map[string]any{"type": "message", "ts": ts, "text": cmp.Or(own["text"], text), "user": own["user"]}
	if own["bot"] != "" {
		m["bot_id"] = own["bot"]
	}
	if own["subtype"] != "" {
		m["subtype"] = own["subtype"]
	}
	for _, name := range []string{"blocks", "metadata"} {
		if own[name] != "" {
			m[name] = json.RawMessage(own[name])
		}
	}
	return m
}

// page answers some of the messages, each time with the first one where there is one.
func (s *Slack) page(w http.ResponseWriter, r *Request, all []map[string]any, first map[string]any) {
	from, _ := strconv.Atoi(strings.TrimPrefix(slackForm(r, "cursor"), "page:")) // without one it is the first page
	most, err := strconv.Atoi(slackForm(r, "limit"))
	if err != nil {
		most = 100
	}
	s.with(func() { most = min(most, s.perPage) })
	to := min(from+most, len(all))
	body := map[string]any{"messages": all[from:to], "has_more": to < len(all)}
	if first != nil {
		body["messages"] = append([]map[string]any{first}, all[from:to]...)
	}
	if to < len(all) {
		body["response_metadata"] = map[string]any{"next_cursor": "page:" + strconv.Itoa(to)}
	}
	if slackForm(r, "include_all_metadata") != "true" {
		for _, m := range all {
			delete(m, "metadata")
		}
		delete(first, "metadata")
	}
	slackYes(w, body)
}

func (s *Slack) react(w http.ResponseWriter, r *Request) {
	ts, name := slackForm(r, "timestamp"), slackForm(r, "name")
	if !s.within(w, slackForm(r, "channel")) {
		return
	}
	added := false
	if !s.Change(ts, Happening{What: Moved, ID: name}, func(*Ticket) { s.with(func() { added = s.add(ts, name, slackUs) }) }) {
		slackNo(w, "message_not_found")
		return
	}
	if !added {
		slackNo(w, "already_reacted")
		return
	}
	slackYes(w, map[string]any{})
}

func (s *Slack) place(w http.ResponseWriter, r *Request) {
	length, err := strconv.ParseInt(slackForm(r, "length"), 10, 64)
	if err != nil {
		slackNo(w, "invalid_arguments")
		return
	}
	id := s.fileID()
	s.with(func() { s.uploads[id] = &slackUpload{name: slackForm(r, "filename"), length: length} })
	slackYes(w, map[string]any{"upload_url": "https://files.slack.com/upload/v1/" + id, "file_id": id})
}

func (s *Slack) upload(w http.ResponseWriter, r *Request) {
	id := r.Params["upload_id"]
	if r.Header.Get("Authorization") != "" {
		r.Wrong("the address is secret enough: no token goes there")
	}
	var u *slackUpload
	s.with(func() { u = s.uploads[id] })
	if u == nil {
		http.Error(w, "no such upload", http.StatusNotFound)
		return
	}
	file, err := Read(id, u.name, r.Body)
	if err != nil || file.Size != u.length {
		http.Error(w, "the length is wrong", http.StatusBadRequest)
		return
	}
	s.with(func() { u.file, u.came = file, true })
	// Whoever has gone needs no answer.
	_, _ = io.WriteString(w, fmt.Sprintf("OK - %d", file.Size))
}

func (s *Slack) complete(w http.ResponseWriter, r *Request) {
	var files []struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	if err := json.Unmarshal([]byte(slackForm(r, "files")), &files); err != nil || len(files) != 1 {
		slackNo(w, "invalid_arguments")
		return
	}
	if !s.within(w, slackForm(r, "channel_id")) {
		return
	}
	var u *slackUpload
	s.with(func() { u = s.uploads[files[0].ID] })
	if u == nil || !u.came {
		slackNo(w, "file_not_found")
		return
	}
	ts := s.ts()
	if !s.Change(slackForm(r, "thread_ts"), Happening{What: Filed, ID: ts}, func(t *Ticket) {
		file := u.file
		file.Own = map[string]string{"ts": ts, "user": slackUs, "bot": slackBot}
		t.Files = append(t.Files, file)
	}) {
		slackNo(w, "thread_not_found")
		return
	}
	slackYes(w, map[string]any{"files": []any{map[string]any{"id": files[0].ID, "title": files[0].Title}}})
}

func (s *Slack) access(w http.ResponseWriter, r *Request) {
	if slackForm(r, "client_id") != slackClient {
		slackNo(w, "invalid_client_id")
		return
	}
	if slackForm(r, "client_secret") != slackProof {
		slackNo(w, "bad_client_secret")
		return
	}
	give, refused := func() (Pair, error) { return s.Spend(slackForm(r, "code"), "") }, "invalid_code"
	if slackForm(r, "grant_type") == "refresh_token" {
		give, refused = func() (Pair, error) { return s.Refresh(slackForm(r, "refresh_token")) }, "invalid_refresh_token"
	}
	pair, err := give()
	if err != nil {
		slackNo(w, refused)
		return
	}
	slackYes(w, map[string]any{
		"access_token": pair.Access, "refresh_token": pair.Refresh, "expires_in": slackExpires, "token_type": "bot",
		"scope": "chat:write", "bot_user_id": slackUs, "app_id": "A0123456789", "team": map[string]any{"id": slackTeam, "name": "Example"},
	})
}
