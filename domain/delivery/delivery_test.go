package delivery_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/domain/domaintest"
)

var (
	ann     = domain.UserID{UUID: uuid.UUID{15: 1}}
	jira    = uuid.UUID{15: 2}
	vpn     = uuid.UUID{15: 3}
	slack   = uuid.UUID{15: 4}
	hello   = uuid.UUID{15: 5}
	shot    = uuid.UUID{15: 6}
	at      = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	support = domain.Actor{Type: domain.ByUser, ID: ann.UUID, User: ann, Role: domain.Support}

	begun   = delivery.Begun{Integration: jira, Ticket: vpn, Route: 2, CreatedBy: ann, Fallback: []uuid.UUID{slack}}
	create  = delivery.Step{Kind: delivery.Create, Words: 1, Status: "new"}
	created = delivery.Done{Step: create, External: "HELP-1", Place: "HELP", URL: "https://jira/HELP-1", CreatedBy: ann}
	comment = delivery.Step{Kind: delivery.Comment, Key: hello}
	file    = delivery.Step{Kind: delivery.File, Key: shot}
)

func tried(s delivery.Step, n int) delivery.Attempted { return delivery.Attempted{Step: s, Try: n} }

func failed(s delivery.Step, unsure bool) delivery.Failed {
	return delivery.Failed{Step: s, Code: "unavailable", CreatedBy: ann, Message: "No answer.", Unsure: unsure, RetryAt: at}
}

