package integration_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/domaintest"
	"ticketd/domain/integration"
	"ticketd/domain/ticket"
)

var (
	ann = domain.UserID{UUID: uuid.UUID{15: 1}}
	bob = domain.UserID{UUID: uuid.UUID{15: 2}}

	self, other = uuid.UUID{14: 1}, uuid.UUID{14: 2}
	sync        = uuid.UUID{13: 1}

	config    = integration.Config{Name: "Board", Settings: map[string]string{"project_key": "OPS"}, SyncEnabled: true}
	connected = integration.Connected{By: ann, Platform: integration.Jira, AuthType: integration.APIKey, Config: config, Credentials: []string{"api_token", "email"}}
	good      = integration.Checked{OK: true}
	bad       = integration.Checked{Code: "forbidden", Why: "You may not."}
	expired   = integration.Expired{Code: "revoked", Why: "It was revoked."}
	suspended = integration.Suspended{Code: "busy", Why: "Too much of it."}
	deaf      = integration.Checked{OK: true, Code: integration.CodeWebhooks, Why: "Nothing is told."}
	unwanted  = integration.Changed{SyncEnabled: new(false)}
	wanted    = integration.Changed{SyncEnabled: new(true)}
)

func as(user domain.UserID, role domain.Role) domain.Actor {
	return domain.Actor{Type: domain.ByUser, ID: user.UUID, User: user, Role: role}
}

var admin, support = as(ann, domain.Admin), as(bob, domain.Support)

func connect(changes ...func(*integration.Connect)) integration.Connect {
	c := integration.Connect{
		ID: self, Platform: integration.Jira, AuthType: integration.APIKey, Credentials: []string{"email", "api_token"}, By: admin,
		Config: integration.Config{Name: " Board ", BaseURL: " ", Settings: map[string]string{"project_key": " OPS ", "issue_type": ""}, SyncEnabled: true},
	}
	for _, change := range changes {
		change(&c)
	}
	return c
}

