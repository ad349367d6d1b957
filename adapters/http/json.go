package http

import (
	"errors"
	"io"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

var errBadCursor = errors.New("not a cursor")

// listBuffers are for answers that are long and look alike.
var listBuffers = sync.Pool{New: func() any { return new([]byte) }}

// jsonFormat writes answers as huma's own does, but for a TicketList, which knows how to write itself.
func jsonFormat() huma.Format {
	format := huma.DefaultJSONFormat
	format.Marshal = func(w io.Writer, value any) error {
		list, ok := value.(TicketList)
		if !ok {
			return huma.DefaultJSONFormat.Marshal(w, value)
		}
		buffer, _ := listBuffers.Get().(*[]byte)
		defer listBuffers.Put(buffer)
		text, err := list.appendJSON((*buffer)[:0])
		if err != nil {
			return err
		}
		*buffer = append(text, '\n')
		_, err = w.Write(*buffer)
		return err
	}
	return format
}
