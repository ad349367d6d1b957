package ocr_test

import (
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/draw"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/f64"
	"golang.org/x/image/math/fixed"
)

// theme is the colours of a screen.
type theme struct{ page, panel, ink, faint, border, accent, onAccent color.RGBA }

var (
	light = theme{
		page: rgb(0xffffff), panel: rgb(0xf3f4f6), ink: rgb(0x1f2328), faint: rgb(0x57606a), border: rgb(0xd0d7de),
		accent: rgb(0x0969da), onAccent: rgb(0xffffff),
	}
	dark = theme{
		page: rgb(0x0d1117), panel: rgb(0x161b22), ink: rgb(0xe6edf3), faint: rgb(0x8b949e), border: rgb(0x30363d),
		accent: rgb(0x1f6feb), onAccent: rgb(0xffffff),
	}
)

func rgb(v uint32) color.RGBA {
	return color.RGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 255}
}

// written is a line on a screen, and where it stands.
type written struct {
	text string
	at   image.Rectangle
}

// screen is what a program shows, with all that is written on it in reading order.
type screen struct {
	tb    testing.TB
	img   *image.RGBA
	theme theme
	lines []written
}

func newScreen(tb testing.TB, th theme, width, height int) *screen {
	tb.Helper()
	s := &screen{tb: tb, img: image.NewRGBA(image.Rect(0, 0, width, height)), theme: th}
	s.box(s.img.Bounds(), th.page)
	return s
}

func (s *screen) box(r image.Rectangle, c color.Color) {
	draw.Draw(s.img, r, image.NewUniform(c), image.Point{}, draw.Src)
}

func (s *screen) frame(r image.Rectangle, inside, border color.Color) {
	s.box(r, border)
	s.box(r.Inset(1), inside)
}

// write puts a line where its baseline begins.
func (s *screen) write(ttf []byte, size float64, c color.Color, x, y int, text string) {
	s.tb.Helper()
	parsed, err := opentype.Parse(ttf)
	require.NoError(s.tb, err)
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
	require.NoError(s.tb, err)
	pen := font.Drawer{Dst: s.img, Src: image.NewUniform(c), Face: face, Dot: fixed.P(x, y)}
	bounds, _ := pen.BoundString(text)
	pen.DrawString(text)
	s.lines = append(s.lines, written{text, image.Rect(bounds.Min.X.Floor(), bounds.Min.Y.Floor(), bounds.Max.X.Ceil(), bounds.Max.Y.Ceil())})
}

func (s *screen) button(x, y, width int, text string, primary bool) {
	s.tb.Helper()
	face, ink := s.theme.panel, s.theme.ink
	if primary {
		face, ink = s.theme.accent, s.theme.onAccent
	}
	s.frame(image.Rect(x, y, x+width, y+34), face, s.theme.border)
	s.write(goregular.TTF, 15, ink, x+16, y+22, text)
}

// text is all that is written on the screen.
func (s *screen) text() string {
	all := make([]string, len(s.lines))
	for i, line := range s.lines {
		all[i] = line.text
	}
	return strings.Join(all, "\n")
}

