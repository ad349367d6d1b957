package ticket_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/ticket"
)

var (
	labelled = ticket.Edited{
		CreatedBy: ann, Priority: new(ticket.High), Subcategory: new("fire"), Department: new("IT"),
		Tags: new([]string{"hot"}), CustomFields: new(map[string]any{"floor": 3.0}),
	}
	full = history{opened, labelled}
)

func TestEdit(t *testing.T) {
	t.Parallel()
	done := "Put it out."
	edit := func(c ticket.Changes) ticket.Edit { return ticket.Edit{Changes: c, By: support} }
	run(t, []scenario{
		{name: "everything", given: fresh, when: edit(ticket.Changes{
			Title: new(" Fire "), Description: new("It is out."), Priority: new(ticket.Low), Urgency: new(ticket.High),
			Category: new(ticket.Category("bug")), Subcategory: new("fire "), Department: new(" IT"), Tags: new([]string{"hot ", "hot"}),
			CustomFields: new(map[string]any{"floor": 3.0}),
		}), then: history{ticket.Edited{
			CreatedBy: ann, Title: new("Fire"), Description: new("It is out."), Priority: new(ticket.Low), Urgency: new(ticket.High),
			Category: new(ticket.Category("bug")), Subcategory: new("fire"), Department: new("IT"), Tags: new([]string{"hot"}),
			CustomFields: new(map[string]any{"floor": 3.0}),
		}}},
		{name: "only what differs", given: fresh, when: edit(ticket.Changes{Title: new("Printer "), Urgency: new(ticket.Low)}), then: history{
			ticket.Edited{CreatedBy: ann, Urgency: new(ticket.Low)},
		}},
		{name: "nothing", given: fresh, when: edit(ticket.Changes{})},
		{name: "to the same", given: full, when: edit(ticket.Changes{
			Title: new("Printer"), Priority: new(ticket.High), Tags: new([]string{" hot"}), CustomFields: new(map[string]any{"floor": 3.0}),
		})},
		{name: "clear what may be empty", given: full, when: edit(ticket.Changes{
			Priority: new(ticket.Level("")), Subcategory: new(""), Department: new(" "), Tags: new([]string(nil)), CustomFields: new(map[string]any(nil)),
		}), then: history{ticket.Edited{
			CreatedBy: ann, Priority: new(ticket.Medium), Subcategory: new(""), Department: new(""),
			Tags: new([]string{}), CustomFields: new(map[string]any{}),
		}}},
		{name: "clear what is empty", given: fresh, when: edit(ticket.Changes{
			Category: new(ticket.Category("")), Department: new(""), Tags: new([]string{}), CustomFields: new(map[string]any{}),
		})},
		{name: "clear the title", given: fresh, when: edit(ticket.Changes{Title: new(" ")}), refused: ticket.ErrInvalid},

		{name: "content, status and assignee at once", given: fresh, when: ticket.Edit{
			Changes: ticket.Changes{Title: new("Fire")}, Status: new(ticket.Resolved), ResolutionSummary: &done, Assignee: &bob, By: support,
		}, then: history{
			ticket.Edited{CreatedBy: ann, Title: new("Fire")},
			ticket.StatusChanged{From: ticket.Open, To: ticket.Resolved, By: bob, ResolutionSummary: &done},
			toBob,
		}},
		{name: "all or nothing", given: fresh.and(ticket.StatusChanged{From: ticket.Open, To: ticket.Closed}), when: ticket.Edit{
			Changes: ticket.Changes{Title: new("Fire")}, Status: new(ticket.Pending), By: support,
		}, refused: ticket.ErrTransition},
		{name: "take from its assignee", given: fresh.and(toBob), when: ticket.Edit{Assignee: new(domain.UserID{}), By: support}, then: history{
			ticket.Unassigned{From: bob, By: bob},
		}},
		{name: "the assignee, by a member", given: fresh, when: ticket.Edit{Assignee: &bob, By: creator}, refused: domain.ErrForbidden},
		{name: "to the present assignee, by a member", given: fresh.and(toBob), when: ticket.Edit{Assignee: &bob, By: creator}},
	})
}

func TestEditTheResolutionSummary(t *testing.T) {
	t.Parallel()
	done := "Put it out."
	resolved := fresh.and(ticket.StatusChanged{From: ticket.Open, To: ticket.Resolved, ResolutionSummary: &done})
	edit := func(summary string) ticket.Edit { return ticket.Edit{ResolutionSummary: &summary, By: support} }
	run(t, []scenario{
		{name: "without a status", given: fresh, when: edit(done), then: history{ticket.Summarized{ResolutionSummary: done, By: bob}}},
		{name: "again", given: fresh.and(ticket.Summarized{ResolutionSummary: done}), when: edit(done)},
		{name: "another", given: resolved, when: edit("It rained."), then: history{ticket.Summarized{ResolutionSummary: "It rained.", By: bob}}},
		{name: "clear it", given: resolved, when: edit(""), then: history{ticket.Summarized{By: bob}}},
		{name: "clear it with a step", given: resolved, when: ticket.Edit{Status: new(ticket.Open), ResolutionSummary: new(string), By: support}, then: history{
			ticket.StatusChanged{From: ticket.Resolved, To: ticket.Open, By: bob, ResolutionSummary: new(string)},
		}},
		{name: "clear what is empty", given: fresh, when: edit("")},
		{name: "at the present status", given: resolved, when: ticket.Edit{Status: new(ticket.Resolved), ResolutionSummary: new("It rained."), By: support}, then: history{
			ticket.Summarized{ResolutionSummary: "It rained.", By: bob},
		}},
		{name: "with content", given: fresh, when: ticket.Edit{Changes: ticket.Changes{Title: new("Fire")}, ResolutionSummary: &done, By: support}, then: history{
			ticket.Edited{CreatedBy: ann, Title: new("Fire")}, ticket.Summarized{ResolutionSummary: done, By: bob},
		}},
		{name: "too long", given: fresh, when: edit(strings.Repeat("x", ticket.MaxDescription+1)), refused: ticket.ErrInvalid},
	})
}

