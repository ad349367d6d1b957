package commands

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/integration"
)

// ConsentLife is how long a person has for a consent.
const ConsentLife = 10 * time.Minute

// Consents keeps the consents that are under way.
type Consents interface {
	// Begin keeps one. Only the hash of its state is kept, and its verifier is sealed.
	Begin(ctx context.Context, c PendingConsent) error

	// Take answers the one whose state has the hash, and removes it: nobody else gets it. false: there is none, or it was
	// too old at that time.
	Take(ctx context.Context, stateHash string, now time.Time) (PendingConsent, bool, error)
}

// PendingConsent is a person on the way to a vendor's page and back.
type PendingConsent struct {
	StateHash   string
	Org         domain.OrgID
	Integration uuid.UUID
	User        domain.UserID
	Verifier    string
	Redirect    string
	Ends        time.Time
}

// ErrConsentUnknown refuses whoever comes from a vendor without having been sent there, or comes again.
var ErrConsentUnknown = &domain.Error{Kind: domain.Invalid, Code: "consent_unknown", Message: "This consent was used, is too old, or was never asked for. Begin again."}

// Authorize answers the vendor's address where a person lets the program act for them, and until when it is good for anything. The
// vendor sends the person to redirect then. Errors: integration.ErrNotFound, domain.ErrForbidden, ErrNoConsent, ErrNoCredentials.
func (i Integrations) Authorize(ctx context.Context, r Request, id uuid.UUID, redirect string) (address string, ends time.Time, err error) {
	if err := i.mayManage(ctx, r, id); err != nil {
		return "", ends, err
	}
	v, err := i.visit(ctx, r.Org, id)
	if err != nil {
		return "", ends, err
	}
	if v.state.AuthType != integration.OAuth2 {
		return "", ends, ErrNoConsent
	}
	state, verifier := random(), random()
	c := Consent{State: text.EncodeToString(state[:]), Verifier: text.EncodeToString(verifier[:]), Redirect: redirect}
	if address, err = v.platform.Consent(v.account(v.held), c); err != nil {
		return "", ends, err
	}
	ends = i.Now().Add(ConsentLife)
	err = i.Consents.Begin(ctx, PendingConsent{
		StateHash: HashToken(c.State), Org: r.Org, Integration: id, User: r.By.User, Verifier: c.Verifier, Redirect: redirect, Ends: ends,
	})
	return address, ends, err
}

// Consented takes the code that a vendor sent a person back with, has it exchanged for credentials, and checks the connection with
// them. Errors: ErrConsentUnknown, domain.ErrForbidden when the person may manage integrations no longer, integration.ErrNotFound,
// a *VendorError when the vendor does not take the code.
func (i Integrations) Consented(ctx context.Context, correlation, state, code string) (integration.State, Checkup, error) {
	c, ok, err := i.Consents.Take(ctx, HashToken(state), i.Now())
	if err != nil {
		return integration.State{}, Checkup{}, err
	}
	if !ok {
		return integration.State{}, Checkup{}, ErrConsentUnknown
	}
	r, err := i.requestOf(ctx, c, correlation)
	if err != nil {
		return integration.State{}, Checkup{}, err
	}
	v, err := i.visit(ctx, c.Org, c.Integration)
	if err != nil {
		return integration.State{}, Checkup{}, err
	}
	answer, err := v.platform.Exchange(ctx, v.account(v.held), code, Consent{State: state, Verifier: c.Verifier, Redirect: c.Redirect})
	if trouble, ok := errors.AsType[*VendorError](err); ok {
		known := Credentials{Fields: maps.Clone(v.held.Fields)}
		known.Fields["code"], known.Fields["state"], known.Fields["verifier"] = code, state, c.Verifier
		return v.state, Checkup{}, known.veil(trouble)
	}
	if err != nil {
		return v.state, Checkup{}, err
	}
	_, err = i.Vault.Change(ctx, c.Org, c.Integration, func(_ context.Context, held Credentials) (*Credentials, error) { return held.renewed(answer), nil })
	if err != nil {
		return v.state, Checkup{}, err
	}
	if _, err := i.handle(ctx, r, c.Integration, integration.SetCredentials{Fields: slices.Collect(maps.Keys(answer.Fields)), Consented: true, By: r.By}); err != nil {
		return v.state, Checkup{}, err
	}
	checkup, err := i.Check(ctx, r, c.Integration)
	return v.state, checkup, err
}

// Declined ends the consent of a person who did not consent.
func (i Integrations) Declined(ctx context.Context, state string) error {
	_, ok, err := i.Consents.Take(ctx, HashToken(state), i.Now())
	if err == nil && !ok {
		err = ErrConsentUnknown
	}
	return err
}

// requestOf answers what a consent is noted with: the person's rights as they are now.
func (i Integrations) requestOf(ctx context.Context, c PendingConsent, correlation string) (Request, error) {
	role, active, err := i.Roles.Role(ctx, c.Org, c.User)
	if err != nil {
		return Request{}, fmt.Errorf("find the role of who consented: %w", err)
	}
	by := domain.Actor{Type: domain.ByUser, ID: c.User.UUID, User: c.User, Role: role}
	if !active || !by.Can(domain.ManageIntegrations) {
		return Request{}, domain.ErrForbidden
	}
	return Request{Org: c.Org, By: by, Correlation: correlation, Causation: correlation}, nil
}
