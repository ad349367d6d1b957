package ocr_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/bmp"
	"golang.org/x/image/draw"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/tiff"

	"ticketd/adapters/ocr"
	"ticketd/commands"
	"ticketd/domain/file"
	"ticketd/internal/child"
)

// notice is a small picture that says something.
func notice(tb testing.TB) *screen {
	tb.Helper()
	s := newScreen(tb, light, 420, 120)
	s.write(goregular.TTF, 20, s.theme.ink, 30, 50, "Disk quota exceeded")
	s.write(goregular.TTF, 20, s.theme.ink, 30, 80, "Ask the administrator")
	return s
}

// kept writes a file's bytes and answers its path.
func kept(tb testing.TB, name string, content []byte) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	require.NoError(tb, os.WriteFile(path, content, 0o600))
	return path
}

// usual is shared, so that the engine is asked for its version once.
var usual = ocr.New(ocr.Options{})

// quiet takes progress and does nothing.
func quiet(int, string) {}

// inColours answers a picture with a palette, as GIF needs.
func inColours(src image.Image) *image.Paletted {
	dst := image.NewPaletted(src.Bounds(), color.Palette{color.White, color.Black, color.Gray{Y: 128}, color.Gray{Y: 200}})
	draw.Draw(dst, dst.Bounds(), src, image.Point{}, draw.Src)
	return dst
}

func TestEveryUsualKindOfPictureIsRead(t *testing.T) {
	t.Parallel()
	img := notice(t).img
	var asPNG, asJPEG, asGIF, asBMP, asTIFF bytes.Buffer
	require.NoError(t, png.Encode(&asPNG, img))
	require.NoError(t, jpeg.Encode(&asJPEG, img, nil))
	require.NoError(t, gif.Encode(&asGIF, inColours(img), nil))
	require.NoError(t, bmp.Encode(&asBMP, img))
	require.NoError(t, tiff.Encode(&asTIFF, img, nil))
	webp := filepath.Join(t.TempDir(), "notice.webp")
	require.NoError(t, child.Run(t.Context(), child.Command{
		Name: "ffmpeg", Args: []string{"-nostdin", "-v", "error", "-i", saved(t, img), "-quality", "90", webp},
		Limits: child.Limits{Time: time.Minute, CPU: time.Minute, Memory: 2 << 30},
	}))
	asWebP, err := os.ReadFile(webp)
	require.NoError(t, err)
	clear12 := image.NewNRGBA64(img.Bounds()) // transparent where there is no ink
	draw.DrawMask(clear12, clear12.Bounds(), image.Black, image.Point{}, inkOf(img), image.Point{}, draw.Src)
	var transparent bytes.Buffer
	require.NoError(t, png.Encode(&transparent, clear12))
	for mimeType, content := range map[string][]byte{
		"image/png": asPNG.Bytes(), "image/jpeg": asJPEG.Bytes(), "image/gif": asGIF.Bytes(), "image/webp": asWebP,
		"image/bmp": asBMP.Bytes(), "image/tiff": asTIFF.Bytes(), "image/png; transparent": transparent.Bytes(),
	} {
		t.Run(mimeType, func(t *testing.T) {
			t.Parallel()
			reading, err := usual.Read(t.Context(), commands.Source{Path: kept(t, "notice", content), MIMEType: mimeType, Category: file.Image}, quiet)
			require.NoError(t, err)
			require.Equal(t, "Disk quota exceeded\nAsk the administrator", reading.Text)
			require.Equal(t, []int{420, 120}, []int{reading.Width, reading.Height})
			require.Empty(t, reading.Notes)
		})
	}
}

// inkOf is opaque where a picture is dark.
func inkOf(src image.Image) *image.Alpha {
	mask := image.NewAlpha(src.Bounds())
	for y := range src.Bounds().Dy() {
		for x := range src.Bounds().Dx() {
			mask.SetAlpha(x, y, color.Alpha{A: 255 - color.GrayModel.Convert(src.At(x, y)).(color.Gray).Y})
		}
	}
	return mask
}

