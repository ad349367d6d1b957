package jira

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// filled are the fields of an issue that we fill in, or that Jira fills in itself.
var filled = []string{"summary", "project", "issuetype", "description", "priority", "labels", "reporter"}

// Check tries the token, the project, whether issues of the type may be made there, and whether they need more than we say.
func (c *connection) Check(ctx context.Context) error {
	ask := outbound.Request{Method: http.MethodGet}
	if _, err := c.do(ctx, ask, "/myself", nil); err != nil {
		return err
	}
	project := c.account.Settings["project_key"]
	types := "/issue/createmeta/" + url.PathEscape(project) + "/issuetypes"
	var page struct {
		Types []issueType `json:"issueTypes"`
	}
	if _, err := c.do(ctx, ask, types+"?maxResults=200", &page); err != nil {
		if wrong, ok := errors.AsType[*commands.VendorError](err); ok && wrong.Kind == commands.Missing {
			wrong.Message = "There is no project " + project + ", or the account may not make issues there."
		}
		return err
	}
	at := slices.IndexFunc(page.Types, func(t issueType) bool { return strings.EqualFold(t.Name, c.issueType()) })
	if at < 0 {
		return rejected("The project " + project + " has no issue type " + c.issueType() + ". It has: " + names(page.Types) + ".")
	}
	var of struct {
		Fields []field `json:"fields"`
	}
	if _, err := c.do(ctx, ask, types+"/"+url.PathEscape(page.Types[at].ID)+"?maxResults=200", &of); err != nil {
		return err
	}
	var missing []string
	for _, f := range of.Fields {
		if f.Required && !f.HasDefault && !slices.Contains(filled, f.Key) {
			missing = append(missing, f.Name)
		}
	}
	if len(missing) > 0 {
		return rejected("The project " + project + " wants fields that cannot be filled in from here: " + strings.Join(missing, ", ") + ".")
	}
	return nil
}

type issueType struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type field struct {
	Key        string `json:"key"`
	Name       string `json:"name"`
	Required   bool   `json:"required"`
	HasDefault bool   `json:"hasDefaultValue"`
}

func names(types []issueType) string {
	all := make([]string, len(types))
	for i, t := range types {
		all[i] = t.Name
	}
	return strings.Join(all, ", ")
}
