package commands_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/domain/ticket"
	"ticketd/eventstore"
)

// cabinet is a desk where people upload. Whatever lies outside the log is in memory, and each part can be out of order.
type cabinet struct {
	*desk
	files      commands.Files
	uploads    commands.Uploads
	processing commands.Processing
	member     domain.Actor

	mu       sync.Mutex
	kept     map[string][]byte // the store
	claimed  []string
	readings map[uuid.UUID][]byte
	broken   map[string]error
	virus    string
	scanned  int
	category file.Category
	made     map[file.Stage]func(ctx context.Context, s commands.Source, p commands.ReadProgress) (file.Reading, error)
	jobs     []commands.FileJob
	runs     []int
}

func newCabinet(t *testing.T, limits ...commands.UploadLimits) *cabinet {
	t.Helper()
	c := &cabinet{
		desk: newDesk(t), kept: map[string][]byte{}, readings: map[uuid.UUID][]byte{}, broken: map[string]error{}, category: file.Image,
		made: map[file.Stage]func(context.Context, commands.Source, commands.ReadProgress) (file.Reading, error){},
	}
	id := newUserID()
	c.member = domain.Actor{Type: domain.ByUser, ID: id.UUID, User: id, Role: domain.Member}
	limit := commands.UploadLimits{Size: 100}
	if len(limits) > 0 {
		limit = limits[0]
	}
	c.files = commands.NewFiles(c.log)
	c.uploads = commands.NewUploads(c.files, c.tickets, cellar{c}, c, c, c, limit)
	readers := map[file.Stage]commands.Reader{}
	for _, stage := range []file.Stage{file.Validation, file.OCR, file.Extraction} {
		readers[stage] = reader{c, stage}
	}
	c.processing = commands.NewProcessing(c.files, c, shelf{c}, readers, slog.New(slog.DiscardHandler))
	return c
}

func (c *cabinet) outOfOrder(part string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken[part]
}

type staged struct {
	content []byte
	closed  bool
}

func (s *staged) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(s.content).ReadAt(p, at)
}
func (s *staged) Size() int64       { return int64(len(s.content)) }
func (s *staged) SHA256() [32]byte  { return sha256.Sum256(s.content) }
func (s *staged) Reader() io.Reader { return bytes.NewReader(s.content) }
func (s *staged) Close() error      { s.closed = true; return nil }

// cellar implements commands.Blobs.
type cellar struct{ *cabinet }

func (c cellar) Stage(_ context.Context, r io.Reader, most int64) (commands.Staged, error) {
	if err := c.outOfOrder("stage"); err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > most {
		return nil, commands.ErrTooLarge
	}
	return &staged{content: content}, nil
}

func (c cellar) Keep(_ context.Context, key string, s commands.Staged) error {
	if err := c.outOfOrder("keep"); err != nil {
		return err
	}
	content, err := io.ReadAll(s.Reader())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept[key] = content
	return err
}

// shelf implements commands.Readings.
type shelf struct{ *cabinet }

func (s shelf) Keep(_ context.Context, _ domain.OrgID, id uuid.UUID, _ domain.FileID, _ file.Stage, content []byte) error {
	if err := s.outOfOrder("readings"); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readings[id] = content
	return nil
}

func (s shelf) Drop(_ context.Context, _ domain.OrgID, id uuid.UUID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.readings, id)
	return nil
}

// Fetch implements commands.Sources.
func (c *cabinet) Fetch(_ context.Context, key string) (string, func(), error) {
	if err := c.outOfOrder("fetch"); err != nil {
		return "", nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.kept[key]), func() {}, nil
}

// Inspect implements commands.FileTypes.
func (c *cabinet) Inspect(context.Context, io.ReaderAt, int64, string, string) (string, file.Category, error) {
	return "image/png", c.category, c.outOfOrder("types")
}

// Scan implements commands.Scanner.
func (c *cabinet) Scan(_ context.Context, r io.Reader) (string, error) {
	c.scanned++
	if _, err := io.Copy(io.Discard, r); err != nil {
		return "", err
	}
	return c.virus, c.outOfOrder("scan")
}

