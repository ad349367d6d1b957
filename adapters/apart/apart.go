// Package apart reads uploads in processes of their own.
//
// # Why
//
// A decoder that is a part of this program takes its memory and, when it meets a file that was made to harm, its life. So
// decoding happens in a child, which is the same program: it gives way to whatever people wait for, may take so much memory
// and no more, holds no secret in its environment, and when it dies the upload is tried again. It costs 10 ms an upload.
//
// What the child is told comes through its standard input, because a file's name is somebody's words and everybody may see
// the arguments of a process.
package apart

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"ticketd/commands"
	"ticketd/domain/file"
	"ticketd/internal/child"
	"ticketd/internal/wordless"
)

// Reader makes a stage in a child. It implements commands.Reader.
type Reader struct {
	Stage   file.Stage
	Program []string // the program that runs Serve, and its first arguments; the stage follows
	Limits  child.Limits
}

var _ commands.Reader = Reader{}

// said is a line of the child's output: how far it is, or at last how it ended.
type said struct {
	Percent int           `json:"percent,omitempty"`
	Doing   string        `json:"doing,omitempty"`
	Ended   ending        `json:"ended,omitempty"`
	Reading *file.Reading `json:"reading,omitempty"`
	Reason  string        `json:"reason,omitempty"`
}

// ending is how a reading ended.
type ending string

const (
	read    ending = "read"
	skipped ending = "skipped"
	broken  ending = "broken"
	plain   ending = "plain" // worth another try; the reason may be told to whoever waits
	trouble ending = "trouble"
)

// Read implements commands.Reader. Errors: those that the child met, and those of package child when it did not come to say.
func (r Reader) Read(ctx context.Context, s commands.Source, progress commands.ReadProgress) (file.Reading, error) {
	out, in := io.Pipe()
	source, err := json.Marshal(s)
	if err != nil {
		return file.Reading{}, fmt.Errorf("tell the child what to read: %w", err)
	}
	ended := make(chan error, 1)
	go func() {
		err := child.Run(ctx, child.Command{
			Name: r.Program[0], Args: append(r.Program[1:len(r.Program):len(r.Program)], string(r.Stage)), Limits: r.Limits,
			Env:   []string{"GOMAXPROCS=1"}, // others are read beside it
			Stdin: bytes.NewReader(source), Stdout: in,
		})
		ended <- err
		_ = in.CloseWithError(io.EOF) // never fails
	}()
	last, err := listen(out, progress)
	_, _ = io.Copy(io.Discard, out) // what makes no sense must not hold the child up
	if died := <-ended; died != nil {
		return file.Reading{}, died
	}
	if err != nil {
		return file.Reading{}, err
	}
	return last.answer()
}

// errUnsaid reports a child that ended without saying how.
var errUnsaid = errors.New("the child did not say what it read")

// listen follows the child until it says how it ended.
func listen(out io.Reader, progress commands.ReadProgress) (said, error) {
	lines := json.NewDecoder(out)
	for {
		var line said
		switch err := lines.Decode(&line); {
		case errors.Is(err, io.EOF):
			return said{}, errUnsaid
		case err != nil:
			return said{}, fmt.Errorf("hear what the child says: %w", err)
		case line.Ended != "":
			return line, nil
		}
		progress(line.Percent, line.Doing)
	}
}

// answer is the last line as whoever asked for the stage knows it.
func (s said) answer() (file.Reading, error) {
	switch s.Ended {
	case read:
		if s.Reading != nil {
			return *s.Reading, nil
		}
	case skipped:
		return file.Reading{}, &file.SkippedError{Reason: s.Reason}
	case broken:
		return file.Reading{}, &file.BrokenError{Reason: s.Reason}
	case plain:
		return file.Reading{}, wordless.PlainError(s.Reason)
	case trouble:
		return file.Reading{}, errors.New(s.Reason)
	}
	return file.Reading{}, errUnsaid
}

// Limits are what the child of a stage may take: as long as the stage may, and address space for itself and for what it
// starts, which gets limits of its own below these.
func Limits(stage file.Stage) child.Limits {
	t := commands.StageLimit(stage) + 5*time.Second // the stage's own limit comes first, and says so better
	return child.Limits{Time: t, CPU: 2 * t, Memory: 16 << 30}
}
