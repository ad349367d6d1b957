package zendesk

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ticketd/commands"
	"ticketd/internal/lastline"
)

// pagesMost is how many pages of a hundred comments are read: a ticket may have five thousand.
const pagesMost = 50

// commentThere is a comment as Zendesk answers it.
type commentThere struct {
	ID          int64            `json:"id"`
	AuthorID    int64            `json:"author_id"`
	Body        string           `json:"body"`
	Public      bool             `json:"public"`
	CreatedAt   time.Time        `json:"created_at"`
	Attachments []attachmentHere `json:"attachments"`
	Via         struct {
		Channel string `json:"channel"`
	} `json:"via"`
}

type attachmentHere struct {
	ID         int64  `json:"id"`
	FileName   string `json:"file_name"`
	ContentURL string `json:"content_url"`
}

// conversation is everything that was said of a ticket, the oldest first.
type conversation struct {
	comments []commentThere
	names    map[int64]string // of authors
	cut      bool
}

// mark answers what of ours a comment is of.
func (c commentThere) mark() (lastline.Mark, bool) {
	if c.Via.Channel != "" && c.Via.Channel != "api" {
		return lastline.Mark{}, false
	}
	return lastline.Of(c.Body)
}

// describe reports whether the last description that was told is the one that this body tells.
func (c conversation) describe(body string) bool {
	wanted, _ := lastline.Of(body)
	var last lastline.Mark
	for _, comment := range c.comments {
		if m, ok := comment.mark(); ok && m.Kind == ofTicket {
			last = m
		}
	}
	return last == wanted
}

// comments reads what was said of a ticket.
func (c connection) comments(ctx context.Context, ref commands.Ref) (conversation, error) {
	all := conversation{names: map[int64]string{}}
	query := url.Values{"include": {"users"}}
	for range pagesMost {
		var page struct {
			Comments []commentThere `json:"comments"`
			Users    []struct {
				ID   int64  `json:"id"`
				Name string `json:"name"`
			} `json:"users"`
			Next string `json:"next_page"`
		}
		if err := c.get(ctx, ticketPath(ref)+"/comments?"+query.Encode(), &page); err != nil {
			return conversation{}, err
		}
		all.comments = append(all.comments, page.Comments...)
		for _, user := range page.Users {
			all.names[user.ID] = user.Name
		}
		if page.Next == "" {
			return all, nil
		}
		// Only what comes after the question mark is Zendesk's to say: the token goes nowhere else.
		next, err := url.Parse(page.Next)
		if err != nil || next.RawQuery == "" {
			return conversation{}, &commands.VendorError{Kind: commands.Down, Message: "Zendesk names a next page that makes no sense."}
		}
		query = next.Query()
	}
	all.cut = true
	return all, nil
}

// Comment implements commands.Connection.
func (c connection) Comment(ctx context.Context, ref commands.Ref, n commands.Note) (commands.Receipt, error) {
	m := lastline.Mark{Kind: ofComment, ID: n.Comment}
	text := n.Text
	if n.Author != "" {
		text = n.Author + ":\n\n" + text
	}
	text, cut := body(text, "\n\n"+m.Line(), n.Link)
	id, err := c.say(ctx, ref, commentHere{Body: text, Public: true})
	if err != nil {
		return commands.Receipt{}, err
	}
	r := commands.Receipt{ID: id}
	if cut {
		r.Note = "The comment was cut to what Zendesk takes."
	}
	return r, nil
}

// say adds a comment and answers its id.
func (c connection) say(ctx context.Context, ref commands.Ref, comment commentHere) (string, error) {
	var done struct {
		Audit struct {
			Events []struct {
				ID   int64  `json:"id"`
				Type string `json:"type"`
			} `json:"events"`
		} `json:"audit"`
	}
	if err := c.put(ctx, ref, ticketHere{Comment: &comment}, &done); err != nil {
		return "", doubted(err)
	}
	for _, event := range done.Audit.Events {
		if event.Type == "Comment" {
			return strconv.FormatInt(event.ID, 10), nil
		}
	}
	return "", &commands.VendorError{Kind: commands.Down, Message: "Zendesk did not say which comment it made.", Unsure: true}
}

