package teams

import (
	"cmp"
	"context"
	"fmt"
	"html"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/internal/lastline"
	"ticketd/internal/outbound"
)

// titleMost is how many characters a subject has.
const titleMost = 255

// kinds of marks.
const (
	ofTicket  = "ticket"
	ofComment = "comment"
	ofFile    = "file"
	ofStatus  = "status"
)

// messageHere is what is written in a channel. What is empty is not said.
type messageHere struct {
	Subject     string       `json:"subject,omitempty"`
	Importance  string       `json:"importance,omitempty"`
	Body        body         `json:"body"`
	Attachments []attachment `json:"attachments,omitempty"`
}

type body struct {
	ContentType string `json:"contentType"`
	Content     string `json:"content"`
}

type attachment struct {
	ID          string `json:"id"`
	ContentType string `json:"contentType"`
	ContentURL  string `json:"contentUrl,omitempty"`
	Name        string `json:"name,omitempty"`
}

// messageThere is a message as Graph answers it.
type messageThere struct {
	ID          string       `json:"id"`
	Type        string       `json:"messageType"`
	WebURL      string       `json:"webUrl"`
	Body        body         `json:"body"`
	Attachments []attachment `json:"attachments"`
	Created     time.Time    `json:"createdDateTime"`
	Changed     time.Time    `json:"lastModifiedDateTime"`
	Deleted     *time.Time   `json:"deletedDateTime"`
	From        struct {
		User        identity `json:"user"`
		Application identity `json:"application"`
	} `json:"from"`
}

// sender answers who a message is from: a person, or a program.
func (m messageThere) sender() string { return cmp.Or(m.From.User.ID, m.From.Application.ID) }

type identity struct {
	ID   string `json:"id"`
	Name string `json:"displayName"`
}

func asHTML(parts ...string) body { return body{ContentType: "html", Content: strings.Join(parts, "")} }

// text answers what a message shows.
func (m messageThere) text() string {
	if m.Body.ContentType == "text" {
		return strings.TrimSpace(m.Body.Content)
	}
	return textOf(m.Body.Content)
}

// Create implements commands.Connection.
func (c connection) Create(ctx context.Context, d commands.Draft) (commands.Receipt, error) {
	m, note := c.written(d, d.Status)
	var made messageThere
	ref := commands.Ref{Place: c.place()}
	err := c.call(ctx, outbound.Request{Method: http.MethodPost, URL: c.channel(ref) + "/messages", JSON: m}, &made)
	if err != nil {
		return commands.Receipt{}, err
	}
	if made.ID == "" {
		return commands.Receipt{}, unnamed()
	}
	return commands.Receipt{ID: made.ID, Place: ref.Place, URL: made.WebURL, Note: note}, nil
}

func unnamed() error {
	return &commands.VendorError{Kind: commands.Down, Message: "Microsoft did not say which message it made.", Unsure: true}
}

// Update implements commands.Connection.
func (c connection) Update(ctx context.Context, ref commands.Ref, d commands.Draft) error {
	there, err := c.read(ctx, ref)
	if err != nil {
		return err
	}
	m, _ := c.written(d, statusIn(there.Body.Content))
	return c.edit(ctx, ref, m)
}

// SetStatus implements commands.Connection. Doing it twice is doing it once: what the message and the thread tell already is
// not told again.
func (c connection) SetStatus(ctx context.Context, ref commands.Ref, status string) error {
	if status == "" {
		return nil
	}
	there, err := c.read(ctx, ref)
	if err != nil {
		return err
	}
	if statusIn(there.Body.Content) != status {
		if err := c.edit(ctx, ref, messageHere{Body: asHTML(withStatus(there.Body.Content, status))}); err != nil {
			return err
		}
	}
	thread, err := c.thread(ctx, ref)
	if err != nil || thread.status(c) == status {
		return err
	}
	of, _ := lastline.Of(there.text())
	m := lastline.Mark{Kind: ofStatus, ID: of.ID}
	_, err = c.reply(ctx, ref, messageHere{Body: asHTML(statusLine(status), paragraph(m.Line()))})
	if lost, ok := doubt(err); ok {
		lost.Unsure = false // the next try looks for it itself
	}
	return err
}

