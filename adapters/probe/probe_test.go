package probe_test

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"ticketd/adapters/probe"
	"ticketd/commands"
	"ticketd/domain/file"
	"ticketd/internal/child"
)

var _ commands.Reader = probe.Reader{}

func silent(int, string) {}

func read(t *testing.T, r probe.Reader, s commands.Source) (file.Reading, error) {
	t.Helper()
	return r.Read(t.Context(), s, silent)
}

// broken requires that a file is told to be at fault, and answers the sentence.
func broken(t *testing.T, err error) string {
	t.Helper()
	var b *file.BrokenError
	require.ErrorAs(t, err, &b)
	return b.Reason
}

func stored(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "upload")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

// recorded makes a recording with ffmpeg.
func recorded(t *testing.T, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	said, err := exec.CommandContext(t.Context(), "ffmpeg", append(append([]string{"-nostdin", "-v", "error"}, args...), path)...).CombinedOutput()
	require.NoError(t, err, "ffmpeg, which make setup installs: %s", said)
	return path
}

func film(t *testing.T) string {
	t.Helper()
	return recorded(t, "film.mp4", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=10", "-f", "lavfi", "-i", "sine=440", "-t", "3", "-c:v", "libx264", "-c:a", "aac")
}

func TestAPictureIsMeasuredByItsHeader(t *testing.T) {
	t.Parallel()
	drawn := image.NewGray(image.Rect(0, 0, 37, 21))
	for mimeType, encode := range map[string]func(io.Writer) error{
		"image/png":  func(w io.Writer) error { return png.Encode(w, drawn) },
		"image/jpeg": func(w io.Writer) error { return jpeg.Encode(w, drawn, nil) },
		"image/gif":  func(w io.Writer) error { return gif.Encode(w, drawn, nil) },
		"image/bmp":  func(w io.Writer) error { return bmp.Encode(w, drawn) },
		"image/tiff": func(w io.Writer) error { return tiff.Encode(w, drawn, nil) },
	} {
		t.Run(mimeType, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			require.NoError(t, encode(&b))
			reading, err := read(t, probe.Reader{}, commands.Source{Path: stored(t, b.Bytes()), MIMEType: mimeType, Category: file.Image})
			require.NoError(t, err)
			require.Equal(t, 37, reading.Width)
			require.Equal(t, 21, reading.Height)
			require.Contains(t, reading.Engine, mimeType)
		})
	}
}

func TestAWebPIsMeasured(t *testing.T) {
	t.Parallel()
	path := recorded(t, "drawn.webp", "-f", "lavfi", "-i", "testsrc=size=64x48", "-frames:v", "1")
	reading, err := read(t, probe.Reader{}, commands.Source{Path: path, MIMEType: "image/webp", Category: file.Image})
	require.NoError(t, err)
	require.Equal(t, 64, reading.Width)
	require.Equal(t, 48, reading.Height)
}

// A picture of 20,000 by 20,000 would be 1.6 GB once decoded.
func TestAHugePictureCostsNothingToMeasure(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))))
	header := b.Bytes()[:33]
	binary.BigEndian.PutUint32(header[16:], 20_000)
	binary.BigEndian.PutUint32(header[20:], 20_000)
	binary.BigEndian.PutUint32(header[29:], crc32.ChecksumIEEE(header[12:29]))
	reading, err := read(t, probe.Reader{}, commands.Source{Path: stored(t, header), MIMEType: "image/png", Category: file.Image})
	require.NoError(t, err)
	require.Equal(t, 20_000, reading.Width)
}

func TestADamagedPictureIsBroken(t *testing.T) {
	t.Parallel()
	_, err := read(t, probe.Reader{}, commands.Source{Path: stored(t, []byte("\x89PNG\r\n\x1a\nnothing")), MIMEType: "image/png", Category: file.Image})
	require.Contains(t, broken(t, err), "not a picture")
}