func TestIntegration(t *testing.T) {
	t.Parallel()
	given := func(events ...integration.Event) []integration.Event {
		return append([]integration.Event{connected}, events...)
	}
	synced := integration.Synced{Sync: sync, Created: 1, Updated: 2, Skipped: 3, Failed: 4}
	for _, s := range []struct {
		name    string
		given   []integration.Event
		when    integration.Command
		then    []integration.Event
		refused error
	}{
		{name: "connect", when: connect(), then: given()},
		{name: "connect again", given: given(good), when: connect()},
		{name: "connect again what is there no more", given: given(integration.Disconnected{}), when: connect()},
		{name: "connect what somebody else connected", given: given(), when: connect(func(c *integration.Connect) { c.By = as(bob, domain.Admin) }), refused: integration.ErrExists},
		{name: "connect as support", when: connect(func(c *integration.Connect) { c.By = support }), refused: domain.ErrForbidden},
		{name: "connect everything", when: integration.Connect{
			ID: self, Platform: integration.GitHub, AuthType: integration.Bearer, Credentials: []string{"webhook_secret", "token"}, By: domain.System,
			Config: integration.Config{
				Name: "Code", Description: " Bugs. ", BaseURL: "http://10.0.0.1:8080/github///", Settings: map[string]string{"owner": "a", "repo": "b"}, Fallback: []uuid.UUID{other, other},
				Mapping: integration.Mapping{Category: map[string]string{"bug": " Bug "}, Priority: map[string]string{}},
			},
		}, then: []integration.Event{integration.Connected{
			Platform: integration.GitHub, AuthType: integration.Bearer, Credentials: []string{"token", "webhook_secret"},
			Config: integration.Config{
				Name: "Code", Description: "Bugs.", BaseURL: "http://10.0.0.1:8080/github", Settings: map[string]string{"owner": "a", "repo": "b"}, Fallback: []uuid.UUID{other},
				Mapping: integration.Mapping{Category: map[string]string{"bug": "Bug"}},
			},
		}}},

		{name: "change everything", given: given(), when: integration.Change{
			ID: self, Platform: new(integration.Jira), AuthType: new(integration.APIKey), Name: new("Wall"), Description: new("d"), BaseURL: new("https://x.test/"),
			Settings: new(map[string]string{"project_key": "DEV"}), Mapping: new(integration.Mapping{Status: map[string]string{"open": "done"}}), SyncEnabled: new(false),
			Fallback: new([]uuid.UUID{other}), By: admin,
		}, then: []integration.Event{integration.Changed{
			By: ann, Name: new("Wall"), Description: new("d"), BaseURL: new("https://x.test"), Settings: new(map[string]string{"project_key": "DEV"}),
			Mapping: new(integration.Mapping{Status: map[string]string{"open": "done"}}), SyncEnabled: new(false), Fallback: new([]uuid.UUID{other}),
		}}},
		{name: "change to what it is", given: given(), when: integration.Change{
			ID: self, Name: new("Board "), Description: new(""), BaseURL: new("/"), Settings: new(map[string]string{"project_key": "OPS"}), Mapping: new(integration.Mapping{}),
			SyncEnabled: new(true), Fallback: new([]uuid.UUID{}), By: admin,
		}},
		{name: "change nothing", given: given(), when: integration.Change{By: admin}},
		{name: "clear the fallback", given: given(integration.Changed{Fallback: new([]uuid.UUID{other})}), when: integration.Change{ID: self, Fallback: new([]uuid.UUID(nil)), By: admin}, then: []integration.Event{
			integration.Changed{By: ann, Fallback: new([]uuid.UUID{})},
		}},
		{
			name:  "clear the settings",
			given: []integration.Event{integration.Connected{By: ann, Platform: integration.Zendesk, AuthType: integration.APIKey, Config: integration.Config{Name: "a", Settings: map[string]string{"group_id": "1"}}}},
			when:  integration.Change{Settings: new(map[string]string(nil)), By: admin}, then: []integration.Event{integration.Changed{By: ann, Settings: new(map[string]string{})}},
		},
		{name: "change the platform", given: given(), when: integration.Change{Platform: new(integration.Slack), By: admin}, refused: integration.ErrInvalid},
		{name: "change the auth type", given: given(), when: integration.Change{AuthType: new(integration.OAuth2), By: admin}, refused: integration.ErrInvalid},
		{name: "change to something that is not valid", given: given(), when: integration.Change{Name: new(" "), By: admin}, refused: integration.ErrInvalid},
		{name: "change what is not there", when: integration.Change{By: admin}, refused: integration.ErrNotFound},
		{name: "change as support", given: given(), when: integration.Change{By: support}, refused: domain.ErrForbidden},
		{name: "change as a stranger", given: given(), when: integration.Change{By: as(ann, "guest")}, refused: integration.ErrNotFound},

		{name: "replace a credential", given: given(), when: integration.SetCredentials{Fields: []string{"webhook_secret", "email"}, By: admin}, then: []integration.Event{integration.CredentialsSet{By: ann, Fields: []string{"email", "webhook_secret"}}}},
		{name: "remove a credential", given: given(integration.CredentialsSet{Fields: []string{"webhook_secret"}}), when: integration.SetCredentials{Removed: []string{"webhook_secret"}, By: admin}, then: []integration.Event{integration.CredentialsSet{By: ann, Removed: []string{"webhook_secret"}}}},
		{name: "replace no credential", given: given(), when: integration.SetCredentials{By: admin}},
		{name: "remove a credential that is needed", given: given(), when: integration.SetCredentials{Removed: []string{"email"}, By: admin}, refused: integration.ErrInvalid},
		{name: "remove a credential that does not exist", given: given(), when: integration.SetCredentials{Removed: []string{"x"}, By: admin}, refused: integration.ErrInvalid},
		{name: "set a credential that does not exist", given: given(), when: integration.SetCredentials{Fields: []string{"password"}, By: admin}, refused: integration.ErrInvalid},
		{name: "set what a vendor gave", given: given(), when: integration.SetCredentials{Fields: []string{"access_token"}, Consented: true, By: admin}, then: []integration.Event{integration.CredentialsSet{By: ann, Fields: []string{"access_token"}}}},
		{name: "set credentials as support", given: given(), when: integration.SetCredentials{Fields: []string{"email"}, By: support}, refused: domain.ErrForbidden},

		{name: "the first check", given: given(), when: integration.NoteCheck{OK: true}, then: []integration.Event{good}},
		{name: "the first check is bad", given: given(), when: integration.NoteCheck{Code: "forbidden", Why: "You may not."}, then: []integration.Event{bad}},
		{name: "a check like the one before", given: given(bad, good), when: integration.NoteCheck{OK: true}},
		{name: "a check unlike the one before", given: given(good), when: integration.NoteCheck{Code: "forbidden", Why: "You may not."}, then: []integration.Event{bad}},
		{name: "a check that came late", given: given(expired), when: integration.NoteCheck{OK: true}},
		{name: "a check with new credentials", given: given(good, expired, integration.CredentialsSet{Fields: []string{"email"}}), when: integration.NoteCheck{OK: true}, then: []integration.Event{good}},
		{name: "a check that hears again", given: given(deaf), when: integration.NoteCheck{OK: true}, then: []integration.Event{good}},
		{name: "a check like the one before, which heard nothing", given: given(deaf, integration.Disabled{}, good, integration.Enabled{}), when: integration.NoteCheck{OK: true}, then: []integration.Event{good}},
		{name: "a check while nothing shall be heard", given: given(deaf, integration.Disabled{}, good), when: integration.NoteCheck{OK: true}},
		{name: "a check after nothing was to be heard", given: given(good, unwanted, wanted), when: integration.NoteCheck{OK: true}, then: []integration.Event{good}},
		{name: "a check after that", given: given(good, unwanted, wanted, good), when: integration.NoteCheck{OK: true}},
		{name: "a check of what is not there", when: integration.NoteCheck{OK: true}, refused: integration.ErrNotFound},

		{name: "disable", given: given(), when: integration.Disable{Reason: "Holidays.", By: admin}, then: []integration.Event{integration.Disabled{By: ann, Reason: "Holidays."}}},
		{name: "disable again", given: given(integration.Disabled{}), when: integration.Disable{Reason: "Holidays.", By: admin}},
		{name: "disable with a long reason", given: given(), when: integration.Disable{Reason: strings.Repeat("x", integration.MaxReason+1), By: admin}, refused: integration.ErrInvalid},
		{name: "disable as support", given: given(), when: integration.Disable{By: support}, refused: domain.ErrForbidden},
		{name: "enable", given: given(integration.Disabled{}), when: integration.Enable{By: admin}, then: []integration.Event{integration.Enabled{By: ann}}},
		{name: "enable what is enabled", given: given(), when: integration.Enable{By: admin}},
		{name: "enable what was suspended", given: given(suspended), when: integration.Enable{By: domain.System}, then: []integration.Event{integration.Enabled{}}},

		{name: "suspend", given: given(good), when: integration.Suspend{Code: "busy", Why: "Too much of it."}, then: []integration.Event{suspended}},
		{name: "suspend again", given: given(suspended), when: integration.Suspend{Code: "other"}},
		{name: "suspend what has expired", given: given(expired), when: integration.Suspend{Code: "other"}},
		{name: "expire", given: given(good), when: integration.Expire{Generation: 1, Code: "revoked", Why: "It was revoked."}, then: []integration.Event{expired}},
		{name: "expire again", given: given(expired), when: integration.Expire{Generation: 1, Code: "other"}},
		{name: "expire credentials that were replaced since", given: given(integration.CredentialsSet{Fields: []string{"email"}}), when: integration.Expire{Generation: 1, Code: "revoked"}},
		{name: "expire what is not there", when: integration.Expire{}, refused: integration.ErrNotFound},

		{name: "note a sync", given: given(), when: integration.NoteSync{Sync: sync, Created: 1, Updated: 2, Skipped: 3, Failed: 4}, then: []integration.Event{synced}},
		{name: "note a sync again", given: given(synced), when: integration.NoteSync{Sync: sync}},

		{name: "disconnect", given: given(), when: integration.Disconnect{By: admin}, then: []integration.Event{integration.Disconnected{By: ann}}},
		{name: "disconnect again", given: given(integration.Disconnected{}), when: integration.Disconnect{By: admin}},
		{name: "disconnect again as support", given: given(integration.Disconnected{}), when: integration.Disconnect{By: support}, refused: integration.ErrNotFound},
		{name: "disconnect as support", given: given(), when: integration.Disconnect{By: support}, refused: domain.ErrForbidden},
		{name: "change what is there no more", given: given(integration.Disconnected{}), when: integration.Change{By: admin}, refused: integration.ErrNotFound},
		{name: "check what is there no more", given: given(integration.Disconnected{}), when: integration.NoteCheck{OK: true}, refused: integration.ErrNotFound},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			spec := domaintest.Given(t, integration.Decider, s.given...).When(s.when)
			if s.refused != nil {
				spec.Refused(s.refused)
				return
			}
			spec.Then(s.then...)
		})
	}
}