func parked(s delivery.Step) delivery.Parked {
	return delivery.Parked{Step: s, Code: "invalid", CreatedBy: ann, Message: "No."}
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	begin := delivery.Begin{Integration: jira, Ticket: vpn, Route: 2, CreatedBy: ann, Fallback: []uuid.UUID{slack}}
	again := begin
	again.Route = 5
	afresh := begun
	afresh.Route = 5
	fail := delivery.Fail{Step: create, Code: "unavailable", Message: "No answer.", RetryAt: at}
	park := delivery.Park{Step: create, Code: "invalid", Message: "No."}
	as := func(role domain.Role) domain.Actor { who := support; who.Role = role; return who }
	made := []delivery.Event{begun, tried(create, 1), created}
	unheard := delivery.Unheard{Code: "missing", CreatedBy: ann, Message: "Gone."}
	limited := []delivery.Event{begun}
	for range 11 {
		limited = append(limited, tried(create, 1), delivery.Failed{Step: create, Code: delivery.CodeLimited, RetryAt: at})
	}
	over := []delivery.Event{begun, tried(create, 1), parked(create), delivery.Dropped{Step: create, By: ann}, delivery.Ended{Code: "dropped"}}
	for _, s := range []struct {
		name    string
		given   []delivery.Event
		when    delivery.Command
		then    []delivery.Event
		refused error
	}{
		{name: "begin", when: begin, then: []delivery.Event{begun}},
		{name: "begin again", given: made, when: begin},
		{name: "begin what ended, asked once", given: over, when: begin},
		{name: "begin what ended, asked anew", given: over, when: again, then: []delivery.Event{afresh}},

		{name: "attempt", given: []delivery.Event{begun}, when: delivery.Attempt{Step: create}, then: []delivery.Event{tried(create, 1)}},
		{name: "attempt what is in doubt", given: []delivery.Event{begun, tried(create, 1)}, when: delivery.Attempt{Step: create}, then: []delivery.Event{tried(create, 2)}},
		{name: "attempt something else meanwhile", given: append(made, tried(comment, 1)), when: delivery.Attempt{Step: file}, refused: delivery.ErrSuperseded},
		{name: "attempt after a failure", given: []delivery.Event{begun, tried(create, 1), failed(create, false)}, when: delivery.Attempt{Step: create}, then: []delivery.Event{tried(create, 2)}},
		{name: "attempt after a limit", given: []delivery.Event{begun, tried(create, 1), delivery.Failed{Step: create, Code: delivery.CodeLimited, RetryAt: at}}, when: delivery.Attempt{Step: create}, then: []delivery.Event{tried(create, 1)}},
		{name: "attempt after ten limits", given: limited[:21], when: delivery.Attempt{Step: create}, then: []delivery.Event{tried(create, 1)}},
		{name: "attempt after one too many", given: limited, when: delivery.Attempt{Step: create}, then: []delivery.Event{tried(create, 2)}},
		{name: "attempt after limits and a failure", given: append(limited[:21:21], tried(create, 1), failed(create, false), tried(create, 2), limited[2]), when: delivery.Attempt{Step: create}, then: []delivery.Event{tried(create, 2)}},
		{name: "attempt after a person let it go on", given: []delivery.Event{begun, tried(create, 4), parked(create), delivery.Retried{By: ann}}, when: delivery.Attempt{Step: create}, then: []delivery.Event{tried(create, 1)}},
		{name: "attempt the next", given: made, when: delivery.Attempt{Step: comment}, then: []delivery.Event{tried(comment, 1)}},
		{name: "attempt before it begins", when: delivery.Attempt{Step: create}, refused: delivery.ErrNotFound},
		{name: "attempt when it is over", given: over, when: delivery.Attempt{Step: create}, refused: delivery.ErrOver},

		{name: "progress", given: append(made, tried(file, 1)), when: delivery.Progress{File: shot, Percent: 40}, then: []delivery.Event{delivery.Progressed{File: shot, Percent: 40}}},
		{name: "progress of nothing", given: made, when: delivery.Progress{File: shot, Percent: 40}, refused: delivery.ErrSuperseded},
		{name: "progress of another", given: append(made, tried(comment, 1)), when: delivery.Progress{File: shot, Percent: 40}, refused: delivery.ErrSuperseded},

		{name: "succeed", given: []delivery.Event{begun, tried(create, 1)}, when: delivery.Succeed{Done: created}, then: []delivery.Event{created}},
		{name: "succeed twice", given: made, when: delivery.Succeed{Done: created}, refused: delivery.ErrSuperseded},
		{name: "fail", given: []delivery.Event{begun, tried(create, 1)}, when: fail, then: []delivery.Event{failed(create, false)}},
		{name: "fail with what was not attempted", given: []delivery.Event{begun}, when: fail, refused: delivery.ErrSuperseded},
		{name: "park", given: []delivery.Event{begun, tried(create, 1)}, when: park, then: []delivery.Event{parked(create)}},

		{name: "hold", given: made, when: delivery.Hold{Code: "expired"}, then: []delivery.Event{delivery.Held{Code: "expired"}}},
		{name: "hold again", given: append(made, delivery.Held{Code: "expired"}), when: delivery.Hold{Code: "expired"}},
		{name: "hold after it went on", given: append(made, delivery.Held{Code: "expired"}, tried(comment, 1)), when: delivery.Hold{Code: "expired"}, then: []delivery.Event{delivery.Held{Code: "expired"}}},

		{name: "hear a status", given: made, when: delivery.HearStatus{Status: "done"}, then: []delivery.Event{delivery.StatusHeard{Status: "done"}}},
		{name: "hear the status it has", given: made, when: delivery.HearStatus{Status: "new"}},
		{name: "hear a comment", given: made, when: delivery.HearComment{External: "c1", Comment: hello}, then: []delivery.Event{delivery.CommentHeard{External: "c1", Comment: hello}}},
		{name: "hear a comment again", given: append(made, delivery.CommentHeard{External: "c1", Comment: hello}), when: delivery.HearComment{External: "c1", Comment: hello}},
		{name: "hear our own", given: append(made, tried(comment, 1), delivery.Done{Step: comment, External: "c1"}), when: delivery.HearComment{External: "c1", Comment: hello}},

		{name: "hear nothing", given: made, when: delivery.HearNothing{Code: "missing", Message: "Gone."}, then: []delivery.Event{unheard}},
		{name: "hear nothing still", given: append(made, unheard), when: delivery.HearNothing{Code: "missing", Message: "Not here."}},
		{name: "hear nothing for another reason", given: append(made, unheard), when: delivery.HearNothing{Code: "forbidden", Message: "No."}, then: []delivery.Event{delivery.Unheard{Code: "forbidden", CreatedBy: ann, Message: "No."}}},
		{name: "hear again", given: append(made, unheard), when: delivery.HearAgain{}, then: []delivery.Event{delivery.HeardAgain{}}},
		{name: "hear as ever", given: append(made, unheard, delivery.HeardAgain{}), when: delivery.HearAgain{}},
		{name: "hear nothing once more", given: append(made, unheard, delivery.HeardAgain{}), when: delivery.HearNothing{Code: "missing", Message: "Gone."}, then: []delivery.Event{unheard}},
		{name: "release what waits", given: append(made, tried(comment, 1), failed(comment, false)), when: delivery.Release{}, then: []delivery.Event{delivery.Released{}}},
		{name: "release what is held", given: append(made, delivery.Held{Code: "expired"}), when: delivery.Release{}, then: []delivery.Event{delivery.Released{}}},
		{name: "release nothing", given: made, when: delivery.Release{}},
		{name: "release again", given: append(made, delivery.Held{Code: "expired"}, delivery.Released{}), when: delivery.Release{}},

		{name: "erase words", given: over, when: delivery.EraseWords{Of: ann, By: domain.System}, then: []delivery.Event{delivery.WordsErased{Of: ann}}},
		{name: "erase words again", given: append(made, delivery.WordsErased{Of: ann}), when: delivery.EraseWords{Of: ann, By: domain.System}},
		{name: "erase everybody's words", given: made, when: delivery.EraseWords{By: domain.System}, then: []delivery.Event{delivery.WordsErased{}}},
		{name: "erase another's words", given: made, when: delivery.EraseWords{Of: domain.UserID{UUID: slack}, By: domain.System}},
		{name: "erase words of nothing", when: delivery.EraseWords{Of: ann, By: domain.System}, refused: delivery.ErrNotFound},
		{name: "erase words as somebody", given: made, when: delivery.EraseWords{Of: ann, By: support}, refused: domain.ErrForbidden},

		{name: "reroute", given: []delivery.Event{begun, tried(create, 4), failed(create, false)}, when: delivery.Reroute{To: slack}, then: []delivery.Event{delivery.Rerouted{To: slack}, delivery.Ended{Code: "rerouted"}}},
		{name: "end", given: made, when: delivery.End{Code: "disconnected"}, then: []delivery.Event{delivery.Ended{Code: "disconnected"}}},

		{name: "retry", given: append(made, tried(comment, 1), parked(comment)), when: delivery.Retry{By: support}, then: []delivery.Event{delivery.Retried{By: ann}}},
		{name: "retry what waits for its time", given: append(made, tried(comment, 1), failed(comment, true)), when: delivery.Retry{By: support}, then: []delivery.Event{delivery.Retried{By: ann}}},
		{name: "retry what does not wait", given: made, when: delivery.Retry{By: support}, refused: delivery.ErrNotWaiting},
		{name: "retry when it is over", given: over, when: delivery.Retry{By: support}, refused: delivery.ErrNotWaiting},
		{name: "retry what is not there", when: delivery.Retry{By: support}, refused: delivery.ErrNotFound},
		{name: "retry as a member", given: append(made, tried(comment, 1), parked(comment)), when: delivery.Retry{By: as(domain.Member)}, refused: delivery.ErrNotFound},
		{name: "retry as an auditor", given: append(made, tried(comment, 1), parked(comment)), when: delivery.Retry{By: as(domain.Auditor)}, refused: domain.ErrForbidden},
		{name: "drop", given: append(made, tried(comment, 1), parked(comment)), when: delivery.Drop{By: support}, then: []delivery.Event{delivery.Dropped{Step: comment, By: ann}}},
		{name: "drop the ticket itself", given: []delivery.Event{begun, tried(create, 1), parked(create)}, when: delivery.Drop{By: support}, then: []delivery.Event{delivery.Dropped{Step: create, By: ann}, delivery.Ended{Code: "dropped"}}},
		{name: "drop what does not wait", given: made, when: delivery.Drop{By: support}, refused: delivery.ErrNotWaiting},
		{name: "drop as an auditor", given: append(made, tried(comment, 1), parked(comment)), when: delivery.Drop{By: as(domain.Auditor)}, refused: domain.ErrForbidden},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			spec := domaintest.Given(t, delivery.Decider, s.given...).When(s.when)
			if s.refused != nil {
				spec.Refused(s.refused)
				return
			}
			spec.Then(s.then...)
		})
	}
}

