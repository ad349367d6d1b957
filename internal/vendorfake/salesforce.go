package vendorfake

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ticketd/commands"
)

// What the fake Salesforce knows of whoever connects.
const (
	salesforceOrg      = "00D000000000001EAA"
	salesforceUs       = "Integration User"
	salesforceSecret   = "outbound-message-secret"
	salesforceClient   = "salesforce-client"
	salesforceProof    = "salesforce-client-secret"
	salesforceExternal = "Ticket_Id__c"
	salesforceRecord   = "012000000000001AAA"
	salesforceTime     = "2006-01-02T15:04:05.000-0700"
)

// salesforceBase lets the Base be embedded beside the method of its name.
type salesforceBase = Base

var _ Vendor = (*Salesforce)(nil)

// Salesforce plays an organization of Salesforce.
type Salesforce struct {
	*salesforceBase

	pair          Pair
	denied, terse bool // set before it is asked
}

// NewSalesforce plays a Salesforce until it is closed.
func NewSalesforce() *Salesforce {
	s := &Salesforce{}
	const objects = "/services/data/{version}/sobjects"
	s.salesforceBase = Start(Options{
		Name: "salesforce", Admit: s.admit, Left: salesforceLeft,
		Operations: map[string]Handler{
			"POST " + objects + "/Case":                               s.create,
			"PATCH " + objects + "/Case/{externalField}/{externalId}": s.upsert,
			"PATCH " + objects + "/Case/{id}":                         s.change,
			"GET " + objects + "/Case/{id}":                           s.show,
			"GET " + objects + "/Case/describe":                       s.describe,
			"POST " + objects + "/CaseComment":                        s.comment,
			"POST " + objects + "/ContentVersion":                     s.file,
			"GET /services/data/{version}/query":                      s.query,
			"POST /services/oauth2/token":                             s.token,
		},
	})
	s.pair = s.Grant()
	return s
}

// Base implements Vendor.
func (s *Salesforce) Base() *Base { return s.salesforceBase }

// Connect implements Vendor. Cases have an external id field.
func (s *Salesforce) Connect() map[string]any {
	return map[string]any{
		"platform": "salesforce", "name": "Salesforce", "base_url": s.URL(), "auth_type": "oauth2",
		"credentials": map[string]any{
			"client_id": salesforceClient, "client_secret": salesforceProof, "refresh_token": s.pair.Refresh, "webhook_secret": salesforceSecret,
		},
		"settings":     map[string]any{"organization_id": salesforceOrg, "external_id_field": salesforceExternal},
		"sync_enabled": true,
	}
}

// Account implements Vendor, with an access token.
func (s *Salesforce) Account() commands.Account {
	a := s.Opened(s.Connect())
	a.Credentials[commands.AccessToken] = s.pair.Access
	return a
}

// Deny lets whoever connects only read.
func (s *Salesforce) Deny() { s.denied = true }

// Hush answers without a body when a case was there already, as the description allows.
func (s *Salesforce) Hush() { s.terse = true }

// Say implements Vendor.
func (s *Salesforce) Say(ticket, author, text string) string {
	id := s.id("00a")
	s.Change(ticket, Happening{What: Commented, ID: id, Author: author}, func(t *Ticket) {
		t.Comments = append(t.Comments, Comment{ID: id, Author: author, Text: text})
	})
	return id
}

// Move implements Vendor.
func (s *Salesforce) Move(ticket, status string) {
	t, _ := s.Ticket(ticket)
	s.Change(ticket, Happening{What: Moved, Author: "somebody", From: t.Status}, func(t *Ticket) { t.Status = status })
}

// id answers a new id of a kind of record, by its first three characters.
func (s *Salesforce) id(kind string) string { return fmt.Sprintf("%s%015d", kind, s.Count(kind)) }

func salesforceRefuse(w http.ResponseWriter, status int, code, message string, fields ...string) {
	Answer(w, status, []any{map[string]any{"message": message, "errorCode": code, "fields": fields}})
}

// salesforceLeft writes Salesforce's header of its limit, which says nothing of when.
func salesforceLeft(h http.Header, l Left) (int, string) {
	h.Set("Sforce-Limit-Info", fmt.Sprintf("api-usage=%d/%d", l.Most-l.Rest, l.Most))
	return http.StatusForbidden, `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`
}

