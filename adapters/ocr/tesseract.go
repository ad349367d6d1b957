package ocr

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"strconv"
	"strings"

	"ticketd/internal/child"
)

const (
	// engineMemory is address space; a page of 16 megapixels of text was seen to hold 200 MB.
	engineMemory = 2 << 30
	// answerMost is far more than the engine writes about a page of the smallest print.
	answerMost = 32 << 20
)

// The engine's ways to tell ink from ground.
const (
	otsu    = "0" // one border for the whole picture
	sauvola = "2" // a border for the neighbourhood of each pixel
)

// word is a word where the engine found it.
type word struct {
	text       string
	confidence float64 // from 0 to 1
	box        image.Rectangle
	line       int // the engine's: words of one line have the same
}

// pass asks the engine for the words of a picture, in pixels of it.
func (r *Reader) pass(ctx context.Context, picture *image.Gray, method string) ([]word, error) {
	out, err := r.tesseract(ctx, picture, "--psm", "3", "-l", strings.Join(r.languages, "+"), "-c", "thresholding_method="+method, "tsv")
	if err != nil {
		return nil, unable(err)
	}
	return words(string(out)), nil
}

// turnOf asks the engine how many quarters clockwise make a picture upright, and how sure it is. It ends badly
// when it sees too few letters, so a bad end means that it does not know.
func (r *Reader) turnOf(ctx context.Context, picture *image.Gray) (quarters int, sure float64, err error) {
	out, err := r.tesseract(ctx, picture, "--psm", "0", "-l", "osd")
	if _, ok := errors.AsType[*child.ExitError](err); ok {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, unable(err)
	}
	quarters, sure = turn(string(out))
	return quarters, sure, nil
}

// turn reads the engine's answer about the orientation. What is no number counts as not known.
func turn(answer string) (quarters int, sure float64) {
	for line := range strings.Lines(answer) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		number, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil:
		case name == "Rotate":
			quarters = int(number) / 90 & 3
		case name == "Orientation confidence":
			sure = number
		}
	}
	return quarters, sure
}

// engineVersion answers the engine's version, and asks for it once.
func (r *Reader) engineVersion(ctx context.Context) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.version == "" {
		out, err := child.Output(ctx, child.Command{
			Name: r.programs.tesseract, Args: []string{"--version"},
			Limits: child.Limits{Time: r.limit, CPU: r.limit, Memory: engineMemory},
		}, answerMost)
		if err != nil {
			return "", unable(err)
		}
		fields := strings.Fields(string(out))
		if len(fields) < 2 {
			return "", fmt.Errorf("read text with OCR: %s tells no version", r.programs.tesseract)
		}
		r.version = fields[1]
	}
	return r.version, nil
}

// tesseract runs the engine on a picture. The picture goes through a pipe, in the format that costs nothing to write.
func (r *Reader) tesseract(ctx context.Context, picture *image.Gray, args ...string) ([]byte, error) {
	header := fmt.Sprintf("P5\n%d %d\n255\n", picture.Rect.Dx(), picture.Rect.Dy())
	return child.Output(ctx, child.Command{
		Name:   r.programs.tesseract,
		Args:   append([]string{"stdin", "stdout"}, args...),
		Env:    []string{"OMP_THREAD_LIMIT=1"}, // its threads wait for each other more than they work
		Stdin:  io.MultiReader(strings.NewReader(header), bytes.NewReader(picture.Pix)),
		Limits: child.Limits{Time: r.limit, CPU: r.limit, Memory: engineMemory},
	}, answerMost)
}

// oneHyphen mends what the engine makes of a hyphen that is wider than those it was taught.
var oneHyphen = strings.NewReplacer("-—", "-", "—-", "-")

// words reads the engine's table: a row for each word, whose eleventh column is how sure it is. Rows of pages, blocks and
// lines have no text, and what is no row is left out.
func words(table string) []word {
	var all []word
	lines := make(map[string]int)
	for row := range strings.Lines(table) {
		cells := strings.SplitN(strings.TrimRight(row, "\r\n"), "\t", 12)
		if len(cells) < 12 || strings.TrimSpace(cells[11]) == "" {
			continue
		}
		var numbers [5]float64
		var bad error
		for i := range numbers {
			number, err := strconv.ParseFloat(cells[6+i], 64)
			numbers[i], bad = number, errors.Join(bad, err)
		}
		if bad != nil || numbers[4] < 0 {
			continue
		}
		key := strings.Join(cells[1:5], " ")
		if _, known := lines[key]; !known {
			lines[key] = len(lines)
		}
		left, top, width, height := int(numbers[0]), int(numbers[1]), int(numbers[2]), int(numbers[3])
		all = append(all, word{
			text: oneHyphen.Replace(strings.TrimSpace(cells[11])), confidence: min(numbers[4], 100) / 100,
			box: image.Rect(left, top, left+width, top+height), line: lines[key],
		})
	}
	return all
}
