package ws

import (
	"context"
	"errors"
	"maps"
	"runtime/debug"
	"time"
)

// The protocols a message can belong to.
const (
	system = "system"
	ticket = "ticket"
	file   = "file"
	chat   = "chat"
)

// handler is what one type of message needs and does. It answers by itself, because some answers must be given while
// the socket's lane stands still; an error becomes the answer.
type handler struct {
	protocol string
	needs    []string
	handle   func(ctx context.Context, k *socket, r request) error
}

// protocols is every message a client may send: those about the whole, and those about each noun.
func (s *Server) protocols() map[string]handler {
	all := map[string]handler{
		"authenticate":    {system, []string{"token"}, s.handleAuthenticate},
		"ping":            {system, nil, s.handlePing},
		"pong":            {system, nil, s.handlePong},
		"resume":          {system, []string{"after"}, s.handleResume},
		"subscribe_all":   {system, nil, s.handleSubscribeAll},
		"unsubscribe_all": {system, nil, s.handleUnsubscribeAll},
	}
	for _, n := range s.nouns {
		maps.Copy(all, n.handlers())
	}
	return all
}

// receive handles one message; text is nil when it was binary.
func (s *Server) receive(k *socket, text []byte) {
	if k.fate.Load() != nil {
		return
	}
	s.counters.received.Add(1)
	if !k.rate.allow(time.Now()) {
		k.shut(fate{codeChatty, "too many messages in a minute"})
		return
	}
	aside(func() {
		defer s.survive(k)
		ctx, cancel := context.WithTimeout(s.base, s.times.handleFor) // not of k.ctx: what a parent remembers stays in memory
		defer cancel()
		s.handle(ctx, k, text)
	})
}

func (s *Server) handle(ctx context.Context, k *socket, text []byte) {
	r, err := parse(text)
	if k.caller.Load() == nil && (err != nil || r.kind != "authenticate") {
		k.shut(fate{codeToken, "the first message must authenticate"})
		return
	}
	if err != nil {
		k.refuse(ctx, r, system, err)
		return
	}
	h, known := s.handlers[r.kind]
	if !known {
		k.refuse(ctx, r, system, refusal("Unknown message type: "+short(r.kind)))
		return
	}
	if absentees := r.lacks(h.needs); len(absentees) > 0 {
		err = missing(absentees...)
	} else {
		err = h.handle(ctx, k, r)
	}
	if err != nil {
		k.refuse(ctx, r, h.protocol, err)
	}
}

// aside runs f on a stack of its own and waits for it. The stack of a socket's reader would grow once and for ever, 4 KB
// for each of ten thousand sockets.
func aside(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// survive keeps a fault in one message from ending the process: no net/http stands above this goroutine any more.
func (s *Server) survive(k *socket) {
	if fault := recover(); fault != nil {
		s.log.ErrorContext(k.ctx, "a socket's message made the server panic", "connection", k.id, "cause", fault, "stack", string(debug.Stack()))
		k.shut(broken)
	}
}

// answer tells the client what came of its request.
func (k *socket) answer(r request, kind, protocol string, data any) {
	k.say(envelope{Type: kind, Protocol: protocol, Success: true, Data: data, RequestID: r.id})
}

// refuse tells the client why not. An internal error is logged and not told. Who never proved who they are is not
// spoken to: a bad first token closes.
func (k *socket) refuse(ctx context.Context, r request, protocol string, err error) {
	if k.caller.Load() == nil {
		if _, plain := errors.AsType[refusal](err); plain {
			k.shut(fate{codeToken, "the first message must authenticate"})
		} else {
			k.shut(k.server.fateOf(ctx, err))
		}
		return
	}
	text, told := sentence(err)
	if !told && k.ctx.Err() == nil {
		k.server.log.ErrorContext(ctx, "a socket's message could not be handled", "connection", k.id, "type", r.kind, "cause", err)
	}
	k.say(envelope{Type: "error", Protocol: protocol, Data: nothing, Error: text, RequestID: r.id})
}

func short(s string) string {
	const most = 64
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}
