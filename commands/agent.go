package commands

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/agentconfig"
	"ticketd/domain/agentrun"
	"ticketd/eventstore"
)

// AgentSettings tells how an organization wants its agents.
type AgentSettings interface {
	// Find answers what holds now, and which version that is.
	Find(ctx context.Context, org domain.OrgID, agent domain.Agent) (version int, config agentconfig.Config, err error)

	// Version answers what held then. agentconfig's refusals, when there is no such version.
	Version(ctx context.Context, org domain.OrgID, agent domain.Agent, version int) (agentconfig.Config, error)
}

// FileTexts knows what was read from uploads.
type FileTexts interface {
	// Texts answers those of the uploads that the actor may refer to, in the order of the ids.
	Texts(ctx context.Context, org domain.OrgID, by domain.Actor, ids []domain.FileID) ([]FileText, error)
}

// FileText is what was read from an upload.
type FileText struct {
	ID       domain.FileID
	Filename string
	Text     string // of all its stages; empty: nothing was read
	Status   string // of its processing, or why there is no text
}

// Agents runs agents.
//
// # Why
//
// A run is an aggregate of its own: every turn of a model and every call of a tool is a fact in it, appended before the next
// begins, so what an agent did can be seen while it does it, and a run that was cut off is taken up again without doing
// anything twice. An agent changes the world through tools only, which it reaches over MCP with the rights of whom it works
// for. Without a model, or when none answers, the rules of the built-in provider do what they can, and say so.
type Agents struct {
	runs     Handler[agentrun.State, agentrun.Command, agentrun.Event]
	tickets  Tickets
	places   Destinations
	threads  Threads
	settings AgentSettings
	shadows  Shadows
	model    Model
	hasModel bool
	rules    Classifier
	toolbox  Toolbox
	files    FileTexts
	roles    Roles
	clock    func() time.Time
	log      *slog.Logger
	turns    turns
	secret   []byte // of this process, from which the fences of prompts are made
}

// AgentParts is what agents work with.
type AgentParts struct {
	Tickets  Tickets
	Places   Destinations
	Threads  Threads
	Settings AgentSettings
	Shadows  Shadows
	Model    Model
	HasModel bool // some provider is configured; without one the rules answer, and nobody waits for a job
	Rules    Classifier
	Toolbox  Toolbox
	Files    FileTexts
	Roles    Roles
	Clock    func() time.Time
	Log      *slog.Logger
}

// NewAgents ties the agents to those who answer them.
func NewAgents(log eventstore.Log, p AgentParts) Agents {
	return Agents{
		runs: NewHandler(log, agentrun.Decider), tickets: p.Tickets, places: p.Places, threads: p.Threads, settings: p.Settings, shadows: p.Shadows, model: p.Model, hasModel: p.HasModel, rules: p.Rules,
		toolbox: p.Toolbox, files: p.Files, roles: p.Roles, clock: p.Clock, log: p.Log, secret: []byte(rand.Text()), turns: newTurns(),
	}
}

// Ask is what somebody wants of an agent.
type Ask struct {
	Agent   domain.Agent
	Purpose agentrun.Purpose
	Title   string // of what is to be categorized; may be empty
	Text    string // what they said
	Context []string
	History []Turn // of a conversation
	Files   []domain.FileID
	Ticket  uuid.UUID
	Thread  uuid.UUID
	Message uuid.UUID
	Draft   *agentconfig.Config // to be tried in the place of what holds

	// Integration is where the ticket that is made shall live too, if that can be: a platform, or an integration's id.
	Integration string
}

// input is what is asked, as the run keeps it.
func (a Ask) input() map[string]any {
	fields := map[string]any{}
	for name, text := range map[string]string{"title": a.Title, "text": a.Text, "integration": a.Integration} {
		if text != "" {
			fields[name] = text
		}
	}
	if len(a.Context) > 0 {
		fields["context"] = a.Context
	}
	var history []map[string]any
	for _, t := range a.History {
		history = append(history, map[string]any{"role": t.Role, "text": t.Text})
	}
	if len(history) > 0 {
		fields["history"] = history
	}
	return fields
}