func (s *Salesforce) admit(w http.ResponseWriter, r *Request) bool {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !bearer || !s.Takes(token) {
		salesforceRefuse(w, http.StatusUnauthorized, "INVALID_SESSION_ID", "Session expired or invalid")
		return false
	}
	return true
}

// salesforceFields are those of a case that may be said.
var salesforceFields = []string{"Subject", "Description", "Status", "Priority", "Origin", "Type", "SuppliedName", "SuppliedEmail", "RecordTypeId", salesforceExternal}

// salesforcePicks are what the restricted ones take.
var salesforcePicks = map[string][]string{
	"Status":   {"New", "Working", "Escalated", "Closed"},
	"Priority": {"High", "Medium", "Low"},
	"Type":     {"Question", "Problem"},
}

// said reads the fields of a case, and refuses what Salesforce would.
func (s *Salesforce) said(w http.ResponseWriter, r *Request) (map[string]string, bool) {
	fields := map[string]string{}
	_ = r.JSON(&fields) // valid by the description
	for name, value := range fields {
		if !slices.Contains(salesforceFields, name) {
			salesforceRefuse(w, http.StatusBadRequest, "INVALID_FIELD", "No such column '"+name+"' on sobject of type Case")
			return nil, false
		}
		if picks := salesforcePicks[name]; picks != nil && !slices.Contains(picks, value) {
			salesforceRefuse(w, http.StatusBadRequest, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value for restricted picklist field: "+value, name)
			return nil, false
		}
	}
	return fields, true
}

func (s *Salesforce) write(t *Ticket, fields map[string]string) {
	for name, value := range fields {
		switch name {
		case "Subject":
			t.Title = value
		case "Description":
			t.Description = value
		case "Status":
			t.Status = value
		case "Priority":
			t.Priority = value
		default:
			t.Own[name] = value
		}
	}
}

func (s *Salesforce) create(w http.ResponseWriter, r *Request) {
	if fields, ok := s.said(w, r); ok {
		s.add(w, fields)
	}
}

func (s *Salesforce) add(w http.ResponseWriter, fields map[string]string) {
	t := Ticket{ID: s.id("500"), Status: "New", Priority: "Medium", Own: map[string]string{}}
	s.write(&t, fields)
	s.Add(t)
	salesforceMade(w, http.StatusCreated, t.ID)
}

func salesforceMade(w http.ResponseWriter, status int, id string) {
	Answer(w, status, map[string]any{"id": id, "success": true, "errors": []any{}})
}

func (s *Salesforce) upsert(w http.ResponseWriter, r *Request) {
	fields, ok := s.said(w, r)
	if !ok {
		return
	}
	if r.Params["externalField"] != salesforceExternal {
		salesforceRefuse(w, http.StatusNotFound, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: "+r.Params["externalField"])
		return
	}
	fields[salesforceExternal] = r.Params["externalId"]
	for _, t := range s.Tickets() {
		if !t.Deleted && t.Own[salesforceExternal] == r.Params["externalId"] {
			s.Change(t.ID, Happening{What: Changed}, func(t *Ticket) { s.write(t, fields) })
			if s.terse {
				Answer(w, http.StatusNoContent, nil)
				return
			}
			salesforceMade(w, http.StatusOK, t.ID)
			return
		}
	}
	s.add(w, fields)
}

// found answers a case that there is, or refuses.
func (s *Salesforce) found(w http.ResponseWriter, id string) (Ticket, bool) {
	t, ok := s.Ticket(id)
	switch {
	case !ok:
		salesforceRefuse(w, http.StatusNotFound, "NOT_FOUND", "The requested resource does not exist")
	case t.Deleted:
		salesforceRefuse(w, http.StatusNotFound, "ENTITY_IS_DELETED", "entity is deleted")
	}
	return t, ok && !t.Deleted
}

func (s *Salesforce) change(w http.ResponseWriter, r *Request) {
	t, ok := s.found(w, r.Params["id"])
	if !ok {
		return
	}
	fields, ok := s.said(w, r)
	if !ok {
		return
	}
	h := Happening{What: Changed}
	if fields["Status"] != "" {
		h = Happening{What: Moved, From: t.Status}
	}
	s.Change(t.ID, h, func(t *Ticket) { s.write(t, fields) })
	Answer(w, http.StatusNoContent, nil)
}

func (s *Salesforce) show(w http.ResponseWriter, r *Request) {
	if t, ok := s.found(w, r.Params["id"]); ok {
		Answer(w, http.StatusOK, salesforceCase(t))
	}
}

func (s *Salesforce) describe(w http.ResponseWriter, _ *Request) {
	fields := []any{map[string]any{"name": salesforceExternal, "externalId": true, "picklistValues": []any{}}}
	for name, values := range salesforcePicks {
		picks := []any{map[string]any{"value": "Retired", "active": false}}
		for _, v := range values {
			picks = append(picks, map[string]any{"value": v, "active": true})
		}
		fields = append(fields, map[string]any{"name": name, "externalId": false, "picklistValues": picks})
	}
	Answer(w, http.StatusOK, map[string]any{
		"name": "Case", "createable": !s.denied, "updateable": !s.denied, "fields": fields,
		"recordTypeInfos": []any{map[string]any{"recordTypeId": salesforceRecord, "available": true}},
	})
}

func (s *Salesforce) comment(w http.ResponseWriter, r *Request) {
	var said struct {
		ParentID    string `json:"ParentId"`
		CommentBody string
		IsPublished bool
	}
	_ = r.JSON(&said) // valid by the description
	if len(said.CommentBody) > 4000 {
		salesforceRefuse(w, http.StatusBadRequest, "STRING_TOO_LONG", "CommentBody: data value too large: (max length=4000)", "CommentBody")
		return
	}
	id := s.id("00a")
	if !s.Change(said.ParentID, Happening{What: Commented, ID: id}, func(t *Ticket) {
		t.Comments = append(t.Comments, Comment{ID: id, Author: salesforceUs, Text: said.CommentBody, Internal: !said.IsPublished})
	}) {
		salesforceRefuse(w, http.StatusBadRequest, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", "ParentId")
		return
	}
	salesforceMade(w, http.StatusCreated, id)
}

// salesforceFile is what is said of a file before it comes.
type salesforceFile struct {
	Title, PathOnClient, Description string
	FirstPublishLocationID           string `json:"FirstPublishLocationId"`
}

var errOrder = errors.New("entity_content must come first")

func (s *Salesforce) file(w http.ResponseWriter, r *Request) {
	var said salesforceFile
	var file File
	err := r.Parts(func(p Part) error {
		if p.Name == "entity_content" {
			return json.Unmarshal(p.Data, &said)
		}
		if said.PathOnClient == "" {
			r.Wrong(errOrder.Error())
			return errOrder
		}
		var err error
		file, err = Read(s.id("068"), said.PathOnClient, p.Body)
		return err
	})
	if err != nil {
		salesforceRefuse(w, http.StatusBadRequest, "INVALID_MULTIPART_REQUEST", err.Error())
		return
	}
	file.Own = map[string]string{"Description": said.Description, "Title": said.Title}
	if !s.Change(said.FirstPublishLocationID, Happening{What: Filed, ID: file.ID}, func(t *Ticket) { t.Files = append(t.Files, file) }) {
		salesforceRefuse(w, http.StatusBadRequest, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", "FirstPublishLocationId")
		return
	}
	salesforceMade(w, http.StatusCreated, file.ID)
}

func (s *Salesforce) token(w http.ResponseWriter, r *Request) {
	_ = r.ParseForm() // valid by the description
	refuse := func(code, words string) {
		Answer(w, http.StatusBadRequest, map[string]any{"error": code, "error_description": words})
	}
	if r.PostForm.Get("client_id") != salesforceClient || r.PostForm.Get("client_secret") != salesforceProof {
		refuse("invalid_client", "invalid client credentials")
		return
	}
	pair, err := Pair{}, ErrRevoked
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		pair, err = s.Spend(r.PostForm.Get("code"), r.PostForm.Get("code_verifier"))
	case "refresh_token":
		pair, err = s.Refresh(r.PostForm.Get("refresh_token"))
	}
	if err != nil {
		refuse("invalid_grant", "expired access/refresh token")
		return
	}
	body := map[string]any{
		"access_token": pair.Access, "token_type": "Bearer", "instance_url": s.URL(), "scope": "api refresh_token", "issued_at": strconv.Itoa(s.Count("issued")),
	}
	if r.PostForm.Get("grant_type") == "authorization_code" {
		body["refresh_token"] = pair.Refresh
	}
	Answer(w, http.StatusOK, body)
}

// How a query is written, as far as it is played.
var (
	soql          = regexp.MustCompile(`^SELECT (.+?) FROM (\w+) WHERE (.+?)(?: ORDER BY (.+?))? LIMIT (\d+)$`)
	soqlCondition = regexp.MustCompile(`^(\w+) (=|>|>=|<=) '?([^']+?)'?$`)
)

// soqlFilters are the fields that may be asked for: long texts may not.
var soqlFilters = map[string][]string{
	"Case": {"Id", "CreatedDate", salesforceExternal}, "CaseComment": {"ParentId"}, "ContentDocumentLink": {"LinkedEntityId"},
}

func (s *Salesforce) query(w http.ResponseWriter, r *Request) {
	parts := soql.FindStringSubmatch(r.URL.Query().Get("q"))
	if parts == nil {
		salesforceRefuse(w, http.StatusBadRequest, "MALFORMED_QUERY", "unexpected token")
		return
	}
	rows := s.rows(parts[2])
	for text := range strings.SplitSeq(parts[3], " AND ") {
		c := soqlCondition.FindStringSubmatch(text)
		if c == nil || !slices.Contains(soqlFilters[parts[2]], c[1]) {
			salesforceRefuse(w, http.StatusBadRequest, "INVALID_FIELD", "field can not be filtered in a query call: "+text)
			return
		}
		rows = slices.DeleteFunc(rows, func(row map[string]any) bool { return !soqlHolds(row[c[1]], c[2], c[3]) })
	}
	switch {
	case strings.Contains(parts[4], "DESC"):
		slices.Reverse(rows)
	case parts[4] == "Id":
		slices.SortFunc(rows, func(a, b map[string]any) int { return strings.Compare(fmt.Sprint(a["Id"]), fmt.Sprint(b["Id"])) })
	}
	most, _ := strconv.Atoi(parts[5]) // digits
	rows = rows[:min(most, len(rows))]
	Answer(w, http.StatusOK, map[string]any{"totalSize": len(rows), "done": true, "records": rows})
}

func soqlHolds(value any, sign, wanted string) bool {
	text, _ := value.(string)
	if len(text) > 19 && text[10] == 'T' { // times, by the second
		text, wanted = text[:19], wanted[:min(19, len(wanted))]
	}
	switch order := strings.Compare(text, wanted); sign {
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "<=":
		return order <= 0
	default:
		return order == 0
	}
}

// rows answers all records of a kind, the oldest first.
func (s *Salesforce) rows(object string) []map[string]any {
	rows := []map[string]any{}
	for _, t := range s.Tickets() {
		if t.Deleted {
			continue
		}
		switch object {
		case "Case":
			rows = append(rows, salesforceCase(t))
		case "CaseComment":
			for _, c := range t.Comments {
				rows = append(rows, map[string]any{
					"Id": c.ID, "ParentId": t.ID, "CommentBody": c.Text, "IsPublished": !c.Internal,
					"CreatedDate": c.At.UTC().Format(salesforceTime), "CreatedById": salesforceUser(c.Author), "CreatedBy": map[string]any{"Name": c.Author},
				})
			}
		case "ContentDocumentLink":
			for _, f := range t.Files {
				rows = append(rows, map[string]any{"LinkedEntityId": t.ID, "ContentDocument": map[string]any{
					"LatestPublishedVersionId": f.ID, "Title": f.Own["Title"], "Description": f.Own["Description"], "ContentSize": f.Size,
				}})
			}
		}
	}
	return rows
}

// salesforceUser answers the id of somebody by their name.
func salesforceUser(name string) string {
	sum := fnv.New64a()
	_, _ = sum.Write([]byte(name)) // it takes everything
	return fmt.Sprintf("005%015d", sum.Sum64()%1e15)
}

func salesforceCase(t Ticket) map[string]any {
	return map[string]any{
		"Id": t.ID, "Subject": t.Title, "Description": t.Description, "Status": t.Status, "Priority": t.Priority,
		"CreatedDate": t.Made.UTC().Format(salesforceTime), "CreatedById": salesforceUser(salesforceUs), salesforceExternal: t.Own[salesforceExternal],
	}
}