// helpdesk is a page of a program with a form, a table and an error dialog.
func helpdesk(tb testing.TB, th theme) *screen {
	tb.Helper()
	s := newScreen(tb, th, 760, 544)
	s.box(image.Rect(0, 0, 760, 44), th.panel)
	s.write(gobold.TTF, 18, th.ink, 24, 29, "Northwind Billing Console")
	s.write(goregular.TTF, 15, th.faint, 530, 28, "Signed in as Maria Lopez")
	s.write(gobold.TTF, 24, th.ink, 24, 84, "Invoice export for March 2026")
	s.write(goregular.TTF, 16, th.ink, 24, 116, "Exports started after 09:15 finish without a file. The progress bar reaches 100")
	s.write(goregular.TTF, 16, th.ink, 24, 142, "percent; accounts with more than 5,000 invoices are affected.")
	s.button(24, 158, 140, "Retry export", true)
	s.button(180, 158, 150, "Download log", false)
	s.button(346, 158, 160, "Contact support", false)

	for i, row := range [][4]string{
		{"Invoice", "Customer", "Amount", "Last change"},
		{"INV-20417", "Contoso Shipping Ltd", "$1,284.50", "2026-03-02 10:44"},
		{"INV-20420", "Wide World Importers", "$642.10", "2026-03-07 13:37"},
	} {
		y := 210 + 36*i
		ttf, fill := goregular.TTF, th.page
		if i == 0 {
			ttf, fill = gobold.TTF, th.panel
		}
		s.frame(image.Rect(24, y, 736, y+37), fill, th.border)
		for j, x := range []int{40, 190, 410, 550} {
			s.write(ttf, 15, th.ink, x, y+24, row[j])
		}
	}

	s.box(image.Rect(106, 346, 666, 516), th.faint)
	s.frame(image.Rect(100, 340, 660, 510), th.panel, th.border)
	s.box(image.Rect(100, 340, 660, 376), rgb(0xb62324))
	s.write(gobold.TTF, 17, rgb(0xffffff), 120, 364, "Export failed: connection reset by peer")
	s.write(goregular.TTF, 16, th.ink, 120, 404, "Error code: EXP-5032   Request ID: 7f3c9a14-22be")
	s.write(gomono.TTF, 15, th.faint, 120, 432, "at async ExportJob.run (export-job.js:88:5)")
	s.button(380, 462, 110, "Dismiss", false)
	s.button(510, 462, 130, "Try again", true)
	s.write(goregular.TTF, 15, th.faint, 24, 536, "Version 4.12.3 (build 8841)")
	return s
}

// spoken are words that no engine takes for each other.
var spoken = strings.Fields("alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec romeo sierra tango uniform victor whiskey zulu")

// halved is a picture at half its size, as chat programs make it.
func halved(src image.Image) *image.RGBA {
	b := src.Bounds()
	dst := image.NewRGBA(image.Rect(0, 0, b.Dx()/2, b.Dy()/2))
	draw.CatmullRom.Scale(dst, dst.Bounds(), src, b, draw.Src, nil)
	return dst
}

// turned is a picture turned clockwise around its middle, on a larger ground of the same colour.
func turned(src *image.RGBA, degrees float64, ground color.Color) *image.RGBA {
	w, h := float64(src.Bounds().Dx()), float64(src.Bounds().Dy())
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	width, height := math.Abs(w*cos)+math.Abs(h*sin), math.Abs(w*sin)+math.Abs(h*cos)
	dst := image.NewRGBA(image.Rect(0, 0, int(math.Round(width)), int(math.Round(height))))
	draw.Draw(dst, dst.Bounds(), image.NewUniform(ground), image.Point{}, draw.Src)
	draw.CatmullRom.Transform(dst, f64.Aff3{cos, -sin, width/2 - cos*w/2 + sin*h/2, sin, cos, height/2 - sin*w/2 - cos*h/2}, src, src.Bounds(), draw.Over, nil)
	return dst
}

// noisy adds the grain of a camera.
func noisy(src *image.RGBA, deviation float64) *image.RGBA {
	random := rand.New(rand.NewPCG(1, 2))
	dst := image.NewRGBA(src.Bounds())
	copy(dst.Pix, src.Pix)
	for i := 0; i < len(dst.Pix); i += 4 {
		grain := random.NormFloat64() * deviation
		for j := i; j < i+3; j++ {
			dst.Pix[j] = uint8(max(0, min(255, float64(dst.Pix[j])+grain)))
		}
	}
	return dst
}

// saved writes a picture as PNG and answers its path.
func saved(tb testing.TB, img image.Image) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "picture.png")
	out, err := os.Create(path)
	require.NoError(tb, err)
	require.NoError(tb, (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(out, img))
	require.NoError(tb, out.Close())
	return path
}

// accuracy is how much of a text was read: 1 without a wrong character.
func accuracy(want, got string) float64 {
	a, b := []rune(strings.Join(strings.Fields(want), " ")), []rune(strings.Join(strings.Fields(got), " "))
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		before := row[0]
		row[0] = i + 1
		for j, y := range b {
			change := before
			if x != y {
				change++
			}
			before, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, change)
		}
	}
	return 1 - float64(row[len(b)])/float64(max(1, len(a)))
}
