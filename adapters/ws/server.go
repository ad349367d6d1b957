// Package ws pushes what happened to browsers and programs over WebSockets. Every notice comes from the committed log
// and carries its position, so a client that comes back says how far it got and misses nothing.
//
// # Why
//
// melody broadcasts by walking every session, and drops a message without a word when a session's buffer is full. So
// topics are indexed here and what is queued is counted. A burst that a queue cannot take is read again from the log,
// the only buffer that never overflows; a client that takes nothing is disconnected with 4008 and can resume.
//
// A socket belongs to one lane. The lane's lock makes "subscribed at position 7" exact: every notice above 7 is routed
// to the socket, none up to 7 is. Replays and live notices meet without a gap or a double because of that alone.
//
// The request is detached from net/http before melody sees it: its buffers, its context and its token become garbage,
// which halves the memory of an idle connection.
//
// A refusal (a bad token, a foreign origin, too many sockets) is a close code after the upgrade, because a browser
// cannot see the status of a refused handshake.
package ws

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/gorilla/websocket"
	"github.com/olahol/melody"

	"ticketd/domain"
	"ticketd/eventstore"
	"ticketd/projections"
)

// Authenticator knows who a token stands for. A bad token is a *domain.Error of Kind Unauthenticated.
type Authenticator interface {
	Authenticate(ctx context.Context, bearer string) (domain.Caller, error)
}

// Notices turns events into what sockets are told about them. projections.Notices implements it.
type Notices interface {
	From(ctx context.Context, events []eventstore.Recorded) ([]projections.Notice, error)
}

// Config is what an operator may choose. Zero fields get the default.
type Config struct {
	ServerID          string   // tells instances apart in "connected"; made up when empty
	Origins           []string // browser origins that may connect, exactly as sent; "*" is all of them
	MessagesPerMinute int      // a client may send; 60
	MaxConnections    int      // on this instance; 20000
	MaxPerUser        int      // sockets of one person on this instance; 50
	MaxSubscriptions  int      // of one socket; 500
}

func (c Config) withDefaults() Config {
	c.ServerID = cmp.Or(c.ServerID, uuid.NewString())
	c.MessagesPerMinute = cmp.Or(c.MessagesPerMinute, 60)
	c.MaxConnections = cmp.Or(c.MaxConnections, 20000)
	c.MaxPerUser = cmp.Or(c.MaxPerUser, 50)
	c.MaxSubscriptions = cmp.Or(c.MaxSubscriptions, 500)
	return c
}

const (
	// maxMessage is the longest message a client may send, in bytes.
	maxMessage = 16 << 10
	// maxQueued is how many messages wait for a client before it counts as too slow.
	maxQueued = 64
	// closeFrames is room in melody's buffer beyond maxQueued, so that a close frame always fits.
	closeFrames = 4
	// maxRereads is how many pages of the log are read at a time for clients that resume.
	maxRereads = 16
)

// Server holds the open sockets of this instance.
type Server struct {
	config   Config
	times    times
	auth     Authenticator
	nouns    []noun // what clients follow one by one
	notices  Notices
	events   eventstore.Reader
	log      *slog.Logger
	handlers map[string]handler
	melody   *melody.Melody
	lanes    []*lane
	rereads  chan struct{} // holds one token a page being read for a resume
	counters counters

	running   atomic.Bool
	following chan struct{}   // closed when the log is being followed
	base      context.Context // of Run; every handler ends with it. Set before following is closed

	mu       sync.Mutex
	sockets  map[*socket]struct{}
	perUser  map[domain.UserID]int
	era      int  // of expulsions: a token judged in an older era is judged again
	turn     int  // which lane the next socket gets
	draining bool // no socket may come any more
	idle     chan struct{}
	stop     sync.Once
}

// New makes a server that needs Run to push, and Close to end.
func New(
	c Config, auth Authenticator, tickets Tickets, jobs Jobs, threads Threads, notices Notices, events eventstore.Reader, log *slog.Logger,
) *Server {
	return newServer(c, usualTimes, auth, tickets, jobs, threads, notices, events, log)
}

func newServer(
	c Config, t times, auth Authenticator, tickets Tickets, jobs Jobs, threads Threads, notices Notices, events eventstore.Reader, log *slog.Logger,
) *Server {
	s := &Server{
		config: c.withDefaults(), times: t, auth: auth, nouns: []noun{ticketNoun(tickets), jobNoun(jobs), threadNoun(threads)},
		notices: notices, events: events, log: log, rereads: make(chan struct{}, maxRereads), following: make(chan struct{}), idle: make(chan struct{}),
		sockets: map[*socket]struct{}{}, perUser: map[domain.UserID]int{},
	}
	for range runtime.GOMAXPROCS(0) {
		s.lanes = append(s.lanes, newLane())
	}
	s.handlers = s.protocols()
	s.melody = s.newMelody()
	return s
}

// newMelody tunes melody for many quiet connections: small read buffers, pooled write buffers, no compression.
func (s *Server) newMelody() *melody.Melody {
	m := melody.New()
	m.Config.MaxMessageSize = maxMessage
	m.Config.MessageBufferSize = maxQueued + closeFrames
	m.Config.WriteWait = s.times.writeWait
	m.Config.PingPeriod = s.times.pingEvery
	m.Config.PongWait = s.times.pongWait
	m.Upgrader = &websocket.Upgrader{
		HandshakeTimeout: s.times.writeWait,
		ReadBufferSize:   128,
		WriteBufferSize:  4096,
		WriteBufferPool:  &sync.Pool{},
		Subprotocols:     []string{bearer},
		CheckOrigin:      acceptEvery, // ServeHTTP has looked; a refusal is a close code
	}
	m.HandleConnect(func(line *melody.Session) { socketOf(line).connected(line) })
	m.HandleSentMessage(func(line *melody.Session, _ []byte) { socketOf(line).sent() })
	m.HandleMessage(func(line *melody.Session, text []byte) { s.receive(socketOf(line), text) })
	m.HandleMessageBinary(func(line *melody.Session, _ []byte) { s.receive(socketOf(line), nil) })
	m.HandleError(func(line *melody.Session, err error) {
		if errors.Is(err, melody.ErrMessageBufferFull) { // the count forbids it; a message lost in silence would be worse
			socketOf(line).shut(tooSlow)
		}
	})
	return m
}

// Connections is how many sockets are open.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sockets)
}

// Close tells every socket that the server restarts (1012) and returns when all are gone. When ctx ends first, it cuts
// those that are left and answers ctx's error.
func (s *Server) Close(ctx context.Context) error {
	s.drain()
	select {
	case <-s.idle:
	case <-ctx.Done():
		s.mu.Lock()
		for k := range s.sockets {
			k.wire.cut()
		}
		s.mu.Unlock()
		return ctx.Err()
	}
	s.stop.Do(func() { _ = s.melody.Close() }) // last: melody blocks for ever on a socket that comes or goes after it
	return nil
}

func (s *Server) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.draining {
		s.draining = true
		s.settle()
	}
	for k := range s.sockets {
		k.shut(restarting)
	}
}

// settle announces that a draining server has no sockets left. It needs s.mu.
func (s *Server) settle() {
	if s.draining && len(s.sockets) == 0 {
		select {
		case <-s.idle:
		default:
			close(s.idle)
		}
	}
}
