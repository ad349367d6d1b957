package jira

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// comment is somebody's words on an issue.
type comment struct {
	ID     string `json:"id"`
	Author struct {
		Name string `json:"displayName"`
	} `json:"author"`
	Body       any       `json:"body"`
	Created    timestamp `json:"created"`
	Public     *bool     `json:"jsdPublic"`
	Visibility any       `json:"visibility"`
	Properties []struct {
		Key   string `json:"key"`
		Value any    `json:"value"`
	} `json:"properties"`
}

// Comment adds somebody's words, with the author's name above them and a line below that is the mark. The mark is a property
// of the comment too, which not every site shows again.
func (c *connection) Comment(ctx context.Context, ref commands.Ref, n commands.Note) (commands.Receipt, error) {
	text, cut := outbound.Cut(n.Text, textMost, n.Link)
	body := document(text, mark(n))
	if author := clean(line(n.Author)); author != "" {
		name := node{Type: "paragraph", Content: []node{{Type: "text", Text: author, Marks: []markup{{Type: "strong"}}}}}
		body.Content = append([]node{name}, body.Content...)
	}
	var made comment
	_, err := c.do(ctx, outbound.Request{Method: http.MethodPost, JSON: map[string]any{
		"body": body, "properties": []entry{{Key: property, Value: owned{n.Comment.String()}}},
	}}, issuePath(ref, "/comment"), &made)
	if err != nil {
		return commands.Receipt{}, err
	}
	if made.ID == "" {
		return commands.Receipt{}, unnamed()
	}
	receipt := c.said(ref, made.ID)
	if cut {
		receipt.Note = fmt.Sprintf("The comment was cut to %d characters.", textMost)
	}
	return receipt, nil
}

func (c *connection) said(ref commands.Ref, id string) commands.Receipt {
	receipt := commands.Receipt{ID: id}
	if at := c.browse(ref.ID); at != "" {
		receipt.URL = at + "?focusedCommentId=" + id
	}
	return receipt
}

// markBegins is how the line begins that names our own comment.
const markBegins = "Comment "

// mark answers the line below a comment.
func mark(n commands.Note) node {
	text := markBegins + n.Comment.String()
	line := node{Type: "text", Text: text, Marks: []markup{{Type: "em"}}}
	if safe(n.Link) {
		line = linked(text, n.Link)
	}
	return node{Type: "paragraph", Content: []node{line}}
}

// ours answers our own id of a comment that came from here, by its property or its last line; zero when it did not.
func (m comment) ours() uuid.UUID {
	for _, p := range m.Properties {
		value, _ := p.Value.(map[string]any)
		text, _ := value["id"].(string)
		if id, err := uuid.Parse(text); p.Key == property && err == nil {
			return id
		}
	}
	doc, _ := m.Body.(map[string]any)
	blocks, _ := doc["content"].([]any)
	if len(blocks) == 0 {
		return uuid.UUID{}
	}
	last := plain(map[string]any{"type": "doc", "content": blocks[len(blocks)-1:]}, nil)
	text, found := strings.CutPrefix(last, markBegins)
	if !found {
		return uuid.UUID{}
	}
	text, _, _ = strings.Cut(text, " ")
	id, err := uuid.Parse(text)
	if err != nil {
		return uuid.UUID{}
	}
	return id
}

// internal reports whether the comment is for the staff, or for some of them.
func (m comment) internal() bool { return m.Visibility != nil || m.Public != nil && !*m.Public }

const (
	// commentsAtOnce is how many comments a page has.
	commentsAtOnce = 100
	// commentPagesMost is how many pages are read.
	commentPagesMost = 50
)

// comments answers an issue's comments, the oldest first, and whether there are more of them.
func (c *connection) comments(ctx context.Context, ref commands.Ref) (all []comment, cut bool, err error) {
	for range commentPagesMost {
		var page struct {
			Comments []comment `json:"comments"`
			Total    int       `json:"total"`
		}
		query := fmt.Sprintf("/comment?orderBy=created&expand=properties&maxResults=%d&startAt=%d", commentsAtOnce, len(all))
		if _, err := c.do(ctx, outbound.Request{Method: http.MethodGet}, issuePath(ref, query), &page); err != nil {
			return nil, false, err
		}
		all = append(all, page.Comments...)
		if len(page.Comments) == 0 || len(all) >= page.Total {
			return all, false, nil
		}
	}
	return all, true, nil
}

// timestamp is a time as Jira writes it.
type timestamp struct{ time.Time }

// UnmarshalJSON reads Jira's own form, and the usual one. What is neither is no time: nothing that matters depends on it.
func (t *timestamp) UnmarshalJSON(data []byte) error {
	for _, layout := range []string{`"2006-01-02T15:04:05.000-0700"`, `"` + time.RFC3339Nano + `"`} {
		if at, err := time.Parse(layout, string(data)); err == nil {
			t.Time = at
		}
	}
	return nil
}
