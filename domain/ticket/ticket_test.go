package ticket_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/domaintest"
	"ticketd/domain/ticket"
)

var (
	ann = domain.UserID{UUID: uuid.UUID{15: 1}} // opens tickets
	bob = domain.UserID{UUID: uuid.UUID{15: 2}} // works on them
	eve = domain.UserID{UUID: uuid.UUID{15: 3}} // has nothing to do with them

	support  = domain.Actor{Type: domain.ByUser, User: bob, Role: domain.Support}
	creator  = domain.Actor{Type: domain.ByUser, User: ann, Role: domain.Member}
	stranger = domain.Actor{Type: domain.ByUser, User: eve, Role: domain.Member}
	auditor  = domain.Actor{Type: domain.ByUser, User: eve, Role: domain.Auditor}

	fileA, fileB = file(1), file(2)
	first        = uuid.UUID{15: 7}

	opened = ticket.Opened{
		Number: 7, Title: "Printer", Description: "It burns.", Priority: ticket.Medium, Urgency: ticket.Medium,
		Category: ticket.General, SourceChannel: "api", CreatedBy: ann,
	}
	said = ticket.Categorized{
		Run: uuid.UUID{15: 8}, Agent: domain.Categorization, Category: "bug", Priority: ticket.High, CreatedBy: ann, Applied: ticket.Chosen{Category: true, Priority: true},
	}
	toBob     = ticket.Assigned{Assignee: bob, By: bob}
	attached  = ticket.Attached{Attachments: []ticket.Attachment{fileA}}
	commented = ticket.Commented{CommentID: first, Author: ann, Content: "Any news?"}

	fresh   = history{opened}
	deleted = history{opened, ticket.Deleted{}}
)

type history []ticket.Event

// and gives a longer history and leaves this one as it is.
func (h history) and(more ...ticket.Event) history { return append(slices.Clip(h), more...) }

func file(n byte) ticket.Attachment {
	return ticket.Attachment{FileID: domain.FileID{UUID: uuid.UUID{14: n}}}
}

func files(count int) []ticket.Attachment {
	list := make([]ticket.Attachment, count)
	for i := range list {
		list[i] = file(byte(i + 1))
	}
	return list
}

type scenario struct {
	name    string
	given   history
	when    ticket.Command
	then    history
	refused error
}

func run(t *testing.T, scenarios []scenario) {
	t.Helper()
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			spec := domaintest.Given(t, ticket.Decider, s.given...).When(s.when)
			if s.refused != nil {
				spec.Refused(s.refused)
				return
			}
			spec.Then(s.then...)
		})
	}
}

func open(change func(*ticket.OpenTicket)) ticket.OpenTicket {
	c := ticket.OpenTicket{Content: ticket.Content{Title: "Printer", Description: "It burns."}, Number: 7, By: creator}
	change(&c)
	return c
}

func TestOpen(t *testing.T) {
	t.Parallel()
	plain := open(func(*ticket.OpenTicket) {})
	bySupport := opened
	bySupport.CreatedBy = bob
	bySystem := opened
	bySystem.CreatedBy = domain.UserID{}
	run(t, []scenario{
		{name: "with defaults", when: plain, then: fresh},
		{name: "with everything", when: ticket.OpenTicket{
			Content: ticket.Content{
				Title: " Printer ", Description: "It burns.", Priority: ticket.Critical, Urgency: ticket.High, Category: "bug",
				Subcategory: " fire ", Department: " IT ", Tags: []string{" hot", "", "hot ", "new"}, CustomFields: map[string]any{"floor": 3.0},
			},
			Number: 8, SourceChannel: "email", Assignee: bob, Attachments: []ticket.Attachment{fileA, fileB, fileA}, By: support,
		}, then: history{
			ticket.Opened{
				Number: 8, Title: "Printer", Description: "It burns.", Priority: ticket.Critical, Urgency: ticket.High, Category: "bug",
				Subcategory: "fire", Department: "IT", Tags: []string{"hot", "new"}, CustomFields: map[string]any{"floor": 3.0},
				SourceChannel: "email", CreatedBy: bob, Chosen: ticket.Chosen{Category: true, Priority: true},
			},
			ticket.Attached{Attachments: []ticket.Attachment{fileA, fileB}},
			toBob,
		}},
		{name: "by the system", when: open(func(c *ticket.OpenTicket) { c.By = domain.System }), then: history{bySystem}},
		{name: "by support", when: open(func(c *ticket.OpenTicket) { c.By = support }), then: history{bySupport}},
		{name: "by an auditor", when: open(func(c *ticket.OpenTicket) { c.By = auditor }), refused: domain.ErrForbidden},
		{name: "for an assignee, by a member", when: open(func(c *ticket.OpenTicket) { c.Assignee = bob }), refused: domain.ErrForbidden},
		{name: "again", given: fresh, when: plain},
		{name: "again by somebody else", given: fresh, when: open(func(c *ticket.OpenTicket) { c.By = support }), refused: ticket.ErrExists},
		{name: "without a title", when: open(func(c *ticket.OpenTicket) { c.Title = " " }), refused: ticket.ErrInvalid},
		{name: "with too many attachments", when: open(func(c *ticket.OpenTicket) { c.Attachments = files(51) }), refused: ticket.ErrInvalid},
		{name: "with a source channel too long", when: open(func(c *ticket.OpenTicket) { c.SourceChannel = strings.Repeat("x", 101) }), refused: ticket.ErrInvalid},
	})
}

