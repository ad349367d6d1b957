package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ticketd/adapters/ocr"
)

// benchPicture measures how long the text of a screenshot takes. The limit is tesseract, run once on the picture as it is,
// with one thread: the program prepares the picture, looks again where it was not sure, and has one engine a core.
func (w *filesWorld) benchPicture(ctx context.Context, o options, _ filesSizes, out io.Writer) error {
	picture, err := consolePage()
	if err != nil {
		return err
	}
	path := filepath.Join(w.dir, "page.png")
	if err := os.WriteFile(path, picture, 0o600); err != nil {
		return err
	}
	reader := ocr.New(ocr.Options{})
	all, err := each(
		o.rounds,
		func() (time.Duration, error) { return tesseract(ctx, path, "OMP_THREAD_LIMIT=1") },
		func() (time.Duration, error) { return tesseract(ctx, path) },
		func() (time.Duration, error) {
			start := time.Now()
			reading, err := reader.ReadPicture(ctx, path)
			if err == nil && !strings.Contains(reading.Text, consoleTitle) {
				err = fmt.Errorf("the picture was not read: %q", reading.Text)
			}
			return time.Since(start), err
		},
		func() (time.Duration, error) { return w.readUpload(ctx, "page.png", picture, recognized) },
	)
	if err != nil {
		return err
	}
	results := newTable("what", "s:", "ratio:", "target:")
	for i, what := range []string{"limit: tesseract, one run, one thread", "tesseract, one run, as many threads as it likes", "adapters/ocr alone", "the whole program: upload to " + recognized} {
		results.add(what, seconds(all[i].p50()), ratio(all[i].ratio()), "")
	}
	results.write(out, "Text of a screenshot", "A page of 1280x800 pixels, drawn with Go's fonts.")
	return nil
}

// tesseract is how long a plain run on a picture takes.
func tesseract(ctx context.Context, path string, environment ...string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, "tesseract", path, "stdout")
	cmd.Env = append(os.Environ(), environment...)
	start := time.Now()
	if _, err := cmd.Output(); err != nil {
		return 0, fmt.Errorf("tesseract: %w", err)
	}
	return time.Since(start), nil
}

// readUpload is how long it takes from the first byte of an upload until a notice tells of its text, which must not be
// empty. It waits until nothing is left to be done with the upload.
func (w *filesWorld) readUpload(ctx context.Context, name string, content []byte, kind string) (time.Duration, error) {
	c, err := connect(ctx, w.real.address, w.member)
	if err != nil {
		return 0, err
	}
	defer c.close()
	start := time.Now()
	id, err := c.upload(name, content)
	if err != nil {
		return 0, err
	}
	notice, err := w.ear.await(ctx, kind, id)
	if err != nil {
		return 0, err
	}
	var text struct {
		Extracted     string `json:"extracted_text"`
		Transcription string `json:"transcription"`
	}
	if err := json.Unmarshal(notice.data, &text); err != nil {
		return 0, err
	}
	if text.Extracted+text.Transcription == "" {
		return 0, fmt.Errorf("%s has no text", name)
	}
	_, err = w.ear.completed(ctx, id)
	return notice.at.Sub(start), err
}
