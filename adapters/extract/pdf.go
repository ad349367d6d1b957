package extract

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ticketd/commands"
	"ticketd/domain/file"
	"ticketd/internal/child"
)

const (
	// pagesMost is how many pages of a PDF are read, scansMost how many of them are drawn to read them from the picture.
	pagesMost = 500
	scansMost = 50
	// bytesMost is how many bytes of text a PDF may give: characters have four at most.
	bytesMost = 4 * textMost
	// saysMost is how many bytes of what a PDF says of itself are looked at.
	saysMost = 1 << 20
)

// What the programs may take. A page that is drawn is a picture, and pictures of pages are large.
var (
	askLimits  = child.Limits{Time: 30 * time.Second, CPU: 20 * time.Second, Memory: 512 << 20}
	textLimits = child.Limits{Time: 2 * time.Minute, CPU: time.Minute, Memory: 768 << 20}
	drawLimits = child.Limits{Time: time.Minute, CPU: 40 * time.Second, Memory: 768 << 20}
)

// pdf reads a PDF, its scanned pages from their pictures.
func (r *Reader) pdf(ctx context.Context, s commands.Source, progress commands.ReadProgress) (file.Reading, error) {
	var d draft
	sizes, err := r.pdfAbout(ctx, s.Path, &d)
	if err != nil {
		return file.Reading{}, err
	}
	texts, cut, err := r.pdfTexts(ctx, s.Path)
	if err != nil {
		return file.Reading{}, err
	}
	scans := scans{r: r, path: s.Path, sizes: sizes, progress: progress, pages: len(texts)}
	if err := scans.read(ctx, texts, &d); err != nil {
		return file.Reading{}, err
	}
	for _, text := range texts {
		if d.full {
			break
		}
		d.write(text)
		d.turn("")
	}
	d.full = d.full || cut
	engine := r.pdfVersion(ctx)
	if scans.engine != "" {
		engine += ", " + scans.engine
	}
	answer := d.reading(engine)
	answer.Language, answer.Confidence = scans.language, scans.mean()
	return answer, nil
}

// pdfTexts answers the text of each page, and whether there is more than is kept. In reading order, not as it stands on
// the paper: on paper the lines of columns stand beside each other, and no sentence of them would be found.
func (r *Reader) pdfTexts(ctx context.Context, path string) (texts []string, cut bool, err error) {
	out := child.Beginning{Most: bytesMost}
	err = child.Run(ctx, child.Command{
		Name:   r.programs.Text,
		Args:   []string{"-q", "-enc", "UTF-8", "-eol", "unix", "-l", strconv.Itoa(pagesMost), path, "-"},
		Stdout: &out,
		Limits: textLimits,
	})
	if err != nil {
		return nil, false, pdfVerdict(err)
	}
	texts = strings.Split(strings.ToValidUTF8(string(whole(out.Kept.Bytes())), "\ufffd"), "\f")
	if out.Over {
		return texts, true, nil
	}
	return texts[:len(texts)-1], false, nil // each page ends with a form feed
}

// pdfFacts are the lines in which pdfinfo tells what a PDF says of itself.
var pdfFacts = map[string]string{
	"Title": "title", "Subject": "subject", "Keywords": "keywords", "Author": "author", "Creator": "creator",
	"Producer": "producer", "CreationDate": "created", "ModDate": "modified", "PDF version": "pdf_version",
}

// size is that of a page, in points.
type size struct{ width, height float64 }

// pdfAbout keeps what a PDF says of itself, and answers the sizes of its first pages.
func (r *Reader) pdfAbout(ctx context.Context, path string, d *draft) ([]size, error) {
	said, err := child.Output(ctx, child.Command{
		Name:   r.programs.Info,
		Args:   []string{"-enc", "UTF-8", "-isodates", "-f", "1", "-l", strconv.Itoa(pagesMost), path},
		Limits: askLimits,
	}, saysMost)
	if err != nil {
		return nil, pdfVerdict(err)
	}
	var sizes []size
	pages := 0
	for line := range strings.Lines(string(said)) {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if fact, ok := pdfFacts[name]; ok && d.facts[fact] == "" {
			d.fact(fact, value)
		}
		// A title may have several lines; what is true of the pages stands below it.
		if name == "Pages" {
			pages, sizes = number(value), nil
		}
		var n int
		var page size
		if found, _ := fmt.Sscanf(line, "Page %d size: %f x %f pts", &n, &page.width, &page.height); found == 3 {
			sizes = append(sizes, page)
		}
	}
	d.fact("pages", strconv.Itoa(pages))
	if pages > pagesMost {
		d.note(fmt.Sprintf("Only the first %d of %d pages were read.", pagesMost, pages))
	}
	return sizes, nil
}

// number answers a whole number, 0 if it is none.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

// pdfVerdict answers what it means that a program of poppler did not answer.
func pdfVerdict(err error) error {
	if missing, ok := errors.AsType[*child.MissingError](err); ok {
		return &file.SkippedError{Reason: "Reading a PDF needs " + missing.Program + ", which is not installed here."}
	}
	exit, ok := errors.AsType[*child.ExitError](err)
	switch {
	case !ok || !strings.HasPrefix(exit.State, "exit status"):
		return err
	case strings.Contains(exit.Said, "Incorrect password"):
		return &file.SkippedError{Reason: "The PDF is protected by a password."}
	}
	return errDamaged
}

// pdfVersion answers the name and the version of what reads PDFs, without the version if it does not tell.
func (r *Reader) pdfVersion(ctx context.Context) string {
	r.asked.Lock()
	defer r.asked.Unlock()
	if r.version != "" {
		return r.version
	}
	// It tells on stderr, which nobody keeps of a program that ends well.
	said, err := child.Output(ctx, child.Command{
		Name:   "sh",
		Args:   []string{"-c", `exec "$0" -v 2>&1`, r.programs.Text},
		Limits: askLimits,
	}, saysMost)
	words := strings.Fields(string(said))
	if err != nil || len(words) < 3 {
		return "pdftotext"
	}
	r.version = "pdftotext " + words[2]
	return r.version
}