// What an agent sets in a person's name is measured by what people set, so it is no choice of theirs.
func TestAnAgentsAnswerIsNoPersonsChoice(t *testing.T) {
	t.Parallel()
	agent := domain.Actor{Type: domain.ByAgent, User: ann, Role: domain.Member}
	token := domain.Actor{Type: domain.ByAPIToken, User: ann, Role: domain.Member}
	chosen := func(by domain.Actor) ticket.Chosen {
		facts, err := ticket.Decide(ticket.State{}, open(func(c *ticket.OpenTicket) { c.Category, c.Priority, c.By = "bug", ticket.High, by }))
		require.NoError(t, err)
		return facts[0].(ticket.Opened).Chosen
	}
	require.Zero(t, chosen(agent))
	require.Equal(t, ticket.Chosen{Category: true, Priority: true}, chosen(token), "a person's own program is the person")

	state := ticket.Decider.Fold(ticket.State{}, opened, said)
	for _, by := range []domain.Actor{token, agent, creator} {
		edit := ticket.Edit{Changes: ticket.Changes{Category: new(map[domain.ActorType]ticket.Category{
			domain.ByAPIToken: "billing", domain.ByAgent: "security", domain.ByUser: "technical",
		}[by.Type]), Priority: new(map[domain.ActorType]ticket.Level{
			domain.ByAPIToken: ticket.Low, domain.ByAgent: ticket.Critical, domain.ByUser: ticket.Medium,
		}[by.Type])}, By: by}
		facts, err := ticket.Decide(state, edit)
		require.NoError(t, err)
		person := by.Type != domain.ByAgent
		require.Equal(t, person, len(facts) == 2, "a correction by %s", by.Type)
		state = ticket.Decider.Fold(state, facts...)
		require.Equal(t, ticket.Chosen{Category: person, Priority: person}, state.Chosen, by.Type)
		require.Equal(t, *edit.Category, state.Category)
	}
}

func TestCorrections(t *testing.T) {
	t.Parallel()
	to := func(category ticket.Category) ticket.Edit {
		return ticket.Edit{Changes: ticket.Changes{Category: &category}, By: support}
	}
	edited := func(category ticket.Category) ticket.Edited {
		return ticket.Edited{CreatedBy: ann, Category: &category}
	}
	correction := ticket.Corrected{Run: said.Run, By: bob, FromCategory: "bug", ToCategory: "security"}
	sorted := fresh.and(said)
	corrected := sorted.and(edited("security"), correction)
	own := said
	own.Applied.Category = false
	again := said
	again.Run = uuid.UUID{15: 9}
	both := correction
	both.FromPriority, both.ToPriority = ticket.High, ticket.Low
	run(t, []scenario{
		{name: "of what the agent said", given: sorted, when: to("security"), then: history{edited("security"), correction}},
		{name: "of both", given: sorted, when: ticket.Edit{Changes: ticket.Changes{Category: new(ticket.Category("security")), Priority: new(ticket.Low)}, By: support}, then: history{
			ticket.Edited{CreatedBy: ann, Category: new(ticket.Category("security")), Priority: new(ticket.Low)}, both,
		}},
		{name: "back to it is none", given: corrected, when: to("bug"), then: history{edited("bug")}},
		{name: "each view once", given: corrected.and(edited("bug")), when: to("security"), then: history{edited("security")}},
		{name: "of a person's own choice is from what the agent said", given: history{chosen("billing"), own}, when: to("security"), then: history{edited("security"), correction}},
		{name: "to what the agent had said is none", given: history{chosen("billing"), own}, when: to("bug"), then: history{edited("bug")}},
		{name: "before it said anything is none", given: fresh, when: to("security"), then: history{edited("security")}},
		{name: "once more, after it said it once more", given: corrected.and(again), when: to("billing"), then: history{
			edited("billing"), ticket.Corrected{Run: again.Run, By: bob, FromCategory: "bug", ToCategory: "billing"},
		}},
	})
}

