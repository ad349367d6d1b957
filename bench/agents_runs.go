package main

import (
	"context"
	"io"
	"net/http"
	"time"
)

// benchRuns measures whole runs over REST, one at a time, beside the questions to the model alone.
func (w *agentsWorld) benchRuns(ctx context.Context, o options, out io.Writer) error {
	model, err := connect(ctx, w.model.address, "")
	if err != nil {
		return err
	}
	defer model.close()
	api, err := connect(ctx, w.real.address, w.member)
	if err != nil {
		return err
	}
	defer api.close()
	lines := []line{
		{what: "limit: one question to the model", op: func(context.Context) error {
			return model.do(http.MethodPost, "/v1/chat/completions", `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"`+w.words()+`"}]}`, http.StatusOK, nil)
		}},
		{what: "POST /agent/categorize: one turn, no tool", op: func(context.Context) error {
			return api.do(http.MethodPost, "/api/v1/agent/categorize", `{"description":"`+w.words()+`"}`, http.StatusOK, nil)
		}},
		{what: "POST /agent/create-ticket: two turns, a search and the ticket over MCP", op: func(context.Context) error {
			return api.do(http.MethodPost, "/api/v1/agent/create-ticket", `{"user_input":"`+w.words()+`"}`, http.StatusCreated, nil)
		}},
	}
	if err := inTurns(ctx, o, lines); err != nil {
		return err
	}
	results := newTable("run", "p50 ms:", "p99 ms:", "ours: p50 without the model, ms:", "target:")
	for i, line := range lines { // the model is asked once, once and twice
		own, target := "", ""
		if i > 0 {
			own, target = ms(line.of.p50()-time.Duration(i)*lines[0].of.p50()), "30"
		}
		results.add(line.what, ms(line.of.p50()), ms(line.of.p99()), own, target)
	}
	results.write(out, "Agents", "One run at a time; the model is a script that answers at once. Every turn and every call of a tool is an event of its own, appended before the next begins.")
	return nil
}
