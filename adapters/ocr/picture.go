package ocr

import (
	"context"
	"image"
	"math"

	"ticketd/commands"
	"ticketd/domain/file"
)

const (
	// mostArea is how many pixels of a picture the engine is shown, in bands: full of print they take it a minute and a half.
	mostArea = 16_000_000
	// usualArea is what the first pass is shown of a picture of unknown print, between its own size and twice that: small
	// pictures have small letters, and those of large screens are large already.
	usualArea = 6_000_000
	// engineSide is the longest side that the engine takes.
	engineSide = 32_000
	// leastSide is the shortest side that can hold a letter, and that the engine does not stumble over.
	leastSide = 8
	// wordHeight is how tall, in pixels, words are read best; mostScale is what still adds something to small ones.
	wordHeight, mostScale = 24, 4
	// plainlyRead is how sure the engine is of a page of which a second pass would better about a character in a
	// hundred.
	plainlyRead = 0.88
	// poorlyRead is how sure it is, at most, of what stands on its head or lies on its side.
	poorlyRead = 0.75
	// fewLetters is what it may make of a page on its side, however sure it is.
	fewLetters = 20
	// surelyTurned is how sure it must be of an orientation. Drawn screens gave it 12 to 15, the same with tiny letters 0.3.
	surelyTurned = 1.0
	// mostlyFlat is the share of a screen that is of one colour; of a photograph it is hardly anything.
	mostlyFlat = 0.4
)

// picture reads a file that is a picture.
func (r *Reader) picture(ctx context.Context, path, mimeType string, progress commands.ReadProgress) (file.Reading, error) {
	reading, err := r.reading(ctx)
	if err != nil {
		return file.Reading{}, err
	}
	progress(2, "opening the picture")
	source, err := r.decode(ctx, path, mimeType)
	if err != nil {
		return file.Reading{}, err
	}
	reading.Width, reading.Height, reading.Notes = source.grey.Rect.Dx(), source.grey.Rect.Dy(), source.notes
	if reading.Width*reading.Height > r.most {
		reading.Notes = append(reading.Notes, "The picture was made smaller before it was read; very small print may be missing.")
	}
	seen, err := r.see(ctx, source.grey, progress)
	if err != nil {
		return file.Reading{}, err
	}
	reading.Text = text(seen.blocks())
	reading.Regions = seen.regions(seen.blocks(), 0)
	reading.Confidence = confidence(seen.pieces)
	if len(seen.pieces) == 0 {
		reading.Notes = append(reading.Notes, "No text was found in the picture.")
	}
	return reading, nil
}

// confidence is the engine's own, the mean over all characters, or nil without any.
func confidence(all []piece) *float64 {
	characters, sure := sums(all)
	if characters == 0 {
		return nil
	}
	return new(sure / float64(characters))
}

// units is how many units of a page's coordinates are a pixel: boxes of passes of different sizes are compared in them.
const units = 4

// page is a picture made level, with what was read of it.
type page struct {
	toSource affine // from units of the level page to pixels of the picture that see was given
	bounds   image.Rectangle
	pieces   []piece
}

// blocks answers the pieces in reading order.
func (p page) blocks() []block { return blocks(p.pieces) }

// regions answers where each piece stands in the picture.
func (p page) regions(all []block, at float64) []file.Region {
	var regions []file.Region
	for _, b := range all {
		for _, row := range b {
			for _, piece := range row {
				characters, sure := piece.characters()
				box := p.toSource.box(piece.box).Intersect(p.bounds)
				regions = append(regions, file.Region{
					Text: piece.text(), Confidence: sure / float64(characters),
					X: box.Min.X, Y: box.Min.Y, Width: box.Dx(), Height: box.Dy(), At: at,
				})
			}
		}
	}
	return regions
}

// see finds the text in a picture.
func (r *Reader) see(ctx context.Context, source *image.Gray, progress commands.ReadProgress) (page, error) {
	if min(source.Rect.Dx(), source.Rect.Dy()) < leastSide {
		return page{}, nil
	}
	upright := prepared(source, 0, r.most)
	progress(10, "first pass")
	seen, err := r.firstPass(ctx, upright)
	if err != nil {
		return page{}, err
	}
	characters, sure := sums(seen)
	onItsSide := standing(seen)
	if onItsSide || characters < fewLetters || sure < poorlyRead*float64(characters) {
		progress(45, "looking for the right way up")
		quarters, certain, err := r.turnOf(ctx, upright.drawn(upright.paper, upright.firstScale()))
		if err != nil {
			return page{}, err
		}
		if quarters != 0 && certain >= surelyTurned {
			turned := prepared(source, quarters, r.most)
			again, err := r.firstPass(ctx, turned)
			if err != nil {
				return page{}, err
			}
			if _, surer := sums(again); onItsSide || surer > sure {
				upright, seen = turned, again
			}
		}
	}
	if !upright.flat || !plain(seen) {
		progress(60, "second pass")
		second, err := r.secondPass(ctx, upright, seen)
		if err != nil {
			return page{}, err
		}
		seen = merged(seen, second)
	}
	return page{toSource: upright.toSource.after(affine{1.0 / units, 0, 0, 0, 1.0 / units, 0}), bounds: source.Rect, pieces: seen}, nil
}

// plain reports whether nothing much can be missing from what was read.
func plain(seen []piece) bool {
	characters, sure := sums(seen)
	return characters > 0 && sure >= plainlyRead*float64(characters)
}

// firstPass reads the page as paper.
func (r *Reader) firstPass(ctx context.Context, l level) ([]piece, error) {
	return r.read(ctx, l, l.paper, l.firstScale(), otsu)
}

// secondPass reads the page as it is, at the scale that suits what the first has found.
func (r *Reader) secondPass(ctx context.Context, l level, seen []piece) ([]piece, error) {
	scale := l.firstScale()
	if height := heightOf(seen); height > 0 {
		scale = l.possible(min(max(wordHeight*units/float64(height), scale), mostScale))
	}
	return r.read(ctx, l, l.grey, scale, sauvola)
}

// read shows the engine the level page at a scale, and answers what it read in units of the page.
func (r *Reader) read(ctx context.Context, l level, of *image.Gray, scale float64, method string) ([]piece, error) {
	var found []word
	lines := 0
	for _, b := range bands(l.drawn(of, scale), r.band) {
		words, err := r.pass(ctx, b.Gray, method)
		if err != nil {
			return nil, err
		}
		before := lines
		for _, w := range words {
			w.box, w.line = w.box.Add(image.Pt(0, b.top)), before+w.line
			lines = max(lines, w.line+1)
			found = append(found, w)
		}
	}
	unit := func(v int) int { return int(math.Round(float64(v) / scale * units)) }
	for i, w := range found {
		found[i].box = image.Rect(unit(w.box.Min.X), unit(w.box.Min.Y), unit(w.box.Max.X), unit(w.box.Max.Y))
	}
	return pieces(found), nil
}