func TestAStatusSaysWhereAConnectionStands(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		given  []integration.Event
		status integration.Status
		reason string
	}{
		"nothing":                      {nil, "", ""},
		"connected":                    {[]integration.Event{connected}, integration.Pending, ""},
		"a good check":                 {[]integration.Event{connected, good}, integration.Active, ""},
		"a bad check":                  {[]integration.Event{connected, bad}, integration.Error, ""},
		"a bad one after a good one":   {[]integration.Event{connected, good, bad}, integration.Error, ""},
		"disabled":                     {[]integration.Event{connected, good, integration.Disabled{Reason: "Holidays."}}, integration.Inactive, "Holidays."},
		"enabled again":                {[]integration.Event{connected, good, integration.Disabled{Reason: "Holidays."}, integration.Enabled{}}, integration.Active, ""},
		"expired":                      {[]integration.Event{connected, good, expired}, integration.HasExpired, ""},
		"expired while disabled":       {[]integration.Event{connected, integration.Disabled{}, expired}, integration.Inactive, ""},
		"given new credentials":        {[]integration.Event{connected, good, expired, integration.CredentialsSet{Fields: []string{"email"}}}, integration.Pending, ""},
		"given others while it worked": {[]integration.Event{connected, good, integration.CredentialsSet{Fields: []string{"email"}}}, integration.Active, ""},
		"suspended":                    {[]integration.Event{connected, good, suspended}, integration.IsSuspended, "Too much of it."},
		"suspended while disabled":     {[]integration.Event{connected, integration.Disabled{Reason: "Holidays."}, suspended}, integration.Inactive, "Holidays."},
		"enabled after suspension":     {[]integration.Event{connected, good, suspended, integration.Enabled{}}, integration.Active, ""},
		"disconnected":                 {[]integration.Event{connected, good, integration.Disconnected{}}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := integration.Decider.Fold(integration.State{}, c.given...)
			require.Equal(t, c.status, s.Status())
			require.Equal(t, c.reason, s.Reason)
		})
	}
}

