package ocr

import "image"

const (
	// bandArea is how many pixels the engine is shown at once of what is more than three times as large, so not of usual
	// screens. The time it takes grows faster than the letters: 16 megapixels of usual print took it more than
	// ten minutes, a quarter of them 20 seconds.
	bandArea = usualArea / 3
	// seamReach is how far, in pixels, from where a cut would be best it may be, and seamMargin what it keeps from letters.
	seamReach, seamMargin = 100, 4
)

// band is a part of a picture, as wide as it.
type band struct {
	*image.Gray

	top int // where in the picture it begins
}

// bands cuts a picture between its lines into bands of about so many pixels. One that is not much larger stays whole.
func bands(src *image.Gray, area int) []band {
	width, height := src.Rect.Dx(), src.Rect.Dy()
	count := 1
	if width*height > 3*area {
		count = min((width*height+area-1)/area, max(1, height/(4*seamReach)))
	}
	var all []band
	top := 0
	for i := range count {
		bottom := height
		if i+1 < count {
			bottom = seam(src, (i+1)*height/count)
		}
		all = append(all, band{
			Gray: &image.Gray{Pix: src.Pix[top*src.Stride : bottom*src.Stride], Stride: src.Stride, Rect: image.Rect(0, 0, width, bottom-top)},
			top:  top,
		})
		top = bottom
	}
	return all
}

// seam answers the row near a row around which there is the least ink.
func seam(src *image.Gray, near int) int {
	from := near - seamReach
	ink := make([]int, 2*seamReach) // edges in each row: letters have many, wherever they stand
	for i := range ink {
		line := src.Pix[(from+i)*src.Stride:][:src.Rect.Dx()]
		for x := 1; x < len(line); x++ {
			step := int(line[x]) - int(line[x-1])
			ink[i] += max(step, -step)
		}
	}
	best, least := near, -1
	for i := seamMargin; i < len(ink)-seamMargin; i++ {
		sum := 0
		for _, v := range ink[i-seamMargin : i+seamMargin] {
			sum += v
		}
		if least < 0 || sum < least {
			best, least = from+i, sum
		}
	}
	return best
}
