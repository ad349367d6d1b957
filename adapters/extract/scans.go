package extract

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"ticketd/commands"
	"ticketd/domain/file"
	"ticketd/internal/child"
)

const (
	// drawnAt is the resolution of pages that are read from their pictures, in dots an inch: characters of ten points
	// are 28 dots high, which engines like.
	drawnAt = 200
	// dotsMost is how many dots the picture of a page may have: pages may be as large as houses.
	dotsMost = 16 << 20
)

// scans reads the pages of a PDF that are pictures.
type scans struct {
	r        *Reader
	path     string
	sizes    []size
	progress commands.ReadProgress
	pages    int

	engine, language string
	sure             []float64 // how sure the engine was of a page
	done             int       // pages
}

// read fills in the text of the pages that have none. What is in the way of a page is noted; of all, it is why the PDF
// is not read.
func (s *scans) read(ctx context.Context, texts []string, d *draft) error {
	var scanned []int
	for i, text := range texts {
		if strings.TrimSpace(text) == "" {
			scanned = append(scanned, i)
		}
	}
	if len(scanned) == 0 {
		return nil
	}
	folder, err := os.MkdirTemp(s.r.temporary, "pages-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	for n, i := range first(scanned, scansMost) {
		s.progress(100*n/min(len(scanned), scansMost), fmt.Sprintf("page %d of %d", i+1, s.pages))
		texts[i], err = s.page(ctx, folder, i)
		if skipped, ok := errors.AsType[*file.SkippedError](err); ok {
			if len(scanned) == len(texts) && s.done == 0 {
				return skipped
			}
			d.note("The scanned pages were not read: " + skipped.Reason)
			break
		}
		if broken, ok := errors.AsType[*file.BrokenError](err); ok {
			d.note(fmt.Sprintf("Page %d was not read: %s", i+1, broken.Reason))
			continue
		}
		if err != nil {
			return err
		}
		s.done++
	}
	if s.done > 0 {
		d.note(fmt.Sprintf("%d of %d pages are scanned; %d were read from their pictures.", len(scanned), len(texts), s.done))
	}
	return nil
}

// page draws a page and reads the picture.
func (s *scans) page(ctx context.Context, folder string, i int) (string, error) {
	if s.r.pictures == nil {
		return "", &file.SkippedError{Reason: "Nothing that reads pictures is set up here."}
	}
	name := filepath.Join(folder, "page")
	page := strconv.Itoa(i + 1)
	err := child.Run(ctx, child.Command{
		Name:   s.r.programs.Draw,
		Args:   []string{"-q", "-gray", "-png", "-singlefile", "-r", strconv.Itoa(s.resolution(i)), "-f", page, "-l", page, s.path, name},
		Limits: drawLimits,
	})
	if missing, ok := errors.AsType[*child.MissingError](err); ok {
		return "", &file.SkippedError{Reason: "Scanned pages need " + missing.Program + ", which is not installed here."}
	}
	if _, ok := errors.AsType[*child.ExitError](err); ok {
		return "", &file.BrokenError{Reason: "It cannot be drawn."}
	}
	if err != nil {
		return "", err
	}
	picture := name + ".png"
	if _, err := os.Stat(picture); err != nil {
		return "", &file.BrokenError{Reason: "It cannot be drawn."}
	}
	defer func() { _ = os.Remove(picture) }()
	answer, err := s.r.pictures(ctx, picture)
	if err != nil {
		return "", err
	}
	s.engine = answer.Engine
	if s.language == "" {
		s.language = answer.Language
	}
	if answer.Confidence != nil {
		s.sure = append(s.sure, *answer.Confidence)
	}
	return answer.Text, nil
}

// resolution answers at how many dots an inch a page is drawn.
func (s *scans) resolution(i int) int {
	if i >= len(s.sizes) {
		return drawnAt
	}
	const points = 72 // an inch
	inches := s.sizes[i].width / points * s.sizes[i].height / points
	if inches*drawnAt*drawnAt <= dotsMost {
		return drawnAt
	}
	return max(1, int(math.Sqrt(dotsMost/inches)))
}

// mean answers how sure the engine was of the pages, nil if it did not say.
func (s *scans) mean() *float64 {
	if len(s.sure) == 0 {
		return nil
	}
	sum := 0.0
	for _, one := range s.sure {
		sum += one
	}
	return new(sum / float64(len(s.sure)))
}