func TestWhatIsNotValidIsRefusedByItsField(t *testing.T) {
	t.Parallel()
	set := func(change func(*integration.Config)) integration.Connect {
		return connect(func(c *integration.Connect) { change(&c.Config) })
	}
	many := func(n int) (ids []uuid.UUID) {
		for range n {
			ids = append(ids, uuid.New())
		}
		return ids
	}
	for name, c := range map[string]struct {
		when  integration.Connect
		field string // at fault; empty: none is
		says  string
	}{
		"as much as there may be": {set(func(c *integration.Config) {
			c.Name, c.Description = strings.Repeat("é", integration.MaxName), strings.Repeat("é", integration.MaxDescription)
			c.BaseURL = "https://x.test/" + strings.Repeat("x", integration.MaxBaseURL-15)
			c.Settings = map[string]string{"project_key": strings.Repeat("é", integration.MaxSetting)}
			c.Mapping.Status = map[string]string{"open": strings.Repeat("é", integration.MaxMapped)}
			c.Fallback = many(integration.MaxFallback)
		}), "", ""},
		"an unknown platform":              {connect(func(c *integration.Connect) { c.Platform = "trello" }), "platform", "salesforce, jira"},
		"a platform that is a whole book":  {connect(func(c *integration.Connect) { c.Platform = integration.Platform(strings.Repeat("é", 1000)) }), "platform", "…"},
		"an auth type of another":          {connect(func(c *integration.Connect) { c.AuthType = integration.App }), "auth_type", "api_key, oauth2"},
		"no name":                          {set(func(c *integration.Config) { c.Name = "\t" }), "name", ""},
		"a long name":                      {set(func(c *integration.Config) { c.Name = strings.Repeat("x", integration.MaxName+1) }), "name", ""},
		"NUL in the name":                  {set(func(c *integration.Config) { c.Name = "a\x00" }), "name", ""},
		"a long description":               {set(func(c *integration.Config) { c.Description = strings.Repeat("x", integration.MaxDescription+1) }), "description", ""},
		"a long address":                   {set(func(c *integration.Config) { c.BaseURL = "https://" + strings.Repeat("x", integration.MaxBaseURL) }), "base_url", ""},
		"no address at all":                {set(func(c *integration.Config) { c.BaseURL = "://" }), "base_url", ""},
		"an address without a scheme":      {set(func(c *integration.Config) { c.BaseURL = "example.org" }), "base_url", ""},
		"an address of a file":             {set(func(c *integration.Config) { c.BaseURL = "file:///etc/passwd" }), "base_url", ""},
		"an address without a host":        {set(func(c *integration.Config) { c.BaseURL = "https://:80/x" }), "base_url", ""},
		"an address with a name":           {set(func(c *integration.Config) { c.BaseURL = "https://a:b@example.org" }), "base_url", "password"},
		"an address with a query":          {set(func(c *integration.Config) { c.BaseURL = "https://example.org/?a=b" }), "base_url", "query"},
		"an address with an empty query":   {set(func(c *integration.Config) { c.BaseURL = "https://example.org?" }), "base_url", "query"},
		"an address with a fragment":       {set(func(c *integration.Config) { c.BaseURL = "https://example.org/#x" }), "base_url", "fragment"},
		"an unknown setting":               {set(func(c *integration.Config) { c.Settings["colour"] = "red" }), "settings", "project_key, site, issue_type, cloud_id"},
		"a long setting":                   {set(func(c *integration.Config) { c.Settings["issue_type"] = strings.Repeat("x", integration.MaxSetting+1) }), "settings.issue_type", ""},
		"without a setting that is needed": {set(func(c *integration.Config) { c.Settings["project_key"] = " " }), "settings.project_key", "needs"},
		"an unknown status":                {set(func(c *integration.Config) { c.Mapping.Status = map[string]string{"done": "x"} }), "mapping.status", "cancelled"},
		"an unknown priority":              {set(func(c *integration.Config) { c.Mapping.Priority = map[string]string{"urgent": "x"} }), "mapping.priority", "critical"},
		"an unknown category":              {set(func(c *integration.Config) { c.Mapping.Category = map[string]string{"": "x"} }), "mapping.category", "security"},
		"a status that is called nothing":  {set(func(c *integration.Config) { c.Mapping.Status = map[string]string{"open": " "} }), "mapping.status.open", ""},
		"a long word": {set(func(c *integration.Config) {
			c.Mapping.Status = map[string]string{"open": strings.Repeat("x", integration.MaxMapped+1)}
		}), "mapping.status.open", ""},
		"falling back on itself":   {set(func(c *integration.Config) { c.Fallback = []uuid.UUID{other, self} }), "fallback_integration_ids", "itself"},
		"too many to fall back on": {set(func(c *integration.Config) { c.Fallback = many(integration.MaxFallback + 1) }), "fallback_integration_ids", "10"},
		"an unknown credential":    {connect(func(c *integration.Connect) { c.Credentials = append(c.Credentials, "password") }), "credentials", "email, api_token, webhook_secret"},
		"without a credential":     {connect(func(c *integration.Connect) { c.Credentials = []string{"email"} }), "credentials.api_token", "needs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := integration.Decide(integration.State{}, c.when)
			if c.field == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, integration.ErrInvalid)
			refusal, ok := errors.AsType[*domain.Error](err)
			require.True(t, ok)
			require.Equal(t, c.field, refusal.Field)
			require.Contains(t, refusal.Message, c.says)
			require.Less(t, len(refusal.Message), 500)
		})
	}
}