func TestAPhotographIsTurnedAsItsCameraSays(t *testing.T) {
	t.Parallel()
	shown := notice(t).img
	w, h := shown.Bounds().Dx(), shown.Bounds().Dy()
	for o, stored := range map[uint16]func(x, y int) (int, int){
		1: func(x, y int) (int, int) { return x, y },
		2: func(x, y int) (int, int) { return w - 1 - x, y },
		3: func(x, y int) (int, int) { return w - 1 - x, h - 1 - y },
		4: func(x, y int) (int, int) { return x, h - 1 - y },
		5: func(x, y int) (int, int) { return y, x },
		6: func(x, y int) (int, int) { return y, w - 1 - x },
		7: func(x, y int) (int, int) { return h - 1 - y, w - 1 - x },
		8: func(x, y int) (int, int) { return h - 1 - y, x },
	} {
		raw := image.NewRGBA(image.Rect(0, 0, w, h))
		if o > 4 {
			raw = image.NewRGBA(image.Rect(0, 0, h, w))
		}
		for y := range h {
			for x := range w {
				sx, sy := stored(x, y)
				raw.Set(sx, sy, shown.At(x, y))
			}
		}
		var photograph bytes.Buffer
		require.NoError(t, jpeg.Encode(&photograph, raw, &jpeg.Options{Quality: 95}))
		order, magic := binary.AppendByteOrder(binary.BigEndian), "MM\x00\x2a"
		if o%2 == 0 {
			order, magic = binary.LittleEndian, "II\x2a\x00"
		}
		path := kept(t, "photograph.jpg", withOrientation(photograph.Bytes(), order, magic, o))
		requireShown(t, shown, path)
		if o == 6 { // a telephone that is held upright
			reading, err := usual.ReadPicture(t.Context(), path)
			require.NoError(t, err)
			require.Equal(t, "Disk quota exceeded\nAsk the administrator", reading.Text)
			require.Equal(t, []int{w, h}, []int{reading.Width, reading.Height}, "as it is shown")
		}
	}
}

// requireShown requires that a photograph is decoded as it is shown, but for what its compression makes of it.
func requireShown(t *testing.T, shown image.Image, path string) {
	t.Helper()
	grey, err := usual.Decoded(t.Context(), path)
	require.NoError(t, err)
	require.Equal(t, shown.Bounds(), grey.Rect)
	differ := 0
	for y := range grey.Rect.Dy() {
		for x := range grey.Rect.Dx() {
			if d := int(color.GrayModel.Convert(shown.At(x, y)).(color.Gray).Y) - int(grey.GrayAt(x, y).Y); d > 64 || d < -64 {
				differ++
			}
		}
	}
	require.Less(t, differ, 20)
}

// withOrientation puts a camera's note about the orientation into a JPEG.
func withOrientation(photograph []byte, order binary.AppendByteOrder, magic string, o uint16) []byte {
	tags := order.AppendUint32([]byte("Exif\x00\x00"+magic), 8)
	tags = order.AppendUint16(tags, 1)
	tags = order.AppendUint16(order.AppendUint16(tags, 0x112), 3)
	tags = order.AppendUint16(order.AppendUint16(order.AppendUint32(tags, 1), o), 0)
	segment := append(binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(tags)+2)), tags...)
	return append(append(bytes.Clone(photograph[:2]), segment...), photograph[2:]...)
}

func TestACameraNoteThatIsCutOffCountsAsNone(t *testing.T) {
	t.Parallel()
	var photograph bytes.Buffer
	shown := notice(t).img
	require.NoError(t, jpeg.Encode(&photograph, shown, &jpeg.Options{Quality: 95}))
	for _, tags := range []string{"Exif\x00\x00", "Exif\x00\x00MM\x00\x2a\x00\x00\x00\xff", "Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x09", "ordinary"} {
		segment := append(binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(tags)+2)), tags...)
		content := append(append(bytes.Clone(photograph.Bytes()[:2]), segment...), photograph.Bytes()[2:]...)
		requireShown(t, shown, kept(t, "photograph.jpg", content))
	}
}

// hollow is a PNG that says how large it is and has no pixels.
func hollow(width, height uint32) []byte {
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32([]byte("IHDR"), width), height)
	header = append(header, 8, 2, 0, 0, 0)
	chunk := append(binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n"), 13), header...)
	return binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(header))
}