var want = delivery.Want{Words: 1, Initial: "new", Status: "new", Things: []delivery.Thing{{Kind: delivery.File, Key: shot}, {Kind: delivery.Comment, Key: hello}}}

func TestTheNextStep(t *testing.T) {
	t.Parallel()
	moved, reworded := want, want
	moved.Status, reworded.Words = "done", 3
	move := delivery.Step{Kind: delivery.Move, Status: "done"}
	update := delivery.Step{Kind: delivery.Update, Words: 3}
	all := []delivery.Event{begun, tried(create, 1), created, tried(file, 1), delivery.Done{Step: file}, tried(comment, 1), delivery.Done{Step: comment, External: "c1"}}
	for name, c := range map[string]struct {
		given []delivery.Event
		want  delivery.Want
		next  delivery.Step // zero: none
	}{
		"nothing was asked for":      {nil, want, delivery.Step{}},
		"the ticket first":           {all[:1], want, create},
		"what is in doubt":           {all[:2], moved, create},
		"what may have been done":    {append(all[:2:2], failed(create, true)), want, create},
		"then what came first":       {all[:3], want, file},
		"then what came next":        {all[:5], want, comment},
		"all is as it shall be":      {all, want, delivery.Step{}},
		"words":                      {all, reworded, update},
		"words were written":         {append(all[:7:7], tried(update, 1), delivery.Done{Step: update}), reworded, delivery.Step{}},
		"a status":                   {all, moved, move},
		"a status was set":           {append(all[:7:7], tried(move, 1), delivery.Done{Step: move}), moved, delivery.Step{}},
		"a status was heard":         {append(all[:7:7], delivery.StatusHeard{Status: "done"}), moved, delivery.Step{}},
		"no status is wanted":        {all, delivery.Want{Words: 1}, delivery.Step{}},
		"a file was given up":        {append(all[:4:4], parked(file), delivery.Dropped{Step: file}), want, comment},
		"words were given up":        {append(all[:7:7], tried(update, 1), parked(update), delivery.Dropped{Step: update}), reworded, delivery.Step{}},
		"a status was given up":      {append(all[:7:7], tried(move, 1), parked(move), delivery.Dropped{Step: move}), moved, delivery.Step{}},
		"a comment came from there":  {append(all[:5:5], delivery.CommentHeard{External: "c1", Comment: hello}), want, delivery.Step{}},
		"everything has ended":       {append(all[:3:3], delivery.Ended{Code: "ticket_deleted"}), moved, delivery.Step{}},
		"it was begun again":         {append(all[:7:7], delivery.Ended{Code: "disconnected"}, begun), moved, move},
		"it was given up altogether": {append(all[:2:2], parked(create), delivery.Dropped{Step: create}, delivery.Ended{Code: "dropped"}), want, delivery.Step{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step, more := delivery.Decider.Fold(delivery.State{}, c.given...).Next(c.want)
			require.Equal(t, c.next, step)
			require.Equal(t, c.next != delivery.Step{}, more)
		})
	}
}

