package commands

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/integration"
)

// CheckTimes remembers when each connection was checked last. That is no fact: most checks find nothing new.
type CheckTimes interface {
	Checked(ctx context.Context, org domain.OrgID, id uuid.UUID, at time.Time) error
}

// Checkup is what came of a check.
type Checkup struct {
	OK     bool
	Code   string // of what is wrong
	Error  string // in words
	At     time.Time
	Status integration.Status // after it
}

// Check tries whether a connection can be used as it is set up, and notes what came of it. A vendor's refusal is no error, but an
// answer. Errors: integration.ErrNotFound, domain.ErrForbidden, and what went wrong on our side.
func (i Integrations) Check(ctx context.Context, r Request, id uuid.UUID) (_ Checkup, err error) {
	defer recovered(ctx, i.Logger, &err)
	if err := i.mayManage(ctx, r, id); err != nil {
		return Checkup{}, err
	}
	var deaf string
	found := i.With(ctx, r.Org, id, func(c Connection, a Account) error {
		err := c.Check(ctx)
		if err == nil {
			deaf, err = i.listen(ctx, c, a)
		}
		return err
	})
	if ctx.Err() != nil { // nothing was found, whatever the vendor's silence looks like
		return Checkup{}, ctx.Err()
	}
	checkup := Checkup{OK: found == nil, At: i.Now()}
	if found != nil {
		code, words, ok := wordsOf(found)
		if !ok {
			return Checkup{}, found
		}
		checkup.Code, checkup.Error = code, inShort(words)
	} else if deaf != "" {
		checkup.Code, checkup.Error = integration.CodeWebhooks, inShort(deaf)
	}
	stream, err := i.handle(ctx, r, id, integration.NoteCheck{OK: checkup.OK, Code: checkup.Code, Why: checkup.Error})
	if err != nil {
		return Checkup{}, err
	}
	checkup.Status = i.handler.Fold(stream).Status()
	return checkup, i.Checks.Checked(ctx, r.Org, id, checkup.At)
}

// wordsOf answers what is wrong with a connection; false when the fault is not the connection's.
func wordsOf(err error) (code, words string, ok bool) {
	if trouble, ok := errors.AsType[*VendorError](err); ok {
		return string(trouble.Kind), trouble.Message, true
	}
	for _, known := range []*domain.Error{ErrExpired, ErrConsentMissing, ErrNoCredentials} {
		if errors.Is(err, known) {
			refusal, _ := errors.AsType[*domain.Error](err)
			return refusal.Code, refusal.Message, true
		}
	}
	return "", "", false
}

// mayManage refuses what is not there, and those who may only read.
func (i Integrations) mayManage(ctx context.Context, r Request, id uuid.UUID) error {
	if !r.By.Can(domain.ReadIntegrations) {
		return integration.ErrNotFound
	}
	if _, err := i.Find(ctx, r.Org, id); err != nil {
		return err
	}
	if !r.By.Can(domain.ManageIntegrations) {
		return domain.ErrForbidden
	}
	return nil
}
