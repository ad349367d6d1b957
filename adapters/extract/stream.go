package extract

import (
	"bufio"
	"context"
	"io"
	"os"

	"ticketd/commands"
)

// attentive ends a stream when its reader is called off: none of the parsers knows a context.
type attentive struct {
	ctx  context.Context //nolint:containedctx // lives as long as one reading
	from io.Reader
}

// Read implements io.Reader.
func (a attentive) Read(p []byte) (int, error) {
	if err := a.ctx.Err(); err != nil {
		return 0, err
	}
	return a.from.Read(p)
}

// opened opens an upload as a stream, which is done with when done was called.
func opened(ctx context.Context, s commands.Source) (in *bufio.Reader, done func(), err error) {
	f, err := os.Open(s.Path)
	if err != nil {
		return nil, nil, err
	}
	return bufio.NewReaderSize(attentive{ctx: ctx, from: f}, 64<<10), func() { _ = f.Close() }, nil
}
