package ws

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"ticketd/eventstore"
	"ticketd/projections"
)

// packet is a notice with its JSON.
type packet struct {
	projections.Notice
	text []byte
}

// batch is what the log brought at a time. Its notices are made when the first lane has somebody to tell, because that
// asks the database whose own the events are about; most instances hold no socket for most organizations.
type batch struct {
	events  []eventstore.Recorded
	packets func() map[int64]packet // by position; made once
}

// everything is the topic of those who want every notice of their organization.
var everything = uuid.Nil

// topic is one thing to follow. The organization is part of it, so that no notice can cross over.
type topic struct {
	org uuid.UUID
	id  uuid.UUID // a ticket, a job, or everything
}

// lane is a share of the sockets: what they follow, and how far in the log they have been told.
type lane struct {
	feed chan batch

	mu       sync.Mutex // also guards what socket says it does
	position int64
	topics   map[topic]map[*socket]struct{}
}

func newLane() *lane {
	return &lane{feed: make(chan batch, 4), topics: map[topic]map[*socket]struct{}{}}
}

func (l *lane) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case b := <-l.feed:
			for _, e := range b.events {
				if !l.followed(e) {
					continue
				}
				if p, made := b.packets()[e.Position]; made {
					l.tell(p)
				} else {
					l.pass(e)
				}
			}
		}
	}
}

// followed reports whether anybody here follows what the event is about; if nobody does, it has been passed. Whoever
// begins to follow later is told of it or not by the position they began at.
func (l *lane) followed(e eventstore.Recorded) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.topics[topic{e.Org, everything}]) > 0 || len(l.topics[topic{e.Org, e.Stream}]) > 0 {
		return true
	}
	l.position = e.Position
	return false
}

// pass notes that there is nothing to tell about an event.
func (l *lane) pass(e eventstore.Recorded) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.position = e.Position
}

// tell routes one notice. Whoever follows everything and its topic too is told once.
func (l *lane) tell(p packet) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.position = p.Position
	all := l.topics[topic{p.Org.UUID, everything}]
	for k := range all {
		k.tell(p)
	}
	for k := range l.topics[topic{p.Org.UUID, p.Topic}] {
		if _, told := all[k]; !told {
			k.tell(p)
		}
	}
}

// add and remove need l.mu.
func (l *lane) add(t topic, k *socket) {
	followers := l.topics[t]
	if followers == nil {
		followers = map[*socket]struct{}{}
		l.topics[t] = followers
	}
	followers[k] = struct{}{}
}

func (l *lane) remove(t topic, k *socket) {
	delete(l.topics[t], k)
	if len(l.topics[t]) == 0 {
		delete(l.topics, t)
	}
}
