package article_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/article"
	"ticketd/domain/domaintest"
)

var (
	ann = domain.UserID{UUID: uuid.UUID{15: 1}}
	bob = domain.UserID{UUID: uuid.UUID{15: 2}}

	written = article.Written{By: ann, Title: "Printers", Body: "Do not burn them.", Tags: []string{"hardware"}}
)

func as(user domain.UserID, role domain.Role) domain.Actor {
	return domain.Actor{Type: domain.ByUser, ID: user.UUID, User: user, Role: role}
}

func TestArticle(t *testing.T) {
	t.Parallel()
	admin, support, member := as(ann, domain.Admin), as(bob, domain.Support), as(ann, domain.Member)
	write := article.Write{Content: article.Content{Title: " Printers\n", Body: "Do not burn them.", Tags: []string{" hardware ", "", "hardware"}}, By: admin}
	by := func(c article.Write, who domain.Actor) article.Write { c.By = who; return c }
	deleted := article.Deleted{By: ann}
	for _, s := range []struct {
		name    string
		given   []article.Event
		when    article.Command
		then    []article.Event
		refused error
	}{
		{name: "write", when: write, then: []article.Event{written}},
		{name: "write without tags", when: article.Write{Content: article.Content{Title: "a", Body: " b "}, By: support}, then: []article.Event{article.Written{By: bob, Title: "a", Body: " b "}}},
		{name: "write as the system", when: by(write, domain.System), then: []article.Event{article.Written{Title: "Printers", Body: "Do not burn them.", Tags: []string{"hardware"}}}},
		{name: "write again", given: []article.Event{written}, when: write},
		{name: "write again what was deleted", given: []article.Event{written, deleted}, when: write},
		{name: "write another's article", given: []article.Event{written}, when: by(write, support), refused: article.ErrExists},
		{name: "write as a member", when: by(write, member), refused: domain.ErrForbidden},
		{name: "write as an auditor", when: by(write, as(ann, domain.Auditor)), refused: domain.ErrForbidden},
		{name: "write no title", when: article.Write{Content: article.Content{Title: " \t", Body: "b"}, By: admin}, refused: article.ErrInvalid},
		{name: "write no body", when: article.Write{Content: article.Content{Title: "a", Body: "\n"}, By: admin}, refused: article.ErrInvalid},

		{name: "revise everything", given: []article.Event{written}, when: article.Revise{Title: new(" Fire "), Body: new("Run."), Tags: new([]string{"safety"}), By: support}, then: []article.Event{
			article.Revised{By: bob, Title: new("Fire"), Body: new("Run."), Tags: new([]string{"safety"})},
		}},
		{name: "revise one thing", given: []article.Event{written}, when: article.Revise{Title: new("Printers"), Body: new("Burn them."), Tags: new([]string{"hardware"}), By: support}, then: []article.Event{
			article.Revised{By: bob, Body: new("Burn them.")},
		}},
		{name: "clear the tags", given: []article.Event{written}, when: article.Revise{Tags: new([]string{}), By: admin}, then: []article.Event{article.Revised{By: ann, Tags: new([]string{})}}},
		{name: "clear the tags with null", given: []article.Event{written}, when: article.Revise{Tags: new([]string(nil)), By: admin}, then: []article.Event{article.Revised{By: ann, Tags: new([]string{})}}},
		{name: "clear the tags again", given: []article.Event{written, article.Revised{Tags: new([]string{})}}, when: article.Revise{Tags: new([]string{" "}), By: admin}},
		{name: "revise to what it is", given: []article.Event{written}, when: article.Revise{Title: new("Printers "), By: support}},
		{name: "revise nothing", given: []article.Event{written}, when: article.Revise{By: support}},
		{name: "clear the title", given: []article.Event{written}, when: article.Revise{Title: new(""), By: admin}, refused: article.ErrInvalid},
		{name: "clear the body", given: []article.Event{written}, when: article.Revise{Body: new(""), By: admin}, refused: article.ErrInvalid},
		{name: "revise as a member", given: []article.Event{written}, when: article.Revise{Title: new("x"), By: member}, refused: domain.ErrForbidden},
		{name: "revise as a stranger", given: []article.Event{written}, when: article.Revise{Title: new("x"), By: as(ann, "guest")}, refused: article.ErrNotFound},
		{name: "revise what is not there", when: article.Revise{Title: new("x"), By: admin}, refused: article.ErrNotFound},
		{name: "revise what is not there as a member", when: article.Revise{Title: new("x"), By: member}, refused: article.ErrNotFound},
		{name: "revise what was deleted", given: []article.Event{written, deleted}, when: article.Revise{Title: new("x"), By: admin}, refused: article.ErrNotFound},

		{name: "delete", given: []article.Event{written}, when: article.Delete{By: support}, then: []article.Event{article.Deleted{By: bob}}},
		{name: "delete again", given: []article.Event{written, deleted}, when: article.Delete{By: support}},
		{name: "delete again as a member", given: []article.Event{written, deleted}, when: article.Delete{By: member}, refused: article.ErrNotFound},
		{name: "delete as a member", given: []article.Event{written}, when: article.Delete{By: member}, refused: domain.ErrForbidden},
		{name: "delete what is not there", when: article.Delete{By: admin}, refused: article.ErrNotFound},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			spec := domaintest.Given(t, article.Decider, s.given...).When(s.when)
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
	many := func(n int) (tags []string) {
		for i := range n {
			tags = append(tags, strconv.Itoa(i))
		}
		return tags
	}
	for name, c := range map[string]struct {
		content article.Content
		field   string // at fault; empty: none is
	}{
		"one character each":            {article.Content{Title: "a", Body: "b", Tags: []string{"c"}}, ""},
		"as much as there may be":       {article.Content{Title: strings.Repeat("é", article.MaxTitle), Body: strings.Repeat("é", article.MaxBody), Tags: many(article.MaxTags)}, ""},
		"blanks around the title":       {article.Content{Title: " " + strings.Repeat("x", article.MaxTitle) + " ", Body: "b"}, ""},
		"tags that are there twice":     {article.Content{Title: "a", Body: "b", Tags: append(many(article.MaxTags), many(article.MaxTags)...)}, ""},
		"the longest tag":               {article.Content{Title: "a", Body: "b", Tags: []string{strings.Repeat("é", article.MaxTag)}}, ""},
		"a title that is too long":      {article.Content{Title: strings.Repeat("x", article.MaxTitle+1), Body: "b"}, "title"},
		"a body that is too long":       {article.Content{Title: "a", Body: strings.Repeat("x", article.MaxBody+1)}, "body"},
		"a tag that is too long":        {article.Content{Title: "a", Body: "b", Tags: []string{strings.Repeat("x", article.MaxTag+1)}}, "tags"},
		"too many tags":                 {article.Content{Title: "a", Body: "b", Tags: many(article.MaxTags + 1)}, "tags"},
		"NUL in the title":              {article.Content{Title: "a\x00", Body: "b"}, "title"},
		"broken UTF-8 in the body":      {article.Content{Title: "a", Body: "b\xff"}, "body"},
		"NUL in a tag":                  {article.Content{Title: "a", Body: "b", Tags: []string{"a\x00b"}}, "tags"},
		"a body that is nothing at all": {article.Content{Title: "a"}, "body"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given := domaintest.Given(t, article.Decider).When(article.Write{Content: c.content, By: domain.System})
			if c.field != "" {
				given.Refused(article.ErrInvalid)
			}
			_, err := article.Decide(article.State{}, article.Write{Content: c.content, By: domain.System})
			_, revised := article.Decide(article.Decider.Fold(article.State{}, written), article.Revise{Title: &c.content.Title, Body: &c.content.Body, Tags: &c.content.Tags, By: domain.System})
			require.Equal(t, err, revised, "a revision is judged like a new article")
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

func TestAnUnknownCommandIsABug(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { _, _ = article.Decide(article.State{}, nil) })
}

func commands() *rapid.Generator[article.Command] {
	actors := rapid.SampledFrom([]domain.Actor{as(ann, domain.Admin), as(bob, domain.Support), as(ann, domain.Member), as(bob, domain.Auditor), domain.System})
	texts := rapid.OneOf(rapid.SampledFrom([]string{"", "a", " a ", "b"}), rapid.String())
	tags := rapid.SliceOfN(texts, 0, 3)
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) article.Command {
			return article.Write{Content: article.Content{Title: texts.Draw(t, "title"), Body: texts.Draw(t, "body"), Tags: tags.Draw(t, "tags")}, By: actors.Draw(t, "by")}
		}),
		rapid.Custom(func(t *rapid.T) article.Command {
			return article.Revise{
				Title: rapid.Ptr(texts, true).Draw(t, "title"), Body: rapid.Ptr(texts, true).Draw(t, "body"), Tags: rapid.Ptr(tags, true).Draw(t, "tags"),
				By: actors.Draw(t, "by"),
			}
		}),
		rapid.Custom(func(t *rapid.T) article.Command { return article.Delete{By: actors.Draw(t, "by")} }),
	)
}

func TestLaws(t *testing.T) {
	t.Parallel()
	domaintest.Laws(t, article.Decider, commands(), domaintest.Never)
}

// Whatever was asked for, what an article says is what may be said.
func TestAnArticleIsAlwaysValid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s article.State
		for _, c := range rapid.SliceOf(commands()).Draw(t, "commands") {
			events, _ := article.Decide(s, c)
			s = article.Decider.Fold(s, events...)
		}
		if s.Exists {
			_, err := article.Decide(article.State{}, article.Write{Content: s.Content, By: domain.System})
			require.NoError(t, err)
		}
	})
}
