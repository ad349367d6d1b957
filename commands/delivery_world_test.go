package commands_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/domain/file"
	"ticketd/domain/integration"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
	"ticketd/eventstore/catalog"
)

// post is a helpdesk with a vendor to send tickets to. Both are in memory; the vendor does as it is told, and errs as it is told.
type post struct {
	*testing.T
	log          *eventstore.Memory
	org          domain.OrgID
	ann          domain.Actor
	tickets      commands.Tickets
	integrations commands.Integrations
	deliveries   commands.Deliveries
	vendor       *vendor
	queue        *tray
	line         commands.DeliveryQueue // instead of queue
	now          time.Time
	live         bool // the time is what it is, and not now
	blobs        map[string]string
}

func newPost(t *testing.T) *post {
	t.Helper()
	id := newUserID()
	p := &post{
		T: t, log: eventstore.NewMemory(catalog.Codec), org: domain.OrgID{UUID: commands.NewID()}, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
		ann: domain.Actor{Type: domain.ByUser, ID: id.UUID, User: id, Role: domain.Admin}, vendor: &vendor{}, queue: &tray{}, blobs: map[string]string{},
	}
	p.line = p.queue
	p.over(p.log)
	return p
}

// over has the program work on another log.
func (p *post) over(log eventstore.Log) *post {
	q := *p
	q.tickets = commands.NewTickets(log, &q, &q, &numbers{})
	platforms := map[integration.Platform]commands.Platform{}
	for _, platform := range integration.Platforms {
		platforms[platform] = p.vendor
	}
	q.integrations = commands.NewIntegrations(log, commands.IntegrationParts{
		Vault: safe{}, Checks: safe{}, Platforms: platforms, Now: p.clock, Logger: slog.New(slog.DiscardHandler),
	})
	q.deliveries = commands.NewDeliveries(log, commands.DeliveryParts{
		Tickets: q.tickets, Integrations: q.integrations, Queue: p.line, People: &q, Address: "https://help.example", Clock: p.clock,
		Pauses: commands.DefaultPauses, OpenBlob: func(_ context.Context, key string) (io.ReadSeekCloser, error) {
			return blob{strings.NewReader(p.blobs[key])}, nil
		},
	})
	p.tickets, p.integrations, p.deliveries = q.tickets, q.integrations, q.deliveries
	return &q
}

func (p *post) clock() time.Time {
	if p.live {
		return time.Now()
	}
	return p.now
}

type blob struct{ *strings.Reader }

func (blob) Close() error { return nil }

// numbers gives out the same number again and again: nobody looks at it here.
type numbers struct{}

func (*numbers) Next(context.Context, domain.OrgID) (int64, error) { return 42, nil }

// Missing implements commands.AttachableFiles.
func (*post) Missing(context.Context, domain.OrgID, domain.Actor, []domain.FileID) ([]domain.FileID, error) {
	return nil, nil
}

// Active implements commands.Members.
func (*post) Active(context.Context, domain.OrgID, domain.UserID) (bool, error) { return true, nil }

// Contact implements commands.Contacts.
func (p *post) Contact(_ context.Context, _ domain.OrgID, id domain.UserID) (commands.Person, error) {
	if id == p.ann.User {
		return commands.Person{Name: "Ann", Email: "ann@example.org"}, nil
	}
	return commands.Person{}, nil
}

// safe is a vault that holds the same for everybody.
type safe struct{}

func (safe) Put(context.Context, domain.OrgID, uuid.UUID, map[string]string) (bool, error) {
	return true, nil
}

func (safe) Read(context.Context, domain.OrgID, uuid.UUID) (commands.Credentials, error) {
	return commands.Credentials{Fields: map[string]string{"email": "a@b.c", "api_token": "t"}}, nil
}

func (s safe) Change(ctx context.Context, org domain.OrgID, id uuid.UUID, change func(context.Context, commands.Credentials) (*commands.Credentials, error)) (commands.Credentials, error) {
	held, _ := s.Read(ctx, org, id)
	if _, err := change(ctx, held); err != nil {
		return commands.Credentials{}, err
	}
	return held, nil
}

func (s safe) Renew(ctx context.Context, org domain.OrgID, id uuid.UUID, _ integration.Platform, change func(context.Context, commands.Credentials) (*commands.Credentials, error)) (commands.Credentials, error) {
	return s.Change(ctx, org, id, change)
}

func (safe) Destroy(context.Context, domain.OrgID, uuid.UUID) error            { return nil }
func (safe) Checked(context.Context, domain.OrgID, uuid.UUID, time.Time) error { return nil }