// A mapping names what a ticket is: every word of a ticket can be mapped, and nothing else.
func TestAMappingKnowsTheWordsOfATicket(t *testing.T) {
	t.Parallel()
	mapping := integration.Mapping{Priority: map[string]string{}, Category: map[string]string{}, Status: map[string]string{}}
	for _, level := range ticket.Levels {
		mapping.Priority[string(level)] = "x"
	}
	for _, category := range ticket.Categories {
		mapping.Category[string(category)] = "x"
	}
	for _, status := range ticket.Statuses {
		mapping.Status[string(status)] = "x"
	}
	_, err := integration.Decide(integration.State{}, connect(func(c *integration.Connect) { c.Config.Mapping = mapping }))
	require.NoError(t, err)
	for _, p := range integration.Platforms {
		complete := p.Over(integration.Mapping{})
		require.ElementsMatch(t, slices.Collect(maps.Keys(mapping.Status)), slices.Collect(maps.Keys(complete.Status)), "%s says what each status is", p)
		require.Subset(t, slices.Collect(maps.Keys(mapping.Priority)), slices.Collect(maps.Keys(complete.Priority)), p)
		require.Subset(t, slices.Collect(maps.Keys(mapping.Category)), slices.Collect(maps.Keys(complete.Category)), p)
	}
}