func TestAStatusThereMeansOneHere(t *testing.T) {
	t.Parallel()
	called := map[string]string{"new": "New", "open": "New", "resolved": "Closed"}
	here, known := delivery.Here(called, "New", []string{"open", "new", "resolved"})
	require.True(t, known)
	require.Equal(t, "open", here)
	_, known = delivery.Here(called, "Escalated", []string{"open", "new", "resolved"})
	require.False(t, known)
}

func TestACommandWithoutWordsIsTheSameCommand(t *testing.T) {
	t.Parallel()
	require.Equal(t, delivery.Fail{Step: create, Code: "x", RetryAt: at}, delivery.Wordless(delivery.Fail{Step: create, Code: "x", Message: "VPN", RetryAt: at}))
	require.Equal(t, delivery.Park{Step: create, Code: "x"}, delivery.Wordless(delivery.Park{Step: create, Code: "x", Message: "VPN"}))
	require.Equal(t, delivery.Succeed{Done: delivery.Done{Step: create, External: "1"}}, delivery.Wordless(delivery.Succeed{Done: delivery.Done{Step: create, External: "1", Note: "VPN"}}))
	require.Equal(t, delivery.HearNothing{Code: "x"}, delivery.Wordless(delivery.HearNothing{Code: "x", Message: "VPN"}))
	require.Equal(t, delivery.Hold{Code: "x"}, delivery.Wordless(delivery.Hold{Code: "x"}))
}