func (p *post) by(who domain.Actor) commands.Request {
	return commands.Request{Org: p.org, By: who, Correlation: "req-1", Causation: "req-1"}
}

// connected is an integration that can be used.
func (p *post) connected(config integration.Config) uuid.UUID {
	p.Helper()
	id := commands.NewID()
	config.Name, config.Settings = "Jira", map[string]string{"project_key": "HELP"}
	_, err := p.integrations.Connect(p.Context(), p.by(p.ann), id, integration.Connect{Platform: integration.Jira, AuthType: integration.APIKey, Config: config},
		map[string]string{"email": "a@b.c", "api_token": "t"})
	require.NoError(p, err)
	_, err = p.integrations.Check(p.Context(), p.by(p.ann), id)
	require.NoError(p, err)
	return id
}

// upload is a file of so many bytes.
func (p *post) upload(name, content string) domain.FileID {
	p.Helper()
	id := domain.FileID{UUID: commands.NewID()}
	hash := fmt.Sprintf("%064x", len(p.blobs)+1)
	p.blobs[file.BlobKey(p.org, hash)] = content
	_, err := p.log.Append(p.Context(), eventstore.Metadata{}, eventstore.Write{Stream: eventstore.Stream{Org: p.org.UUID, ID: id.UUID}, Events: []any{
		file.Uploaded{UploadedBy: p.ann.User, Filename: name, Size: int64(len(content)), MIMEType: "image/png", Category: file.Image, ContentHash: hash},
	}})
	require.NoError(p, err)
	return id
}

// opened is a ticket that shall live with the integration too, and its delivery.
func (p *post) opened(to uuid.UUID, files ...domain.FileID) (ticket.ID, uuid.UUID) {
	p.Helper()
	id := ticket.ID{UUID: commands.NewID()}
	open := ticket.OpenTicket{
		Content: ticket.Content{Title: "VPN", Description: "It is down.", Priority: ticket.High, Category: "bug"}, Integration: to, Send: true, By: p.ann,
	}
	for _, f := range files {
		open.Attachments = append(open.Attachments, ticket.Attachment{FileID: f})
	}
	_, err := p.tickets.Handle(p.Context(), p.by(p.ann), id, open)
	require.NoError(p, err)
	p.react()
	return id, delivery.IDOf(to, id.UUID)
}

func (p *post) do(id ticket.ID, cmd ticket.Command) {
	p.Helper()
	_, err := p.tickets.Handle(p.Context(), p.by(p.ann), id, cmd)
	require.NoError(p, err)
}

// react has every fact reacted to, from the first: reactions are harmless to repeat.
func (p *post) react() {
	p.Helper()
	events, err := p.log.Read(p.Context(), eventstore.Query{Org: p.org.UUID, Limit: 10_000})
	require.NoError(p, err)
	for _, reaction := range []commands.Reaction{commands.DeliverTickets(p.deliveries, p), commands.GoOnByHand(p.deliveries), commands.WatchIntegrations(p.line)} {
		for _, r := range events {
			if slices.Contains(reaction.Facts, r.Type) {
				require.NoError(p, reaction.React(p.Context(), r))
			}
		}
	}
}

// OfTicket implements commands.TicketDeliveries.
func (p *post) OfTicket(ctx context.Context, org domain.OrgID, id uuid.UUID) (list []uuid.UUID, err error) {
	events, err := p.log.Read(ctx, eventstore.Query{Org: org.UUID, Types: []string{"delivery.begun"}, Limit: 10_000})
	for _, r := range events {
		if e, ok := r.Event.(delivery.Begun); ok && e.Ticket == id {
			list = append(list, e.Integration)
		}
	}
	return list, err
}

// deliver looks at a delivery once.
func (p *post) deliver(id uuid.UUID, hear bool) commands.Next {
	p.Helper()
	next, err := p.deliveries.Deliver(p.Context(), commands.DeliveryJob{Org: p.org, Delivery: id, Hear: hear})
	require.NoError(p, err)
	return next
}

// heard is what was noted of whether the vendor tells how a ticket stands.
func (p *post) heard(id uuid.UUID) (facts []any) {
	p.Helper()
	stream, err := p.log.Load(p.Context(), p.org.UUID, id)
	require.NoError(p, err)
	for _, r := range stream.Events {
		switch r.Event.(type) {
		case delivery.Unheard, delivery.HeardAgain:
			facts = append(facts, r.Event)
		}
	}
	return facts
}

// requireDone requires that nothing is left to do.
func (p *post) requireDone(next commands.Next, why ...any) {
	p.Helper()
	next.Answered = false
	require.Zero(p, next, why...)
}