// Claim implements commands.Ledger.
func (c *cabinet) Claim(_ context.Context, _ domain.OrgID, key string, _ int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.claimed = append(c.claimed, key)
	return c.broken["claim"]
}

// Enqueue implements commands.FileJobs.
func (c *cabinet) Enqueue(_ context.Context, job commands.FileJob, _ file.Category, run int) error {
	c.jobs, c.runs = append(c.jobs, job), append(c.runs, run)
	return c.outOfOrder("jobs")
}

// Of implements commands.AttachedTickets, slowly and obviously right.
func (c *cabinet) Of(ctx context.Context, org domain.OrgID, id domain.FileID) ([]uuid.UUID, error) {
	if err := c.outOfOrder("tickets"); err != nil {
		return nil, err
	}
	events, err := c.log.Read(ctx, eventstore.Query{Org: org.UUID, Types: []string{"ticket.attached", "ticket.commented"}})
	var found []uuid.UUID
	for _, r := range events {
		var attachments []ticket.Attachment
		switch e := r.Event.(type) {
		case ticket.Attached:
			attachments = e.Attachments
		case ticket.Commented:
			attachments = e.Attachments
		}
		if slices.Contains(attachments, ticket.Attachment{FileID: id}) && !slices.Contains(found, r.Stream) {
			found = append(found, r.Stream)
		}
	}
	return found, err
}

// reader makes a stage as the test says, or at once.
type reader struct {
	*cabinet
	stage file.Stage
}

func (r reader) Read(ctx context.Context, s commands.Source, p commands.ReadProgress) (file.Reading, error) {
	if how := r.made[r.stage]; how != nil {
		return how(ctx, s, p)
	}
	return file.Reading{Text: string(r.stage) + " of " + s.Path, Engine: "test"}, nil
}

func (c *cabinet) by(a domain.Actor) commands.Request {
	return commands.Request{Org: c.org, By: a, Correlation: "upload", Causation: "upload"}
}

func fileID() domain.FileID { return domain.FileID{UUID: commands.NewID()} }

// upload takes bytes in as the member.
func (c *cabinet) upload(id domain.FileID, content string, d commands.Details) (eventstore.Stream, error) {
	c.t.Helper()
	in, err := c.uploads.Begin(c.t.Context(), c.by(c.member), id, "shot.png", int64(len(content)), strings.NewReader(content))
	if err != nil {
		return eventstore.Stream{}, err
	}
	defer func() { require.NoError(c.t, in.Close()) }()
	return c.uploads.Finish(c.t.Context(), c.by(c.member), in, d)
}

// uploaded is a file of the member's that waits to be read.
func (c *cabinet) uploaded() domain.FileID {
	c.t.Helper()
	id := fileID()
	_, err := c.upload(id, "pixels", commands.Details{})
	require.NoError(c.t, err)
	return id
}

func (c *cabinet) facts(id uuid.UUID) []string {
	c.t.Helper()
	s, err := c.log.Load(c.t.Context(), c.org.UUID, id)
	require.NoError(c.t, err)
	var names []string
	for _, r := range s.Events {
		names = append(names, strings.TrimPrefix(r.Type, "file."))
	}
	return names
}

// last answers the last fact of a kind about a file.
func last[E file.Event](c *cabinet, id domain.FileID) E {
	c.t.Helper()
	s, err := c.log.Load(c.t.Context(), c.org.UUID, id.UUID)
	require.NoError(c.t, err)
	for _, r := range slices.Backward(s.Events) {
		if e, ok := r.Event.(E); ok {
			return e
		}
	}
	c.t.Fatal("there is no such fact")
	var none E
	return none
}

func (c *cabinet) reading(id uuid.UUID) (r file.Reading) {
	c.t.Helper()
	require.NoError(c.t, json.Unmarshal(c.readings[id], &r))
	return r
}
