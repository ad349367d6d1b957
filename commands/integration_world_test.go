package commands_test

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
)

// board is an organization with a vendor whose tokens the test makes good or bad, a vault in memory and people who may.
type board struct {
	*testing.T
	log    *eventstore.Memory
	lines  *bytes.Buffer
	org    domain.OrgID
	ann    domain.Actor
	now    time.Time
	vault  *strongbox
	vendor *tokenVendor
	desk   commands.Integrations

	role    domain.Role // of ann, when she comes back from the vendor
	active  bool
	pending map[string]commands.PendingConsent
	checked map[uuid.UUID]time.Time
	broken  error // what everything beside the log answers

	stateSent string // to the vendor, the last time
}

func newBoard(t *testing.T) *board {
	t.Helper()
	ann := newUserID()
	b := &board{
		T: t, log: eventstore.NewMemory(catalog.Codec), lines: &bytes.Buffer{}, org: domain.OrgID{UUID: commands.NewID()}, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		ann:   domain.Actor{Type: domain.ByUser, ID: ann.UUID, User: ann, Role: domain.Admin},
		vault: &strongbox{held: map[uuid.UUID]commands.Credentials{}}, vendor: &tokenVendor{good: map[string]bool{}}, role: domain.Admin, active: true,
		pending: map[string]commands.PendingConsent{}, checked: map[uuid.UUID]time.Time{},
	}
	b.desk = commands.NewIntegrations(b.log, commands.IntegrationParts{
		Vault: b.vault, Consents: b, Checks: b, Roles: b, Platforms: map[integration.Platform]commands.Platform{integration.Jira: b.vendor, integration.GitHub: b.vendor},
		Now: func() time.Time { return b.now }, Logger: slog.New(slog.NewTextHandler(b.lines, nil)),
	})
	return b
}

func (b *board) request() commands.Request {
	return commands.Request{Org: b.org, By: b.ann, Correlation: "req-1", Causation: "req-1"}
}

func jira(auth integration.AuthType) integration.Connect {
	return integration.Connect{Platform: integration.Jira, AuthType: auth, Config: integration.Config{Name: "Board", Settings: map[string]string{"project_key": "OPS"}, SyncEnabled: true}}
}

// byKey connects with an API token, which cannot be renewed.
func (b *board) byKey() uuid.UUID {
	b.Helper()
	id := commands.NewID()
	_, err := b.desk.Connect(b.Context(), b.request(), id, jira(integration.APIKey), map[string]string{"email": "ann@example.org", "api_token": "key-secret-1"})
	require.NoError(b, err)
	b.vendor.allow("key-secret-1")
	return id
}

// byConsent connects with a refresh token that is good for one access token.
func (b *board) byConsent() uuid.UUID {
	b.Helper()
	id := commands.NewID()
	_, err := b.desk.Connect(b.Context(), b.request(), id, jira(integration.OAuth2), map[string]string{"client_id": "client", "client_secret": "client-secret", "refresh_token": "refresh-secret-0"})
	require.NoError(b, err)
	return id
}

func (b *board) state(id uuid.UUID) integration.State {
	b.Helper()
	stream, err := b.log.Load(b.Context(), b.org.UUID, id)
	require.NoError(b, err)
	var s integration.State
	for _, r := range stream.Events {
		e, ok := r.Event.(integration.Event)
		require.True(b, ok)
		s = integration.Evolve(s, e)
	}
	return s
}

// Role implements commands.Roles.
func (b *board) Role(_ context.Context, org domain.OrgID, user domain.UserID) (domain.Role, bool, error) {
	require.Equal(b, b.org, org)
	require.Equal(b, b.ann.User, user)
	return b.role, b.active, b.broken
}

// Begin implements commands.Consents.
func (b *board) Begin(_ context.Context, c commands.PendingConsent) error {
	b.pending[c.StateHash] = c
	return b.broken
}

// Take implements commands.Consents.
func (b *board) Take(_ context.Context, stateHash string, now time.Time) (commands.PendingConsent, bool, error) {
	c, ok := b.pending[stateHash]
	delete(b.pending, stateHash)
	return c, ok && now.Before(c.Ends), b.broken
}

// Checked implements commands.CheckTimes.
func (b *board) Checked(_ context.Context, org domain.OrgID, id uuid.UUID, at time.Time) error {
	require.Equal(b, b.org, org)
	b.checked[id] = at
	return b.broken
}

// strongbox is a vault in memory.
type strongbox struct {
	mu     sync.Mutex
	held   map[uuid.UUID]commands.Credentials
	broken error
	before func() // runs before a change that is about to be made
	turns  error  // of renewals; nil: they come
}

