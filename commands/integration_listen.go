package commands

import (
	"context"
	"errors"
)

// codeWebhooks is the code of a connection that can be used, but is not told what happens there.
const codeWebhooks = "webhooks"

// listen has the vendor send what happens in the account, and answers in words what stands in the way; empty: nothing does.
//
// Whatever the vendor says, the connection was found usable just now: so nothing of it renews or expires the credentials, and
// only an integration that is not there any more is an error.
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
	trouble, ok := errors.AsType[*VendorError](listener.Listen(ctx, address))
	if !ok { // none, or nobody waits for it any more
		return "", nil
	}
	return "What changes there is not told here. " + Credentials{Fields: a.Credentials}.veil(trouble).Message, nil
}
