package github

import (
	"regexp"
	"strconv"
	"strings"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// Where GitHub answers, in the tongue of its own addresses.
const (
	apiHost     = "https://api.github.com/"
	uploadsHost = "https://uploads.github.com/"
	loginHost   = "https://github.com/"
)

// apiVersion is the version of the API that is spoken.
const apiVersion = "2022-11-28"

// enterprise is how the address of an Enterprise Server's API ends. Its other addresses stand beside it, and files of issues it takes none.
const enterprise = "/api/v3"

// place is a repository.
type place struct{ owner, repo string }

// nameable is what the names of owners and repositories are made of. Nothing else gets into an address.
var nameable = regexp.MustCompile(`^[A-Za-z0-9._-]*[A-Za-z0-9_-][A-Za-z0-9._-]*$`)

func (p place) String() string { return p.owner + "/" + p.repo }

// settled answers the repository that an account is set up for. Errors: a *commands.VendorError.
func settled(a commands.Account) (place, error) {
	return named(a.Settings["owner"] + "/" + a.Settings["repo"])
}

// at answers the repository and the number of an issue: where it was made, whatever the settings have become.
func (c *connection) at(ref commands.Ref) (place, int, error) {
	number, err := strconv.Atoi(ref.ID)
	if err != nil || number <= 0 {
		return place{}, 0, &commands.VendorError{Kind: commands.Missing, Message: "GitHub names its issues by numbers, and this is none: " + strconv.Quote(ref.ID) + "."}
	}
	if ref.Place != "" {
		where, err := named(ref.Place)
		return where, number, err
	}
	where, err := settled(c.account)
	return where, number, err
}

func named(full string) (place, error) {
	owner, repo, _ := strings.Cut(full, "/")
	if !nameable.MatchString(owner) || !nameable.MatchString(repo) {
		return place{}, &commands.VendorError{Kind: commands.Rejected, Message: strconv.Quote(full) + " cannot be the owner and the name of a repository on GitHub."}
	}
	return place{owner: owner, repo: repo}, nil
}

// address answers where a path of one of GitHub's hosts is for an account.
func address(a commands.Account, host, path string) string {
	base := a.BaseURL
	if own, ok := server(a); ok && host == loginHost {
		base = own
	}
	return outbound.Host(base, host+path)
}

// server answers the Enterprise Server of an account; false: it is GitHub itself.
func server(a commands.Account) (string, bool) {
	return strings.CutSuffix(strings.TrimSuffix(a.BaseURL, "/"), enterprise)
}
