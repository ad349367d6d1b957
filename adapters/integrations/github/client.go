package github

import (
	"net/http"
	"net/url"

	gogithub "github.com/google/go-github/v88/github"

	"ticketd/commands"
	"ticketd/domain/integration"
)

// token answers what proves to GitHub whom a request is for. Without one, there is nothing to send: it must be renewed first.
func token(a commands.Account) (string, error) {
	name := commands.AccessToken
	if a.AuthType == integration.Bearer {
		name = "token"
	}
	if t := a.Credentials[name]; t != "" {
		return t, nil
	}
	return "", &commands.VendorError{Kind: commands.Unauthorized, Message: "There is no token for GitHub yet."}
}

// api answers GitHub's API as whoever the account's token is for. Errors: a *commands.VendorError.
func (c *connection) api() (*gogithub.Client, error) {
	proof, err := token(c.account)
	if err != nil {
		return nil, err
	}
	return api(c.out.For(c.account.Integration), c.account, proof)
}

// api answers GitHub's API behind a proof. Limits are kept by the client below, which outlives this one.
func api(client *http.Client, a commands.Account, proof string) (*gogithub.Client, error) {
	base, err := url.Parse(address(a, apiHost, ""))
	if err != nil {
		return nil, unreachable(err)
	}
	proving := *client
	proving.Transport = &prover{host: base.Host, proof: proof, next: client.Transport}
	answer, err := gogithub.NewClient(gogithub.WithHTTPClient(&proving), gogithub.WithUserAgent(""),
		gogithub.WithURLs(new(base.String()), nil), gogithub.WithDisableRateLimitCheck())
	if err != nil {
		return nil, unreachable(err)
	}
	return answer, nil
}

func unreachable(err error) error {
	return &commands.VendorError{Kind: commands.Rejected, Message: "The base_url is no address of GitHub: " + err.Error()}
}

// prover gives its proof to one host, and to none that this one sends a request on to.
type prover struct {
	host, proof string
	next        http.RoundTripper
}

// hasStayed reports whether a request goes to the host, and has been nowhere else on its way: whoever sends it back may have
// changed what is asked.
func (p *prover) hasStayed(r *http.Request) bool {
	for r.URL.Host == p.host {
		if r.Response == nil || r.Response.Request == nil {
			return true
		}
		r = r.Response.Request // which was answered by sending it here
	}
	return false
}

// RoundTrip sends a request with the proof.
func (p *prover) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.hasStayed(r) {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+p.proof)
	}
	return p.next.RoundTrip(r)
}
