package ocr_test

import (
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/font/gofont/goregular"

	"ticketd/adapters/ocr"
	"ticketd/commands"
	"ticketd/domain/file"
	"ticketd/internal/child"
)

func TestScreenshotsAreRead(t *testing.T) {
	t.Parallel()
	bright, night := helpdesk(t, light), helpdesk(t, dark)
	whole := bright.img.Bounds().Size()
	same := func(r image.Rectangle) image.Rectangle { return r }
	for name, c := range map[string]struct {
		shown image.Image
		want  float64
		where func(image.Rectangle) image.Rectangle // a line of the screen stands there; nil: not looked at
		first []string                              // what is done at the beginning
	}{
		"light": {bright.img, 0.95, same, []string{"opening the picture", "first pass"}},
		"dark":  {night.img, 0.95, same, []string{"opening the picture", "first pass"}},
		"half size": {halved(bright.img), 0.90, func(r image.Rectangle) image.Rectangle {
			return image.Rect(r.Min.X/2, r.Min.Y/2, r.Max.X/2, r.Max.Y/2)
		}, nil},
		"tilted and noisy, dark": {noisy(turned(night.img, -3, dark.page), 12), 0.85, nil, nil},
		"on its right side": {turned(bright.img, 90, color.White), 0.85, func(r image.Rectangle) image.Rectangle {
			return image.Rect(whole.Y-r.Max.Y, r.Min.X, whole.Y-r.Min.Y, r.Max.X)
		}, []string{"opening the picture", "first pass", "looking for the right way up"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told []string
			s := commands.Source{Path: saved(t, c.shown), MIMEType: "image/png", Category: file.Image}
			reading, err := usual.Read(t.Context(), s, func(_ int, doing string) { told = append(told, doing) })
			require.NoError(t, err)
			t.Logf("%.3f", accuracy(bright.text(), reading.Text))
			require.GreaterOrEqual(t, accuracy(bright.text(), reading.Text), c.want, reading.Text)
			require.Regexp(t, `^tesseract \d+\.\d+`, reading.Engine)
			require.Equal(t, "en", reading.Language)
			require.Equal(t, c.shown.Bounds().Size(), image.Pt(reading.Width, reading.Height))
			require.Greater(t, *reading.Confidence, 0.7)
			require.LessOrEqual(t, *reading.Confidence, 1.0)
			if c.first != nil {
				require.Equal(t, c.first, told[:len(c.first)])
			}
			if c.where != nil {
				requireRegions(t, bright, reading.Regions, c.where)
			}
		})
	}
}

// requireRegions requires that the lines of a screen were found where they stand, most of them word by word.
func requireRegions(t *testing.T, s *screen, regions []file.Region, where func(image.Rectangle) image.Rectangle) {
	t.Helper()
	found := 0
	for _, line := range s.lines {
		for _, region := range regions {
			if region.Text == line.text {
				found++
				want := where(line.at)
				require.InDelta(t, want.Min.X, region.X, 6, line.text)
				require.InDelta(t, want.Min.Y, region.Y, 6, line.text)
				require.InDelta(t, want.Max.X, region.X+region.Width, 6, line.text)
				require.InDelta(t, want.Max.Y, region.Y+region.Height, 6, line.text)
				require.Positive(t, region.Confidence)
				break
			}
		}
	}
	require.Greater(t, found, len(s.lines)/2)
}

func TestTheOrderIsThatOfReading(t *testing.T) {
	t.Parallel()
	s := newScreen(t, light, 1280, 420)
	left := []string{"The nightly backup has not finished since", "Tuesday. Every attempt stops after eleven", "minutes with a message about the volume.", "Nothing has been changed on that machine."}
	right := []string{"Please check whether the new retention rule", "removes snapshots while they are copied. We", "have seen this once before, in the autumn of", "last year, and a restart was enough then."}
	s.write(goregular.TTF, 26, s.theme.ink, 40, 60, "Backup report")
	for i := range left {
		s.write(goregular.TTF, 18, s.theme.ink, 40, 140+28*i, left[i])
		s.write(goregular.TTF, 18, s.theme.ink, 660, 140+28*i, right[i])
	}
	for i, row := range [][3]string{{"Volume", "Size", "State"}, {"vol-east", "81 GB", "copied"}, {"vol-west", "77 GB", "stopped"}} {
		for j, x := range []int{40, 400, 760} {
			s.write(goregular.TTF, 18, s.theme.ink, x, 310+34*i, row[j])
		}
	}
	reading, err := usual.ReadPicture(t.Context(), saved(t, s.img))
	require.NoError(t, err)
	want := "Backup report\n\n" + strings.Join(left, "\n") + "\n\n" + strings.Join(right, "\n") + "\n\nVolume  Size  State\nvol-east  81 GB  copied\nvol-west  77 GB  stopped"
	require.Equal(t, want, reading.Text)
}

