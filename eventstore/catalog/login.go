package catalog

import (
	"ticketd/domain/login"
	"ticketd/eventstore"
)

var loginEvents = []eventstore.Entry{
	eventstore.Type[login.Claimed]("login.claimed"),
	eventstore.Type[login.Released]("login.released"),
}