// later looks again and again, each time when it shall be looked, until nothing is left to do.
func (p *post) later(id uuid.UUID) {
	p.Helper()
	for range 100 {
		next := p.deliver(id, false)
		if next.At.IsZero() {
			return
		}
		p.now = next.At
	}
	require.Fail(p, "it never ends")
}

func (p *post) state(id uuid.UUID) delivery.State {
	p.Helper()
	stream, err := p.log.Load(p.Context(), p.org.UUID, id)
	require.NoError(p, err)
	var s delivery.State
	for _, r := range stream.Events {
		e, ok := r.Event.(delivery.Event)
		require.True(p, ok)
		s = delivery.Evolve(s, e)
	}
	return s
}

func (p *post) ticketState(id ticket.ID) ticket.State {
	p.Helper()
	stream, err := p.log.Load(p.Context(), p.org.UUID, id.UUID)
	require.NoError(p, err)
	var s ticket.State
	for _, r := range stream.Events {
		e, ok := r.Event.(ticket.Event)
		require.True(p, ok)
		s = ticket.Evolve(s, e)
	}
	return s
}

// tray is a queue that remembers what it was asked.
type tray struct {
	mu      sync.Mutex
	woken   []commands.DeliveryJob
	resumed []uuid.UUID
	watched []uuid.UUID
}

func (s *tray) Wake(_ context.Context, job commands.DeliveryJob) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.woken = append(s.woken, job)
	return nil
}

func (s *tray) Resume(_ context.Context, _ domain.OrgID, id uuid.UUID) error {
	s.resumed = append(s.resumed, id)
	return nil
}

func (s *tray) Watch(_ context.Context, a commands.AccountRef) error {
	s.watched = append(s.watched, a.Integration)
	return nil
}

func (s *tray) Unwatch(_ context.Context, a commands.AccountRef) error {
	s.watched = slices.DeleteFunc(s.watched, func(id uuid.UUID) bool { return id == a.Integration })
	return nil
}

func (*tray) WakeAll(context.Context, commands.AccountRef) error         { return nil }
func (*tray) Rest(context.Context, commands.AccountRef, time.Time) error { return nil }

func (*tray) Claim(context.Context, uuid.UUID, time.Duration, int) ([]commands.AccountRef, error) {
	return nil, nil
}

func (*tray) Keep(context.Context, uuid.UUID, time.Duration) ([]uuid.UUID, error) { return nil, nil }
func (*tray) GiveBack(context.Context, uuid.UUID, commands.AccountRef) error      { return nil }
func (*tray) Settle(context.Context, commands.DeliveryJob) error                  { return nil }
func (*tray) Later(context.Context, commands.DeliveryJob, time.Time) error        { return nil }

func (*tray) Due(context.Context, commands.AccountRef, int, []uuid.UUID) ([]commands.DeliveryJob, error) {
	return nil, nil
}

func (*tray) ClaimCheck(context.Context, time.Duration) (commands.AccountRef, bool, error) {
	return commands.AccountRef{}, false, nil
}

// vendor keeps tickets. Before it does something it answers the first of its troubles, if there is any; one that is Unsure comes
// after it was done.
type vendor struct {
	mu       sync.Mutex
	tickets  []*vendorTicket
	troubles []error
	did      []string // in order
	ever     error    // after the troubles
	took     time.Duration
	count    int // of what it was asked
	checked  int
	illness  error // that a check finds
	panics   bool
	sought   []commands.Mark
}

func (v *vendor) always(err error) { v.mu.Lock(); defer v.mu.Unlock(); v.ever = err }

func (v *vendor) takes(d time.Duration) { v.mu.Lock(); defer v.mu.Unlock(); v.took = d }

func (v *vendor) ill(err error) { v.mu.Lock(); defer v.mu.Unlock(); v.illness = err }

func (v *vendor) asked() int { v.mu.Lock(); defer v.mu.Unlock(); return v.count }

func (v *vendor) checks() int { v.mu.Lock(); defer v.mu.Unlock(); return v.checked }

type vendorTicket struct {
	id       string
	mark     uuid.UUID
	draft    commands.Draft
	status   string
	comments []commands.RemoteComment
	files    map[uuid.UUID]string
}

var errUnsure = &commands.VendorError{Kind: commands.Down, Message: "The connection was lost.", Unsure: true}

func trouble(kind commands.VendorErrorKind) error {
	return &commands.VendorError{Kind: kind, Message: "It is " + string(kind) + "."}
}

