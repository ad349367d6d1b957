package salesforce

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// How many characters Salesforce takes.
const (
	subjectMost     = 255
	descriptionMost = 32_000
	suppliedMost    = 80
	defaultOrigin   = "Web"
)

// externalFields are names of fields that an organization has made.
var externalFields = regexp.MustCompile(`^[A-Za-z]\w*__c$`)

// externalField answers the field that names our tickets; empty: there is none. Errors: a *commands.VendorError.
func (c *connection) externalField() (string, error) {
	field := c.account.Settings["external_id_field"]
	if field != "" && !externalFields.MatchString(field) {
		return "", &commands.VendorError{Kind: commands.Rejected, Message: "The setting external_id_field is no field of an organization: they end in __c."}
	}
	return field, nil
}

// Create implements commands.Connection.
func (c *connection) Create(ctx context.Context, d commands.Draft) (commands.Receipt, error) {
	field, err := c.externalField()
	if err != nil {
		return commands.Receipt{}, err
	}
	fields, note := c.fields(d)
	fields["Origin"] = defaultOrigin
	set(fields, "Status", d.Status)
	set(fields, "Origin", c.account.Settings["origin"])
	set(fields, "RecordTypeId", c.account.Settings["record_type_id"])
	if name, _ := outbound.Cut(d.Creator.Name, suppliedMost, ""); name != "" {
		fields["SuppliedName"] = name
	}
	if len(d.Creator.Email) <= suppliedMost { // half an address is somebody else's
		set(fields, "SuppliedEmail", d.Creator.Email)
	}
	var id string
	if field == "" {
		id, err = c.make(ctx, outbound.Request{Method: http.MethodPost, JSON: fields}, "/sobjects/Case")
	} else {
		id, err = c.upsert(ctx, fields, field, d.Ticket)
	}
	if err != nil {
		return commands.Receipt{}, err
	}
	return c.receipt(id, note), nil
}

// upsert makes the case that a ticket is, or writes it anew where an attempt before has made it. Errors: those of do.
func (c *connection) upsert(ctx context.Context, fields map[string]string, field string, ticket uuid.UUID) (id string, err error) {
	var made saved
	answer, err := c.do(ctx, outbound.Request{Method: http.MethodPatch, JSON: fields}, "/sobjects/Case/"+field+"/"+ticket.String(), &made)
	switch {
	case err != nil:
		return "", err
	case answer.Status != http.StatusNoContent:
		return made.id(false)
	}
	found, ok, err := c.Find(ctx, commands.Mark{Kind: commands.TicketMark, Key: ticket})
	if err == nil && !ok {
		_, err = saved{}.id(false)
	}
	return found.ID, err
}

// receipt answers that of a case.
func (c *connection) receipt(id, note string) commands.Receipt {
	return commands.Receipt{ID: id, URL: c.host() + "/lightning/r/Case/" + id + "/view", Note: note}
}

// Update implements commands.Connection.
func (c *connection) Update(ctx context.Context, ref commands.Ref, d commands.Draft) error {
	fields, _ := c.fields(d)
	return c.change(ctx, ref, fields)
}

// SetStatus implements commands.Connection.
func (c *connection) SetStatus(ctx context.Context, ref commands.Ref, status string) error {
	return c.change(ctx, ref, map[string]string{"Status": status})
}

func (c *connection) change(ctx context.Context, ref commands.Ref, fields map[string]string) error {
	path, err := known(ref)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, outbound.Request{Method: http.MethodPatch, JSON: fields}, path, nil)
	return err
}

// fields answers what a case says of a ticket, and what could not be said.
func (c *connection) fields(d commands.Draft) (fields map[string]string, note string) {
	var notes []string
	subject, cut := outbound.Cut(d.Title, subjectMost, "")
	if cut {
		notes = append(notes, fmt.Sprintf("The title was cut to %d characters.", subjectMost))
	}
	end := ending(d)
	description, cut := outbound.Cut(d.Description, descriptionMost-len([]rune(end)), d.Link)
	if cut {
		notes = append(notes, fmt.Sprintf("The description was cut to %d characters.", descriptionMost))
	}
	fields = map[string]string{"Subject": subject, "Description": description + end}
	set(fields, "Priority", d.Priority)
	set(fields, "Type", d.Category)
	return fields, strings.Join(notes, " ")
}

func set(fields map[string]string, name, value string) {
	if value != "" {
		fields[name] = value
	}
}

// tagsMost is how many characters of the tags are named: they must not push the description out.
const tagsMost = 2_000

// ending answers the last lines of a description: cases have no tags, and the marker must not be cut off.
func ending(d commands.Draft) string {
	var end strings.Builder
	end.WriteString("\n\n--\n")
	if d.Link != "" {
		fmt.Fprintf(&end, "Ticket %d: %s\n", d.Number, d.Link)
	}
	if len(d.Tags) > 0 {
		tags, _ := outbound.Cut(strings.Join(d.Tags, ", "), tagsMost, "")
		fmt.Fprintf(&end, "Tags: %s\n", tags)
	}
	end.WriteString(marker(commands.TicketMark, d.Ticket))
	return end.String()
}

// marker answers the line that names what a thing is with us.
func marker(kind commands.MarkKind, id uuid.UUID) string {
	return "[our " + string(kind) + " " + id.String() + "]"
}

// markers finds the line of a comment.
var markers = regexp.MustCompile(`\n*\[our comment ([0-9a-f-]{36})\]\s*$`)
