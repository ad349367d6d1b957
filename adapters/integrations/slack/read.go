package slack

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"ticketd/commands"
)

// fetchMost is how many messages of a thread are fetched, and findMost how many are looked through.
const fetchMost, findMost = 2_000, pagesMost * pageSize

// Fetch implements commands.Connection. What programs said, we among them, is no person's comment; only our own comments are
// named, so that nobody takes them for new ones.
func (c *connection) Fetch(ctx context.Context, ref commands.Ref) (commands.Remote, error) {
	parent, replies, cut, err := c.thread(ctx, ref, fetchMost)
	if err != nil {
		return commands.Remote{}, err
	}
	remote := commands.Remote{Status: parent.status(c.account.Mapping), Cut: cut}
	for _, m := range replies {
		if comment, ok := m.comment(parent); ok {
			remote.Comments = append(remote.Comments, comment)
		}
	}
	c.introduce(ctx, remote.Comments)
	return remote, nil
}

// introduce puts people's names in the place of their ids, as far as Slack tells them: a name is not worth failing for.
func (c *connection) introduce(ctx context.Context, comments []commands.RemoteComment) {
	names := map[string]string{}
	for i := range comments {
		id := comments[i].Author
		if comments[i].Ours != uuid.Nil || id == "" {
			continue
		}
		if _, known := names[id]; !known {
			name, err := c.person(ctx, id)
			if err != nil {
				return // there is no scope for it, or not now
			}
			names[id] = name
		}
		comments[i].Author = orElse(names[id], id)
	}
}

// person answers what somebody is called; empty when they have no name.
func (c *connection) person(ctx context.Context, id string) (string, error) {
	var answer struct {
		User struct {
			Profile struct {
				Display string `json:"display_name"`
				Real    string `json:"real_name"`
			} `json:"profile"`
		} `json:"user"`
	}
	err := c.get(ctx, "users.info", url.Values{"user": {id}}, &answer)
	return orElse(answer.User.Profile.Display, answer.User.Profile.Real), err
}

// comment answers a message of a thread as a comment. false: nobody said it.
func (m message) comment(parent message) (commands.RemoteComment, bool) {
	c := commands.RemoteComment{ID: m.TS, Author: m.User, Text: m.words(), At: m.at()}
	own := m.User == parent.User
	if id, err := uuid.Parse(m.marked(commentEvent, idField)); err == nil && own {
		c.Ours = id
		return c, true
	}
	spoken := m.Subtype == "" || m.Subtype == "file_share" || m.Subtype == "thread_broadcast"
	return c, spoken && !own && m.Bot == "" && c.Text != ""
}

// words answers what was said, and the files that hang on it.
func (m message) words() string {
	lines := []string{unmarked(m.Text)}
	for _, f := range m.Files {
		lines = append(lines, strings.TrimSpace(f.Name+" "+f.URL))
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

// leeway is how far two clocks may differ, and the time that a request takes.
const leeway = 2 * time.Minute

// Find implements commands.Connection. A file has no metadata: its name and its size tell it, from when it was tried on.
func (c *connection) Find(ctx context.Context, m commands.Mark) (commands.Receipt, bool, error) {
	if m.Kind == commands.TicketMark {
		return c.findTicket(ctx, m)
	}
	parent, replies, cut, err := c.thread(ctx, m.Ref, findMost)
	if err != nil {
		return commands.Receipt{}, false, err
	}
	ours := slices.DeleteFunc(replies, func(r message) bool { return r.User != parent.User })
	find := findComment
	if m.Kind == commands.AttachmentMark {
		find = findFile
	}
	r, ok := find(ours, m)
	switch {
	case ok:
		return r, true, nil
	case cut:
		return commands.Receipt{}, false, commands.TooMany("messages")
	case m.Kind == commands.AttachmentMark:
		return commands.Receipt{}, false, m.TooSoon(time.Now(), "Slack's thread may not show the file yet.")
	}
	return commands.Receipt{}, false, nil
}

func findComment(ours []message, m commands.Mark) (commands.Receipt, bool) {
	for _, reply := range ours {
		if reply.marked(commentEvent, idField) == m.Key.String() {
			return commands.Receipt{ID: reply.TS}, true
		}
	}
	return commands.Receipt{}, false
}

// findFile answers the newest file of a name and size, when there are more than the twins that were shared before.
func findFile(ours []message, m commands.Mark) (commands.Receipt, bool) {
	var newest commands.Receipt
	var at time.Time
	same := 0
	for _, reply := range ours {
		for _, f := range reply.Files {
			if f.Name == m.Name && f.Size == m.Size {
				newest, at = commands.Receipt{ID: f.ID, URL: f.URL}, reply.at()
				same++
			}
		}
	}
	if same <= m.Twins || at.Before(m.Since.Add(-leeway)) {
		return commands.Receipt{}, false
	}
	return newest, true
}

// findTicket looks through the channel, from when it was tried on.
func (c *connection) findTicket(ctx context.Context, m commands.Mark) (commands.Receipt, bool, error) {
	channel := c.account.Settings["channel"]
	query := url.Values{"channel": {channel}, "oldest": {strconv.FormatInt(max(m.Since.Add(-leeway).Unix(), 0), 10)}, "limit": {strconv.Itoa(pageSize)}}
	found := ""
	more, err := c.pages(ctx, "conversations.history", query, func(p page) bool {
		for _, message := range p.Messages {
			if message.marked(ticketEvent, idField) == m.Key.String() {
				found = message.TS
			}
		}
		return found == ""
	})
	if more {
		err = commands.TooMany("messages")
	}
	if err != nil || found == "" {
		return commands.Receipt{}, false, err
	}
	ref := commands.Ref{ID: found, Place: channel}
	return commands.Receipt{ID: found, Place: channel, URL: c.link(ctx, ref)}, true, nil
}