// read answers a ticket's message. One that was deleted is Missing, though Graph still answers it.
func (c connection) read(ctx context.Context, ref commands.Ref) (messageThere, error) {
	var there messageThere
	if err := c.get(ctx, c.message(ref), &there); err != nil {
		return there, err
	}
	if there.Deleted != nil {
		return there, &commands.VendorError{Kind: commands.Missing, Message: "The message was deleted in Teams."}
	}
	return there, nil
}

func (c connection) edit(ctx context.Context, ref commands.Ref, m messageHere) error {
	return c.call(ctx, outbound.Request{Method: http.MethodPatch, URL: c.message(ref), JSON: m}, nil)
}

// written answers a ticket as a message, and what could not be said, in sentences.
func (c connection) written(d commands.Draft, status string) (messageHere, string) {
	var notes []string
	title, cut := outbound.Cut(strings.Join(strings.Fields(d.Title), " "), titleMost, d.Link)
	if cut {
		notes = append(notes, fmt.Sprintf("The title was cut to %d characters.", titleMost))
	}
	m := messageHere{Subject: title}
	facts := []string{}
	switch d.Priority {
	case "normal", "high", "urgent":
		m.Importance = d.Priority
	case "":
	default:
		facts = append(facts, "Priority: "+d.Priority)
	}
	if d.Category != "" {
		facts = append(facts, "Category: "+d.Category)
	}
	if len(d.Tags) > 0 {
		facts = append(facts, "Tags: "+strings.Join(d.Tags, ", "))
	}
	if from := strings.TrimSpace(d.Creator.Name + " " + d.Creator.Email); from != "" {
		facts = append(facts, "From: "+from)
	}
	before := statusLine(status)
	if len(facts) > 0 {
		// they are many and long at worst, and must leave room for the description
		told, _ := fitted(strings.Join(facts, " · "), contentMost/4, "")
		before += paragraph(told)
	}
	after := ""
	if d.Link != "" {
		link := html.EscapeString(d.Link)
		after = `<p><a href="` + link + `">` + link + `</a></p>`
	}
	after += paragraph("Reply “Status: …” and nothing else to change it: "+strings.Join(c.statuses(), ", ")+".") +
		paragraph(lastline.Mark{Kind: ofTicket, ID: d.Ticket}.Line())
	text, cut := fitted(d.Description, contentMost-len(before)-len(after)-len(paragraph("")), d.Link)
	if cut {
		notes = append(notes, "The description was cut to what Teams takes.")
	}
	m.Body = asHTML(before, paragraph(text), after)
	return m, strings.Join(notes, " ")
}

// statuses answers the mapping's words.
func (c connection) statuses() []string {
	words := slices.Compact(slices.Sorted(maps.Values(c.account.Mapping.Status)))
	return slices.DeleteFunc(words, func(word string) bool { return word == "" })
}

// searched is how far before the try a message is still looked for: clocks differ.
const searched = 10 * time.Minute

// findTicket answers the message of a ticket. Graph answers those first whose threads changed last.
func (c connection) findTicket(ctx context.Context, ticket uuid.UUID, since time.Time) (commands.Receipt, bool, error) {
	ref := commands.Ref{Place: c.place()}
	path := c.channel(ref) + "/messages"
	query := "?$top=50"
	for range pagesMost {
		var page messages
		if err := c.get(ctx, path+query, &page); err != nil {
			return commands.Receipt{}, false, err
		}
		recent := since.IsZero()
		for _, m := range page.Value {
			mark, ok := lastline.Of(m.text())
			if ok && m.Deleted == nil && mark.Kind == ofTicket && mark.ID == ticket {
				return commands.Receipt{ID: m.ID, Place: ref.Place, URL: m.WebURL}, true, nil
			}
			recent = recent || m.Changed.After(since.Add(-searched))
		}
		if page.Next == "" || !recent {
			return commands.Receipt{}, false, nil
		}
		var err error
		if query, err = next(page.Next); err != nil {
			return commands.Receipt{}, false, err
		}
	}
	return commands.Receipt{}, false, commands.TooMany("messages")
}
