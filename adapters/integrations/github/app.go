package github

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
	gogithub "github.com/google/go-github/v88/github"

	"ticketd/commands"
)

const (
	// proofLife is how long an app's own proof is good. GitHub takes ten minutes at most, by its own clock.
	proofLife = 8 * time.Minute
	// proofAge is how long ago it was made, as far as a clock knows that is ahead of GitHub's.
	proofAge = time.Minute
)

// mint answers a token for an app's installation. Any number may be good at once, so that minting one in vain does no harm.
func (g *GitHub) mint(ctx context.Context, a commands.Account) (commands.Renewal, error) {
	proof, err := appProof(a, time.Now())
	if err != nil {
		return commands.Renewal{}, err
	}
	installation, err := strconv.ParseInt(a.Credentials["installation_id"], 10, 64)
	if err != nil {
		return commands.Renewal{}, revoked("The installation_id of the GitHub App is no number.")
	}
	api, err := api(g.out.For(a.Integration), a, proof)
	if err != nil {
		return commands.Renewal{}, err
	}
	token, answer, err := api.Apps.CreateInstallationToken(ctx, installation, &gogithub.InstallationTokenOptions{})
	err = failed(ctx, answer, err, again)
	if e, ok := errors.AsType[*commands.VendorError](err); ok && (e.Kind == commands.Unauthorized || e.Kind == commands.Missing) {
		return commands.Renewal{}, revoked("GitHub does not know the app, its key or its installation. " + e.Message)
	}
	if err != nil {
		return commands.Renewal{}, err
	}
	if token.GetToken() == "" {
		return commands.Renewal{}, senseless(again)
	}
	return commands.Renewal{Fields: map[string]string{commands.AccessToken: token.GetToken()}, Ends: token.GetExpiresAt().Time}, nil
}

// appProof answers what an app proves itself with, before it has a token.
func appProof(a commands.Account, now time.Time) (string, error) {
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(a.Credentials["private_key"]))
	if err != nil {
		return "", revoked("The private_key of the GitHub App is no RSA key in PEM.")
	}
	claims := jwt.RegisteredClaims{Issuer: a.Credentials["app_id"], IssuedAt: jwt.NewNumericDate(now.Add(-proofAge)), ExpiresAt: jwt.NewNumericDate(now.Add(proofLife))}
	proof, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(key)
	if err != nil {
		return "", revoked("The private_key of the GitHub App cannot sign.")
	}
	return proof, nil
}