func TestAListBesideTheTextIsReadBeforeOrAfterItAndNotLineByLine(t *testing.T) {
	t.Parallel()
	s := newScreen(t, light, 1000, 360)
	for i, entry := range []string{"Dashboard", "Tickets", "Customers", "Reports", "Settings"} {
		s.write(goregular.TTF, 17, s.theme.ink, 30, 60+47*i, entry)
	}
	text := []string{"Your session has ended because the", "server was restarted. Sign in again", "to go on. Unsaved changes of the last", "two minutes may be lost.", "We are sorry for the inconvenience.", "The operations team", "Helsinki"}
	for i, line := range text {
		s.write(goregular.TTF, 17, s.theme.ink, 330, 66+29*i, line)
	}
	reading, err := usual.ReadPicture(t.Context(), saved(t, s.img))
	require.NoError(t, err)
	require.Equal(t, "Dashboard Tickets Customers Reports Settings "+strings.Join(text, " "), strings.Join(strings.Fields(reading.Text), " "))
}

func TestAPictureWithoutTextIsReadAllTheSame(t *testing.T) {
	t.Parallel()
	grain := noisy(newScreen(t, light, 150, 100).img, 60)
	for name, img := range map[string]image.Image{"white": newScreen(t, light, 300, 200).img, "one pixel": image.NewRGBA(image.Rect(0, 0, 1, 1)), "a thread": image.NewRGBA(image.Rect(0, 0, 19_000, 1)), "grain": grain} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reading, err := usual.ReadPicture(t.Context(), saved(t, img))
			require.NoError(t, err)
			require.Empty(t, reading.Text)
			require.Nil(t, reading.Confidence)
			require.Empty(t, reading.Regions)
			require.Equal(t, []string{"No text was found in the picture."}, reading.Notes)
			require.Equal(t, img.Bounds().Dx(), reading.Width)
		})
	}
}

func TestALargePictureIsReadSmallerAndTheReadingSaysSo(t *testing.T) {
	t.Parallel()
	s := newScreen(t, dark, 1200, 600)
	s.write(goregular.TTF, 32, s.theme.ink, 500, 400, "The large screen in the lobby is frozen")
	reading, err := ocr.New(ocr.Options{}).WithAreas(360_000, 360_000).ReadPicture(t.Context(), saved(t, s.img))
	require.NoError(t, err)
	require.Equal(t, "The large screen in the lobby is frozen", reading.Text)
	require.Equal(t, []string{"The picture was made smaller before it was read; very small print may be missing."}, reading.Notes)
	require.InDelta(t, s.lines[0].at.Min.X, reading.Regions[0].X, 6)
	require.InDelta(t, s.lines[0].at.Max.Y, reading.Regions[0].Y+reading.Regions[0].Height, 6)
}

func TestTheEngineSeesALargePageInBandsAndNothingOfItIsLost(t *testing.T) {
	t.Parallel()
	s := newScreen(t, light, 420, 900)
	for i, word := range spoken[:12] {
		s.write(goregular.TTF, 18, s.theme.ink, 30, 40+72*i, "The printer in room "+word+" is ready")
	}
	shown := filepath.Join(t.TempDir(), "shown")
	// What the engine gets begins with three lines, the second of which is its size.
	watched := script(t, "tesseract", `if [ "$1" = --version ]; then exec tesseract "$@"; fi
picture=$(mktemp -p "$(dirname "$0")")
cat > "$picture"
head -n 2 "$picture" | tail -n 1 >> `+shown+`
shift
exec tesseract "$picture" "$@"`)
	const most, band = 1_200_000, 200_000
	reading, err := ocr.New(ocr.Options{}).WithPrograms(watched, "", "").WithAreas(most, band).ReadPicture(t.Context(), saved(t, s.img))
	require.NoError(t, err)
	require.Equal(t, s.text(), strings.ReplaceAll(reading.Text, "\n\n", "\n"))
	requireRegions(t, s, reading.Regions, func(r image.Rectangle) image.Rectangle { return r })
	told, err := os.ReadFile(shown)
	require.NoError(t, err)
	sizes := strings.Split(strings.TrimSpace(string(told)), "\n")
	require.GreaterOrEqual(t, len(sizes), 3)
	for _, size := range sizes {
		var width, height int
		_, err := fmt.Sscan(size, &width, &height)
		require.NoError(t, err)
		require.LessOrEqual(t, width*height, 2*band)
	}
}

// BenchmarkScreenshot reads a screenshot as we do, and as the engine alone does: badly, in one pass over what it is given.
func BenchmarkScreenshot(b *testing.B) {
	for name, th := range map[string]theme{"light": light, "dark": dark} {
		s := helpdesk(b, th)
		path := saved(b, s.img)
		b.Run(name+"/reader", func(b *testing.B) {
			reader := ocr.New(ocr.Options{})
			for b.Loop() {
				reading, err := reader.ReadPicture(b.Context(), path)
				require.NoError(b, err)
				b.ReportMetric(100*accuracy(s.text(), reading.Text), "%read")
			}
		})
		b.Run(name+"/tesseract", func(b *testing.B) {
			for b.Loop() {
				out, err := child.Output(b.Context(), child.Command{
					Name: "tesseract", Args: []string{path, "stdout", "--psm", "3", "-l", "eng"}, Env: []string{"OMP_THREAD_LIMIT=1"},
					Limits: child.Limits{Time: time.Minute, CPU: time.Minute, Memory: 2 << 30},
				}, 1<<20)
				require.NoError(b, err)
				b.ReportMetric(100*accuracy(s.text(), string(out)), "%read")
			}
		})
	}
}
