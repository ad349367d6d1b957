package user_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/user"
)

func TestChangeProfile(t *testing.T) {
	t.Parallel()
	dark := map[string]any{"theme": "dark"}
	withPreferences := history{registered, user.ProfileChanged{UserID: ann, Preferences: &dark}}
	onlyEmail := registered
	onlyEmail.Username, onlyEmail.Email = "o'hara@example.org", "o'hara@example.org"
	onlyName := registered
	onlyName.Email = ""
	run(t, []scenario{
		{name: "all of it", given: active, when: user.ChangeProfile{
			Username: new(" anna"), Email: new("anna@example.org "), FullName: new("Anna Lee "), Preferences: &dark, By: self,
		}, then: history{user.ProfileChanged{
			UserID: ann, Username: new("anna"), Email: new("anna@example.org"), FullName: new("Anna Lee"), Preferences: &dark,
		}}},
		{name: "only what differs", given: active, when: user.ChangeProfile{Username: new("ann"), FullName: new("Anna"), By: self}, then: history{
			user.ProfileChanged{UserID: ann, FullName: new("Anna")},
		}},
		{name: "a username's spelling", given: active, when: user.ChangeProfile{Username: new("Ann"), By: self}, then: history{
			user.ProfileChanged{UserID: ann, Username: new("Ann")},
		}},
		{name: "nothing", given: active, when: user.ChangeProfile{By: self}},
		{name: "to the same", given: withPreferences, when: user.ChangeProfile{
			Username: new("ann "), Email: new("Ann@example.org"), FullName: new("Ann Lee"), Preferences: &map[string]any{"theme": "dark"}, By: self,
		}},

		{name: "clear the full name", given: active, when: user.ChangeProfile{FullName: new(""), By: self}, then: history{
			user.ProfileChanged{UserID: ann, FullName: new("")},
		}},
		{name: "clear the preferences", given: withPreferences, when: user.ChangeProfile{Preferences: new(map[string]any), By: self}, then: history{
			user.ProfileChanged{UserID: ann, Preferences: &map[string]any{}},
		}},
		{name: "clear preferences that are none", given: active, when: user.ChangeProfile{Preferences: &map[string]any{}, By: self}},
		{name: "clear the email address", given: active, when: user.ChangeProfile{Email: new(""), By: self}, then: history{
			user.ProfileChanged{UserID: ann, Email: new("")},
		}},
		{name: "clear the username", given: active, when: user.ChangeProfile{Username: new(""), By: self}, then: history{
			user.ProfileChanged{UserID: ann, Username: new("Ann@example.org")},
		}},
		{name: "clear the username without an email address", given: history{onlyName}, when: user.ChangeProfile{Username: new(" "), By: self}, refused: user.ErrInvalid},

		{name: "an email address that is the username, too", given: history{onlyEmail}, when: user.ChangeProfile{Email: new("ann@example.org"), By: self}, then: history{
			user.ProfileChanged{UserID: ann, Username: new("ann@example.org"), Email: new("ann@example.org")},
		}},
		{name: "keep the email address and take a username", given: history{onlyEmail}, when: user.ChangeProfile{Username: new("ann"), By: self}, then: history{
			user.ProfileChanged{UserID: ann, Username: new("ann")},
		}},
		{name: "clear an email address that is the username, too", given: history{onlyEmail}, when: user.ChangeProfile{Email: new(""), By: self}, refused: user.ErrInvalid},
	})
}

