package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/google/uuid"

	"ticketd/domain"
	"ticketd/domain/delivery"
	"ticketd/domain/file"
)

// goneBefore is what is noted of a file that was never sent.
const goneBefore = "The file was gone before it could be sent."

// attach sends a file by the vendor's own way for attachments. One that the vendor does not take is linked, and said so.
func (w *deliveryWork) attach(ctx context.Context, id uuid.UUID, done *delivery.Done) error {
	known, err := w.files.State(ctx, w.request.Org, id)
	if err != nil {
		return err
	}
	if !known.Uploaded || known.Quarantined || known.Deleted || known.Erased {
		done.Note = goneBefore
		return nil
	}
	p := &sending{w: w, ctx: ctx, file: id, size: known.Size}
	attachment := Attachment{
		File: id, Name: known.Filename, Type: known.MIMEType, Size: known.Size, Link: w.link(file.URL(domain.FileID{UUID: id}, known.Filename)), Sent: p.sent,
		Open: func(ctx context.Context) (io.ReadSeekCloser, error) {
			return w.OpenBlob(ctx, file.BlobKey(w.request.Org, known.ContentHash))
		},
	}
	err = w.with(ctx, func(c Connection) error {
		receipt, err := c.Attach(ctx, w.ref(), attachment)
		receipt.tell(done)
		return err
	})
	if trouble, ok := errors.AsType[*VendorError](err); ok && trouble.Kind == TooLarge {
		return w.linkInstead(ctx, attachment, trouble, done)
	}
	return err
}

// linkInstead says where the file is that the vendor does not take.
func (w *deliveryWork) linkInstead(ctx context.Context, a Attachment, why *VendorError, done *delivery.Done) error {
	where := "It is kept with the ticket it belongs to."
	if a.Link != "" {
		where = "It is kept here: " + a.Link
	}
	text := fmt.Sprintf("%s (%s) could not be attached. %s %s", a.Name, bytesInWords(a.Size), why.Message, where)
	err := w.say(ctx, Note{Comment: a.File, Text: text, Link: a.Link}, done)
	done.Linked, done.Note = true, why.Message
	return err
}

func bytesInWords(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

// Progress of a file is told every tenth of it, and once a second at most.
const (
	toldEvery = 10 // percent
	toldAfter = time.Second
)

// sending tells how far a file is on its way.
type sending struct {
	w    *deliveryWork
	ctx  context.Context //nolint:containedctx // of the one call that it listens to
	file uuid.UUID
	size int64

	mu   sync.Mutex
	told int
	at   time.Time
}

func (p *sending) sent(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.w.Clock()
	if p.size == 0 || bytes >= p.size || p.at.IsZero() { // a small file is there before anybody could look
		p.at = now
		return
	}
	percent := int(bytes * 100 / p.size)
	if percent < p.told+toldEvery || now.Sub(p.at) < toldAfter {
		return
	}
	p.told, p.at = percent, now
	// How far it is matters to those who watch, not to the file.
	_, _ = p.w.deliveries.Handle(p.ctx, p.w.request, p.w.id, delivery.Progress{File: p.file, Percent: min(percent, 99)})
}
