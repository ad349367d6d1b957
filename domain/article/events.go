// Package article is a page of an organization's knowledge base.
package article

import "ticketd/domain"

// Event is a fact about one article. The JSON of these structs is stored for ever: to change one, add an upcaster in
// eventstore/catalog, never a second meaning. An article is the organization's, and outlives whoever wrote it.
//
//sumtype:decl
type Event interface{ isEvent() }

// Written begins an article.
type Written struct {
	By    domain.UserID `json:"by"`
	Title string        `json:"title"`
	Body  string        `json:"body"`
	Tags  []string      `json:"tags,omitempty"`
}

// Revised changes an article. Only the fields present have changed; an empty list clears.
type Revised struct {
	By    domain.UserID `json:"by"`
	Title *string       `json:"title,omitempty"`
	Body  *string       `json:"body,omitempty"`
	Tags  *[]string     `json:"tags,omitempty"`
}

// Deleted hides an article. Its history stays.
type Deleted struct {
	By domain.UserID `json:"by"`
}

func (Written) isEvent() {}
func (Revised) isEvent() {}
func (Deleted) isEvent() {}