func chosen(category ticket.Category) ticket.Opened {
	o := opened
	o.Category, o.Chosen.Category = category, true
	return o
}

func TestChangeStatus(t *testing.T) {
	t.Parallel()
	done := "Put it out."
	resolve := ticket.ChangeStatus{To: ticket.Resolved, ResolutionSummary: &done, By: support}
	resolved := fresh.and(ticket.StatusChanged{From: ticket.Open, To: ticket.Resolved, ResolutionSummary: &done})
	run(t, []scenario{
		{name: "with a summary", given: fresh, when: resolve, then: history{
			ticket.StatusChanged{From: ticket.Open, To: ticket.Resolved, By: bob, ResolutionSummary: &done},
		}},
		{name: "again", given: resolved, when: resolve},
		{name: "with a summary that it has", given: resolved.and(ticket.StatusChanged{From: ticket.Resolved, To: ticket.Open}), when: resolve, then: history{
			ticket.StatusChanged{From: ticket.Open, To: ticket.Resolved, By: bob},
		}},
		{name: "to the same with a summary", given: fresh.and(ticket.StatusChanged{From: ticket.Open, To: ticket.Resolved}), when: resolve, then: history{
			ticket.Summarized{ResolutionSummary: done, By: bob},
		}},
		{name: "to the same without one", given: resolved, when: ticket.ChangeStatus{To: ticket.Resolved, By: support}},
		{name: "to a status there is none of", given: fresh, when: ticket.ChangeStatus{To: "lost", By: support}, refused: ticket.ErrInvalid},
		{name: "with a summary too long", given: fresh, when: ticket.ChangeStatus{
			To: ticket.Resolved, ResolutionSummary: new(strings.Repeat("x", ticket.MaxDescription+1)), By: support,
		}, refused: ticket.ErrInvalid},
	})
}

// The table of section 2 of the wire contract, as a person would write it down.
func TestEveryTransition(t *testing.T) {
	t.Parallel()
	allowed := map[ticket.Status]string{
		ticket.New:        "open in_progress pending resolved closed cancelled",
		ticket.Open:       "new in_progress pending resolved closed cancelled",
		ticket.InProgress: "new open pending resolved closed cancelled",
		ticket.Pending:    "new open in_progress resolved closed cancelled",
		ticket.Resolved:   "open closed",
		ticket.Closed:     "open",
		ticket.Cancelled:  "open",
	}
	require.Len(t, ticket.Statuses, len(allowed))
	var scenarios []scenario
	for _, from := range ticket.Statuses {
		given := fresh.and(ticket.StatusChanged{From: ticket.Open, To: from})
		for _, to := range ticket.Statuses {
			s := scenario{name: string(from) + " to " + string(to), given: given, when: ticket.ChangeStatus{To: to, By: support}}
			switch {
			case strings.Contains(" "+allowed[from]+" ", " "+string(to)+" "):
				s.then = history{ticket.StatusChanged{From: from, To: to, By: bob}}
			case from != to:
				s.refused = ticket.ErrTransition
			}
			scenarios = append(scenarios, s)
		}
	}
	run(t, scenarios)
}

func TestARefusedTransitionNamesTheAllowedOnes(t *testing.T) {
	t.Parallel()
	s := ticket.Decider.Fold(ticket.State{}, opened, ticket.StatusChanged{To: ticket.Resolved})
	_, err := ticket.Decide(s, ticket.ChangeStatus{To: ticket.Pending, By: support})
	require.ErrorContains(t, err, "A ticket that is resolved cannot become pending; allowed: closed, open.")
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	for status, ended := range map[ticket.Status]bool{
		ticket.New: false, ticket.Open: false, ticket.InProgress: false, ticket.Pending: false,
		ticket.Resolved: true, ticket.Closed: true, ticket.Cancelled: true, "lost": false,
	} {
		require.Equal(t, ended, status.Ended(), status)
	}
	require.Empty(t, ticket.Status("lost").Next())
}

