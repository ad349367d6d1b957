package ocr_test

import (
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"strconv"
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

// recorded makes a recording that shows each picture for so many seconds, with other options of ffmpeg if any.
func recorded(tb testing.TB, seconds float64, shown []image.Image, options ...string) commands.Source {
	tb.Helper()
	var args []string
	var inputs strings.Builder
	for i, img := range shown {
		args = append(args, "-loop", "1", "-t", strconv.FormatFloat(seconds, 'f', 2, 64), "-i", saved(tb, img))
		fmt.Fprintf(&inputs, "[%d]", i)
	}
	path := filepath.Join(tb.TempDir(), "recording.mp4")
	args = append(args, "-filter_complex", fmt.Sprintf("%sconcat=n=%d:v=1,fps=10,format=yuv420p", inputs.String(), len(shown)), "-c:v", "libx264", "-preset", "ultrafast")
	ffmpeg(tb, append(append(args, options...), path)...)
	return commands.Source{Path: path, Name: "recording.mp4", MIMEType: "video/mp4", Category: file.Video}
}

func ffmpeg(tb testing.TB, args ...string) {
	tb.Helper()
	require.NoError(tb, child.Run(tb.Context(), child.Command{
		Name: "ffmpeg", Args: append([]string{"-nostdin", "-v", "error", "-y"}, args...),
		Limits: child.Limits{Time: 2 * time.Minute, CPU: 2 * time.Minute, Memory: 4 << 30},
	}))
}

// steps are three states of one window: a line more in each.
func steps(tb testing.TB, ths ...theme) []image.Image {
	tb.Helper()
	all := []string{"Starting the import of customers", "Row 4182 has no e-mail address", "Import stopped after 4181 rows"}
	var shown []image.Image
	for i, th := range ths {
		s := newScreen(tb, th, 500, 260)
		for j, line := range all[:i+1] {
			s.write(goregular.TTF, 20, th.ink, 60, 60+60*j, line)
		}
		shown = append(shown, s.img)
	}
	return shown
}

func TestARecordingIsReadWhereItChanges(t *testing.T) {
	t.Parallel()
	var told []string
	reading, err := usual.Read(t.Context(), recorded(t, 2.3, steps(t, light, light, dark)), func(_ int, doing string) { told = append(told, doing) })
	require.NoError(t, err)
	require.Equal(t, "Starting the import of customers\n\nRow 4182 has no e-mail address\n\nImport stopped after 4181 rows", reading.Text, "each line once")
	require.Len(t, reading.Regions, 3)
	for i, at := range []float64{0, 2.3, 4.6} {
		require.InDelta(t, at, reading.Regions[i].At, 0.6)
		require.InDelta(t, 60, reading.Regions[i].X, 6)
		require.InDelta(t, 60+60*i, reading.Regions[i].Y+reading.Regions[i].Height, 12)
	}
	require.InDelta(t, 6.9, reading.Seconds, 0.2)
	require.Equal(t, []int{500, 260}, []int{reading.Width, reading.Height})
	require.Greater(t, *reading.Confidence, 0.8)
	require.Contains(t, told, "looking for what changes")
	require.Contains(t, told, "frame 3 of 3")
}

func TestWhatIsTypedLittleByLittleIsReadAtTheEndOfTheScene(t *testing.T) {
	t.Parallel()
	var shown []image.Image
	sentence := "the printer is on fire"
	for i := range strings.Fields(sentence) {
		s := newScreen(t, light, 1000, 750) // so large that a word is no change
		s.write(goregular.TTF, 14, s.theme.ink, 40, 60, "New ticket")
		s.write(goregular.TTF, 14, s.theme.ink, 40, 120, strings.Join(strings.Fields(sentence)[:i+1], " "))
		shown = append(shown, s.img)
	}
	reading, err := usual.Read(t.Context(), recorded(t, 1, shown), quiet)
	require.NoError(t, err)
	require.Contains(t, reading.Text, "New ticket")
	require.Contains(t, reading.Text, sentence)
}

func TestOfARecordingThatChangesAllTheTimeTheGreatestChangesAreRead(t *testing.T) {
	t.Parallel()
	var shown []image.Image
	for i, word := range spoken[:6] {
		s := newScreen(t, light, 480, 160)
		s.write(goregular.TTF, 26, s.theme.ink, 40, 70, "The slide "+word)
		if i%2 == 0 {
			s.box(image.Rect(0, 100, 480, 160), color.Black)
		}
		shown = append(shown, s.img)
	}
	reading, err := ocr.New(ocr.Options{}).WithFrames(4).Read(t.Context(), recorded(t, 1, shown), quiet)
	require.NoError(t, err)
	require.Len(t, reading.Notes, 1)
	require.Regexp(t, `^The recording changes often; (3|4) frames of it were read\.$`, reading.Notes[0])
	require.Contains(t, reading.Text, "The slide alfa")
	require.Regexp(t, "The slide (delta|echo|foxtrot)", reading.Text, "of the end too")
	require.LessOrEqual(t, len(reading.Regions), 4)
}

func TestAnEmptyRecordingIsReadAllTheSame(t *testing.T) {
	t.Parallel()
	reading, err := usual.Read(t.Context(), recorded(t, 1, []image.Image{newScreen(t, dark, 320, 240).img}), quiet)
	require.NoError(t, err)
	require.Empty(t, reading.Text)
	require.Nil(t, reading.Confidence)
	require.Equal(t, []string{"No text was found in the recording."}, reading.Notes)
}

func TestARecordingOfAPhoneThatWasHeldUprightHasTheSizeThatIsShown(t *testing.T) {
	t.Parallel()
	plain := recorded(t, 1, []image.Image{turned(notice(t).img, -90, color.White)})
	upright := filepath.Join(t.TempDir(), "upright.mp4")
	ffmpeg(t, "-i", plain.Path, "-c", "copy", "-metadata:s:v:0", "rotate=270", upright)
	reading, err := usual.Read(t.Context(), commands.Source{Path: upright, Category: file.Video}, quiet)
	require.NoError(t, err)
	require.Equal(t, "Disk quota exceeded\nAsk the administrator", reading.Text)
	require.Equal(t, []int{420, 120}, []int{reading.Width, reading.Height})
}

func TestSoundWithoutAPictureIsSkipped(t *testing.T) {
	t.Parallel()
	sound := filepath.Join(t.TempDir(), "sound.mp4")
	ffmpeg(t, "-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac", sound)
	_, err := usual.Read(t.Context(), commands.Source{Path: sound, Category: file.Video}, quiet)
	require.ErrorAs(t, err, new(*file.SkippedError))
	require.EqualError(t, err, "The recording has no picture, so there is no text to see.")
}

func TestARecordingThatIsCutOffIsBroken(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(recorded(t, 1, steps(t, light)).Path)
	require.NoError(t, err)
	_, err = usual.Read(t.Context(), commands.Source{Path: kept(t, "half.mp4", whole[:len(whole)/2]), Category: file.Video}, quiet)
	require.ErrorAs(t, err, new(*file.BrokenError))
}

func TestWhatTheDecoderGetsWrongIsWorthAnotherTry(t *testing.T) {
	t.Parallel()
	const (
		tells = `echo '{"streams":[{"width":64,"height":64}],"format":{"duration":"N/A"}}'`
		scan  = `case "$*" in *scene*) echo 'frame:0 pts:0 pts_time:0'; echo 'lavfi.scene_score=0';; *) `
	)
	for complaint, c := range map[string][2]string{
		"what ":                 {":", "echo no JSON"},
		"gave up":               {"echo gave up >&2; exit 1", tells},
		"no frame today":        {scan + "echo no frame today >&2; exit 1;; esac", tells},
		"what ffmpeg was asked": {scan + "echo P7;; esac", tells},
		"was stopped after":     {scan + `printf 'P5\n9 9\n255\n'; head -c 81 /dev/zero;; esac`, tells},
	} {
		reader := ocr.New(ocr.Options{PassLimit: time.Second}).WithPrograms(engine(t, "sleep 600"), script(t, "ffmpeg", c[0]), script(t, "ffprobe", c[1]))
		_, err := reader.Read(t.Context(), commands.Source{Path: "recording.mp4", Category: file.Video}, quiet)
		require.ErrorContains(t, err, complaint)
		require.NotErrorAs(t, err, new(*file.SkippedError))
		require.NotErrorAs(t, err, new(*file.BrokenError))
	}
}

func TestARecordingWithoutFramesHasNoText(t *testing.T) {
	t.Parallel()
	reader := ocr.New(ocr.Options{}).WithPrograms(engine(t, ""), script(t, "ffmpeg", ":"), script(t, "ffprobe", `echo '{"streams":[{"width":64,"height":64}]}'`))
	reading, err := reader.Read(t.Context(), commands.Source{Path: "recording.mp4", Category: file.Video}, quiet)
	require.NoError(t, err)
	require.Empty(t, reading.Text)

	reader = ocr.New(ocr.Options{}).WithPrograms(engine(t, ""), script(t, "ffmpeg", ":"), script(t, "ffprobe", `echo '{"streams":[{"width":99000,"height":99000}]}'`))
	_, err = reader.Read(t.Context(), commands.Source{Path: "recording.mp4", Category: file.Video}, quiet)
	require.ErrorAs(t, err, new(*file.SkippedError))
	require.ErrorContains(t, err, "99000 x 99000")
}
