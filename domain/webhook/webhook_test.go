package webhook_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/domaintest"
	"ticketd/domain/webhook"
)

var (
	ann = domain.UserID{UUID: uuid.UUID{15: 1}}
	bob = domain.UserID{UUID: uuid.UUID{15: 2}}

	one, two = uuid.UUID{15: 11}, uuid.UUID{15: 12}

	subscribed = webhook.Subscribed{By: ann, URL: "https://example.org/hook", Events: []string{"article.*", "ticket.opened"}, Description: "Ours"}
)

func as(user domain.UserID, role domain.Role) domain.Actor {
	return domain.Actor{Type: domain.ByUser, ID: user.UUID, User: user, Role: role}
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	admin, other, support := as(ann, domain.Admin), as(bob, domain.Admin), as(bob, domain.Support)
	subscribe := webhook.Subscribe{Content: webhook.Content{URL: " https://example.org/hook\n", Events: []string{"ticket.opened", " article.* ", "", "ticket.opened"}, Description: " Ours "}, By: admin}
	by := func(c webhook.Subscribe, who domain.Actor) webhook.Subscribe { c.By = who; return c }
	deleted, paused := webhook.Deleted{By: ann}, webhook.Paused{By: ann, Code: webhook.ByPerson, Reason: "Holidays."}
	failing := webhook.GiveUp{Code: webhook.Failing, Reason: "Nothing was taken.", By: domain.System}
	for _, s := range []struct {
		name    string
		given   []webhook.Event
		when    webhook.Command
		then    []webhook.Event
		refused error
	}{
		{name: "subscribe", when: subscribe, then: []webhook.Event{subscribed}},
		{name: "subscribe again", given: []webhook.Event{subscribed}, when: subscribe},
		{name: "subscribe under another's id", given: []webhook.Event{subscribed}, when: by(subscribe, other), refused: webhook.ErrExists},
		{name: "subscribe as support", when: by(subscribe, support), refused: domain.ErrForbidden},
		{name: "subscribe to nothing", when: webhook.Subscribe{Content: webhook.Content{URL: "https://example.org"}, By: admin}, refused: webhook.ErrInvalid},

		{name: "change everything", given: []webhook.Event{subscribed}, when: webhook.Change{URL: new("http://example.com"), Events: new([]string{"*"}), Description: new(""), Paused: new(true), Reason: "Holidays.", By: other}, then: []webhook.Event{
			webhook.Changed{By: bob, URL: new("http://example.com"), Events: new([]string{"*"}), Description: new("")}, webhook.Paused{By: bob, Code: webhook.ByPerson, Reason: "Holidays."},
		}},
		{name: "change one thing", given: []webhook.Event{subscribed}, when: webhook.Change{URL: new("https://example.org/hook "), Description: new("Theirs"), By: admin}, then: []webhook.Event{webhook.Changed{By: ann, Description: new("Theirs")}}},
		{name: "change nothing", given: []webhook.Event{subscribed}, when: webhook.Change{Events: new([]string{"ticket.opened", "article.*"}), Paused: new(false), By: admin}},
		{name: "take all events away", given: []webhook.Event{subscribed}, when: webhook.Change{Events: new([]string(nil)), By: admin}, refused: webhook.ErrInvalid},
		{name: "take the address away", given: []webhook.Event{subscribed}, when: webhook.Change{URL: new(""), By: admin}, refused: webhook.ErrInvalid},
		{name: "a reason that is too long", given: []webhook.Event{subscribed}, when: webhook.Change{Paused: new(true), Reason: strings.Repeat("x", webhook.MaxReason+1), By: admin}, refused: webhook.ErrInvalid},
		{name: "pause again", given: []webhook.Event{subscribed, paused}, when: webhook.Change{Paused: new(true), Reason: "Really.", By: admin}},
		{name: "resume", given: []webhook.Event{subscribed, paused}, when: webhook.Change{Paused: new(false), By: admin}, then: []webhook.Event{webhook.Resumed{By: ann}}},
		{name: "pause anew", given: []webhook.Event{subscribed, paused, webhook.Resumed{By: ann}}, when: webhook.Change{Paused: new(true), By: admin}, then: []webhook.Event{webhook.Paused{By: ann, Code: webhook.ByPerson}}},
		{name: "change as support", given: []webhook.Event{subscribed}, when: webhook.Change{URL: new("https://example.com"), By: support}, refused: domain.ErrForbidden},
		{name: "change what is not there as support", when: webhook.Change{By: support}, refused: domain.ErrForbidden},
		{name: "change what is not there", when: webhook.Change{By: admin}, refused: webhook.ErrNotFound},
		{name: "change what was deleted", given: []webhook.Event{subscribed, deleted}, when: webhook.Change{By: admin}, refused: webhook.ErrNotFound},

		{name: "rotate", given: []webhook.Event{subscribed}, when: webhook.Rotate{Rotation: one, By: admin}, then: []webhook.Event{webhook.SecretRotated{By: ann, Rotation: one}}},
		{name: "rotate the same again", given: []webhook.Event{subscribed, webhook.SecretRotated{By: ann, Rotation: one}}, when: webhook.Rotate{Rotation: one, By: admin}},
		{name: "rotate once more", given: []webhook.Event{subscribed, webhook.SecretRotated{By: ann, Rotation: one}}, when: webhook.Rotate{Rotation: two, By: admin}, then: []webhook.Event{webhook.SecretRotated{By: ann, Rotation: two}}},
		{name: "rotate as support", given: []webhook.Event{subscribed}, when: webhook.Rotate{Rotation: one, By: support}, refused: domain.ErrForbidden},

		{name: "replay from the first", given: []webhook.Event{subscribed}, when: webhook.Replay{Replay: one, From: 1, Head: 7, By: admin}, then: []webhook.Event{webhook.Replayed{By: ann, Replay: one, From: 1}}},
		{name: "replay nothing", given: []webhook.Event{subscribed}, when: webhook.Replay{Replay: one, From: 8, Head: 7, By: admin}, then: []webhook.Event{webhook.Replayed{By: ann, Replay: one, From: 8}}},
		{name: "replay the same again", given: []webhook.Event{subscribed, webhook.Replayed{By: ann, Replay: one, From: 1}}, when: webhook.Replay{Replay: one, From: 1, Head: 9, By: admin}},
		{name: "replay the future", given: []webhook.Event{subscribed}, when: webhook.Replay{Replay: one, From: 9, Head: 7, By: admin}, refused: webhook.ErrInvalid},
		{name: "replay from nowhere", given: []webhook.Event{subscribed}, when: webhook.Replay{Replay: one, Head: 7, By: admin}, refused: webhook.ErrInvalid},
		{name: "replay what is not there", when: webhook.Replay{Replay: one, From: 1, Head: 7, By: admin}, refused: webhook.ErrNotFound},

		{name: "give up", given: []webhook.Event{subscribed}, when: failing, then: []webhook.Event{webhook.Paused{Code: webhook.Failing, Reason: "Nothing was taken."}}},
		{name: "give up what is paused", given: []webhook.Event{subscribed, paused}, when: failing},
		{name: "give up what was deleted", given: []webhook.Event{subscribed, deleted}, when: failing, refused: webhook.ErrNotFound},
		{name: "give up as a person", given: []webhook.Event{subscribed}, when: webhook.GiveUp{Code: webhook.Gone, By: admin}, refused: domain.ErrForbidden},

		{name: "delete", given: []webhook.Event{subscribed}, when: webhook.Delete{By: admin}, then: []webhook.Event{deleted}},
		{name: "delete again", given: []webhook.Event{subscribed, deleted}, when: webhook.Delete{By: admin}},
		{name: "delete again as support", given: []webhook.Event{subscribed, deleted}, when: webhook.Delete{By: support}, refused: domain.ErrForbidden},
		{name: "delete what is not there", when: webhook.Delete{By: admin}, refused: webhook.ErrNotFound},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			spec := domaintest.Given(t, webhook.Decider, s.given...).When(s.when)
			if s.refused != nil {
				spec.Refused(s.refused)
				return
			}
			spec.Then(s.then...)
		})
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	many := func(n int) (events []string) {
		for i := range n {
			events = append(events, "ticket."+strings.Repeat("x", i+1))
		}
		return events
	}
	good := []string{"*"}
	long := "https://example.org/" + strings.Repeat("x", webhook.MaxURL-len("https://example.org/"))
	for name, c := range map[string]struct {
		content webhook.Content
		field   string // at fault; empty: none is
	}{
		"https":                          {webhook.Content{URL: "https://example.org", Events: good}, ""},
		"http with a port and a query":   {webhook.Content{URL: "http://10.0.0.1:8080/x?y=z", Events: good}, ""},
		"the longest address":            {webhook.Content{URL: long, Events: good}, ""},
		"the longest description":        {webhook.Content{URL: "https://a", Events: good, Description: strings.Repeat("é", webhook.MaxDescription)}, ""},
		"as many events as there may be": {webhook.Content{URL: "https://a", Events: many(webhook.MaxEvents)}, ""},
		"no address":                     {webhook.Content{URL: " ", Events: good}, "url"},
		"an address that is too long":    {webhook.Content{URL: long + "x", Events: good}, "url"},
		"a path":                         {webhook.Content{URL: "/hook", Events: good}, "url"},
		"a port without a host":          {webhook.Content{URL: "https://:80/", Events: good}, "url"},
		"another scheme":                 {webhook.Content{URL: "ftp://example.org", Events: good}, "url"},
		"no address at all":              {webhook.Content{URL: "https://%zz", Events: good}, "url"},
		"a password":                     {webhook.Content{URL: "https://me:secret@example.org", Events: good}, "url"},
		"a fragment":                     {webhook.Content{URL: "https://example.org/#x", Events: good}, "url"},
		"NUL in the address":             {webhook.Content{URL: "https://example.org/\x00", Events: good}, "url"},
		"a description that is too long": {webhook.Content{URL: "https://a", Events: good, Description: strings.Repeat("x", webhook.MaxDescription+1)}, "description"},
		"no events":                      {webhook.Content{URL: "https://a", Events: []string{" "}}, "events"},
		"too many events":                {webhook.Content{URL: "https://a", Events: many(webhook.MaxEvents + 1)}, "events"},
		"accounts":                       {webhook.Content{URL: "https://a", Events: []string{"user.*"}}, "events"},
		"webhooks":                       {webhook.Content{URL: "https://a", Events: []string{"webhook.paused"}}, "events"},
		"a noun alone":                   {webhook.Content{URL: "https://a", Events: []string{"ticket"}}, "events"},
		"a verb of nothing":              {webhook.Content{URL: "https://a", Events: []string{"*.opened"}}, "events"},
		"an end that is open":            {webhook.Content{URL: "https://a", Events: []string{"ticket.op*"}}, "events"},
		"no verb":                        {webhook.Content{URL: "https://a", Events: []string{"ticket."}}, "events"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := webhook.Decide(webhook.State{}, webhook.Subscribe{Content: c.content, By: domain.System})
			_, changed := webhook.Decide(webhook.Decider.Fold(webhook.State{}, subscribed), webhook.Change{URL: &c.content.URL, Events: &c.content.Events, Description: &c.content.Description, By: domain.System})
			require.Equal(t, err, changed, "a change is judged like a new webhook")
			if c.field == "" {
				require.NoError(t, err)
				return
			}
			refusal, ok := errors.AsType[*domain.Error](err)
			require.True(t, ok)
			require.Equal(t, c.field, refusal.Field)
			require.Contains(t, refusal.Message, c.field)
		})
	}
}