func TestEveryPlatformSaysWhatItNeeds(t *testing.T) {
	t.Parallel()
	for _, p := range integration.Platforms {
		require.NotEmpty(t, p.Name())
		require.NotEmpty(t, p.Category())
		require.NotEmpty(t, p.AuthTypes())
		for _, a := range p.AuthTypes() {
			c := connect(func(c *integration.Connect) {
				c.Platform, c.AuthType, c.Credentials, c.Config.Settings = p, a, nil, map[string]string{}
				for _, f := range p.Credentials(a) {
					c.Credentials = append(c.Credentials, f.Name)
				}
				for _, f := range p.Settings() {
					c.Config.Settings[f.Name] = "x"
				}
			})
			_, err := integration.Decide(integration.State{}, c)
			require.NoError(t, err, "%s by %s", p, a)
		}
	}
}

func TestWhatTheOrganizationNamesComesFirst(t *testing.T) {
	t.Parallel()
	over := integration.Jira.Over(integration.Mapping{Priority: map[string]string{"high": "Hot"}, Category: map[string]string{"bug": "Bug"}})
	require.Equal(t, map[string]string{"low": "Low", "medium": "Medium", "high": "Hot", "critical": "Highest"}, over.Priority)
	require.Equal(t, map[string]string{"bug": "Bug"}, over.Category)
	require.Equal(t, "High", integration.Jira.Over(integration.Mapping{}).Priority["high"], "the platform's own stay as they are")
}

func TestAnUnknownCommandIsABug(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { _, _ = integration.Decide(integration.State{}, nil) })
}