func TestAPictureOfARareKindIsNotBroken(t *testing.T) {
	t.Parallel()
	for mimeType, content := range map[string]string{
		"image/svg+xml": "<svg/>",
		"image/heic":    "ftypheic",
		"image/jpeg":    "\xff\xd8\xff\xc9\x00\x11\x08\x00\x10\x00\x10\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01", // arithmetic coding
		"image/bmp":     "BM" + strings.Repeat("\x00", 12) + "\x40\x00\x00\x00" + strings.Repeat("\x01", 60),    // a header of 64 bytes
	} {
		t.Run(mimeType, func(t *testing.T) {
			t.Parallel()
			reading, err := read(t, probe.Reader{}, commands.Source{Path: stored(t, []byte(content)), MIMEType: mimeType, Category: file.Image})
			require.NoError(t, err)
			require.Zero(t, reading)
		})
	}
}

func TestAPictureThatIsNotThereIsNoFaultOfItsOwner(t *testing.T) {
	t.Parallel()
	_, err := read(t, probe.Reader{}, commands.Source{Path: filepath.Join(t.TempDir(), "gone"), MIMEType: "image/png", Category: file.Image})
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestWhatIsNeitherPictureNorRecordingHasNoNumbers(t *testing.T) {
	t.Parallel()
	reading, err := read(t, probe.Reader{}, commands.Source{Path: stored(t, []byte("a,b")), MIMEType: "text/csv", Category: file.Spreadsheet})
	require.NoError(t, err)
	require.Zero(t, reading)
}

func TestAFilmSaysWhatItIs(t *testing.T) {
	t.Parallel()
	path := film(t)
	began := time.Now()
	reading, err := read(t, probe.Reader{}, commands.Source{Path: path, MIMEType: "video/mp4", Category: file.Video})
	require.NoError(t, err)
	t.Logf("looked at in %s", time.Since(began))
	require.Regexp(t, `^ffprobe \d+\.\d+`, reading.Engine)
	require.InDelta(t, 3, reading.Seconds, 0.1)
	require.Equal(t, 320, reading.Width)
	require.Equal(t, 180, reading.Height)
	require.Equal(t, map[string]string{"container": "mov,mp4,m4a,3gp,3g2,mj2", "audio_codec": "aac", "sample_rate": "44100", "channels": "1", "video_codec": "h264"}, reading.Metadata)
}

func TestAPictureOnTheCoverIsNoVideo(t *testing.T) {
	t.Parallel()
	path := recorded(t, "song.mp3", "-f", "lavfi", "-i", "sine=440", "-f", "lavfi", "-i", "testsrc=size=64x64", "-t", "2", "-frames:v", "1", "-map", "0", "-map", "1", "-c:v", "mjpeg", "-disposition:v", "attached_pic")
	reading, err := read(t, probe.Reader{}, commands.Source{Path: path, MIMEType: "audio/mpeg", Category: file.Audio})
	require.NoError(t, err)
	require.Equal(t, "mp3", reading.Metadata["audio_codec"])
	require.NotContains(t, reading.Metadata, "video_codec")
	require.Zero(t, reading.Width)
}

// What a browser's MediaRecorder writes does not say how long it is.
func TestARecordingThatDoesNotSayHowLongItIsIsMeasured(t *testing.T) {
	t.Parallel()
	path := recorded(t, "live.webm", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10", "-f", "lavfi", "-i", "sine=440", "-t", "4", "-c:v", "libvpx", "-c:a", "libopus", "-live", "1", "-f", "webm")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	reading, err := read(t, probe.Reader{}, commands.Source{Path: stored(t, content), MIMEType: "video/webm", Category: file.Video})
	require.NoError(t, err)
	require.InDelta(t, 4, reading.Seconds, 0.2)
}

func TestAFilmThatIsCutOffIsBroken(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(film(t))
	require.NoError(t, err)
	end := bytes.LastIndex(content, []byte("moov"))
	_, err = read(t, probe.Reader{}, commands.Source{Path: stored(t, content[:end-50]), MIMEType: "video/mp4", Category: file.Video})
	require.Equal(t, "The recording is cut off: the part that says how to play it is missing.", broken(t, err))
}

func TestAWholeContainerWithNoiseInsideIsBroken(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(film(t))
	require.NoError(t, err)
	from, to := bytes.Index(content, []byte("mdat"))+4, bytes.LastIndex(content, []byte("moov"))-4
	_, _ = rand.Read(content[from:to])
	_, err = read(t, probe.Reader{}, commands.Source{Path: stored(t, content), MIMEType: "video/mp4", Category: file.Video})
	require.Contains(t, broken(t, err), "cannot be decoded")
}

func TestBytesThatAreNoRecordingAreBroken(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 20_000)
	_, _ = rand.Read(noise)
	for name, content := range map[string][]byte{"words": []byte("fake audio content"), "noise": noise, "a playlist": []byte("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfilm.mp4\n")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := read(t, probe.Reader{}, commands.Source{Path: stored(t, content), MIMEType: "audio/mpeg", Category: file.Audio})
			require.Contains(t, broken(t, err), "not a recording")
		})
	}
}

