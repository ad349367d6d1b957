package integrations_test

import (
	"cmp"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ticketd/adapters/integrations/github"
	"ticketd/adapters/integrations/intercom"
	"ticketd/adapters/integrations/jira"
	"ticketd/adapters/integrations/salesforce"
	"ticketd/adapters/integrations/slack"
	"ticketd/adapters/integrations/teams"
	"ticketd/adapters/integrations/zendesk"
	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/outbound"
	"ticketd/internal/vendorfake"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// list is one of a vendor's that comes page by page, and is looked through for what was tried.
type list struct {
	platform  integration.Platform
	operation string
	kind      commands.MarkKind
	page      string            // one after which there is always another; # stands for the ticket, and % for anything long
	header    map[string]string // that says so
}

// lists are all of them.
var lists = map[string]list{
	"issues of GitHub":     {integration.GitHub, "GET /repos/{owner}/{repo}/issues", commands.TicketMark, `[{"body":"%","created_at":"2999-01-01T00:00:00Z"}]`, linked},
	"comments of GitHub":   {integration.GitHub, "GET /repos/{owner}/{repo}/issues/{issue_number}/comments", commands.CommentMark, `[{"body":"%"}]`, linked},
	"messages of Slack":    {integration.Slack, "GET /conversations.history", commands.TicketMark, slackPage, nil},
	"a thread of Slack":    {integration.Slack, "GET /conversations.replies", commands.CommentMark, slackPage, nil},
	"files of Slack":       {integration.Slack, "GET /conversations.replies", commands.AttachmentMark, slackPage, nil},
	"tickets of Intercom":  {integration.Intercom, "POST /tickets/search", commands.TicketMark, `{"tickets":[{"id":"%"}],"pages":{"next":{"starting_after":"again"}}}`, nil},
	"cases of Salesforce":  {integration.Salesforce, "GET /services/data/{version}/query", commands.TicketMark, `{"done":true,"records":[{"Id":"500000000000000001","Description":"%"}]}`, nil},
	"issues of Jira":       {integration.Jira, "POST /rest/api/3/search/jql", commands.TicketMark, `{"issues":[{"id":"%"}],"nextPageToken":"again"}`, nil},
	"comments of Jira":     {integration.Jira, "GET /rest/api/3/issue/{issueIdOrKey}/comment", commands.CommentMark, `{"comments":[{"id":"%"}],"total":1000000}`, nil},
	"comments of Zendesk":  {integration.Zendesk, "GET /api/v2/tickets/{ticket_id}/comments", commands.CommentMark, `{"comments":[{"body":"%"}],"next_page":"https://example.zendesk.com/?page=2"}`, nil},
	"a channel of Teams":   {integration.Teams, "GET /teams/{team-id}/channels/{channel-id}/messages", commands.TicketMark, teamsPage, nil},
	"the replies of Teams": {integration.Teams, "GET /teams/{team-id}/channels/{channel-id}/messages/{chatMessage-id}/replies", commands.CommentMark, teamsPage, nil},
}

var linked = map[string]string{"Link": `<https://api.github.com/again?page=2>; rel="next"`}

const (
	slackPage = `{"ok":true,"has_more":true,"messages":[{"ts":"#","text":"%"}],"response_metadata":{"next_cursor":"again"}}`
	teamsPage = `{"value":[{"id":"%","lastModifiedDateTime":"2999-01-01T00:00:00Z"}],"@odata.nextLink":"https://graph.microsoft.com/v1.0/again?$skip=50"}`
)

// many is more pages than anybody should ask for.
const many = 1_000

// endless answers a connection to a vendor whose list never ends, and what is looked for there in vain.
func endless(t *testing.T, l list, long string) (commands.Connection, vendorfake.Vendor, commands.Mark) {
	t.Helper()
	v, known := vendorfake.Play(l.platform)
	require.True(t, known)
	client := outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, UserAgent: "ticketd", OperationMost: operationMost})
	t.Cleanup(func() {
		client.Close()
		v.Base().Close()
	})
	account := v.Account()
	delete(account.Settings, "external_id_field") // by which Salesforce needs no list
	platform := map[integration.Platform]commands.Platform{
		integration.Salesforce: salesforce.New(client), integration.Jira: jira.New(client), integration.Zendesk: zendesk.New(client), integration.Intercom: intercom.New(client),
		integration.GitHub: github.New(client), integration.Slack: slack.New(client), integration.Teams: teams.New(client),
	}[l.platform]
	made, err := platform.Open(account).Create(t.Context(), commands.Draft{
		Ticket: uuid.New(), Number: 1, Title: "The printer burns", Description: "Since noon.", Creator: commands.Person{Name: "Ada", Email: "ada@example.org"},
		Status: account.Mapping.Status["open"], Priority: account.Mapping.Priority["high"],
	})
	require.NoError(t, err)
	v.Base().Next(l.operation, vendorfake.Fault{Times: many, Status: 200, Header: l.header, Body: strings.NewReplacer("#", made.ID, "%", long).Replace(l.page)})
	mark := commands.Mark{Kind: l.kind, Key: uuid.New(), Name: "a.txt", Size: 1, Since: time.Now(), Last: time.Now()}
	if l.kind != commands.TicketMark {
		mark.Ref = commands.Ref{ID: made.ID, Place: made.Place}
	}
	return platform.Open(account), v, mark
}

func trouble(t *testing.T, err error) *commands.VendorError {
	t.Helper()
	e, ok := errors.AsType[*commands.VendorError](err)
	require.True(t, ok, "%v", err)
	return e
}

// operationMost is how many bytes an operation may read in these tests.
const operationMost = 200_000

// A vendor that always has one more page is not asked for ever, and what was not found there is not said to be nowhere.
func TestAListWithoutAnEndIsReadInPart(t *testing.T) {
	t.Parallel()
	for name, l := range lists {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, v, mark := endless(t, l, "1")
			_, found, err := c.Find(t.Context(), mark)
			require.False(t, found)
			require.Equal(t, commands.Rejected, trouble(t, err).Kind)
			require.Contains(t, trouble(t, err).Message, "There are too many ")
			require.True(t, trouble(t, err).Unsure)
			require.GreaterOrEqual(t, v.Base().Planned(), many-100)
			if l.kind != commands.CommentMark {
				return
			}
			before := v.Base().Planned()
			remote, err := c.Fetch(t.Context(), mark.Ref)
			require.NoError(t, err)
			require.True(t, remote.Cut)
			require.GreaterOrEqual(t, v.Base().Planned(), before-100)
		})
	}
}

// What an operation keeps has an end, however many pages it comes in.
func TestAListThatIsTooLongIsNotKept(t *testing.T) {
	t.Parallel()
	for name, l := range lists {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, v, mark := endless(t, l, strings.Repeat("1", operationMost/4))
			_, found, err := c.Find(t.Context(), mark)
			require.False(t, found)
			require.Equal(t, commands.Down, trouble(t, err).Kind)
			require.Equal(t, many-4, v.Base().Planned())
			require.Equal(t, cmp.Or(tooLong[l.platform], "The vendor's answer is too long."), trouble(t, err).Message)
		})
	}
}

// tooLong is what a library makes of it.
var tooLong = map[integration.Platform]string{integration.GitHub: "GitHub's answer makes no sense, or ends in the middle."}
