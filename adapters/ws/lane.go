package ws

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"ticketd/projections"
)

// packet is a notice with its JSON.
type packet struct {
	projections.Notice
	text []byte
}

// batch is what the log brought at a time: the notices, and how far the log has been read for them.
type batch struct {
	packets []packet
	upto    int64
}

// everything is the topic of those who want every notice of their organization.
var everything = uuid.Nil

// topic is one thing to follow. The organization is part of it, so that no notice can cross over.
type topic struct {
	org uuid.UUID
	id  uuid.UUID // a ticket, or everything
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
			for _, p := range b.packets {
				l.tell(p)
			}
			l.mu.Lock()
			l.position = b.upto
			l.mu.Unlock()
		}
	}
}

// tell routes one notice. Whoever follows everything and the ticket too is told once.
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
