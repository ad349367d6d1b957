package zendesk

import (
	"context"
	"net/url"

	"github.com/google/uuid"

	"ticketd/commands"
)

// Check implements commands.Connection. A token that Zendesk does not know is nobody's, and no reason for it to refuse.
func (c connection) Check(ctx context.Context) error {
	var me struct {
		User struct {
			ID        *int64 `json:"id"`
			Role      string `json:"role"`
			Suspended bool   `json:"suspended"`
		} `json:"user"`
	}
	if err := c.get(ctx, "/api/v2/users/me", &me); err != nil {
		return err
	}
	switch {
	case me.User.ID == nil || *me.User.ID == 0:
		return &commands.VendorError{Kind: commands.Unauthorized, Message: "Zendesk does not know whose the token is."}
	case me.User.Suspended:
		return &commands.VendorError{Kind: commands.Denied, Message: "Zendesk has suspended the user of the token."}
	case me.User.Role != "agent" && me.User.Role != "admin":
		return &commands.VendorError{Kind: commands.Denied, Message: "The user of the token is no agent in Zendesk."}
	}
	return c.get(ctx, "/api/v2/tickets?"+url.Values{"external_id": {uuid.Nil.String()}}.Encode(), nil)
}
