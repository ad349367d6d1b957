package commands

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"ticketd/domain"
	"ticketd/domain/agentrun"
)

// createTicket is the tool that makes a ticket.
const createTicket = "create_ticket"

// makers are the tools that make a ticket, there or elsewhere as well.
var makers = []string{createTicket, "create_integration_ticket"}

// mostNoted is how many characters of a tool's result a run keeps; all of it has its hash.
const mostNoted = 2000

// called is what one call of a turn came to.
type called struct {
	result ToolResult
	took   time.Duration
	err    error
}

// callAll does what the model wants done: what only reads side by side, what writes in order, and each is noted before the
// next that writes begins. A tool that does not exist, arguments that make no sense and whatever a tool refuses go back to
// the model.
func (w *agentWork) callAll(ctx context.Context, turn int, calls []ToolCall, known []Tool) ([]Turn, error) {
	var turns []Turn
	for len(calls) > 0 {
		together := 1
		for reads(known, calls[0].Name) && together < len(calls) && reads(known, calls[together].Name) {
			together++
		}
		results := make([]called, together)
		var working sync.WaitGroup
		for i, call := range calls[:together] {
			working.Go(func() { results[i] = w.callKnown(ctx, call, known) })
		}
		working.Wait()
		for i, call := range calls[:together] {
			if results[i].err != nil {
				return nil, results[i].err
			}
			if err := w.noteCall(ctx, turn, call, results[i]); err != nil {
				return nil, err
			}
			turns = append(turns, Turn{Role: ToolTurn, CallID: call.ID, Text: w.veil.fenceResult(call.Name, results[i].result.Content, fileCharacters)})
		}
		calls = calls[together:]
	}
	return turns, nil
}

func reads(known []Tool, name string) bool {
	return slices.ContainsFunc(known, func(t Tool) bool { return t.Name == name && t.ReadOnly })
}

// callKnown calls a tool unless that makes no sense.
func (w *agentWork) callKnown(ctx context.Context, call ToolCall, known []Tool) called {
	var object map[string]any
	switch {
	case !slices.ContainsFunc(known, func(t Tool) bool { return t.Name == call.Name }):
		return called{result: ToolResult{Failed: true, Content: fmt.Sprintf("There is no tool %q.", call.Name)}}
	case json.Unmarshal([]byte(call.Arguments), &object) != nil || object == nil:
		return called{result: ToolResult{Failed: true, Content: "The arguments are no JSON object."}}
	}
	if made, is := w.madeBefore(call); is {
		return called{result: made}
	}
	return w.callOnce(ctx, call)
}

// madeBefore answers a call for another ticket with the one that the run is there to make, once that is made.
func (w *agentWork) madeBefore(call ToolCall) (ToolResult, bool) {
	if w.ask.Purpose != agentrun.CreateTicket || !slices.Contains(makers, call.Name) {
		return ToolResult{}, false
	}
	id, made := w.made()
	_, byThis := w.state().Called[call.ID]
	return ToolResult{Failed: true, Content: fmt.Sprintf("The ticket of this request is made already: %s. There is one a request.", id)}, made && !byThis
}

// callOnce calls a tool, unless the run has done so before.
func (w *agentWork) callOnce(ctx context.Context, call ToolCall) called {
	if before, again := w.state().Called[call.ID]; again {
		return called{result: ToolResult{Content: before.Result, Failed: before.Failed}}
	}
	began := w.clock()
	result, err := w.tools.Call(ctx, call.Name, json.RawMessage(call.Arguments), w.stream.ID.String()+"/"+call.ID)
	return called{result: result, took: w.clock().Sub(began), err: err}
}

func (w *agentWork) noteCall(ctx context.Context, turn int, call ToolCall, c called) error {
	var fields map[string]any
	if json.Unmarshal([]byte(call.Arguments), &fields) != nil || domain.Unstorable(fields) != "" { // models err
		fields = map[string]any{"unreadable": len(call.Arguments)}
	}
	hash := sha256.Sum256([]byte(c.result.Content))
	return w.note(ctx, agentrun.ToolCalled{
		Turn: turn, CallID: call.ID, Tool: call.Name, Arguments: fields, Result: beginning(c.result.Content, mostNoted), ResultHash: hex.EncodeToString(hash[:]),
		Named: idsIn(beginning(c.result.Content, fileCharacters)), Failed: c.result.Failed, Millis: int(c.took.Milliseconds()),
	})
}

// beginning answers so many characters of a text that can be stored.
func beginning(text string, most int) string {
	text = storable(text)
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}
