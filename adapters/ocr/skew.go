package ocr

import (
	"image"
	"math"
)

const (
	// mostSkew is how far, in degrees, a hand tilts a page that it means to be straight.
	mostSkew = 6.0
	// leastSkew is not worth drawing the picture anew: the engine reads it as it is.
	leastSkew = 0.25
	// stroke is the least step between two neighbouring pixels, of 255, at the edge of a letter.
	stroke = 48
	// skewArea is how many pixels show how the lines lie.
	skewArea = 1 << 20
)

// skewOf answers by how many degrees the lines of a picture fall to the right. It turns the edges of letters until
// they gather in as few rows as can be.
func skewOf(src *image.Gray) float64 {
	side := max(1, int(math.Ceil(math.Sqrt(float64(src.Rect.Dx()*src.Rect.Dy())/skewArea))))
	small := src
	if side > 1 {
		small = shrunk(src, side)
	}
	width, height := small.Rect.Dx(), small.Rect.Dy()
	var edges []image.Point
	for y := range height {
		line := small.Pix[y*small.Stride : y*small.Stride+width]
		for x := 1; x < width; x++ {
			if step := int(line[x]) - int(line[x-1]); step > stroke || step < -stroke {
				edges = append(edges, image.Pt(x, y))
			}
		}
	}
	rows := make([]int, height+2*width+2)
	gathered := func(degrees float64) (sum int) {
		clear(rows)
		slope := math.Tan(degrees * math.Pi / 180)
		for _, p := range edges {
			rows[int(float64(p.Y)-slope*float64(p.X))+width]++
		}
		for _, n := range rows {
			sum += n * n
		}
		return sum
	}
	straight := gathered(0)
	best, most := 0.0, straight
	for _, step := range []float64{0.5, 0.1} {
		around := best
		for i := -int(mostSkew / 0.5); i <= int(mostSkew/0.5); i++ {
			degrees := around + float64(i)*step
			if sum := gathered(degrees); math.Abs(degrees) <= mostSkew && sum > most {
				best, most = degrees, sum
			}
		}
	}
	if math.Abs(best) < leastSkew || float64(most) < 1.1*float64(straight) {
		return 0
	}
	return best
}