func TestWhatAWebhookWants(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		patterns []string
		event    string
		want     bool
	}{
		"that very event":     {[]string{"ticket.opened"}, "ticket.opened", true},
		"another event":       {[]string{"ticket.opened"}, "ticket.deleted", false},
		"all of a noun":       {[]string{"ticket.*"}, "ticket.deleted", true},
		"another noun":        {[]string{"ticket.*"}, "file.deleted", false},
		"one of several":      {[]string{"file.*", "ticket.opened"}, "ticket.opened", true},
		"everything":          {[]string{"*"}, "agent_run.completed", true},
		"never an account":    {[]string{"*"}, "user.registered", false},
		"never a session":     {[]string{"*"}, "session.started", false},
		"never a login":       {[]string{"*"}, "login.claimed", false},
		"never a webhook":     {[]string{"*"}, "webhook.paused", false},
		"nothing wants":       {nil, "ticket.opened", false},
		"an event yet to be":  {[]string{"ticket.*"}, "ticket.sung_about", true},
		"no part of the noun": {[]string{"agent_run.*"}, "agent_config.changed", false},
	} {
		require.Equal(t, c.want, webhook.Wants(c.patterns, c.event), name)
	}
}

func TestAnUnknownCommandIsABug(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { _, _ = webhook.Decide(webhook.State{}, nil) })
}

