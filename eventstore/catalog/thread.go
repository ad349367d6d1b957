package catalog

import (
	"ticketd/domain/thread"
	"ticketd/eventstore"
)

var threadEvents = []eventstore.Entry{
	eventstore.Type[thread.Started]("thread.started"),
	eventstore.Type[thread.Renamed]("thread.renamed"),
	eventstore.Type[thread.MessageAdded]("thread.message_added"),
	eventstore.Type[thread.Replied]("thread.replied"),
	eventstore.Type[thread.ReplyFailed]("thread.reply_failed"),
	eventstore.Type[thread.Deleted]("thread.deleted"),
	eventstore.Type[thread.WordsErased]("thread.words_erased"),
}
