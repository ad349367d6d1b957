package salesforce

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

const (
	// commentMost is how many bytes a comment may have.
	commentMost = 4_000
	// commentsMost is how many comments are read of a case, the newest.
	commentsMost = 500
)

// Comment implements commands.Connection. Whoever may see the case in a portal sees the comment there.
func (c *connection) Comment(ctx context.Context, ref commands.Ref, n commands.Note) (commands.Receipt, error) {
	if _, err := known(ref); err != nil {
		return commands.Receipt{}, err
	}
	body, note := commentBody(n)
	id, err := c.make(ctx, outbound.Request{Method: http.MethodPost, JSON: map[string]any{"ParentId": ref.ID, "CommentBody": body, "IsPublished": true}}, "/sobjects/CaseComment")
	if err != nil {
		return commands.Receipt{}, err
	}
	return commands.Receipt{ID: id, Note: note}, nil
}

func commentBody(n commands.Note) (body, note string) {
	begin, end := "", "\n\n"+marker(commands.CommentMark, n.Comment)
	if author, _ := outbound.Cut(n.Author, subjectMost, ""); author != "" {
		begin = author + ":\n"
	}
	text, cut := cutBytes(n.Text, commentMost-len(begin)-len(end), n.Link)
	if cut {
		note = fmt.Sprintf("The comment was cut to %d bytes.", commentMost)
	}
	return begin + text + end, note
}

// cutBytes is outbound.Cut for a number of bytes.
func cutBytes(text string, most int, link string) (string, bool) {
	short, cut := text, false
	for room := most; len(short) > most; { // a character has one byte at least
		short, cut = outbound.Cut(text, room, link)
		room -= max(1, (len(short)-most)/4)
	}
	return short, cut
}

// comment is a CaseComment.
type comment struct {
	ID        string `json:"Id"`
	Body      string `json:"CommentBody"`
	Published bool   `json:"IsPublished"`
	At        stamp  `json:"CreatedDate"`
	Author    string `json:"CreatedById"`
	By        struct {
		Name string
	} `json:"CreatedBy"`
}

// ours answers which of our comments it is; zero: none.
func (o comment) ours() uuid.UUID {
	found := markers.FindStringSubmatch(o.Body)
	if found == nil {
		return uuid.UUID{}
	}
	id, err := uuid.Parse(found[1])
	if err != nil {
		return uuid.UUID{} // somebody wrote something like it
	}
	return id
}

// comments answers those of a case, the oldest first, and whether these are all. Errors: those of do.
func (c *connection) comments(ctx context.Context, id string) (all []comment, whole bool, err error) {
	all, whole, err = query[comment](ctx, c, fmt.Sprintf(
		"SELECT Id, CommentBody, IsPublished, CreatedDate, CreatedById, CreatedBy.Name FROM CaseComment WHERE ParentId = '%s' ORDER BY CreatedDate DESC, Id DESC LIMIT %d",
		id, commentsMost+1))
	if len(all) > commentsMost {
		all, whole = all[:commentsMost], false
	}
	slices.Reverse(all)
	return all, whole, err
}

// Fetch implements commands.Connection.
func (c *connection) Fetch(ctx context.Context, ref commands.Ref) (commands.Remote, error) {
	path, err := known(ref)
	if err != nil {
		return commands.Remote{}, err
	}
	var found struct {
		Status string
		Author string `json:"CreatedById"`
	}
	if _, err := c.do(ctx, outbound.Request{Method: http.MethodGet}, path+"?fields=Status,CreatedById", &found); err != nil {
		return commands.Remote{}, err
	}
	all, whole, err := c.comments(ctx, ref.ID)
	if err != nil {
		return commands.Remote{}, err
	}
	remote := commands.Remote{Status: found.Status, Cut: !whole}
	for _, o := range all {
		r := commands.RemoteComment{ID: o.ID, Author: o.By.Name, Text: o.Body, Internal: !o.Published, At: time.Time(o.At)}
		if o.Author == found.Author { // the case is ours, and whoever copies us says it themselves
			r.Ours = o.ours()
		}
		if r.Ours != uuid.Nil {
			r.Text = markers.ReplaceAllString(r.Text, "")
		}
		remote.Comments = append(remote.Comments, r)
	}
	return remote, nil
}

// stamp is a time as Salesforce writes it, which is not quite RFC 3339.
type stamp time.Time

const stampLayout = "2006-01-02T15:04:05.000-0700"

// UnmarshalJSON reads one. Errors: those of time.Parse.
func (s *stamp) UnmarshalJSON(data []byte) error {
	at, err := time.Parse(`"`+stampLayout+`"`, string(data))
	*s = stamp(at)
	return err
}
