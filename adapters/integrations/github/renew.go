package github

import (
	"context"

	"ticketd/commands"
	"ticketd/domain/integration"
)

// Renew answers new credentials: an app mints another token, a person's consent is renewed, and a token that a person made is
// for that person to replace.
func (g *GitHub) Renew(ctx context.Context, a commands.Account) (commands.Renewal, error) {
	if a.AuthType == integration.App {
		return g.mint(ctx, a)
	}
	if a.AuthType == integration.OAuth2 {
		return g.refresh(ctx, a)
	}
	return commands.Renewal{}, revoked("GitHub takes the token no longer, and only a person can make another.")
}

func revoked(message string) error {
	return &commands.VendorError{Kind: commands.Revoked, Message: message}
}
