package main

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func causationOf(correlation string) string {
	return "/api/v1/audit/causation/" + url.PathEscape(correlation)
}

// caused answers the events that hang under another.
func caused(event object) (list []object) {
	causes, _ := event["causes"].([]any)
	for _, c := range causes {
		o, _ := c.(object)
		list = append(list, o)
	}
	return list
}

func roots(tree object) []object { return caused(object{"causes": tree["roots"]}) }

// What a request caused through a reaction hangs under the event that was reacted to.
func TestWhatLockingSomebodyOutCauses(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada := i.founder("ada")
	bob, auditor := ada.colleague("support"), ada.colleague("auditor")
	var released []any
	for range 3 {
		released = append(released, ada.ticket(object{"assigned_to_id": bob.user}).id())
	}
	const request = "lock/out 100%?#+ü"
	silly := ada.with("X-Request-ID", "what a day").patch("/api/v1/users/me", object{"full_name": "Ada"})
	require.NotEqual(t, "what a day", silly.header.Get("X-Request-ID"), "an id with spaces is none")
	auditor.do(404, "GET", causationOf("what a day"), nil)
	auditor.do(404, "GET", causationOf(request), nil)
	require.Equal(t, 1.0, auditor.get(causationOf(silly.header.Get("X-Request-ID"))).object()["events"])

	for n, id := range []string{"lock/out", "100%25", "a?b#c", "+;,:@", "ends/", "..;", "%2F", "12"} {
		active := n%2 == 1
		ada.with("X-Request-ID", id).patch("/api/v1/members/"+bob.user, object{"is_active": active})
		if n == 0 {
			for _, ticket := range released {
				eventually(t, func() bool { return ada.get("/api/v1/tickets/" + str(ticket)).object()["assigned_to_id"] == nil })
			}
		}
		tree := auditor.get(causationOf(id)).object()
		require.Equal(t, id, tree["correlation_id"])
		require.Equal(t, false, tree["cut"])
		require.Len(t, roots(tree), 1)
		root := roots(tree)[0]
		require.Equal(t, bob.user, root["stream"])
		require.Equal(t, []string{"user.deactivated", "user.reactivated"}[n%2], root["type"])
		require.Equal(t, object{"type": "user", "id": ada.user, "name": ada.name}, root["actor"])
		if n > 0 {
			require.Empty(t, caused(root))
			require.Equal(t, 1.0, tree["events"])
			continue
		}
		require.Equal(t, 4.0, tree["events"])
		require.Equal(t, root["occurred_at"], tree["began_at"])
		require.Equal(t, "user.Deactivate", root["command"])
		var streams []any
		for _, event := range caused(root) {
			require.Equal(t, "ticket.unassigned", event["type"])
			require.Equal(t, "ticket.Release", event["command"])
			require.Equal(t, 2.0, event["version"].(float64)-1)
			require.Equal(t, object{"type": "system", "id": nil, "name": "system"}, event["actor"])
			require.Equal(t, []any{}, event["causes"])
			streams = append(streams, event["stream"])
			require.Equal(t, tree["ended_at"], caused(root)[2]["occurred_at"])
		}
		require.ElementsMatch(t, released, streams)
	}
	require.Equal(t, "ends/", auditor.get("/api/v1/audit/causation/ends%2F/").text("correlation_id"), "a slash behind the address, and one in it")
}

// One request that does several things has several roots; another organization's request is not there.
func TestWhatARequestCausedIsForItsOwn(t *testing.T) {
	t.Parallel()
	i := boot(t)
	ada, spy := i.founder("ada"), i.founder("spy")
	made := ada.with("X-Request-ID", "shared").ticket(object{"assigned_to_id": ada.user})
	spy.do(404, "GET", causationOf("shared"), nil)
	other := spy.with("X-Request-ID", "shared").ticket()
	tree := ada.get(causationOf("shared")).object()
	require.Equal(t, 2.0, tree["events"], "opened and assigned")
	for n, root := range roots(tree) {
		require.Equal(t, made.id(), root["stream"])
		require.Equal(t, fmt.Sprint(n+1), str(root["version"]))
	}
	require.Equal(t, other.id(), roots(spy.get(causationOf("shared")).object())[0]["stream"])
	for _, role := range []string{"member", "support"} {
		ada.colleague(role).do(403, "GET", causationOf("shared"), nil)
	}
	for _, none := range []string{"%00", "%ff", "%E2%82%AC", "%20", "nobody"} {
		ada.do(404, "GET", "/api/v1/audit/causation/"+none, nil)
	}
	ada.do(404, "GET", "/api/v1/audit/causation/", nil)
	ada.as("").do(401, "GET", causationOf("shared"), nil)
}