func TestAPictureThatIsTooLargeIsRefusedWithoutBeingDecoded(t *testing.T) {
	t.Parallel()
	for size, content := range map[string][]byte{"20000 x 20000": hollow(20_000, 20_000), "20001 x 10": hollow(20_001, 10), "8000 x 7000": hollow(8000, 7000)} {
		_, err := usual.ReadPicture(t.Context(), kept(t, "large.png", content))
		var skipped *file.SkippedError
		require.ErrorAs(t, err, &skipped, "its pixels would be missing, had they been looked for")
		require.Contains(t, skipped.Reason, size+" pixels")
	}
	_, err := usual.ReadPicture(t.Context(), kept(t, "hollow.png", hollow(7000, 7000)))
	require.ErrorAs(t, err, new(*file.BrokenError), "this size is decoded")
}

func TestAPictureThatIsNotReadHereSaysWhy(t *testing.T) {
	t.Parallel()
	moving := append([]byte("RIFF\x40\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00\x0f\x00\x00\x0f\x00\x00"), "ANIM\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	var exotic bytes.Buffer
	require.NoError(t, bmp.Encode(&exotic, notice(t).img))
	exotic.Bytes()[30] = 9 // its compression
	for reason, s := range map[string]commands.Source{
		"Pictures of image/svg+xml are not read here":              {MIMEType: "image/svg+xml", Category: file.Image, Path: kept(t, "a.svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><text>hi</text></svg>`))},
		"Moving WebP pictures are not read here":                   {MIMEType: "image/webp", Category: file.Image, Path: kept(t, "a.webp", moving)},
		"Pictures of this kind are not read here":                  {MIMEType: "image/bmp", Category: file.Image, Path: kept(t, "a.bmp", exotic.Bytes())},
		"A file of this kind shows nothing":                        {MIMEType: "text/plain", Category: file.Text, Path: kept(t, "a.txt", []byte("hi"))},
		"Pictures of this type are not read here; PNG, JPEG, GIF,": {Category: file.Image, Path: kept(t, "a.heic", []byte("\x00\x00\x00\x18ftypheic"))},
	} {
		_, err := usual.Read(t.Context(), s, quiet)
		var skipped *file.SkippedError
		require.ErrorAs(t, err, &skipped)
		require.Contains(t, skipped.Reason, reason)
	}
}

func TestADamagedPictureIsBroken(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(saved(t, notice(t).img))
	require.NoError(t, err)
	var empty bytes.Buffer
	require.NoError(t, bmp.Encode(&empty, image.NewRGBA(image.Rect(0, 0, 0, 0))))
	for name, content := range map[string][]byte{"cut off": whole[:len(whole)/2], "a name only": []byte("nothing"), "no pixels": empty.Bytes()} {
		_, err := usual.Read(t.Context(), commands.Source{Path: kept(t, "a.png", content), MIMEType: "image/png", Category: file.Image}, quiet)
		require.ErrorAs(t, err, new(*file.BrokenError), name)
	}
}

func TestAFileThatIsGoneIsWorthAnotherTry(t *testing.T) {
	t.Parallel()
	_, err := usual.ReadPicture(t.Context(), filepath.Join(t.TempDir(), "gone.png"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotErrorIs(t, err, new(file.SkippedError))
}

func TestOnlyTheFirstOfSeveralPicturesIsReadAndTheReadingSaysSo(t *testing.T) {
	t.Parallel()
	first, second := inColours(notice(t).img), inColours(newScreen(t, light, 420, 120).img)
	var moving bytes.Buffer
	require.NoError(t, gif.EncodeAll(&moving, &gif.GIF{Image: []*image.Paletted{first, second}, Delay: []int{10, 10}}))
	var pages bytes.Buffer
	require.NoError(t, tiff.Encode(&pages, notice(t).img, nil))
	scan := pages.Bytes()
	directory := binary.LittleEndian.Uint32(scan[4:])
	next := directory + 2 + 12*uint32(binary.LittleEndian.Uint16(scan[directory:]))
	binary.LittleEndian.PutUint32(scan[next:], directory)
	for note, content := range map[string][]byte{
		"The picture moves; its first frame was read.":         moving.Bytes(),
		"The file holds several pictures; the first was read.": scan,
	} {
		reading, err := usual.ReadPicture(t.Context(), kept(t, "several", content))
		require.NoError(t, err)
		require.Equal(t, "Disk quota exceeded\nAsk the administrator", reading.Text)
		require.Equal(t, []string{note}, reading.Notes)
	}
}
