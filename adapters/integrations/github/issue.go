package github

import (
	"context"
	"slices"
	"strconv"
	"strings"

	gogithub "github.com/google/go-github/v88/github"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// The statuses of an issue, besides the reasons why one was closed.
const (
	open      = "open"
	closed    = "closed"
	completed = "completed"
)

// reasons are why an issue may be closed.
var reasons = []string{completed, "not_planned", "duplicate"}

// Create opens an issue. Every issue of GitHub begins open: the draft's status is set by SetStatus.
func (c *connection) Create(ctx context.Context, d commands.Draft) (commands.Receipt, error) {
	where, err := settled(c.account)
	if err != nil {
		return commands.Receipt{}, err
	}
	api, err := c.api()
	if err != nil {
		return commands.Receipt{}, err
	}
	labels := wanted(d)
	title, body, cut := written(d, labels)
	issue, answer, err := api.Issues.Create(ctx, where.owner, where.repo, &gogithub.IssueRequest{Title: &title, Body: &body, Labels: &labels})
	if err != nil {
		return commands.Receipt{}, failed(ctx, answer, err, once)
	}
	if issue.GetNumber() == 0 {
		return commands.Receipt{}, senseless(once)
	}
	receipt := issued(where, issue)
	receipt.Note = strings.TrimSpace(cut + " " + refused(issue, labels))
	return receipt, nil
}

// issued answers the receipt of an issue.
func issued(where place, issue *gogithub.Issue) commands.Receipt {
	return commands.Receipt{ID: strconv.Itoa(issue.GetNumber()), Place: where.String(), URL: issue.GetHTMLURL()}
}

// Update writes an issue anew. Labels that others have set stay.
func (c *connection) Update(ctx context.Context, ref commands.Ref, d commands.Draft) error {
	where, number, err := c.at(ref)
	if err != nil {
		return err
	}
	api, err := c.api()
	if err != nil {
		return err
	}
	issue, answer, err := api.Issues.Get(ctx, where.owner, where.repo, number)
	if err != nil {
		return failed(ctx, answer, err, again)
	}
	labels := wanted(d)
	title, body, _ := written(d, labels)
	all := slices.Concat(labels, slices.DeleteFunc(c.others(issue), func(label string) bool { return has(labels, label) }))
	_, answer, err = api.Issues.Edit(ctx, where.owner, where.repo, number, &gogithub.IssueRequest{Title: &title, Body: &body, Labels: &all})
	return failed(ctx, answer, err, again)
}

// written answers the title and the body of a ticket's issue, and what is to be said of them.
func written(d commands.Draft, labels []string) (title, body, note string) {
	var notes []string
	title, cut := outbound.Cut(line(d.Title), titleMost, "")
	if cut {
		notes = append(notes, "The title was cut to "+strconv.Itoa(titleMost)+" characters.")
	}
	mark := marker{Ticket: d.Ticket, Labels: labels}
	body, cut = within(mark, quiet(d.Description), d.Link)
	if cut {
		notes = append(notes, "The description was cut to "+strconv.Itoa(bodyMost)+" characters.")
	}
	return title, body, strings.Join(notes, " ")
}

// within answers a text behind its marker, as long as GitHub takes it; and whether something was cut off.
func within(mark marker, text, link string) (string, bool) {
	text, cut := outbound.Cut(text, bodyMost-len([]rune(mark.before(""))), link)
	return mark.before(text), cut
}

// SetStatus opens an issue, or closes it for a reason.
func (c *connection) SetStatus(ctx context.Context, ref commands.Ref, status string) error {
	where, number, err := c.at(ref)
	if err != nil {
		return err
	}
	change := gogithub.IssueRequest{State: new(open)}
	if status != open {
		if !slices.Contains(reasons, status) {
			return &commands.VendorError{Kind: commands.Rejected, Message: "An issue on GitHub is open, completed, not_planned or duplicate, and never " + strconv.Quote(status) + ": see the mapping."}
		}
		change = gogithub.IssueRequest{State: new(closed), StateReason: &status}
	}
	api, err := c.api()
	if err != nil {
		return err
	}
	_, answer, err := api.Issues.Edit(ctx, where.owner, where.repo, number, &change)
	return failed(ctx, answer, err, again)
}
