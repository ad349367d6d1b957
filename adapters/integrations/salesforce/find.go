package salesforce

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ticketd/commands"
)

const (
	// before and after are around the time when a case was tried: for clocks that differ, and a vendor that took its time.
	before, after = 10 * time.Minute, time.Hour
	// page is how many cases are read at a time, and pagesMost how often.
	page, pagesMost = 200, 50
	// filesMost is how many files of a case are looked at.
	filesMost = 2_000
)

// Find implements commands.Connection.
func (c *connection) Find(ctx context.Context, m commands.Mark) (commands.Receipt, bool, error) {
	if m.Kind == commands.TicketMark {
		return c.findCase(ctx, m)
	}
	if _, err := known(m.Ref); err != nil {
		return commands.Receipt{}, false, err
	}
	if m.Kind == commands.CommentMark {
		return c.findComment(ctx, m)
	}
	return c.findFile(ctx, m)
}

// caseRow is a case that is looked at.
type caseRow struct {
	ID          string `json:"Id"`
	Description string
}

func (c *connection) findCase(ctx context.Context, m commands.Mark) (commands.Receipt, bool, error) {
	field, err := c.externalField()
	if err != nil {
		return commands.Receipt{}, false, err
	}
	if field != "" {
		found, _, err := query[caseRow](ctx, c, fmt.Sprintf("SELECT Id FROM Case WHERE %s = '%s' LIMIT 1", field, m.Key))
		if err != nil || len(found) == 0 {
			return commands.Receipt{}, false, err
		}
		return c.receipt(found[0].ID, ""), true, nil
	}
	line, last := marker(commands.TicketMark, m.Key), ""
	for range pagesMost {
		soql := "SELECT Id, Description FROM Case WHERE " + tried(m)
		if last != "" {
			soql += " AND Id > '" + last + "'"
		}
		found, _, err := query[caseRow](ctx, c, fmt.Sprintf("%s ORDER BY Id LIMIT %d", soql, page))
		if err != nil {
			return commands.Receipt{}, false, err
		}
		for _, row := range found {
			if strings.Contains(row.Description, line) {
				return c.receipt(row.ID, ""), true, nil
			}
		}
		if len(found) == 0 {
			return commands.Receipt{}, false, nil
		}
		if last = found[len(found)-1].ID; !isID(last) {
			return commands.Receipt{}, false, &commands.VendorError{Kind: commands.Down, Message: "Salesforce names a case that can be none."}
		}
	}
	return commands.Receipt{}, false, commands.TooMany("new cases")
}

// tried answers when a case may have been made, as a condition. It is tried for days, so what ends that is the last try.
func tried(m commands.Mark) string {
	const layout = "2006-01-02T15:04:05Z"
	condition := "CreatedDate >= " + m.Since.Add(-before).UTC().Format(layout)
	if m.Last.IsZero() {
		return condition
	}
	return condition + " AND CreatedDate <= " + m.Last.Add(after).UTC().Format(layout)
}

func (c *connection) findComment(ctx context.Context, m commands.Mark) (commands.Receipt, bool, error) {
	all, whole, err := c.comments(ctx, m.Ref.ID)
	for _, o := range all {
		if o.ours() == m.Key {
			return commands.Receipt{ID: o.ID}, true, nil
		}
	}
	if err == nil && !whole {
		err = commands.TooMany("comments")
	}
	return commands.Receipt{}, false, err
}

// link is a file of a case.
type link struct {
	Document struct {
		Version     string `json:"LatestPublishedVersionId"`
		Description string
	} `json:"ContentDocument"`
}

func (c *connection) findFile(ctx context.Context, m commands.Mark) (commands.Receipt, bool, error) {
	all, whole, err := query[link](ctx, c, fmt.Sprintf(
		"SELECT ContentDocument.LatestPublishedVersionId, ContentDocument.Description FROM ContentDocumentLink WHERE LinkedEntityId = '%s' LIMIT %d",
		m.Ref.ID, filesMost))
	for _, l := range all {
		if strings.Contains(l.Document.Description, marker(commands.AttachmentMark, m.Key)) {
			return c.fileReceipt(l.Document.Version, ""), true, nil
		}
	}
	if err == nil && (!whole || len(all) == filesMost) {
		err = commands.TooMany("files")
	}
	return commands.Receipt{}, false, err
}
