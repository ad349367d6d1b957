package ocr_test

import (
	"image"
	"image/color"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/draw"
	"golang.org/x/image/font/gofont/goregular"

	"ticketd/adapters/ocr"
	"ticketd/commands"
	"ticketd/domain/file"
	"ticketd/internal/child"
)

func TestScreenshotsAreRead(t *testing.T) {
	t.Parallel()
	bright, night := helpdesk(t, light), helpdesk(t, dark)
	for name, c := range map[string]struct {
		shown image.Image
		want  float64
	}{
		"light":                  {bright.img, 0.95},
		"dark":                   {night.img, 0.95},
		"half size":              {halved(bright.img), 0.90},
		"half size, dark":        {halved(night.img), 0.90},
		"tilted and noisy":       {noisy(turned(bright.img, 2, color.White), 12), 0.85},
		"tilted and noisy, dark": {noisy(turned(night.img, -3, dark.page), 12), 0.85},
		"on its right side":      {turned(bright.img, 90, color.White), 0.85},
		"on its left side":       {turned(night.img, 270, color.White), 0.85},
		"upside down":            {turned(bright.img, 180, color.White), 0.85},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reading, err := ocr.New(ocr.Options{}).ReadPicture(t.Context(), saved(t, c.shown))
			require.NoError(t, err)
			t.Logf("%.3f", accuracy(bright.text(), reading.Text))
			require.GreaterOrEqual(t, accuracy(bright.text(), reading.Text), c.want, reading.Text)
			require.Regexp(t, `^tesseract \d+\.\d+`, reading.Engine)
			require.Equal(t, "en", reading.Language)
			require.Equal(t, c.shown.Bounds().Size(), image.Pt(reading.Width, reading.Height))
			require.Greater(t, *reading.Confidence, 0.7)
			require.LessOrEqual(t, *reading.Confidence, 1.0)
		})
	}
}

func TestRegionsLieWhereTheTextIs(t *testing.T) {
	t.Parallel()
	bright := helpdesk(t, light)
	whole := bright.img.Bounds().Size()
	for name, c := range map[string]struct {
		shown image.Image
		where func(image.Rectangle) image.Rectangle
	}{
		"as it is":  {bright.img, func(r image.Rectangle) image.Rectangle { return r }},
		"half size": {halved(bright.img), func(r image.Rectangle) image.Rectangle { return image.Rect(r.Min.X/2, r.Min.Y/2, r.Max.X/2, r.Max.Y/2) }},
		"on its right side": {turned(bright.img, 90, color.White), func(r image.Rectangle) image.Rectangle {
			return image.Rect(whole.Y-r.Max.Y, r.Min.X, whole.Y-r.Min.Y, r.Max.X)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reading, err := ocr.New(ocr.Options{}).ReadPicture(t.Context(), saved(t, c.shown))
			require.NoError(t, err)
			found := 0
			for _, line := range bright.lines {
				for _, region := range reading.Regions {
					if region.Text == line.text {
						found++
						want := c.where(line.at)
						require.InDelta(t, want.Min.X, region.X, 6, line.text)
						require.InDelta(t, want.Min.Y, region.Y, 6, line.text)
						require.InDelta(t, want.Max.X, region.X+region.Width, 6, line.text)
						require.InDelta(t, want.Max.Y, region.Y+region.Height, 6, line.text)
						require.Positive(t, region.Confidence)
						break
					}
				}
			}
			require.Greater(t, found, len(bright.lines)/2)
		})
	}
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
	reading, err := ocr.New(ocr.Options{}).ReadPicture(t.Context(), saved(t, s.img))
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
	reading, err := ocr.New(ocr.Options{}).ReadPicture(t.Context(), saved(t, s.img))
	require.NoError(t, err)
	require.Equal(t, "Dashboard Tickets Customers Reports Settings "+strings.Join(text, " "), strings.Join(strings.Fields(reading.Text), " "))
}

func TestAPictureWithoutTextIsReadAllTheSame(t *testing.T) {
	t.Parallel()
	grain := noisy(newScreen(t, light, 300, 200).img, 60)
	for name, img := range map[string]image.Image{"white": newScreen(t, light, 600, 400).img, "one pixel": image.NewRGBA(image.Rect(0, 0, 1, 1)), "a thread": image.NewRGBA(image.Rect(0, 0, 19_000, 1)), "grain": grain} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reading, err := ocr.New(ocr.Options{}).ReadPicture(t.Context(), saved(t, img))
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
	s := newScreen(t, dark, 6000, 3000)
	s.write(goregular.TTF, 60, s.theme.ink, 3000, 2000, "The large screen in the lobby is frozen")
	reading, err := ocr.New(ocr.Options{}).ReadPicture(t.Context(), saved(t, s.img))
	require.NoError(t, err)
	require.Equal(t, "The large screen in the lobby is frozen", reading.Text)
	require.Equal(t, []string{"The picture was made smaller before it was read; very small print may be missing."}, reading.Notes)
	require.InDelta(t, s.lines[0].at.Min.X, reading.Regions[0].X, 6)
	require.InDelta(t, s.lines[0].at.Max.Y, reading.Regions[0].Y+reading.Regions[0].Height, 6)
}

func TestAWholeLargePageIsReadWithinTheLimits(t *testing.T) {
	t.Parallel()
	large := image.NewRGBA(image.Rect(0, 0, 2560, 1600)) // four screens
	bright := helpdesk(t, light).img
	for i := range 4 {
		draw.Draw(large, image.Rect(i%2*1280, i/2*800, i%2*1280+1280, i/2*800+800), bright, image.Point{}, draw.Src)
	}
	reading, err := ocr.New(ocr.Options{}).ReadPicture(t.Context(), saved(t, large))
	require.NoError(t, err)
	require.Equal(t, 4, strings.Count(reading.Text, "Wide World Importers"))
}

func TestWhatIsDoneIsToldInWords(t *testing.T) {
	t.Parallel()
	type step struct {
		percent int
		doing   string
	}
	var steps []step
	s := commands.Source{Path: saved(t, turned(helpdesk(t, light).img, 180, color.White)), MIMEType: "image/png", Category: file.Image}
	_, err := ocr.New(ocr.Options{}).Read(t.Context(), s, func(percent int, doing string) { steps = append(steps, step{percent, doing}) })
	require.NoError(t, err)
	require.Equal(t, []step{{2, "opening the picture"}, {10, "first pass"}, {45, "looking for the right way up"}}, steps[:3])
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
