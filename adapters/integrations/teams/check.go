package teams

import (
	"context"
	"strings"

	"ticketd/commands"
)

// Check implements commands.Connection. What cannot be tried without doing it is read from what the token was granted.
func (c connection) Check(ctx context.Context) error {
	channel := c.channel(commands.Ref{})
	for _, path := range []string{channel, channel + "/messages?$top=1", channel + "/filesFolder"} {
		if err := c.get(ctx, path, nil); err != nil {
			return err
		}
	}
	for _, scope := range []string{"ChannelMessage.Send", "ChannelMessage.ReadWrite"} {
		if !c.may(scope) {
			return &commands.VendorError{Kind: commands.Denied, Message: "The token lacks the permission " + scope + ": a person must consent to it."}
		}
	}
	return nil
}

// may reports whether the token was granted a permission, or one that includes it. Where that was not told, it may.
func (c connection) may(scope string) bool {
	told := strings.Fields(c.account.Credentials[granted])
	for _, has := range told {
		has = has[strings.LastIndexByte(has, '/')+1:] // some come with the address of Graph before them
		if strings.EqualFold(has, scope) || strings.EqualFold(has, "Group.ReadWrite.All") {
			return true
		}
	}
	return len(told) == 0
}