func TestProfilesThatCannotBe(t *testing.T) {
	t.Parallel()
	tooMany := map[string]any{}
	deep := map[string]any{}
	for range domain.MaxDepth {
		deep = map[string]any{"a": deep}
	}
	for i := range user.MaxPreferences + 1 {
		tooMany[fmt.Sprint(i)] = i
	}
	for name, c := range map[string]struct {
		change user.ChangeProfile
		field  string
	}{
		"a username of two characters":     {user.ChangeProfile{Username: new("ab")}, "username"},
		"a username of 101 characters":     {user.ChangeProfile{Username: new(strings.Repeat("a", 101))}, "username"},
		"a username with a blank":          {user.ChangeProfile{Username: new("ann lee")}, "username"},
		"a username with a slash":          {user.ChangeProfile{Username: new("ann/lee")}, "username"},
		"a username with NUL":              {user.ChangeProfile{Username: new("ann\x00")}, "username"},
		"a username of broken UTF-8":       {user.ChangeProfile{Username: new("ann\xff")}, "username"},
		"an email address without @":       {user.ChangeProfile{Email: new("ann.example.org")}, "email"},
		"an email address with two @":      {user.ChangeProfile{Email: new("ann@b@example.org")}, "email"},
		"an email address with no mailbox": {user.ChangeProfile{Email: new("@example.org")}, "email"},
		"an email address with no host":    {user.ChangeProfile{Email: new("ann@")}, "email"},
		"an email address with a blank":    {user.ChangeProfile{Email: new("ann lee@example.org")}, "email"},
		"an email address with a newline":  {user.ChangeProfile{Email: new("ann@example.org\nBcc:x")}, "email"},
		"an email address with NUL":        {user.ChangeProfile{Email: new("ann@example.org\x00")}, "email"},
		"an email address, broken UTF-8":   {user.ChangeProfile{Email: new("ann@example\xff")}, "email"},
		"an email address too long":        {user.ChangeProfile{Email: new(strings.Repeat("a", 250) + "@b.cc")}, "email"},
		"a full name too long":             {user.ChangeProfile{FullName: new(strings.Repeat("é", 201))}, "full_name"},
		"a full name with NUL":             {user.ChangeProfile{FullName: new("Ann\x00")}, "full_name"},
		"too many preferences":             {user.ChangeProfile{Preferences: &tooMany}, "preferences"},
		"preferences too deep":             {user.ChangeProfile{Preferences: &deep}, "preferences"},
		"preferences with NUL":             {user.ChangeProfile{Preferences: &map[string]any{"a": []any{"\x00"}}}, "preferences"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.change.By = self
			_, err := user.Decide(user.Decider.Fold(user.State{}, registered), c.change)
			require.ErrorIs(t, err, user.ErrInvalid)
			refusal, ok := errors.AsType[*domain.Error](err)
			require.True(t, ok)
			require.Equal(t, c.field, refusal.Field)
			require.NotEqual(t, user.ErrInvalid.Message, refusal.Message)
		})
	}
}

func TestProfilesAtTheirLimits(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]user.ChangeProfile{
		"a username of three letters":       {Username: new("zoë")},
		"a username of 100 letters":         {Username: new(strings.Repeat("ж", 100))},
		"a username with every character":   {Username: new("A-b_c.d+e@f9")},
		"an email address of 254":           {Email: new(strings.Repeat("a", 249) + "@b.cc")},
		"an email address of three":         {Email: new("a@b")},
		"an international email address":    {Email: new("zoë@exämple.org")},
		"an email address with an accent":   {Email: new("o'hara+x@example.org")},
		"a full name of 200 characters":     {FullName: new(strings.Repeat("é", 200))},
		"nested preferences":                {Preferences: &map[string]any{"a": map[string]any{"b": []any{1.0, "c"}}}},
		"a username of digits, of any kind": {Username: new("١٢٣")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			change.By = self
			facts, err := user.Decide(user.Decider.Fold(user.State{}, registered), change)
			require.NoError(t, err)
			require.Len(t, facts, 1)
		})
	}
}

func TestNormalizedNamesAreUnique(t *testing.T) {
	t.Parallel()
	require.Equal(t, "ann.lee", user.NormalizeUsername(" Ann.LEE\t"))
	require.Equal(t, "zoë", user.NormalizeUsername("ZOË"))
	require.Equal(t, "ann@example.org", user.NormalizeEmail("\nAnn@Example.ORG "))
}
