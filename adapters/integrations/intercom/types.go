package intercom

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"ticketd/commands"
)

// ticketType is what the workspace made up about its tickets.
type ticketType struct {
	ID         string `json:"id"`
	Archived   bool   `json:"archived"`
	Attributes struct {
		List []attribute `json:"ticket_type_attributes"`
	} `json:"ticket_type_attributes"`
}

type attribute struct {
	Name     string          `json:"name"`
	Archived bool            `json:"archived"`
	Options  json.RawMessage `json:"input_options"`
}

func (t ticketType) attribute(name string) *attribute {
	at := slices.IndexFunc(t.Attributes.List, func(a attribute) bool { return a.Name == name && !a.Archived })
	if at < 0 {
		return nil
	}
	return &t.Attributes.List[at]
}

func (c *connection) ticketType(ctx context.Context) (ticketType, error) {
	var all struct {
		Data []ticketType `json:"data"`
	}
	if err := c.call(ctx, http.MethodGet, "/ticket_types", nil, &all); err != nil {
		return ticketType{}, err
	}
	id := c.account.Settings["ticket_type_id"]
	for _, t := range all.Data {
		if t.ID == id && !t.Archived {
			return t, nil
		}
	}
	return ticketType{}, &commands.VendorError{Kind: commands.Missing, Message: "There is no ticket type " + id + ", or it is archived."}
}

// priority answers the attribute that tells the priority, and the entry of it; both empty: there is nothing to set. The mapping may name an entry as
// people see it, or by its id.
func (c *connection) priority(ctx context.Context, d commands.Draft) (name, entry, note string, err error) {
	name = c.account.Settings["priority_attribute"]
	if name == "" || d.Priority == "" {
		return "", "", "", nil
	}
	if uuid.Validate(d.Priority) == nil {
		return name, d.Priority, "", nil
	}
	kind, err := c.ticketType(ctx)
	if err != nil {
		return "", "", "", err
	}
	if a := kind.attribute(name); a != nil {
		entry = a.entry(d.Priority)
	}
	if entry == "" {
		return "", "", "The priority was left out: the ticket type has no attribute " + name + " with an entry " + d.Priority + ".", nil
	}
	return name, entry, "", nil
}

// entry answers the id of what people see as the label. The description leaves open where the entries of a list stand, so
// every object that has an id and a label may be one.
func (a attribute) entry(label string) string {
	var options any
	if json.Unmarshal(a.Options, &options) != nil {
		return ""
	}
	return entry(options, label)
}

func entry(options any, label string) string {
	switch o := options.(type) {
	case []any:
		for _, one := range o {
			if id := entry(one, label); id != "" {
				return id
			}
		}
	case map[string]any:
		id, _ := o["id"].(string)
		for _, name := range []string{"label", "name", "value"} {
			if text, _ := o[name].(string); id != "" && strings.EqualFold(text, label) {
				return id
			}
		}
		for _, name := range slices.Sorted(maps.Keys(o)) {
			if id := entry(o[name], label); id != "" {
				return id
			}
		}
	}
	return ""
}

// resolved is the category of a ticket that is done.
const resolved = "resolved"

// state answers the first state of a category that tickets of the type may be in.
func (c *connection) state(ctx context.Context, category string) (string, error) {
	var all struct {
		Data []struct {
			ID       string `json:"id"`
			Category string `json:"category"`
			Archived bool   `json:"archived"`
			Types    struct {
				Data []ticketType `json:"data"`
			} `json:"ticket_types"`
		} `json:"data"`
	}
	if err := c.call(ctx, http.MethodGet, "/ticket_states", nil, &all); err != nil {
		return "", err
	}
	id := c.account.Settings["ticket_type_id"]
	for _, s := range all.Data {
		of := len(s.Types.Data) == 0 || slices.ContainsFunc(s.Types.Data, func(t ticketType) bool { return t.ID == id })
		if s.Category == category && !s.Archived && of {
			return s.ID, nil
		}
	}
	return "", &commands.VendorError{Kind: commands.Rejected, Message: "Tickets of this type have no state of the category " + category + "."}
}
