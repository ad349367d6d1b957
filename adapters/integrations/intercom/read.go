package intercom

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"ticketd/commands"
)

// part is something that happened on a ticket, words among them.
type part struct {
	ID     string `json:"id"`
	Kind   string `json:"part_type"`
	Body   string `json:"body"`
	At     int64  `json:"created_at"`
	Author struct {
		Type string `json:"type"`
		Name string `json:"name"`
	} `json:"author"`
	Files []struct {
		Name string `json:"name"`
		Size int64  `json:"filesize"`
		URL  string `json:"url"`
	} `json:"attachments"`
	Redacted bool `json:"redacted"`
}

// The parts that are somebody's words.
const (
	commentPart = "comment"
	notePart    = "note"
	quickPart   = "quick_reply"
)

// mark answers what of ours a part is; false: nothing. A contact who quotes us by e-mail says our mark again.
func (p part) mark() (kind string, id uuid.UUID, ok bool) {
	if p.Author.Type != "admin" && p.Author.Type != "bot" {
		return "", uuid.Nil, false
	}
	return marked(p.Body)
}

func (c *connection) show(ctx context.Context, ref commands.Ref) (ticket, error) {
	var t ticket
	err := c.call(ctx, http.MethodGet, path(ref), nil, &t)
	return t, err
}

// Fetch implements commands.Connection.
func (c *connection) Fetch(ctx context.Context, ref commands.Ref) (commands.Remote, error) {
	t, err := c.show(ctx, ref)
	if err != nil {
		return commands.Remote{}, err
	}
	remote := commands.Remote{Status: t.State.Category, Cut: t.cut()}
	ours := map[uuid.UUID]bool{}
	for _, p := range t.Parts.List {
		comment := commands.RemoteComment{ID: p.ID, Author: p.Author.Name, Text: p.words(), Internal: p.Kind == notePart, At: time.Unix(p.At, 0).UTC()}
		kind, id, isMarked := p.mark()
		switch {
		case p.Kind != commentPart && p.Kind != notePart && p.Kind != quickPart, p.Redacted, comment.Text == "":
			continue
		case isMarked && !ours[id]: // a teammate who copies ours later says it themselves
			ours[id] = true
			if kind == fileMark {
				continue
			}
			if kind == commentMark {
				comment.Ours = id
			}
		}
		remote.Comments = append(remote.Comments, comment)
	}
	return remote, nil
}

// words answers what was said, and the files that hang on it.
func (p part) words() string {
	lines := []string{plain(p.Body)}
	for _, f := range p.Files {
		lines = append(lines, strings.TrimSpace(f.Name+" "+f.URL))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// leeway is how far two clocks may differ, and the time that a request takes.
const leeway = 2 * time.Minute

// cut reports that the ticket has more parts than are shown.
func (t ticket) cut() bool { return t.Parts.Total > len(t.Parts.List) }

// Find implements commands.Connection.
func (c *connection) Find(ctx context.Context, m commands.Mark) (commands.Receipt, bool, error) {
	if m.Kind == commands.TicketMark {
		return c.findTicket(ctx, m)
	}
	wanted := commentMark
	if m.Kind == commands.AttachmentMark {
		wanted = fileMark
	}
	t, err := c.show(ctx, m.Ref)
	if err != nil {
		return commands.Receipt{}, false, err
	}
	for _, p := range t.Parts.List {
		if kind, id, ok := p.mark(); ok && kind == wanted && id == m.Key {
			return commands.Receipt{ID: p.ID}, true, nil
		}
	}
	if t.cut() {
		return commands.Receipt{}, false, commands.TooMany("comments")
	}
	return commands.Receipt{}, false, nil
}

// pageSize is how many tickets a search answers at a time, at most, and pagesMost how many answers are looked through.
const pageSize, pagesMost = 150, 50

// findTicket looks among the tickets that were made since. The marks are compared here: how a search takes a text apart is not
// told.
func (c *connection) findTicket(ctx context.Context, m commands.Mark) (commands.Receipt, bool, error) {
	wanted, paging := mark(ticketMark, m.Key), map[string]any{"per_page": pageSize}
	query := map[string]any{"operator": "AND", "value": []any{
		filter("ticket_type_id", "=", c.account.Settings["ticket_type_id"]), filter("created_at", ">=", max(m.Since.Add(-leeway).Unix(), 0)),
	}}
	for range pagesMost {
		var page struct {
			Tickets []ticket `json:"tickets"`
			Pages   struct {
				Next struct {
					After string `json:"starting_after"`
				} `json:"next"`
			} `json:"pages"`
		}
		if err := c.call(ctx, http.MethodPost, "/tickets/search", map[string]any{"query": query, "pagination": paging}, &page); err != nil {
			return commands.Receipt{}, false, err
		}
		for _, t := range page.Tickets {
			if text, _ := t.Attributes[descriptionAttribute].(string); strings.Contains(text, wanted) {
				return commands.Receipt{ID: t.ID}, true, nil
			}
		}
		if page.Pages.Next.After == "" {
			return commands.Receipt{}, false, m.TooSoon(time.Now(), "Intercom's search may not know the ticket yet.")
		}
		paging["starting_after"] = page.Pages.Next.After
	}
	return commands.Receipt{}, false, commands.TooMany("new tickets")
}
