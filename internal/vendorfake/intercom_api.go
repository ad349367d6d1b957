package vendorfake

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func intercomNo(w http.ResponseWriter, status int, code, message string) {
	Answer(w, status, map[string]any{"type": "error.list", "request_id": "r", "errors": []any{map[string]any{"code": code, "message": message}}})
}

func (i *Intercom) admit(w http.ResponseWriter, r *Request) bool {
	if r.Header.Get("Intercom-Version") != intercomVersion {
		r.Wrong("what is said here is the version " + intercomVersion)
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !i.Takes(token) {
		intercomNo(w, http.StatusUnauthorized, "unauthorized", "Access Token Invalid")
		return false
	}
	return true
}

func (i *Intercom) me(w http.ResponseWriter, _ *Request) {
	Answer(w, http.StatusOK, map[string]any{
		"type": "admin", "id": intercomUs, "name": "Ticket Bot", "email": "bot@example.com", "email_verified": true, "has_inbox_seat": true,
		"app": map[string]any{"type": "app", "id_code": intercomApp, "name": "Example", "region": "US"},
	})
}

func (i *Intercom) admins(w http.ResponseWriter, _ *Request) {
	Answer(w, http.StatusOK, map[string]any{"type": "admin.list", "admins": []any{map[string]any{"type": "admin", "id": intercomUs, "name": "Ticket Bot"}}})
}

func (i *Intercom) contacts(w http.ResponseWriter, r *Request) {
	var body struct {
		Query intercomFilter `json:"query"`
	}
	if err := r.JSON(&body); err != nil || body.Query.Field != "id" {
		intercomNo(w, http.StatusBadRequest, "field_not_found", "There is no such field")
		return
	}
	count, data := 0, []any{}
	if body.Query.is(intercomContact) {
		count, data = 1, []any{map[string]any{"type": "contact", "id": intercomContact}}
	}
	Answer(w, http.StatusOK, map[string]any{"type": "list", "data": data, "total_count": count})
}

func (i *Intercom) types(w http.ResponseWriter, _ *Request) {
	attribute := map[string]any{
		"type": "ticket_type_attribute", "id": "210", "name": "priority", "data_type": "list", "archived": false,
		"input_options": map[string]any{"list_options": []any{
			map[string]any{"id": "de1825a0-0164-4070-8ca6-13e22462fa7e", "label": "Low", "archived": false},
			map[string]any{"id": "de1825a0-0164-4070-8ca6-13e22462fa7f", "label": "High", "archived": false},
		}},
	}
	Answer(w, http.StatusOK, map[string]any{"type": "list", "data": []any{
		map[string]any{"type": "ticket_type", "id": "1233", "name": "Old", "archived": true},
		map[string]any{
			"type": "ticket_type", "id": intercomType, "name": "Bug", "category": "Customer", "archived": false,
			"ticket_type_attributes": map[string]any{"type": "list", "ticket_type_attributes": []any{attribute}},
		},
	}})
}

func (i *Intercom) states(w http.ResponseWriter, _ *Request) {
	var data []any
	for _, s := range intercomStates {
		state := map[string]any{"type": "ticket_state", "id": s.id, "category": s.category, "archived": s.archived, "internal_label": s.category, "external_label": s.category}
		if s.kind != "" {
			state["ticket_types"] = map[string]any{"type": "list", "data": []any{map[string]any{"type": "ticket_type", "id": s.kind}}}
		}
		data = append(data, state)
	}
	Answer(w, http.StatusOK, map[string]any{"type": "list", "data": data})
}

// intercomDraft is what is said of a ticket.
type intercomDraft struct {
	Type       string              `json:"ticket_type_id"`
	Contacts   []map[string]string `json:"contacts"`
	Attributes map[string]string   `json:"ticket_attributes"`
	State      string              `json:"ticket_state_id"`
	Open       *bool               `json:"open"`
}

func (d intercomDraft) into(t *Ticket) {
	for name, value := range d.Attributes {
		switch name {
		case "_default_title_":
			t.Title = value
		case "_default_description_":
			t.Description = value
		case "priority":
			t.Priority = value
		}
	}
}

func (i *Intercom) create(w http.ResponseWriter, r *Request) {
	var d intercomDraft
	if err := r.JSON(&d); err != nil || d.Type != intercomType {
		intercomNo(w, http.StatusNotFound, "ticket_type_not_found", "Ticket type not found")
		return
	}
	if len(d.Contacts) != 1 || len(d.Contacts[0]) != 1 || d.Contacts[0]["email"] == "" && d.Contacts[0]["id"] != intercomContact {
		intercomNo(w, http.StatusBadRequest, "parameter_invalid", "Contact not found")
		return
	}
	number := i.Count("ticket")
	t := Ticket{ID: strconv.Itoa(490 + number), Status: "submitted", Own: map[string]string{"number": strconv.Itoa(number), "open": "true", "email": d.Contacts[0]["email"]}}
	d.into(&t)
	i.Add(t)
	i.answer(w, t.ID)
}

func (i *Intercom) answer(w http.ResponseWriter, id string) {
	t, known := i.Ticket(id)
	if !known || t.Deleted {
		intercomNo(w, http.StatusNotFound, "ticket_not_found", "Ticket not found")
		return
	}
	Answer(w, http.StatusOK, i.told(t, true))
}

func (i *Intercom) show(w http.ResponseWriter, r *Request) { i.answer(w, r.Params["ticket_id"]) }

func (i *Intercom) update(w http.ResponseWriter, r *Request) {
	var d intercomDraft
	if err := r.JSON(&d); err != nil {
		intercomNo(w, http.StatusBadRequest, "parameter_invalid", "The attributes make no sense")
		return
	}
	id := r.Params["ticket_id"]
	if d.Attributes != nil {
		i.Change(id, Happening{What: Changed}, d.into)
	}
	if d.State != "" {
		at := slices.IndexFunc(intercomStates, func(s intercomState) bool {
			return s.id == d.State && !s.archived && (s.kind == "" || s.kind == intercomType)
		})
		if at < 0 {
			intercomNo(w, http.StatusUnprocessableEntity, "parameter_invalid", "Ticket state is not valid")
			return
		}
		i.move(id, intercomStates[at].category, "")
	}
	if d.Open != nil {
		i.Change(id, Happening{What: Moved}, func(t *Ticket) { t.Own["open"] = strconv.FormatBool(*d.Open) })
	}
	i.answer(w, id)
}

func (i *Intercom) reply(w http.ResponseWriter, r *Request) {
	var said struct {
		Admin string `json:"admin_id"`
		Kind  string `json:"message_type"`
		Body  string `json:"body"`
		Files []struct {
			Name string `json:"name"`
			Type string `json:"content_type"`
			Data string `json:"data"`
		} `json:"attachment_files"`
	}
	if err := r.JSON(&said); err != nil || said.Admin != intercomUs || said.Body == "" {
		intercomNo(w, http.StatusUnprocessableEntity, "parameter_invalid", "Admin or body is not valid")
		return
	}
	id, ticket := i.number(), r.Params["ticket_id"]
	own := map[string]string{"body": said.Body, "author": "admin", "kind": said.Kind}
	happened := Happening{What: Commented, ID: id}
	var files []File
	for n, f := range said.Files {
		file, err := Read(fmt.Sprintf("%s-%d", id, n), f.Name, base64.NewDecoder(base64.StdEncoding, strings.NewReader(f.Data)))
		if err != nil {
			intercomNo(w, http.StatusUnprocessableEntity, "parameter_invalid", "The data is not valid base64")
			return
		}
		file.Own = own
		file.Own["part"] = id
		files, happened.What = append(files, file), Filed
	}
	if !i.Change(ticket, happened, func(t *Ticket) {
		if t.Files = append(t.Files, files...); len(files) == 0 {
			author, text := intercomRead(said.Body)
			t.Comments = append(t.Comments, Comment{ID: id, Author: author, Text: text, Internal: said.Kind == "note", Own: own})
		}
	}) {
		intercomNo(w, http.StatusNotFound, "ticket_not_found", "Ticket not found")
		return
	}
	Answer(w, http.StatusOK, intercomPart(id, "Ticket Bot", time.Now().Unix(), own))
}

// told answers a ticket as Intercom tells it.
func (i *Intercom) told(t Ticket, withParts bool) map[string]any {
	attributes := map[string]any{"_default_title_": t.Title, "_default_description_": t.Description}
	if t.Priority != "" {
		attributes["priority"] = t.Priority
	}
	told := map[string]any{
		"type": "ticket", "id": t.ID, "ticket_id": t.Own["number"], "ticket_attributes": attributes, "open": t.Own["open"] == "true",
		"ticket_state": map[string]any{"type": "ticket_state", "id": "7493", "category": t.Status},
		"ticket_type":  map[string]any{"type": "ticket_type", "id": intercomType}, "created_at": t.Made.Unix(), "updated_at": t.Changed.Unix(),
	}
	if !withParts {
		return told
	}
	var all []map[string]any
	for _, c := range t.Comments {
		all = append(all, intercomPart(c.ID, c.Author, c.At.Unix(), c.Own))
	}
	for _, f := range t.Files {
		p := intercomPart(f.Own["part"], "Ticket Bot", f.At.Unix(), f.Own)
		p["attachments"] = []any{map[string]any{"type": "upload", "name": f.Name, "filesize": f.Size, "url": "https://downloads.intercomcdn.com/" + f.ID}}
		all = append(all, p)
	}
	most := 0
	i.with(func() { all, most = append(all, i.noise[t.ID]...), i.parts })
	slices.SortFunc(all, func(a, b map[string]any) int { return cmp.Compare(fmt.Sprint(a["id"]), fmt.Sprint(b["id"])) })
	told["ticket_parts"] = map[string]any{"type": "ticket_part.list", "total_count": len(all), "ticket_parts": all[:min(most, len(all))]}
	return told
}

func intercomPart(id, author string, at int64, own map[string]string) map[string]any {
	return map[string]any{
		"type": "ticket_part", "id": id, "part_type": own["kind"], "body": own["body"], "created_at": at, "redacted": own["redacted"] != "",
		"author": map[string]any{"type": own["author"], "id": "1", "name": author}, "attachments": []any{},
	}
}

// intercomFilter is a condition of a search.
type intercomFilter struct {
	Field    string          `json:"field"`
	Operator string          `json:"operator"`
	Value    json.RawMessage `json:"value"`
}

func (f intercomFilter) is(text string) bool {
	var value string
	return f.Operator == "=" && json.Unmarshal(f.Value, &value) == nil && value == text
}

func (f intercomFilter) takes(t Ticket) bool {
	switch f.Field {
	case "ticket_type_id":
		return f.is(intercomType)
	case "created_at":
		since, err := strconv.ParseInt(string(f.Value), 10, 64)
		return err == nil && f.Operator == ">=" && t.Made.Unix() >= since
	}
	return false
}

func (i *Intercom) search(w http.ResponseWriter, r *Request) {
	var body struct {
		Query struct {
			Operator string           `json:"operator"`
			Value    []intercomFilter `json:"value"`
		} `json:"query"`
		Pagination struct {
			Most  int    `json:"per_page"`
			After string `json:"starting_after"`
		} `json:"pagination"`
	}
	if err := r.JSON(&body); err != nil || body.Query.Operator != "AND" {
		intercomNo(w, http.StatusBadRequest, "parameter_invalid", "The query makes no sense")
		return
	}
	found := slices.DeleteFunc(i.Tickets(), func(t Ticket) bool {
		return t.Deleted || slices.ContainsFunc(body.Query.Value, func(f intercomFilter) bool { return !f.takes(t) })
	})
	from, _ := strconv.Atoi(body.Pagination.After) // without one it is the first page
	most := body.Pagination.Most
	i.with(func() { most = min(most, i.perPage) })
	to := min(from+most, len(found))
	tickets := []any{}
	for _, t := range found[from:to] {
		tickets = append(tickets, i.told(t, false))
	}
	pages := map[string]any{"type": "pages", "page": 1, "per_page": most}
	if to < len(found) {
		pages["next"] = map[string]any{"per_page": most, "starting_after": strconv.Itoa(to)}
	}
	Answer(w, http.StatusOK, map[string]any{"type": "ticket.list", "tickets": tickets, "total_count": len(found), "pages": pages})
}

func (i *Intercom) access(w http.ResponseWriter, r *Request) {
	form, err := url.ParseQuery(string(r.Data))
	if err != nil || form.Get("client_id") != intercomClient || form.Get("client_secret") != intercomProof {
		intercomNo(w, http.StatusUnauthorized, "unauthorized", "Client is not valid")
		return
	}
	pair, err := i.Spend(form.Get("code"), "")
	if err != nil {
		Answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant", "error_description": "The code is not valid."})
		return
	}
	i.Fix(pair.Access)
	Answer(w, http.StatusOK, map[string]any{"token": pair.Access, "access_token": pair.Access, "token_type": "Bearer"})
}