func TestContentThatCannotBe(t *testing.T) {
	t.Parallel()
	tags, fields := make([]string, ticket.MaxTags+1), map[string]any{}
	for i := range tags {
		tags[i] = fmt.Sprint(i)
	}
	for i := range ticket.MaxFields + 1 {
		fields[fmt.Sprint(i)] = i
	}
	deep := map[string]any{}
	for range domain.MaxDepth {
		deep = map[string]any{"a": deep}
	}
	for name, c := range map[string]struct {
		change ticket.Changes
		field  string
	}{
		"no title":                    {ticket.Changes{Title: new("")}, "title"},
		"a title of 501 characters":   {ticket.Changes{Title: new(strings.Repeat("é", 501))}, "title"},
		"a title with NUL":            {ticket.Changes{Title: new("a\x00")}, "title"},
		"a title of broken UTF-8":     {ticket.Changes{Title: new("a\xff")}, "title"},
		"no description":              {ticket.Changes{Description: new(" ")}, "description"},
		"a description too long":      {ticket.Changes{Description: new(strings.Repeat("x", 50_001))}, "description"},
		"a priority there is none of": {ticket.Changes{Priority: new(ticket.Level("huge"))}, "priority"},
		"an urgency there is none of": {ticket.Changes{Urgency: new(ticket.Level("now"))}, "urgency"},
		"a category there is none of": {ticket.Changes{Category: new(ticket.Category("art"))}, "category"},
		"a subcategory too long":      {ticket.Changes{Subcategory: new(strings.Repeat("x", 101))}, "subcategory"},
		"a department too long":       {ticket.Changes{Department: new(strings.Repeat("x", 101))}, "department"},
		"too many tags":               {ticket.Changes{Tags: &tags}, "tags"},
		"a tag too long":              {ticket.Changes{Tags: &[]string{"a", strings.Repeat("x", 101)}}, "tags"},
		"too many custom fields":      {ticket.Changes{CustomFields: &fields}, "custom_fields"},
		"custom fields with NUL":      {ticket.Changes{CustomFields: &map[string]any{"a": "\x00"}}, "custom_fields"},
		"custom fields too deep":      {ticket.Changes{CustomFields: &deep}, "custom_fields"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ticket.Decide(ticket.Decider.Fold(ticket.State{}, fresh...), ticket.Edit{Changes: c.change, By: support})
			require.ErrorIs(t, err, ticket.ErrInvalid)
			refusal, ok := errors.AsType[*domain.Error](err)
			require.True(t, ok)
			require.Equal(t, c.field, refusal.Field)
			require.Contains(t, refusal.Message, c.field)
		})
	}
}

func TestTheStateIsWhatWasDecided(t *testing.T) {
	t.Parallel()
	s := ticket.Decider.Fold(ticket.State{}, full.and(
		toBob, commented, attached, ticket.Attached{Attachments: []ticket.Attachment{fileB}}, ticket.Detached{FileID: fileA.FileID},
		ticket.StatusChanged{From: ticket.Open, To: ticket.Pending, ResolutionSummary: new("Wait.")},
		ticket.StatusChanged{From: ticket.Pending, To: ticket.Open}, ticket.Summarized{ResolutionSummary: "Put it out."}, ticket.Deleted{},
	)...)
	require.Equal(t, ticket.State{
		Content: ticket.Content{
			Title: "Printer", Description: "It burns.", Priority: ticket.High, Urgency: ticket.Medium, Category: ticket.General,
			Subcategory: "fire", Department: "IT", Tags: []string{"hot"}, CustomFields: map[string]any{"floor": 3.0},
		},
		Exists: true, Deleted: true, Status: ticket.Open, ResolutionSummary: "Put it out.", CreatedBy: ann, Assignee: bob,
		Chosen:      ticket.Chosen{Priority: true}, // which somebody has edited
		Attachments: []ticket.Attachment{fileB}, Comments: domain.Chain[ticket.Commenter]{}.And(ticket.Commenter{CommentID: first, Author: ann}),
	}, s)
}

func TestWithout(t *testing.T) {
	t.Parallel()
	both := []ticket.Attachment{fileA, fileB}
	require.Equal(t, []ticket.Attachment{fileB}, ticket.Without(both, fileA.FileID))
	require.Equal(t, both, ticket.Without(both, file(3).FileID))
	require.Empty(t, ticket.Without(both[:1], fileA.FileID))
}
