package thread_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain"
	"ticketd/domain/domaintest"
	"ticketd/domain/thread"
)

var (
	ann = domain.UserID{UUID: uuid.UUID{15: 1}}
	bob = domain.UserID{UUID: uuid.UUID{15: 2}}

	hers, his          = as(ann, domain.Member), as(bob, domain.Member)
	admin, auditor     = as(bob, domain.Admin), as(bob, domain.Auditor)
	first, second, run = uuid.UUID{15: 11}, uuid.UUID{15: 12}, uuid.UUID{15: 13}
	answer             = uuid.UUID{15: 14}

	started = thread.Started{Agent: domain.CustomerSupport, CreatedBy: ann, Title: "VPN"}
	bare    = thread.Started{Agent: domain.CustomerSupport, CreatedBy: ann}
	asked   = thread.MessageAdded{MessageID: first, Role: thread.User, Author: ann, Content: "It drops."}
	replied = thread.Replied{MessageID: answer, InReplyTo: first, Run: run, CreatedBy: ann, Content: "Since when?"}
	failed  = thread.ReplyFailed{InReplyTo: first, Run: run, Code: "timeout"}
	deleted = thread.Deleted{}
	erased  = thread.WordsErased{Of: ann}
)

func as(user domain.UserID, role domain.Role) domain.Actor {
	return domain.Actor{Type: domain.ByUser, ID: user.UUID, User: user, Role: role}
}

func file(n byte) thread.Attachment {
	return thread.Attachment{FileID: domain.FileID{UUID: uuid.UUID{0: n}}}
}

func ask(change ...func(*thread.AddMessage)) thread.AddMessage {
	c := thread.AddMessage{MessageID: first, Content: "It drops.", By: hers}
	for _, f := range change {
		f(&c)
	}
	return c
}

func by(a domain.Actor) func(*thread.AddMessage) { return func(c *thread.AddMessage) { c.By = a } }

func saying(content string) func(*thread.AddMessage) {
	return func(c *thread.AddMessage) { c.Content = content }
}

type scenario struct {
	name    string
	given   []thread.Event
	when    thread.Command
	then    []thread.Event
	refused error
}

func tell(t *testing.T, scenarios []scenario) {
	t.Helper()
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			spec := domaintest.Given(t, thread.Decider, s.given...).When(s.when)
			if s.refused != nil {
				spec.Refused(s.refused)
				return
			}
			spec.Then(s.then...)
		})
	}
}

func given(events ...thread.Event) []thread.Event { return events }

func TestAThreadBeginsAndEnds(t *testing.T) {
	t.Parallel()
	begin := thread.Start{Agent: domain.CustomerSupport, Title: " VPN\n", By: hers}
	untitled := thread.Start{Agent: domain.CustomerSupport, By: hers}
	other := thread.Start{Agent: domain.Summary, By: hers}
	nobody := thread.Start{Agent: "poet", By: hers}
	long := thread.Start{Agent: domain.Summary, Title: strings.Repeat("é", thread.MaxTitle+1), By: hers}
	tell(t, []scenario{
		{name: "start", when: begin, then: given(started)},
		{name: "start without a title", when: untitled, then: given(bare)},
		{name: "start again", given: given(started, asked), when: begin},
		{name: "start again as somebody else", given: given(started), when: thread.Start{Agent: domain.CustomerSupport, By: his}, refused: thread.ErrExists},
		{name: "start again with another agent", given: given(started), when: other, refused: thread.ErrExists},
		{name: "start with an unknown agent", when: nobody, refused: thread.ErrInvalid},
		{name: "start with too long a title", when: long, refused: thread.ErrInvalid},
		{name: "start as an auditor", when: thread.Start{Agent: domain.Summary, By: auditor}, refused: domain.ErrForbidden},
		{name: "start as nobody", when: thread.Start{Agent: domain.Summary, By: domain.System}, refused: domain.ErrForbidden},

		{name: "delete", given: given(started), when: thread.Delete{By: hers}, then: given(deleted)},
		{name: "delete again", given: given(started, deleted), when: thread.Delete{By: hers}},
		{name: "delete again as somebody else", given: given(started, deleted), when: thread.Delete{By: admin}, refused: thread.ErrNotFound},
		{name: "delete nothing", when: thread.Delete{By: hers}, refused: thread.ErrNotFound},
		{name: "delete another's", given: given(started), when: thread.Delete{By: his}, refused: thread.ErrNotFound},
		{name: "delete what one may only read", given: given(started), when: thread.Delete{By: admin}, refused: domain.ErrForbidden},
		{name: "delete after the words were erased", given: given(started, erased), when: thread.Delete{By: domain.System}, then: given(deleted)},
	})
}