// Outcome is what came of a run.
type Outcome struct {
	Run        uuid.UUID
	Provider   string
	Model      string
	Version    int // of the configuration; 0: a draft
	Result     Result
	Ticket     uuid.UUID
	Confidence *float64
}

// Builtin is the provider that needs no key, and RulesModel what it goes by.
const (
	Builtin    = "builtin"
	RulesModel = "rules"
)

// ErrAgentFailed reports a run that came to nothing.
var ErrAgentFailed = &domain.Error{Kind: domain.Unavailable, Code: "agent_failed", Message: "The agent could not finish."}

// Run starts a run and brings it to its end within the time that the configuration allows. caller is whom it is for. The
// same id again answers what came of it the first time, or goes on with it as it was begun. Errors: domain.ErrForbidden,
// ErrAgentFailed with the reason, ErrRefused, ErrTooMuch, ErrNoAnswer, agentrun.ErrTaken, those of the files it refers to.
func (a Agents) Run(ctx context.Context, r Request, caller domain.Caller, id uuid.UUID, ask Ask) (Outcome, error) {
	if !r.By.Can(domain.UseAgents) {
		return Outcome{}, domain.ErrForbidden
	}
	w := &agentWork{Agents: a, request: r, caller: caller, ask: ask}
	if err := a.turns.take(ctx, func() error { return w.start(ctx, id) }); err != nil {
		return Outcome{}, err
	}
	return a.goOn(ctx, w)
}

// start starts the run, or finds it as it was begun by a request whose answer was lost.
func (w *agentWork) start(ctx context.Context, id uuid.UUID) (err error) {
	org, ask := w.request.Org, w.ask
	if w.stream, err = w.runs.load(ctx, org, id); err != nil {
		return err
	}
	state := w.state()
	if state.Exists && !state.Erased && state.RequestedBy == w.caller.User {
		w.ask = askOf(state.Started)
		w.began = w.stream.Events[0].At
		if ask.Draft != nil {
			w.config = *ask.Draft
			return nil
		}
		w.config, err = w.configThen(ctx, org, state.Started)
		return err
	}
	var version int
	if version, w.config, err = w.configNow(ctx, org, ask); err != nil {
		return err
	}
	if err := checkFiles(ctx, w.tickets.files, org, w.caller.Actor, ask.Files); err != nil {
		return err
	}
	w.stream, err = w.runs.Create(ctx, w.request, id, agentrun.Start{
		Agent: ask.Agent, ConfigVersion: version, Purpose: ask.Purpose, Input: ask.input(), Files: ask.Files, Ticket: ask.Ticket, Thread: ask.Thread,
		Message: ask.Message, For: w.caller.User, By: w.request.By,
	})
	if err == nil {
		w.began = w.stream.Events[0].At
	}
	return err
}

// configNow answers what the run goes by, whatever is changed while it runs.
func (a Agents) configNow(ctx context.Context, org domain.OrgID, ask Ask) (int, agentconfig.Config, error) {
	if ask.Draft != nil {
		return 0, *ask.Draft, ask.Draft.Check()
	}
	version, config, err := a.settings.Find(ctx, org, ask.Agent)
	if err != nil {
		return 0, config, fmt.Errorf("find the configuration of %s: %w", ask.Agent, err)
	}
	return version, config, nil
}

// errOutOfTime is the cause of a run that took too long.
var errOutOfTime = errors.New("the run is out of time")

// goOn brings a run to its end, wherever it stands. One that the program's own end interrupts stays as it is, to be taken up
// again.
func (a Agents) goOn(ctx context.Context, w *agentWork) (Outcome, error) {
	if out, err, over := w.earlier(); over {
		return out, err
	}
	bounded, cancel := context.WithTimeoutCause(ctx, time.Duration(w.config.Timeout)*time.Second, errOutOfTime)
	defer cancel()
	defer w.close()
	out, err := w.do(bounded)
	switch {
	case err == nil:
		return out, w.complete(context.WithoutCancel(ctx), out)
	case ctx.Err() != nil:
		return Outcome{}, ctx.Err()
	}
	return Outcome{}, w.fail(context.WithoutCancel(ctx), errors.Is(context.Cause(bounded), errOutOfTime), err)
}