func TestARecordingWithNeitherSoundNorPictureIsBroken(t *testing.T) {
	t.Parallel()
	words := stored(t, []byte("1\n00:00:00,000 --> 00:00:01,000\nwords\n\n"))
	path := recorded(t, "subtitles.mkv", "-f", "srt", "-i", words)
	_, err := read(t, probe.Reader{}, commands.Source{Path: path, MIMEType: "video/x-matroska", Category: file.Video})
	require.Contains(t, broken(t, err), "empty")
}

func TestMissingProgramsAreNamed(t *testing.T) {
	t.Parallel()
	path := film(t)
	for _, r := range []probe.Reader{{FFprobe: "no-ffprobe"}, {FFmpeg: "no-ffmpeg"}} {
		_, err := read(t, r, commands.Source{Path: path, MIMEType: "video/mp4", Category: file.Video})
		var skipped *file.SkippedError
		require.ErrorAs(t, err, &skipped)
		require.Equal(t, "Looking into recordings needs "+r.FFprobe+r.FFmpeg+", which is not installed here.", skipped.Reason)
	}
}

// script is a program that stands in for ffprobe or ffmpeg.
func script(t *testing.T, lines string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	syscall.ForkLock.RLock() // a child born while the file is open would keep it from being run
	defer syscall.ForkLock.RUnlock()
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+lines), 0o700))
	return path
}

func TestAProgramThatIsKilledSaysNothingAboutTheFile(t *testing.T) {
	t.Parallel()
	path := film(t)
	killed := script(t, "kill -9 $$\n")
	for _, r := range []probe.Reader{{FFprobe: killed}, {FFmpeg: killed}} {
		_, err := read(t, r, commands.Source{Path: path, MIMEType: "video/mp4", Category: file.Video})
		require.ErrorAs(t, err, new(*child.ExitError))
	}
}

func TestAnAnswerThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	_, err := read(t, probe.Reader{FFprobe: script(t, "echo nothing\n")}, commands.Source{Path: stored(t, nil), Category: file.Audio})
	require.ErrorContains(t, err, "read ffprobe's answer")
}

// lengthless is an ffprobe whose recordings do not say how long they are.
const lengthless = `echo '{"streams":[{"codec_type":"audio","codec_name":"opus"}],"format":{"format_name":"webm"}}'` + "\n"

func TestADecoderThatAnswersNothingFoundNothing(t *testing.T) {
	t.Parallel()
	_, err := read(t, probe.Reader{FFprobe: script(t, lengthless), FFmpeg: script(t, "echo '#software: x'\n")}, commands.Source{Path: stored(t, nil), Category: file.Audio})
	require.Contains(t, broken(t, err), "cannot be decoded")
}

func TestARecordingThatEndsItsMeasureIsAnError(t *testing.T) {
	t.Parallel()
	once := script(t, `case "$*" in *framecrc*) echo 0, 0 ;; *) kill -9 $$ ;; esac`+"\n")
	_, err := read(t, probe.Reader{FFprobe: script(t, lengthless), FFmpeg: once}, commands.Source{Path: stored(t, nil), Category: file.Audio})
	require.ErrorAs(t, err, new(*child.ExitError))
}