func TestADeliveryHasOneID(t *testing.T) {
	t.Parallel()
	require.Equal(t, delivery.IDOf(jira, vpn), delivery.IDOf(jira, vpn))
	require.NotEqual(t, delivery.IDOf(jira, vpn), delivery.IDOf(slack, vpn))
	require.NotEqual(t, delivery.IDOf(jira, vpn), delivery.IDOf(vpn, jira))
}

// Whatever goes wrong on the way, whoever follows the plan gets there, and makes nothing twice: a step whose outcome is not
// known is the only one that is made again.
func TestThePlanLeadsThere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := delivery.Want{Words: rapid.IntRange(1, 3).Draw(t, "words"), Initial: "new", Status: rapid.SampledFrom([]string{"new", "done", ""}).Draw(t, "status")}
		for n := range rapid.IntRange(0, 4).Draw(t, "things") {
			w.Things = append(w.Things, delivery.Thing{Kind: rapid.SampledFrom([]delivery.Kind{delivery.Comment, delivery.File}).Draw(t, "kind"), Key: uuid.UUID{0: 1, 15: byte(n)}})
		}
		s := delivery.Decider.Fold(delivery.State{}, begun)
		must := func(c delivery.Command) {
			events, err := delivery.Decide(s, c)
			require.NoError(t, err)
			s = delivery.Decider.Fold(s, events...)
		}
		made := map[delivery.Step]int{}
		for range 200 {
			step, more := s.Next(w)
			if !more {
				break
			}
			must(delivery.Attempt{Step: step})
			switch rapid.IntRange(0, 4).Draw(t, "outcome") {
			case 0:
				must(delivery.Fail{Step: step, Code: "unavailable", RetryAt: at})
			case 1:
				must(delivery.Fail{Step: step, Code: "unavailable", Unsure: true, RetryAt: at})
			case 2: // the process dies
			default:
				made[step]++
				must(delivery.Succeed{Done: delivery.Done{Step: step, External: "x" + step.Key.String()}})
			}
		}
		for step, n := range made {
			require.Equal(t, 1, n, "%+v", step)
		}
		_, more := s.Next(w)
		require.False(t, more)
		require.True(t, s.Created())
	})
}

// No history makes Evolve panic, and what is over stays over until it is begun again.
func TestAnyHistoryIsOne(t *testing.T) {
	t.Parallel()
	steps := rapid.SampledFrom([]delivery.Step{create, comment, file, {Kind: delivery.Update, Words: 2}, {Kind: delivery.Move, Status: "done"}})
	events := rapid.OneOf(
		rapid.Just[delivery.Event](begun),
		rapid.Map(steps, func(s delivery.Step) delivery.Event { return tried(s, 1) }),
		rapid.Map(steps, func(s delivery.Step) delivery.Event { return delivery.Done{Step: s, External: "x"} }),
		rapid.Map(steps, func(s delivery.Step) delivery.Event { return failed(s, true) }),
		rapid.Map(steps, func(s delivery.Step) delivery.Event { return parked(s) }),
		rapid.Map(steps, func(s delivery.Step) delivery.Event { return delivery.Dropped{Step: s} }),
		rapid.SampledFrom([]delivery.Event{
			delivery.Progressed{File: shot},
			delivery.Held{Code: "x"},
			delivery.Retried{},
			delivery.StatusHeard{Status: "done"},
			delivery.CommentHeard{External: "c", Comment: hello},
			delivery.Unheard{Code: "missing"},
			delivery.Rerouted{To: slack},
			delivery.Ended{Code: "rerouted"},
		}),
	)
	rapid.Check(t, func(t *rapid.T) {
		s := delivery.Decider.Fold(delivery.State{}, rapid.SliceOf(events).Draw(t, "history")...)
		if s.Over() {
			_, more := s.Next(want)
			require.False(t, more)
		}
	})
}
