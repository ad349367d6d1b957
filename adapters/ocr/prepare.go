package ocr

import (
	"image"
	"math"
)

// level is a picture turned upright, dark on light, and how to draw it with its lines level.
type level struct {
	grey, paper *image.Gray // the same picture; in paper, all that stands on a flat colour is dark on white
	flat        bool        // paper is more than a copy
	size        image.Point // of the level page, in pixels of grey
	toGrey      affine      // from the level page to grey
	toSource    affine      // from the level page to the picture it was made of
	most        int         // pixels it is drawn with
}

// prepared makes a picture ready to be read in so many pixels at most, after so many quarter turns clockwise.
func prepared(source *image.Gray, quarters, most int) level {
	how := clockwise[quarters]
	toSource := how.toSource(source.Rect.Size())
	grey, shrink := fitted(oriented(source, how), most)
	if dark(grey) {
		grey = negated(grey)
	}
	skew := skewOf(grey) * math.Pi / 180
	sin, cos := math.Sincos(skew)
	w, h := float64(grey.Rect.Dx()), float64(grey.Rect.Dy())
	width, height := w*cos+h*math.Abs(sin), w*math.Abs(sin)+h*cos
	toGrey := affine{cos, -sin, (w - cos*width + sin*height) / 2, sin, cos, (h - sin*width - cos*height) / 2}
	paper, share := flattened(grey)
	return level{
		grey: grey, paper: paper, flat: share >= mostlyFlat,
		size:   image.Pt(int(math.Round(width)), int(math.Round(height))),
		toGrey: toGrey, toSource: toSource.after(shrink).after(toGrey), most: most,
	}
}

// fitted makes a picture smaller that has more pixels than that, and answers the way back.
func fitted(src *image.Gray, most int) (*image.Gray, affine) {
	area := src.Rect.Dx() * src.Rect.Dy()
	if area <= most {
		return src, affine{1, 0, 0, 0, 1, 0}
	}
	scale := math.Sqrt(float64(area) / float64(most))
	back := affine{scale, 0, 0, 0, scale, 0}
	return resampled(src, back, max(1, int(float64(src.Rect.Dx())/scale)), max(1, int(float64(src.Rect.Dy())/scale))), back
}

// dark reports whether most of a picture is darker than the middle.
func dark(src *image.Gray) bool {
	count := 0
	for _, v := range src.Pix {
		if v < 128 {
			count++
		}
	}
	return 2*count > len(src.Pix)
}

// firstScale is how much larger the first pass sees the page.
func (l level) firstScale() float64 {
	return l.possible(min(max(math.Sqrt(usualArea/float64(l.size.X*l.size.Y)), 1), 2))
}

// possible answers the scale, or the largest that the engine can take.
func (l level) possible(scale float64) float64 {
	return min(scale, math.Sqrt(float64(l.most)/float64(l.size.X*l.size.Y)), engineSide/float64(max(l.size.X, l.size.Y)))
}

// drawn draws the level page at a scale.
func (l level) drawn(of *image.Gray, scale float64) *image.Gray {
	return resampled(of, l.toGrey.after(affine{1 / scale, 0, 0, 0, 1 / scale, 0}),
		max(1, int(float64(l.size.X)*scale)), max(1, int(float64(l.size.Y)*scale)))
}
