package apart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"ticketd/commands"
	"ticketd/domain/file"
	"ticketd/internal/wordless"
)

// Serve is the main function of the child: it reads one upload, which stdin describes, and tells stdout how far it is and
// how it ended. An error is of the way it was called.
func Serve(ctx context.Context, readers map[file.Stage]commands.Reader, stage string, stdin io.Reader, stdout io.Writer) error {
	reader := readers[file.Stage(stage)]
	if reader == nil {
		return fmt.Errorf("nobody here makes the stage %q", stage)
	}
	var source commands.Source
	if err := json.NewDecoder(stdin).Decode(&source); err != nil {
		return fmt.Errorf("read what to read: %w", err)
	}
	var mu sync.Mutex
	lines := json.NewEncoder(stdout)
	tell := func(line said) error {
		mu.Lock()
		defer mu.Unlock()
		return lines.Encode(line)
	}
	reading, err := reader.Read(ctx, source, func(percent int, doing string) {
		_ = tell(said{Percent: percent, Doing: doing}) // whoever does not listen any more is told by the last line, or is gone
	})
	if err := tell(outcome(reading, err)); err != nil {
		return fmt.Errorf("tell what was read: %w", err)
	}
	return nil
}

// outcome is how a reading ended, as the last line tells it. What went wrong otherwise is named without its words, which may
// quote the file.
func outcome(reading file.Reading, err error) said {
	if err == nil {
		return said{Ended: read, Reading: &reading}
	}
	if e, ok := errors.AsType[*file.SkippedError](err); ok {
		return said{Ended: skipped, Reason: e.Reason}
	}
	if e, ok := errors.AsType[*file.BrokenError](err); ok {
		return said{Ended: broken, Reason: e.Reason}
	}
	if e, ok := errors.AsType[wordless.Plain](err); ok {
		return said{Ended: plain, Reason: e.Plain()}
	}
	return said{Ended: trouble, Reason: wordless.Of(err).Error()}
}
