package ocr

import (
	"image"
	"math"
)

// affine maps points of one picture to another: x' = a·x + b·y + c, y' = d·x + e·y + f.
type affine struct{ a, b, c, d, e, f float64 }

// at answers where a point comes to lie.
func (m affine) at(x, y float64) (float64, float64) { return m.a*x + m.b*y + m.c, m.d*x + m.e*y + m.f }

// after answers the map that does before first and m then.
func (m affine) after(before affine) affine {
	c, f := m.at(before.c, before.f)
	return affine{
		m.a*before.a + m.b*before.d, m.a*before.b + m.b*before.e, c,
		m.d*before.a + m.e*before.d, m.d*before.b + m.e*before.e, f,
	}
}

// box answers the upright rectangle around a mapped one.
func (m affine) box(r image.Rectangle) image.Rectangle {
	left, top, right, bottom := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, corner := range [4]image.Point{r.Min, {r.Max.X, r.Min.Y}, r.Max, {r.Min.X, r.Max.Y}} {
		x, y := m.at(float64(corner.X), float64(corner.Y))
		left, right, top, bottom = min(left, x), max(right, x), min(top, y), max(bottom, y)
	}
	return image.Rect(int(math.Round(left)), int(math.Round(top)), int(math.Round(right)), int(math.Round(bottom)))
}

// phases is how many positions between two pixels the weights are known for; weights are in 1/512.
const (
	phases    = 64
	weightOne = 512
)

// catmullRom holds the weights of the four pixels around each position between the middle two.
var catmullRom = func() (table [phases][4]int32) {
	for i := range table {
		t := float64(i) / phases
		second, third := 1-2.5*t*t+1.5*t*t*t, 0.5*t+2*t*t-1.5*t*t*t
		table[i][0] = int32(math.Round(weightOne * (-0.5*t + t*t - 0.5*t*t*t)))
		table[i][1] = int32(math.Round(weightOne * second))
		table[i][2] = int32(math.Round(weightOne * third))
		table[i][3] = weightOne - table[i][0] - table[i][1] - table[i][2]
	}
	return table
}()

// resampled draws a picture of the size, each of whose pixels stands at toSource in src; what lies outside of src repeats
// its edge. x/image/draw does the same, for colours: its buffers of four floats a pixel would take a gigabyte here.
//
// The race detector is spared its loop over all pixels, which takes it ten times as long: nobody else has them.
//
//go:norace
func resampled(src *image.Gray, toSource affine, width, height int) *image.Gray {
	dst := image.NewGray(image.Rect(0, 0, width, height))
	w, h := src.Rect.Dx(), src.Rect.Dy()
	for y := range height {
		row := dst.Pix[y*dst.Stride : y*dst.Stride+width]
		for x := range row {
			// The middle of a pixel is half a pixel from its corner.
			sx, sy := toSource.at(float64(x)+0.5, float64(y)+0.5)
			px, py := math.Floor((sx-0.5)*phases+0.5), math.Floor((sy-0.5)*phases+0.5)
			ix, iy := int(px)>>6, int(py)>>6
			across, down := &catmullRom[int(px)&(phases-1)], &catmullRom[int(py)&(phases-1)]
			var sum int32
			if ix >= 1 && iy >= 1 && ix+2 < w && iy+2 < h {
				at := (iy-1)*src.Stride + ix - 1
				for j := range 4 {
					four := src.Pix[at+j*src.Stride:]
					four = four[:4:4]
					sum += down[j] * ((across[0]*int32(four[0]) + across[1]*int32(four[1]) + across[2]*int32(four[2]) + across[3]*int32(four[3])) >> 2)
				}
			} else {
				for j := range 4 {
					line := src.Pix[min(max(iy+j-1, 0), h-1)*src.Stride:]
					var part int32
					for i := range 4 {
						part += across[i] * int32(line[min(max(ix+i-1, 0), w-1)])
					}
					sum += down[j] * (part >> 2)
				}
			}
			row[x] = uint8(min(max((sum+weightOne*weightOne/8)/(weightOne*weightOne/4), 0), 255))
		}
	}
	return dst
}

// shrunk makes every pixel the mean of a square of so many pixels a side: what resampled cannot do, which looks at four.
func shrunk(src *image.Gray, side int) *image.Gray {
	dst := image.NewGray(image.Rect(0, 0, max(1, src.Rect.Dx()/side), max(1, src.Rect.Dy()/side)))
	sums := make([]int, dst.Rect.Dx())
	for y := range dst.Rect.Dy() {
		clear(sums)
		for j := range side {
			line := src.Pix[min(y*side+j, src.Rect.Dy()-1)*src.Stride:]
			for x := range sums {
				for i := range side {
					sums[x] += int(line[min(x*side+i, src.Rect.Dx()-1)])
				}
			}
		}
		for x, sum := range sums {
			dst.Pix[y*dst.Stride+x] = uint8(sum / (side * side)) //nolint:gosec // a mean of bytes
		}
	}
	return dst
}

// negated turns dark into light.
func negated(src *image.Gray) *image.Gray {
	dst := image.NewGray(src.Rect)
	for i, v := range src.Pix {
		dst.Pix[i] = 255 - v
	}
	return dst
}
