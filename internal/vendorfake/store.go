package vendorfake

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"maps"
	"slices"
	"time"
)

// Ticket is a ticket as the vendor keeps it.
type Ticket struct {
	ID          string
	Title       string
	Description string
	Status      string // a value of the mapping
	Priority    string
	Labels      []string
	Comments    []Comment // the oldest first
	Files       []File    // the oldest first
	Deleted     bool
	Own         map[string]string // what else the vendor keeps of it
	Made        time.Time
	Changed     time.Time
	Last        Happening
}

// Comment is somebody's words on a ticket.
type Comment struct {
	ID       string
	Author   string
	Text     string
	Internal bool
	Own      map[string]string
	At       time.Time
}

// File is a file of a ticket. Its bytes are counted and forgotten.
type File struct {
	ID     string
	Name   string
	Size   int64
	SHA256 string // hexadecimal
	Own    map[string]string
	At     time.Time
}

// What may happen to a ticket.
const (
	Made      = "made"
	Changed   = "changed"
	Moved     = "moved"
	Commented = "commented"
	Filed     = "filed"
	Deleted   = "deleted"
)

// Happening is what happened to a ticket last.
type Happening struct {
	What   string
	ID     string // of the comment or the file
	Author string // empty: our own account
	From   string // of what was moved: the status before
}

// tickets are what the vendor keeps.
type tickets struct {
	all    []*Ticket
	byID   map[string]*Ticket
	counts map[string]int
}

func (t *tickets) init() { t.byID, t.counts = map[string]*Ticket{}, map[string]int{} }

// Count answers the next number of a series: 1, 2, 3.
func (b *Base) Count(series string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tickets.counts[series]++
	return b.tickets.counts[series]
}

// Add keeps a new ticket.
func (b *Base) Add(t Ticket) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.Made = time.Now()
	t.Changed, t.Last = t.Made, Happening{What: Made}
	kept := t.clone()
	b.tickets.all = append(b.tickets.all, &kept)
	b.tickets.byID[t.ID] = &kept
}

// Change changes a ticket, unless there is none, or it is deleted. f must not call the Base. Comments and files that it adds
// are given their time.
func (b *Base) Change(id string, h Happening, f func(t *Ticket)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.tickets.byID[id]
	if t == nil || t.Deleted {
		return false
	}
	f(t)
	t.Changed, t.Last = time.Now(), h
	for i := range t.Comments {
		if t.Comments[i].At.IsZero() {
			t.Comments[i].At = t.Changed
		}
	}
	for i := range t.Files {
		if t.Files[i].At.IsZero() {
			t.Files[i].At = t.Changed
		}
	}
	return true
}

// Delete lets a person delete a ticket.
func (b *Base) Delete(id string) {
	b.Change(id, Happening{What: Deleted, Author: "Somebody"}, func(t *Ticket) { t.Deleted = true })
}

// Ticket answers a ticket. false: there is none. One that was deleted is there, and says so.
func (b *Base) Ticket(id string) (Ticket, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.tickets.byID[id]
	if t == nil {
		return Ticket{}, false
	}
	return t.clone(), true
}

// Tickets lists the tickets in the order they were made, the deleted ones among them.
func (b *Base) Tickets() []Ticket {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]Ticket, len(b.tickets.all))
	for i, t := range b.tickets.all {
		all[i] = t.clone()
	}
	return all
}

// Read answers a file of these bytes, which it reads to their end. Errors: those of r.
func Read(id, name string, r io.Reader) (File, error) {
	digest := sha256.New()
	size, err := io.Copy(digest, r)
	return File{ID: id, Name: name, Size: size, SHA256: hex.EncodeToString(digest.Sum(nil))}, err
}

func (t *Ticket) clone() Ticket {
	c := *t
	c.Labels, c.Own = slices.Clone(t.Labels), maps.Clone(t.Own)
	c.Comments, c.Files = slices.Clone(t.Comments), slices.Clone(t.Files)
	for i := range c.Comments {
		c.Comments[i].Own = maps.Clone(c.Comments[i].Own)
	}
	for i := range c.Files {
		c.Files[i].Own = maps.Clone(c.Files[i].Own)
	}
	return c
}
