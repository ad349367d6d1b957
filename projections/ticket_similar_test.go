package projections_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/ticket"
	"ticketd/projections"
)

// as is a caller of the desk's organization.
func (d desk) as(user domain.UserID, role domain.Role) domain.Caller {
	return domain.Caller{Org: d.org, Actor: domain.Actor{Type: domain.ByUser, ID: user.UUID, User: user, Role: role}}
}

// says makes a ticket of Ann's with these words.
func (d desk) says(title, description string, more ...any) ticket.ID {
	d.Helper()
	id := d.opened(func(o *ticket.Opened) { o.Title, o.Description = title, description })
	if len(more) > 0 {
		d.happen(id, more...)
	}
	return id
}

// similar answers the titles of the tickets that are like a text.
func (d desk) similar(c domain.Caller, text string) []string {
	d.Helper()
	found, err := d.tickets.Similar(d.Context(), c, text, 10)
	require.NoError(d, err, "%.100q", text)
	return titlesOf(found)
}

func titlesOf(found []projections.SimilarTicket) (titles []string) {
	for _, f := range found {
		titles = append(titles, f.Title)
	}
	return titles
}

func resolvedWith(summary string) ticket.StatusChanged {
	return ticket.StatusChanged{From: ticket.Open, To: ticket.Resolved, ResolutionSummary: &summary}
}

func TestSimilarTicketsShareTellingWords(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.says("VPN drops", "The connection to the gateway drops every ten minutes over wireless.")
	solved := d.says("Tunnel is slow", "The gateway of the VPN was overloaded; please help.", resolvedWith("Moved to gateway two."))
	d.says("Closed long ago", "The VPN gateway refused the certificate, please help.", resolvedWith(""), ticket.StatusChanged{From: ticket.Resolved, To: ticket.Closed})
	d.says("Cancelled", "The VPN gateway? Never mind.", ticket.StatusChanged{From: ticket.Open, To: ticket.Cancelled})
	d.says("Deleted", "VPN gateway drops wireless.", ticket.Deleted{})
	d.says("Whispered", "Nothing.", d.commented(d.bob, "VPN gateway drops", true))
	d.says("Printer", "It burns; please help.")
	other := d
	other.org = newOrg()
	other.says("Not ours", "VPN gateway drops wireless.")
	other.index()

	admin := d.as(d.bob, domain.Admin)
	found, err := d.tickets.Similar(t.Context(), admin, "Please help: my VPN gateway drops", 10)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"Tunnel is slow", "Closed long ago"}, titlesOf(found[:2]), "what was solved tells what helped")
	require.Equal(t, "VPN drops", found[2].Title)
	require.Subset(t, titlesOf(found), []string{"Cancelled"})
	require.NotSubset(t, titlesOf(found), []string{"Deleted"})
	require.NotContains(t, titlesOf(found), "Whispered")
	require.NotContains(t, titlesOf(found), "Not ours")
	for i, f := range found {
		require.Greater(t, f.Rank, 0.15)
		require.LessOrEqual(t, f.Rank, 1.0)
		if i != 0 && i != 2 {
			require.LessOrEqual(t, f.Rank, found[i-1].Rank)
		}
		if f.ID == solved {
			require.Equal(t, "Moved to gateway two.", f.ResolutionSummary)
			require.Equal(t, ticket.Resolved, f.Status)
			require.NotNil(t, f.ResolvedAt)
			require.Equal(t, ticket.Medium, f.Priority)
			require.Equal(t, ticket.General, f.Category)
			require.EqualValues(t, 1, f.Number)
			require.False(t, f.CreatedAt.IsZero())
		}
	}
	two, err := d.tickets.Similar(t.Context(), admin, "VPN gateway", 2)
	require.NoError(t, err)
	require.Len(t, two, 2)

	same, err := d.tickets.SimilarTo(t.Context(), admin, d.find(solved), 10)
	require.NoError(t, err)
	require.NotEmpty(t, same)
	require.NotContains(t, titlesOf(same), "Tunnel is slow", "a ticket is not similar to itself")
	lonely := d.says("Xylophone", "Quixotic zeppelins.")
	d.index()
	same, err = d.tickets.SimilarTo(t.Context(), admin, d.find(lonely), 10)
	require.NoError(t, err)
	require.Empty(t, same)
}

