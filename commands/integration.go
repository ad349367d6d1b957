package commands

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/integration"
	"ticketd/eventstore"
)

// IntegrationParts are what Integrations work with.
type IntegrationParts struct {
	Vault     Vault
	Consents  Consents
	Checks    CheckTimes
	Roles     Roles
	Platforms map[integration.Platform]Platform
	Now       func() time.Time
	Logger    *slog.Logger
	Address   string // where vendors find the program, without a slash at the end; empty: nobody knows

	// HearAll has every ticket of an account asked for, a while later: nobody says which of them have changed there.
	HearAll func(ctx context.Context, a AccountRef, later time.Duration) error
}

// Integrations answers commands to connections with vendors, and lets them be used.
type Integrations struct {
	handler Handler[integration.State, integration.Command, integration.Event]
	IntegrationParts
}

// NewIntegrations ties the integration decider to the log, and to where credentials are kept.
func NewIntegrations(log eventstore.Log, parts IntegrationParts) Integrations {
	return Integrations{handler: NewHandler(log, integration.Decider), IntegrationParts: parts}
}

// Find answers where an integration stands. integration.ErrNotFound when there is none in the organization, or none any more.
func (i Integrations) Find(ctx context.Context, org domain.OrgID, id uuid.UUID) (integration.State, error) {
	state, err := i.handler.State(ctx, org, id)
	if err == nil && (!state.Exists || state.Disconnected) {
		err = integration.ErrNotFound
	}
	return state, err
}

// Connect makes an integration; a repeated one answers what the first one made. Credentials that are empty count as not given.
//
// The credentials are kept before the event is written: who sees the integration can use it. What a program that ends in between
// leaves behind belongs to nothing, and is swept. Errors: domain.ErrForbidden, integration.ErrInvalid, integration.ErrExists, ErrBusy.
func (i Integrations) Connect(ctx context.Context, r Request, id uuid.UUID, cmd integration.Connect, credentials map[string]string) (eventstore.Stream, error) {
	given, _, err := split(credentials)
	if err != nil {
		return eventstore.Stream{}, err
	}
	cmd.ID, cmd.Credentials, cmd.By = id, slices.Collect(maps.Keys(given)), r.By
	stream, err := i.handler.load(ctx, r.Org, id)
	if err != nil {
		return stream, err
	}
	write, err := i.decide(ctx, r, stream, cmd)
	if err != nil || len(write.Events) == 0 {
		return stream, err
	}
	if _, err := i.platform(cmd.Platform); err != nil {
		return stream, err
	}
	switch same, err := i.Vault.Put(ctx, r.Org, id, given); {
	case err != nil:
		return stream, err
	case !same:
		return stream, integration.ErrExists
	}
	return i.handle(ctx, r, id, cmd)
}

// Change changes what the command and the credentials bring, all of it or nothing. A credential that is empty is taken away. New
// ones are kept before the event is written, so that nobody uses the old ones when it is told. Errors: integration.ErrNotFound,
// domain.ErrForbidden, integration.ErrInvalid, ErrStale, ErrBusy.
func (i Integrations) Change(ctx context.Context, r Request, id uuid.UUID, cmd integration.Change, credentials map[string]string) (eventstore.Stream, error) {
	cmd.ID, cmd.By = id, r.By
	state, err := i.handler.State(ctx, r.Org, id)
	if err != nil {
		return eventstore.Stream{}, err
	}
	keep := Credentials.with
	if r.By.Can(domain.ManageIntegrations) && state.Exists && cmd.Moves(state) {
		if credentials, err = anew(state, credentials); err != nil {
			return eventstore.Stream{}, err
		}
		keep = Credentials.without
	}
	return i.replace(ctx, r, id, credentials, keep, cmd)
}

// anew answers the credentials for another address, which is told none of those that were given for the one before: else whoever
// may change an integration could have them sent to themselves. What is not given anew is taken away.
func anew(s integration.State, credentials map[string]string) (map[string]string, error) {
	all := map[string]string{}
	maps.Copy(all, credentials)
	for _, field := range s.Platform.Credentials(s.AuthType) {
		switch {
		case all[field.Name] != "":
		case field.Required:
			return nil, integration.ErrInvalid.On("credentials", fmt.Sprintf("Another address needs the credentials anew; %s is missing.", field.Name))
		case slices.Contains(s.Credentials, field.Name):
			all[field.Name] = ""
		}
	}
	return all, nil
}

// ReplaceCredentials is Change of credentials alone.
func (i Integrations) ReplaceCredentials(ctx context.Context, r Request, id uuid.UUID, credentials map[string]string) (eventstore.Stream, error) {
	return i.replace(ctx, r, id, credentials, Credentials.with)
}

// keeping answers what becomes of the credentials by what a person gave and took away.
type keeping func(held Credentials, given map[string]string, removed []string) *Credentials

