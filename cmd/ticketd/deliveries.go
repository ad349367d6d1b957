package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"ticketd/adapters/http"
	"ticketd/adapters/postgres"
	"ticketd/commands"
	"ticketd/domain"
	"ticketd/projections"
)

const (
	// lookEvery is how often is looked for what is due. What becomes due in this process is looked at at once.
	lookEvery = time.Second
	// checkEvery is how often each integration is checked.
	checkEvery = 5 * time.Minute
	// atATime is how many tickets of an account are under way: enough to use the limits of any vendor, few enough to be no burst.
	atATime = 4
)

// deliveries is what brings tickets to integrations, and back what is said there.
type deliveries struct {
	rows       *projections.Deliveries
	commands   commands.Deliveries
	dispatcher *commands.Dispatcher
	queue      commands.DeliveryQueue
}

func (p *program) wireDeliveries(tickets commands.Tickets, users *projections.Users) {
	d := &p.deliveries
	queue := &wakingQueue{DeliveryQueue: postgres.DeliveryQueue{Pool: p.pool}}
	d.queue = queue
	d.commands = commands.NewDeliveries(p.store, commands.DeliveryParts{
		Tickets: tickets, Integrations: p.integrations.commands, Queue: queue, People: contacts{users}, OpenBlob: p.files.openBlob,
		Address: strings.TrimSuffix(p.config.PublicURL, "/"), Clock: time.Now, Pauses: p.config.deliveryPauses,
	})
	d.dispatcher = commands.NewDispatcher(d.commands, p.integrations.commands, queue, commands.DispatchOptions{
		Accounts: p.config.DeliveryWorkers, AtATime: atATime, Life: p.config.Lease, Look: lookEvery, CheckEvery: checkEvery, Log: p.log,
	})
	queue.woken = d.dispatcher.Wake
}

// run brings what is due up to date until ctx ends.
func (d *deliveries) run(ctx context.Context) { d.dispatcher.Run(ctx) }

func (d *deliveries) routes() http.Deliver { return http.Deliver{Deliveries: d.commands, Rows: d.rows} }

// wakingQueue tells this process's dispatcher what was asked for here.
type wakingQueue struct {
	commands.DeliveryQueue

	woken func()
}

// Wake implements commands.DeliveryQueue.
func (q *wakingQueue) Wake(ctx context.Context, job commands.DeliveryJob) error {
	defer q.woken()
	return q.DeliveryQueue.Wake(ctx, job)
}

// contacts knows how to name members to vendors.
type contacts struct{ users *projections.Users }

// Contact implements commands.Contacts.
func (c contacts) Contact(ctx context.Context, org domain.OrgID, id domain.UserID) (commands.Person, error) {
	row, err := c.users.Find(ctx, org, id)
	if errors.Is(err, projections.ErrNoUser) {
		return commands.Person{}, nil
	}
	name := row.FullName
	if name == "" {
		name = row.Username
	}
	return commands.Person{Name: name, Email: row.Email}, err
}
