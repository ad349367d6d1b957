// Package jira speaks with Jira Cloud, by version 3 of its REST API.
//
// # Why
//
// Jira does not tell whether a request came twice. So every issue and every comment carries our own id in a property, which
// people do not see, and by which it is found again.
//
// A status there is no field: it is where a workflow has come to, and each project has its own. So a status of the mapping is
// one of the three categories that every status of Jira belongs to, or the name of a status, and moving an issue means to
// take the first way that leads there.
//
// Texts are documents of a format of their own. What people write here becomes one as far as it is plain Markdown, and what
// they write there becomes plain text.
package jira

import (
	"context"
	"maps"
	"net/http"
	"time"

	"ticketd/commands"
	"ticketd/internal/outbound"
)

// Jira is the platform.
type Jira struct {
	client *outbound.Client
	now    func() time.Time
}

var _ commands.Platform = (*Jira)(nil)

// New answers the platform, which sends by the client.
func New(client *outbound.Client) *Jira { return &Jira{client: client, now: time.Now} }

// Open answers a connection to a site.
func (j *Jira) Open(a commands.Account) commands.Connection {
	return &connection{jira: &Jira{client: j.client.Operation(), now: j.now}, account: a, cloud: cloudOf(a)}
}

// connection acts on a site.
type connection struct {
	jira    *Jira
	account commands.Account
	cloud   string // the site's id, for oauth2; empty: not known yet
}

var _ commands.Connection = (*connection)(nil)

// do asks the site, and reads its answer.
func (c *connection) do(ctx context.Context, r outbound.Request, path string, into any) (outbound.Answer, error) {
	return c.doJudging(ctx, r, path, into, judge)
}

// judgement answers what is wrong with an answer, as outbound.Request has it.
type judgement func(status int, header http.Header, body []byte) *commands.VendorError

func (c *connection) doJudging(ctx context.Context, r outbound.Request, path string, into any, j judgement) (outbound.Answer, error) {
	address, proof, err := c.way(ctx, path)
	if err != nil {
		return outbound.Answer{}, err
	}
	header := map[string]string{"Accept": "application/json", "Authorization": proof}
	maps.Copy(header, r.Header)
	r.URL, r.Header, r.Words, r.Judge = address, header, words, j
	return c.jira.client.Do(ctx, c.account.Integration, r, into)
}