func TestAssign(t *testing.T) {
	t.Parallel()
	run(t, []scenario{
		{name: "to a member", given: fresh, when: ticket.Assign{Assignee: bob, Reason: "knows fire", By: support}, then: history{
			ticket.Assigned{Assignee: bob, By: bob, Reason: "knows fire"},
		}},
		{name: "to another", given: fresh.and(toBob), when: ticket.Assign{Assignee: eve, By: support}, then: history{ticket.Assigned{Assignee: eve, By: bob}}},
		{name: "to the same", given: fresh.and(toBob), when: ticket.Assign{Assignee: bob, By: support}},
		{name: "to nobody", given: fresh.and(toBob), when: ticket.Assign{Reason: "ill", By: support}, then: history{
			ticket.Unassigned{From: bob, By: bob, Reason: "ill"},
		}},
		{name: "to nobody again", given: fresh.and(toBob, ticket.Unassigned{From: bob}), when: ticket.Assign{By: support}},
		{name: "with a reason too long", given: fresh, when: ticket.Assign{
			Assignee: bob, Reason: strings.Repeat("x", ticket.MaxComment+1), By: support,
		}, refused: ticket.ErrInvalid},
	})
}

func TestRelease(t *testing.T) {
	t.Parallel()
	run(t, []scenario{
		{"takes it from the one who leaves", fresh.and(toBob), ticket.Release{From: bob, Reason: "Left.", By: domain.System}, []ticket.Event{ticket.Unassigned{From: bob, Reason: "Left."}}, nil},
		{"leaves it with whoever has it now", fresh.and(toBob), ticket.Release{From: eve, By: domain.System}, nil, nil},
		{"does nothing when nobody has it", fresh, ticket.Release{From: bob, By: domain.System}, nil, nil},
		{"is for those who may assign", fresh.and(toBob), ticket.Release{From: bob, By: creator}, nil, domain.ErrForbidden},
	})
}

func TestComment(t *testing.T) {
	t.Parallel()
	say := ticket.AddComment{CommentID: first, Content: "Any news?", By: creator}
	run(t, []scenario{
		{name: "by the creator", given: fresh, when: say, then: history{commented}},
		{name: "internally, with attachments", given: fresh, when: ticket.AddComment{
			CommentID: first, Content: "Oh dear.", Internal: true, Attachments: []ticket.Attachment{fileA, fileA}, By: support,
		}, then: history{ticket.Commented{
			CommentID: first, Author: bob, Content: "Oh dear.", Internal: true, Attachments: []ticket.Attachment{fileA},
		}}},
		{name: "internally, by a member", given: fresh, when: ticket.AddComment{CommentID: first, Content: "x", Internal: true, By: creator}, refused: domain.ErrForbidden},
		{name: "again", given: fresh.and(commented), when: say},
		{name: "with another's id", given: fresh.and(commented), when: ticket.AddComment{CommentID: first, Content: "x", By: support}, refused: ticket.ErrCommentTaken},
		{name: "without words", given: fresh, when: ticket.AddComment{CommentID: first, Content: " \n", By: creator}, refused: ticket.ErrInvalid},
		{name: "with too many words", given: fresh, when: ticket.AddComment{CommentID: first, Content: strings.Repeat("x", ticket.MaxComment+1), By: creator}, refused: ticket.ErrInvalid},
		{name: "with too many attachments", given: fresh, when: ticket.AddComment{CommentID: first, Content: "x", Attachments: files(51), By: creator}, refused: ticket.ErrInvalid},
	})
}

func TestAttachAndDetach(t *testing.T) {
	t.Parallel()
	full := fresh.and(ticket.Attached{Attachments: files(50)})
	run(t, []scenario{
		{name: "attach", given: fresh, when: ticket.Attach{Attachments: []ticket.Attachment{fileA, fileA}, By: creator}, then: history{attached}},
		{name: "attach only what is new", given: fresh.and(attached), when: ticket.Attach{Attachments: []ticket.Attachment{fileA, fileB}, By: creator}, then: history{
			ticket.Attached{Attachments: []ticket.Attachment{fileB}},
		}},
		{name: "attach again", given: fresh.and(attached), when: ticket.Attach{Attachments: []ticket.Attachment{fileA}, By: creator}},
		{name: "attach nothing", given: fresh, when: ticket.Attach{By: creator}},
		{name: "attach too many", given: full, when: ticket.Attach{Attachments: []ticket.Attachment{file(51)}, By: creator}, refused: ticket.ErrInvalid},
		{name: "attach to a full ticket again", given: full, when: ticket.Attach{Attachments: files(50), By: creator}},

		{name: "detach", given: fresh.and(attached), when: ticket.Detach{FileID: fileA.FileID, By: creator}, then: history{ticket.Detached{FileID: fileA.FileID}}},
		{name: "detach again", given: fresh.and(attached, ticket.Detached{FileID: fileA.FileID}), when: ticket.Detach{FileID: fileA.FileID, By: creator}},
		{name: "detach what is not there", given: fresh.and(attached), when: ticket.Detach{FileID: fileB.FileID, By: creator}},
	})
}

