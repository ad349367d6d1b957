package catalog

import (
	"ticketd/domain/article"
	"ticketd/eventstore"
)

var articleEvents = []eventstore.Entry{
	eventstore.Type[article.Written]("article.written"),
	eventstore.Type[article.Revised]("article.revised"),
	eventstore.Type[article.Deleted]("article.deleted"),
}
