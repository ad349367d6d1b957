package jira

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

const (
	// searchPagesMost and searchAtOnce are how many issues are looked through.
	searchPagesMost = 50
	searchAtOnce    = 100
	// searchSpan is how far back is looked when nobody knows when it was tried.
	searchSpan = 7 * 24 * time.Hour
	// clocks is how exactly two clocks can be compared by an answer's date, which has no fractions of seconds.
	clocks = 2 * time.Second
)

// Find looks for what was tried.
func (c *connection) Find(ctx context.Context, m commands.Mark) (commands.Receipt, bool, error) {
	switch m.Kind {
	case commands.CommentMark:
		return c.findComment(ctx, m)
	case commands.AttachmentMark:
		return c.findAttachment(ctx, m)
	case commands.TicketMark:
	}
	return c.findIssue(ctx, m)
}

// findIssue looks through the issues that the account has made since. The search does not go by properties, but it shows them.
func (c *connection) findIssue(ctx context.Context, m commands.Mark) (commands.Receipt, bool, error) {
	ago := searchSpan
	if !m.Since.IsZero() {
		ago = c.jira.now().Sub(m.Since) + 2*time.Minute // their clock is not ours
	}
	ask := map[string]any{
		"jql": fmt.Sprintf(`project = %s AND creator = currentUser() AND created >= "-%dm" ORDER BY created ASC`,
			quoted(c.account.Settings["project_key"]), int(math.Ceil(max(ago, time.Minute).Minutes()))),
		"fields": []string{"created"}, "properties": []string{property}, "maxResults": searchAtOnce,
	}
	for range searchPagesMost {
		var page struct {
			Issues []struct {
				ID         string         `json:"id"`
				Key        string         `json:"key"`
				Properties map[string]any `json:"properties"`
			} `json:"issues"`
			Next string `json:"nextPageToken"`
		}
		if _, err := c.do(ctx, outbound.Request{Method: http.MethodPost, JSON: ask, Repeatable: true}, "/search/jql", &page); err != nil {
			return commands.Receipt{}, false, err
		}
		for _, issue := range page.Issues {
			value, _ := issue.Properties[property].(map[string]any)
			if value["id"] == m.Key.String() {
				return commands.Receipt{ID: issue.Key, Place: issue.ID, URL: c.browse(issue.Key)}, true, nil
			}
		}
		if page.Next == "" {
			return commands.Receipt{}, false, m.TooSoon(c.jira.now(), "Jira's search may not know the issue yet.")
		}
		ask["nextPageToken"] = page.Next
	}
	return commands.Receipt{}, false, commands.TooMany("new issues")
}

// quoted answers a text as JQL takes it.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(line(text)) + `"`
}

func (c *connection) findComment(ctx context.Context, m commands.Mark) (commands.Receipt, bool, error) {
	all, cut, err := c.comments(ctx, m.Ref)
	if err != nil {
		return commands.Receipt{}, false, err
	}
	for _, comment := range all {
		if comment.ours() == m.Key {
			return c.said(m.Ref, comment.ID), true, nil
		}
	}
	if cut {
		return commands.Receipt{}, false, commands.TooMany("comments")
	}
	return commands.Receipt{}, false, nil
}

// findAttachment goes by the file's name and size, and by when it was tried, by the vendor's own clock: a file has no mark. The
// twins that hang there already are older.
func (c *connection) findAttachment(ctx context.Context, m commands.Mark) (commands.Receipt, bool, error) {
	files, since, err := c.attachments(ctx, m.Ref, m.Since)
	if err != nil {
		return commands.Receipt{}, false, err
	}
	files = slices.DeleteFunc(files, func(f attachment) bool { return f.Name != m.Name || f.Size != m.Size })
	if len(files) <= m.Twins {
		return commands.Receipt{}, false, nil
	}
	slices.SortStableFunc(files, func(a, b attachment) int { return a.Created.Compare(b.Created.Time) }) // of two in one millisecond, the later in the list
	newest := files[len(files)-1]
	if newest.Created.Before(since) {
		return commands.Receipt{}, false, nil
	}
	return commands.Receipt{ID: newest.ID, URL: newest.Content}, true, nil
}

// attachments answers an issue's files, and a time of our clock by the vendor's.
func (c *connection) attachments(ctx context.Context, ref commands.Ref, at time.Time) ([]attachment, time.Time, error) {
	var issue struct {
		Fields struct {
			Files []attachment `json:"attachment"`
		} `json:"fields"`
	}
	answer, err := c.do(ctx, outbound.Request{Method: http.MethodGet}, issuePath(ref, "?fields=attachment"), &issue)
	if err != nil {
		return nil, time.Time{}, err
	}
	if theirs, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		at = at.Add(theirs.Sub(c.jira.now()))
	}
	return issue.Fields.Files, at.Add(-clocks), nil
}
