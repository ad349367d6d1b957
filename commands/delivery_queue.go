package commands

import (
	"context"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
)

// DeliveryQueue remembers which deliveries are to be looked at, and who serves which account.
//
// # Why
//
// The queue of jobs counts tries and parks what fails; here a vendor's silence is no failure of the job, but a fact of the
// delivery, which knows itself when it is tried again. What is left is a row that says "look", and whose turn it is to serve an
// account: one process at a time, so that its limits are kept by whoever counts, and its tickets stay in their order.
type DeliveryQueue interface {
	// Wake has a delivery looked at. It does no harm to ask twice.
	Wake(ctx context.Context, job DeliveryJob) error

	// WakeAll has every delivery of an account looked at that has not ended.
	WakeAll(ctx context.Context, a AccountRef) error

	// Rest puts off everything of an account that would be due before then.
	Rest(ctx context.Context, a AccountRef, until time.Time) error

	// Resume has everything looked at that waits for an integration.
	Resume(ctx context.Context, org domain.OrgID, integration uuid.UUID) error

	// Claim takes the turn at accounts for which something is due and that nobody serves, at most so many of them.
	Claim(ctx context.Context, holder uuid.UUID, life time.Duration, most int) ([]AccountRef, error)

	// Keep keeps the turns of a holder, and answers the accounts that it still serves.
	Keep(ctx context.Context, holder uuid.UUID, life time.Duration) ([]uuid.UUID, error)

	// GiveBack ends a turn.
	GiveBack(ctx context.Context, holder uuid.UUID, a AccountRef) error

	// Due answers deliveries of an account that are due, without those that are being looked at.
	Due(ctx context.Context, a AccountRef, most int, without []uuid.UUID) ([]DeliveryJob, error)

	// Settle ends a job, unless the delivery was woken meanwhile.
	Settle(ctx context.Context, job DeliveryJob) error

	// Later puts a job off, unless the delivery was woken meanwhile. The zero time: until Resume.
	Later(ctx context.Context, job DeliveryJob, at time.Time) error

	// ClaimCheck takes an integration whose check is due, which is due again a while later. false: none is.
	ClaimCheck(ctx context.Context, again time.Duration) (AccountRef, bool, error)

	// Watch has an integration checked soon, and from then on; Unwatch no more.
	Watch(ctx context.Context, a AccountRef) error
	Unwatch(ctx context.Context, a AccountRef) error
}

// AccountRef names an account.
type AccountRef struct {
	Org         domain.OrgID
	Integration uuid.UUID
}