func TestDelete(t *testing.T) {
	t.Parallel()
	run(t, []scenario{
		{name: "by support", given: fresh, when: ticket.Delete{By: support}, then: history{ticket.Deleted{}}},
		{name: "again", given: deleted, when: ticket.Delete{By: support}},
		{name: "by the creator", given: fresh, when: ticket.Delete{By: creator}, refused: domain.ErrForbidden},
		{name: "again by the creator", given: deleted, when: ticket.Delete{By: creator}, refused: ticket.ErrNotFound},
		{name: "nothing", when: ticket.Delete{By: support}, refused: ticket.ErrNotFound},
	})
}

func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	commands := func(by domain.Actor) map[string]ticket.Command {
		return map[string]ticket.Command{
			"edit":    ticket.Edit{Changes: ticket.Changes{Title: new("Fire")}, By: by},
			"move":    ticket.ChangeStatus{To: ticket.Pending, By: by},
			"assign":  ticket.Assign{Assignee: bob, By: by},
			"comment": ticket.AddComment{CommentID: uuid.UUID{1}, Content: "x", By: by},
			"attach":  ticket.Attach{Attachments: []ticket.Attachment{fileA}, By: by},
			"detach":  ticket.Detach{FileID: fileB.FileID, By: by},
			"delete":  ticket.Delete{By: by},
		}
	}
	var scenarios []scenario
	refuse := func(who string, by domain.Actor, given history, want error, except string) {
		for name, c := range commands(by) {
			if !strings.Contains(except, name) {
				scenarios = append(scenarios, scenario{name: name + " by " + who, given: given, when: c, refused: want})
			}
		}
	}
	refuse("a member who did not open it", stranger, fresh, ticket.ErrNotFound, "")
	refuse("an auditor", auditor, fresh, domain.ErrForbidden, "")
	refuse("somebody without a role", domain.Actor{Type: domain.ByUser, User: ann}, fresh, ticket.ErrNotFound, "")
	refuse("support before it is opened", support, nil, ticket.ErrNotFound, "")
	refuse("support after it is deleted", support, deleted, ticket.ErrNotFound, "delete")
	run(t, scenarios)

	given := fresh.and(ticket.Attached{Attachments: []ticket.Attachment{fileB}})
	allow := func(who string, by domain.Actor, given history, except string) {
		for name, c := range commands(by) {
			t.Run(name+" by "+who, func(t *testing.T) {
				t.Parallel()
				facts, err := ticket.Decide(ticket.Decider.Fold(ticket.State{}, given...), c)
				if strings.Contains(except, name) {
					require.ErrorIs(t, err, domain.ErrForbidden)
					return
				}
				require.NoError(t, err)
				require.Len(t, facts, 1)
			})
		}
	}
	allow("support", support, given, "")
	allow("the system", domain.System, given, "")
	allow("an API token of support", domain.Actor{Type: domain.ByAPIToken, User: bob, Role: domain.Support}, given, "")
	allow("the member who opened it", creator, given, "assign delete")
	allow("the member it is assigned to", stranger, given.and(ticket.Assigned{Assignee: eve}), "assign delete")
}

func TestVisible(t *testing.T) {
	t.Parallel()
	s := ticket.Decider.Fold(ticket.State{}, fresh...)
	require.True(t, s.Visible(support))
	require.True(t, s.Visible(auditor))
	require.True(t, s.Visible(creator))
	require.False(t, s.Visible(stranger))
	require.True(t, ticket.Evolve(s, ticket.Assigned{Assignee: eve}).Visible(stranger))
	require.False(t, ticket.Evolve(s, ticket.Deleted{}).Visible(support))
	require.False(t, ticket.State{}.Visible(domain.System))
}

// A thousand comments are folded before every decision on their ticket: in about 0.1 ms.
func BenchmarkFoldOfAThousandComments(b *testing.B) {
	given := fresh
	for range 1_000 {
		given = append(given, ticket.Commented{CommentID: uuid.New(), Author: ann, Content: "Any news?"})
	}
	for b.Loop() {
		ticket.Decider.Fold(ticket.State{}, given...)
	}
}

func TestAnUnknownCommandIsABug(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { _, _ = ticket.Decide(ticket.State{}, nil) })
}