func TestTitles(t *testing.T) {
	t.Parallel()
	title := func(text string, by domain.Actor) thread.Rename { return thread.Rename{Title: text, By: by} }
	agent := domain.Actor{Type: domain.ByAgent, User: ann, Role: domain.Member}
	found := thread.Renamed{CreatedBy: ann, Title: "Found", ByAgent: true}
	tell(t, []scenario{
		{name: "rename", given: given(started), when: title(" Wi-Fi ", hers), then: given(thread.Renamed{CreatedBy: ann, Title: "Wi-Fi"})},
		{name: "rename to the same", given: given(started), when: title("VPN ", hers)},
		{name: "take the title away", given: given(started), when: title("", hers), then: given(thread.Renamed{CreatedBy: ann})},
		{name: "NUL in a title", given: given(started), when: title("a\x00", hers), refused: thread.ErrInvalid},
		{name: "rename nothing", when: title("a", hers), refused: thread.ErrNotFound},
		{name: "rename another's", given: given(started), when: title("a", his), refused: thread.ErrNotFound},
		{name: "rename what one may only read", given: given(started), when: title("a", admin), refused: domain.ErrForbidden},
		{name: "rename as an auditor", given: given(started), when: title("a", auditor), refused: domain.ErrForbidden},
		{name: "rename what is deleted", given: given(started, deleted), when: title("a", hers), refused: thread.ErrNotFound},
		{name: "rename after the words were erased", given: given(started, erased), when: title("a", hers), refused: thread.ErrErased},

		{name: "an agent finds a title", given: given(bare), when: title("Found", domain.System), then: given(found)},
		{name: "an agent that acts for the person finds one", given: given(bare), when: title("Found", agent), then: given(found)},
		{name: "an agent finds another title", given: given(bare, found), when: title("Better", domain.System)},
		{name: "a person's title stays", given: given(started), when: title("Found", domain.System)},
		{name: "a person's second title stays", given: given(bare, found, thread.Renamed{CreatedBy: ann, Title: "Mine"}), when: title("Found", domain.System)},
		{name: "after a person took theirs away, an agent may find one", given: given(started, thread.Renamed{CreatedBy: ann}), when: title("Found", domain.System), then: given(found)},
	})
}

func TestMessages(t *testing.T) {
	t.Parallel()
	full := ask(func(c *thread.AddMessage) {
		c.Attachments = []thread.Attachment{file(2), file(1), file(2)}
		c.Metadata = map[string]any{"page": "https://example.org"}
	})
	many := ask(func(c *thread.AddMessage) { c.Attachments = make([]thread.Attachment, thread.MaxAttachments+1) })
	noted := ask(func(c *thread.AddMessage) {
		c.Metadata = map[string]any{}
		for n := range thread.MaxMetadata + 1 {
			c.Metadata[fmt.Sprint(n)] = n
		}
	})
	broken := ask(func(c *thread.AddMessage) { c.Metadata = map[string]any{"a": "\xff"} })
	longest := strings.Repeat("é", thread.MaxContent)
	long := asked
	long.Content = longest
	attached := asked
	attached.Attachments, attached.Metadata = []thread.Attachment{file(2), file(1)}, full.Metadata
	tell(t, []scenario{
		{name: "a message", given: given(started), when: ask(), then: given(asked)},
		{name: "with everything", given: given(started), when: full, then: given(attached)},
		{name: "as long as may be", given: given(started), when: ask(saying(longest)), then: given(long)},
		{name: "too long", given: given(started), when: ask(saying(longest + "x")), refused: thread.ErrInvalid},
		{name: "empty", given: given(started), when: ask(saying(" \n")), refused: thread.ErrInvalid},
		{name: "no text", given: given(started), when: ask(saying("a\x00")), refused: thread.ErrInvalid},
		{name: "too many files", given: given(started), when: many, refused: thread.ErrTooManyFiles},
		{name: "too much metadata", given: given(started), when: noted, refused: thread.ErrInvalid},
		{name: "metadata that is no text", given: given(started), when: broken, refused: thread.ErrInvalid},
		{name: "again", given: given(started, asked), when: ask()},
		{name: "again after its reply", given: given(started, asked, replied), when: ask()},
		{name: "with the id of a reply", given: given(started, asked, replied), when: ask(func(c *thread.AddMessage) { c.MessageID = answer }), refused: thread.ErrMessageTaken},
		{name: "in nothing", when: ask(), refused: thread.ErrNotFound},
		{name: "in what is deleted", given: given(started, deleted), when: ask(), refused: thread.ErrNotFound},
		{name: "in another's", given: given(started), when: ask(by(his)), refused: thread.ErrNotFound},
		{name: "in what one may only read", given: given(started), when: ask(by(admin)), refused: domain.ErrForbidden},
		{name: "as an auditor", given: given(started), when: ask(by(auditor)), refused: domain.ErrForbidden},
		{name: "as nobody", given: given(started), when: ask(by(domain.System)), refused: domain.ErrForbidden},
		{name: "after the words were erased", given: given(started, erased), when: ask(), refused: thread.ErrErased},
		{name: "after their own words were erased", given: given(thread.Started{Agent: domain.Summary, CreatedBy: bob}, erased), when: ask(by(domain.Actor{Type: domain.BySystem, User: ann})), refused: domain.ErrForbidden},
	})
	refusal, ok := errors.AsType[*domain.Error](func() error {
		_, err := thread.Decide(thread.Decider.Fold(thread.State{}, started), many)
		return err
	}())
	require.True(t, ok)
	require.Equal(t, domain.BadReference, refusal.Kind, "what is wrong with attachments is answered alike everywhere")
	require.Equal(t, "attachments holds 51 entries; 50 is the most.", refusal.Message)
}

