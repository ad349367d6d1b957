package login_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/domaintest"
	"ticketd/domain/login"
)

var (
	ann = domain.UserID{UUID: uuid.UUID{15: 1}}
	bob = domain.UserID{UUID: uuid.UUID{15: 2}}

	acme = domain.OrgID{UUID: uuid.UUID{15: 9}}

	claimed  = login.Claimed{UserID: ann, OrgID: acme, Kind: login.Username}
	released = login.Released{UserID: ann}
)

func TestClaim(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given   []login.Event
		cmd     login.Claim
		then    []login.Event
		refused error
	}{
		"a free name":                      {nil, login.Claim{UserID: ann, OrgID: acme, Kind: login.Username}, []login.Event{claimed}, nil},
		"a name that was released":         {[]login.Event{claimed, released}, login.Claim{UserID: bob, Kind: login.Email}, []login.Event{login.Claimed{UserID: bob, Kind: login.Email}}, nil},
		"one's own name again":             {[]login.Event{claimed}, login.Claim{UserID: ann, Kind: login.Username}, nil, nil},
		"one's own username as email, too": {[]login.Event{claimed}, login.Claim{UserID: ann, Kind: login.Email}, nil, nil},
		"somebody else's name":             {[]login.Event{claimed}, login.Claim{UserID: bob, Kind: login.Username}, nil, login.ErrTaken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := domaintest.Given(t, login.Decider, c.given...).When(c.cmd)
			if c.refused != nil {
				spec.Refused(c.refused)
				return
			}
			spec.Then(c.then...)
		})
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	release := login.Release{UserID: ann}
	domaintest.Given[login.State, login.Command, login.Event](t, login.Decider, claimed).When(release).Then(released)
	domaintest.Given[login.State, login.Command, login.Event](t, login.Decider, claimed, released).When(release).Then()
	domaintest.Given(t, login.Decider).When(release).Then()
	domaintest.Given[login.State, login.Command, login.Event](t, login.Decider, claimed).When(login.Release{UserID: bob}).Then()
}

func TestTheStateSaysWhoseNameItIs(t *testing.T) {
	t.Parallel()
	s := login.Decider.Fold(login.State{}, claimed)
	require.Equal(t, login.State{Owner: ann, Org: acme, Kind: login.Username}, s)
	require.Zero(t, login.Decider.Fold(s, released))
}

func TestAnUnknownCommandIsABug(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { _, _ = login.Decide(login.State{}, nil) })
}

func TestLaws(t *testing.T) {
	t.Parallel()
	users := rapid.SampledFrom([]domain.UserID{ann, bob})
	kinds := rapid.SampledFrom([]login.Kind{login.Username, login.Email})
	domaintest.Laws(t, login.Decider, rapid.OneOf(
		rapid.Custom(func(t *rapid.T) login.Command {
			return login.Claim{UserID: users.Draw(t, "user"), Kind: kinds.Draw(t, "kind")}
		}),
		rapid.Map(users, func(u domain.UserID) login.Command { return login.Release{UserID: u} }),
	), domaintest.Never)
}
