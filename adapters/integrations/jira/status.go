package jira

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// status is one of a workflow.
type status struct {
	Name     string `json:"name"`
	Category struct {
		Key string `json:"key"` // new, indeterminate or done
	} `json:"statusCategory"`
}

// is reports whether the status is what a value of the mapping means: its category, or its very name.
func (s status) is(value string) bool {
	return s.Category.Key == value || strings.EqualFold(s.Name, value)
}

// value answers what the mapping calls the status: its name, when that is what the mapping speaks of, or else its category.
func (s status) value(mapping map[string]string) string {
	for _, value := range slices.Sorted(maps.Values(mapping)) { // a status may well be called as a category is
		if strings.EqualFold(s.Name, value) && !isCategory(value) {
			return value
		}
	}
	if isCategory(s.Category.Key) {
		return s.Category.Key
	}
	return s.Name
}

func isCategory(value string) bool {
	return value == "new" || value == "indeterminate" || value == "done"
}

// transition is a way from one status to another.
type transition struct {
	ID        string `json:"id"`
	To        status `json:"to"`
	Available *bool  `json:"isAvailable"`
}

// SetStatus takes the first way that leads to the status, unless the issue is there already. Where the workflow has none, it
// is Rejected.
func (c *connection) SetStatus(ctx context.Context, ref commands.Ref, wanted string) error {
	var issue struct {
		Fields struct {
			Status status `json:"status"`
		} `json:"fields"`
		Transitions []transition `json:"transitions"`
	}
	ask := outbound.Request{Method: http.MethodGet}
	if _, err := c.do(ctx, ask, issuePath(ref, "?fields=status&expand=transitions"), &issue); err != nil {
		return err
	}
	if wanted == "" || issue.Fields.Status.is(wanted) {
		return nil
	}
	var others []string
	for _, way := range issue.Transitions {
		if way.Available != nil && !*way.Available {
			continue
		}
		if !way.To.is(wanted) {
			others = append(others, way.To.Name)
			continue
		}
		take := outbound.Request{Method: http.MethodPost, JSON: map[string]any{"transition": map[string]string{"id": way.ID}}}
		take.Repeatable = true // whoever comes again looks first where the issue is
		_, err := c.do(ctx, take, issuePath(ref, "/transitions"), nil)
		return err
	}
	slices.Sort(others)
	return rejected("The workflow has no way from " + issue.Fields.Status.Name + " to " + wanted + ". It leads to: " + strings.Join(slices.Compact(others), ", ") + ".")
}