func commands() *rapid.Generator[webhook.Command] {
	actors := rapid.SampledFrom([]domain.Actor{as(ann, domain.Admin), as(bob, domain.Admin), as(ann, domain.Support), domain.System})
	urls := rapid.OneOf(rapid.SampledFrom([]string{"https://a", " https://b ", "", "c"}), rapid.String())
	patterns := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom([]string{"*", "ticket.*", " file.deleted", "user.*"}), rapid.String()), 0, 3)
	ids := rapid.SampledFrom([]uuid.UUID{one, two, uuid.Nil})
	texts := rapid.OneOf(rapid.SampledFrom([]string{"", " a "}), rapid.String())
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) webhook.Command {
			return webhook.Subscribe{Content: webhook.Content{URL: urls.Draw(t, "url"), Events: patterns.Draw(t, "events"), Description: texts.Draw(t, "description")}, By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) webhook.Command {
			return webhook.Change{
				URL: rapid.Ptr(urls, true).Draw(t, "url"), Events: rapid.Ptr(patterns, true).Draw(t, "events"), Description: rapid.Ptr(texts, true).Draw(t, "description"),
				Paused: rapid.Ptr(rapid.Bool(), true).Draw(t, "paused"), Reason: texts.Draw(t, "reason"), By: actors.Draw(t, "by"),
			}
		}),
		rapid.Custom(func(t *rapid.T) webhook.Command {
			return webhook.Rotate{Rotation: ids.Draw(t, "rotation"), By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) webhook.Command {
			return webhook.Replay{Replay: ids.Draw(t, "replay"), From: rapid.Int64Range(-1, 12).Draw(t, "from"), Head: 10, By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) webhook.Command {
			return webhook.GiveUp{Code: webhook.Gone, Reason: texts.Draw(t, "reason"), By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) webhook.Command { return webhook.Delete{By: actors.Draw(t, "by")} }),
	)
}

func TestLaws(t *testing.T) {
	t.Parallel()
	domaintest.Laws(t, webhook.Decider, commands(), domaintest.Never)
}

// Whatever was asked for, a webhook leads somewhere, with something.
func TestAWebhookIsAlwaysValid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s webhook.State
		for _, c := range rapid.SliceOf(commands()).Draw(t, "commands") {
			events, _ := webhook.Decide(s, c)
			s = webhook.Decider.Fold(s, events...)
		}
		if s.Exists {
			_, err := webhook.Decide(webhook.State{}, webhook.Subscribe{Content: s.Content, By: domain.System})
			require.NoError(t, err, strconv.Quote(s.URL))
		}
	})
}
