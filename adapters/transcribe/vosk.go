package transcribe

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ticketd/domain/file"
	"ticketd/internal/child"
)

const (
	libraryName = "libvosk.so"
	modelName   = "model"
	// versionName is where scripts/speech writes which library it brought.
	versionName = "version"

	// roomy is address space for an engine: several times what it ever uses, for Go and C reserve much and fill little.
	roomy = 4 << 30
)

// Vosk hears on this machine, by a library and a model that scripts/speech brings. They are loaded by a process of their
// own, which takes about 170 MB and as much of one processor as a twentieth of the sound's length.
type Vosk struct {
	Dir      string        // holds the library and the model
	Language string        // of the model: "en"
	Hear     []string      // the program that runs the function Hear, and its first arguments
	Memory   int64         // bytes of address space for each process; by default 4 GiB
	Patience time.Duration // for each process, beside eight times the length of its sound; by default two minutes
}

// Name implements Provider.
func (Vosk) Name() string { return "Vosk" }

// Transcribe implements Provider.
func (v Vosk) Transcribe(ctx context.Context, wav string, heard func(seconds float64)) (file.Reading, error) {
	for _, name := range []string{libraryName, modelName} {
		if _, err := os.Stat(filepath.Join(v.Dir, name)); err != nil {
			return file.Reading{}, &file.SkippedError{Reason: "Vosk is not installed here."}
		}
	}
	bounds, err := limits(wav, cmp.Or(v.Patience, patience), cmp.Or(v.Memory, roomy))
	if err != nil {
		return file.Reading{}, err
	}
	var segments []file.Segment
	var unread error
	err = child.Run(ctx, child.Command{
		Name: v.Hear[0], Args: append(v.Hear[1:len(v.Hear):len(v.Hear)], v.Dir, wav), Limits: bounds,
		// Pieces are heard side by side, each by one processor, and each with address space for one.
		Env: []string{"OPENBLAS_NUM_THREADS=1", "GOMAXPROCS=1", "MALLOC_ARENA_MAX=1"},
		Stdout: &lines{line: func(line []byte) {
			var said progressed
			if err := json.Unmarshal(line, &said); err != nil {
				unread = errors.Join(unread, fmt.Errorf("read what Vosk said: %w", err))
				return
			}
			heard(said.Heard)
			if len(said.Words) > 0 {
				segments = append(segments, utterance(said.Words))
			}
		}},
	})
	if err = errors.Join(err, unread); err != nil {
		return file.Reading{}, err
	}
	return local(v.engine(), v.Language, segments), nil
}

// engine says what is installed, by its own words.
func (v Vosk) engine() string {
	version, _ := os.ReadFile(filepath.Join(v.Dir, versionName)) // whoever brought their own has none
	engine := strings.TrimSpace("libvosk " + string(bytes.TrimSpace(version)))
	about, _ := os.ReadFile(filepath.Join(v.Dir, modelName, "README"))
	if title, _, _ := bytes.Cut(bytes.TrimSpace(about), []byte("\n")); len(title) > 0 {
		engine += ", " + string(bytes.TrimSpace(title))
	}
	return engine
}
