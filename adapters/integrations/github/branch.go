package github

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	gogithub "github.com/google/go-github/v88/github"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

const (
	// commitMost is how many bytes a file may have that is committed: GitHub takes it as text, in one request.
	commitMost = 50 << 20
	// nameMost is how many characters of a file's name its path keeps.
	nameMost = 100
)

// branch answers where files are kept that GitHub does not take among those of an issue.
func (c *connection) branch() string {
	return cmp.Or(c.account.Settings["files_branch"], "ticket-files")
}

// commit puts a file on the branch, under a path that is its alone, so that nothing is ever overwritten.
func (c *connection) commit(ctx context.Context, where place, number int, u commands.Attachment) (kept, error) {
	if u.Size > commitMost {
		return kept{}, &commands.VendorError{Kind: commands.TooLarge, Message: "GitHub takes files of " + strconv.Itoa(commitMost>>20) + " MB at most this way."}
	}
	proof, err := token(c.account)
	if err != nil {
		return kept{}, err
	}
	if err := c.makeBranch(ctx, where); err != nil {
		return kept{}, err
	}
	path := strconv.Itoa(number) + "/" + u.File.String() + "/" + url.PathEscape(segment(u.Name))
	// No number of an issue is named, which would show there, and no workflow runs.
	head, err := json.Marshal(map[string]string{"message": "Keep a file of a ticket [skip ci]", "branch": c.branch()})
	if err != nil {
		return kept{}, err
	}
	var there bool
	var made struct {
		Content struct {
			URL string `json:"html_url"`
		} `json:"content"`
	}
	_, err = c.out.Do(ctx, c.account.Integration, outbound.Request{
		Method: http.MethodPut,
		URL:    address(c.account, apiHost, "repos/"+where.String()+"/contents/"+path),
		Header: map[string]string{"Authorization": "Bearer " + proof, "Accept": "application/vnd.github+json", "X-GitHub-Api-Version": apiVersion},
		Body: func() (io.ReadCloser, error) {
			file, err := opened(ctx, u)
			if err != nil {
				return nil, err
			}
			return enclosed(string(head), file), nil
		},
		Type: "application/json", Size: enclosedSize(string(head), u.Size),
		Judge: func(status int, header http.Header, body []byte) *commands.VendorError {
			if said, _ := refusal(body); status == http.StatusUnprocessableEntity && strings.Contains(said, `"sha" wasn't supplied`) {
				there = true
			}
			return judge(again)(status, header, body)
		},
	}, &made)
	switch {
	case there: // an earlier attempt came to this
		repo, err := c.repository(ctx, where)
		if err != nil {
			return kept{}, err
		}
		made.Content.URL = repo.GetHTMLURL() + "/blob/" + (&url.URL{Path: c.branch()}).EscapedPath() + "/" + path
	case err != nil:
		return kept{}, err
	case made.Content.URL == "":
		return kept{}, senseless(again)
	}
	return kept{url: made.Content.URL, text: "[" + name(u.Name) + "](" + made.Content.URL + "?raw=1)"}, nil
}

// makeBranch makes the branch for files from the default one, unless there is one.
func (c *connection) makeBranch(ctx context.Context, where place) error {
	api, err := c.api()
	if err != nil {
		return err
	}
	_, answer, err := api.Git.GetRef(ctx, where.owner, where.repo, "heads/"+c.branch())
	if err = failed(ctx, answer, err, again); !isMissing(err) {
		return err
	}
	repo, err := c.repository(ctx, where)
	if err != nil {
		return err
	}
	from, answer, err := api.Git.GetRef(ctx, where.owner, where.repo, "heads/"+repo.GetDefaultBranch())
	if err != nil {
		return failed(ctx, answer, err, again)
	}
	_, answer, err = api.Git.CreateRef(ctx, where.owner, where.repo, gogithub.CreateRef{Ref: "refs/heads/" + c.branch(), SHA: from.GetObject().GetSHA()})
	err = failed(ctx, answer, err, again)
	if e, ok := errors.AsType[*commands.VendorError](err); ok && strings.Contains(e.Message, "Reference already exists") {
		return nil // somebody was faster
	}
	return err
}

// repository answers what GitHub says about a repository.
func (c *connection) repository(ctx context.Context, where place) (*gogithub.Repository, error) {
	api, err := c.api()
	if err != nil {
		return nil, err
	}
	repo, answer, err := api.Repositories.Get(ctx, where.owner, where.repo)
	if err = failed(ctx, answer, err, again); isMissing(err) {
		return nil, &commands.VendorError{Kind: commands.Missing, Message: "The repository " + where.String() + " is not on GitHub, or the token does not reach it."}
	}
	if err != nil {
		return nil, err
	}
	return repo, nil
}

func isMissing(err error) bool {
	e, ok := errors.AsType[*commands.VendorError](err)
	return ok && e.Kind == commands.Missing
}

// segment answers a file's name as one part of a path in git.
func segment(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) || strings.ContainsRune(`/\:`, r) {
			return '_'
		}
		return r
	}, text)
	if characters := []rune(text); len(characters) > nameMost {
		text = string(characters[len(characters)-nameMost:]) // what it ends in says what it is
	}
	if text = strings.Trim(text, " "); text == "" || text[0] == '.' { // .. and .git are nobody's
		text = "_" + text
	}
	return text
}
