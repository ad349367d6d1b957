package http

import (
	"context"
	nethttp "net/http"
	"time"

	"github.com/google/uuid"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/user"
	"ticketd/projections"
)

func (s *Server) authRoutes() {
	register(s, op("register", nethttp.MethodPost, "/api/v1/auth/register", "Register, and found an organization", tagAuth, public, authBudget, status201, errs(403, 409, 415)), s.registerUser)
	register(s, op("login", nethttp.MethodPost, "/api/v1/auth/login", "Sign in with a username or an email address", tagAuth, public, authBudget, errs(401, 415)), s.login)
	register(s, op("refresh", nethttp.MethodPost, "/api/v1/auth/refresh", "Trade a refresh token for new tokens", tagAuth, public, authBudget, errs(401, 415)), s.refresh)
	register(s, op("logout", nethttp.MethodPost, "/api/v1/auth/logout", "End the session", tagAuth), s.logout)
	register(s, op("verify", nethttp.MethodGet, "/api/v1/auth/verify", "Who am I, and for how long", tagAuth), s.verify)
}

type registerBody struct {
	Username         string `json:"username,omitempty" maxLength:"100" example:"ada"`
	Email            string `json:"email,omitempty" maxLength:"254" example:"ada@example.org"`
	Password         string `json:"password" minLength:"8" maxLength:"256" example:"correct horse battery staple"`
	FullName         string `json:"full_name,omitempty" maxLength:"200"`
	OrganizationName string `json:"organization_name,omitempty" maxLength:"200" doc:"Left out, a personal organization is made. To join an existing one, accept an invitation."`
}

func (s *Server) registerUser(ctx context.Context, in *struct{ Body registerBody }) (*userAnswer, error) {
	if s.config.Registration == "invite" {
		return nil, newProblem(ctx, nethttp.StatusForbidden, "registration_closed", "Registration is by invitation here.")
	}
	stream, err := s.Accounts.Register(ctx, request(ctx), commands.Registration{
		UserID: domain.UserID{UUID: newID(ctx)}, Username: in.Body.Username, Email: in.Body.Email, Password: in.Body.Password,
		FullName: in.Body.FullName, OrganizationName: in.Body.OrganizationName,
	})
	if err != nil {
		return nil, err
	}
	return answerUser(stream), nil
}

// Tokens are what a person signs in with from now on.
type Tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token" doc:"Good once: each refresh answers the next one. Presented twice, it ends the session."`
	TokenType    string `json:"token_type" enum:"bearer"`
	ExpiresIn    int    `json:"expires_in" doc:"Seconds the access token is good for."`
	User         User   `json:"user"`
}

type tokensAnswer struct {
	CacheControl  string   `header:"Cache-Control"`
	EventPosition Position `header:"X-Event-Position"`
	Body          Tokens
}

func (s *Server) login(ctx context.Context, in *struct {
	Body struct {
		Username string `json:"username,omitempty" maxLength:"254" example:"ada" doc:"Or the email address."`
		Email    string `json:"email,omitempty" maxLength:"254"`
		Password string `json:"password" maxLength:"256"`
	}
},
) (*tokensAnswer, error) {
	name := in.Body.Username
	if name == "" {
		name = in.Body.Email
	}
	if name == "" {
		return nil, newProblem(ctx, nethttp.StatusUnprocessableEntity, "", "Signing in needs a username or an email address.", ProblemField{Location: "body.username", Message: "required"})
	}
	key := "login " + user.NormalizeUsername(name)
	limit := s.config.Limits.Login
	if limit.Requests > 0 { // counted before the password is looked at: of many guesses at once no more may pass than of one by one
		if v := s.limiter.take(key, limit); !v.allowed {
			return nil, tooMany(ctx, v, "Too many wrong passwords for this name")
		}
	}
	signedIn, err := s.Accounts.SignIn(ctx, request(ctx), name, in.Body.Password)
	if limit.Requests > 0 && domain.KindOf(err) != domain.Unauthenticated {
		s.limiter.giveBack(key, limit)
	}
	if err != nil {
		return nil, err
	}
	return s.answerTokens(signedIn)
}

func (s *Server) refresh(ctx context.Context, in *struct {
	Body struct {
		RefreshToken string `json:"refresh_token" maxLength:"500"`
	}
},
) (*tokensAnswer, error) {
	signedIn, err := s.Accounts.Refresh(ctx, request(ctx), in.Body.RefreshToken)
	if err != nil {
		return nil, err
	}
	return s.answerTokens(signedIn)
}

func (s *Server) answerTokens(in commands.SignedIn) (*tokensAnswer, error) {
	token, expires, err := s.Issuer.Issue(in.Org, in.User.UserID, in.User.Role, in.Session)
	if err != nil {
		return nil, err
	}
	return &tokensAnswer{CacheControl: "no-store", EventPosition: positionAt(in.Position), Body: Tokens{
		AccessToken: token, RefreshToken: in.RefreshToken, TokenType: "bearer", ExpiresIn: int(time.Until(expires).Seconds()),
		User: renderUser(projections.Fold(projections.ApplyUser, in.Stream.Events)),
	}}, nil
}

type messageAnswer struct {
	Body struct {
		Message string `json:"message"`
	}
}

func (s *Server) logout(ctx context.Context, _ *struct{}) (*messageAnswer, error) {
	if err := s.Accounts.SignOut(ctx, request(ctx), callerOf(ctx).Session); err != nil {
		return nil, err
	}
	answer := &messageAnswer{}
	answer.Body.Message = "Signed out."
	return answer, nil
}

// Verified says whose token it is.
type Verified struct {
	Valid          bool      `json:"valid"`
	UserID         uuid.UUID `json:"user_id" format:"uuid"`
	OrganizationID uuid.UUID `json:"organization_id" format:"uuid"`
	Role           string    `json:"role" enum:"admin,support,member,auditor"`
	ActorType      string    `json:"actor_type" enum:"user,api_token"`
	ExpiresAt      Timestamp `json:"expires_at"`
}

func (s *Server) verify(ctx context.Context, _ *struct{}) (*struct{ Body Verified }, error) {
	caller := callerOf(ctx)
	return &struct{ Body Verified }{Verified{
		Valid: true, UserID: caller.User.UUID, OrganizationID: caller.Org.UUID, Role: string(caller.Role), ActorType: string(caller.Type),
		ExpiresAt: Timestamp(caller.Expires),
	}}, nil
}