func TestReplies(t *testing.T) {
	t.Parallel()
	answerIt := thread.Reply{MessageID: answer, InReplyTo: first, Run: run, Content: "Since when?", By: domain.System}
	say := func(change func(*thread.Reply)) thread.Reply {
		c := answerIt
		change(&c)
		return c
	}
	fail := thread.FailReply{InReplyTo: first, Run: run, Code: "timeout", By: domain.System}
	failOf := func(message uuid.UUID) thread.FailReply {
		return thread.FailReply{InReplyTo: message, Run: run, Code: "timeout", By: domain.System}
	}
	next := thread.MessageAdded{MessageID: second, Role: thread.User, Author: ann, Content: "Today."}
	tell(t, []scenario{
		{name: "a reply", given: given(started, asked), when: answerIt, then: given(replied)},
		{name: "a second reply", given: given(started, asked, replied), when: say(func(c *thread.Reply) { c.MessageID = second })},
		{name: "after another try failed", given: given(started, asked, failed), when: answerIt, then: given(replied)},
		{name: "to an earlier message", given: given(started, asked, next), when: answerIt, then: given(replied)},
		{name: "to a reply", given: given(started, asked, replied), when: say(func(c *thread.Reply) { c.InReplyTo = answer }), refused: thread.ErrNoMessage},
		{name: "to nothing", given: given(started), when: answerIt, refused: thread.ErrNoMessage},
		{name: "with the id of a message", given: given(started, asked), when: say(func(c *thread.Reply) { c.MessageID = first }), refused: thread.ErrMessageTaken},
		{name: "empty", given: given(started, asked), when: say(func(c *thread.Reply) { c.Content = "" }), refused: thread.ErrInvalid},
		{name: "by a person", given: given(started, asked), when: say(func(c *thread.Reply) { c.By = hers }), refused: domain.ErrForbidden},
		{name: "in nothing", when: answerIt, refused: thread.ErrNotFound},
		{name: "in what is deleted", given: given(started, asked, deleted), when: answerIt, refused: thread.ErrNotFound},
		{name: "after the words were erased", given: given(started, asked, erased), when: answerIt, refused: thread.ErrErased},

		{name: "a failure", given: given(started, asked), when: fail, then: given(failed)},
		{name: "a second failure", given: given(started, asked, failed), when: fail},
		{name: "a failure of the second message", given: given(started, asked, failed, next), when: failOf(second), then: given(thread.ReplyFailed{InReplyTo: second, Run: run, Code: "timeout"})},
		{name: "a failure after the reply", given: given(started, asked, replied), when: fail},
		{name: "a failure of nothing", given: given(started, asked), when: failOf(second), refused: thread.ErrNoMessage},
		{name: "a failure by a person", given: given(started, asked), when: thread.FailReply{InReplyTo: first, By: hers}, refused: domain.ErrForbidden},
	})
}

func TestWordsAreErased(t *testing.T) {
	t.Parallel()
	erase := func(of domain.UserID) thread.EraseWords { return thread.EraseWords{Of: of, By: domain.System} }
	tell(t, []scenario{
		{name: "the creator's", given: given(started, asked), when: erase(ann), then: given(erased)},
		{name: "again", given: given(started, erased, thread.WordsErased{Of: bob}), when: erase(ann)},
		{name: "of a deleted thread", given: given(started, deleted), when: erase(ann), then: given(erased)},
		{name: "of nothing", when: erase(ann), refused: thread.ErrNotFound},
		{name: "nobody's", given: given(started), when: erase(domain.UserID{}), refused: thread.ErrInvalid},
		{name: "by an admin", given: given(started), when: thread.EraseWords{Of: ann, By: admin}, refused: domain.ErrForbidden},
	})
	require.Equal(t, ann.UUID, erased.Erases())
}