func commands() *rapid.Generator[integration.Command] {
	actors := rapid.SampledFrom([]domain.Actor{admin, admin, support, as(bob, domain.Admin), domain.System})
	texts := rapid.OneOf(rapid.SampledFrom([]string{"", "a", " a ", "b"}), rapid.String())
	names := rapid.SliceOfN(rapid.SampledFrom([]string{"email", "api_token", "webhook_secret", "x"}), 0, 3)
	settings := rapid.MapOfN(rapid.SampledFrom([]string{"project_key", "issue_type"}), texts, 0, 2)
	words := rapid.MapOfN(rapid.SampledFrom([]string{"low", "open", "bug"}), texts, 0, 1)
	ids := rapid.SliceOfN(rapid.SampledFrom([]uuid.UUID{other, sync, self}), 0, 2)
	mappings := rapid.Custom(func(t *rapid.T) integration.Mapping {
		return integration.Mapping{Priority: words.Draw(t, "priority"), Category: words.Draw(t, "category"), Status: words.Draw(t, "status")}
	})
	small := rapid.IntRange(0, 3)
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) integration.Command {
			return connect(func(c *integration.Connect) {
				c.By, c.Config.Description = actors.Draw(t, "by"), texts.Draw(t, "description")
			})
		}),
		rapid.Custom(func(t *rapid.T) integration.Command {
			return integration.Change{
				ID: self, Name: rapid.Ptr(texts, true).Draw(t, "name"), Description: rapid.Ptr(texts, true).Draw(t, "description"),
				BaseURL:  rapid.Ptr(rapid.SampledFrom([]string{"", "https://a.test", "https://a.test/", "x"}), true).Draw(t, "base"),
				Settings: rapid.Ptr(settings, true).Draw(t, "settings"), Mapping: rapid.Ptr(mappings, true).Draw(t, "mapping"),
				SyncEnabled: rapid.Ptr(rapid.Bool(), true).Draw(t, "sync"), Fallback: rapid.Ptr(ids, true).Draw(t, "fallback"), By: actors.Draw(t, "by"),
			}
		}),
		rapid.Custom(func(t *rapid.T) integration.Command {
			return integration.SetCredentials{Fields: names.Draw(t, "fields"), Removed: names.Draw(t, "removed"), Consented: rapid.Bool().Draw(t, "consented"), By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) integration.Command {
			return integration.NoteCheck{OK: rapid.Bool().Draw(t, "ok"), Code: texts.Draw(t, "code"), Why: texts.Draw(t, "why")}
		}),
		rapid.Custom(func(t *rapid.T) integration.Command {
			return integration.Enable{Reason: texts.Draw(t, "reason"), By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) integration.Command {
			return integration.Disable{Reason: texts.Draw(t, "reason"), By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) integration.Command {
			return integration.Suspend{Code: texts.Draw(t, "code"), Why: texts.Draw(t, "why")}
		}),
		rapid.Custom(func(t *rapid.T) integration.Command {
			return integration.Expire{Generation: small.Draw(t, "generation"), Code: texts.Draw(t, "code")}
		}),
		rapid.Custom(func(t *rapid.T) integration.Command {
			return integration.NoteSync{Sync: rapid.SampledFrom([]uuid.UUID{sync, other}).Draw(t, "sync"), Created: small.Draw(t, "created")}
		}),
		rapid.Custom(func(t *rapid.T) integration.Command { return integration.Disconnect{By: actors.Draw(t, "by")} }),
	)
}

// Credentials are given once: whether they are the same a second time, nobody here can tell.
func TestLaws(t *testing.T) {
	t.Parallel()
	domaintest.Laws(t, integration.Decider, commands(), func(c integration.Command) bool {
		_, once := c.(integration.SetCredentials)
		return once
	})
}

// Whatever was asked for, a connection has a status of the list, is set up such as it could be connected, and holds the
// credentials that it needs.
func TestAConnectionIsAlwaysValid(t *testing.T) {
	t.Parallel()
	known := []integration.Status{"", integration.Pending, integration.Active, integration.Error, integration.Inactive, integration.HasExpired, integration.IsSuspended}
	rapid.Check(t, func(t *rapid.T) {
		var s integration.State
		for _, c := range rapid.SliceOf(commands()).Draw(t, "commands") {
			if set, ok := c.(integration.SetCredentials); ok && set.Consented {
				continue // a vendor may name what no person can
			}
			events, _ := integration.Decide(s, c)
			s = integration.Decider.Fold(s, events...)
			require.Contains(t, known, s.Status())
		}
		if s.Exists {
			_, err := integration.Decide(integration.State{}, integration.Connect{
				ID: self, Platform: s.Platform, AuthType: s.AuthType, Config: s.Config, Credentials: s.Credentials, By: domain.System,
			})
			require.NoError(t, err)
		}
	})
}
