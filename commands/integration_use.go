package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/integration"
)

// The refusals of using an integration.
var (
	ErrExpired        = &domain.Error{Kind: domain.Conflict, Code: "integration_expired", Message: "The vendor takes the credentials no longer; give new ones."}
	ErrConsentMissing = &domain.Error{Kind: domain.Conflict, Code: "consent_missing", Message: "A person must consent with the vendor first: POST /api/v1/integrations/{id}/authorize."}
)

// With opens an integration's account and has it used. An access token is renewed before it ends, and when the vendor takes it no
// longer: then use is called once more. Whether the integration is disabled or suspended is for the caller to look at.
// Errors: integration.ErrNotFound, ErrExpired, ErrConsentMissing, ErrNoCredentials, and those of use, where a *VendorError quotes no credential.
func (i Integrations) With(ctx context.Context, org domain.OrgID, id uuid.UUID, use func(Connection, Account) error) error {
	v, err := i.visit(ctx, org, id)
	if err != nil {
		return err
	}
	if v.state.Expired {
		return ErrExpired.With(cmp.Or(v.state.Check.Why, ErrExpired.Message))
	}
	return v.use(ctx, use)
}

// visit is one use of an account.
type visit struct {
	Integrations
	org      domain.OrgID
	id       uuid.UUID
	state    integration.State
	platform Platform
	held     Credentials
}

func (i Integrations) visit(ctx context.Context, org domain.OrgID, id uuid.UUID) (*visit, error) {
	state, err := i.Find(ctx, org, id)
	if err != nil {
		return nil, err
	}
	platform, err := i.platform(state.Platform)
	if err != nil {
		return nil, err
	}
	held, err := i.Vault.Read(ctx, org, id)
	if err != nil {
		return nil, err
	}
	return &visit{Integrations: i, org: org, id: id, state: state, platform: platform, held: held}, nil
}

func (v *visit) account(held Credentials) Account { return OpenAccount(v.org, v.id, v.state, held) }

// OpenAccount answers an integration's account. It asks the vendor nothing: that is enough to judge a webhook.
func OpenAccount(org domain.OrgID, id uuid.UUID, state integration.State, held Credentials) Account {
	return Account{
		Org: org, Integration: id, Platform: state.Platform, AuthType: state.AuthType, BaseURL: state.BaseURL,
		Credentials: held.Fields, Settings: state.Settings, Mapping: state.Platform.Over(state.Mapping),
	}
}

// byToken reports a way of proof whose access tokens the vendor gives, and ends.
func (v *visit) byToken() bool {
	return v.state.AuthType == integration.OAuth2 || v.state.AuthType == integration.App
}

// mostTries bounds how often others may have changed the credentials while they were in use.
const mostTries = 3

func (v *visit) use(ctx context.Context, use func(Connection, Account) error) error {
	if v.byToken() && !v.held.usable(v.Now()) {
		if v.state.AuthType == integration.OAuth2 && !v.held.consented() {
			return ErrConsentMissing
		}
		if _, err := v.renew(ctx); err != nil {
			return err
		}
	}
	fresh := false // the vendor has just given what it is offered
	for range mostTries {
		account := v.account(v.held)
		err := use(v.platform.Open(account), account)
		trouble, ok := errors.AsType[*VendorError](err)
		switch {
		case !ok:
			return err
		case trouble.Kind == Revoked, trouble.Kind == Unauthorized && fresh:
			return v.expire(ctx, trouble)
		case trouble.Kind != Unauthorized:
			return v.held.veil(trouble)
		}
		if fresh, err = v.renew(ctx); err != nil {
			return err
		}
	}
	return &VendorError{Kind: Down, Message: "The credentials were changed again and again while they were in use."}
}

// renew makes v.held what the vendor takes now, and answers whether it asked the vendor itself: not when somebody else
// has done so since v.held was read.
func (v *visit) renew(ctx context.Context) (asked bool, err error) {
	spent := v.held.Revision
	held, err := v.Vault.Renew(ctx, v.org, v.id, v.state.Platform, func(ctx context.Context, held Credentials) (*Credentials, error) {
		if held.Revision != spent {
			return nil, nil
		}
		asked = true
		answer, err := v.platform.Renew(ctx, v.account(held))
		if err != nil {
			return nil, err
		}
		return held.renewed(answer), nil
	})
	if trouble, ok := errors.AsType[*VendorError](err); ok {
		if trouble.Kind == Revoked {
			return asked, v.expire(ctx, trouble)
		}
		trouble = v.held.veil(trouble)
		trouble.Unsure = false // of what shall be done nothing was
		return asked, trouble
	}
	switch {
	case !asked && (errors.Is(err, ErrBusy) || errors.Is(err, context.DeadlineExceeded)):
		return false, &VendorError{Kind: Busy, Message: "Too many credentials are being renewed at the moment. Nothing was asked of the vendor."}
	case err != nil:
		return asked, err
	}
	v.held = held
	return asked, nil
}

// expire records that only a person can help, and answers ErrExpired.
func (v *visit) expire(ctx context.Context, trouble *VendorError) error {
	trouble = v.held.veil(trouble)
	cmd := integration.Expire{Generation: v.state.Generation, Code: string(trouble.Kind), Why: inShort(trouble.Message)}
	if err := v.Note(ctx, Request{Org: v.org, By: domain.System}, v.id, cmd); err != nil {
		return fmt.Errorf("expire integration %s: %w", v.id, err)
	}
	v.Logger.WarnContext(ctx, "an integration has expired", "integration", v.id, "platform", v.state.Platform)
	return ErrExpired.With(inShort(trouble.Message))
}

// maxWhy is how many characters of a reason are kept.
const maxWhy = 500

// inShort answers words that can be kept, and read at a glance.
func inShort(words string) string {
	words = strings.ReplaceAll(strings.ToValidUTF8(words, "�"), "\x00", "")
	if runes := []rune(words); len(runes) > maxWhy {
		return string(runes[:maxWhy-1]) + "…"
	}
	return words
}