// Put implements commands.Vault.
func (s *strongbox) Put(_ context.Context, _ domain.OrgID, id uuid.UUID, fields map[string]string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if held, ok := s.held[id]; ok {
		return maps.Equal(held.Fields, fields), s.broken
	}
	s.held[id] = commands.Credentials{Fields: maps.Clone(fields), Revision: 1}
	return true, s.broken
}

// Read implements commands.Vault.
func (s *strongbox) Read(_ context.Context, _ domain.OrgID, id uuid.UUID) (commands.Credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held, ok := s.held[id]
	if !ok {
		return held, commands.ErrNoCredentials
	}
	return held, s.broken
}

// Change implements commands.Vault.
func (s *strongbox) Change(ctx context.Context, _ domain.OrgID, id uuid.UUID, change func(context.Context, commands.Credentials) (*commands.Credentials, error)) (commands.Credentials, error) {
	if s.before != nil {
		s.before()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	held, ok := s.held[id]
	if !ok {
		return held, commands.ErrNoCredentials
	}
	next, err := change(ctx, held)
	if err != nil || next == nil {
		return held, err
	}
	next.Revision = held.Revision + 1
	s.held[id] = *next
	return *next, s.broken
}

// Renew implements commands.Vault.
func (s *strongbox) Renew(ctx context.Context, org domain.OrgID, id uuid.UUID, _ integration.Platform, change func(context.Context, commands.Credentials) (*commands.Credentials, error)) (commands.Credentials, error) {
	if s.turns != nil {
		return commands.Credentials{}, s.turns
	}
	return s.Change(ctx, org, id, change)
}

// Destroy implements commands.Vault.
func (s *strongbox) Destroy(_ context.Context, _ domain.OrgID, id uuid.UUID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, id)
	return s.broken
}

// tokenVendor takes the tokens that it is told to take.
type tokenVendor struct {
	mu      sync.Mutex
	good    map[string]bool
	renewed int                                                       // how often it was asked for new credentials
	renew   func(a commands.Account, n int) (commands.Renewal, error) // nil: there is nothing to renew
	check   func() error                                              // what a check finds with a token that is taken
	code    func(code string, c commands.Consent) (commands.Renewal, error)
	seen    []commands.Account
}

func (v *tokenVendor) allow(token string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.good[token] = true
}

func (v *tokenVendor) forbid(token string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.good, token)
}

// Open implements commands.Platform.
func (v *tokenVendor) Open(a commands.Account) commands.Connection {
	return &tokenLine{vendor: v, account: a}
}

// Verify implements commands.Platform.
func (*tokenVendor) Verify(commands.Account, commands.Webhook) error { return commands.ErrUnsigned }

// Hear implements commands.Platform.
func (*tokenVendor) Hear(commands.Account, commands.Webhook) (commands.Heard, error) {
	return commands.Heard{}, commands.ErrNotUnderstood
}

// Consent implements commands.Platform.
func (*tokenVendor) Consent(_ commands.Account, c commands.Consent) (string, error) {
	if c.Redirect == "" {
		return "", commands.ErrNoConsent
	}
	return "https://vendor.test/consent?state=" + c.State + "&redirect_uri=" + c.Redirect, nil
}

// Exchange implements commands.Platform.
func (v *tokenVendor) Exchange(_ context.Context, _ commands.Account, code string, c commands.Consent) (commands.Renewal, error) {
	return v.code(code, c)
}

// Renew implements commands.Platform.
func (v *tokenVendor) Renew(_ context.Context, a commands.Account) (commands.Renewal, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.renewed++
	if v.renew == nil {
		return commands.Renewal{}, &commands.VendorError{Kind: commands.Revoked, Message: "Nothing renews " + a.Credentials["api_token"] + "."}
	}
	return v.renew(a, v.renewed)
}

// tokenLine is a connection; only its check is used.
type tokenLine struct {
	commands.Connection
	vendor  *tokenVendor
	account commands.Account
}

func (l *tokenLine) token() string {
	if token := l.account.Credentials[commands.AccessToken]; token != "" {
		return token
	}
	return l.account.Credentials["api_token"]
}

// Check implements commands.Connection.
func (l *tokenLine) Check(context.Context) error {
	l.vendor.mu.Lock()
	defer l.vendor.mu.Unlock()
	l.vendor.seen = append(l.vendor.seen, l.account)
	if !l.vendor.good[l.token()] {
		return &commands.VendorError{Kind: commands.Unauthorized, Message: "The token " + l.token() + " is not known."}
	}
	if l.vendor.check != nil {
		return l.vendor.check()
	}
	return nil
}
