package domain

// Permission is one thing a role may or may not do.
type Permission string

// The permissions. One row each in the table below.
const (
	CreateTickets      Permission = "tickets.create"
	ReadTickets        Permission = "tickets.read"
	EditTickets        Permission = "tickets.edit"
	ChangeStatus       Permission = "tickets.status"
	AssignTickets      Permission = "tickets.assign"
	DeleteTickets      Permission = "tickets.delete"
	Comment            Permission = "comments.create"
	CommentInternally  Permission = "comments.internal.create"
	ReadInternal       Permission = "comments.internal.read"
	ReadMembers        Permission = "members.read"
	ManageMembers      Permission = "members.manage"
	ManageOwnTokens    Permission = "api_tokens.manage" //nolint:gosec // a permission's name is no credential
	ManageOrg          Permission = "organization.manage"
	ReadAudit          Permission = "audit.read"
	ErasePeople        Permission = "privacy.erase"
	ExportPerson       Permission = "privacy.export"
	CreateFiles        Permission = "files.create"
	ReadFiles          Permission = "files.read"
	ReprocessFiles     Permission = "files.reprocess"
	DeleteFiles        Permission = "files.delete"
	ManageJobs         Permission = "jobs.manage"
	UseAgents          Permission = "agents.use"
	ReadRuns           Permission = "agents.runs.read"
	ReadAgentConfig    Permission = "agents.config.read"
	ManageAgentConfig  Permission = "agents.config.manage"
	ReadThreads        Permission = "threads.read"
	WriteThreads       Permission = "threads.write"
	ReadArticles       Permission = "knowledge.read"
	WriteArticles      Permission = "knowledge.write"
	ReadIntegrations   Permission = "integrations.read"
	ManageIntegrations Permission = "integrations.manage"
	ReadDeliveries     Permission = "deliveries.read"
	ManageDeliveries   Permission = "deliveries.manage"
	ManageWebhooks     Permission = "webhooks.manage"
)

// Scope is how far a permission reaches.
type Scope uint8

// The scopes.
const (
	None Scope = iota
	Own        // only what the actor created or is assigned to
	All        // everything in the organization
)

func (s Scope) String() string { return [...]string{"-", "own", "all"}[s] }

// permissions is the one table of who may do what. `ticketd permissions` prints it; a test walks every cell over HTTP.
var permissions = []struct {
	permission                      Permission
	admin, support, member, auditor Scope
}{
	{CreateTickets, All, All, Own, None},
	{ReadTickets, All, All, Own, All},
	{EditTickets, All, All, Own, None},
	{ChangeStatus, All, All, Own, None},
	{AssignTickets, All, All, None, None},
	{DeleteTickets, All, All, None, None},
	{Comment, All, All, Own, None},
	{CommentInternally, All, All, None, None},
	{ReadInternal, All, All, None, All},
	{ReadMembers, All, All, All, All},
	{ManageMembers, All, None, None, None},
	{ManageOwnTokens, Own, Own, Own, Own},
	{ManageOrg, All, None, None, None},
	{ReadAudit, All, None, None, All},
	{ErasePeople, All, None, None, None},
	{ExportPerson, All, Own, Own, Own},
	{CreateFiles, All, All, Own, None},
	{ReadFiles, All, All, Own, All},
	{ReprocessFiles, All, All, Own, None},
	{DeleteFiles, All, All, Own, None},
	{ManageJobs, All, None, None, None},
	{UseAgents, All, All, Own, None},
	{ReadRuns, All, All, Own, All},
	{ReadAgentConfig, All, All, None, All},
	{ManageAgentConfig, All, None, None, None},
	{ReadThreads, All, Own, Own, All},
	{WriteThreads, Own, Own, Own, None},
	{ReadArticles, All, All, All, All},
	{WriteArticles, All, All, None, None},
	{ReadIntegrations, All, All, All, All},
	{ManageIntegrations, All, None, None, None},
	{ReadDeliveries, All, All, None, All},
	{ManageDeliveries, All, All, None, None},
	{ManageWebhooks, All, None, None, None},
}

// Permissions lists every permission in the table's order.
func Permissions() []Permission {
	list := make([]Permission, len(permissions))
	for i, row := range permissions {
		list[i] = row.permission
	}
	return list
}

// ScopeOf reads one cell of the table. A permission that the table does not hold reaches nothing.
func ScopeOf(role Role, p Permission) Scope {
	for _, row := range permissions {
		if row.permission != p {
			continue
		}
		switch role {
		case Admin:
			return row.admin
		case Support:
			return row.support
		case Member:
			return row.member
		case Auditor:
			return row.auditor
		}
	}
	return None
}

// May reports whether the actor may use the permission on something that belongs to owners (its creator, its assignee).
func (a Actor) May(p Permission, owners ...UserID) bool {
	if a.Type == BySystem {
		return true
	}
	switch ScopeOf(a.Role, p) {
	case All:
		return true
	case Own:
		for _, owner := range owners {
			if owner == a.User && !owner.IsZero() {
				return true
			}
		}
	case None:
	}
	return false
}

// Can reports whether the actor may use the permission at all, on its own things at the least.
func (a Actor) Can(p Permission) bool {
	return a.Type == BySystem || ScopeOf(a.Role, p) != None
}

// ErrForbidden is the answer to an actor whose role lacks the permission.
var ErrForbidden = &Error{Kind: Forbidden, Code: "forbidden", Message: "Your role does not allow this."}
