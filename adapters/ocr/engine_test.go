package ocr_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/adapters/ocr"
	"ticketd/commands"
	"ticketd/domain/file"
	"ticketd/internal/child"
)

// script is a program that does what is written here, under the name of another.
func script(tb testing.TB, name, body string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	require.NoError(tb, os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700))
	return path
}

// engine is a tesseract that tells its version, and does what is written here with a picture.
func engine(tb testing.TB, body string) string {
	tb.Helper()
	return script(tb, "tesseract", `if [ "$1" = --version ]; then echo "tesseract 9.9.9"; exit 0; fi
cat > /dev/null
`+body)
}

func TestAMissingProgramIsNamed(t *testing.T) {
	t.Parallel()
	picture := commands.Source{Path: saved(t, notice(t).img), MIMEType: "image/png", Category: file.Image}
	recording := commands.Source{Path: picture.Path, Category: file.Video}
	here, gone := engine(t, ""), filepath.Join(t.TempDir(), "nowhere")
	probe := script(t, "ffprobe", `echo '{"streams":[{"width":64,"height":64}],"format":{"duration":"N/A"}}'`)
	for _, c := range []struct {
		reader *ocr.Reader
		source commands.Source
		name   string
	}{
		{ocr.New(ocr.Options{}).WithPrograms(gone+"/tesseract", "", ""), picture, "tesseract"},
		{ocr.New(ocr.Options{}).WithPrograms(gone+"/tesseract", "", ""), recording, "tesseract"},
		{ocr.New(ocr.Options{}).WithPrograms(here, gone+"/ffmpeg", gone+"/ffprobe"), recording, "ffprobe"},
		{ocr.New(ocr.Options{}).WithPrograms(here, gone+"/ffmpeg", probe), recording, "ffmpeg"},
	} {
		_, err := c.reader.Read(t.Context(), c.source, quiet)
		require.ErrorAs(t, err, new(*file.SkippedError))
		require.EqualError(t, err, "OCR needs "+c.name+", which is not installed here.")
	}
}

func TestAMissingLanguagePackIsNoFaultOfThePicture(t *testing.T) {
	t.Parallel()
	_, err := ocr.New(ocr.Options{Languages: []string{"tlh"}}).ReadPicture(t.Context(), saved(t, notice(t).img))
	require.ErrorAs(t, err, new(*file.SkippedError))
	require.EqualError(t, err, "OCR needs a language pack of tesseract that is not installed here.")
}

func TestAnEngineThatHangsIsStopped(t *testing.T) {
	t.Parallel()
	reader := ocr.New(ocr.Options{PassLimit: time.Second}).WithPrograms(engine(t, "sleep 600"), "", "")
	_, err := reader.ReadPicture(t.Context(), saved(t, notice(t).img))
	require.ErrorAs(t, err, new(*child.TimeoutError))
	require.NotErrorAs(t, err, new(*file.SkippedError))
}

func TestAnEngineThatCrashesTellsItsLastWords(t *testing.T) {
	t.Parallel()
	reader := ocr.New(ocr.Options{}).WithPrograms(engine(t, "echo segment violation >&2; exit 139"), "", "")
	_, err := reader.ReadPicture(t.Context(), saved(t, notice(t).img))
	require.ErrorAs(t, err, new(*child.ExitError))
	require.ErrorContains(t, err, "segment violation")
	require.NotErrorAs(t, err, new(*file.SkippedError))
	require.NotErrorAs(t, err, new(*file.BrokenError))

	_, err = ocr.New(ocr.Options{}).WithPrograms(script(t, "tesseract", ":"), "", "").ReadPicture(t.Context(), saved(t, notice(t).img))
	require.ErrorContains(t, err, "tells no version")
}

func TestEachPassMayFail(t *testing.T) {
	t.Parallel()
	// Nothing in the first pass asks for the orientation; the second pass has the other method.
	for _, body := range []string{
		`case "$*" in *"--psm 0"*) sleep 600;; esac`,
		`case "$*" in *"--psm 0"*) exit 1;; *thresholding_method=2*) sleep 600;; esac`,
		`if [ -e "$0.turned" ]; then sleep 600; fi; case "$*" in *"--psm 0"*) touch "$0.turned"; echo "Rotate: 90"; echo "Orientation confidence: 9";; esac`,
	} {
		_, err := ocr.New(ocr.Options{PassLimit: time.Second}).WithPrograms(engine(t, body), "", "").ReadPicture(t.Context(), saved(t, notice(t).img))
		require.ErrorAs(t, err, new(*child.TimeoutError), body)
	}
}

func TestWhatTheEngineSaysWithoutSenseIsLeftOut(t *testing.T) {
	t.Parallel()
	rows := []string{
		"level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext", "short\trow",
		"5\t1\t1\t1\t1\t1\t20\t20\t80\t30\t96.5\tSaid \"once\"", "5\t1\t1\t1\t1\t2\t110\t20\t80\t30\t-1\tnever", "5\t1\t1\t1\t1\t3\tx\t20\t80\t30\t90\tnowhere",
		"5\t1\t1\t1\t2\t1\t20\t90\t2\t30\t95\t|", "5\t1\t1\t1\t3\t1\t20\t140\t60\t30\t12\tguess",
	}
	table := kept(t, "table", []byte(strings.Join(rows, "\n")))
	body := `case "$*" in *"--psm 0"*) echo "Rotate: much"; echo "Orientation confidence: -";; *) cat ` + table + `;; esac`
	reading, err := ocr.New(ocr.Options{Languages: []string{"eng", "deu"}}).WithPrograms(engine(t, body), "", "").ReadPicture(t.Context(), saved(t, notice(t).img))
	require.NoError(t, err)
	require.Equal(t, `Said "once"`, reading.Text)
	require.InDelta(t, 0.965, *reading.Confidence, 0.0001)
	require.Equal(t, "tesseract 9.9.9", reading.Engine)
	require.Empty(t, reading.Language, "nobody knows which of the two it is")
}

func TestALanguageWithoutTwoLettersIsNotNamed(t *testing.T) {
	t.Parallel()
	reading, err := ocr.New(ocr.Options{Languages: []string{"chi_sim"}}).WithPrograms(engine(t, ""), "", "").ReadPicture(t.Context(), saved(t, notice(t).img))
	require.NoError(t, err)
	require.Empty(t, reading.Language)
}

func TestReadingEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	started := filepath.Join(t.TempDir(), "started")
	reader := ocr.New(ocr.Options{}).WithPrograms(engine(t, "touch "+started+"; sleep 600"), "", "")
	ended := make(chan error, 1)
	path := saved(t, notice(t).img)
	go func() {
		_, err := reader.ReadPicture(ctx, path)
		ended <- err
	}()
	require.Eventually(t, func() bool { _, err := os.Stat(started); return err == nil }, 20*time.Second, 10*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)

	_, err := reader.ReadPicture(ctx, path)
	require.True(t, errors.Is(err, context.Canceled))
}
