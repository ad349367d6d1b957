package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/user"
)

// The account that a development machine gets by itself, and how its token is called and how long it lives.
const (
	developer     = "developer"
	tourTokenName = "development"
	tourTokenDays = 30
	tourTokens    = 5 // that work at a time
)

var errNoDevelopment = errors.New("tokens are minted here only in development; make one with POST /api/v1/api-tokens")

func tokenCommand() *cobra.Command {
	return &cobra.Command{
		Use: "token", Short: "Mint a development token", Args: cobra.NoArgs,
		Long: "Mint an API token of the development account; of those minted before, the last four go on working.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withProgram(cmd.Context(), func(ctx context.Context, p *program) error {
				token, err := p.developmentToken(ctx)
				if err == nil {
					fmt.Fprintln(cmd.OutOrStdout(), token)
				}
				return err
			})
		},
	}
}

// developmentToken answers a fresh API token of the development account, which it makes on first use. The account's
// password follows from ENCRYPTION_KEY: whoever has that has everything anyway.
func (p *program) developmentToken(ctx context.Context) (string, error) {
	if !p.config.development() {
		return "", errNoDevelopment
	}
	r := commands.Request{Correlation: "ticketd token"}
	password := developmentPassword(p.encryptionKey)
	signedIn, err := p.accounts.SignIn(ctx, r, developer, password)
	if errors.Is(err, commands.ErrBadCredentials) {
		_, err = p.accounts.Register(ctx, r, commands.Registration{
			UserID: domain.UserID{UUID: commands.NewID()}, Username: developer, Password: password, FullName: "Development", OrganizationName: "Development",
		})
		if err == nil {
			signedIn, err = p.accounts.SignIn(ctx, r, developer, password)
		}
	}
	if err != nil {
		return "", fmt.Errorf("the development account: %w", err)
	}
	r.Org, r.By = signedIn.Org, domain.Actor{Type: domain.ByUser, ID: signedIn.User.UserID.UUID, User: signedIn.User.UserID, Role: signedIn.User.Role}
	// The latest go on working: whoever watches while the program restarts must be let in again.
	minted := slices.DeleteFunc(slices.Clone(signedIn.User.Tokens), func(t user.Token) bool { return t.Name != tourTokenName || t.Revoked })
	for _, t := range minted[:max(0, len(minted)-tourTokens+1)] {
		if _, err := p.accounts.RevokeToken(ctx, r, t.ID); err != nil {
			return "", err
		}
	}
	token, _, err := p.accounts.CreateToken(ctx, r, commands.NewID(), tourTokenName, tourTokenDays)
	return token, err
}

func developmentPassword(encryptionKey [32]byte) string {
	mac := hmac.New(sha256.New, encryptionKey[:])
	mac.Write([]byte("development account"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// tour is what a newcomer can copy and paste, line by line. README.md has the same with what each line answers.
const tour = `
ticketd %[1]s is ready:  http://%[2]s/docs

A five-minute tour, to copy and paste into a second terminal:

  export TICKETD=http://%[2]s TOKEN=%[3]s

  # watch what happens, over a WebSocket
  bin/ticketd watch &

  # create a ticket, keep its id, and see it arrive
  TICKET=$(curl -s $TICKETD/api/v1/tickets -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{"title":"VPN drops every ten minutes","description":"Since this morning, on Wi-Fi and on cable.","priority":"high"}' | cut -d'"' -f4)

  # change it: only the supplied fields change
  curl -s -X PATCH $TICKETD/api/v1/tickets/$TICKET -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{"status":"in_progress","priority":"critical"}'

  # read its history: who changed what, when, and the hash that proves it
  curl -s $TICKETD/api/v1/tickets/$TICKET/history -H "Authorization: Bearer $TOKEN"

  # stop watching
  kill %%1

The README goes on from here. Ctrl-C stops the program and its database; the data stays in %[4]s.

`

func (p *program) printTour(ctx context.Context, w io.Writer, address string) {
	token, err := p.developmentToken(ctx)
	if err != nil {
		p.log.WarnContext(ctx, "there is no development token for the tour", "cause", err)
		return
	}
	where := p.config.DataDir
	if p.config.DatabaseURL != "" {
		where = "your database"
	}
	fmt.Fprintf(w, tour, version, localAddress(address), token, where)
}
