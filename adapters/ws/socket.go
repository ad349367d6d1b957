package ws

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/olahol/melody"

	"ticketd/domain"
)

// The close codes of the contract.
const (
	codeToken   = 4001
	codeForeign = 4003
	codeSlow    = 4008
	codeCrowded = 4009
	codeChatty  = 4029
	codeBroken  = melody.CloseInternalServerErr
	codeRestart = melody.CloseServiceRestart
	codeLater   = melody.CloseTryAgainLater
)

// fate is why a socket is closed.
type fate struct {
	code   int
	reason string
}

var (
	tooSlow    = fate{codeSlow, "too slow; resume from your last position"}
	restarting = fate{codeRestart, "the server restarts; connect again"}
	later      = fate{codeLater, "not now; connect again"}
	broken     = fate{codeBroken, "something went wrong here; connect again"}
)

// socket is one open WebSocket.
type socket struct {
	server *Server
	id     uuid.UUID
	since  time.Time
	wire   *wire
	lane   *lane
	ctx    context.Context // ends with the socket
	cancel context.CancelFunc
	work   sync.WaitGroup // the replay, when there is one

	line     atomic.Pointer[melody.Session] // nil until the upgrade
	fate     atomic.Pointer[fate]           // nil while it may live
	caller   atomic.Pointer[domain.Caller]  // nil until authenticated
	deadline atomic.Int64                   // when to close it, in Unix nanoseconds; 0: never
	queued   atomic.Int32                   // messages that melody has not written yet
	room     chan struct{}                  // told when one more has been written
	rate     rate                           // only its reader looks at it
	nextPing time.Time                      // guarded by server.mu

	// Guarded by lane.mu.
	follows []follow
	replay  *replay // nil while notices are told live
	floor   int64   // the client has everything up to here, though this instance may be behind
}

// follow is a subscription, and the position from which on it has been served.
type follow struct {
	id   uuid.UUID // a ticket, a job, or everything
	from int64
}

const socketKey = "socket"

func socketOf(line *melody.Session) *socket {
	k, _ := line.Keys[socketKey].(*socket) // written once, before melody starts
	return k
}

func (k *socket) connected(line *melody.Session) {
	line.Request = nil // nobody needs it any more
	k.line.Store(line)
	if f := k.fate.Load(); f != nil {
		k.hangUp(line, *f)
	} else if k.caller.Load() != nil {
		aside(k.greet)
	}
}

// greet says from which position on a new subscription can tell.
func (k *socket) greet() {
	k.lane.mu.Lock()
	defer k.lane.mu.Unlock()
	k.say(envelope{Type: "connected", Protocol: system, Success: true, Data: map[string]any{
		"position": k.lane.position, "connection_id": k.id, "server_id": k.server.config.ServerID,
		"connected_at": stamp(k.since), "subscriptions": []string{},
	}})
}

// say sends a message that only this client gets.
func (k *socket) say(e envelope) {
	e.Timestamp = stamp(time.Now())
	text, err := e.encode()
	if err != nil {
		k.server.log.ErrorContext(k.ctx, "an answer cannot be written as JSON", "type", e.Type, "cause", err)
		k.shut(broken)
		return
	}
	k.send(text)
}

// send queues a message. It never blocks: a client with a full queue is too slow.
func (k *socket) send(text []byte) {
	line := k.line.Load()
	if line == nil || k.fate.Load() != nil {
		return
	}
	if k.queued.Add(1) > maxQueued {
		k.shut(tooSlow)
		return
	}
	_ = line.Write(text) // it fails only when the socket is gone
}

// sent is called when a message has been written.
func (k *socket) sent() {
	k.queued.Add(-1)
	k.server.counters.sent.Add(1)
	select {
	case k.room <- struct{}{}:
	default:
	}
}

// shut closes the socket, once, from any goroutine. It never blocks and takes no lock.
func (k *socket) shut(f fate) {
	if !k.fate.CompareAndSwap(nil, &f) {
		return
	}
	k.server.counters.closed(f.code)
	k.server.log.DebugContext(k.ctx, "a socket is closed", "connection", k.id, "code", f.code, "reason", f.reason)
	if line := k.line.Load(); line != nil {
		k.hangUp(line, f)
	}
}

// hangUp queues the close frame behind what the client has not read. When that takes too long the connection is cut.
func (k *socket) hangUp(line *melody.Session, f fate) {
	_ = line.CloseWithMsg(melody.FormatCloseMessage(f.code, f.reason))
	time.AfterFunc(k.server.times.closeWait, k.wire.cut)
}

// tell gives a live notice to the client, or keeps it while a replay runs. It needs lane.mu.
func (k *socket) tell(p packet) {
	switch {
	case p.Position <= k.floor || k.fate.Load() != nil || !p.VisibleTo(k.caller.Load().Actor):
	case k.replay != nil:
		k.replay.keep(p)
	case k.queued.Load() >= liveQueue: // a burst, or a slow client; awaitRoom will tell
		k.catchUp(&replay{held: []packet{p}, done: p.Position - 1}, round{})
	default:
		k.notify(p)
	}
}

func (k *socket) notify(p packet) {
	k.server.counters.notices.Add(1)
	k.send(p.text)
}

// subscribe and unsubscribe need lane.mu. Both may be repeated.
func (k *socket) subscribe(id uuid.UUID) error {
	if k.following(id) >= 0 {
		return nil
	}
	if len(k.follows) >= k.server.config.MaxSubscriptions {
		return refusal("Too many subscriptions on one connection; subscribe to all instead.")
	}
	k.follows = append(k.follows, follow{id, k.lane.position})
	k.lane.add(topic{k.caller.Load().Org.UUID, id}, k)
	return nil
}

func (k *socket) unsubscribe(id uuid.UUID) {
	if i := k.following(id); i >= 0 {
		k.follows = slices.Delete(k.follows, i, i+1)
		k.lane.remove(topic{k.caller.Load().Org.UUID, id}, k)
	}
}

func (k *socket) following(id uuid.UUID) int {
	return slices.IndexFunc(k.follows, func(f follow) bool { return f.id == id })
}
