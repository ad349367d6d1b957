package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"ticketd/adapters/postgres"
)

// benchAgents measures what agents cost besides their model, which is a script in a process of its own: it answers at
// once, or slowly.
func benchAgents(ctx context.Context, l *lab, o options, out io.Writer) (err error) {
	w, err := l.openAgents(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	for _, part := range []func(context.Context, options, io.Writer) error{w.benchRuns, w.benchTools, w.benchManyRuns} {
		if err := part(ctx, o, out); err != nil {
			return err
		}
	}
	return nil
}

// agentsWorld is the real program, its tool server, and the model that it asks.
type agentsWorld struct {
	*world
	lab      *lab
	database string
	tools    string // the address of the tool server
	model    *server
	said     int // words that nobody had said before
}

func (l *lab) openAgents(ctx context.Context) (_ *agentsWorld, err error) {
	w := &agentsWorld{world: newWorld(), lab: l}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.database, err = l.database(ctx, "agents"); err != nil {
		return nil, err
	}
	if w.pool, err = postgres.Open(ctx, w.database); err != nil {
		return nil, err
	}
	if err := w.start(ctx, 0); err != nil {
		return nil, err
	}
	members, err := w.join(ctx, 1)
	if err != nil {
		return nil, err
	}
	w.member = members[0]
	return w, nil
}

// start starts a model that takes so long for an answer, and the program that asks it, in the place of those before.
func (w *agentsWorld) start(ctx context.Context, thinks time.Duration) error {
	if err := w.stop(); err != nil {
		return err
	}
	path, err := w.lab.build(ctx, "testmodel")
	if err != nil {
		return err
	}
	if w.model, err = w.lab.launch(ctx, "testmodel", func(address string) *exec.Cmd {
		return exec.CommandContext(ctx, path, "-addr", address, "-delay", thinks.String())
	}); err != nil {
		return err
	}
	config := filepath.Join(w.lab.dir, "agents.yaml")
	if err := os.WriteFile(config, []byte(everythingAsked), 0o600); err != nil {
		return err
	}
	if w.tools, err = freeAddress(ctx); err != nil {
		return err
	}
	w.real, err = w.lab.serve(ctx, "agents", w.database, "MCP_ADDR="+w.tools, "AI_CONFIG="+config, "RATE_LIMIT_AI=0", "OPENAI_API_KEY=any",
		"OPENAI_BASE_URL=http://"+w.model.address+"/v1", "ANTHROPIC_API_KEY=", "AZURE_OPENAI_API_KEY=")
	return err
}

// everythingAsked has the program ask the model whatever it wants to know, and answer nothing from its memory.
const everythingAsked = `
providers:
  - name: openai
    kind: openai
    timeout: 60s
    models:
      gpt-4o-mini: {input_usd: 0.15, output_usd: 0.60}
      gpt-4o: {input_usd: 2.50, output_usd: 10.00}
cache: 0s
`

// stop ends the program and its model, if there are any.
func (w *agentsWorld) stop() error {
	var errs []error
	for _, s := range []**server{&w.real, &w.model} {
		if *s != nil {
			errs = append(errs, (*s).stop())
			*s = nil
		}
	}
	return errors.Join(errs...)
}

func (w *agentsWorld) close() error { return errors.Join(w.stop(), w.world.close()) }

// words are some that nobody has said yet.
func (w *agentsWorld) words() string {
	w.said++
	return "Number " + strconv.Itoa(w.said) + ": " + comment
}
