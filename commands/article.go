package commands

import (
	"ticketd/domain/article"
	"ticketd/eventstore"
)

// Articles answers commands to the knowledge base's articles.
type Articles = Handler[article.State, article.Command, article.Event]

// NewArticles ties the article decider to the log.
func NewArticles(log eventstore.Log) Articles { return NewHandler(log, article.Decider) }
