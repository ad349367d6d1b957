package catalog

import (
	"ticketd/domain/delivery"
	"ticketd/eventstore"
)

// A delivery has a key of its own, so that a retention rule can erase what a vendor said about the ticket.
var deliveryEvents = eventstore.WithOwnKeys(
	eventstore.Type[delivery.Begun]("delivery.begun"),
	eventstore.Type[delivery.Attempted]("delivery.attempted"),
	eventstore.Type[delivery.Progressed]("delivery.progressed"),
	eventstore.Type[delivery.Done]("delivery.done"),
	eventstore.Type[delivery.Failed]("delivery.failed"),
	eventstore.Type[delivery.Parked]("delivery.parked"),
	eventstore.Type[delivery.Held]("delivery.held"),
	eventstore.Type[delivery.Retried]("delivery.retried"),
	eventstore.Type[delivery.Dropped]("delivery.dropped"),
	eventstore.Type[delivery.StatusHeard]("delivery.status_heard"),
	eventstore.Type[delivery.CommentHeard]("delivery.comment_heard"),
	eventstore.Type[delivery.Unheard]("delivery.unheard"),
	eventstore.Type[delivery.HeardAgain]("delivery.heard_again"),
	eventstore.Type[delivery.Released]("delivery.released"),
	eventstore.Type[delivery.Rerouted]("delivery.rerouted"),
	eventstore.Type[delivery.Ended]("delivery.ended"),
	eventstore.Type[delivery.WordsErased]("delivery.words_erased"),
)
