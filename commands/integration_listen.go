package commands

import (
	"context"
	"errors"
	"time"
)

// codeWebhooks is the code of a connection that can be used, but is not told what happens there.
const codeWebhooks = "webhooks"

// untold is how long after a vendor is told to send what happens all is asked that may have changed before: by then it sends.
const untold = time.Minute

// listen has the vendor send what happens in the account, and answers in words what stands in the way; empty: nothing does.
// Everything that lives there is asked once it does, but not each time that it does not.
//
// Whatever the vendor says, the connection was found usable just now: so nothing of it renews or expires the credentials, and
// only an integration that is not there any more is an error, and what is ours.
func (i Integrations) listen(ctx context.Context, c Connection, a Account) (string, error) {
	listener, ok := c.(Listener)
	if !ok {
		return "", nil
	}
	state, err := i.Find(ctx, a.Org, a.Integration)
	if err != nil || !state.SyncEnabled || state.Disabled {
		return "", err
	}
	address := i.Address
	if address != "" {
		address += "/api/v1/integrations/" + a.Integration.String() + "/webhook"
	}
	ref, wasDeaf := AccountRef{Org: a.Org, Integration: a.Integration}, state.Check.Code == codeWebhooks
	err = listener.Listen(ctx, address, func() error {
		if wasDeaf {
			return nil
		}
		return i.HearAll(ctx, ref, untold)
	})
	if err == nil && wasDeaf {
		err = i.HearAll(ctx, ref, 0)
	}
	trouble, ok := errors.AsType[*VendorError](err)
	if !ok {
		return "", err
	}
	return "What changes there is not told here. " + Credentials{Fields: a.Credentials}.veil(trouble).Message, nil
}