func TestMessagesWaitForTheirReplies(t *testing.T) {
	t.Parallel()
	next := thread.MessageAdded{MessageID: second, Author: ann}
	to := func(message uuid.UUID) thread.Replied { return thread.Replied{MessageID: answer, InReplyTo: message} }
	none := uuid.UUID{}
	for name, c := range map[string]struct {
		history []thread.Event
		waits   uuid.UUID
	}{
		"nothing":              {given(started), none},
		"asked":                {given(started, asked), first},
		"replied":              {given(started, asked, replied), none},
		"failed":               {given(started, asked, failed), none},
		"asked twice":          {given(started, asked, next), first},
		"the second":           {given(started, asked, next, to(first)), second},
		"the second failed":    {given(started, asked, failed, next), second},
		"the second was first": {given(started, asked, next, to(second)), first},
		"both":                 {given(started, asked, next, to(second), failed), none},
		"deleted":              {given(started, asked, deleted), none},
		"erased":               {given(started, asked, erased), none},
	} {
		message, author, waits := thread.Decider.Fold(thread.State{}, c.history...).Next()
		require.Equal(t, c.waits, message, name)
		require.Equal(t, c.waits != none, waits, name)
		require.Equal(t, waits, author == ann, name)
	}
}

func TestAnAgentMayFindATitle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		history  []thread.Event
		untitled bool
	}{
		"unknown": {nil, false},
		"bare":    {given(bare), true},
		"titled":  {given(started), false},
		"cleared": {given(started, thread.Renamed{CreatedBy: ann}), true},
		"found":   {given(bare, thread.Renamed{CreatedBy: ann, Title: "x", ByAgent: true}), false},
		"deleted": {given(bare, deleted), false},
		"erased":  {given(bare, erased), false},
	} {
		require.Equal(t, c.untitled, thread.Decider.Fold(thread.State{}, c.history...).Untitled(), name)
	}
}

func TestAThreadIsFullOnce(t *testing.T) {
	t.Parallel()
	full := given(started)
	for n := range thread.MaxMessages {
		full = append(full, thread.MessageAdded{MessageID: uuid.UUID{0: 1, 1: byte(n >> 8), 2: byte(n)}, Author: ann})
	}
	last, _ := full[len(full)-1].(thread.MessageAdded)
	tell(t, []scenario{
		{name: "the last that fits", given: full[:len(full)-1], when: ask(), then: given(asked)},
		{name: "one too many", given: full, when: ask(), refused: thread.ErrFull},
		{name: "the last again", given: full, when: ask(func(c *thread.AddMessage) { c.MessageID = last.MessageID })},
		{
			name: "its reply", given: full, when: thread.Reply{MessageID: answer, InReplyTo: last.MessageID, Run: run, Content: "Since when?", By: domain.System},
			then: given(thread.Replied{MessageID: answer, InReplyTo: last.MessageID, Run: run, CreatedBy: ann, Content: "Since when?"}),
		},
	})
}

func TestAFailureHasAReason(t *testing.T) {
	t.Parallel()
	told := map[string]bool{}
	for _, code := range []string{"none", "budget", "unavailable", "timeout", "inactive", "internal"} {
		reason := thread.ReplyFailed{Code: code}.Reason()
		require.Contains(t, reason, "essage is kept")
		require.False(t, told[reason], code)
		told[reason] = true
	}
	require.Equal(t, thread.Reason("unavailable"), thread.Reason("rate_limited"))
}

// A command that changes nothing leaves the state as it is, whatever else it holds.
func TestAFactLeavesEarlierStatesAsTheyWere(t *testing.T) {
	t.Parallel()
	before := thread.Decider.Fold(thread.State{}, started, asked)
	thread.Decider.Fold(before, replied, failed, deleted, erased, thread.Renamed{Title: "x", ByAgent: true})
	require.Equal(t, "VPN", before.Title)
	require.Len(t, slices.Collect(before.Messages.Backward()), 1)
	_, _, waits := before.Next()
	require.True(t, waits)
	require.False(t, before.Deleted)
}

func TestAnUnknownCommandIsABug(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { _, _ = thread.Decide(thread.State{}, nil) })
}
