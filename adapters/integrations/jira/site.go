package jira

import (
	"cmp"
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/outbound"
)

// Names of credentials that no person gives.
const (
	cloudField = "cloud_id" // of the site
	siteField  = "site_url" // where people see it
)

// gateway is where the sites are for those who act by oauth2, and login where they get their tokens.
const (
	gateway = "https://api.atlassian.com"
	login   = "https://auth.atlassian.com"
)

// resource is a site that a token reaches.
type resource struct {
	ID  string `json:"id"`
	URL string `json:"url"`
}

// cloudOf answers the id of the site as far as the account tells.
func cloudOf(a commands.Account) string {
	return cmp.Or(a.Settings["cloud_id"], a.Credentials[cloudField])
}

// way answers the address of a path of the API, and what proves who asks. Errors: a *commands.VendorError.
func (c *connection) way(ctx context.Context, path string) (address, proof string, err error) {
	if c.account.AuthType == integration.OAuth2 {
		token := c.account.Credentials[commands.AccessToken]
		if token == "" {
			return "", "", &commands.VendorError{Kind: commands.Unauthorized, Message: "There is no token yet."}
		}
		if err := c.findCloud(ctx, token); err != nil {
			return "", "", err
		}
		address = outbound.Host(c.account.BaseURL, gateway+"/ex/jira/"+url.PathEscape(c.cloud)+"/rest/api/3"+path)
		return address, "Bearer " + token, nil
	}
	site := site(c.account)
	if site == "" {
		return "", "", &commands.VendorError{Kind: commands.Rejected, Message: "The address of the Jira site is missing: give the setting site, or a base_url."}
	}
	who := c.account.Credentials["email"] + ":" + c.account.Credentials["api_token"]
	return site + "/rest/api/3" + path, "Basic " + base64.StdEncoding.EncodeToString([]byte(who)), nil
}

// findCloud asks which sites the token reaches, when nobody has said which one it is.
func (c *connection) findCloud(ctx context.Context, token string) error {
	if c.cloud != "" {
		return nil
	}
	found, err := c.jira.reach(ctx, c.account, token)
	if err != nil {
		return err
	}
	c.cloud = found.ID
	return nil
}

// reach answers the site that an account is for among those that its token reaches: the one that the settings name, or else
// the first. Errors: a *commands.VendorError.
func (j *Jira) reach(ctx context.Context, a commands.Account, token string) (resource, error) {
	var all []resource
	_, err := j.client.Do(ctx, a.Integration, outbound.Request{
		Method: http.MethodGet, URL: outbound.Host(a.BaseURL, gateway+"/oauth/token/accessible-resources"),
		Header: map[string]string{"Authorization": "Bearer " + token}, Words: words,
	}, &all)
	if err != nil {
		return resource{}, err
	}
	wanted, named := cloudOf(a), hostOf(a.Settings["site"])
	for _, one := range all {
		switch {
		case wanted != "" && one.ID == wanted, wanted == "" && named != "" && hostOf(one.URL) == named, wanted == "" && named == "":
			return one, nil
		}
	}
	return resource{}, &commands.VendorError{Kind: commands.Denied, Message: "The token does not reach the Jira site. A person must consent for it."}
}

// site answers where people see the site, without a slash at the end. Empty: it is not known.
func site(a commands.Account) string {
	if a.AuthType == integration.OAuth2 {
		return strings.TrimSuffix(a.Credentials[siteField], "/")
	}
	if named := hostOf(a.Settings["site"]); a.BaseURL == "" && named != "" {
		return "https://" + named
	}
	return strings.TrimSuffix(a.BaseURL, "/")
}

// hostOf answers the host of an address, or of what is a host already.
func hostOf(address string) string {
	_, rest, found := strings.Cut(address, "://")
	if !found {
		rest = address
	}
	host, _, _ := strings.Cut(rest, "/")
	return strings.ToLower(host)
}

// browse answers where a person sees an issue; empty when that is not known.
func (c *connection) browse(key string) string {
	if at := site(c.account); at != "" {
		return at + "/browse/" + key
	}
	return ""
}

// issuePath answers the path of an issue: by its number there, which stays when it moves to another project.
func issuePath(ref commands.Ref, rest string) string {
	return "/issue/" + url.PathEscape(cmp.Or(ref.Place, ref.ID)) + rest
}
