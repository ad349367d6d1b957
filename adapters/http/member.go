package http

import (
	"context"
	nethttp "net/http"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/eventstore"
	"ticketd/projections"
)

func (s *Server) memberRoutes() {
	register(s, op("list-members", nethttp.MethodGet, "/api/v1/members", "List the people of the organization, oldest first", tagUsers, described(asItWas)), s.listMembers)
	register(s, op("invite-member", nethttp.MethodPost, "/api/v1/members/invite", "Invite somebody into the organization", tagUsers, status201, errs(409, 415)), s.inviteMember)
	register(s, op("update-member", nethttp.MethodPatch, "/api/v1/members/{user_id}", "Change a member's role, or lock them out", tagUsers, errs(404, 409, 412, 415)), s.updateMember)
	register(s, op("remove-member", nethttp.MethodDelete, "/api/v1/members/{user_id}", "Remove a member, or withdraw an invitation", tagUsers, status204, errs(404, 409, 412)), s.removeMember)
	register(s, op("accept-invitation", nethttp.MethodPost, "/api/v1/invitations/accept/{token}", "Join the organization that invited you", tagUsers, public, authBudget, status201, errs(404, 409, 415)), s.acceptInvitation)
}

func (s *Server) listMembers(ctx context.Context, in *struct {
	AsOf
	After string `query:"after" format:"uuid" doc:"Members after this one."`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
},
) (*struct{ Body []User }, error) {
	caller := callerOf(ctx)
	if !caller.Can(domain.ReadMembers) {
		return nil, domain.ErrForbidden
	}
	at, err := in.moment(ctx)
	if err != nil {
		return nil, err
	}
	after := domain.UserID{UUID: parsed(in.After)}
	var rows []projections.UserRow
	if at.IsZero() {
		rows, err = s.Users.List(ctx, caller.Org, after, in.Limit)
	} else {
		rows, err = s.Users.ListPast(ctx, caller.Org, s.Events, at, after, in.Limit)
	}
	if err != nil {
		return nil, err
	}
	list := make([]User, len(rows))
	for i, row := range rows {
		list[i] = renderMember(row, caller)
	}
	return &struct{ Body []User }{list}, nil
}

// renderMember shows a person to somebody else: their preferences are their own business, and their address and status
// that of those who give tickets to people.
func renderMember(row projections.UserRow, to domain.Caller) User {
	shown := renderUser(row)
	shown.Preferences = map[string]any{}
	if !to.Can(domain.AssignTickets) {
		shown.Email, shown.Status, shown.IsActive = nil, nil, nil
	}
	return shown
}

// answerMember is answerUser for somebody else.
func answerMember(ctx context.Context, stream eventstore.Stream) *userAnswer {
	row := projections.Fold(projections.ApplyUser, stream.Events)
	return &userAnswer{ETag: etag(row.Version), EventPosition: positionOf(stream), Body: renderMember(row, callerOf(ctx))}
}

// Invitation is a way into the organization for one person.
type Invitation struct {
	User
	Token     string `json:"token" doc:"Shown once; hand it to the person."`
	AcceptURL string `json:"accept_url" doc:"Where to POST username and password within seven days."`
}

func (s *Server) inviteMember(ctx context.Context, in *struct {
	Body struct {
		Email string `json:"email" minLength:"3" maxLength:"254"`
		Role  string `json:"role,omitempty" enum:"admin,support,member,auditor" default:"member"`
	}
},
) (*struct {
	EventPosition Position `header:"X-Event-Position"`
	Body          Invitation
}, error,
) {
	token, stream, err := s.Accounts.Invite(ctx, request(ctx), domain.UserID{UUID: newID(ctx)}, in.Body.Email, domain.Role(in.Body.Role))
	if err != nil {
		return nil, err
	}
	answer := answerMember(ctx, stream)
	return &struct {
		EventPosition Position `header:"X-Event-Position"`
		Body          Invitation
	}{answer.EventPosition, Invitation{User: answer.Body, Token: token, AcceptURL: "/api/v1/invitations/accept/" + token}}, nil
}

// MemberID is the path parameter of member routes.
type MemberID struct {
	ID uuid.UUID `path:"user_id" format:"uuid"`
}

func (s *Server) updateMember(ctx context.Context, in *struct {
	MemberID
	IfMatch
	Body struct {
		Role     *string `json:"role,omitempty" enum:"admin,support,member,auditor"`
		IsActive *bool   `json:"is_active,omitempty" doc:"false locks the member out."`
	}
},
) (*userAnswer, error) {
	r, err := in.request(ctx)
	if err != nil {
		return nil, err
	}
	stream, err := s.Accounts.ChangeMember(ctx, r, domain.UserID{UUID: in.ID}, commands.MemberChange{Role: as[domain.Role](in.Body.Role), Active: in.Body.IsActive})
	if err != nil {
		return nil, err
	}
	return answerMember(ctx, stream), nil
}

func (s *Server) removeMember(ctx context.Context, in *struct {
	MemberID
	IfMatch
},
) (*DeletedAnswer, error) {
	r, err := in.request(ctx)
	if err != nil {
		return nil, err
	}
	stream, err := s.Accounts.RemoveMember(ctx, r, domain.UserID{UUID: in.ID})
	if err != nil {
		return nil, err
	}
	return &DeletedAnswer{EventPosition: positionOf(stream)}, nil
}

func (s *Server) acceptInvitation(ctx context.Context, in *struct {
	Token string `path:"token" maxLength:"500"`
	Body  struct {
		Username string `json:"username,omitempty" maxLength:"100" doc:"Left out, it is the email address that was invited."`
		Password string `json:"password" minLength:"8" maxLength:"256"`
		FullName string `json:"full_name,omitempty" maxLength:"200"`
	}
},
) (*userAnswer, error) {
	stream, err := s.Accounts.AcceptInvitation(ctx, request(ctx), in.Token, commands.Joining{
		Username: in.Body.Username, Password: in.Body.Password, FullName: in.Body.FullName,
	})
	if err != nil {
		return nil, err
	}
	return answerUser(stream), nil
}
