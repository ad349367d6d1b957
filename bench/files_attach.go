package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ticketd/domain"
	"ticketd/domain/file"
	"ticketd/eventstore"
	"ticketd/projections"
)

// attached is how many uploads are referred to at a time.
const attached = 50

// benchAttachments measures how long it takes to see whether a ticket may refer to so many uploads. The limit is a
// statement that does nothing, over the same connections.
func (w *filesWorld) benchAttachments(ctx context.Context, o options, sizes filesSizes, out io.Writer) error {
	ids, err := w.fillFiles(ctx, sizes.rows)
	if err != nil {
		return err
	}
	c, err := connect(ctx, w.real.address, w.member)
	if err != nil {
		return err
	}
	defer c.close()
	creator, err := w.attachTo(c, ids[:attached])
	if err != nil {
		return err
	}
	anyone := func() []domain.FileID { return pick(ids) }
	same := func() []domain.FileID { return ids[:attached] }
	lines := []struct {
		what, target string
		measure      func() (sample, error)
		of           *series
	}{
		{"limit: SELECT 1", "", func() (sample, error) { return w.selectOne(ctx, o.span) }, &series{}},
		{"validation for who may see all", "5", func() (sample, error) { return w.missing(ctx, o.span, domain.Admin, creator, anyone) }, &series{}},
		{"validation for a member, who sees them through a ticket", "5", func() (sample, error) { return w.missing(ctx, o.span, domain.Member, creator, same) }, &series{}},
		{"POST /tickets/{id}/attachments, all of it", "", func() (sample, error) { return w.attach(c, o.span, anyone) }, &series{}},
	}
	for range o.rounds {
		var limit sample
		for i, line := range lines {
			measured, err := line.measure()
			if err != nil {
				return err
			}
			if i == 0 {
				limit = measured
			}
			line.of.add(measured, limit)
		}
	}
	results := newTable("what", "p50 ms:", "p99 ms:", "p50 to the limit's:", "target ms:")
	for _, line := range lines {
		results.add(line.what, ms(line.of.p50()), ms(line.of.p99()), ratio(float64(line.of.p50())/float64(lines[0].of.p50())), line.target)
	}
	results.write(out, "Attachments", fmt.Sprintf("%d uploads are attached, of %d that there are; one connection.", attached, len(ids)))
	return nil
}

// fillFiles makes rows of uploads that somebody else has made, and that are read. They are not in the log, where the program
// would want to read them.
func (w *filesWorld) fillFiles(ctx context.Context, files int) ([]domain.FileID, error) {
	ids, streams := make([]domain.FileID, files), make([]eventstore.Stream, files)
	uploader := domain.UserID{UUID: uuid.New()}
	for i := range files {
		ids[i].UUID = uuid.Must(uuid.NewV7())
		s := eventstore.Stream{Org: w.org.UUID, ID: ids[i].UUID}
		for _, event := range []any{
			file.Uploaded{UploadedBy: uploader, Filename: fmt.Sprintf("page%d.png", i), Size: 1000, MIMEType: "image/png", Category: file.Image, ContentHash: uuid.NewString()},
			file.Processed{Outcome: file.AllCompleted},
		} {
			s.Events = append(s.Events, eventstore.Recorded{
				Org: s.Org, Stream: s.ID, Version: len(s.Events) + 1, Type: file.Decider.Category + ".", At: time.Now().UTC(), Event: event,
			})
		}
		streams[i] = s
	}
	fill := projections.Fill([]projections.Projection{projections.NewFiles(w.pool).Projection()})
	err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error { return fill(ctx, tx, streams) })
	if err == nil {
		_, err = w.pool.Exec(ctx, `VACUUM ANALYZE files`)
	}
	return ids, err
}

// pick answers as many of the ids as are attached, none twice.
func pick(ids []domain.FileID) []domain.FileID {
	picked := make([]domain.FileID, 0, attached)
	for len(picked) < min(attached, len(ids)) {
		if id := ids[rand.IntN(len(ids))]; !slices.Contains(picked, id) { //nolint:gosec // which ones makes no difference
			picked = append(picked, id)
		}
	}
	return picked
}

// selectOne is how long a statement takes that does nothing.
func (w *filesWorld) selectOne(ctx context.Context, span time.Duration) (sample, error) {
	return drive(ctx, 1, span, func(ctx context.Context, _ int) error {
		var one int
		return w.pool.QueryRow(ctx, `SELECT 1`).Scan(&one)
	})
}

// missing is how long the look for uploads takes that are all there.
func (w *filesWorld) missing(ctx context.Context, span time.Duration, role domain.Role, user domain.UserID, ids func() []domain.FileID) (sample, error) {
	files := projections.NewFiles(w.pool)
	by := domain.Actor{Type: domain.ByUser, ID: user.UUID, User: user, Role: role}
	return drive(ctx, 1, span, func(ctx context.Context, _ int) error {
		missing, err := files.Missing(ctx, w.org, by, ids())
		if err == nil && len(missing) > 0 {
			err = fmt.Errorf("%d uploads are missing", len(missing))
		}
		return err
	})
}

// attachTo makes a ticket that refers to uploads, and answers who made it.
func (*filesWorld) attachTo(c *client, ids []domain.FileID) (domain.UserID, error) {
	ticket, err := c.create("/api/v1/tickets", newTicket(""))
	if err != nil {
		return domain.UserID{}, err
	}
	var shown struct {
		CreatedBy struct {
			ID uuid.UUID `json:"id"`
		} `json:"created_by"`
	}
	err = c.do(http.MethodPost, "/api/v1/tickets/"+ticket+"/attachments", attachments(ids), http.StatusOK, func(r io.Reader) error {
		return json.NewDecoder(r).Decode(&shown)
	})
	return domain.UserID{UUID: shown.CreatedBy.ID}, err
}

// attach is how long the request takes, each on a ticket of its own.
func (*filesWorld) attach(c *client, span time.Duration, ids func() []domain.FileID) (sample, error) {
	var took []time.Duration
	for end := time.Now().Add(span); time.Now().Before(end); {
		ticket, err := c.create("/api/v1/tickets", newTicket(""))
		if err != nil {
			return sample{}, err
		}
		body := attachments(ids())
		start := time.Now()
		if err := c.do(http.MethodPost, "/api/v1/tickets/"+ticket+"/attachments", body, http.StatusOK, nil); err != nil {
			return sample{}, err
		}
		took = append(took, time.Since(start))
	}
	return summary(took, span), nil
}

// attachments is the body that attaches uploads.
func attachments(ids []domain.FileID) string {
	body := []byte(`{"attachments":[`)
	for i, id := range ids {
		if i > 0 {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `{"file_id":%q}`, id)
	}
	return string(append(body, "]}"...))
}
