package teams

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/internal/lastline"
	"ticketd/internal/outbound"
)

// pagesMost is how many pages of fifty messages are read.
const pagesMost = 40

// messages are a page of them.
type messages struct {
	Value []messageThere `json:"value"`
	Next  string         `json:"@odata.nextLink"`
}

// thread is everything that was replied, the oldest first.
type thread struct {
	replies []messageThere
	cut     bool
}

// thread reads the replies to a ticket.
func (c connection) thread(ctx context.Context, ref commands.Ref) (thread, error) {
	var all thread
	query := "?$top=50"
	for range pagesMost {
		var page messages
		if err := c.get(ctx, c.message(ref)+"/replies"+query, &page); err != nil {
			return thread{}, err
		}
		all.replies = append(all.replies, page.Value...)
		if page.Next == "" {
			query = ""
			break
		}
		var err error
		if query, err = next(page.Next); err != nil {
			return thread{}, err
		}
	}
	all.cut = query != ""
	all.replies = slices.DeleteFunc(all.replies, func(m messageThere) bool {
		return m.Deleted != nil || m.Type != "" && m.Type != "message"
	})
	// an id is the time of a message, too, and no other of its thread has it
	slices.SortFunc(all.replies, func(a, b messageThere) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return all, nil
}

// status answers the last status that was told in the thread, by us or by a person; empty: none.
func (t thread) status(c connection) string {
	for _, m := range slices.Backward(t.replies) {
		text := m.text()
		if mark, ours := lastline.Of(text); ours && mark.Kind != ofStatus {
			continue
		}
		if status := c.statusSaid(lastline.Without(text)); status != "" {
			return status
		}
	}
	return ""
}

// reply adds a reply and answers its id.
func (c connection) reply(ctx context.Context, ref commands.Ref, m messageHere) (string, error) {
	var made messageThere
	if err := c.call(ctx, outbound.Request{Method: http.MethodPost, URL: c.message(ref) + "/replies", JSON: m}, &made); err != nil {
		return "", err
	}
	if made.ID == "" {
		return "", unnamed()
	}
	return made.ID, nil
}

func doubt(err error) (*commands.VendorError, bool) {
	lost, ok := errors.AsType[*commands.VendorError](err)
	return lost, ok && lost.Unsure
}

// Comment implements commands.Connection.
func (c connection) Comment(ctx context.Context, ref commands.Ref, n commands.Note) (commands.Receipt, error) {
	before, after := "", paragraph(lastline.Mark{Kind: ofComment, ID: n.Comment}.Line())
	if n.Author != "" {
		before = paragraph(n.Author + ":")
	}
	text, cut := fitted(n.Text, contentMost-len(before)-len(after)-len(paragraph("")), n.Link)
	id, err := c.reply(ctx, ref, messageHere{Body: asHTML(before, paragraph(text), after)})
	if err != nil {
		return commands.Receipt{}, err
	}
	r := commands.Receipt{ID: id}
	if cut {
		r.Note = "The comment was cut to what Teams takes."
	}
	return r, nil
}

// Fetch implements commands.Connection.
func (c connection) Fetch(ctx context.Context, ref commands.Ref) (commands.Remote, error) {
	there, err := c.read(ctx, ref)
	if err != nil {
		return commands.Remote{}, err
	}
	thread, err := c.thread(ctx, ref)
	if err != nil {
		return commands.Remote{}, err
	}
	remote := commands.Remote{Status: thread.status(c), Cut: thread.cut}
	if remote.Status == "" {
		remote.Status = statusIn(there.Body.Content)
	}
	for _, m := range thread.replies {
		text := m.text()
		mark, ours := lastline.Of(text)
		if ours && mark.Kind != ofComment || !ours && c.statusSaid(text) != "" {
			continue // a file, or a status
		}
		if m.sender() != there.sender() {
			mark.ID = uuid.Nil // the ticket is ours, and whoever copies us says it themselves
		}
		remote.Comments = append(remote.Comments, commands.RemoteComment{
			ID: m.ID, Ours: mark.ID, Author: authorOf(m), Text: withFiles(lastline.Without(text), m), At: m.Created,
		})
	}
	return remote, nil
}

func authorOf(m messageThere) string {
	if m.From.User.Name != "" {
		return m.From.User.Name
	}
	return m.From.Application.Name
}

// withFiles names what hangs on a message. What it quotes hangs on it, too, and has no address.
func withFiles(text string, m messageThere) string {
	lines := []string{text}
	for _, a := range m.Attachments {
		if a.ContentURL != "" {
			lines = append(lines, a.Name+": "+a.ContentURL)
		}
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// Find implements commands.Connection.
func (c connection) Find(ctx context.Context, m commands.Mark) (commands.Receipt, bool, error) {
	if m.Kind == commands.TicketMark {
		return c.findTicket(ctx, m.Key, m.Since)
	}
	thread, err := c.thread(ctx, m.Ref)
	if err != nil {
		return commands.Receipt{}, false, err
	}
	kind := map[commands.MarkKind]string{commands.CommentMark: ofComment, commands.AttachmentMark: ofFile}[m.Kind]
	for _, reply := range thread.replies {
		mark, ours := lastline.Of(reply.text())
		if !ours || mark.Kind != kind || mark.ID != m.Key {
			continue
		}
		r := commands.Receipt{ID: reply.ID}
		if len(reply.Attachments) > 0 {
			r.URL = reply.Attachments[0].ContentURL
		}
		return r, true, nil
	}
	if thread.cut {
		return commands.Receipt{}, false, commands.TooMany("comments")
	}
	return commands.Receipt{}, false, nil
}
