package zendesk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"ticketd/commands"
	"ticketd/internal/lastline"
	"ticketd/internal/outbound"
)

const (
	titleMost = 255      // characters
	bodyMost  = 64 << 10 // bytes of a comment
)

// kinds of marks.
const (
	ofTicket  = "ticket"
	ofComment = "comment"
	ofFile    = "file"
)

// ticketThere is a ticket as Zendesk answers it.
type ticketThere struct {
	ID         int64    `json:"id"`
	ExternalID string   `json:"external_id"`
	Status     string   `json:"status"`
	Tags       []string `json:"tags"`
	UpdatedAt  string   `json:"updated_at"`
}

// ticketHere is what is said of a ticket. What is empty is not said.
type ticketHere struct {
	Subject      string       `json:"subject,omitempty"`
	Priority     string       `json:"priority,omitempty"`
	Type         string       `json:"type,omitempty"`
	Status       string       `json:"status,omitempty"`
	Tags         []string     `json:"tags,omitempty"`
	ExternalID   string       `json:"external_id,omitempty"`
	GroupID      int64        `json:"group_id,omitempty"`
	Requester    *requester   `json:"requester,omitempty"`
	Comment      *commentHere `json:"comment,omitempty"`
	SafeUpdate   bool         `json:"safe_update,omitempty"`
	UpdatedStamp string       `json:"updated_stamp,omitempty"`
}

type requester struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

type commentHere struct {
	Body    string   `json:"body"`
	Public  bool     `json:"public"`
	Uploads []string `json:"uploads,omitempty"`
}

// Create implements commands.Connection.
func (c connection) Create(ctx context.Context, d commands.Draft) (commands.Receipt, error) {
	t, note := written(d)
	t.ExternalID, t.Status = d.Ticket.String(), d.Status
	if group := c.account.Settings["group_id"]; group != "" {
		id, err := strconv.ParseInt(group, 10, 64)
		if err != nil {
			return commands.Receipt{}, &commands.VendorError{Kind: commands.Rejected, Message: "The setting group_id is no number."}
		}
		t.GroupID = id
	}
	if d.Creator.Email != "" {
		t.Requester = &requester{Name: d.Creator.Name, Email: d.Creator.Email}
		if t.Requester.Name == "" {
			t.Requester.Name = d.Creator.Email // somebody new must have one
		}
	}
	body, cut := description(d)
	if cut {
		note = append(note, "The description was cut to what Zendesk takes.")
	}
	t.Comment = &commentHere{Body: body, Public: true}
	var made struct {
		Ticket ticketThere `json:"ticket"`
	}
	err := c.call(ctx, outbound.Request{
		Method: http.MethodPost, URL: "/api/v2/tickets",
		Header: map[string]string{"Idempotency-Key": t.ExternalID},
		JSON:   map[string]any{"ticket": t}, Judge: madeBefore,
	}, &made)
	if err != nil {
		return commands.Receipt{}, err
	}
	return c.receipt(made.Ticket, strings.Join(note, " "))
}

// madeBefore tells that the ticket was made already, from a draft that was another: it must be looked for.
func madeBefore(_ int, _ http.Header, body []byte) *commands.VendorError {
	if code(body) != "IdempotentRequestError" {
		return nil
	}
	return &commands.VendorError{Kind: commands.Busy, Message: "Zendesk has been asked for this ticket before.", Unsure: true}
}

func (c connection) receipt(t ticketThere, note string) (commands.Receipt, error) {
	if t.ID == 0 {
		return commands.Receipt{}, &commands.VendorError{Kind: commands.Down, Message: "Zendesk did not say which ticket it made.", Unsure: true}
	}
	id := strconv.FormatInt(t.ID, 10)
	seen, err := address(c.account, "/agent/tickets/"+id)
	return commands.Receipt{ID: id, URL: seen, Note: note}, err
}

// Update implements commands.Connection. Tags that were given in Zendesk stay, for some stand for fields there; one that was
// taken away here stays, too.
func (c connection) Update(ctx context.Context, ref commands.Ref, d commands.Draft) error {
	var found struct {
		Ticket ticketThere `json:"ticket"`
	}
	if err := c.get(ctx, ticketPath(ref), &found); err != nil {
		return err
	}
	comments, err := c.comments(ctx, ref)
	if err != nil {
		return err
	}
	t, _ := written(d)
	for _, tag := range found.Ticket.Tags {
		if !slices.Contains(t.Tags, tag) {
			t.Tags = append(t.Tags, tag)
		}
	}
	t.SafeUpdate, t.UpdatedStamp = true, found.Ticket.UpdatedAt
	if body, _ := description(d); !comments.describe(body) {
		t.Comment = &commentHere{Body: body}
	}
	// Twice is once: the stamp fits no second time, and what is told is not told again.
	return c.put(ctx, ref, t, nil)
}

// SetStatus implements commands.Connection.
func (c connection) SetStatus(ctx context.Context, ref commands.Ref, status string) error {
	if status == "" {
		return nil
	}
	return c.put(ctx, ref, ticketHere{Status: status}, nil)
}

func (c connection) put(ctx context.Context, ref commands.Ref, t ticketHere, into any) error {
	return c.call(ctx, outbound.Request{Method: http.MethodPut, URL: ticketPath(ref), JSON: map[string]any{"ticket": t}}, into)
}

func ticketPath(ref commands.Ref) string { return "/api/v2/tickets/" + url.PathEscape(ref.ID) }

// written answers what a draft says but for its status and description, and what could not be said.
func written(d commands.Draft) (ticketHere, []string) {
	var note []string
	title, cut := outbound.Cut(strings.Join(strings.Fields(d.Title), " "), titleMost, d.Link)
	if cut {
		note = append(note, fmt.Sprintf("The title was cut to %d characters.", titleMost))
	}
	t := ticketHere{Subject: title, Priority: d.Priority}
	for _, tag := range d.Tags {
		t.Tags = append(t.Tags, tagOf(tag))
	}
	switch d.Category {
	case "":
	case "problem", "incident", "question", "task":
		t.Type = d.Category
	default:
		t.Tags = append(t.Tags, tagOf(d.Category))
	}
	return t, note
}

// tagOf answers a tag as Zendesk writes it: a space would make two.
func tagOf(tag string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_:/", r) {
			return unicode.ToLower(r)
		}
		return '_'
	}, tag)
}

// description answers the body that describes a ticket, marked by a sum of itself; and whether it had to be cut.
func description(d commands.Draft) (string, bool) {
	text, end := d.Description, ""
	if d.Creator.Email == "" && d.Creator.Name != "" {
		text = "From " + d.Creator.Name + ":\n\n" + text
	}
	if d.Link != "" {
		end = "\n\n" + d.Link
	}
	sum := sha256.Sum256([]byte(text + end))
	m := lastline.Mark{Kind: ofTicket, ID: d.Ticket, Sum: hex.EncodeToString(sum[:6])}
	return body(text, end+"\n\n"+m.Line(), d.Link)
}

// body answers a text that fits in a comment with its end, which is never cut; and whether it was.
func body(text, end, link string) (string, bool) {
	room := bodyMost - len(end) - len("…\n") - len(link)
	runes := 0
	for at := range text {
		if at > room {
			break
		}
		runes++
	}
	if len(text) <= bodyMost-len(end) {
		return text + end, false
	}
	text, _ = outbound.Cut(text, runes, link)
	return text + end, true
}
