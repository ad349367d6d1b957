package domain_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
)

// The table again, as a person would write it down: admin, support, member, auditor.
var table = map[domain.Permission][4]domain.Scope{
	"tickets.create":           {domain.All, domain.All, domain.Own, domain.None},
	"tickets.read":             {domain.All, domain.All, domain.Own, domain.All},
	"tickets.edit":             {domain.All, domain.All, domain.Own, domain.None},
	"tickets.status":           {domain.All, domain.All, domain.Own, domain.None},
	"tickets.assign":           {domain.All, domain.All, domain.None, domain.None},
	"tickets.delete":           {domain.All, domain.All, domain.None, domain.None},
	"comments.create":          {domain.All, domain.All, domain.Own, domain.None},
	"comments.internal.create": {domain.All, domain.All, domain.None, domain.None},
	"comments.internal.read":   {domain.All, domain.All, domain.None, domain.All},
	"members.read":             {domain.All, domain.All, domain.All, domain.All},
	"members.manage":           {domain.All, domain.None, domain.None, domain.None},
	"api_tokens.manage":        {domain.Own, domain.Own, domain.Own, domain.Own},
	"organization.manage":      {domain.All, domain.None, domain.None, domain.None},
	"audit.read":               {domain.All, domain.None, domain.None, domain.All},
	"privacy.erase":            {domain.All, domain.None, domain.None, domain.None},
	"privacy.export":           {domain.All, domain.Own, domain.Own, domain.Own},
	"files.create":             {domain.All, domain.All, domain.Own, domain.None},
	"files.read":               {domain.All, domain.All, domain.Own, domain.All},
	"files.reprocess":          {domain.All, domain.All, domain.Own, domain.None},
	"files.delete":             {domain.All, domain.All, domain.Own, domain.None},
	"jobs.manage":              {domain.All, domain.None, domain.None, domain.None},
	"agents.use":               {domain.All, domain.All, domain.Own, domain.None},
	"agents.runs.read":         {domain.All, domain.All, domain.Own, domain.All},
	"agents.config.read":       {domain.All, domain.All, domain.None, domain.All},
	"agents.config.manage":     {domain.All, domain.None, domain.None, domain.None},
	"threads.read":             {domain.All, domain.Own, domain.Own, domain.All},
	"threads.write":            {domain.Own, domain.Own, domain.Own, domain.None},
	"knowledge.read":           {domain.All, domain.All, domain.All, domain.All},
	"knowledge.write":          {domain.All, domain.All, domain.None, domain.None},
	"integrations.read":        {domain.All, domain.All, domain.All, domain.All},
	"integrations.manage":      {domain.All, domain.None, domain.None, domain.None},
	"deliveries.read":          {domain.All, domain.All, domain.None, domain.All},
	"deliveries.manage":        {domain.All, domain.All, domain.None, domain.None},
	"webhooks.manage":          {domain.All, domain.None, domain.None, domain.None},
}

func TestEveryCellOfThePermissionTable(t *testing.T) {
	t.Parallel()
	require.Len(t, domain.Permissions(), len(table))
	me, other := user(1), user(2)
	for _, p := range domain.Permissions() {
		require.Contains(t, table, p)
		for i, role := range domain.Roles {
			t.Run(string(p)+"/"+string(role), func(t *testing.T) {
				t.Parallel()
				want := table[p][i]
				actor := domain.Actor{Type: domain.ByUser, User: me, Role: role}
				require.Equal(t, want, domain.ScopeOf(role, p))
				require.Equal(t, want == domain.All, actor.May(p))
				require.Equal(t, want == domain.All, actor.May(p, other))
				require.Equal(t, want != domain.None, actor.May(p, other, me))
				require.Equal(t, want != domain.None, actor.Can(p))
			})
		}
	}
}

func TestTheSystemMayDoEverything(t *testing.T) {
	t.Parallel()
	for _, p := range domain.Permissions() {
		require.True(t, domain.System.May(p))
		require.True(t, domain.System.Can(p))
	}
}

func TestAnUnknownRoleOrPermissionReachesNothing(t *testing.T) {
	t.Parallel()
	require.Equal(t, domain.None, domain.ScopeOf("owner", domain.ReadTickets))
	require.Equal(t, domain.None, domain.ScopeOf(domain.Admin, "planets.destroy"))
	require.False(t, domain.Actor{Type: domain.ByUser, User: user(1), Role: "owner"}.Can(domain.ReadTickets))
}

func TestNobodyOwnsWhatNobodyMade(t *testing.T) {
	t.Parallel()
	nobody := domain.Actor{Type: domain.ByUser, Role: domain.Member}
	require.False(t, nobody.May(domain.ReadTickets, domain.UserID{}), "a zero owner is not the zero user")
}

func TestRoles(t *testing.T) {
	t.Parallel()
	for _, role := range domain.Roles {
		require.True(t, role.Valid(), role)
	}
	require.False(t, domain.Role("owner").Valid())
	require.False(t, domain.Role("").Valid())
}

func TestScopesHaveNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, "- own all", domain.None.String()+" "+domain.Own.String()+" "+domain.All.String())
}

func user(n byte) domain.UserID { return domain.UserID{UUID: uuid.UUID{15: n}} }
