package commands_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/login"
	"ticketd/domain/organization"
	"ticketd/domain/user"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
)

const password = "correct horse"

// quickHasher salts, like a real one, but takes no time.
type quickHasher struct{ hashed, verified *atomic.Int64 }

func (h quickHasher) Hash(_ context.Context, password string) (string, error) {
	return fmt.Sprintf("%d:%s", h.hashed.Add(1), password), nil
}

func (h quickHasher) Verify(_ context.Context, hash, password string) (bool, error) {
	h.verified.Add(1)
	_, of, ok := strings.Cut(hash, ":")
	return ok && of == password, nil
}

var errBroken = errors.New("out of order")

type brokenHasher struct{ quickHasher }

func (brokenHasher) Hash(context.Context, string) (string, error) { return "", errBroken }

type brokenVerifier struct{ quickHasher }

func (brokenVerifier) Verify(context.Context, string, string) (bool, error) { return false, errBroken }

// plainLogins needs no key.
type plainLogins struct{}

func (plainLogins) StreamID(name string) uuid.UUID { return uuid.NewSHA1(uuid.Nil, []byte(name)) }

// meetingLog holds back the first appends until as many as are awaited have been decided on the same streams.
type meetingLog struct {
	eventstore.Log
	mu      sync.Mutex
	awaited int
	met     chan struct{}
}

func meet(log eventstore.Log, awaited int) *meetingLog {
	return &meetingLog{Log: log, awaited: awaited, met: make(chan struct{})}
}

func (l *meetingLog) Append(ctx context.Context, m eventstore.Metadata, writes ...eventstore.Write) ([]eventstore.Stream, error) {
	l.mu.Lock()
	if l.awaited--; l.awaited == 0 {
		close(l.met)
	}
	l.mu.Unlock()
	select {
	case <-l.met:
	case <-time.After(5 * time.Second): // somebody was refused before they came here: fail rather than hang
		return nil, errBroken
	}
	return l.Log.Append(ctx, m, writes...)
}

// failingLog fails to load after some loads, or to append.
type failingLog struct {
	eventstore.Log
	loads      *atomic.Int64
	failAppend bool
}

func (l failingLog) Load(ctx context.Context, org, stream uuid.UUID) (eventstore.Stream, error) {
	if l.loads.Add(-1) < 0 {
		return eventstore.Stream{}, errBroken
	}
	return l.Log.Load(ctx, org, stream)
}

func (l failingLog) Append(ctx context.Context, m eventstore.Metadata, writes ...eventstore.Write) ([]eventstore.Stream, error) {
	if l.failAppend {
		return nil, errBroken
	}
	return l.Log.Append(ctx, m, writes...)
}

// plainSecrets has no key.
type plainSecrets struct{}

func (plainSecrets) Secret(words ...string) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q", words))
}

// town is a log with people in it, and a clock that only a test moves.
type town struct {
	*testing.T
	commands.Accounts
	log    *eventstore.Memory
	hasher quickHasher
	clock  *atomic.Int64
}

func newTown(t *testing.T) town {
	t.Helper()
	w := town{
		T: t, log: eventstore.NewMemory(catalog.Codec), hasher: quickHasher{new(atomic.Int64), new(atomic.Int64)}, clock: new(atomic.Int64),
	}
	w.clock.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixNano())
	w.Accounts = w.over(w.log)
	return w
}

func (w town) over(log eventstore.Log) commands.Accounts { return w.with(log, w.hasher) }

func (w town) with(log eventstore.Log, passwords commands.Passwords) commands.Accounts {
	return commands.NewAccounts(log, passwords, plainLogins{}, plainSecrets{}, "Development", w.now)
}

func (w town) now() time.Time { return time.Unix(0, w.clock.Load()) }

func (w town) pass(d time.Duration) { w.clock.Add(int64(d)) }

// someone is a person with a request to make.
type someone struct {
	id   domain.UserID
	org  domain.OrgID
	role domain.Role
}

func (p someone) request() commands.Request {
	return commands.Request{Org: p.org, By: domain.Actor{Type: domain.ByUser, ID: p.id.UUID, User: p.id, Role: p.role}, Correlation: "c"}
}

func newUserID() domain.UserID { return domain.UserID{UUID: commands.NewID()} }

func (w town) register(username, email string) someone {
	w.Helper()
	stream, err := w.Register(w.Context(), commands.Request{}, commands.Registration{
		UserID: newUserID(), Username: username, Email: email, Password: password,
	})
	require.NoError(w, err)
	return someone{id: domain.UserID{UUID: stream.ID}, org: domain.OrgID{UUID: stream.Org}, role: domain.Admin}
}

// join makes a member by an invitation.
func (w town) join(by someone, username string, role domain.Role) someone {
	w.Helper()
	token, _, err := w.Invite(w.Context(), by.request(), newUserID(), username+"@example.org", role)
	require.NoError(w, err)
	stream, err := w.AcceptInvitation(w.Context(), commands.Request{}, token, commands.Joining{Username: username, Password: password})
	require.NoError(w, err)
	return someone{id: domain.UserID{UUID: stream.ID}, org: by.org, role: role}
}

func (w town) user(p someone) user.State {
	w.Helper()
	return stateOf(w, commands.NewHandler(w.log, user.Decider), p.org, p.id.UUID)
}

func (w town) organization(id domain.OrgID) organization.State {
	w.Helper()
	return stateOf(w, commands.NewHandler(w.log, organization.Decider), id, id.UUID)
}

// owner answers whose a normalized name is.
func (w town) owner(name string) domain.UserID {
	w.Helper()
	return stateOf(w, commands.NewHandler(w.log, login.Decider), domain.DirectoryOrg, plainLogins{}.StreamID(name)).Owner
}

func stateOf[S, C, E any](w town, h commands.Handler[S, C, E], org domain.OrgID, id uuid.UUID) S {
	w.Helper()
	state, err := h.State(w.Context(), org, id)
	require.NoError(w, err)
	return state
}

func (w town) admins(org domain.OrgID) []domain.UserID {
	w.Helper()
	var list []domain.UserID
	for id := range w.organization(org).Admins {
		list = append(list, id)
	}
	return list
}

func (w town) head() int64 {
	w.Helper()
	head, err := w.log.Head(w.Context())
	require.NoError(w, err)
	return head
}

// requireField asserts a refusal and the field it names.
func requireField(tb testing.TB, err error, refusal *domain.Error, field string) {
	tb.Helper()
	require.ErrorIs(tb, err, refusal)
	actual, ok := errors.AsType[*domain.Error](err)
	require.True(tb, ok)
	require.Equal(tb, field, actual.Field)
}