func TestSimilarTicketsAreThoseTheCallerMaySee(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.says("Ann's", "The gateway drops.")
	d.says("Ann's for Bob", "The gateway drops.", ticket.Assigned{Assignee: d.bob})
	d.opened(func(o *ticket.Opened) { o.Title, o.Description, o.CreatedBy = "Bob's", "The gateway drops.", d.bob })
	d.index()
	for role, want := range map[domain.Role][]string{
		domain.Admin: {"Ann's", "Ann's for Bob", "Bob's"}, domain.Support: {"Ann's", "Ann's for Bob", "Bob's"}, domain.Auditor: {"Ann's", "Ann's for Bob", "Bob's"},
		domain.Member: {"Ann's for Bob", "Bob's"}, "guest": nil,
	} {
		require.ElementsMatch(t, want, d.similar(d.as(d.bob, role), "gateway drops"), role)
	}
	require.ElementsMatch(t, []string{"Ann's", "Ann's for Bob"}, d.similar(d.as(d.ann, domain.Member), "gateway drops"))
	require.Empty(t, d.similar(d.as(newUser(), domain.Member), "gateway drops"))
	require.Len(t, d.similar(domain.Caller{Org: d.org, Actor: domain.System}, "gateway drops"), 3)
	stranger := d.as(d.bob, domain.Admin)
	stranger.Org = newOrg()
	require.Empty(t, d.similar(stranger, "gateway drops"))
}

// Where every word is common, tickets that hold two of them are found however old they are.
func TestCommonWordsFindWhatSharesTwoOfThem(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.says("Old and alike", "The login page loads forever.")
	var events []any
	for n := range 120 {
		events = append(events, ticket.Opened{Number: int64(n), Title: "Noise", Description: []string{"login", "page", "loads"}[n%3] + " noise", CreatedBy: d.ann})
	}
	for _, e := range events {
		d.happen(newTicket(), e)
	}
	for range 60 {
		d.happen(newTicket(), ticket.Opened{Title: "Noise", Description: "login page", CreatedBy: d.ann}, ticket.Deleted{})
	}
	for _, word := range []string{"login", "page", "loads"} {
		for range 15 {
			d.says("Noise", word)
		}
	}
	d.index()
	admin := d.as(d.bob, domain.Admin)
	require.Equal(t, "Old and alike", d.similar(admin, "login page loads")[0])
	require.Len(t, d.similar(admin, "login"), 10, "one word has no pairs")
	rare := d.says("Rare", "Quixotic zeppelins on the login page, xylophones too.")
	d.index()
	found, err := d.tickets.Similar(t.Context(), admin, "quixotic zeppelins and xylophones on the login page", 10)
	require.NoError(t, err)
	require.Len(t, found, 1, "who shares nothing but common words is not looked for")
	require.Equal(t, rare, found[0].ID)
	require.InDelta(t, 1, found[0].Rank, 1e-9)
}

// Whatever a text holds, PostgreSQL understands the question.
func TestNoTextIsTooOddToCompare(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.says("o'neil", `C:\temp\new 'quoted' "x" a:b * & | ! <-> ops@example.org https://example.org/a?b=c 42`)
	d.index()
	admin := d.as(d.bob, domain.Admin)
	require.Equal(t, []string{"o'neil"}, d.similar(admin, `o'neil \temp\new`))
	for _, text := range []string{
		"", " ", "the", "' OR 1=1 --", `'`, `''`, `\`, `\'`, "a\x00b", "\xff", "& | !", "a:*", "漢字", "😀", strings.Repeat("x", 10_000), strings.Repeat("漢", 10_000), strings.Repeat("w'", 5000),
		strings.Repeat(`\`, 10_000), strings.Repeat("w1-w2-", 1500), "https://example.org/a?b=c", "ops@example.org",
	} {
		d.similar(admin, text)
	}
	rapid.Check(t, func(r *rapid.T) {
		d.similar(admin, rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune(`ab1'"\-|&!<>():*. é/@`)))).Draw(r, "text"))
	})
}

func TestLongTextsAreComparedByWhatTheyBeginWith(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.says("Alike", "Quixotic zeppelins and xylophones.")
	var long strings.Builder
	long.WriteString("Quixotic zeppelins and xylophones. ")
	for n := range 5000 {
		fmt.Fprintf(&long, "word%d ", n)
	}
	d.index()
	require.Equal(t, []string{"Alike"}, d.similar(d.as(d.bob, domain.Admin), long.String()))
}

func TestSimilarTicketsWithoutADatabase(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.pool.Close()
	require.Error(t, second(d.tickets.Similar(t.Context(), d.as(d.bob, domain.Admin), "x", 1)))
}
