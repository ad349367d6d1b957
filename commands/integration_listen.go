package commands

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
)

// untold is when all is asked for that may have changed before a vendor was told to send what happens, should the program end
// just then: by that time it sends.
const untold = time.Minute

// listen has the vendor send what happens in the account, and answers in words what stands in the way; empty: nothing does.
// What it may not have sent until now is asked for, once it does.
//
// Whatever the vendor says, the connection was found usable just now: so nothing of it renews or expires the credentials, and
// only an integration that is not there any more is an error, and what is ours.
func (i Integrations) listen(ctx context.Context, c Connection, a Account) (string, error) {
	state, err := i.Find(ctx, a.Org, a.Integration)
	if err != nil || !state.Hears() {
		return "", err
	}
	account, unheard := AccountRef{Org: a.Org, Integration: a.Integration}, state.Unheard
	if listener, ok := c.(Listener); ok {
		err = listener.Listen(ctx, i.webhookAddress(a.Integration), func() error {
			if unheard { // and so it is noted, until it was asked for
				return nil
			}
			unheard = true
			return i.HearAll(ctx, account, untold)
		})
	}
	if err == nil && unheard {
		err = i.HearAll(ctx, account, 0)
	}
	trouble, ok := errors.AsType[*VendorError](err)
	if !ok {
		return "", err
	}
	return "What changes there is not told here. " + Credentials{Fields: a.Credentials}.veil(trouble).Message, nil
}

// webhookAddress answers where the vendor sends what happens in the account of an integration; empty: nobody knows.
func (i Integrations) webhookAddress(id uuid.UUID) string {
	if i.Address == "" {
		return ""
	}
	return i.Address + WebhookPath(id)
}
