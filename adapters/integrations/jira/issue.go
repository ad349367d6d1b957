package jira

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

const (
	// titleMost is how many characters the summary of an issue may have.
	titleMost = 255
	// textMost is how many characters of a text are sent. Jira takes 32,767, and counts what it puts between them.
	textMost = 32_000
	// labelMost is how many characters a label may have.
	labelMost = 255
	// property is where our own ids are kept, on issues and on comments.
	property = "ticketd"
)

// owned is the property's value.
type owned struct {
	ID string `json:"id"`
}

// entry is a property as it is set with what it belongs to.
type entry struct {
	Key   string `json:"key"`
	Value owned  `json:"value"`
}

// Create makes an issue. What the project has not on its screen of what it can do without, it is made without.
func (c *connection) Create(ctx context.Context, d commands.Draft) (commands.Receipt, error) {
	fields, notes := c.fields(d)
	fields["project"] = map[string]any{"key": c.account.Settings["project_key"]}
	fields["issuetype"] = map[string]any{"name": c.issueType()}
	if labels := labels(d); len(labels) > 0 {
		fields["labels"] = labels
	}
	body := map[string]any{"fields": fields, "properties": []entry{{Key: property, Value: owned{d.Ticket.String()}}}}
	var made struct {
		ID  string `json:"id"`
		Key string `json:"key"`
	}
	left, err := c.write(ctx, outbound.Request{Method: http.MethodPost, JSON: body}, "/issue", &made, fields)
	if err != nil {
		return commands.Receipt{}, err
	}
	if made.Key == "" || made.ID == "" {
		return commands.Receipt{}, unnamed()
	}
	notes = append(notes, left...)
	return commands.Receipt{ID: made.Key, Place: made.ID, URL: c.browse(made.Key), Note: strings.Join(notes, " ")}, nil
}

// Update writes the issue anew. Labels are added and never taken away: people there have their own among them.
func (c *connection) Update(ctx context.Context, ref commands.Ref, d commands.Draft) error {
	fields, _ := c.fields(d)
	update := map[string]any{}
	var add []map[string]string
	for _, label := range labels(d) {
		add = append(add, map[string]string{"add": label})
	}
	if len(add) > 0 {
		update["labels"] = add
	}
	body := map[string]any{"fields": fields, "update": update}
	_, err := c.write(ctx, outbound.Request{Method: http.MethodPut, JSON: body}, issuePath(ref, ""), nil, fields, update)
	return err
}

// spare are the fields that an issue can do without.
var spare = []string{"labels", "priority"}

// write sends an issue. When Jira refuses nothing but fields that it can do without, because the project's screen lacks them or
// calls their values otherwise, it is sent once more without those. They are answered.
func (c *connection) write(ctx context.Context, r outbound.Request, path string, into any, parts ...map[string]any) ([]string, error) {
	var said refusal
	if _, err := c.doHearing(ctx, r, path, into, &said); err == nil || len(said.Fields) == 0 || len(said.Messages) > 0 {
		return nil, err
	} else if slices.ContainsFunc(slices.Collect(maps.Keys(said.Fields)), func(field string) bool { return !slices.Contains(spare, field) }) {
		return nil, err
	}
	var left []string
	for _, field := range slices.Sorted(maps.Keys(said.Fields)) {
		for _, part := range parts {
			delete(part, field)
		}
		left = append(left, "Jira takes no "+field+" here: "+said.Fields[field])
	}
	_, err := c.do(ctx, r, path, into)
	return left, err
}

// doHearing is do, and keeps the refusal of a request that is not valid.
func (c *connection) doHearing(ctx context.Context, r outbound.Request, path string, into any, said *refusal) (outbound.Answer, error) {
	return c.doJudging(ctx, r, path, into, func(status int, header http.Header, body []byte) *commands.VendorError {
		if status == http.StatusBadRequest {
			// what is no JSON says nothing of any field
			_ = json.Unmarshal(body, said)
		}
		return judge(status, header, body)
	})
}

// fields answers what an issue says, and what could not be done as it was asked.
func (c *connection) fields(d commands.Draft) (fields map[string]any, notes []string) {
	title, cut := outbound.Cut(line(d.Title), titleMost, "")
	if cut {
		notes = append(notes, fmt.Sprintf("The title was cut to %d characters.", titleMost))
	}
	text, cut := outbound.Cut(d.Description, textMost, d.Link)
	if cut {
		notes = append(notes, fmt.Sprintf("The description was cut to %d characters.", textMost))
	}
	fields = map[string]any{"summary": cmp.Or(title, "…"), "description": document(text, origin(d)...)}
	if d.Priority != "" {
		fields["priority"] = map[string]any{"name": d.Priority}
	}
	return fields, notes
}

// origin is the last line of a description: where the ticket came from, and who wrote it.
func origin(d commands.Draft) []node {
	name := fmt.Sprintf("#%d", d.Number)
	from := []node{{Type: "text", Text: name}}
	if safe(d.Link) {
		from = []node{linked(name, d.Link)}
	}
	if who := clean(line(cmp.Or(d.Creator.Name, d.Creator.Email))); who != "" {
		from = append(from, node{Type: "text", Text: " · " + who})
	}
	return []node{{Type: "paragraph", Content: from}}
}

// labels answers the tags as Jira takes them: without spaces.
func labels(d commands.Draft) []string {
	var all []string
	for _, tag := range append(slices.Clone(d.Tags), d.Category) {
		label, _ := outbound.Cut(strings.Join(strings.Fields(clean(tag)), "-"), labelMost, "")
		if label != "" && !slices.Contains(all, label) {
			all = append(all, label)
		}
	}
	return all
}

func (c *connection) issueType() string { return cmp.Or(c.account.Settings["issue_type"], "Task") }

// line answers a text on one line.
func line(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	return strings.Join(strings.Fields(text), " ")
}