// err is what the vendor answers to the next thing it is asked, and do does it unless it was refused.
func (v *vendor) err(ctx context.Context, what string, do func()) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.count++
	if v.panics {
		panic("what a vendor said")
	}
	took := v.took
	v.mu.Unlock()
	if took > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(took):
		}
	}
	v.mu.Lock()
	if took > 0 && ctx.Err() != nil {
		return ctx.Err()
	}
	err := v.ever
	if len(v.troubles) > 0 {
		err, v.troubles = v.troubles[0], v.troubles[1:]
	}
	trouble, _ := errors.AsType[*commands.VendorError](err)
	if err == nil || trouble != nil && trouble.Unsure {
		do()
		v.did = append(v.did, what)
	}
	return err
}

func (v *vendor) find(id string) *vendorTicket {
	for _, t := range v.tickets {
		if t.id == id {
			return t
		}
	}
	return &vendorTicket{}
}

func (v *vendor) Create(ctx context.Context, d commands.Draft) (r commands.Receipt, err error) {
	return r, v.err(ctx, "create", func() {
		t := &vendorTicket{id: fmt.Sprintf("HELP-%d", len(v.tickets)+1), mark: d.Ticket, draft: d, status: d.Status, files: map[uuid.UUID]string{}}
		v.tickets = append(v.tickets, t)
		r = commands.Receipt{ID: t.id, Place: "HELP", URL: "https://jira.example/" + t.id}
	})
}

func (v *vendor) Update(ctx context.Context, ref commands.Ref, d commands.Draft) error {
	return v.err(ctx, "update", func() { v.find(ref.ID).draft = d })
}

func (v *vendor) SetStatus(ctx context.Context, ref commands.Ref, status string) error {
	return v.err(ctx, "status "+status, func() { v.find(ref.ID).status = status })
}

func (v *vendor) Comment(ctx context.Context, ref commands.Ref, n commands.Note) (r commands.Receipt, err error) {
	return r, v.err(ctx, "comment "+n.Text, func() {
		t := v.find(ref.ID)
		r.ID = fmt.Sprintf("c%d", len(t.comments)+1)
		t.comments = append(t.comments, commands.RemoteComment{ID: r.ID, Ours: n.Comment, Author: n.Author, Text: n.Text})
	})
}

func (v *vendor) Attach(ctx context.Context, ref commands.Ref, a commands.Attachment) (r commands.Receipt, err error) {
	return r, v.err(ctx, "attach "+a.Name, func() {
		content, err := a.Open(ctx)
		if err != nil {
			return
		}
		all, _ := io.ReadAll(content)
		for sent := range int64(11) {
			a.Sent(sent * a.Size / 10)
		}
		v.find(ref.ID).files[a.File], r.ID = string(all), a.Name
	})
}

func (v *vendor) Find(ctx context.Context, m commands.Mark) (r commands.Receipt, found bool, err error) {
	return r, found, v.err(ctx, "find "+string(m.Kind), func() {
		v.sought = append(v.sought, m)
		for _, t := range v.tickets {
			switch {
			case m.Kind == commands.TicketMark && t.mark == m.Key:
				r, found = commands.Receipt{ID: t.id, Place: "HELP", URL: "https://jira.example/" + t.id}, true
			case m.Kind == commands.AttachmentMark && t.id == m.Ref.ID && t.files[m.Key] != "":
				r, found = commands.Receipt{ID: m.Name}, true
			case m.Kind == commands.CommentMark && t.id == m.Ref.ID:
				for _, c := range t.comments {
					if c.Ours == m.Key {
						r, found = commands.Receipt{ID: c.ID}, true
					}
				}
			}
		}
	})
}

func (v *vendor) Fetch(ctx context.Context, ref commands.Ref) (r commands.Remote, err error) {
	return r, v.err(ctx, "fetch", func() { r = commands.Remote{Status: v.find(ref.ID).status, Comments: v.find(ref.ID).comments} })
}

func (v *vendor) Check(context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.checked++
	if v.panics {
		panic("what a vendor said")
	}
	return v.illness
}

func (v *vendor) Open(commands.Account) commands.Connection                  { return v }
func (v *vendor) Verify(commands.Account, commands.Webhook) error            { return nil }
func (v *vendor) Consent(commands.Account, commands.Consent) (string, error) { return "", nil }

func (v *vendor) Hear(commands.Account, commands.Webhook) (commands.Heard, error) {
	return commands.Heard{}, nil
}

func (v *vendor) Exchange(context.Context, commands.Account, string, commands.Consent) (commands.Renewal, error) {
	return commands.Renewal{}, nil
}

func (v *vendor) Renew(context.Context, commands.Account) (commands.Renewal, error) {
	return commands.Renewal{}, trouble(commands.Revoked)
}
