package intercom

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// titleMost is how many characters a title may have.
const titleMost = 255

// What every ticket type calls its title and its description.
const (
	titleAttribute       = "_default_title_"
	descriptionAttribute = "_default_description_"
)

// ticket is what Intercom says of one.
type ticket struct {
	ID         string         `json:"id"`
	Attributes map[string]any `json:"ticket_attributes"`
	State      struct {
		Category string `json:"category"`
	} `json:"ticket_state"`
	Parts struct {
		List  []part `json:"ticket_parts"`
		Total int    `json:"total_count"`
	} `json:"ticket_parts"`
}

func path(ref commands.Ref) string { return "/tickets/" + url.PathEscape(ref.ID) }

// Create implements commands.Connection.
func (c *connection) Create(ctx context.Context, d commands.Draft) (commands.Receipt, error) {
	contact := map[string]any{"id": c.account.Settings["contact_id"]}
	switch {
	case contact["id"] != "":
	case d.Creator.Email != "":
		contact = map[string]any{"email": d.Creator.Email}
	default:
		return commands.Receipt{}, &commands.VendorError{Kind: commands.Rejected, Message: "Intercom wants to know whose ticket it is: set contact_id, for the creator has no e-mail address."}
	}
	attributes, note, err := c.attributes(ctx, d)
	if err != nil {
		return commands.Receipt{}, err
	}
	var made ticket
	if err := c.call(ctx, http.MethodPost, "/tickets", map[string]any{
		"ticket_type_id": c.account.Settings["ticket_type_id"], "contacts": []any{contact}, "ticket_attributes": attributes,
	}, &made); err != nil {
		return commands.Receipt{}, err
	}
	if made.ID == "" {
		return commands.Receipt{}, &commands.VendorError{Kind: commands.Down, Message: "Intercom answers without an id.", Unsure: true}
	}
	if d.Status != "" && d.Status != made.State.Category {
		if err := c.SetStatus(ctx, commands.Ref{ID: made.ID}, d.Status); err != nil { // there is a ticket all the same
			note = strings.TrimSpace(note + " The status was not set: " + why(err))
		}
	}
	return commands.Receipt{ID: made.ID, Note: note}, nil
}

func why(err error) string {
	if e, ok := errors.AsType[*commands.VendorError](err); ok {
		return e.Message
	}
	return "there was no time left."
}

// attributes answers what a ticket says, and what of it had to be cut or left out, in sentences.
func (c *connection) attributes(ctx context.Context, d commands.Draft) (attributes map[string]any, note string, err error) {
	title, cut := outbound.Cut(strings.Join(strings.Fields(d.Title), " "), titleMost, "")
	if cut {
		note = "The title was cut to " + strconv.Itoa(titleMost) + " characters. "
	}
	name, entry, left, err := c.priority(ctx, d)
	if err != nil {
		return nil, "", err
	}
	attributes = map[string]any{titleAttribute: title, descriptionAttribute: describe(d, name != "")}
	if name != "" {
		attributes[name] = entry
	}
	return attributes, strings.TrimSpace(note + left), nil
}

// describe answers the description with what Intercom has no place for, and the mark by which it is found again.
func describe(d commands.Draft, withPriority bool) string {
	facts := []string{"Ticket " + strconv.FormatInt(d.Number, 10)}
	for _, fact := range []struct{ name, value string }{{"Priority", d.Priority}, {"Category", d.Category}, {"Tags", strings.Join(d.Tags, ", ")}, {"By", d.Creator.Name}} {
		if fact.value != "" && (fact.name != "Priority" || !withPriority) {
			facts = append(facts, fact.name+": "+fact.value)
		}
	}
	lines := []string{d.Description, "", strings.Join(facts, " · ")}
	if d.Link != "" {
		lines = append(lines, d.Link)
	}
	return strings.Join(append(lines, "Reference: "+mark(ticketMark, d.Ticket)), "\n")
}

// Update implements commands.Connection.
func (c *connection) Update(ctx context.Context, ref commands.Ref, d commands.Draft) error {
	attributes, _, err := c.attributes(ctx, d)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPut, path(ref), map[string]any{"ticket_attributes": attributes}, nil)
}

// SetStatus implements commands.Connection. What is resolved leaves the inbox, too.
func (c *connection) SetStatus(ctx context.Context, ref commands.Ref, status string) error {
	id, err := c.state(ctx, status)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPut, path(ref), map[string]any{"ticket_state_id": id, "open": status != resolved}, nil)
}
