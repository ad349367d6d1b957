package http

import (
	"context"
	nethttp "net/http"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain/user"
	"ticketd/eventstore"
	"ticketd/projections"
)

func (s *Server) userRoutes() {
	for _, path := range []struct{ id, address string }{{"me", "/api/v1/users/me"}, {"auth-me", "/api/v1/auth/me"}} {
		register(s, op("get-"+path.id, nethttp.MethodGet, path.address, "Your profile", tagUsers, described(asItWas), errs(404)), s.getMe)
		register(s, op("put-"+path.id, nethttp.MethodPut, path.address, "Change your profile or password", tagUsers, errs(409, 412, 415)), s.updateMe)
		register(s, op("update-"+path.id, nethttp.MethodPatch, path.address, "Change your profile or password, as PUT does", tagUsers, errs(409, 412, 415)), s.updateMe)
	}
}

// User is a person as they and their organization see them.
type User struct {
	ID             uuid.UUID      `json:"id" format:"uuid"`
	OrganizationID uuid.UUID      `json:"organization_id" format:"uuid"`
	Username       string         `json:"username"`
	Email          *string        `json:"email" doc:"null: there is none, or you may not see it."`
	FullName       string         `json:"full_name"`
	Role           string         `json:"role" enum:"admin,support,member,auditor"`
	Status         *string        `json:"status" enum:"invited,active,inactive,removed" doc:"null: you may not see it."`
	IsActive       *bool          `json:"is_active" doc:"null: you may not see it."`
	Preferences    map[string]any `json:"preferences" doc:"Your own; those of others are not shown."`
	Version        int            `json:"version"`
	CreatedAt      Timestamp      `json:"created_at"`
	UpdatedAt      Timestamp      `json:"updated_at"`
}

func renderUser(u projections.UserRow) User {
	shown := User{
		ID: u.ID.UUID, OrganizationID: u.Org.UUID, Username: u.Username, Email: unlessBlank(u.Email), FullName: u.FullName, Role: string(u.Role),
		Status: new(string(u.Status)), IsActive: new(u.Status == user.StatusActive), Preferences: u.Preferences, Version: u.Version,
		CreatedAt: Timestamp(u.CreatedAt), UpdatedAt: Timestamp(u.UpdatedAt),
	}
	if shown.Preferences == nil {
		shown.Preferences = map[string]any{}
	}
	return shown
}

type userAnswer struct {
	ETag          string   `header:"ETag"`
	EventPosition Position `header:"X-Event-Position"`
	Body          User
}

func answerUser(stream eventstore.Stream) *userAnswer {
	row := projections.Fold(projections.ApplyUser, stream.Events)
	return &userAnswer{ETag: etag(row.Version), EventPosition: positionOf(stream), Body: renderUser(row)}
}

func (s *Server) getMe(ctx context.Context, in *Then) (*userAnswer, error) {
	past, err := in.past(ctx)
	if err != nil {
		return nil, err
	}
	caller := callerOf(ctx)
	var row projections.UserRow
	if past.isNow() {
		row, err = s.Users.Find(ctx, caller.Org, caller.User)
	} else {
		var stream eventstore.Stream
		stream, err = s.pastStream(ctx, caller.User.UUID, past, projections.ErrNoUser)
		row = projections.Fold(projections.ApplyUser, stream.Events)
	}
	if err != nil {
		return nil, err
	}
	return &userAnswer{ETag: etag(row.Version), Body: renderUser(row)}, nil
}

type updateMeBody struct {
	Username        Optional[string]         `json:"username,omitzero"`
	Email           Optional[string]         `json:"email,omitzero"`
	FullName        Optional[string]         `json:"full_name,omitzero"`
	Preferences     Optional[map[string]any] `json:"preferences,omitzero"`
	CurrentPassword string                   `json:"current_password,omitempty" maxLength:"256" doc:"Needed for a new password."`
	Password        string                   `json:"password,omitempty" minLength:"8" maxLength:"256" doc:"The new one."`
}

func (s *Server) updateMe(ctx context.Context, in *struct {
	IfMatch
	Body updateMeBody
},
) (*userAnswer, error) {
	r, err := in.request(ctx)
	if err != nil {
		return nil, err
	}
	b := in.Body
	change := commands.ProfileChange{
		Username: b.Username.ptr(), Email: b.Email.ptr(), FullName: b.FullName.ptr(), Preferences: b.Preferences.ptr(),
	}
	if b.Password != "" {
		change.Password = &commands.NewPassword{Current: b.CurrentPassword, Next: b.Password}
	}
	stream, err := s.Accounts.ChangeProfile(ctx, r, change)
	if err != nil {
		return nil, err
	}
	return answerUser(stream), nil
}
