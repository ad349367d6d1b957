package ocr

import "image"

const (
	// flatSide is the side of the square, in pixels, that is of one colour in a background and not in a letter.
	flatSide = 6
	// flatStep is the greatest difference, of 255, within one colour.
	flatStep = 6
)

// flattened draws everything dark on white, by how much it differs from the colour behind it: white words on a
// blue button become like the rest of the page. What is behind a letter is the nearest flat colour in its row. It
// answers as well which share of the picture is flat; rows without any stay as they are.
//
// The race detector is spared its loop over all pixels, which takes it ten times as long: nobody else has them.
//
//go:norace
func flattened(src *image.Gray) (paper *image.Gray, share float64) {
	width, height := src.Rect.Dx(), src.Rect.Dy()
	dst := image.NewGray(src.Rect)
	flat := flatOf(src)
	behind := make([]int, width)
	marked := 0
	for y := range height {
		line, out, ground := src.Pix[y*src.Stride:][:width], dst.Pix[y*dst.Stride:][:width], flat[y*width:][:width]
		left := -1
		for x := range line {
			if ground[x] {
				left = x
				marked++
			}
			behind[x] = left
		}
		right := -1
		for x := width - 1; x >= 0; x-- {
			if ground[x] {
				right = x
			}
			from := behind[x]
			if from < 0 || (right >= 0 && right-x < x-from) {
				from = right
			}
			if from < 0 {
				out[x] = line[x]
				continue
			}
			d := int(line[x]) - int(line[from])
			out[x] = uint8(max(0, 255-2*max(d, -d))) //nolint:gosec // held between 0 and 255
		}
	}
	return dst, float64(marked) / float64(len(flat))
}

// flatOf marks the pixels that lie in a square of one colour.
//
// The race detector is spared its loop over all pixels, which takes it ten times as long: nobody else has them.
//
//go:norace
func flatOf(src *image.Gray) []bool {
	width, height := src.Rect.Dx(), src.Rect.Dy()
	flat := make([]bool, width*height)
	// tall[x] is in how many rows, down to this one, a run of one colour ends at x.
	tall := make([]int, width)
	for y := range height {
		line := src.Pix[y*src.Stride:][:width]
		start := 0
		for x := range line {
			step := int(line[x]) - int(line[start])
			if x > 0 && (step > flatStep || step < -flatStep) {
				start = x
			}
			up := 0
			if y > 0 {
				up = int(line[x]) - int(src.Pix[(y-1)*src.Stride+x])
			}
			switch {
			case x-start+1 < flatSide:
				tall[x] = 0
			case up > flatStep || up < -flatStep:
				tall[x] = 1
			default:
				tall[x]++
			}
			if tall[x] >= flatSide {
				for j := range flatSide {
					row := flat[(y-j)*width+x-flatSide+1:]
					for i := range flatSide {
						row[i] = true
					}
				}
			}
		}
	}
	return flat
}
