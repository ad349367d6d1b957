//go:build linux

package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asksAs is asks for a program that is a process of its own.
func asksAs(s *scriptedModel, settings ...string) []string {
	return []string{
		"OPENAI_API_KEY=" + providersKey, "OPENAI_BASE_URL=" + s.url + "/v1", "AI_CONFIG=" + aiConfig(s.t, settings...), "JOB_LEASE=1s", "RATE_LIMIT_AI=0",
		"MCP_ADDR=127.0.0.1:0",
	}
}

// The program is killed while an agent works: after its ticket was made, and before it has said so. Another one takes the run
// up; what was asked is not asked again, and the ticket is there once.
func TestARunOfAKilledProgramIsTakenUp(t *testing.T) {
	t.Parallel()
	model := provider(t)
	database := faultDatabase(t)
	p := begin(t, database, asksAs(model)...)
	ada := p.founder("ada")
	never := make(chan struct{})
	model.says("create_ticket",
		calls(wish{"create_ticket", object{"title": "Made before the end", "description": "All of it.", "category": "technical", "priority": "high"}}),
		after(never, answers(goodTicket())), answers(goodTicket()),
	)
	lost := make(chan error)
	go func() {
		_, err := ada.with("Idempotency-Key", "once").try("POST", makeTicket, object{"user_input": "My VPN drops"})
		lost <- err
	}()
	eventually(t, func() bool { return len(model.heard()) == 2 }, "the ticket is made, and the model is asked again")
	p.kill()
	require.Error(t, <-lost)

	c := quiet(t)
	c.DatabaseURL, c.Environment, c.JWTSecret, c.EncryptionKey = database, "test", faultSecret, faultKey
	asks(model)(&c)
	i := launch(t, c)
	require.Equal(t, "running", i.onlyRun(ada)["status"])
	require.NoError(t, i.takeUp(t.Context(), 0))
	eventually(t, func() bool { return i.onlyRun(ada)["status"] == "completed" })
	run := i.onlyRun(ada)
	require.Equal(t, []string{"model tools", "tool create_ticket", "model answer"}, steps(run))
	require.Len(t, model.heard(), 3)
	list := ada.at(i).get("/api/v1/tickets").list()
	require.Len(t, list, 1)
	require.Equal(t, []any{run["ticket_id"], "Made before the end"}, []any{list[0]["id"], list[0]["title"]})
	require.NoError(t, i.takeUp(t.Context(), 0), "there is nothing left to take up")

	// Whoever asks again with the key hears what came of it.
	again := ada.at(i).with("Idempotency-Key", "once").post(makeTicket, object{"user_input": "My VPN drops"})
	require.Equal(t, list[0]["id"], again.text("ticket_id"))
	require.Len(t, ada.at(i).get("/api/v1/tickets").list(), 1)
	require.Len(t, model.heard(), 3)
}

// A reply, and the categorization of a ticket, are jobs: when the program is killed in the middle, the next one does them.
func TestJobsOfAKilledProgramAreDone(t *testing.T) {
	t.Parallel()
	model := provider(t)
	database := faultDatabase(t)
	p := begin(t, database, asksAs(model)...)
	ada := p.founder("ada")
	never := make(chan struct{})
	path := ada.talk()
	model.says(reply, after(never, answers("Too late.")), answers("Here I am."))
	model.says("categorize_ticket", after(never, answers(verdict("bug", "low", 0.5))), answers(verdict("billing", "high", 0.9)))
	ada.do(200, "POST", path+"/messages", object{"content": "Hello?"})
	ticket := "/api/v1/tickets/" + ada.unsorted().id()
	eventually(t, func() bool { return len(model.heardOf(reply)) == 1 && len(model.heardOf("categorize_ticket")) == 1 })
	p.kill()
	p.start()
	ada = p.here(ada)
	eventually(t, func() bool { return len(ada.said(path)) == 2 && ada.get(ticket).text("category") == "billing" })
	require.Equal(t, "Here I am.", ada.said(path)[1].(object)["content"])
	require.Equal(t, "completed", ada.said(path)[0].(object)["reply_status"])
	require.Len(t, model.heard(), 4)
	p.requireReady()
}

// The program is asked to stop while an agent works, as when a new version is rolled out: the job goes on elsewhere, and
// nothing has failed.
func TestAJobOfAProgramThatStopsGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	model := provider(t)
	c := quiet(t)
	asks(model)(&c)
	one := launch(t, c)
	ada := one.founder("ada")
	path := ada.talk()
	never := make(chan struct{})
	model.says(reply, after(never, answers("Too late.")), answers("Here I am."))
	ada.do(200, "POST", path+"/messages", object{"content": "Hello?"})
	eventually(t, func() bool { return len(model.heard()) == 1 })
	began := time.Now()
	one.halt()
	require.Less(t, time.Since(began), 5*time.Second, "nobody waits for a model")
	two := launch(t, c)
	ada = ada.at(two)
	eventually(t, func() bool { return len(ada.said(path)) == 2 })
	require.Equal(t, "Here I am.", ada.said(path)[1].(object)["content"])
	require.Equal(t, []string{"model answer"}, steps(two.onlyRun(ada)))
}

// A program that is frozen while an agent works, and wakes up when another has taken its job, does not reply a second time.
func TestAFrozenProgramRepliesOnce(t *testing.T) {
	t.Parallel()
	model := provider(t)
	database := faultDatabase(t)
	p := begin(t, database, asksAs(model)...)
	ada := p.founder("ada")
	path := ada.talk()
	let := make(chan struct{})
	model.says(reply, after(let, answers("Too late.")), answers("Here I am."))
	ada.do(200, "POST", path+"/messages", object{"content": "Hello?"})
	eventually(t, func() bool { return len(model.heard()) == 1 })
	p.signal(syscall.SIGSTOP)
	c := quiet(t)
	c.DatabaseURL, c.Environment, c.JWTSecret, c.EncryptionKey, c.Lease = database, "test", faultSecret, faultKey, time.Second
	asks(model)(&c)
	i := launch(t, c)
	i.noisy = true // the other's jobs were taken over, which is worth a warning
	ada = ada.at(i)
	eventually(t, func() bool { return len(ada.said(path)) == 2 })
	close(let)
	p.signal(syscall.SIGCONT)
	require.Eventually(t, func() bool { status, _ := p.readiness(); return status == 200 }, startLimit, 10*time.Millisecond)
	messages := ada.said(path)
	require.Len(t, messages, 2)
	require.Equal(t, "Here I am.", messages[1].(object)["content"])
	require.Equal(t, []string{"model answer"}, steps(i.onlyRun(ada)))
}
