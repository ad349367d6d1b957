package catalog

import (
	"ticketd/domain/backtest"
	"ticketd/eventstore"
)

var backtestEvents = []eventstore.Entry{
	eventstore.Type[backtest.Started]("backtest.started"),
	eventstore.Type[backtest.Judged]("backtest.judged"),
	eventstore.Type[backtest.Completed]("backtest.completed"),
	eventstore.Type[backtest.Stopped]("backtest.stopped"),
	eventstore.Type[backtest.Cancelled]("backtest.cancelled"),
}