func (i Integrations) replace(ctx context.Context, r Request, id uuid.UUID, credentials map[string]string, keep keeping, cmds ...integration.Command) (eventstore.Stream, error) {
	given, removed, err := split(credentials)
	if err != nil {
		return eventstore.Stream{}, err
	}
	if len(cmds) > 0 && len(credentials) == 0 {
		return i.handle(ctx, r, id, cmds...)
	}
	cmds = append(cmds, integration.SetCredentials{Fields: slices.Collect(maps.Keys(given)), Removed: removed, By: r.By})
	stream, err := i.handler.load(ctx, r.Org, id)
	if err != nil {
		return stream, err
	}
	if _, err := i.decide(ctx, r, stream, cmds...); err != nil { // nothing is kept of what would be refused
		return stream, err
	}
	if _, err := i.Vault.Change(ctx, r.Org, id, func(_ context.Context, held Credentials) (*Credentials, error) {
		return keep(held, given, removed), nil
	}); err != nil {
		return stream, err
	}
	return i.handle(ctx, r, id, cmds...)
}

// SetStatus enables or disables an integration. Errors: integration.ErrNotFound, domain.ErrForbidden, integration.ErrInvalid, ErrStale, ErrBusy.
func (i Integrations) SetStatus(ctx context.Context, r Request, id uuid.UUID, enabled bool, reason string) (eventstore.Stream, error) {
	reason = strings.TrimSpace(reason)
	if enabled {
		return i.handle(ctx, r, id, integration.Enable{Reason: reason, By: r.By})
	}
	return i.handle(ctx, r, id, integration.Disable{Reason: reason, By: r.By})
}

// Note has an integration take what the program itself found out about it: NoteCheck, NoteSync, Suspend, Enable by domain.System.
// Errors: integration.ErrNotFound, ErrBusy.
func (i Integrations) Note(ctx context.Context, r Request, id uuid.UUID, cmd integration.Command) error {
	_, err := i.handle(ctx, r, id, cmd)
	return err
}

// Disconnect ends an integration and destroys its credentials. Errors: integration.ErrNotFound, domain.ErrForbidden, ErrStale, ErrBusy.
func (i Integrations) Disconnect(ctx context.Context, r Request, id uuid.UUID) (eventstore.Stream, error) {
	stream, err := i.handle(ctx, r, id, integration.Disconnect{By: r.By})
	if err != nil {
		return stream, err
	}
	return stream, i.Vault.Destroy(ctx, r.Org, id)
}

func (i Integrations) handle(ctx context.Context, r Request, id uuid.UUID, cmds ...integration.Command) (eventstore.Stream, error) {
	streams, err := Together(ctx, i.handler.log, r, fmt.Sprintf("%T", cmds[0]), func() ([]eventstore.Write, error) {
		stream, err := i.handler.load(ctx, r.Org, id)
		if err != nil {
			return nil, err
		}
		write, err := i.decide(ctx, r, stream, cmds...)
		return []eventstore.Write{write}, err
	})
	if err != nil {
		return eventstore.Stream{}, err
	}
	return streams[0], nil
}

// decide answers what several commands cause, one after the other.
func (i Integrations) decide(ctx context.Context, r Request, stream eventstore.Stream, cmds ...integration.Command) (eventstore.Write, error) {
	write, state := eventstore.Write{Stream: stream}, i.handler.Fold(stream)
	var err error
	for _, cmd := range cmds {
		var events []integration.Event
		if events, err = integration.Decide(state, cmd); err != nil {
			break
		}
		state = integration.Decider.Fold(state, events...)
		for _, e := range events {
			write.Events = append(write.Events, e)
			if err = i.checkFallback(ctx, r.Org, e); err != nil {
				break
			}
		}
	}
	if stale(r, write, err) {
		err = ErrStale
	}
	return write, err
}

// checkFallback refuses integrations that are not there.
func (i Integrations) checkFallback(ctx context.Context, org domain.OrgID, e integration.Event) error {
	var ids []uuid.UUID
	switch e := e.(type) { //nolint:gochecksumtype // the others name no integration
	case integration.Connected:
		ids = e.Config.Fallback
	case integration.Changed:
		if e.Fallback != nil {
			ids = *e.Fallback
		}
	}
	for _, id := range ids {
		state, err := i.handler.State(ctx, org, id)
		if err != nil {
			return err
		}
		if !state.Exists || state.Disconnected {
			return integration.ErrInvalid.On("fallback_integration_ids", fmt.Sprintf("There is no integration %s to fall back on.", id))
		}
	}
	return nil
}

// platform answers who speaks a vendor's language.
func (i Integrations) platform(p integration.Platform) (Platform, error) {
	if speaker, ok := i.Platforms[p]; ok {
		return speaker, nil
	}
	return nil, integration.ErrInvalid.On("platform", fmt.Sprintf("This program was built without %s.", p.Name()))
}