// doubted says of an answer that was lost that the comment may be there: to change a ticket twice is to change it once, as a rule,
// but not with a comment in it.
func doubted(err error) error {
	if wrong, ok := errors.AsType[*commands.VendorError](err); ok && wrong.Kind == commands.Down {
		wrong.Unsure = true
	}
	return err
}

// Fetch implements commands.Connection.
func (c connection) Fetch(ctx context.Context, ref commands.Ref) (commands.Remote, error) {
	var found struct {
		Ticket ticketThere `json:"ticket"`
	}
	if err := c.get(ctx, ticketPath(ref), &found); err != nil {
		return commands.Remote{}, err
	}
	all, err := c.comments(ctx, ref)
	if err != nil {
		return commands.Remote{}, err
	}
	remote := commands.Remote{Status: c.statusOf(found.Ticket), Cut: all.cut}
	for _, comment := range all.comments {
		m, ours := comment.mark()
		if ours && m.Kind != ofComment {
			continue // a description, or a file
		}
		remote.Comments = append(remote.Comments, commands.RemoteComment{
			ID: strconv.FormatInt(comment.ID, 10), Ours: m.ID, Author: all.names[comment.AuthorID],
			Text: textOf(comment), Internal: !comment.Public, At: comment.CreatedAt,
		})
	}
	return remote, nil
}

// statusOf answers a ticket's status. One that Zendesk has closed for good was solved, unless the mapping tells them apart.
func (c connection) statusOf(t ticketThere) string {
	if t.Status != "closed" {
		return t.Status
	}
	for _, named := range c.account.Mapping.Status {
		if named == "closed" {
			return "closed"
		}
	}
	return "solved"
}

// textOf answers what somebody wrote, and what hangs on it.
func textOf(c commentThere) string {
	lines := []string{lastline.Without(c.Body)}
	for _, a := range c.Attachments {
		lines = append(lines, a.FileName+": "+a.ContentURL)
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// Find implements commands.Connection.
func (c connection) Find(ctx context.Context, m commands.Mark) (commands.Receipt, bool, error) {
	if m.Kind == commands.TicketMark {
		return c.findTicket(ctx, m.Key.String())
	}
	all, err := c.comments(ctx, m.Ref)
	if err != nil {
		return commands.Receipt{}, false, err
	}
	for _, comment := range all.comments {
		switch mark, ok := comment.mark(); {
		case !ok || mark.ID != m.Key:
		case m.Kind == commands.CommentMark && mark.Kind == ofComment:
			return commands.Receipt{ID: strconv.FormatInt(comment.ID, 10)}, true, nil
		case m.Kind == commands.AttachmentMark && mark.Kind == ofFile && len(comment.Attachments) > 0:
			return attached(comment.Attachments[0]), true, nil
		}
	}
	if all.cut {
		return commands.Receipt{}, false, commands.TooMany("comments")
	}
	return commands.Receipt{}, false, nil
}

// findTicket answers the ticket with an external id, the first that was made.
func (c connection) findTicket(ctx context.Context, external string) (commands.Receipt, bool, error) {
	var found struct {
		Tickets []ticketThere `json:"tickets"`
	}
	if err := c.get(ctx, "/api/v2/tickets?"+url.Values{"external_id": {external}}.Encode(), &found); err != nil {
		return commands.Receipt{}, false, err
	}
	var first ticketThere
	for _, t := range found.Tickets {
		if t.ExternalID == external && (first.ID == 0 || t.ID < first.ID) {
			first = t
		}
	}
	if first.ID == 0 {
		return commands.Receipt{}, false, nil
	}
	r, err := c.receipt(first, "")
	return r, err == nil, err
}
